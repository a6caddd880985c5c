/* SPDX-License-Identifier: Apache-2.0 */
/* A reader reads a topic for one group and hands the events out to the shards.
 *
 *     open: load the group's position
 *     again and again:
 *         wait if the log has ended, or if too many events wait in the group's queues
 *         read some events, leave out the types that the group does not want, hand out the others
 *
 * Groups read independently of each other, so a slow one delays no other. */
#include "base/clock.h"
#include "events/events_bus.h"
#include "observe/log.h"

enum {
    FETCH_WAIT_MS = 10000, /* how long a fetch from another process waits for events */
    /* Reads in a row before the fiber yields. */
    READS_IN_A_ROW = 4,
};

/* ---- reading ---- */

static bool wants(const struct events_reader *reader, const struct event *event)
{
    const char *const *types = reader->consumer->subscription.types;

    while (*types && strcmp(*types, event->type) != 0) types++;
    return *types;
}

static bool has_ended(const struct event *events, size_t count, int64_t after, int64_t read)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++) size += events[i].payload.length;
    return count < EVENTS_READ_MAX && size < EVENTS_READ_SIZE &&
           read == (count > 0 ? events[count - 1].offset : after);
}

static struct status read_some(struct call *call, struct events_reader *reader)
{
    struct events_window *window = &reader->window;
    struct events_batch *batch = events_window_take(window);
    int64_t after = window->read, read;
    struct call reading;
    struct event *events;
    size_t count;

    call_init_child(&reading, call, 0);
    reading.arena = &batch->arena;
    reader->dirty = false; /* before the read, which may miss what is appended from here on */
    struct status st = events_source_read(&reading, &reader->source, after, FETCH_WAIT_MS, &events,
                                          &count, &read);
    if (failed(st)) {
        reader->dirty = true; /* there may be unread events without another commit to wake it */
        st = status_dup(call->arena, st);
        events_batch_drop(batch);
        return st;
    }
    if (!has_ended(events, count, after, read)) reader->dirty = true;
    for (size_t i = 0; i < count; i++)
        if (wants(reader, &events[i]))
            events_batch_add(batch, reader->consumer->groups, &events[i], 0);
    events_window_hand_out(window, batch, read);
    return status_ok();
}

void events_reader_wake(struct events_reader *reader)
{
    reader->dirty = true;
    fiber_wake(reader->window.hub->shard, &reader->wait);
}

static bool has_room(const struct events_reader *reader)
{
    const struct events_consumer *consumer = reader->consumer;
    int64_t waiting = events_consumer_waiting(consumer);

    for (int i = 0; i < consumer->events->shard_count; i++) waiting -= consumer->groups[i]->excess;
    return waiting < EVENTS_WAITING_MAX && reader->window.bytes < consumer->events->bytes_max;
}

/* One step: reads, or waits until there is something to read and room for it. */
static struct status step(struct call *call, struct events_reader *reader)
{
    bool remote = !reader->source.known;

    if ((!remote && !reader->dirty) || !has_room(reader)) return fiber_suspend(call, &reader->wait);
    return read_some(call, reader);
}

/* ---- failures ---- */

/* Pauses after a failure, and logs the first one in a row. The pause counts from the beginning of the
 * attempt: a fetch that has waited for its producer's engine is repeated at once, because only a
 * waiting fetch learns that the engine is back. */
static struct status pause_after(struct call *call, struct events_reader *reader, struct status st,
                                 int64_t begun_us)
{
    if (reader->failures++ == 0)
        log_warn(call->trace, "events: a topic cannot be read; retrying",
                 LOG_STR("topic", reader->source.topic), LOG_STR("from", reader->source.producer),
                 LOG_STR("code", status_code_name(st.code)),
                 LOG_STR("error", st.message ? st.message : ""));
    int64_t passed_ms = (clock_monotonic_us() - begun_us) / 1000;
    int64_t pause_ms = events_pause_ms(reader->failures) - passed_ms;
    return pause_ms > 0 ? events_hub_pause(call, reader->window.hub, pause_ms) : call_check(call);
}

static void note_success(const struct call *call, struct events_reader *reader)
{
    if (reader->failures > 0)
        log_info(call->trace, "events: a topic can be read again",
                 LOG_STR("topic", reader->source.topic));
    reader->failures = 0;
}

/* ---- the fiber ---- */

/* Loads the group's position, retrying until it is known or the shard stops. */
static struct status open_position(struct call *call, struct events_reader *reader)
{
    const char *group = reader->consumer->subscription.group;
    struct status st = status_ok();
    int64_t offset;

    while (!failed(st)) {
        int64_t begun_us = clock_monotonic_us();
        st = events_source_open(call, &reader->source, group, &offset);
        if (!failed(st)) {
            note_success(call, reader);
            reader->window.read = offset;
            return st;
        }
        if (failed(call_check(call))) return st;
        st = pause_after(call, reader, st, begun_us);
        arena_reset(call->arena);
    }
    return st;
}

static void run(struct call *call, void *data)
{
    struct events_reader *reader = data;
    struct status st;

    st = open_position(call, reader);
    reader->dirty = true;
    for (int reads = 1; !failed(st) && !failed(call_check(call)); reads++) {
        int64_t begun_us = clock_monotonic_us();
        st = step(call, reader);
        if (failed(st) && !failed(call_check(call)))
            st = pause_after(call, reader, st, begun_us);
        else if (!failed(st))
            note_success(call, reader);
        if (!failed(st) && reads % READS_IN_A_ROW == 0 && reader->dirty) st = fiber_sleep(call, 0);
        arena_reset(call->arena);
    }
}

void events_reader_start(struct events_reader *reader)
{
    const struct events_hub *hub = reader->window.hub;
    struct status st = fiber_start(hub->shard, &hub->trace, run, reader);

    invariant(!failed(st)); /* the first fibers of the shard */
}

/* ---- positions ---- */

/* The first commit, even of 0, makes the group known to sweeping. */
void events_reader_commit(struct call *call, struct events_reader *reader)
{
    const char *group = reader->consumer->subscription.group;
    int64_t done = events_window_done(&reader->window);

    if (done < 0 || done <= reader->committed) return;
    struct status st = events_source_commit(call, &reader->source, group, done);
    if (!failed(st)) {
        reader->committed = done;
        return;
    }
    if (failed(call_check(call))) return;
    log_debug(call->trace, "events: a group's position could not be committed; retrying",
              LOG_STR("group", group), LOG_STR("topic", reader->source.topic),
              LOG_STR("error", st.message ? st.message : ""));
}

int64_t events_reader_behind(struct call *call, const struct events_reader *reader)
{
    struct events_log *log = reader->source.known ? reader->source.known->log : 0;
    int64_t read = reader->window.read, last;

    if (!log || read < 0) return 0;
    struct status st = log->last_offset(call, log, reader->source.topic, &last);
    return !failed(st) && last > read ? last - read : 0;
}
