/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite as the embedded store: one file per service, WAL, synchronous=FULL; one reader per shard,
 * one writer thread.
 *
 *     st = sqlite_open(&arena, shards, path, migrations, &db);
 *
 *     static struct status save(const struct call *call, struct sqlite_tx *tx, void *data)
 *     {
 *         return sqlite_exec(tx, 0, "UPDATE ...", ...);
 *     }
 *     st = sqlite_write(call, db, save, &cart);       suspends; OK means: committed and on the disk
 *
 *     st = sqlite_read(call, db, &rows, "SELECT ... WHERE email = ?", "t", email);
 *     while (sqlite_next(&rows)) ... sqlite_column_text(...)      point reads, on the shard itself
 *
 * Writers wait in one queue. All jobs that wait when the writer thread is free become one
 * transaction with one fsync: a job that fails is undone alone, the others commit, and no job is
 * answered before the commit is durable. Readers of the same process see a write as soon as
 * sqlite_write has returned. In a simulation (fiber/simulation.h) writer and scanner work on the
 * shard's thread.
 *
 * Statements are prepared once per connection and found again by the address of their text: pass
 * string literals (or text that lives as long as the database). Errors are translated here: a
 * violated UNIQUE or PRIMARY KEY is ALREADY_EXISTS, a violated CHECK, FOREIGN KEY or trigger
 * FAILED_PRECONDITION, a full disk RESOURCE_EXHAUSTED (STORE_FULL), a locked database UNAVAILABLE
 * (STORE_BUSY), damage DATA_LOSS (STORE_DAMAGED), everything else INTERNAL. The outcome of a write
 * is known here, unless the disk fails to sync it: UNAVAILABLE (STORE_OUTCOME_UNKNOWN), because it is
 * undone but could be there after a power cut. Tests lose answers on purpose (sqlite_fate.h). */
#ifndef STORE_SQLITE_SQLITE_H
#define STORE_SQLITE_SQLITE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "fiber/call.h"
#include "fiber/lane.h"
#include "fiber/shard.h"

struct sqlite;
struct statement;
struct sqlite_tx;

/* Migrations in order; each is one or more statements and runs once, in a transaction that also
 * records its number. The table ends with NULL; new migrations are only ever added at its end. */
typedef const char *const sqlite_migrations[];

/* Opens or creates the file (mode 0600; its folder must exist) and applies the missing migrations.
 * FAILED_PRECONDITION (STORE_NEWER) if the file was made by a newer program, DATA_LOSS if it is
 * damaged; messages name the file. Blocks, so only for the start. `path` ":memory:" is an empty
 * database for tests, which sqlite_close deletes and which is never synced; it is a file in $TMPDIR
 * or /tmp and otherwise behaves like any other. Owned. */
struct status sqlite_open(struct arena *arena, struct shards *shards, const char *path,
                          const char *const *migrations, struct sqlite **ret_db);

/* The same, but changes nothing: FAILED_PRECONDITION (STORE_NOT_PREPARED) if the file does not
 * exist or lacks migrations. */
struct status sqlite_open_prepared(struct arena *arena, struct shards *shards, const char *path,
                                   const char *const *migrations, struct sqlite **ret_db);

/* Checkpoints and closes the database. Call it after the shards have been joined, or when none of
 * them uses it any more.
 */
void sqlite_close(struct sqlite *db);

/* PRAGMA quick_check; DATA_LOSS with the fault that was found. Blocks. */
struct status sqlite_verify(struct arena *arena, struct sqlite *db);

/* One job of the writer: runs on the writer thread while the caller's fiber waits, in the
 * transaction of its group. A failed status undoes this job alone and is returned by sqlite_write.
 * To undo a job that has written, the whole group starts again; so a job may run twice, and must
 * set its results in `data` each time.
 *
 * `call` is a copy of the caller's for the other thread: its arena lives as long as the caller's
 * but is a separate one, because siblings of the caller's fiber may allocate at the same time; its
 * fiber and parent are NULL. The job may access what `data` points to, and no other state of the
 * shard.
 */
typedef struct status sqlite_job(const struct call *call, struct sqlite_tx *tx, void *data);

/* Queues the job and waits until its group is on the disk. RESOURCE_EXHAUSTED (QUEUE_FULL) at once
 * if SQLITE_QUEUE_MAX jobs wait already. Deadline and cancellation withdraw the job while it is
 * queued; once it has begun, the caller waits for it. When the commit fails, every job of the group
 * fails with it.
 */
enum { SQLITE_QUEUE_MAX = 4096 };
struct status sqlite_write(struct call *call, struct sqlite *db, sqlite_job *job, void *data);

