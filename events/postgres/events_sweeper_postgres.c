/* SPDX-License-Identifier: Apache-2.0 */
/* Removes old rows of events and idempotency keys, some at a time, oldest first. Several processes
 * may sweep at the same time: each skips the rows that another is about to remove. */
#include "base/clock.h"
#include "events/postgres/events_postgres.h"

enum { SWEEP_ROWS = 1000 }; /* of one table in one sweep */

struct postgres_events_sweeper {
    struct events_sweeper port; /* first */
    struct postgres *db;
};

/* A condition on a row of the outbox: every known group has passed it. */
#define ALL_HAVE_PASSED                          \
    "NOT EXISTS (SELECT 1 FROM outbox_offsets f" \
    " WHERE f.topic = o.aggregatetype AND f.position < o.position)"

struct sweep {
    int64_t before_us, keys_before_us;
    bool more;
};

/* Looks at the oldest row of each table, so that a sweep which finds nothing writes nothing. */
static struct status find_old(struct call *call, struct postgres *db, const struct sweep *sweep,
                              bool *ret_found)
{
    struct postgres_rows rows;

    struct status st = postgres_read(
        call, db, &rows,
        "SELECT coalesce((SELECT time_us < $1 AND " ALL_HAVE_PASSED
        "  FROM outbox o ORDER BY position LIMIT 1), false)"
        " OR coalesce((SELECT min(time_us) FROM inbox) < $1, false)"
        " OR coalesce((SELECT min(time_us) FROM idempotency) < $2, false)"
        " OR EXISTS (SELECT 1 FROM dead_letters WHERE state = 2 AND died_us < $1)",
        "ll", sweep->before_us, sweep->keys_before_us);
    if (failed(st)) return st;
    *ret_found = postgres_next(call, &rows) && postgres_column_i64(&rows, 0) != 0;
    return rows.status;
}

static struct status sweep_job(struct call *call, struct postgres_tx *tx, void *data)
{
    enum { TABLES = 4 };
    struct postgres_rows rows[TABLES];
    struct sweep *sweep = data;

    postgres_query(tx, &rows[0],
                   "DELETE FROM outbox WHERE position IN (SELECT position FROM ("
                   " SELECT position, aggregatetype, time_us FROM outbox"
                   " ORDER BY position LIMIT $1 FOR UPDATE SKIP LOCKED) o"
                   " WHERE time_us < $2 AND " ALL_HAVE_PASSED ")",
                   "il", SWEEP_ROWS, sweep->before_us);
    postgres_query(tx, &rows[1],
                   "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE time_us < $2"
                   " ORDER BY time_us LIMIT $1 FOR UPDATE SKIP LOCKED)",
                   "il", SWEEP_ROWS, sweep->before_us);
    postgres_query(tx, &rows[2],
                   "DELETE FROM idempotency WHERE (scope, key) IN (SELECT scope, key"
                   " FROM idempotency WHERE time_us < $2 ORDER BY time_us LIMIT $1"
                   " FOR UPDATE SKIP LOCKED)",
                   "il", SWEEP_ROWS, sweep->keys_before_us);
    postgres_query(tx, &rows[3],
                   "DELETE FROM dead_letters WHERE letter_id IN (SELECT letter_id"
                   " FROM dead_letters WHERE state = 2 AND died_us < $2 LIMIT $1"
                   " FOR UPDATE SKIP LOCKED)",
                   "il", SWEEP_ROWS, sweep->before_us);
    sweep->more = false;
    for (int i = 0; i < TABLES; i++) {
        (void)postgres_next(call, &rows[i]); /* a DELETE has no rows, only their number */
        if (failed(rows[i].status)) return rows[i].status;
        sweep->more |= postgres_row_count(&rows[i]) == SWEEP_ROWS;
    }
    return status_ok();
}

/* Idempotency records are kept for a day at least, however short the retention of the rest. */
static struct status sweep(struct call *call, struct events_sweeper *port, int64_t before_us,
                           bool *ret_more)
{
    struct postgres *db = ((struct postgres_events_sweeper *)port)->db;
    struct sweep job = {before_us, clock_now_us() - IDEMPOTENCY_KEPT_US, false};
    bool found = false;

    struct status st = find_old(call, db, &job, &found);
    if (!failed(st) && found) st = postgres_write(call, db, sweep_job, &job);
    if (failed(st)) return st;
    *ret_more = job.more;
    return st;
}

struct events_sweeper *events_sweeper_postgres(struct arena *arena, struct postgres *db)
{
    struct postgres_events_sweeper *sweeper = arena_new(arena, struct postgres_events_sweeper);

    sweeper->db = db;
    sweeper->port.sweep = sweep;
    return &sweeper->port;
}
