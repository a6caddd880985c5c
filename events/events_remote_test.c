/* SPDX-License-Identifier: Apache-2.0 */
/* Topics of another process, over real connections: EventService, and a second bus that knows only
 * the other's address. */
#include "events/events_bus_testing.h"

#include "cart.rpc.h"

/* ---- EventService ---- */

static struct status fetch(struct call *call, struct rpc_channel *channel, int64_t after,
                           int wait_ms, Events__FetchEventsResponse **ret_response)
{
    Events__FetchEventsRequest request = EVENTS__FETCH_EVENTS_REQUEST__INIT;

    request.topic = (char *)(uintptr_t) "order-results";
    request.group = (char *)(uintptr_t) "order";
    request.after = after;
    request.max_events = 10;
    request.wait_ms = wait_ms;
    return event_service_fetch_events(call, channel, &request, ret_response);
}

static struct status commit(struct call *call, struct rpc_channel *channel, int64_t offset)
{
    Events__CommitOffsetsRequest request = EVENTS__COMMIT_OFFSETS_REQUEST__INIT;
    Events__CommitOffsetsResponse *response;

    request.topic = (char *)(uintptr_t) "order-results";
    request.group = (char *)(uintptr_t) "order";
    request.offset = offset;
    return event_service_commit_offsets(call, channel, &request, &response);
}

static void serves(struct call *call, struct stage *stage)
{
    Events__FetchEventsResponse *response;
    Events__FetchEventsRequest other = EVENTS__FETCH_EVENTS_REQUEST__INIT;

    EXPECT_OK(fetch(call, stage->fleet, -1, 0, &response));
    EXPECT(response->n_events == 0 && response->after == 0);
    send_events(call, 1, 1, 15);
    EXPECT_OK(fetch(call, stage->fleet, 0, 0, &response));
    EXPECT(response->n_events == 10 && response->after == 10);
    EXPECT(response->events[9]->offset == 10 && strcmp(response->events[9]->key, "key-1") == 0);
    EXPECT(strcmp(response->events[0]->topic, "order-results") == 0);
    EXPECT(strcmp(response->events[0]->type, "ReservationExpiredEvent") == 0);
    EXPECT(response->events[0]->time && response->events[0]->traceparent[0]);

    EXPECT_OK(commit(call, stage->fleet, 12));
    EXPECT_OK(fetch(call, stage->fleet, -1, 0, &response));
    EXPECT(response->n_events == 3 && response->events[0]->offset == 13);

    other.topic = (char *)(uintptr_t) "payment-events";
    other.max_events = 1;
    EXPECT_REFUSED(event_service_fetch_events(call, stage->fleet, &other, &response), NOT_FOUND,
                   TOPIC_NOT_FOUND);
}

TEST(a_topic_is_fetched_from_where_its_producer_is)
{
    play(&(struct fixture){0}, NULL, serves);
}

static void refuses(struct call *call, struct stage *stage)
{
    Events__ListDeadLettersRequest list = EVENTS__LIST_DEAD_LETTERS_REQUEST__INIT;
    Events__ReplayDeadLettersRequest replay = EVENTS__REPLAY_DEAD_LETTERS_REQUEST__INIT;
    Events__ListDeadLettersResponse *letters;
    Events__ReplayDeadLettersResponse *replayed;
    Events__FetchEventsResponse *response;

    replay.group = (char *)(uintptr_t) "order";
    EXPECT_REFUSED(fetch(call, stage->outside, 0, 0, &response), PERMISSION_DENIED, INTERNAL_ONLY);
    EXPECT_REFUSED(commit(call, stage->outside, 1), PERMISSION_DENIED, INTERNAL_ONLY);
    EXPECT_REFUSED(event_service_list_dead_letters(call, stage->outside, &list, &letters),
                   PERMISSION_DENIED, INTERNAL_ONLY);
    EXPECT_REFUSED(event_service_replay_dead_letters(call, stage->outside, &replay, &replayed),
                   PERMISSION_DENIED, INTERNAL_ONLY);
}

TEST(strangers_see_no_events)
{
    play(&(struct fixture){.groups = 1, .handle = apply}, NULL, refuses);
}

