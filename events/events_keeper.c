/* SPDX-License-Identifier: Apache-2.0 */
/* What a shard does besides delivering events. Each duty has a fiber of its own, so that none waits
 * for another, however much there is to do and however slowly a store or another process answers:
 *
 *     positions   commits the groups' positions, each second and every thousand events
 *     seconds     each second: replays, queues whose fiber could not be started, metrics; also
 *                 makes the feeds look for commits of other processes, which don't wake them
 *     sweeping    removes what is old, in short jobs with pauses between, until nothing is left;
 *                 looks again each second
 *
 * A group's position is the lowest of all shards. Each shard publishes its own; the keeper of the
 * group's home commits the lowest. */
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

/* ---- positions ---- */

/* The lowest position of all shards; -1 while one of them has not opened the topic. */
static int64_t lowest_done(const struct events_consumer *consumer)
{
    int64_t lowest = INT64_MAX;

    for (int i = 0; i < consumer->events->shard_count; i++) {
        int64_t done = consumer->groups[i]->done;
        if (done < lowest) lowest = done;
    }
    return lowest;
}

/* Commits a group's position. The first commit, even of 0, makes the group known to sweeping. */
static void commit(struct call *call, struct events_consumer *consumer)
{
    int64_t done = lowest_done(consumer);

    if (done < 0 || done <= consumer->committed) return;
    struct status st = events_source_commit(call, &consumer->source, consumer->subscription.group,
                                            done);
    if (!failed(st)) {
        consumer->committed = done;
        return;
    }
    if (failed(call_check(call))) return;
    log_debug(call->trace, "events: a group's position could not be committed; retrying",
              LOG_STR("group", consumer->subscription.group),
              LOG_STR("topic", consumer->source.topic),
              LOG_STR("error", st.message ? st.message : ""));
}

/* ---- metrics ---- */

static void measure_backlog(struct call *call, const struct events_consumer *consumer)
{
    struct events_log *log = consumer->source.known ? consumer->source.known->log : 0;
    int64_t waiting = 0, oldest_us = 0, read = INT64_MAX, last = 0;

    for (int i = 0; i < consumer->events->shard_count; i++) {
        const struct events_group *group = consumer->groups[i];
        int64_t group_read = group->read, group_oldest_us = group->oldest_us;
        waiting += group->waiting;
        if (group_read < read) read = group_read;
        if (group_oldest_us && (!oldest_us || group_oldest_us < oldest_us))
            oldest_us = group_oldest_us;
    }
    if (log && !failed(log->last_offset(call, log, consumer->source.topic, &last)) && last > read &&
        read >= 0)
        waiting += last - read;
    int64_t age_us = oldest_us ? clock_now_us() - oldest_us : 0;
    metric_set(consumer->undelivered, (double)waiting);
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

/* Are letters of the last round still in this shard's queues? */
static bool letters_wait(const struct events_hub *hub, const char *group)
{
    for (const struct events_consumer *consumer = hub->events->consumers; consumer;
         consumer = consumer->next)
        if (strcmp(consumer->subscription.group, group) == 0 &&
            consumer->groups[hub->shard->index]->letters > 0)
            return true;
    return false;
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

static void replay(struct call *call, struct events_hub *hub,
                   const struct events_consumer *consumer)
{
    struct dead_letters *kept = consumer->subscription.store->letters;
    const char *group = consumer->subscription.group;
    struct dead_letter *letters;
    size_t count = 0;

    if (letters_wait(hub, group)) return;
    struct events_batch *batch = events_batch_take(hub);
    struct call reading;
    call_init_child(&reading, call, 0);
    reading.arena = &batch->arena;
    struct status st = kept->marked(&reading, kept, group, EVENTS_LETTERS_MAX, &letters, &count);
    for (size_t i = 0; !failed(st) && i < count; i++) {
        int partition = event_partition(letters[i].event.key);
        const struct events_consumer *taker = find_consumer(hub->events, group,
                                                            letters[i].event.topic);
        if (!events_hub_has(hub, partition)) continue;
        if (!taker)
            refuse(call, kept, letters[i].letter_id);
        else /* there is room, as the queues have no other letters */
            events_group_put(taker->groups[hub->shard->index], partition, batch, &letters[i].event,
                             letters[i].letter_id);
    }
    events_batch_drop(hub, batch);
}

/* ---- positions, as they come ---- */

static void publish(const struct events_hub *hub)
{
    for (struct events_consumer *consumer = hub->events->consumers; consumer;
         consumer = consumer->next)
        events_group_publish(consumer->groups[hub->shard->index]);
}

static void keep_positions(struct call *call, void *data)
{
    struct events_hub *hub = data;
    struct call waiting;

    for (;;) {
        call_init_child(&waiting, call, TICK_MS);
        struct status st = fiber_suspend(&waiting, &hub->keeper);
        if (failed(st) && failed(call_check(call))) return;
        hub->handled = 0;
        publish(hub);
        for (struct events_consumer *consumer = hub->events->consumers; consumer;
             consumer = consumer->next)
            if (consumer->home == hub->shard->index) commit(call, consumer);
        arena_reset(call->arena);
    }
}

/* ---- each second ---- */

static void tick(struct call *call, struct events_hub *hub)
{
    publish(hub);
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
