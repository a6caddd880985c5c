/* SPDX-License-Identifier: Apache-2.0 */
/* A group: the jobs that become one transaction, and durable with one fsync. For this folder only;
 * writer.c makes the groups.
 *
 *     BEGIN IMMEDIATE, each job, COMMIT
 *
 * A job that fails before it has written anything is out of the group, and no more. If one fails
 * after that, the group is rolled back and begins anew, now with SAVEPOINT, job, RELEASE or
 * ROLLBACK TO for each. Savepoints from the start would cost every job a copy of each page that it
 * changes. */
#ifndef STORE_SQLITE_GROUP_H
#define STORE_SQLITE_GROUP_H

#include "fiber/fiber.h"
#include "store/sqlite/database.h"

struct job {
    struct job *next,
        *previous; /* in the queue, then (next alone) in its group and its shard's answer */
    sqlite_job *fn;
    void *data;
    struct call call; /* lent to the writer thread */
    struct status status;
    bool begun; /* under the mutex */
    bool tell;  /* somebody is to be told of the commit */

    /* On the shard's thread: */
    struct shard *shard;
    struct shard_message message;
    struct fiber_wait wait;
    bool answered;
};

/* Runs the jobs (linked by `next`) and commits what has not failed: each has its status then. Fails
 * if the transaction has not become durable: then nothing of it is there. `twice` rolls back and
 * begins anew in any case, for simulations. The arena is for the messages of the group's own
 * failures. */
struct status group_commit(struct connection *connection, struct arena *arena, struct job *group,
                           bool twice);

#endif
