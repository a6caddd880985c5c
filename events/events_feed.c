/* SPDX-License-Identifier: Apache-2.0 */
/* A feed reads a topic on one shard, once for all groups there.
 *
 *     open: load the position of each group
 *     again and again:
 *         find the lowest position among the groups that take more
 *         read some events from there
 *         put them into the queues of the groups that have not had them
 *         wait if the log has ended, or if no group takes more
 *
 * A group whose queue is full takes no more until half of it is handled. The others go on without
 * it, and a later read fetches what it missed. */
#include "base/clock.h"
#include "events/events_bus.h"
#include "observe/log.h"

enum {
    /* How long a fetch from another process waits for events; less if a group is behind and may
       become free to take more meanwhile. */
    FETCH_WAIT_MS = 10000,
    FETCH_WAIT_BEHIND_MS = 100,
    /* Reads in a row before the fiber yields. */
    READS_IN_A_ROW = 4,
};

/* ---- batches ---- */

enum { SPARE_MAX = 16 };

struct events_batch *events_batch_take(struct events_hub *hub)
{
    struct events_batch *batch = hub->spare;

    if (batch) {
        hub->spare = batch->next;
        hub->spare_count--;
    } else {
        batch = calloc(1, sizeof(*batch));
        invariant(batch);
        arena_init(&batch->arena, 0);
    }
    batch->uses = 1;
    return batch;
}

void events_batch_drop(struct events_hub *hub, struct events_batch *batch)
{
    if (--batch->uses > 0) return;
    if (hub->spare_count >= SPARE_MAX) {
        arena_release(&batch->arena);
        free(batch);
        return;
    }
    arena_reset(&batch->arena);
    batch->next = hub->spare;
    hub->spare = batch;
    hub->spare_count++;
}

/* ---- distributing ---- */

static bool wants(const struct events_group *group, const struct event *event)
{
    const char *const *types = group->consumer->subscription.types;

    while (*types && strcmp(*types, event->type) != 0) types++;
    return *types;
}

/* Selects the groups that take more and have had everything up to `after`. A group that became free
 * while the log was read may be further back, and is left out. */
static void choose_groups(struct events_feed *feed, int64_t after)
{
    for (struct events_group *group = feed->groups; group; group = group->next)
        group->taking = !group->full && group->read >= after;
}

static void put(struct events_feed *feed, struct events_batch *batch, const struct event *event)
{
    int partition = event_partition(event->key);

    if (!events_hub_has(feed->hub, partition)) return;
    for (struct events_group *group = feed->groups; group; group = group->next) {
        if (!group->taking || event->offset <= group->read || !wants(group, event)) continue;
        if (events_group_put(group, partition, batch, event, 0)) continue;
        group->taking = false;
        group->full = &group->queues[partition];
        group->read = event->offset - 1;
    }
}

static void distribute(struct events_feed *feed, struct events_batch *batch,
                       const struct event *events, size_t count, int64_t read)
{
    for (size_t i = 0; i < count; i++) put(feed, batch, &events[i]);
    for (struct events_group *group = feed->groups; group; group = group->next)
        if (group->taking && group->read < read) group->read = read;
}

/* ---- reading ---- */

/* Finds the position to read from; false if no group takes more. */
static bool find_place(const struct events_feed *feed, int64_t *ret_after, bool *ret_behind)
{
    bool found = false;

    *ret_behind = false;
    for (const struct events_group *group = feed->groups; group; group = group->next) {
        int64_t read = group->read;
        if (group->full) {
            *ret_behind = true;
        } else if (!found || read < *ret_after) {
            *ret_after = read;
            found = true;
        }
    }
    return found;
}

static bool has_ended(const struct event *events, size_t count, int64_t after, int64_t read)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++) size += events[i].payload.length;
    return count < EVENTS_READ_MAX && size < EVENTS_READ_SIZE &&
           read == (count > 0 ? events[count - 1].offset : after);
}

