/* SPDX-License-Identifier: Apache-2.0 */
/* The states of an order through the loopback: by events, by requests and by timeouts; and watching
 * an order. */
#include "events.pb-c.h"
#include "rpc/store_time_testing.h"
#include "services/order/order_message.h"
#include "services/order/order_testing.h"
#include "services/order/postgres/order_store_postgres.h"
#include "store/postgres/postgres_testing.h"

static void (*played)(struct call *call, struct stage *stage);

static void play_and_drop(struct call *call, struct stage *stage)
{
    const struct order_service *service = stage->service;

    played(call, stage);
    EXPECT_OK(postgres_testing_drop(call, order_postgres(service->store)->db));
}

/* On SQLite, and on PostgreSQL in a schema of its own. */
static void play_on_engines(void (*play)(struct call *call, struct stage *stage))
{
    const char *url = test_engine("ARGOSY_TEST_POSTGRES");
    char setting[512];

    order_play(play);
    test_skipped = false; /* it has run on SQLite */
    if (!url) return;
    snprintf(setting, sizeof(setting), "ORDER_STORE=%s?schema=test_%016llx", url,
             (unsigned long long)random_below(UINT64_MAX));
    played = play;
    order_play_with(setting, play_and_drop);
}

static void pass(struct call *call, int64_t seconds)
{
    stage_pass_at_rest_s(call, "order", seconds);
}

/* ---- what the others tell ---- */

static struct status tell_stock(struct call *call, struct stage *stage, const char *order_id,
                                bool valid)
{
    Events__OrderValidationResultEvent event = EVENTS__ORDER_VALIDATION_RESULT_EVENT__INIT;
    Events__RefusedItem item = EVENTS__REFUSED_ITEM__INIT, *items[] = {&item};

    event.order_id = TEXT(order_id);
    event.is_valid = valid;
    if (!valid) {
        event.reason = TEXT("STOCK_INSUFFICIENT");
        item.product_id = TEXT("mug");
        item.quantity = 7;
        item.available = 3;
        event.refused = items;
        event.n_refused = 1;
    }
    return tell(call, stage, order_id, &event.base);
}

static struct status tell_paid(struct call *call, struct stage *stage, const char *order_id)
{
    Events__PaymentAuthorizedEvent event = EVENTS__PAYMENT_AUTHORIZED_EVENT__INIT;

    event.order_id = TEXT(order_id);
    event.payment_id = TEXT("p1");
    return tell(call, stage, order_id, &event.base);
}

static struct status tell_committed(struct call *call, struct stage *stage, const char *order_id)
{
    Events__StockCommittedEvent event = EVENTS__STOCK_COMMITTED_EVENT__INIT;

    event.order_id = TEXT(order_id);
    return tell(call, stage, order_id, &event.base);
}

static struct status tell_captured(struct call *call, struct stage *stage, const char *order_id)
{
    Events__PaymentCapturedEvent event = EVENTS__PAYMENT_CAPTURED_EVENT__INIT;

    event.order_id = TEXT(order_id);
    event.payment_id = TEXT("p1");
    event.captured_minor = 1250;
    return tell(call, stage, order_id, &event.base);
}

static struct status tell_refunded(struct call *call, struct stage *stage, const char *order_id,
                                   bool complete)
{
    Events__PaymentRefundedEvent event = EVENTS__PAYMENT_REFUNDED_EVENT__INIT;

    event.order_id = TEXT(order_id);
    event.payment_id = TEXT("p1");
    event.complete = complete;
    return tell(call, stage, order_id, &event.base);
}

