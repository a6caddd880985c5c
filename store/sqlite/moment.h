/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of several databases as they all were at one moment, while other processes (or this one)
 * go on writing to them.
 *
 *     st = sqlite_moment_new(&arena, paths, count, &moment);
 *     for (i...) st = sqlite_moment_copy(&arena, moment, i, copies[i], &progress);
 *     sqlite_moment_free(moment);
 *
 * sqlite_moment_new takes the write lock of each database. Once it holds all of them nobody is
 * inside a transaction, so what the databases hold fits together: whatever a consumer has handled,
 * its producer has too. It then begins a read transaction on each and gives the locks back; a
 * write waits for some milliseconds meanwhile. The read transactions go on seeing that moment, and
 * the copies are made from them. Until sqlite_moment_free the logs (WAL) of the databases cannot
 * begin anew, and grow by what is written.
 *
 * It writes nothing to the databases and never checkpoints them. Everything here blocks and is for
 * programs beside the shop, not for its shards. */
#ifndef STORE_SQLITE_MOMENT_H
#define STORE_SQLITE_MOMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct sqlite_moment;

enum {
    SQLITE_MOMENT_MAX = 32,          /* databases */
    SQLITE_MOMENT_HOLD_US = 100000,  /* the longest that writers are held for one attempt */
    SQLITE_MOMENT_WAIT_US = 30000000 /* give up when no attempt has succeeded for so long */
};

/* The files must exist (NOT_FOUND) and be ours (FAILED_PRECONDITION). UNAVAILABLE (STORE_BUSY) if
 * the write locks are not to be had together. Paths are borrowed for the moment's life. Owned. */
struct status sqlite_moment_new(struct arena *arena, const char *const *paths, size_t count,
                                struct sqlite_moment **ret_moment);
/* NULL is fine. */
void sqlite_moment_free(struct sqlite_moment *moment);

/* How long the writers were held, from the first lock of the attempt that succeeded to the last
 * that was given back. */
int64_t sqlite_moment_held_us(const struct sqlite_moment *moment);
/* The size of a database in bytes, which is that of its copy, and the number of its migrations. */
int64_t sqlite_moment_size(const struct sqlite_moment *moment, size_t index);
int64_t sqlite_moment_version(const struct sqlite_moment *moment, size_t index);

struct sqlite_progress {
    void (*fn)(void *data, int64_t copied); /* bytes; NULL: nobody wants to know */
    void *data;
};

/* Writes a new file (mode 0600), which must not exist, without a sync. One that fails is left
 * unfinished. */
struct status sqlite_moment_copy(struct arena *arena, struct sqlite_moment *moment, size_t index,
                                 const char *path, const struct sqlite_progress *progress);

/* Checks a copy that nobody has open, without leaving anything beside it: DATA_LOSS
 * (STORE_DAMAGED) if SQLite finds a fault in it. */
struct status sqlite_check_copy(struct arena *arena, const char *path, int64_t *ret_version);

/* Can the database be opened and read now? Opens it anew, which takes a fraction of a millisecond;
 * the errors are those of sqlite.h. */
struct status sqlite_check_reading(struct arena *arena, const char *path);

#endif
