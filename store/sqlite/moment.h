/* SPDX-License-Identifier: Apache-2.0 */
/* Copies several databases as they were at one moment, while other processes (or this one) continue
 * to write to them.
 *
 *     st = sqlite_moment_new(&arena, paths, count, &moment);
 *     for (i...) st = sqlite_moment_copy(&arena, moment, i, copies[i], &progress);
 *     sqlite_moment_free(moment);
 *
 * sqlite_moment_new takes the write lock of each database. Once it holds all of them no write
 * transaction is open, so the databases are consistent with each other: every event that a consumer
 * has handled is in its producer's database. It then begins a read transaction on each and releases
 * the locks; writes wait for some milliseconds meanwhile. The read transactions keep seeing that
 * moment, and the copies are made from them. Until sqlite_moment_free the logs (WAL) of the
 * databases cannot be restarted, and grow with every write.
 *
 * It neither writes to the databases nor checkpoints them. All functions block; they are for tools
 * that run beside the shop, not for its shards. */
#ifndef STORE_SQLITE_MOMENT_H
#define STORE_SQLITE_MOMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct sqlite_moment;

enum {
    SQLITE_MOMENT_MAX = 32,          /* databases */
    SQLITE_MOMENT_HOLD_US = 100000,  /* the longest time for which one attempt blocks the writers */
    SQLITE_MOMENT_WAIT_US = 30000000 /* give up when no attempt has succeeded for this long */
};

/* The files must exist (NOT_FOUND) and be ours (FAILED_PRECONDITION). UNAVAILABLE (STORE_BUSY) if
 * the write locks cannot be taken together. Paths are borrowed for the moment's life. Owned. */
struct status sqlite_moment_new(struct arena *arena, const char *const *paths, size_t count,
                                struct sqlite_moment **ret_moment);
/* Does nothing for NULL. */
void sqlite_moment_free(struct sqlite_moment *moment);

/* How long the writers were blocked: from the first lock of the successful attempt until the last
 * one was released. */
int64_t sqlite_moment_held_us(const struct sqlite_moment *moment);
/* The size of a database in bytes, which is that of its copy, and the number of its migrations. */
int64_t sqlite_moment_size(const struct sqlite_moment *moment, size_t index);
int64_t sqlite_moment_version(const struct sqlite_moment *moment, size_t index);

struct sqlite_progress {
    void (*fn)(void *data, int64_t copied); /* bytes; NULL: not called */
    void *data;
};

/* Writes a new file (mode 0600), which must not exist, without syncing it. On failure an incomplete
 * file is left behind. */
struct status sqlite_moment_copy(struct arena *arena, struct sqlite_moment *moment, size_t index,
                                 const char *path, const struct sqlite_progress *progress);

/* Checks a copy that is not open elsewhere, without creating files beside it: DATA_LOSS
 * (STORE_DAMAGED) if SQLite finds a fault in it. */
struct status sqlite_check_copy(struct arena *arena, const char *path, int64_t *ret_version);

/* Can the database be opened and read now? Opens a new connection, which takes a fraction of a
 * millisecond; the errors are those of sqlite.h. */
struct status sqlite_check_reading(struct arena *arena, const char *path);

#endif
