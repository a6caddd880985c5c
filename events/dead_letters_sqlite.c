/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters in the consumer's own database. */
#include "events/events_sqlite.h"

struct sqlite_dead_letters {
    struct dead_letters port; /* first */
    struct sqlite *db;
};

static struct sqlite *db_of(struct dead_letters *letters)
{
    return ((struct sqlite_dead_letters *)letters)->db;
}

/* ---- changing ---- */

struct burial {
    const char *group;
    const struct event *event;
    struct status why;
};

/* A letter of the same event that is dead or was replayed becomes dead again, with the new failure;
 * one that is marked for replay stays as it is. */
static struct status bury_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct burial *burial = data;
    const struct event *event = burial->event;
    struct dead_letter_failure failure = dead_letter_failure_of(burial->why);

    return sqlite_exec(
        tx, 0,
        "INSERT INTO dead_letters (consumer, state, attempts, code, reason, message, died_us, id, "
        "topic, aggregateid, type, payload, time_us, traceparent, seq) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (consumer, id) DO UPDATE SET state = excluded.state, "
        "attempts = excluded.attempts, code = excluded.code, reason = excluded.reason, "
        "message = excluded.message, died_us = excluded.died_us WHERE state <> 1",
        "tiitttlttttbltl", burial->group, (int)DEAD_LETTER_DEAD, event->attempt, failure.code,
        failure.reason, failure.message, failure.died_us, event->id, event->topic, event->key,
        event->type, event->payload, event->time_us, event->traceparent, event->offset);
}

static struct status bury(struct call *call, struct dead_letters *letters, const char *group,
                          const struct event *event, struct status why)
{
    struct burial burial = {group, event, why};

    return sqlite_write(call, db_of(letters), bury_job, &burial);
}

struct mark {
    const char *group;
    int64_t letter_id;
    int changes;
};

static struct status mark_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct mark *mark = data;

    if (mark->letter_id)
        return sqlite_exec(tx, &mark->changes,
                           "UPDATE dead_letters SET state = 1 WHERE letter_id = ? AND consumer = ?"
                           " AND state IN (0, 1)",
                           "lt", mark->letter_id, mark->group);
    return sqlite_exec(tx, &mark->changes,
                       "UPDATE dead_letters SET state = 1 WHERE state IN (0, 1) AND consumer = ?",
                       "t", mark->group);
}

static struct status replay(struct call *call, struct dead_letters *letters, const char *group,
                            int64_t letter_id, int64_t *ret_count)
{
    struct mark mark = {group, letter_id, 0};

    struct status st = sqlite_write(call, db_of(letters), mark_job, &mark);
    return failed(st) ? st : dead_letters_marked(call, group, letter_id, mark.changes, ret_count);
}

struct settlement {
    int64_t letter_id;
    struct status why;
};

static struct status settle_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct settlement *settlement = data;
    struct dead_letter_failure failure = dead_letter_failure_of(settlement->why);

    if (!failed(settlement->why))
        return sqlite_exec(tx, 0, "UPDATE dead_letters SET state = 2 WHERE letter_id = ?", "l",
                           settlement->letter_id);
    return sqlite_exec(tx, 0,
                       "UPDATE dead_letters SET state = 0, attempts = attempts + 1, code = ?, "
                       "reason = ?, message = ?, died_us = ? WHERE letter_id = ? AND state <> 0",
                       "tttll", failure.code, failure.reason, failure.message, failure.died_us,
                       settlement->letter_id);
}

static struct status settle(struct call *call, struct dead_letters *letters, int64_t letter_id,
                            struct status why)
{
    struct settlement settlement = {letter_id, why};

    return sqlite_write(call, db_of(letters), settle_job, &settlement);
}

/* ---- reading ---- */

#define SELECT                                                                                 \
    "SELECT letter_id, consumer, state, attempts, code, reason, message, died_us, id, topic, " \
    "aggregateid, type, payload, time_us, traceparent, seq FROM dead_letters "

