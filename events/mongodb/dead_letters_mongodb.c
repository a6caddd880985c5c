/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters in the consumer's own database: the collection `dead_letters`, one document for an
 * event and group, whose _id is the letter's number. Each change is one update of one document, or for all
 * letters of a group one of each, and may be repeated. */
#include "events/mongodb/events_mongodb.h"
#include "reasons.pb-c.h"

enum { NUMBER_TRIES_MAX = 100, SWEEP_MAX = 128 };

struct mongodb_dead_letters {
    struct dead_letters port; /* first */
    struct mongodb *db;
};

static struct mongodb *db_of(struct dead_letters *port)
{
    return ((struct mongodb_dead_letters *)port)->db;
}

struct status dead_letters_mongodb_prepare(struct call *call, struct mongodb *db)
{
    return mongodb_define(
        call, db,
        mongodb_document(call->arena,
                         "{createIndexes: 'dead_letters', indexes: ["
                         "{name: 'argosy_event', key: {consumer: 1, id: 1}, unique: true,"
                         " partialFilterExpression: {id: {$exists: true}}},"
                         "{name: 'argosy_state', key: {consumer: 1, state: 1, _id: 1}}]}"));
}

/* The numbers of letters are never used again. */
#define numbers_of(database) ((struct mongodb_sequence){.db = (database), .to = "dead_letters"})

/* ---- changing ---- */

/* What a failure sets. */
static struct str failure(const struct call *call, struct status why)
{
    struct dead_letter_failure parts = dead_letter_failure_of(why);

    return mongodb_document(call->arena,
                            "{state: 'dead', code: %s, reason: %s, message: %s, diedUs: %l}",
                            parts.code, parts.reason, parts.message, parts.died_us);
}

static struct status insert(struct call *call, struct mongodb *db, const char *group,
                            const struct event *event, struct status why)
{
    struct str reply, letter;
    int64_t number;

    struct status st = mongodb_sequence_newest(call, &numbers_of(db), &number);
    if (failed(st)) return st;
    letter = mongodb_document(
        call->arena,
        "{_id: %l, consumer: %s, attempts: %i, id: %s, topic: %s, key: %s, type: %s, payload: %x,"
        " timeUs: %l, traceparent: %s, offset: %l}",
        number + 1, group, event->attempt, event->id, event->topic, event->key, event->type,
        event->payload.data ? event->payload : STR(""), event->time_us, event->traceparent,
        event->offset);
    letter = mongodb_join(call->arena, letter, failure(call, why));
    return mongodb_write(
        call, db,
        mongodb_document(call->arena, "{insert: 'dead_letters', documents: [%d]}", letter), &reply);
}

/* A letter of the same event that is dead or was replayed becomes dead again, with the new failure;
 * one that is marked for replay stays as it is. */
static struct status bury_again(struct call *call, struct mongodb *db, const char *group,
                                const struct event *event, struct status why, bool *ret_exists)
{
    struct str attempts = mongodb_document(call->arena, "{attempts: %i}", event->attempt);
    struct str reply;

    struct status st = mongodb_write(
        call, db,
        mongodb_document(call->arena,
                         "{update: 'dead_letters', updates: [{q: {consumer: %s, id: %s,"
                         " state: {$ne: 'replay'}}, u: {$set: %d}}]}",
                         group, event->id, mongodb_join(call->arena, attempts, failure(call, why))),
        &reply);
    if (failed(st)) return st;
    *ret_exists = mongodb_number(reply, "n") > 0;
    if (*ret_exists) return st;
    st = mongodb_read(call, db,
                      mongodb_document(call->arena,
                                       "{find: 'dead_letters', filter: {consumer: %s, id: %s},"
                                       " limit: 1, singleBatch: true, projection: {_id: 1}}",
                                       group, event->id),
                      &reply);
    if (!failed(st)) *ret_exists = mongodb_has(reply, "cursor.firstBatch.0");
    return st;
}

static struct status bury(struct call *call, struct dead_letters *port, const char *group,
                          const struct event *event, struct status why)
{
    bool exists = false;

    for (int i = 0; i < NUMBER_TRIES_MAX; i++) {
        struct status st = bury_again(call, db_of(port), group, event, why, &exists);
        if (failed(st) || exists) return st;
        st = insert(call, db_of(port), group, event, why);
        if (st.code != STATUS_ALREADY_EXISTS) return st;
    }
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_BUSY,
                       "others store dead letters at the same time; trying again");
}

static struct status replay(struct call *call, struct dead_letters *port, const char *group,
                            int64_t letter_id, int64_t *ret_count)
{
    struct str own = mongodb_document(call->arena,
                                      "{consumer: %s, state: {$in: ['dead', 'replay']}}", group);
    struct str reply;

    if (letter_id)
        own = mongodb_join(call->arena, own, mongodb_document(call->arena, "{_id: %l}", letter_id));
    struct status st = mongodb_write(
        call, db_of(port),
        mongodb_document(call->arena,
                         "{update: 'dead_letters', updates: [{q: %d, u: {$set: {state: 'replay'}},"
                         " multi: true}]}",
                         own),
        &reply);
    if (failed(st)) return st;
    return dead_letters_marked(call, group, letter_id, mongodb_number(reply, "n"), ret_count);
}

/* A failure counts once, even if the answer of the first settlement was lost. */
static struct status settle(struct call *call, struct dead_letters *port, int64_t letter_id,
                            struct status why)
{
    struct str reply, update;

