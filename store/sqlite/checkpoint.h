/* SPDX-License-Identifier: Apache-2.0 */
/* Copies the log (WAL) of a database back into its file, each page once however often the log has
 * it. For this folder only.
 *
 * checkpoint_start copies on a thread and a connection of its own, beside the writer, which goes on
 * meanwhile: what it adds to the log then is left over. checkpoint_run copies here and now. A copy
 * waits for nobody: pages that a reader may still need stay for the next time. One that fails loses
 * nothing, the log only grows; it is told once. Used by one thread. */
#ifndef STORE_SQLITE_CHECKPOINT_H
#define STORE_SQLITE_CHECKPOINT_H

#include <pthread.h>

#include "store/sqlite/connection.h"

struct checkpoint {
    const char *path; /* borrowed */
    int copied;       /* pages of the log that the last one found to be in the file, or 0 */
    bool runs;        /* the thread is not joined yet */
    bool fails;
    /* The thread's until it has ended: */
    pthread_t thread;
    int code, found;
    _Atomic bool ended;
};

/* False, and nothing done, if there is no thread to be had. Not while one runs. */
bool checkpoint_start(struct checkpoint *checkpoint);
/* True while the thread is at it. */
bool checkpoint_is_running(struct checkpoint *checkpoint);
/* Waits for the thread, if there is one. */
void checkpoint_wait(struct checkpoint *checkpoint);

void checkpoint_run(struct checkpoint *checkpoint, struct connection *connection);

#endif