static void goes_well(struct call *call, struct stage *stage)
{
    as(call, "ann", "customer");
    const char *order_id = create_one(call, stage);
    EXPECT_OK(tell_stock(call, stage, order_id, true));
    EXPECT(is_in(call, stage, order_id, "VALIDATED") && get(call, stage, order_id)->expires_at);
    EXPECT_OK(tell_paid(call, stage, order_id));
    const OrderService__Order *order = get(call, stage, order_id);
    EXPECT(strcmp(order->status, "CONFIRMED") == 0 && !order->expires_at);
    EXPECT(strcmp(order->payment_id, "p1") == 0);
    as(call, "sam", "seller");
    EXPECT_REFUSED(fulfil(call, stage, order_id), FAILED_PRECONDITION, ORDER_STOCK_PENDING);
    EXPECT_OK(tell_committed(call, stage, order_id));
    EXPECT(strcmp(get(call, stage, order_id)->fulfilment, "ready") == 0);
    EXPECT_OK(fulfil(call, stage, order_id));
    EXPECT(is_in(call, stage, order_id, "CONFIRMED"));
    EXPECT(strcmp(get(call, stage, order_id)->fulfilment, "requested") == 0);
    EXPECT_OK(fulfil(call, stage, order_id)); /* it is still asked for */
    EXPECT_OK(tell_captured(call, stage, order_id));
    EXPECT(is_in(call, stage, order_id, "FULFILLED"));
    EXPECT_REFUSED(fulfil(call, stage, order_id), FAILED_PRECONDITION, ORDER_STATE);
    as(call, "ann", "customer");
    EXPECT_REFUSED(cancel(call, stage, order_id, 0), FAILED_PRECONDITION, ORDER_STATE);
    EXPECT(strcmp(get(call, stage, order_id)->tracking_number, "T1") == 0);
    EXPECT_OK(tell_refunded(call, stage, order_id, false));
    EXPECT(is_in(call, stage, order_id, "FULFILLED"));
    EXPECT_OK(tell_refunded(call, stage, order_id, true));
    order = get(call, stage, order_id);
    EXPECT(strcmp(order->status, "REFUNDED") == 0 && order->n_history == 6);
    EXPECT(strcmp(order->history[1]->event, "OrderValidationResult") == 0);
    EXPECT(strcmp(order->history[5]->from, "FULFILLED") == 0);
}

TEST(an_order_goes_from_its_stock_to_its_payment_to_its_delivery)
{
    play_on_engines(goes_well);
}

static void goes_badly(struct call *call, struct stage *stage)
{
    Events__PaymentFailedEvent failure = EVENTS__PAYMENT_FAILED_EVENT__INIT;
    Events__ReservationExpiredEvent expired = EVENTS__RESERVATION_EXPIRED_EVENT__INIT;
    Events__PaymentRequiresActionEvent action = EVENTS__PAYMENT_REQUIRES_ACTION_EVENT__INIT;

    as(call, "ann", "customer");
    const char *order_id = create_one(call, stage);
    EXPECT_OK(tell_stock(call, stage, order_id, false));
    const OrderService__Order *order = get(call, stage, order_id);
    EXPECT(strcmp(order->status, "REJECTED") == 0);
    EXPECT(strcmp(order->reason, "STOCK_INSUFFICIENT") == 0);
    EXPECT(strstr(order->message, "mug") && strstr(order->message, "7 wanted, 3 available"));
    EXPECT_OK(tell_stock(call, stage, order_id, true));
    EXPECT_OK(tell_paid(call, stage, order_id));
    EXPECT(is_in(call, stage, order_id, "REJECTED"));

    order_id = create_one(call, stage);
    EXPECT_OK(tell_paid(call, stage, order_id)); /* too early: changes nothing */
    EXPECT(is_in(call, stage, order_id, "PENDING"));
    EXPECT_OK(tell_stock(call, stage, order_id, true));
    action.payment_id = TEXT("p7");
    EXPECT_OK(tell(call, stage, order_id, &action.base));
    failure.payment_id = TEXT("p7");
    failure.reason = TEXT("PAYMENT_DECLINED");
    failure.message = TEXT("no money");
    EXPECT_OK(tell(call, stage, order_id, &failure.base));
    order = get(call, stage, order_id);
    EXPECT(strcmp(order->status, "VALIDATED") == 0 && strcmp(order->message, "no money") == 0);
    EXPECT(strcmp(order->reason, "PAYMENT_DECLINED") == 0 && order->expires_at);
    EXPECT_OK(tell_paid(call, stage, order_id));
    order = get(call, stage, order_id);
    EXPECT(strcmp(order->status, "CONFIRMED") == 0 && !order->message[0]);

    order_id = create_one(call, stage);
    EXPECT_OK(tell_stock(call, stage, order_id, true));
    EXPECT_OK(tell_paid(call, stage, order_id));
    EXPECT_OK(tell(call, stage, order_id, &expired.base));
    order = get(call, stage, order_id);
    EXPECT(strcmp(order->status, "CANCELLED") == 0);
    EXPECT(strcmp(order->reason, "RESERVATION_EXPIRED") == 0);
}

