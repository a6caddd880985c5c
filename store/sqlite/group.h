/* SPDX-License-Identifier: Apache-2.0 */
/* A group: the jobs that share one transaction and one fsync. Private to this folder; writer.c
 * makes the groups.
 *
 *     BEGIN IMMEDIATE, each job, COMMIT
 *
 * A job that fails before it has written anything just drops out. If one fails later, the group is
 * rolled back and starts again, now with SAVEPOINT, job, and RELEASE or ROLLBACK TO for each.
 * Savepoints from the start would cost every job a copy of each page that it changes. */
#ifndef STORE_SQLITE_GROUP_H
#define STORE_SQLITE_GROUP_H

#include "fiber/fiber.h"
#include "store/sqlite/database.h"

struct job {
    struct job *next,
        *previous; /* in the queue; then `next` alone links its group and its shard's answer */
    sqlite_job *fn;
    void *data;
    struct call call; /* lent to the writer thread */
    struct status status;
    bool begun; /* under the mutex */
    bool tell;  /* on_commit is to be called */

    /* On the shard's thread: */
    struct shard *shard;
    struct shard_message message;
    struct fiber_wait wait;
    bool answered;
};

/* Runs the jobs (linked by `next`), sets the status of each, and commits those that have not
 * failed. An error means that the transaction has not become durable, and nothing of it remains.
 * `twice` rolls back and starts again in any case, for simulations. The arena is for the messages
 * of the group's own failures. */
struct status group_commit(struct connection *connection, struct arena *arena, struct job *group,
                           bool twice);

/* After the commit: the jobs fail with STORE_OUTCOME_UNKNOWN if their answer is to be lost
 * (sqlite_fate.h). */
void group_lose_answer(const char *path, struct job *group);

#endif
