/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters in the consumer's own schema. */
#include "events/postgres/events_postgres.h"

struct postgres_dead_letters {
    struct dead_letters port; /* first */
    struct postgres *db;
};

static struct postgres *db_of(struct dead_letters *port)
{
    return ((struct postgres_dead_letters *)port)->db;
}

/* ---- changing ---- */

struct burial {
    const char *group;
    const struct event *event;
    struct status why;
};

/* A letter of the same event that is dead or was replayed becomes dead again, with the new failure;
 * one that is marked for replay stays as it is. */
static struct status bury_job(struct call *call, struct postgres_tx *tx, void *data)
{
    const struct burial *burial = data;
    const struct event *event = burial->event;
    struct dead_letter_failure failure = dead_letter_failure_of(burial->why);

    postgres_exec(tx,
                  "INSERT INTO dead_letters AS d (consumer, state, attempts, code, reason, message,"
                  " died_us, id, topic, aggregateid, type, payload, time_us, traceparent, position)"
                  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
                  " ON CONFLICT (consumer, id) DO UPDATE SET state = excluded.state,"
                  " attempts = excluded.attempts, code = excluded.code, reason = excluded.reason,"
                  " message = excluded.message, died_us = excluded.died_us WHERE d.state <> 1",
                  "tiitttlttttbltl", burial->group, (int)DEAD_LETTER_DEAD, event->attempt,
                  failure.code, failure.reason, failure.message, failure.died_us, event->id,
                  event->topic, event->key, event->type, event->payload, event->time_us,
                  event->traceparent, event->offset);
    return status_ok();
}

static struct status bury(struct call *call, struct dead_letters *port, const char *group,
                          const struct event *event, struct status why)
{
    struct burial burial = {group, event, why};

    return postgres_write(call, db_of(port), bury_job, &burial);
}

struct mark {
    const char *group;
    int64_t letter_id, changes;
};

static struct status mark_job(struct call *call, struct postgres_tx *tx, void *data)
{
    struct mark *mark = data;
    struct postgres_rows rows;

    postgres_query(tx, &rows,
                   "UPDATE dead_letters SET state = 1 WHERE state IN (0, 1) AND consumer = $1"
                   " AND ($2 = 0 OR letter_id = $2)",
                   "tl", mark->group, mark->letter_id);
    (void)postgres_next(call, &rows); /* an UPDATE has no rows, only their number */
    mark->changes = postgres_row_count(&rows);
    return rows.status;
}

static struct status replay(struct call *call, struct dead_letters *port, const char *group,
                            int64_t letter_id, int64_t *ret_count)
{
    struct mark mark = {group, letter_id, 0};

    struct status st = postgres_write(call, db_of(port), mark_job, &mark);
    return failed(st) ? st : dead_letters_marked(call, group, letter_id, mark.changes, ret_count);
}

struct settlement {
    int64_t letter_id;
    struct status why;
};

/* A failure counts once, even if the commit of the first settlement had no answer. */
static struct status settle_job(struct call *call, struct postgres_tx *tx, void *data)
{
    const struct settlement *settlement = data;
    struct dead_letter_failure failure = dead_letter_failure_of(settlement->why);

    if (!failed(settlement->why))
        postgres_exec(tx, "UPDATE dead_letters SET state = 2 WHERE letter_id = $1", "l",
                      settlement->letter_id);
    else
        postgres_exec(tx,
                      "UPDATE dead_letters SET state = 0, attempts = attempts + 1, code = $1,"
                      " reason = $2, message = $3, died_us = $4"
                      " WHERE letter_id = $5 AND state <> 0",
                      "tttll", failure.code, failure.reason, failure.message, failure.died_us,
                      settlement->letter_id);
    return status_ok();
}

static struct status settle(struct call *call, struct dead_letters *port, int64_t letter_id,
                            struct status why)
{
    struct settlement settlement = {letter_id, why};

    return postgres_write(call, db_of(port), settle_job, &settlement);
}

/* ---- reading ---- */

#define SELECT                                                                                 \
    "SELECT letter_id, consumer, state, attempts, code, reason, message, died_us, id, topic, " \
    "aggregateid, type, payload, time_us, traceparent, position FROM dead_letters "

/* The rows of a group lie in the index by state; a list of all states merges those of each. */
#define OF_GROUP(state)                                                          \
    "(SELECT letter_id FROM dead_letters WHERE consumer = $1 AND state = " state \
    " ORDER BY letter_id DESC LIMIT $2)"
