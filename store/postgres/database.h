/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of an open store. Private to this folder.
 *     postgres.c      new, open, close, single statements
 *     target.c        the URL
 *     library.c       libpq's functions
 *     link.c          one connection on the shard's loop, with its statements
 *     pool.c          a shard's connections, its breaker, and the calls that wait for them
 *     transaction.c   jobs: two round trips, repeated after conflicts, and what became of a commit
 *     rows.c          values of parameters, and results
 *     migrate.c       the schema and its migrations
 *     listener.c      commits of other processes, by LISTEN and NOTIFY
 *     error.c         SQLSTATE to status */
#ifndef STORE_POSTGRES_DATABASE_H
#define STORE_POSTGRES_DATABASE_H

#include <stdarg.h>
#include <stdatomic.h>

#include "store/breaker.h"
#include "store/postgres/error.h"
#include "store/postgres/link.h"
#include "store/postgres/postgres.h"
#include "store/store_metrics.h"

/* A call that waits for a connection. */
struct postgres_waiter {
    struct postgres_waiter *next, **link; /* `link` NULL: in no queue */
    struct fiber_wait wait;
};

/* One shard's connections. */
struct postgres_pool {
    _Alignas(64) struct postgres *db;
    struct shard *shard;        /* NULL until its first use */
    struct postgres_link *idle; /* the latest used first */
    int count, max;             /* connections, with those that are being opened */
    struct postgres_waiter *waiters, **waiters_end;
    int waiting;
    struct breaker breaker;
    bool counted_open;   /* in the metric of open breakers */
    int64_t answered_us; /* when a call last had an answer */
    size_t host;         /* the one that answered last */
    struct shard_hook hook;
};

struct postgres_listener;

struct postgres {
    const char *name, *shown;
    const struct postgres_library *library;
    struct postgres_target target;
    const char *id_text, *id_and_life_text; /* statements: see transaction.c */
    struct store_metrics metrics;
    atomic_bool serves;
    _Atomic(struct fiber *) opener; /* the fiber that may use it before it serves */
    struct {
        void (*fn)(void *data);
        void *data;
    } on_commit[POSTGRES_ON_COMMIT_MAX];
    int on_commit_count;
    struct postgres_listener *listener; /* see listener.c */
    struct breaker_news news;
    int pool_count;
    struct postgres_pool *pools; /* one per shard */
};

/* ---- transaction.c ---- */

/* Writes the statements that are not the same for each database. */
void postgres_write_statements(struct arena *arena, struct postgres *db);

/* ---- pool.c ---- */

/* A connection for the call's shard: an idle one, or a new one, or the next that becomes free.
 * UNAVAILABLE at once while the breaker is open, RESOURCE_EXHAUSTED (QUEUE_FULL). Give it back with
 * postgres_release. */
struct status postgres_take(struct call *call, struct postgres *db,
                            struct postgres_link **ret_link);
/* Gives a connection back, and reports to the breaker what `st` says about the server. One that is
 * broken or has requests under way is closed. */
void postgres_release(struct call *call, struct postgres *db, struct postgres_link *link,
                      struct status st);

/* ---- rows.c ---- */

/* Reads values by the format; they are borrowed or in the arena. */
void postgres_read_values(struct arena *arena, const char *format, va_list values,
                          struct postgres_values *ret_values);
/* No values. */
extern const struct postgres_values postgres_no_values;

/* ---- transaction.c ---- */

struct postgres_tx {
    struct postgres *db;
    struct postgres_link *link;
    struct arena *arena;
    struct postgres_request *id; /* the query of the transaction's id; NULL: it has not begun */
    bool unsent;                 /* something is queued that no flush was asked for */
    bool tell;
    int number;
};

/* postgres_write with another limit than POSTGRES_TIMEOUT_MS. */
struct status postgres_write_within(struct call *call, struct postgres *db, int64_t timeout_ms,
                                    postgres_job *job, void *data);
/* Sends what is queued and waits for the request. Its status, or that of the statement before it
 * that failed. */
struct status postgres_tx_await(struct call *call, struct postgres_tx *tx,
                                struct postgres_request *request);

/* How often something was run, and how often a connection broke meanwhile. */
struct postgres_tries {
    int count, broken;
};

/* After a run that left nothing behind and failed with a conflict or a broken connection: pauses and
 * returns true if it may be run again. Otherwise *st is what callers are told. */
bool postgres_again(struct call *call, struct postgres *db, struct postgres_tries *tries,
                    struct status *st);

/* ---- listener.c ---- */

/* Begins to listen for commits of other processes, once, on the call's shard. */
void postgres_listener_start(struct call *call, struct postgres *db);
void postgres_listener_free(struct postgres *db);
/* After a commit with postgres_tell_commit: calls on_commit, and tells other processes soon. */
void postgres_committed(struct postgres *db);

#endif