TEST(an_order_ends_without_stock_or_payment_and_says_why)
{
    play_on_engines(goes_badly);
}

static void takes_odd_events(struct call *call, struct stage *stage)
{
    Events__PaymentCapturedEvent captured = EVENTS__PAYMENT_CAPTURED_EVENT__INIT;
    struct event event;

    as(call, "ann", "customer");
    const char *order_id = create_one(call, stage);
    EXPECT_OK(tell(call, stage, order_id, &captured.base)); /* no business of ours */
    EXPECT_REFUSED(tell_stock(call, stage, "nothing", true), NOT_FOUND, ORDER_NOT_FOUND);
    event_make(call, "order-results", order_id, &captured.base, &event);
    event.type = "OrderValidationResultEvent";
    event.payload = STR("\xff\xff");
    EXPECT_REFUSED(order_take_event(call, &event, stage->service), INVALID_ARGUMENT,
                   MALFORMED_MESSAGE);
    EXPECT(is_in(call, stage, order_id, "PENDING"));
}

TEST(an_event_that_cannot_be_applied_is_an_error)
{
    play_on_engines(takes_odd_events);
}

/* ---- random histories, through the store ---- */

static void loses_its_payment(struct call *call, struct stage *stage)
{
    Events__PaymentVoidedEvent event = EVENTS__PAYMENT_VOIDED_EVENT__INIT;

    as(call, "ann", "customer");
    const char *order_id = create_one(call, stage), *validated = create_one(call, stage);
    EXPECT_OK(tell_stock(call, stage, order_id, true));
    EXPECT_OK(tell_stock(call, stage, validated, true));
    EXPECT_OK(tell_paid(call, stage, order_id));
    event.payment_id = TEXT("p1");
    event.reason = TEXT("PAYMENT_EXPIRED");
    event.message = TEXT("the authorization has ended");
    EXPECT_OK(tell(call, stage, order_id, &event.base));
    EXPECT_OK(tell(call, stage, validated, &event.base));
    const OrderService__Order *order = get(call, stage, order_id);
    EXPECT(strcmp(order->status, "CANCELLED") == 0);
    EXPECT(strcmp(order->reason, "PAYMENT_EXPIRED") == 0);
    EXPECT(strcmp(order->message, "the authorization has ended") == 0);
    EXPECT(is_in(call, stage, validated, "VALIDATED")); /* it hears of a failure besides */
    as(call, "sam", "seller");
    EXPECT_REFUSED(fulfil(call, stage, order_id), FAILED_PRECONDITION, ORDER_STATE);
}

TEST(an_order_whose_authorization_is_gone_is_not_delivered)
{
    play_on_engines(loses_its_payment);
}

enum { ORDERS = 12, EVENTS_TOLD = 400 };