struct fetcher {
    struct stage *stage;
    Events__FetchEventsResponse *response;
    struct status status;
    int64_t took_us;
};

static void fetch_waiting(struct call *call, void *data)
{
    struct fetcher *fetcher = data;
    int64_t begun_us = clock_monotonic_us();

    fetcher->status = fetch(call, fetcher->stage->fleet, 0, 20000, &fetcher->response);
    fetcher->took_us = clock_monotonic_us() - begun_us;
}

static void waits(struct call *call, struct stage *stage)
{
    struct fetcher fetcher = {.stage = stage};
    struct fiber_group group = {0};

    EXPECT_OK(fiber_group_start(call, &group, fetch_waiting, &fetcher));
    EXPECT_OK(fiber_sleep(call, 50000));
    EXPECT(group.running == 1);
    send_events(call, 1, 1, 1);
    fiber_group_wait(call, &group);
    EXPECT_OK(fetcher.status);
    EXPECT(fetcher.response->n_events == 1 && fetcher.took_us < 5000000);
}

TEST(a_fetch_waits_for_events)
{
    play(&(struct fixture){0}, NULL, waits);
}

static void drains(struct call *call, struct stage *stage)
{
    struct fetcher fetcher = {.stage = stage};
    struct fiber_group group = {0};

    EXPECT_OK(fiber_group_start(call, &group, fetch_waiting, &fetcher));
    EXPECT_OK(fiber_sleep(call, 20000));
    events_drain(stage_events);
    fiber_group_wait(call, &group);
    EXPECT_REFUSED(fetcher.status, UNAVAILABLE, DRAINING);
    EXPECT(fetcher.took_us < 5000000);
}

TEST(a_process_that_stops_ends_waiting_fetches)
{
    play(&(struct fixture){0}, NULL, drains);
}

/* ---- a log whose engine is away ---- */

static struct breaker_news engine;
static struct breaker breaker;
static atomic_bool away;
static _Atomic int reads_failed;
static struct events_log true_log;

/* As while a store's breaker is open. */
static struct status not_there(void)
{
    reads_failed++;
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE, "not there");
}

static struct status read_or_fail(struct call *call, struct events_log *log, const char *topic,
                                  int64_t after, size_t max, struct event **ret_events,
                                  size_t *ret_count, int64_t *ret_after)
{
    if (away) return not_there();
    return true_log.read(call, log, topic, after, max, ret_events, ret_count, ret_after);
}

static struct status load_or_fail(struct call *call, struct events_log *log, const char *topic,
                                  const char *group, int64_t *ret_offset)
{
    if (away) return not_there();
    return true_log.load_offset(call, log, topic, group, ret_offset);
}

/* Before anybody uses the log. */
static void let_log_fail(void)
{
    true_log = *fixture.store.log;
    reads_failed = 0;
    away = false;
    fixture.store.log->read = read_or_fail;
    fixture.store.log->load_offset = load_or_fail;
}

static void go_away(const struct call *call)
{
    away = true;
    breaker = (struct breaker){.news = &engine};
    for (int i = 0; i < BREAKER_FAILURES_MAX; i++)
        breaker_failed(&breaker, shard_now_us(call->shard), 0);
}

static void come_back(void)
{
    away = false;
    breaker_succeeded(&breaker, clock_monotonic_us());
}

static void fetch_position(struct call *call, void *data)
{
    struct fetcher *fetcher = data;

    fetcher->status = fetch(call, fetcher->stage->fleet, -1, 20000, &fetcher->response);
}

static void outlasts(struct call *call, struct stage *stage)
{
    struct fetcher events = {.stage = stage}, position = {.stage = stage};
    struct fiber_group group = {0};
    Events__FetchEventsResponse *response;

    send_events(call, 1, 1, 3);
    go_away(call);
    EXPECT_OK(fiber_group_start(call, &group, fetch_waiting, &events));
    EXPECT_OK(fiber_group_start(call, &group, fetch_position, &position));
    EVENTUALLY(call, reads_failed >= 4);
    EXPECT(group.running == 2);
    EXPECT_REFUSED(fetch(call, stage->fleet, 0, 0, &response), UNAVAILABLE, STORE_UNREACHABLE);
    EXPECT_REFUSED(fetch(call, stage->fleet, 0, 200, &response), UNAVAILABLE, STORE_UNREACHABLE);
    come_back();
    fiber_group_wait(call, &group);
    EXPECT_OK(events.status);
    EXPECT_OK(position.status);
    EXPECT(events.response && events.response->n_events == 3);
    EXPECT(position.response && position.response->n_events == 3);
}

