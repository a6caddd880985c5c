/* SPDX-License-Identifier: Apache-2.0 */
/* The bus itself: its settings, the topics offered and subscribed to, and the hubs, which a commit
 * with events wakes on every shard. */
#include "events/events.h"

#include "base/race_window.h"
#include "events/events_bus.h"
#include "events/idempotency.h"

const struct setting events_settings[] = {
    {"EVENTS_URL", SETTING_URL, "embedded:",
     "What carries events between services; `embedded:` is the services' own stores.", 0, 0},
    {"EVENTS_RETRIES", SETTING_INTEGER, "8",
     "How often an event whose handling failed is retried before it becomes a dead letter.", 0,
     1000},
    {"EVENTS_RETENTION", SETTING_DURATION, "7d",
     "How long events are kept after all services have handled them.", 60000, 31536000000},
    {"IDEMPOTENCY_KEYS_MAX", SETTING_INTEGER, "10000",
     "How many Idempotency-Keys of one caller each store keeps within a day (on MongoDB an "
     "account's document has room for 100); requests with more are refused.",
     1, 1000000000},
    {0},
};

enum {
    US_PER_MS = 1000,
    PAUSE_FIRST_MS = 50,
    PAUSE_MAX_MS = 10000,
    PAUSE_DOUBLINGS_MAX = 8,
};
#define RETENTION_DEFAULT_US (7 * 24 * 3600 * INT64_C(1000000)) /* as in the table above */

/* ---- making ---- */

static struct status check_url(const struct service_context *context)
{
    const char *url = config_text(context->config, "EVENTS_URL");

    if (strcmp(url, "embedded:") == 0) return status_ok();
    if (strncmp(url, "kafka:", 6) == 0)
        return status_printf(
            context->arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
            "EVENTS_URL=%s: Kafka is not supported yet; set it to `embedded:`", url);
    return status_printf(context->arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                         "EVENTS_URL=%s is not supported; set it to `embedded:`", url);
}

static void wake_all(struct events_hub *hub, struct events_waiter **waiters);

static void on_message(struct shard *shard, void *data)
{
    struct events_hub *hub = data;

    atomic_store(&hub->posted, false);
    race_window("commits not looked at");
    if (atomic_exchange(&hub->returned, false)) wake_all(hub, &hub->pausing);
    events_hub_wake(hub, atomic_exchange(&hub->appended, 0));
}

static void make_hubs(struct events *events)
{
    size_t size = sizeof(struct events_hub) * (size_t)events->shard_count;

    events->hubs = aligned_alloc(_Alignof(struct events_hub), size);
    invariant(events->hubs);
    memset(events->hubs, 0, size);
    for (int i = 0; i < events->shard_count; i++) {
        struct events_hub *hub = &events->hubs[i];
        hub->events = events;
        hub->shard = shards_at(events->shards, i);
        hub->message.fn = on_message;
        hub->message.data = hub;
    }
}

struct status events_new(const struct service_context *context, struct events **ret_events)
{
    struct events *events = arena_new(context->arena, struct events);

    struct status st = check_url(context);
    if (failed(st)) return st;
    events->context = context;
    events->shards = context->shards;
    events->shard_count = shards_count(context->shards);
    events->retries_max = (int)config_integer(context->config, "EVENTS_RETRIES");
    events->retention_us = config_duration_ms(context->config, "EVENTS_RETENTION") * US_PER_MS;
    events->bytes_max = EVENTS_BYTES_MAX;
    idempotency_limit_keys(config_integer(context->config, "IDEMPOTENCY_KEYS_MAX"));
    make_hubs(events);
    events_service_add(events);
    *ret_events = events;
    return status_ok();
}

static void release_consumer(struct events_consumer *consumer)
{
    events_window_release(&consumer->reader.window);
    for (int i = 0; consumer->groups && i < consumer->events->shard_count; i++)
        events_window_release(&consumer->groups[i]->letters);
}

static void release_hub(struct events_hub *hub)
{
    while (hub->spare) {
        struct events_batch *batch = hub->spare;
        hub->spare = batch->next;
        arena_release(&batch->arena);
        free(batch);
    }
}

int64_t events_retention_us(const struct events *events)
{
    return events ? events->retention_us : RETENTION_DEFAULT_US;
}

void events_free(struct events *events)
{
    if (!events) return;
    idempotency_limit_keys(0);
    for (struct events_consumer *consumer = events->consumers; consumer; consumer = consumer->next)
        release_consumer(consumer);
    for (int i = 0; i < events->shard_count; i++) release_hub(&events->hubs[i]);
    free(events->hubs);
}

/* ---- who is there ---- */

static void on_append(void *data);
static void on_return(void *data);

static void know_engine(struct events *events, struct breaker_news *engine)
{
    if (!engine) return;
    engine->on_return = on_return;
    engine->on_return_data = events;
}