static const ProtobufCMessage *some_message(int number)
{
    static Events__OrderValidationResultEvent stock = EVENTS__ORDER_VALIDATION_RESULT_EVENT__INIT;
    static Events__ReservationExpiredEvent expired = EVENTS__RESERVATION_EXPIRED_EVENT__INIT;
    static Events__PaymentAuthorizedEvent paid = EVENTS__PAYMENT_AUTHORIZED_EVENT__INIT;
    static Events__PaymentFailedEvent declined = EVENTS__PAYMENT_FAILED_EVENT__INIT;
    static Events__PaymentRefundedEvent refunded = EVENTS__PAYMENT_REFUNDED_EVENT__INIT;
    static Events__PaymentCapturedEvent captured = EVENTS__PAYMENT_CAPTURED_EVENT__INIT;
    static Events__StockCommittedEvent committed = EVENTS__STOCK_COMMITTED_EVENT__INIT;

    stock.is_valid = refunded.complete = true;
    switch (number) {
    case 0: return &expired.base;
    case 1: return &declined.base;
    case 2: return &refunded.base;
    case 3:
    case 4: return &paid.base;
    case 5: return &captured.base;
    case 6: return &committed.base;
    default: return &stock.base;
    }
}

/* Each transition begins where the one before ended, and none leaves a final state. */
static void check_history(struct call *call, struct stage *stage, const char *order_id)
{
    const OrderService__Order *order = get(call, stage, order_id);
    const char *before = "";

    for (size_t i = 0; i < order->n_history; i++) {
        const OrderService__Transition *made = order->history[i];
        EXPECT(strcmp(made->from, before) == 0);
        EXPECT(order_leads(order_state_by_name(made->from), order_state_by_name(made->to)) ||
               strcmp(made->event, "FulfilOrder") == 0);
        before = made->to;
    }
    EXPECT(strcmp(before, order->status) == 0);
}

static void tells_at_random(struct call *call, struct stage *stage)
{
    const char *order_ids[ORDERS];
    struct event event;
    unsigned seed = 7;

    as(call, "root", "admin");
    for (int i = 0; i < ORDERS; i++) order_ids[i] = create_one(call, stage);
    for (int i = 0; i < EVENTS_TOLD; i++) {
        seed = seed * 1103515245 + 12345;
        const char *order_id = order_ids[(seed >> 8) % ORDERS];
        int what = (int)((seed >> 16) % 10);
        if (what == 8) {
            struct status st = cancel(call, stage, order_id, 0);
            EXPECT(!failed(st) || st.reason == ARGOSY__REASON__ORDER_STATE);
        } else if (what == 9) {
            struct status st = fulfil(call, stage, order_id);
            EXPECT(!failed(st) || st.reason == ARGOSY__REASON__ORDER_STATE ||
                   st.reason == ARGOSY__REASON__ORDER_STOCK_PENDING);
        } else {
            event_make(call, "a topic", order_id, some_message(what), &event);
            EXPECT_OK(order_take_event(call, &event, stage->service));
            size_t steps = get(call, stage, order_id)->n_history;
            EXPECT_OK(order_take_event(call, &event, stage->service)); /* doubled */
            EXPECT(get(call, stage, order_id)->n_history == steps);
        }
    }
    for (int i = 0; i < ORDERS; i++) check_history(call, stage, order_ids[i]);
}

TEST(after_random_events_the_history_follows_the_table)
{
    play_on_engines(tells_at_random);
}

/* ---- time ---- */

enum { PATIENCE_US = 20000, PATIENCE_TIMES = 500 };

/* Waits in real time for the sweep. */
static bool becomes(struct call *call, struct stage *stage, const char *order_id,
                    const char *status)
{
    for (int i = 0; i < PATIENCE_TIMES; i++) {
        if (is_in(call, stage, order_id, status)) return true;
        EXPECT_OK(fiber_sleep(call, PATIENCE_US));
    }
    return false;
}