TEST(a_fetch_waits_for_a_store_that_is_away)
{
    play(&(struct fixture){.engine = &engine, .opened = let_log_fail}, NULL, outlasts);
}

static void drains_while_away(struct call *call, struct stage *stage)
{
    go_away(call);
    drains(call, stage);
}

TEST(a_process_that_stops_ends_fetches_that_wait_for_a_store)
{
    play(&(struct fixture){.engine = &engine, .opened = let_log_fail}, NULL, drains_while_away);
}

static void answers_position(struct call *call, struct stage *stage)
{
    struct fetcher position = {.stage = stage};
    int64_t begun_us = clock_monotonic_us();

    fetch_position(call, &position);
    EXPECT_OK(position.status);
    EXPECT(position.response && position.response->after == 0);
    EXPECT(clock_monotonic_us() - begun_us < 10000000);
}

TEST(a_position_does_not_wait_for_events)
{
    play(&(struct fixture){0}, NULL, answers_position);
}

/* ---- a port of one service ---- */

static struct {
    struct rpc_endpoint endpoint;
    struct http_server *http;
    struct rpc_channel *channel;
} port;

static void open_port(struct stage *stage)
{
    port.endpoint = (struct rpc_endpoint){stage->server, "product_service.ProductService"};
    const struct http_server_options options = {
        .name = "port", .handler = rpc_endpoint_handle, .data = &port.endpoint};

    stage_start_events(stage);
    port.http = http_server_new(&options);
    stage_must(http_server_listen(port.http, &stage->arena, stage->shards, "127.0.0.1:0"));
    stage_must(rpc_channel_new(
        &stage->arena, stage->shards, stage->server,
        arena_printf(&stage->arena, "grpc://%s", http_server_address(port.http)), &port.channel));
}

static void close_port(struct stage *stage)
{
    rpc_channel_free(port.channel);
    http_server_free(port.http);
    stage_free_events(stage);
}

static void is_everywhere(struct call *call, struct stage *stage)
{
    CartService__GetCartRequest request = CART_SERVICE__GET_CART_REQUEST__INIT;
    CartService__CartStandardResponse *cart;
    Events__FetchEventsResponse *response;

    EXPECT_OK(fetch(call, port.channel, 0, 0, &response));
    EXPECT(cart_service_get_cart(call, port.channel, &request, &cart).code == STATUS_UNIMPLEMENTED);
    EXPECT_OK(cart_service_get_cart(call, stage->fleet, &request, &cart));
}

static struct status get_cart(struct call *call, const CartService__GetCartRequest *request,
                              CartService__CartStandardResponse *response)
{
    return status_ok();
}

TEST(the_port_of_one_service_serves_its_process_s_events_and_no_other_service)
{
    static const struct cart_service_handlers carts = {.get_cart = get_cart};
    const struct stage_plan plan = {.module = &module,
                                    .fakes = {{&cart_service_rpc, &carts, 0}},
                                    .more_settings = events_settings,
                                    .set_up = stage_make_events,
                                    .started = open_port,
                                    .tear_down = close_port};

    fixture = (struct fixture){0};
    stage_run(&plan, is_everywhere);
}

/* ---- a second process ---- */

/* A second bus, which produces nothing and fetches its topics from the first over the network. */
static struct other {
    struct service_context context;
    struct events *events;
    struct sqlite *db;
    struct events_store store;
    struct rpc_channel *channel; /* NULL: the stage's fleet */
} other;

static struct rpc_channel *other_channel(const struct service_context *context, const char *service)
{
    const struct stage *stage = context->app;