static struct events_known_log *know_log(struct events *events, struct events_log *log)
{
    for (int i = 0; i < events->log_count; i++)
        if (events->logs[i].log == log) return &events->logs[i];
    invariant(events->log_count < EVENTS_LOGS_MAX);
    struct events_known_log *known = &events->logs[events->log_count];
    *known = (struct events_known_log){.events = events, .log = log, .number = events->log_count};
    events->log_count++;
    log->on_append(log, on_append, known);
    return known;
}

static void know_sweeper(struct events *events, struct events_sweeper *sweeper)
{
    if (!sweeper) return;
    for (int i = 0; i < events->sweeper_count; i++)
        if (events->sweepers[i] == sweeper) return;
    invariant(events->sweeper_count < EVENTS_SWEEPERS_MAX);
    events->sweepers[events->sweeper_count++] = sweeper;
}

const struct events_offer *events_find_offer(const struct events *events, const char *topic)
{
    for (const struct events_offer *offer = events->offers; offer; offer = offer->next)
        if (strcmp(offer->topic, topic) == 0) return offer;
    return 0;
}

static void post(struct events_hub *hub)
{
    if (!atomic_exchange(&hub->posted, true)) shard_post_message(hub->shard, &hub->message);
}

/* An engine answers one of the shards again. */
static void on_return(void *data)
{
    struct events *events = data;

    for (int i = 0; i < events->shard_count; i++) {
        atomic_store(&events->hubs[i].returned, true);
        race_window("return not posted");
        post(&events->hubs[i]);
    }
}

/* After a commit with events, on the writer's thread. Tells the shards that read this log, and those
 * with calls that wait for any. */
static void on_append(void *data)
{
    const struct events_known_log *known = data;
    const struct events *events = known->events;
    uint64_t log = UINT64_C(1) << known->number;

    for (int i = 0; i < events->shard_count; i++) {
        struct events_hub *hub = &events->hubs[i];
        if (!(hub->logs & log) && atomic_load(&hub->watchers) == 0) continue;
        atomic_fetch_or(&hub->appended, log);
        race_window("commit not posted");
        post(hub);
    }
}

void events_offer(struct events *events, const char *topic, const struct events_store *store)
{
    if (!events) return;
    invariant(store->log);
    invariant(!events_find_offer(events, topic));
    struct events_offer *offer = arena_new(events->context->arena, struct events_offer);
    offer->topic = topic;
    offer->known = know_log(events, store->log);
    offer->next = events->offers;
    events->offers = offer;
    know_sweeper(events, store->sweeper);
    know_engine(events, store->engine);
}

static struct metric handled = METRIC_COUNTER("argosy_events_handled_total",
                                              "Events that were delivered, by outcome.", "group",
                                              "topic", "outcome");
static struct metric retried = METRIC_COUNTER(
    "argosy_events_retries_total", "Deliveries of events that were retried.", "group", "topic");
static struct metric duration = METRIC_DURATION(
    "argosy_events_handler_seconds", "Duration of one handler of an event.", "group", "topic");
static struct metric undelivered = METRIC_GAUGE(
    "argosy_events_undelivered", "Events that the group has not handled yet.", "group", "topic");
static struct metric oldest = METRIC_GAUGE("argosy_events_oldest_undelivered_seconds",
                                           "Age of the oldest event that waits to be handled.",
                                           "group", "topic");
static struct metric letters = METRIC_GAUGE("argosy_events_dead_letters",
                                            "Dead letters that have not been replayed.", "group");

static void find_metrics(struct events_consumer *consumer)
{
    const char *group = consumer->subscription.group, *topic = consumer->subscription.topic;

    consumer->handled = metric_series(&handled, group, topic, "ok");
    consumer->failed = metric_series(&handled, group, topic, "failed");
    consumer->dead = metric_series(&handled, group, topic, "dead");
    consumer->retried = metric_series(&retried, group, topic);
    consumer->duration = metric_series(&duration, group, topic);
    consumer->undelivered = metric_series(&undelivered, group, topic);
    consumer->oldest = metric_series(&oldest, group, topic);
    consumer->letters = metric_series(&letters, group);
}

void events_subscribe(struct events *events, const struct events_subscription *subscription)
{
    struct events_consumer *consumer, **end;
    int count = 0;

    if (!events) return;
    invariant(subscription->store->letters);
    consumer = arena_new(events->context->arena, struct events_consumer);
    consumer->events = events;
    consumer->subscription = *subscription;
    consumer->counts_letters = true;
    for (end = &events->consumers; *end; end = &(*end)->next, count++)
        if (strcmp((*end)->subscription.group, subscription->group) == 0)
            consumer->counts_letters = false;
    consumer->home = count % events->shard_count;
    *end = consumer;
    know_sweeper(events, subscription->store->sweeper);
    know_engine(events, subscription->store->engine);
    find_metrics(consumer);
}

void events_set_fate(struct events *events, event_fate_fn *fate, void *data)
{
    events->fate = fate;
    events->fate_data = data;
}

/* ---- starting ---- */