static void times_out(struct call *call, struct stage *stage)
{
    as(call, "ann", "customer");
    const char *pending = create_one(call, stage), *unpaid = create_one(call, stage);
    const char *paid = create_one(call, stage), *begun = create_one(call, stage);
    Events__PaymentRequiresActionEvent action = EVENTS__PAYMENT_REQUIRES_ACTION_EVENT__INIT;

    EXPECT_OK(tell_stock(call, stage, begun, true));
    action.order_id = TEXT(begun);
    action.payment_id = TEXT("p9");
    EXPECT_OK(tell(call, stage, begun, &action.base));
    EXPECT_OK(tell_stock(call, stage, unpaid, true));
    EXPECT_OK(tell_stock(call, stage, paid, true));
    EXPECT_OK(tell_paid(call, stage, paid));
    pass(call, 5 * 60 - 30);
    EXPECT_OK(fiber_sleep(call, 3 * PATIENCE_US));
    EXPECT(is_in(call, stage, pending, "PENDING"));
    pass(call, 31);
    EXPECT(becomes(call, stage, pending, "CANCELLED"));
    EXPECT(strcmp(get(call, stage, pending)->reason, "ORDER_TIMED_OUT") == 0);
    EXPECT(strcmp(get(call, stage, pending)->history[1]->event, "Timeout") == 0);
    EXPECT(becomes(call, stage, unpaid, "CANCELLED")); /* it has no payment method */
    EXPECT(is_in(call, stage, begun, "VALIDATED"));
    pass(call, 10 * 60);
    EXPECT(becomes(call, stage, begun, "CANCELLED"));
    EXPECT(strcmp(get(call, stage, begun)->message, "it was not paid in time") == 0);
    EXPECT(becomes(call, stage, unpaid, "CANCELLED"));
    EXPECT_OK(tell_paid(call, stage, unpaid)); /* too late */
    EXPECT(is_in(call, stage, unpaid, "CANCELLED"));
    pass(call, 3600);
    EXPECT_OK(fiber_sleep(call, 3 * PATIENCE_US));
    EXPECT(is_in(call, stage, paid, "CONFIRMED"));
}

TEST(orders_that_wait_too_long_end)
{
    play_on_engines(times_out);
}

/* ---- waiting for the stock ---- */

enum { PATIENT_MS = 60000, ROUNDS = 6 };

struct delivery {
    struct stage *stage;
    const char *order_id;
    struct status end;
};

static void deliver(struct call *call, void *data)
{
    struct delivery *delivery = data;

    as(call, "sam", "seller");
    delivery->end = fulfil(call, delivery->stage, delivery->order_id);
}

static const char *create_paid(struct call *call, struct stage *stage)
{
    as(call, "ann", "customer");
    const char *order_id = create_one(call, stage);

    EXPECT_OK(tell_stock(call, stage, order_id, true));
    EXPECT_OK(tell_paid(call, stage, order_id));
    return order_id;
}

static bool is_requested(struct call *call, struct stage *stage, const char *order_id)
{
    for (int i = 0; i < PATIENCE_TIMES; i++) {
        if (strcmp(get(call, stage, order_id)->fulfilment, "requested") == 0) return true;
        EXPECT_OK(fiber_sleep(call, PATIENCE_US));
    }
    return false;
}

static void fulfils_at_once(struct call *call, struct stage *stage)
{
    struct order_service *service = stage->service;
    struct delivery delivery = {.stage = stage, .order_id = create_paid(call, stage)};
    struct fiber_group group = {0};

    service->answer_within_ms = PATIENT_MS;
    EXPECT_OK(fiber_group_start(call, &group, deliver, &delivery));
    EXPECT_OK(fiber_sleep(call, PATIENCE_US));
    EXPECT_OK(tell_committed(call, stage, delivery.order_id));
    EXPECT(is_requested(call, stage, delivery.order_id));
    EXPECT_OK(tell_captured(call, stage, delivery.order_id));
    fiber_group_wait(call, &group);
    EXPECT_OK(delivery.end);
    EXPECT(is_in(call, stage, delivery.order_id, "FULFILLED"));
}

TEST(a_seller_who_fulfils_before_the_stock_is_committed_need_not_repeat_it)
{
    order_play(fulfils_at_once);
}

