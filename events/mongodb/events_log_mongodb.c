/* SPDX-License-Identifier: Apache-2.0 */
/* The log: a sequence (store/mongodb/sequence.h) of events, and the positions of the groups. */
#include "base/clock.h"
#include "events/mongodb/events_mongodb.h"

struct mongodb_events_log {
    struct events_log port; /* first */
    struct mongodb_sequence sequence;
};

static struct mongodb_events_log *log_of(struct events_log *log)
{
    return (struct mongodb_events_log *)log;
}

static struct mongodb *db_of(struct events_log *log)
{
    return log_of(log)->sequence.db;
}

void events_mongodb_tell(struct events_log *log)
{
    mongodb_sequence_tell(&log_of(log)->sequence);
}

static void read_event(struct str row, struct event *ret_event)
{
    *ret_event = (struct event){
        .offset = mongodb_number(row, "_id"),
        .topic = mongodb_text(row, "topic"),
        .id = mongodb_text(row, "id"),
        .key = mongodb_text(row, "key"),
        .type = mongodb_text(row, "type"),
        .payload = mongodb_binary(row, "payload"),
        .time_us = mongodb_number(row, "timeUs"),
        .traceparent = mongodb_text(row, "traceparent"),
        .attempt = 1,
    };
}

static struct status read_log(struct call *call, struct events_log *port, const char *topic,
                              int64_t after, size_t max, struct event **ret_events,
                              size_t *ret_count, int64_t *ret_after)
{
    size_t count = 0, rows_count, size = 0;
    struct str reply;

    struct status st = mongodb_sequence_catch_up(call, &log_of(port)->sequence);
    if (failed(st)) return st;
    st = mongodb_read(call, db_of(port),
                      mongodb_document(call->arena,
                                       "{find: 'outbox', filter: {topic: %s, _id: {$gt: %l}},"
                                       " sort: {_id: 1}, limit: %i, singleBatch: true}",
                                       topic, after, (int)max),
                      &reply);
    if (failed(st)) return st;
    const struct str *rows = mongodb_items(call->arena, mongodb_part(reply, "cursor.firstBatch"),
                                           &rows_count);
    struct event *events = arena_array(call->arena, struct event, rows_count + 1);
    while (count < rows_count && count < max && size < EVENTS_READ_SIZE) {
        read_event(rows[count], &events[count]);
        size += events[count].payload.length;
        after = events[count++].offset;
    }
    *ret_events = events;
    *ret_count = count;
    *ret_after = after;
    return status_ok();
}

static const char *position_id(const struct call *call, const char *topic, const char *group)
{
    return arena_printf(call->arena, "%s/%s", topic, group);
}

static struct status load_offset(struct call *call, struct events_log *log, const char *topic,
                                 const char *group, int64_t *ret_offset)
{
    struct str reply;

    struct status st = mongodb_read(
        call, db_of(log),
        mongodb_document(call->arena,
                         "{find: 'outbox_offsets', filter: {_id: %s}, limit: 1, singleBatch: true}",
                         position_id(call, topic, group)),
        &reply);
    if (!failed(st)) *ret_offset = mongodb_number(reply, "cursor.firstBatch.0.offset");
    return st;
}

static struct status commit_offset(struct call *call, struct events_log *log, const char *topic,
                                   const char *group, int64_t offset)
{
    struct str reply;

    return mongodb_write(
        call, db_of(log),
        mongodb_document(call->arena,
                         "{update: 'outbox_offsets', updates: [{q: {_id: %s}, u: {$max: {offset:"
                         " %l}, $set: {topic: %s, group: %s, updatedAt: %t}}, upsert: true}]}",
                         position_id(call, topic, group), offset, topic, group, clock_now_us()),
        &reply);
}

static struct status last_offset(struct call *call, struct events_log *log, const char *topic,
                                 int64_t *ret_offset)
{
    struct str reply;

    struct status st = mongodb_sequence_catch_up(call, &log_of(log)->sequence);
    if (failed(st)) return st;
    st = mongodb_read(
        call, db_of(log),
        mongodb_document(call->arena,
                         "{find: 'outbox', filter: {topic: %s}, sort: {_id: -1}, limit: 1,"
                         " singleBatch: true, projection: {_id: 1}}",
                         topic),
        &reply);
    if (!failed(st)) *ret_offset = mongodb_number(reply, "cursor.firstBatch.0._id");
    return st;
}

static void on_append(struct events_log *port, void (*fn)(void *data), void *data)
{
    struct mongodb_sequence *sequence = &log_of(port)->sequence;

    sequence->data = data;
    sequence->on_append = fn;
}

struct mongodb_sequence *events_log_mongodb_sequence(struct events_log *port)
{
    return &log_of(port)->sequence;
}

struct events_log *events_log_mongodb(struct arena *arena, struct mongodb *db,
                                      const char *collection)
{
    struct mongodb_events_log *log = arena_new(arena, struct mongodb_events_log);

    log->sequence.db = db;
    log->sequence.from = collection;
    log->sequence.array = "argosy.outbox";
    log->sequence.to = "outbox";
    log->port = (struct events_log){
        .read = read_log,
        .load_offset = load_offset,
        .commit_offset = commit_offset,
        .last_offset = last_offset,
        .on_append = on_append,
    };
    return &log->port;
}