static void read_letter(const struct sqlite_rows *rows, struct dead_letter *ret_letter)
{
    *ret_letter = (struct dead_letter){
        .letter_id = sqlite_column_i64(rows, 0),
        .group = sqlite_column_text(rows, 1),
        .state = dead_letter_state_name(sqlite_column_i64(rows, 2)),
        .attempts = (int)sqlite_column_i64(rows, 3),
        .code = sqlite_column_text(rows, 4),
        .reason = sqlite_column_text(rows, 5),
        .message = sqlite_column_text(rows, 6),
        .died_us = sqlite_column_i64(rows, 7),
        .event = {.id = sqlite_column_text(rows, 8),
                  .topic = sqlite_column_text(rows, 9),
                  .key = sqlite_column_text(rows, 10),
                  .type = sqlite_column_text(rows, 11),
                  .payload = sqlite_column_blob(rows, 12),
                  .time_us = sqlite_column_i64(rows, 13),
                  .traceparent = sqlite_column_text(rows, 14),
                  .offset = sqlite_column_i64(rows, 15)},
    };
    ret_letter->event.attempt = ret_letter->attempts + 1;
}

/* Stops early once the payloads reach EVENTS_READ_SIZE. */
static struct status read_letters(const struct call *call, struct sqlite_rows *rows, size_t max,
                                  struct dead_letter **ret_letters, size_t *ret_count)
{
    struct dead_letter *letters = arena_array(call->arena, struct dead_letter, max);
    size_t count = 0, size = 0;

    while (count < max && size < EVENTS_READ_SIZE && sqlite_next(rows)) {
        read_letter(rows, &letters[count]);
        size += letters[count++].event.payload.length;
    }
    sqlite_end(rows);
    if (failed(rows->status)) return rows->status;
    *ret_letters = letters;
    *ret_count = count;
    return status_ok();
}

/* The rows of a group lie in the index by state; a list of all states merges those of each. */
#define OF_GROUP(state) "SELECT letter_id FROM dead_letters WHERE consumer = ?1 AND state = " state
const char dead_letters_of_group_statement[] = SELECT
    "WHERE letter_id IN (" OF_GROUP("0") " UNION ALL " OF_GROUP("1") " UNION ALL " OF_GROUP(
        "2") " ORDER BY letter_id DESC LIMIT ?2) ORDER BY letter_id DESC";
static_assert(DEAD_LETTER_STATE_COUNT == 3, "OF_GROUP is asked for all states");
const char dead_letters_by_id_statement[] = SELECT
    "WHERE letter_id = ?1 AND (?2 = '' OR consumer = ?2)";

static struct status list(struct call *call, struct dead_letters *letters, const char *group,
                          int64_t letter_id, size_t max, struct dead_letter **ret_letters,
                          size_t *ret_count)
{
    struct sqlite_rows rows;

    struct sqlite *db = db_of(letters);
    struct status st;

    if (letter_id)
        st = sqlite_read(call, db, &rows, dead_letters_by_id_statement, "lt", letter_id, group);
    else if (group[0])
        st = sqlite_read(call, db, &rows, dead_letters_of_group_statement, "tl", group,
                         (int64_t)max);
    else
        st = sqlite_read(call, db, &rows, SELECT "ORDER BY letter_id DESC LIMIT ?", "l",
                         (int64_t)max);
    if (failed(st)) return st;
    return read_letters(call, &rows, max, ret_letters, ret_count);
}

static struct status marked(struct call *call, struct dead_letters *letters, const char *group,
                            size_t max, struct dead_letter **ret_letters, size_t *ret_count)
{
    struct sqlite_rows rows;

    struct status st = sqlite_read(call, db_of(letters), &rows,
                                   SELECT
                                   "WHERE state = 1 AND consumer = ? ORDER BY letter_id LIMIT ?",
                                   "tl", group, (int64_t)max);
    if (failed(st)) return st;
    return read_letters(call, &rows, max, ret_letters, ret_count);
}

static struct status count(struct call *call, struct dead_letters *letters, const char *group,
                           int64_t *ret_count)
{
    struct sqlite_rows rows;

    struct status st = sqlite_read(
        call, db_of(letters), &rows,
        "SELECT count(*) FROM dead_letters WHERE state = 0 AND consumer = ?", "t", group);
    if (failed(st)) return st;
    *ret_count = sqlite_next(&rows) ? sqlite_column_i64(&rows, 0) : 0;
    sqlite_end(&rows);
    return rows.status;
}

struct dead_letters *dead_letters_sqlite(struct arena *arena, struct sqlite *db)
{
    struct sqlite_dead_letters *letters = arena_new(arena, struct sqlite_dead_letters);

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