/* More of them than there is room for watchers at the same time. */
static void ends_while_waiting(struct call *call, struct stage *stage)
{
    struct order_service *service = stage->service;
    struct delivery delivery = {.stage = stage, .order_id = create_paid(call, stage)};

    service->answer_within_ms = PATIENT_MS;
    for (int i = 0; i < ROUNDS; i++) {
        struct fiber_group group = {0};
        EXPECT_OK(fiber_group_start(call, &group, deliver, &delivery));
        EXPECT_OK(fiber_sleep(call, PATIENCE_US));
        fiber_group_cancel(&group);
        fiber_group_wait(call, &group);
        EXPECT(failed(delivery.end));
    }
    EXPECT_OK(tell_committed(call, stage, delivery.order_id));
    EXPECT(strcmp(get(call, stage, delivery.order_id)->fulfilment, "ready") == 0);
}

TEST(a_call_that_ends_while_it_waits_for_the_stock_requests_nothing)
{
    order_play(ends_while_waiting);
}

/* ---- watching ---- */

struct spectator {
    struct stage *stage;
    const char *order_id;
    char seen[256];
    struct status end;
};

static void watch(struct call *call, void *data)
{
    OrderService__WatchOrderRequest request = ORDER_SERVICE__WATCH_ORDER_REQUEST__INIT;
    struct spectator *spectator = data;
    struct rpc_stream *stream;

    as(call, "ann", "customer");
    request.order_id = TEXT(spectator->order_id);
    spectator->end = order_service_watch_order_open(call, spectator->stage->inside, &request, 0,
                                                    &stream);
    if (failed(spectator->end)) return;
    for (;;) {
        OrderService__StandardResponse *response = 0;
        spectator->end = order_service_watch_order_receive(call, stream, &response);
        if (failed(spectator->end) || !response) break;
        size_t length = strlen(spectator->seen);
        snprintf(spectator->seen + length, sizeof(spectator->seen) - length, "%s%s",
                 length ? " " : "", response->order->status);
    }
    struct status final = rpc_stream_finish(call, stream);
    if (!failed(spectator->end)) spectator->end = final;
}

static bool sees(struct call *call, const struct spectator *spectator, const char *wanted)
{
    for (int i = 0; i < PATIENCE_TIMES; i++) {
        if (strcmp(spectator->seen, wanted) == 0) return true;
        EXPECT_OK(fiber_sleep(call, PATIENCE_US));
    }
    printf("  seen: %s\n", spectator->seen);
    return false;
}

static void watches(struct call *call, struct stage *stage)
{
    struct spectator spectator = {.stage = stage};
    struct fiber_group group = {0};

    as(call, "ann", "customer");
    spectator.order_id = create_one(call, stage);
    EXPECT_OK(fiber_group_start(call, &group, watch, &spectator));
    EXPECT(sees(call, &spectator, "PENDING"));
    EXPECT_OK(tell_stock(call, stage, spectator.order_id, true));
    EXPECT(sees(call, &spectator, "PENDING VALIDATED"));
    EXPECT_OK(tell_paid(call, stage, spectator.order_id));
    EXPECT(sees(call, &spectator, "PENDING VALIDATED CONFIRMED"));
    EXPECT_OK(cancel(call, stage, spectator.order_id, 0));
    fiber_group_wait(call, &group);
    EXPECT_OK(spectator.end);
    EXPECT(strcmp(spectator.seen, "PENDING VALIDATED CONFIRMED CANCELLED") == 0);

    /* One that is final already is sent once. */
    spectator.seen[0] = '\0';
    watch(call, &spectator);
    EXPECT_OK(spectator.end);
    EXPECT(strcmp(spectator.seen, "CANCELLED") == 0);
}

TEST(a_watcher_sees_each_state_until_the_last)
{
    play_on_engines(watches);
}