    EXPECT(strcmp(service, "product") == 0);
    return other.channel ? other.channel : stage->fleet;
}

static void start_other(struct stage *stage)
{
    static const struct rpc_server_options options;
    static int number = 1;

    stage_start_events(stage);
    other.context = stage->context;
    other.context.server = rpc_server_new(&options);
    other.context.channel = other_channel;
    stage_must(events_new(&other.context, &other.events));
    stage_must(sqlite_open(&stage->arena, stage->shards, ":memory:", schema, &other.db));
    other.store = events_store_sqlite(&stage->arena, other.db);
    events_subscribe(other.events, &(struct events_subscription){
                                       .group = "cart",
                                       .topic = "order-results",
                                       .producer = "product",
                                       .types = types,
                                       .handle = fixture.handle,
                                       .data = &number,
                                       .store = &other.store,
                                   });
    events_start(other.events);
}

static void free_other(struct stage *stage)
{
    events_free(other.events);
    rpc_server_free(other.context.server);
    sqlite_close(other.db);
    if (other.channel) rpc_channel_free(other.channel);
    other = (struct other){0};
    stage_free_events(stage);
}

static void play_two(struct status (*handle)(struct call *call, const struct event *event,
                                             void *data),
                     void (*fn)(struct call *call, struct stage *stage))
{
    const struct stage_plan plan = {.module = &module,
                                    .more_settings = events_settings,
                                    .set_up = stage_make_events,
                                    .started = start_other,
                                    .tear_down = free_other};

    memset(seen, 0, sizeof(seen));
    fixture = (struct fixture){
        .groups = 1, .handle = handle, .engine = &engine, .opened = let_log_fail};
    stage_run(&plan, fn);
}

enum { KEYS = 50, EACH = 40 };

static int64_t committed(struct call *call)
{
    int64_t offset = -1;

    EXPECT_OK(
        fixture.store.log->load_offset(call, fixture.store.log, "order-results", "cart", &offset));
    return offset;
}

static void reaches_other(struct call *call, struct stage *stage)
{
    for (int key = 0; key < KEYS; key++) send_events(call, key, 1, EACH);
    for (int i = 0; i < GROUPS; i++) {
        EVENTUALLY(call, seen[i].effects == KEYS * EACH);
        EXPECT(seen[i].disorder == 0);
    }
    EVENTUALLY(call, committed(call) == KEYS * EACH);
}

TEST(events_reach_another_process_once_and_in_order_and_it_commits_its_position)
{
    play_two(apply, reaches_other);
}

static _Atomic bool gate_open;

static struct status wait_or_apply(struct call *call, const struct event *event, void *data)
{
    while (*(int *)data == 1 && !gate_open) {
        struct status st = fiber_sleep(call, 1000);
        if (failed(st)) return st;
    }
    return apply(call, event, data);
}

static void goes_on(struct call *call, struct stage *stage)
{
    send_events(call, 1, 1, 1000);
    EVENTUALLY(call, seen[0].effects == 1000);
    EXPECT(seen[1].effects == 0);
    gate_open = true;
    EVENTUALLY(call, seen[1].effects == 1000);
    EXPECT(seen[1].disorder == 0);
}

TEST(a_slow_group_of_another_process_fetches_no_more_than_it_handles)
{
    gate_open = false;
    play_two(wait_or_apply, goes_on);
}

static void goes_on_at_once(struct call *call, struct stage *stage)
{
    send_events(call, 1, 1, 1);
    EVENTUALLY(call, seen[1].effects == 1);
    go_away(call);
    send_events(call, 1, 2, 1);
    /* The next pauses, of both processes' readers, are of 3.2 s. */
    EVENTUALLY(call, reads_failed >= 2 * 7);
    int64_t back_us = clock_monotonic_us();
    come_back();
    EVENTUALLY(call, seen[1].effects == 2);
    EXPECT(clock_monotonic_us() - back_us < 2000000);
}

/* The reader of the other process waited out its own pause, of up to ten seconds. */
TEST(a_reader_of_another_process_goes_on_as_soon_as_its_producers_engine_is_back)
{
    play_two(apply, goes_on_at_once);
}
