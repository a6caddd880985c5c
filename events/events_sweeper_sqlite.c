/* SPDX-License-Identifier: Apache-2.0 */
/* Removes old rows of events and idempotency keys, a few at a time, oldest first. */
#include "events/events_sqlite.h"

#include "base/clock.h"

enum {
    SWEEP_ROWS = 128,      /* rows of one table that one statement looks at */
    SWEEP_ROUNDS_MAX = 64, /* rounds of such statements in one sweep */
    SWEEP_US = 3000,       /* how long one sweep may occupy the writer */
};

struct sqlite_events_sweeper {
    struct events_sweeper port; /* first */
    struct sqlite *db;
};

/* A condition on a row of the outbox: every known group has passed it. */
#define ALL_HAVE_PASSED \
    "NOT EXISTS (SELECT 1 FROM outbox_offsets WHERE topic = aggregatetype AND offset < seq)"

struct sweep {
    int64_t before_us, keys_before_us;
    bool more;
};

/* Looks at the oldest row of each table, so that a sweep which finds nothing costs no commit. */
static struct status find_old(const struct call *call, struct sqlite *db, const struct sweep *sweep,
                              bool *ret_found)
{
    struct sqlite_rows rows;

    struct status st = sqlite_read(
        call, db, &rows,
        "SELECT (SELECT time_us < ?1 AND " ALL_HAVE_PASSED " FROM outbox ORDER BY seq LIMIT 1)"
        " OR (SELECT time_us FROM inbox ORDER BY seq LIMIT 1) < ?1"
        " OR (SELECT time_us FROM idempotency ORDER BY seq LIMIT 1) < ?2"
        " OR EXISTS (SELECT 1 FROM dead_letters WHERE state = 2 AND died_us < ?1)",
        "ll", sweep->before_us, sweep->keys_before_us);
    if (failed(st)) return st;
    *ret_found = sqlite_next(&rows) && sqlite_column_i64(&rows, 0) != 0;
    sqlite_end(&rows);
    return rows.status;
}

/* Looks at the first SWEEP_ROWS rows of each table and removes the old ones. *ret_more: in one
 * table all of them were old. */
static struct status sweep_round(struct sqlite_tx *tx, const struct sweep *sweep, bool *ret_more)
{
    int outbox = 0, inbox = 0, keys = 0, letters = 0;
    struct status st;

    st = sqlite_exec(tx, &outbox,
                     "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox ORDER BY seq LIMIT ?)"
                     " AND time_us < ? AND " ALL_HAVE_PASSED,
                     "il", SWEEP_ROWS, sweep->before_us);
    if (!failed(st))
        st = sqlite_exec(
            tx, &inbox,
            "DELETE FROM inbox WHERE seq IN (SELECT seq FROM inbox ORDER BY seq LIMIT ?)"
            " AND time_us < ?",
            "il", SWEEP_ROWS, sweep->before_us);
    if (!failed(st))
        st = sqlite_exec(tx, &keys,
                         "DELETE FROM idempotency WHERE seq IN"
                         " (SELECT seq FROM idempotency ORDER BY seq LIMIT ?) AND time_us < ?",
                         "il", SWEEP_ROWS, sweep->keys_before_us);
    if (!failed(st))
        st = sqlite_exec(tx, &letters,
                         "DELETE FROM dead_letters WHERE letter_id IN (SELECT letter_id"
                         " FROM dead_letters WHERE state = 2 AND died_us < ? LIMIT ?)",
                         "li", sweep->before_us, SWEEP_ROWS);
    if (failed(st)) return st;
    *ret_more = outbox == SWEEP_ROWS || inbox == SWEEP_ROWS || keys == SWEEP_ROWS ||
                letters == SWEEP_ROWS;
    return st;
}

static struct status sweep_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    int64_t begun_us = clock_monotonic_us();
    struct sweep *sweep = data;
    struct status st = status_ok();

    sweep->more = true;
    for (int round = 0; round < SWEEP_ROUNDS_MAX && sweep->more && !failed(st); round++) {
        if (clock_monotonic_us() - begun_us >= SWEEP_US) break;
        st = sweep_round(tx, sweep, &sweep->more);
    }
    return st;
}

/* Idempotency records are kept for a day at least, however short the retention of the rest. */
static struct status sweep(struct call *call, struct events_sweeper *sweeper, int64_t before_us,
                           bool *ret_more)
{
    struct sqlite *db = ((struct sqlite_events_sweeper *)sweeper)->db;
    struct sweep job = {before_us, clock_now_us() - IDEMPOTENCY_KEPT_US, false};
    bool found = false;

    struct status st = find_old(call, db, &job, &found);
    if (!failed(st) && found) st = sqlite_write(call, db, sweep_job, &job);
    if (failed(st)) return st;
    *ret_more = job.more;
    return st;
}

struct events_sweeper *events_sweeper_sqlite(struct arena *arena, struct sqlite *db)
{
    struct sqlite_events_sweeper *sweeper = arena_new(arena, struct sqlite_events_sweeper);

    sweeper->db = db;
    sweeper->port.sweep = sweep;
    return &sweeper->port;
}