static void watches_from_elsewhere(struct call *call, struct stage *stage)
{
    struct order_service *service = stage->service;
    struct order_step step = {.event = ORDER_CREATE, .cause = "another process"};
    struct spectator spectator = {.stage = stage};
    struct fiber_group group = {0};
    struct order_written written;
    struct order_turn turn;
    struct order order;

    /* Written to the store directly, so that no watcher is woken. */
    order_init(call->arena, "ann@example.com", clock_now_us(), &order);
    step.now_us = order.created_us;
    EXPECT_OK(order_apply(call->arena, &order, &step, &service->policy, &turn));
    const struct order_creation creation = {.order = &order, .turn = &turn};
    as(call, "ann", "customer");
    spectator.order_id = order.order_id;
    watch(call, &spectator);
    EXPECT_REFUSED(spectator.end, NOT_FOUND, ORDER_NOT_FOUND);

    EXPECT_OK(service->store->create(call, service->store, &creation, &written));
    EXPECT_OK(fiber_group_start(call, &group, watch, &spectator));
    EXPECT(sees(call, &spectator, "PENDING"));
    pass(call, 5 * 60); /* the sweep ends it */
    fiber_group_wait(call, &group);
    EXPECT_OK(spectator.end);
    EXPECT(strcmp(spectator.seen, "PENDING CANCELLED") == 0);
}

TEST(a_watcher_sees_what_another_process_has_made)
{
    play_on_engines(watches_from_elsewhere);
}

enum { WATCHERS = 4 };

static void bounds_watchers(struct call *call, struct stage *stage)
{
    struct spectator spectators[WATCHERS];
    struct fiber_group group = {0};
    int refused = 0;

    as(call, "ann", "customer");
    const char *order_id = create_one(call, stage);
    for (int i = 0; i < WATCHERS; i++) {
        spectators[i] = (struct spectator){.stage = stage, .order_id = order_id};
        EXPECT_OK(fiber_group_start(call, &group, watch, &spectators[i]));
    }
    EXPECT(sees(call, &spectators[0], "PENDING")); /* two of them are on each shard */
    EXPECT_OK(fiber_sleep(call, PATIENCE_US));
    fiber_group_cancel(&group);
    fiber_group_wait(call, &group);
    for (int i = 0; i < WATCHERS; i++)
        if (spectators[i].end.code == STATUS_RESOURCE_EXHAUSTED)
            refused++;
        else
            EXPECT(spectators[i].end.code == STATUS_CANCELLED);
    EXPECT(refused == 2);

    /* Those who have gone have made room. */
    EXPECT_OK(cancel(call, stage, order_id, 0));
    watch(call, &spectators[0]);
    EXPECT_OK(spectators[0].end);
}

TEST(watchers_are_bounded_and_end_with_their_call)
{
    play_on_engines(bounds_watchers);
}

static void shares_the_room(struct call *call, struct stage *stage)
{
    struct order_watchers *watchers = order_watchers_new(call->arena, call->shard->shards, 1000);
    struct order_watcher all[ORDER_WATCHERS_OF_CALLER_MAX + 2];
    int count = 0;

    while (count < ORDER_WATCHERS_OF_CALLER_MAX)
        EXPECT_OK(order_watch_begin(call, watchers, "o1", "ann@example.com", &all[count++]));
    EXPECT_REFUSED(order_watch_begin(call, watchers, "o2", "Ann@Example.com", &all[count]),
                   RESOURCE_EXHAUSTED, QUEUE_FULL);
    EXPECT_OK(order_watch_begin(call, watchers, "o1", "bob@example.com", &all[count++]));
    order_watch_end(watchers, &all[0]);
    EXPECT_OK(order_watch_begin(call, watchers, "o2", "ann@example.com", &all[0]));
    for (int i = 0; i < count; i++) order_watch_end(watchers, &all[i]);
}

TEST(no_caller_takes_all_the_room_for_watchers)
{
    play_on_engines(shares_the_room);
}

static void ends_at_draining(struct call *call, struct stage *stage)
{
    struct spectator spectator = {.stage = stage};
    struct fiber_group group = {0};

    as(call, "ann", "customer");
    spectator.order_id = create_one(call, stage);
    EXPECT_OK(fiber_group_start(call, &group, watch, &spectator));
    EXPECT(sees(call, &spectator, "PENDING"));
    rpc_server_set_serving(stage->server, "", false);
    fiber_group_wait(call, &group);
    EXPECT_REFUSED(spectator.end, UNAVAILABLE, DRAINING);
}

TEST(a_watcher_does_not_delay_draining)
{
    play_on_engines(ends_at_draining);
}