/* Calls fn(data) on the writer thread after each commit in which a job has called
 * sqlite_tell_commit: once per group, before its jobs are answered. fn must not wait. Call this
 * once per database, before the shards run. */
void sqlite_on_commit(struct sqlite *db, void (*fn)(void *data), void *data);

/* Values are bound by a format with one letter for each: t const char * (NULL binds NULL), s struct
 * str, i int (32 bit), l int64_t, d double, b struct str as a blob, n NULL (no argument). The
 * format must have one letter for each parameter. Texts and blobs are borrowed until the rows
 * end. */

/* Inside a job: requests a call of sqlite_on_commit's function after this commit. */
void sqlite_tell_commit(struct sqlite_tx *tx);

/* Inside a job: runs a statement that returns no rows; ret_changes may be NULL. */
struct status sqlite_exec(struct sqlite_tx *tx, int *ret_changes, const char *sql,
                          const char *format, ...);

/* Rows of a running query; all reading functions return arena memory. Always end with sqlite_end
 * (sqlite_next does it after the last row and on an error). Rows that a job leaves open end with
 * the job, those that a fiber leaves open on its shard end with the turn of the loop; using them
 * afterwards is INTERNAL. */
struct sqlite_rows {
    struct statement *statement; /* NULL once they have ended */
    struct arena *arena;
    uint32_t lease;
    struct status status; /* why sqlite_next stopped: OK at the end of the rows */
};

/* Inside a job: a query, which sees the job's own writes. */
struct status sqlite_query(struct sqlite_tx *tx, struct sqlite_rows *ret_rows, const char *sql,
                           const char *format, ...);

/* On the shard's own connection: for point reads and short ranges. Never suspends. Rows must be
 * read (or ended) before the fiber suspends. All reads in one turn of the shard's loop see one
 * state of the database, unless this process commits in between: then the next read sees that
 * commit too.
 */
struct status sqlite_read(const struct call *call, struct sqlite *db, struct sqlite_rows *ret_rows,
                          const char *sql, const char *format, ...);

/* For scans and searches: the job runs in the database's reader lane, on a connection of the lane
 * and in one read transaction, while the fiber waits; for `call` see sqlite_job. The call's
 * deadline and its cancellation interrupt a running statement: DEADLINE_EXCEEDED, CANCELLED. */
typedef struct status sqlite_scan_job(const struct call *call, struct sqlite_tx *tx, void *data);
struct status sqlite_scan(struct call *call, struct sqlite *db, sqlite_scan_job *job, void *data);

/* The same for background work, such as an audit of all orders and payments: in a separate lane
 * whose one thread has the lowest priority, so that no scan waits for it. Split the work into many
 * short jobs, because the log can't be copied back past the state that a running job reads. */
struct status sqlite_audit(struct call *call, struct sqlite *db, sqlite_scan_job *job, void *data);

/* Makes a list of texts, which a job binds as "t" to look for all of them in one statement, at less
 * than half the cost of a statement for each:
 *     SELECT p.name FROM json_each(?) AS wanted LEFT JOIN p ON p.id = wanted.value
 *     ORDER BY wanted.key
 * The texts are valid UTF-8. */
const char *sqlite_list(struct arena *arena, const char *const *texts, size_t count);

bool sqlite_next(struct sqlite_rows *rows);
void sqlite_end(struct sqlite_rows *rows);
int64_t sqlite_column_i64(const struct sqlite_rows *rows, int column);
double sqlite_column_double(const struct sqlite_rows *rows, int column);
bool sqlite_column_is_null(const struct sqlite_rows *rows, int column);
char *sqlite_column_text(const struct sqlite_rows *rows,
                         int column); /* arena, NUL-terminated; "" for NULL */
struct str sqlite_column_blob(const struct sqlite_rows *rows, int column); /* arena */
struct str sqlite_column_view(const struct sqlite_rows *rows,
                              int column); /* borrowed until the next row or end */

/* A number that changes with every commit of this process, and with every one of another process
 * that it has noticed (it checks once per turn). For caches on a shard: data read after asking for
 * the number may be kept until the number changes. Never 0. On the shard's thread. */
uint64_t sqlite_generation(const struct call *call, struct sqlite *db);

struct sqlite_stats {
    uint64_t commits, jobs,
        jobs_failed; /* jobs / commits is the mean group size; failed jobs count as jobs too */
    size_t waiting;
};
void sqlite_stats(const struct sqlite *db, struct sqlite_stats *ret_stats);

#endif
