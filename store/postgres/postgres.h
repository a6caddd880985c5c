/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL (14 or newer) as a store, over libpq, which is loaded when the first URL asks for it.
 *
 *     st = postgres_new(arena, shards, "postgres://shop:secret@db/shop", "order", &db);
 *     st = postgres_open(call, db);                       UNAVAILABLE while the server is away
 *     st = postgres_prepare(call, db, migrations);        or postgres_check_prepared
 *     postgres_serve(db);
 *
 *     static struct status change(struct call *call, struct postgres_tx *tx, void *data)
 *     {
 *         postgres_query(tx, &rows, "SELECT ... WHERE order_id = $1 FOR UPDATE", "t", order_id);
 *         if (!postgres_next(call, &rows)) return failed(rows.status) ? rows.status : not_found();
 *         ... decide ...
 *         postgres_exec(tx, "UPDATE ... WHERE number = $1", "l", number);
 *         return status_ok();
 *     }
 *     st = postgres_write(call, db, change, &data);        OK means: committed
 *
 *     st = postgres_read(call, db, &rows, "SELECT ... WHERE email = $1", "t", email);
 *     while (postgres_next(call, &rows)) ... postgres_column_text(&rows, 0) ...
 *
 * A change is two round trips. postgres_query and postgres_exec only queue statements; they are
 * sent together when the first rows are asked for (with BEGIN before them), and with the COMMIT. So
 * queue all queries first, then ask for their rows.
 *
 * Each service has a schema of its own in the database, with the store's name. Statements use
 * names without a schema. They are prepared once per connection and found again by the address of
 * their text: pass string literals (or text that lives as long as the database).
 *
 * Each shard has a pool of connections. A call that finds all of them busy waits in a queue with a
 * limit (QUEUE_FULL). Deadline and cancellation end every wait; a call without a deadline gets
 * POSTGRES_TIMEOUT_MS. While the server does not answer, a breaker (store/breaker.h) refuses calls
 * at once.
 *
 * Errors are translated here: a violated UNIQUE or PRIMARY KEY is ALREADY_EXISTS, a violated CHECK
 * or FOREIGN KEY FAILED_PRECONDITION, a full disk RESOURCE_EXHAUSTED (STORE_FULL), conflicts that
 * persist UNAVAILABLE (STORE_BUSY), a server that cannot be reached, or that has become a standby,
 * UNAVAILABLE (STORE_UNREACHABLE), damage DATA_LOSS (STORE_DAMAGED), everything else INTERNAL. A
 * commit whose answer was lost and whose outcome could not be found out before the deadline is
 * UNAVAILABLE (STORE_OUTCOME_UNKNOWN).
 *
 * The URL is one of libpq's, with all of its options (several hosts, sslmode, sslrootcert,
 * passfile ...) and three of ours:
 *     pool_max=16      connections of this process at most, shared by its shards
 *     schema=order     another schema than the store's name
 *     pgbouncer=true   the server is PgBouncer in transaction mode: statements are not prepared,
 *                      nothing is set per session, and other processes' commits are noticed by
 *                      the bus's tick instead of LISTEN
 * Unless the URL says otherwise, only a server that accepts writes is used, and dead connections
 * are noticed by TCP keepalives and tcp_user_timeout within 15 seconds. */
#ifndef STORE_POSTGRES_POSTGRES_H
#define STORE_POSTGRES_POSTGRES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "fiber/call.h"
#include "fiber/shard.h"
#include "store/breaker.h"
#include "store/findings.h"

struct postgres;
struct postgres_tx;
struct postgres_request;

enum {
    POSTGRES_TIMEOUT_MS = 10000,
    POSTGRES_POOL_MAX = 16,      /* connections of a process, unless the URL says otherwise */
    POSTGRES_WAITERS_MAX = 1024, /* calls of one shard that wait for a connection */
    POSTGRES_ON_COMMIT_MAX = 4,
    POSTGRES_TRIES_MAX = 50, /* runs of one job because of conflicts */
};

/* Reads the URL and loads libpq; reaches nobody. `name` is the store's: it names it in messages
 * ("the order service's store") and metrics. INVALID_ARGUMENT (SETTING_INVALID) for a URL that
 * libpq refuses, FAILED_PRECONDITION (SETTING_INVALID) if libpq is not installed. Owned. */
struct status postgres_new(struct arena *arena, struct shards *shards, const char *url,
                           const char *name, struct postgres **ret_db);

/* Connects once, and checks the server's version. UNAVAILABLE if it is not there
 * (STORE_UNREACHABLE), or if user, password, database or a certificate are refused (STORE_REFUSED):
 * call it again later; FAILED_PRECONDITION if it is too old. The messages are for operators and
 * name the host. */
struct status postgres_open(struct call *call, struct postgres *db);

/* Makes the schema and applies the missing migrations, each in a transaction, under a lock that
 * holds for all processes. Each migration is one or more statements and runs once; the table ends
 * with NULL, and new migrations are only ever added at its end. FAILED_PRECONDITION (STORE_NEWER)
 * if a newer program made the schema. */
