/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite as the embedded store: one file a service, WAL, synchronous=FULL; a reader a shard, one
 * writer lane.
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
 * Writers wait in one queue. Whatever waits when the writer thread is free becomes one transaction
 * and one fsync: a job that fails is undone alone, the others commit, and nobody is answered before
 * the commit is durable. A reader of the same process sees a write as soon as sqlite_write has
 * answered.
 * In a simulation (fiber/simulation.h) writer and scanner work on the shard's thread.
 *
 * Statements are prepared once a connection and found again by the address of their text: pass
 * string literals (or text that lives as long as the database). Drivers translate once: a broken
 * UNIQUE or PRIMARY KEY is ALREADY_EXISTS, a broken CHECK, FOREIGN KEY or trigger
 * FAILED_PRECONDITION, a full disk RESOURCE_EXHAUSTED (STORE_FULL), a locked database UNAVAILABLE
 * (STORE_BUSY), damage DATA_LOSS (STORE_DAMAGED), everything else INTERNAL. */
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

/* Migrations in order; each is one or more statements and runs once, in a transaction with its
 * number's record. The table ends with NULL and only ever grows at its end. */
typedef const char *const sqlite_migrations[];

/* Opens or makes the file (mode 0600; its folder must exist) and brings it to the newest migration.
 * FAILED_PRECONDITION (STORE_NEWER) if the file was made by a newer program, DATA_LOSS if it is
 * damaged; messages name the file. Blocks: for the start only. `path` ":memory:" is an empty
 * database that sqlite_close deletes and nothing syncs, for tests; it is a file in $TMPDIR or /tmp
 * and behaves in all else as every file. Owned. */
struct status sqlite_open(struct arena *arena, struct shards *shards, const char *path,
                          const char *const *migrations, struct sqlite **ret_db);

/* After the shards have been joined, or when none of them uses it any more: checkpoints and closes.
 */
void sqlite_close(struct sqlite *db);

/* PRAGMA quick_check; DATA_LOSS names what is wrong. Blocks. */
struct status sqlite_verify(struct arena *arena, struct sqlite *db);

/* One job of the writer: runs on the writer thread while the caller's fiber waits, in the
 * transaction of its group. A failed status undoes this job alone and becomes the answer of
 * sqlite_write. To undo one that has written, the group begins anew: so a job may run twice, and
 * sets each time anew whatever it leaves in `data`.
 *
 * `call` is a copy of the caller's for the other thread: its arena lives as long as the caller's
 * but is another one, so the job allocates while siblings of the caller's fiber do; its fiber and
 * parent are NULL. The job reads and writes what `data` leads to, and no other state of the shard.
 */
typedef struct status sqlite_job(const struct call *call, struct sqlite_tx *tx, void *data);

/* Queues the job and waits until its group is on the disk. RESOURCE_EXHAUSTED (QUEUE_FULL) at once
 * if SQLITE_QUEUE_MAX jobs wait already. Deadline and cancellation take the job out while it
 * queues; once begun it is waited for. When the commit fails, every job of the group fails with it.
 */
enum { SQLITE_QUEUE_MAX = 4096 };
struct status sqlite_write(struct call *call, struct sqlite *db, sqlite_job *job, void *data);

/* Calls fn(data) on the writer thread after each commit with a job that asked for it by
 * sqlite_tell_commit: once a group, before its jobs are answered. fn must not wait. Once a
 * database, before the shards run. */
void sqlite_on_commit(struct sqlite *db, void (*fn)(void *data), void *data);

/* Values bind by a format, one letter each: t const char * (NULL binds NULL), s struct str, i int
 * (32 bit), l int64_t, d double, b struct str as a blob, n NULL (no argument). Each parameter has a
 * letter. Texts and blobs are borrowed until the rows end. */

/* Inside a job: has sqlite_on_commit's function called after this commit. */
void sqlite_tell_commit(struct sqlite_tx *tx);

/* Inside a job. Runs a statement that answers no rows; ret_changes may be NULL. */
struct status sqlite_exec(struct sqlite_tx *tx, int *ret_changes, const char *sql,
                          const char *format, ...);

/* Rows of a running query; all reading functions give arena memory. Always end with sqlite_end
 * (sqlite_next does it after the last row and on an error). What a job leaves open ends with the
 * job, what a fiber leaves open on its shard ends with the turn of the loop; going on with such
 * rows is INTERNAL. */
struct sqlite_rows {
    struct statement *statement; /* NULL once they have ended */
    struct arena *arena;
    uint32_t lease;
    struct status status; /* why sqlite_next stopped: OK at the end of the rows */
};

/* Inside a job: sees what the job has written. */
struct status sqlite_query(struct sqlite_tx *tx, struct sqlite_rows *ret_rows, const char *sql,
                           const char *format, ...);

/* On the shard's own connection: for point reads and short ranges. Never suspends. Rows must be
 * read (or ended) before the fiber suspends. All reads of one turn of the shard's loop see one
 * state of the database, unless this process commits in between: then the next read sees that too.
 */
struct status sqlite_read(const struct call *call, struct sqlite *db, struct sqlite_rows *ret_rows,
                          const char *sql, const char *format, ...);

/* For scans and searches: the job runs in the database's reader lane, on a connection of the lane
 * and in one read transaction, while the fiber waits; for `call` see sqlite_job. The call's
 * deadline and its cancellation interrupt a running statement: DEADLINE_EXCEEDED, CANCELLED. */
typedef struct status sqlite_scan_job(const struct call *call, struct sqlite_tx *tx, void *data);
struct status sqlite_scan(struct call *call, struct sqlite *db, sqlite_scan_job *job, void *data);

/* The same for what nobody waits for at a screen, as an audit of all books: in a lane of its own
 * whose one thread gives way to all others, so that no scan waits for it. A job is one of many
 * short ones, because the log can't be copied back past the moment that a job reads. */
struct status sqlite_audit(struct call *call, struct sqlite *db, sqlite_scan_job *job, void *data);

bool sqlite_next(struct sqlite_rows *rows);
void sqlite_end(struct sqlite_rows *rows);
int64_t sqlite_column_i64(const struct sqlite_rows *rows, int column);
double sqlite_column_double(const struct sqlite_rows *rows, int column);
bool sqlite_column_is_null(const struct sqlite_rows *rows, int column);
char *sqlite_column_text(const struct sqlite_rows *rows,
                         int column); /* arena, NUL-ended; "" for NULL */
struct str sqlite_column_blob(const struct sqlite_rows *rows, int column); /* arena */
struct str sqlite_column_view(const struct sqlite_rows *rows,
                              int column); /* borrowed until the next row or end */

/* A number that changes with every commit that this process made or has noticed of another (it
 * looks once a turn); for caches on a shard: what was read after asking for the number may be kept
 * while the number stays. Never 0. On the shard's thread. */
uint64_t sqlite_generation(const struct call *call, struct sqlite *db);

struct sqlite_stats {
    uint64_t commits, jobs,
        jobs_failed; /* jobs / commits is the grouping; a job that failed is a job too */
    size_t waiting;
};
void sqlite_stats(const struct sqlite *db, struct sqlite_stats *ret_stats);

#endif
