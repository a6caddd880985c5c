/* SPDX-License-Identifier: Apache-2.0 */
/* The indexes, and the sweeping of what is old. */
#include "events/mongodb/events_mongodb.h"

#include "base/clock.h"

enum { SWEEP_MAX = 128, POSITIONS_MAX = 1000 };

struct mongodb_events_sweeper {
    struct events_sweeper port; /* first */
    struct mongodb *db;
    const char *collection;
    struct events_log *log;
};

struct status events_mongodb_prepare(struct call *call, struct mongodb *db, const char *collection)
{
    const struct mongodb_sequence log = {
        .db = db, .from = collection, .array = "argosy.outbox", .to = "outbox"};
    struct status st;

    st = mongodb_define(
        call, db,
        mongodb_document(call->arena,
                         "{createIndexes: %s, indexes: ["
                         "{name: 'argosy_requests', key: {argosy.requests.id: 1}, unique: true,"
                         " partialFilterExpression: {argosy.requests.id: {$exists: true}}},"
                         "{name: 'argosy_request_times', key: {argosy.requests.timeUs: 1},"
                         " partialFilterExpression: {argosy.requests.timeUs: {$exists: true}}}]}",
                         collection));
    if (!failed(st)) st = mongodb_sequence_prepare(call, &log);
    if (!failed(st))
        st = mongodb_define(
            call, db,
            mongodb_document(call->arena, "{createIndexes: 'outbox', indexes:"
                                          " [{name: 'argosy_topic', key: {topic: 1, _id: 1}}]}"));
    return failed(st) ? st : dead_letters_mongodb_prepare(call, db);
}

/* ---- sweeping ---- */

struct positions {
    const struct str *list;
    size_t count;
};

static struct status read_positions(struct call *call, struct mongodb *db,
                                    struct positions *ret_positions)
{
    struct str reply;

    struct status st = mongodb_read(
        call, db,
        mongodb_document(call->arena, "{find: 'outbox_offsets', limit: %i, singleBatch: true}",
                         POSITIONS_MAX),
        &reply);
    if (!failed(st))
        ret_positions->list = mongodb_items(call->arena, mongodb_part(reply, "cursor.firstBatch"),
                                            &ret_positions->count);
    return st;
}

/* Have all known groups of the event's topic passed it? */
static bool all_have_passed(const struct positions *positions, struct str event)
{
    for (size_t i = 0; i < positions->count; i++) {
        struct str position = positions->list[i];
        if (strcmp(mongodb_text(position, "topic"), mongodb_text(event, "topic")) == 0 &&
            mongodb_number(position, "offset") < mongodb_number(event, "_id"))
            return false;
    }
    return true;
}

/* Looks at the oldest events. */
static struct status sweep_log(struct call *call, const struct mongodb_events_sweeper *sweeper,
                               int64_t before_us, bool *ret_more)
{
    int64_t numbers[SWEEP_MAX];
    struct positions positions;
    size_t count, old = 0;
    struct str reply;

    struct status st = mongodb_read(
        call, sweeper->db,
        mongodb_document(call->arena,
                         "{find: 'outbox', sort: {_id: 1}, limit: %i, singleBatch: true,"
                         " projection: {topic: 1, timeUs: 1}}",
                         SWEEP_MAX),
        &reply);
    if (!failed(st)) st = read_positions(call, sweeper->db, &positions);
    if (failed(st)) return st;
    const struct str *rows = mongodb_items(call->arena, mongodb_part(reply, "cursor.firstBatch"),
                                           &count);
    for (size_t i = 0; i < count && i < SWEEP_MAX; i++) {
        /* The last one may be what is left of the newest event. */
        bool removed = !mongodb_has(rows[i], "topic");
        if (removed ? i + 1 == count
                    : mongodb_number(rows[i], "timeUs") >= before_us ||
                          !all_have_passed(&positions, rows[i]))
            continue;
        numbers[old++] = mongodb_number(rows[i], "_id");
    }
    if (old == SWEEP_MAX) *ret_more = true;
    return old ? mongodb_sequence_remove(call, events_log_mongodb_sequence(sweeper->log), numbers,
                                         old)
               : st;
}

static struct status sweep_requests(struct call *call, const struct mongodb_events_sweeper *sweeper,
                                    bool *ret_more)
{
    int64_t before_us = clock_now_us() - IDEMPOTENCY_KEPT_US;
    struct str reply;

    struct status st = mongodb_write(
        call, sweeper->db,
        mongodb_document(call->arena,
                         "{update: %s, updates: [{q: {argosy.requests.timeUs: {$lt: %l}},"
                         " u: {$pull: {argosy.requests: {timeUs: {$lt: %l}}}}}]}",
                         sweeper->collection, before_us, before_us),
        &reply);
    if (!failed(st) && mongodb_number(reply, "nModified") > 0) *ret_more = true;
    return st;
}

static struct status sweep(struct call *call, struct events_sweeper *port, int64_t before_us,
                           bool *ret_more)
{
    const struct mongodb_events_sweeper *sweeper = (const struct mongodb_events_sweeper *)port;
    bool more = false;
    struct status st;

    st = mongodb_sequence_move(call, events_log_mongodb_sequence(sweeper->log));
    if (!failed(st)) st = sweep_log(call, sweeper, before_us, &more);
    if (!failed(st)) st = sweep_requests(call, sweeper, &more);
    if (!failed(st)) st = dead_letters_mongodb_sweep(call, sweeper->db, before_us, &more);
    if (failed(st)) return st;
    *ret_more = more;
    return st;
}

struct events_store events_store_mongodb(struct arena *arena, struct mongodb *db,
                                         const char *collection)
{
    struct mongodb_events_sweeper *sweeper = arena_new(arena, struct mongodb_events_sweeper);

    *sweeper = (struct mongodb_events_sweeper){
        .port = {.sweep = sweep},
        .db = db,
        .collection = collection,
        .log = events_log_mongodb(arena, db, collection),
    };
    return (struct events_store){.log = sweeper->log,
                                 .letters = dead_letters_mongodb(arena, db),
                                 .sweeper = &sweeper->port,
                                 .engine = mongodb_news(db)};
}
