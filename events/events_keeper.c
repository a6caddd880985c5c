/* SPDX-License-Identifier: Apache-2.0 */
/* What a shard does besides delivering events. Each duty has a fiber of its own, so that none waits
 * for another, however much there is to do and however slowly a store or another process answers:
 *
 *     positions   commits the groups' positions, each second and every thousand events
 *     seconds     each second: replays, queues whose fiber could not be started, metrics; also
 *                 makes the readers look for commits of other processes, which don't wake them
 *     sweeping    removes what is old, in short jobs with pauses between, until nothing is left;
 *                 looks again each second
 *
 * A group's position and metrics are kept on the shard that reads its topic, its home. */
#include "base/clock.h"
#include "events/events_bus.h"
#include "observe/log.h"

enum {
    TICK_MS = 1000,
    US_PER_S = 1000000,
    /* Between two sweeping jobs on one store: long enough to leave most of the writer's time to
     * others, short enough to remove rows faster than a full load of orders adds them. */
    SWEEP_PAUSE_US = 10000,
};

/* ---- metrics ---- */

int64_t events_consumer_waiting(const struct events_consumer *consumer)
{
    int64_t waiting = consumer->reader.window.handed;

    for (int i = 0; i < consumer->events->shard_count; i++)
        waiting -= consumer->groups[i]->finished;
    return waiting;
}

static void measure_backlog(struct call *call, const struct events_consumer *consumer)
{
    const struct events_batch *oldest = consumer->reader.window.oldest;
    int64_t behind = events_reader_behind(call, &consumer->reader);
    int64_t age_us = oldest ? clock_now_us() - oldest->oldest_us : 0;

    metric_set(consumer->undelivered, (double)(events_consumer_waiting(consumer) + behind));
    metric_set(consumer->oldest, age_us > 0 ? (double)age_us / US_PER_S : 0);
}

static void measure_letters(struct call *call, const struct events_consumer *consumer)
{
    struct dead_letters *kept = consumer->subscription.store->letters;
    int64_t count;

    if (!failed(kept->count(call, kept, consumer->subscription.group, &count)))
        metric_set(consumer->letters, (double)count);
}

/* ---- replays ---- */

static const struct events_consumer *find_consumer(const struct events *events, const char *group,
                                                   const char *topic)
{
    for (const struct events_consumer *consumer = events->consumers; consumer;
         consumer = consumer->next)
        if (strcmp(consumer->subscription.group, group) == 0 &&
            strcmp(consumer->subscription.topic, topic) == 0)
            return consumer;
    return 0;
}

/* Settles a letter of a topic to which the group no longer subscribes. */
static void refuse(struct call *call, struct dead_letters *kept, int64_t letter_id)
{
    struct status st = kept->settle(
        call, kept, letter_id,
        status_make(STATUS_UNIMPLEMENTED, 0, "the group no longer subscribes to this topic"));

    if (failed(st) && !failed(call_check(call)))
        log_warn(call->trace, "events: a dead letter's replay cannot be recorded; retrying",
                 LOG_INT("letter", letter_id), LOG_STR("error", st.message ? st.message : ""));
}

/* The next round begins when the letters of the last one have been delivered. */
static void replay(struct call *call, struct events_hub *hub,
                   const struct events_consumer *consumer)
{
    struct dead_letters *kept = consumer->subscription.store->letters;
    struct events_window *window = &consumer->groups[hub->shard->index]->letters;
    const char *group = consumer->subscription.group;
    struct dead_letter *letters;
    size_t count = 0;

    if (window->oldest) return;
    struct events_batch *batch = events_window_take(window);
    struct call reading;
    call_init_child(&reading, call, 0);
    reading.arena = &batch->arena;
    struct status st = kept->marked(&reading, kept, group, EVENTS_LETTERS_MAX, &letters, &count);
    for (size_t i = 0; !failed(st) && i < count; i++) {
        const struct event *event = &letters[i].event;
        const struct events_consumer *taker = find_consumer(hub->events, group, event->topic);
        if (!events_hub_has(hub, event_partition(event->key))) continue;
        if (taker)
            events_batch_add(batch, taker->groups, event, letters[i].letter_id);
        else
            refuse(call, kept, letters[i].letter_id);
    }
    events_window_hand_out(window, batch, 0);
}

/* ---- positions ---- */

static void keep_positions(struct call *call, void *data)
{
    struct events_hub *hub = data;
    struct call waiting;

    for (;;) {
        call_init_child(&waiting, call, TICK_MS);
        struct status st = fiber_suspend(&waiting, &hub->keeper);
        if (failed(st) && failed(call_check(call))) return;
        hub->finished = 0;
        for (struct events_reader *reader = hub->readers; reader; reader = reader->next)
            events_reader_commit(call, reader);
        arena_reset(call->arena);
    }
}

/* ---- each second ---- */

static void tick(struct call *call, struct events_hub *hub)
{
    events_hub_wake(hub, ~UINT64_C(0));
    for (struct events_consumer *consumer = hub->events->consumers; consumer;
         consumer = consumer->next) {
        events_group_resume(consumer->groups[hub->shard->index]);
        if (consumer->counts_letters) replay(call, hub, consumer);
        if (consumer->home != hub->shard->index) continue;
        measure_backlog(call, consumer);
        if (consumer->counts_letters) measure_letters(call, consumer);
    }
}

static void count_seconds(struct call *call, void *data)
{
    while (!failed(fiber_sleep(call, TICK_MS * 1000))) {
        tick(call, data);
        arena_reset(call->arena);
    }
}

/* ---- sweeping ---- */

/* Sweeps a store until nothing old is left. Fails only when the shard stops. */
static struct status sweep(struct call *call, struct events_sweeper *sweeper, int64_t retention_us)
{
    bool more = true;

    while (more) {
        struct status st = sweeper->sweep(call, sweeper, clock_now_us() - retention_us, &more);
        if (failed(call_check(call))) return call_check(call);
        if (failed(st)) {
            log_warn(call->trace, "events: old rows cannot be removed; retrying",
                     LOG_STR("error", st.message ? st.message : ""));
            return status_ok();
        }
        arena_reset(call->arena);
        if (more) st = fiber_sleep(call, SWEEP_PAUSE_US);
        if (failed(st)) return st;
    }
    return status_ok();
}

/* Sweeps the stores of this shard; each store belongs to one shard. */
static void keep_sweeping(struct call *call, void *data)
{
    const struct events_hub *hub = data;
    const struct events *events = hub->events;

    call->patient = true;
    while (!failed(fiber_sleep(call, TICK_MS * 1000)))
        for (int i = hub->shard->index; i < events->sweeper_count; i += events->shard_count)
            if (failed(sweep(call, events->sweepers[i], events->retention_us))) return;
}

void events_keeper_start(struct events_hub *hub)
{
    static void (*const duties[])(struct call * call, void *data) = {keep_positions, count_seconds,
                                                                     keep_sweeping};

    for (size_t i = 0; i < sizeof(duties) / sizeof(duties[0]); i++) {
        struct status st = fiber_start(hub->shard, &hub->trace, duties[i], hub);
        invariant(!failed(st)); /* among the first fibers of the shard */
    }
}
