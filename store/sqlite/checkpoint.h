/* SPDX-License-Identifier: Apache-2.0 */
/* Copies the log (WAL) of a database back into its file; each page is copied once, no matter how
 * often it is in the log. Private to this folder.
 *
 * checkpoint_start copies on its own thread and connection while the writer continues; pages that
 * the writer adds meanwhile are left over. checkpoint_run copies on the calling thread. Neither
 * waits for readers: pages that a reader may still need are left for the next time. A failed
 * checkpoint loses nothing, the log only grows; the failure is logged once. After a failed sync the
 * next checkpoint copies the whole log again. Used by one thread. */
#ifndef STORE_SQLITE_CHECKPOINT_H
#define STORE_SQLITE_CHECKPOINT_H

#include <pthread.h>

#include "store/sqlite/connection.h"

struct checkpoint {
    const char *path; /* borrowed */
    int copied;       /* pages of the log that are in the file according to the last checkpoint, or
                       * 0 */
    bool runs;        /* the thread is not joined yet */
    bool fails;
    bool unsure; /* a sync failed, so pages that count as copied may not be on the disk */
    /* Owned by the thread until it has ended: */
    pthread_t thread;
    int code, found;
    _Atomic bool ended;
};

/* `connection` is the writer's. False if no thread can be created. Must not be called while a
 * checkpoint runs. */
bool checkpoint_start(struct checkpoint *checkpoint, struct connection *connection);
/* True while the thread is copying. */
bool checkpoint_is_running(struct checkpoint *checkpoint);
/* Waits for the thread, if there is one. */
void checkpoint_wait(struct checkpoint *checkpoint);

void checkpoint_run(struct checkpoint *checkpoint, struct connection *connection);

/* Before the writer's connection is closed, which copies the rest of the log and removes it. */
void checkpoint_end(struct checkpoint *checkpoint, struct connection *connection);

#endif