static struct status read_some(struct call *call, struct events_feed *feed, int64_t after,
                               int64_t wait_ms)
{
    struct events_batch *batch = events_batch_take(feed->hub);
    struct call reading;
    struct event *events;
    size_t count;
    int64_t read;

    call_init_child(&reading, call, 0);
    reading.arena = &batch->arena;
    feed->dirty = false; /* before the read, which may miss what is appended from here on */
    struct status st = events_source_read(&reading, feed->source, after, wait_ms, &events, &count,
                                          &read);
    if (failed(st)) {
        feed->dirty = true; /* there may be unread events without another commit to wake the feed */
        st = status_dup(call->arena, st);
    } else {
        choose_groups(feed, after);
        distribute(feed, batch, events, count, read);
        if (!has_ended(events, count, after, read)) feed->dirty = true;
    }
    events_batch_drop(feed->hub, batch);
    return st;
}

void events_feed_wake(struct events_feed *feed)
{
    feed->dirty = true;
    fiber_wake(feed->hub->shard, &feed->wait);
}

/* One step: reads, or waits until there is something to read or a group takes more. */
static struct status step(struct call *call, struct events_feed *feed)
{
    bool remote = !feed->source->known, behind;
    int64_t after = 0;

    if (!find_place(feed, &after, &behind)) return fiber_suspend(call, &feed->wait);
    if (!remote && !feed->dirty) return fiber_suspend(call, &feed->wait);
    return read_some(call, feed, after, behind ? FETCH_WAIT_BEHIND_MS : FETCH_WAIT_MS);
}

/* Pauses after a failure, and logs the first one in a row. The pause counts from the beginning of the
 * attempt: a fetch that has waited for its producer's engine is repeated at once, because only a
 * waiting fetch learns that the engine is back. */
static struct status pause_after(struct call *call, struct events_feed *feed, struct status st,
                                 int64_t begun_us)
{
    if (feed->failures++ == 0)
        log_warn(call->trace, "events: a topic cannot be read; retrying",
                 LOG_STR("topic", feed->source->topic), LOG_STR("from", feed->source->producer),
                 LOG_STR("code", status_code_name(st.code)),
                 LOG_STR("error", st.message ? st.message : ""));
    int64_t passed_ms = (clock_monotonic_us() - begun_us) / 1000;
    int64_t pause_ms = events_pause_ms(feed->failures) - passed_ms;
    return pause_ms > 0 ? events_hub_pause(call, feed->hub, pause_ms) : call_check(call);
}

static void note_success(const struct call *call, struct events_feed *feed)
{
    if (feed->failures > 0)
        log_info(call->trace, "events: a topic can be read again",
                 LOG_STR("topic", feed->source->topic));
    feed->failures = 0;
}

/* Loads the groups' positions, retrying until all are known or the shard stops. */
static struct status open_groups(struct call *call, struct events_feed *feed)
{
    struct events_group *group = feed->groups;
    struct status st = status_ok();
    int64_t offset;

    while (group) {
        int64_t begun_us = clock_monotonic_us();
        st = events_source_open(call, feed->source, group->consumer->subscription.group, &offset);
        if (!failed(st)) {
            note_success(call, feed);
            group->read = offset;
            group->done = offset;
            group = group->next;
            continue;
        }
        if (failed(call_check(call))) return st;
        st = pause_after(call, feed, st, begun_us);
        if (failed(st)) return st;
        arena_reset(call->arena);
    }
    return st;
}

static void run_feed(struct call *call, void *data)
{
    struct events_feed *feed = data;
    struct status st;

    st = open_groups(call, feed);
    feed->dirty = true;
    for (int reads = 1; !failed(st) && !failed(call_check(call)); reads++) {
        int64_t begun_us = clock_monotonic_us();
        st = step(call, feed);
        if (failed(st) && !failed(call_check(call)))
            st = pause_after(call, feed, st, begun_us);
        else if (!failed(st))
            note_success(call, feed);
        if (!failed(st) && reads % READS_IN_A_ROW == 0 && feed->dirty) st = fiber_sleep(call, 0);
        arena_reset(call->arena);
    }
}

void events_feed_start(struct events_feed *feed)
{
    struct status st = fiber_start(feed->hub->shard, &feed->hub->trace, run_feed, feed);

    invariant(!failed(st)); /* the first fibers of the shard */
}