static const char list_of_group[] = SELECT
    "WHERE letter_id IN (" OF_GROUP("0") " UNION ALL " OF_GROUP("1") " UNION ALL " OF_GROUP(
        "2") ") ORDER BY letter_id DESC LIMIT $2";
static_assert(DEAD_LETTER_STATE_COUNT == 3, "OF_GROUP is asked for all states");
static const char list_of_id[] = SELECT "WHERE letter_id = $1 AND ($2 = '' OR consumer = $2)";
static const char list_all[] = SELECT "ORDER BY letter_id DESC LIMIT $1";
static const char list_marked[] = SELECT
    "WHERE state = 1 AND consumer = $1 ORDER BY letter_id LIMIT $2";

static void read_letter(const struct postgres_rows *rows, struct dead_letter *ret_letter)
{
    *ret_letter = (struct dead_letter){
        .letter_id = postgres_column_i64(rows, 0),
        .group = postgres_column_text(rows, 1),
        .state = dead_letter_state_name(postgres_column_i64(rows, 2)),
        .attempts = (int)postgres_column_i64(rows, 3),
        .code = postgres_column_text(rows, 4),
        .reason = postgres_column_text(rows, 5),
        .message = postgres_column_text(rows, 6),
        .died_us = postgres_column_i64(rows, 7),
        .event = {.id = postgres_column_text(rows, 8),
                  .topic = postgres_column_text(rows, 9),
                  .key = postgres_column_text(rows, 10),
                  .type = postgres_column_text(rows, 11),
                  .payload = postgres_column_blob(rows, 12),
                  .time_us = postgres_column_i64(rows, 13),
                  .traceparent = postgres_column_text(rows, 14),
                  .offset = postgres_column_i64(rows, 15)},
    };
    ret_letter->event.attempt = ret_letter->attempts + 1;
}

/* Stops early once the payloads reach EVENTS_READ_SIZE. */
static struct status read_letters(struct call *call, struct postgres_rows *rows, size_t max,
                                  struct dead_letter **ret_letters, size_t *ret_count)
{
    struct dead_letter *letters = arena_array(call->arena, struct dead_letter, max);
    size_t count = 0, size = 0;

    while (count < max && size < EVENTS_READ_SIZE && postgres_next(call, rows)) {
        read_letter(rows, &letters[count]);
        size += letters[count++].event.payload.length;
    }
    if (failed(rows->status)) return rows->status;
    *ret_letters = letters;
    *ret_count = count;
    return status_ok();
}

static struct status list(struct call *call, struct dead_letters *port, const char *group,
                          int64_t letter_id, size_t max, struct dead_letter **ret_letters,
                          size_t *ret_count)
{
    struct postgres *db = db_of(port);
    struct postgres_rows rows;
    struct status st;

    if (letter_id)
        st = postgres_read(call, db, &rows, list_of_id, "lt", letter_id, group);
    else if (group[0])
        st = postgres_read(call, db, &rows, list_of_group, "tl", group, (int64_t)max);
    else
        st = postgres_read(call, db, &rows, list_all, "l", (int64_t)max);
    return failed(st) ? st : read_letters(call, &rows, max, ret_letters, ret_count);
}

static struct status marked(struct call *call, struct dead_letters *port, const char *group,
                            size_t max, struct dead_letter **ret_letters, size_t *ret_count)
{
    struct postgres_rows rows;

    struct status st = postgres_read(call, db_of(port), &rows, list_marked, "tl", group,
                                     (int64_t)max);
    return failed(st) ? st : read_letters(call, &rows, max, ret_letters, ret_count);
}

static struct status count(struct call *call, struct dead_letters *port, const char *group,
                           int64_t *ret_count)
{
    struct postgres_rows rows;

    struct status st = postgres_read(
        call, db_of(port), &rows,
        "SELECT count(*) FROM dead_letters WHERE state = 0 AND consumer = $1", "t", group);
    if (failed(st)) return st;
    *ret_count = postgres_next(call, &rows) ? postgres_column_i64(&rows, 0) : 0;
    return rows.status;
}

struct dead_letters *dead_letters_postgres(struct arena *arena, struct postgres *db)
{
    struct postgres_dead_letters *letters = arena_new(arena, struct postgres_dead_letters);

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