struct status postgres_prepare(struct call *call, struct postgres *db,
                               const char *const *migrations);
/* Changes nothing: FAILED_PRECONDITION (STORE_NOT_PREPARED) if migrations are missing. */
struct status postgres_check_prepared(struct call *call, struct postgres *db,
                                      const char *const *migrations);

/* Adds the server's version, and a warning for each setting with which acknowledged changes may be
 * lost. */
struct status postgres_check(struct call *call, struct postgres *db,
                             struct store_findings *findings);

/* Opens the store for all. Until then it answers every call with UNAVAILABLE, except those of the
 * fiber that called postgres_open, which may prepare it. */
void postgres_serve(struct postgres *db);

/* After the shards have been joined. Does nothing for NULL. */
void postgres_close(struct postgres *db);

/* What the breakers of the shards share. */
struct breaker_news *postgres_news(struct postgres *db);

/* ---- changes ---- */

/* Runs on the caller's fiber in a transaction (READ COMMITTED: each statement sees what others have
 * committed before it began, so lock what you read with FOR UPDATE). It may run more than once:
 * after a conflict with another transaction (40001, 40P01), a connection that broke before the
 * commit, or a commit that has certainly not been made; so it must set its results in `data` each
 * time. A failed status, or a statement that failed, undoes everything. It must not wait for
 * anything but its own rows, because it holds locks. */
typedef struct status postgres_job(struct call *call, struct postgres_tx *tx, void *data);

struct status postgres_write(struct call *call, struct postgres *db, postgres_job *job, void *data);

/* Calls fn(data) after each commit, of this process or another one, in which a job has called
 * postgres_tell_commit; on any shard's thread, and sometimes without a commit. fn must not wait. At
 * most POSTGRES_ON_COMMIT_MAX functions, added before the shards run. */
void postgres_on_commit(struct postgres *db, void (*fn)(void *data), void *data);
/* Inside a job: requests such a call after this commit. */
void postgres_tell_commit(struct postgres_tx *tx);

/* Every job holds the shared advisory lock with this key before its transaction has an id, and
 * until it ends. So in pg_locks the transactions of this schema's jobs can be told from all
 * others. */
int64_t postgres_jobs_key(const struct postgres *db);

/* Inside a job: 0, 1, 2 ... with each call in this transaction; for keys made of the transaction's
 * id and a number. */
int postgres_tx_number(struct postgres_tx *tx);

/* ---- statements ----
 *
 * Values are bound by a format with one letter for each of $1, $2 ...: t const char * (NULL binds
 * NULL), s struct str, i int (int4), l int64_t (int8), d double (float8), b struct str as bytea, n
 * NULL (no argument). The type of t, s and n is the one that the statement needs there. Texts and
 * blobs are copied when the statement is queued. */

/* Rows of one statement. They, and what the column functions return, live in the arena of the call
 * that asked for them; nothing needs to be ended. */
struct postgres_rows {
    struct postgres_request *request;
    struct arena *arena;
    int row;              /* the present one, -1 before the first */
    struct status status; /* why postgres_next stopped: OK at the end of the rows */
};

/* Inside a job: queues a statement whose rows do not matter. If it fails, so does the commit. */
void postgres_exec(struct postgres_tx *tx, const char *sql, const char *format, ...);

/* Inside a job: queues a query; it sees the job's own writes before it. */
void postgres_query(struct postgres_tx *tx, struct postgres_rows *ret_rows, const char *sql,
                    const char *format, ...);

/* The next row. The first call sends all that is queued and waits. */
bool postgres_next(struct call *call, struct postgres_rows *rows);

/* One statement outside a transaction, in one round trip. It is sent again on another connection if
 * its answer is lost, so it must only read, or change what may be changed twice (a position that
 * only grows); use postgres_write for all others. */
struct status postgres_read(struct call *call, struct postgres *db, struct postgres_rows *ret_rows,
                            const char *sql, const char *format, ...);

/* Integers of any size and booleans; 0 for NULL. A sum of int8 is numeric in PostgreSQL, which is
 * none of these: cast it (sum(x)::int8). */
int64_t postgres_column_i64(const struct postgres_rows *rows, int column);
double postgres_column_double(const struct postgres_rows *rows, int column);
bool postgres_column_is_null(const struct postgres_rows *rows, int column);
/* Text, varchar and uuid, NUL-terminated; "" for NULL. */
const char *postgres_column_text(const struct postgres_rows *rows, int column);
/* bytea, or the bytes of a text; empty with data "" for NULL. */
struct str postgres_column_blob(const struct postgres_rows *rows, int column);
/* How many rows there are, or how many a statement without rows has changed; only after
 * postgres_next has been called. */
int64_t postgres_row_count(const struct postgres_rows *rows);

/* The name in the messages for callers: "the order service's store". */
const char *postgres_shown(const struct postgres *db);
const char *postgres_schema(const struct postgres *db);

#endif