static void find_source(const struct events *events, const struct events_subscription *subscription,
                        struct events_source *ret_source)
{
    const struct events_offer *offer = events_find_offer(events, subscription->topic);

    *ret_source = (struct events_source){
        .topic = subscription->topic,
        .producer = subscription->producer,
        .known = offer ? offer->known : 0,
    };
    if (!offer)
        ret_source->channel = events->context->channel(events->context, subscription->producer);
}

static void make_reader(struct events *events, struct events_consumer *consumer)
{
    struct events_hub *hub = &events->hubs[consumer->home];
    struct events_reader *reader = &consumer->reader;

    reader->consumer = consumer;
    reader->committed = -1;
    reader->window = (struct events_window){.hub = hub, .reader = &reader->wait, .read = -1};
    find_source(events, &consumer->subscription, &reader->source);
    if (reader->source.known) hub->logs |= UINT64_C(1) << reader->source.known->number;
    reader->next = hub->readers;
    hub->readers = reader;
}

static struct events_group *group_new(struct events_hub *hub, struct events_consumer *consumer)
{
    struct events_group *group = arena_new(hub->events->context->arena, struct events_group);

    group->consumer = consumer;
    group->hub = hub;
    group->letters.hub = hub;
    for (int i = 0; i < EVENT_PARTITIONS; i++) group->queues[i].group = group;
    return group;
}

static void start_hub(struct shard *shard, void *data)
{
    struct events_hub *hub = data;

    (void)shard;
    trace_start(&hub->trace);
    for (struct events_reader *reader = hub->readers; reader; reader = reader->next)
        events_reader_start(reader);
    events_keeper_start(hub);
}

void events_start(struct events *events)
{
    for (struct events_consumer *consumer = events->consumers; consumer;
         consumer = consumer->next) {
        consumer->groups = arena_array(events->context->arena, struct events_group *,
                                       (size_t)events->shard_count);
        for (int i = 0; i < events->shard_count; i++)
            consumer->groups[i] = group_new(&events->hubs[i], consumer);
        make_reader(events, consumer);
    }
    for (int i = 0; i < events->shard_count; i++)
        shard_post(events->hubs[i].shard, start_hub, &events->hubs[i]);
}

/* ---- hubs ---- */

static void unlink_waiter(struct events_waiter *waiter)
{
    if (!waiter->link) return;
    *waiter->link = waiter->next;
    if (waiter->next) waiter->next->link = waiter->link;
    waiter->link = 0;
}

static void link_waiter(struct events_waiter **waiters, struct events_waiter *waiter)
{
    waiter->next = *waiters;
    if (waiter->next) waiter->next->link = &waiter->next;
    *waiters = waiter;
    waiter->link = waiters;
}

/* A woken waiter may wait again at once; it then belongs to the next round. */
static void wake_all(struct events_hub *hub, struct events_waiter **waiters)
{
    struct events_waiter *round = *waiters;

    *waiters = 0;
    if (round) round->link = &round;
    while (round) {
        struct events_waiter *waiter = round;
        unlink_waiter(waiter);
        fiber_wake(hub->shard, &waiter->wait);
    }
}

void events_hub_wake(struct events_hub *hub, uint64_t logs)
{
    for (struct events_reader *reader = hub->readers; reader; reader = reader->next)
        if (reader->source.known && (logs >> reader->source.known->number & 1))
            events_reader_wake(reader);
    wake_all(hub, &hub->waiters);
}

static struct status wait_in(struct call *call, struct events_waiter **waiters, int64_t timeout_ms)
{
    struct events_waiter waiter = {0};
    struct call waiting;

    call_init_child(&waiting, call, timeout_ms);
    link_waiter(waiters, &waiter);
    struct status st = fiber_suspend(&waiting, &waiter.wait);
    unlink_waiter(&waiter);
    return st.code == STATUS_DEADLINE_EXCEEDED ? call_check(call) : st;
}

struct status events_hub_wait(struct call *call, struct events_hub *hub, int64_t timeout_ms)
{
    return wait_in(call, &hub->waiters, timeout_ms);
}

int64_t events_pause_ms(int failures)
{
    int doublings = failures - 1 < PAUSE_DOUBLINGS_MAX ? failures - 1 : PAUSE_DOUBLINGS_MAX;
    int64_t pause_ms = (int64_t)PAUSE_FIRST_MS << doublings;

    return pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS;
}

struct status events_hub_pause(struct call *call, struct events_hub *hub, int64_t pause_ms)
{
    return wait_in(call, &hub->pausing, pause_ms);
}

static void wake_drained(struct shard *shard, void *data)
{
    struct events_hub *hub = data;

    wake_all(hub, &hub->waiters);
    wake_all(hub, &hub->pausing);
}

void events_drain(struct events *events)
{
    atomic_store(&events->draining, true);
    for (int i = 0; i < events->shard_count; i++)
        shard_post(events->hubs[i].shard, wake_drained, &events->hubs[i]);
}
