/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of one partition for one group, and the fiber that works through it.
 *
 *     put --> queue --> handle --OK--------------------------> next event
 *                         |
 *                         +--failed--> pause, retry            EVENTS_RETRIES times
 *                                        |
 *                                        +--failed--> bury --> next event
 *
 * A replayed dead letter goes through the queue of its partition like an event, so that there is
 * still one delivery of its key at a time; it is tried once, and settled. */
#include "base/clock.h"
#include "events/events_bus.h"
#include "observe/log.h"

enum { HANDLE_TIMEOUT_MS = 30000 };

/* ---- one event ---- */

/* Calls the handler on a call of its own, in the event's trace. */
static struct status call_handler(struct call *call, const struct events_consumer *consumer,
                                  const struct event *event)
{
    const struct events_subscription *subscription = &consumer->subscription;
    int64_t begun_us = clock_monotonic_us();
    struct trace trace;
    struct call handling;

    call_init_child(&handling, call, HANDLE_TIMEOUT_MS);
    trace_continue(str_of(event->traceparent), STR(""), &trace);
    handling.trace = &trace;
    handling.patient = true;
    rpc_scope_new(&handling, 0, 0, 0);
    struct status st = subscription->handle(&handling, event, subscription->data);
    metric_observe_us(consumer->duration, clock_monotonic_us() - begun_us);
    return st;
}

/* One attempt to deliver, with the faults that a simulation asks for. */
static struct status attempt(struct call *call, const struct events_consumer *consumer,
                             const struct event *event, const struct events *events, bool *ret_lost)
{
    struct event_fate fate = {0};
    struct status st;

    *ret_lost = false;
    if (events->fate) fate = events->fate(event, consumer->subscription.group, events->fate_data);
    if (fate.delay_us > 0) {
        st = fiber_sleep(call, fate.delay_us);
        if (failed(st)) return st;
    }
    if (fate.lost) {
        *ret_lost = true;
        return status_make(STATUS_UNAVAILABLE, 0, "the simulation lost this delivery");
    }
    st = call_handler(call, consumer, event);
    if (!failed(st) && fate.doubled) st = call_handler(call, consumer, event);
    return st;
}

static void log_failure(const struct call *call, const struct events_consumer *consumer,
                        const struct event *event, struct status st, const char *what)
{
    log_warn(call->trace, what, LOG_STR("group", consumer->subscription.group),
             LOG_STR("topic", event->topic), LOG_STR("type", event->type),
             LOG_STR("key", event->key), LOG_STR("event", event->id),
             LOG_INT("attempt", event->attempt), LOG_STR("code", status_code_name(st.code)),
             LOG_STR("error", st.message ? st.message : ""));
}

/* The fault is the store's and will pass: it can't write at present, so it could not store a dead
 * letter either; or its answer was lost, and the inbox decides whether the event has taken
 * effect. */
static bool is_transient(struct status st)
{
    switch (st.reason) {
    case ARGOSY__REASON__STORE_BUSY:
    case ARGOSY__REASON__STORE_FULL:
    case ARGOSY__REASON__QUEUE_FULL:
    case ARGOSY__REASON__STORE_UNREACHABLE:
    case ARGOSY__REASON__STORE_REFUSED:
    case ARGOSY__REASON__STORE_OUTCOME_UNKNOWN: return true;
    default: return false;
    }
}

/* Tries until the event is handled or has failed `attempts_max` times; *ret_outcome says which.
 * Fails only when the shard stops. */
static struct status try_event(struct call *call, const struct events_consumer *consumer,
                               struct event *event, int attempts_max, struct status *ret_outcome)
{
    const struct events *events = consumer->events;
    struct events_hub *hub = events_hub_of(events, call);
    int pauses = 0, failures = 0;
    struct status st;
    bool lost;