    if (!failed(why))
        update = mongodb_document(call->arena, "{q: {_id: %l}, u: {$set: {state: 'replayed'}}}",
                                  letter_id);
    else
        update = mongodb_document(
            call->arena, "{q: {_id: %l, state: {$ne: 'dead'}}, u: {$set: %d, $inc: {attempts: 1}}}",
            letter_id, failure(call, why));
    return mongodb_write(
        call, db_of(port),
        mongodb_document(call->arena, "{update: 'dead_letters', updates: [%d]}", update), &reply);
}

/* ---- reading ---- */

static void read_letter(struct str row, struct dead_letter *ret_letter)
{
    *ret_letter = (struct dead_letter){
        .letter_id = mongodb_number(row, "_id"),
        .group = mongodb_text(row, "consumer"),
        .state = mongodb_text(row, "state"),
        .attempts = (int)mongodb_number(row, "attempts"),
        .code = mongodb_text(row, "code"),
        .reason = mongodb_text(row, "reason"),
        .message = mongodb_text(row, "message"),
        .died_us = mongodb_number(row, "diedUs"),
        .event = {.id = mongodb_text(row, "id"),
                  .topic = mongodb_text(row, "topic"),
                  .key = mongodb_text(row, "key"),
                  .type = mongodb_text(row, "type"),
                  .payload = mongodb_binary(row, "payload"),
                  .time_us = mongodb_number(row, "timeUs"),
                  .traceparent = mongodb_text(row, "traceparent"),
                  .offset = mongodb_number(row, "offset")},
    };
    ret_letter->event.attempt = ret_letter->attempts + 1;
}

/* Stops early once the payloads reach EVENTS_READ_SIZE. */
static struct status find(struct call *call, struct dead_letters *port, struct str filter,
                          struct str order, size_t max, struct dead_letter **ret_letters,
                          size_t *ret_count)
{
    size_t count = 0, row_count, size = 0;
    struct str reply;

    struct status st = mongodb_read(
        call, db_of(port),
        mongodb_document(call->arena,
                         "{find: 'dead_letters', filter: %d, sort: %d, limit: %i,"
                         " singleBatch: true}",
                         filter, order, (int)max),
        &reply);
    if (failed(st)) return st;
    const struct str *rows = mongodb_items(call->arena, mongodb_part(reply, "cursor.firstBatch"),
                                           &row_count);
    struct dead_letter *letters = arena_array(call->arena, struct dead_letter, row_count + 1);
    while (count < row_count && size < EVENTS_READ_SIZE) {
        read_letter(rows[count], &letters[count]);
        size += letters[count++].event.payload.length;
    }
    *ret_letters = letters;
    *ret_count = count;
    return st;
}

static struct status list(struct call *call, struct dead_letters *port, const char *group,
                          int64_t letter_id, size_t max, struct dead_letter **ret_letters,
                          size_t *ret_count)
{
    struct str filter = group[0] ? mongodb_document(call->arena, "{consumer: %s}", group)
                                 : mongodb_document(call->arena, "{consumer: {$exists: true}}");
    struct str order = mongodb_document(call->arena, "{_id: -1}");

    if (letter_id)
        filter = mongodb_join(call->arena, filter,
                              mongodb_document(call->arena, "{_id: %l}", letter_id));
    return find(call, port, filter, order, max, ret_letters, ret_count);
}

static struct status marked(struct call *call, struct dead_letters *port, const char *group,
                            size_t max, struct dead_letter **ret_letters, size_t *ret_count)
{
    struct str filter = mongodb_document(call->arena, "{consumer: %s, state: 'replay'}", group);

    return find(call, port, filter, mongodb_document(call->arena, "{_id: 1}"), max, ret_letters,
                ret_count);
}

static struct status count(struct call *call, struct dead_letters *port, const char *group,
                           int64_t *ret_count)
{
    struct str reply;

    struct status st = mongodb_read(
        call, db_of(port),
        mongodb_document(call->arena,
                         "{count: 'dead_letters', query: {consumer: %s, state: 'dead'}}", group),
        &reply);
    if (!failed(st)) *ret_count = mongodb_number(reply, "n");
    return st;
}

struct status dead_letters_mongodb_sweep(struct call *call, struct mongodb *db, int64_t before_us,
                                         bool *ret_more)
{
    int64_t numbers[SWEEP_MAX];
    struct str reply;
    size_t found;

    struct status st = mongodb_read(
        call, db,
        mongodb_document(call->arena,
                         "{find: 'dead_letters', filter: {state: 'replayed', diedUs: {$lt: %l}},"
                         " limit: %i, singleBatch: true, projection: {_id: 1}}",
                         before_us, SWEEP_MAX),
        &reply);
    if (failed(st)) return st;
    const struct str *rows = mongodb_items(call->arena, mongodb_part(reply, "cursor.firstBatch"),
                                           &found);
    for (size_t i = 0; i < found && i < SWEEP_MAX; i++) numbers[i] = mongodb_number(rows[i], "_id");
    if (found == SWEEP_MAX) *ret_more = true;
    return found ? mongodb_sequence_remove(call, &numbers_of(db), numbers, found) : st;
}

struct dead_letters *dead_letters_mongodb(struct arena *arena, struct mongodb *db)
{
    struct mongodb_dead_letters *letters = arena_new(arena, struct mongodb_dead_letters);

    letters->db = db;
    letters->port = (struct dead_letters){
        .bury = bury,
        .list = list,
        .replay = replay,
        .marked = marked,
        .settle = settle,
        .count = count,
    };
    return &letters->port;
}
