/* SPDX-License-Identifier: Apache-2.0 */
/* One process at a time works with a database: whoever opens it takes its lock first.
 *
 *     st = sqlite_lock_try(arena, "data/order.db", &lock, &holder);
 *     lock                      it is ours until sqlite_lock_free or the end of the process
 *     NULL                      it is the process's that `holder` names
 *     sqlite_lock_announce(lock, "127.0.0.1:5003")     where others may ask for what is in it
 *
 * It is a lock of the operating system on a file of its own, data/order.db.lock, so it ends with its
 * process, however that ends; the file stays. The file says who has the lock, for people and for
 * the holder's address. SQLite's own locks on the database are not touched.
 *
 * It is what keeps SQLite's WAL-reset fault (present up to 3.51.2) away. That needs a checkpoint
 * that begins when all of the log has been copied, while another connection begins the log anew.
 * With one process there is one writer thread; it starts the checkpoint that runs beside it only
 * while pages of the log are not copied, when the log can't begin anew, and waits for its own
 * checkpoints. A backup beside it only reads. */
#ifndef STORE_SQLITE_LOCK_H
#define STORE_SQLITE_LOCK_H

#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct sqlite_lock;

struct sqlite_holder {
    int64_t pid;         /* 0: it has not said yet */
    const char *address; /* where it serves, arena; "" if it serves nobody, or not yet */
};

/* Never waits. FAILED_PRECONDITION if the file cannot be made or locked. Owned. */
struct status sqlite_lock_try(struct arena *arena, const char *path, struct sqlite_lock **ret_lock,
                              struct sqlite_holder *ret_holder);
void sqlite_lock_announce(struct sqlite_lock *lock, const char *address);
/* Gives the lock back; NULL is fine. */
void sqlite_lock_free(struct sqlite_lock *lock);

#endif