    for (;;) {
        st = attempt(call, consumer, event, events, &lost);
        if (!failed(st)) break;
        if (failed(call_check(call))) return call_check(call);
        if (!lost && !is_transient(st) && ++failures >= attempts_max) break;
        if (!lost) {
            metric_add(consumer->failed, 1);
            log_failure(call, consumer, event, st, "events: an event was not handled; retrying");
            event->attempt++;
        }
        arena_reset(call->arena);
        st = events_hub_pause(call, hub, events_pause_ms(++pauses));
        if (failed(st)) return st;
        metric_add(consumer->retried, 1);
    }
    *ret_outcome = st;
    return status_ok();
}

/* Stores a dead letter, or the result of a replay; retries until the store takes it. */
static struct status record(struct call *call, const struct events_consumer *consumer,
                            const struct event *event, int64_t letter_id, struct status outcome)
{
    struct dead_letters *letters = consumer->subscription.store->letters;
    const char *group = consumer->subscription.group;
    struct status st;

    for (int failures = 1;; failures++) {
        st = letter_id ? letters->settle(call, letters, letter_id, outcome)
                       : letters->bury(call, letters, group, event, outcome);
        if (!failed(st) || failed(call_check(call))) return st;
        log_failure(call, consumer, event, st, "events: a dead letter cannot be stored; retrying");
        st = events_hub_pause(call, events_hub_of(consumer->events, call),
                              events_pause_ms(failures));
        if (failed(st)) return st;
    }
}

static struct status deliver(struct call *call, const struct events_group *group,
                             const struct events_delivery *delivery)
{
    const struct events_consumer *consumer = group->consumer;
    int attempts_max = delivery->letter_id ? 1 : group->hub->events->retries_max + 1;
    struct event event = *delivery->event;
    struct status st, outcome;

    st = try_event(call, consumer, &event, attempts_max, &outcome);
    if (failed(st)) return st;
    if (failed(outcome))
        log_failure(call, consumer, &event, outcome, "events: an event became a dead letter");
    if (failed(outcome) || delivery->letter_id)
        st = record(call, consumer, &event, delivery->letter_id, outcome);
    if (!failed(st)) metric_add(failed(outcome) ? consumer->dead : consumer->handled, 1);
    return st;
}

/* ---- the queue ---- */

/* The counts have one writer, so adding needs no locked instruction. */
static void add(_Atomic int64_t *count, int amount)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + amount,
                          memory_order_relaxed);
}

static void pop(struct events_queue *queue)
{
    struct events_delivery *delivery = queue->first;
    struct events_group *group = queue->group;

    queue->first = delivery->next;
    if (!queue->first) queue->last = 0;
    if (queue->count-- > EVENTS_QUEUE_MAX) add(&group->excess, -1);
    if (!delivery->letter_id) add(&group->finished, 1);
    events_delivery_finish(group->hub, delivery);
}

/* Ends when the queue is empty, or when the shard stops: then the events that are left will be
 * delivered after the next start. */
static void work(struct call *call, void *data)
{
    struct events_queue *queue = data;

    while (queue->first && !failed(deliver(call, queue->group, queue->first))) {
        pop(queue);
        arena_reset(call->arena);
    }
    queue->working = false;
}

static void start_working(struct events_queue *queue)
{
    const struct events_hub *hub = queue->group->hub;

    if (queue->working || !queue->first || shard_is_stopping(hub->shard)) return;
    queue->working = true;
    struct status st = fiber_start(hub->shard, &hub->trace, work, queue);
    if (failed(st)) queue->working = false; /* too many fibers: the keeper tries again */
}

void events_group_put(struct events_delivery *delivery)
{
    struct events_queue *queue = &delivery->group->queues[event_partition(delivery->event->key)];

    if (queue->last)
        queue->last->next = delivery;
    else
        queue->first = delivery;
    queue->last = delivery;
    if (++queue->count > EVENTS_QUEUE_MAX) add(&queue->group->excess, 1);
    start_working(queue);
}

void events_group_resume(struct events_group *group)
{
    for (int i = 0; i < EVENT_PARTITIONS; i++) start_working(&group->queues[i]);
}
