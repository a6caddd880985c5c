/* SPDX-License-Identifier: Apache-2.0 */
/* Only one process at a time may open a database: it takes the database's lock first.
 *
 *     st = sqlite_lock_try(arena, "data/order.db", &lock, &holder);
 *     lock                      it is ours until sqlite_lock_free or the end of the process
 *     NULL                      another process has it, which `holder` names
 *     sqlite_lock_announce(lock, "127.0.0.1:5003")     the address where others reach its service
 *
 * It is an operating system lock on a separate file, data/order.db.lock, so it ends with the
 * process, however that ends; the file stays. The file names the holder and its address. SQLite's
 * own locks on the database are not affected.
 *
 * The lock excludes SQLite's WAL-reset bug (present up to 3.51.2), which needs a checkpoint that
 * starts when the whole log has been copied, while another connection restarts the log. In one
 * process there is one writer thread. It starts a concurrent checkpoint only while some pages of
 * the log are not copied yet, when the log can't be restarted, and it waits for its own
 * checkpoints. A concurrent backup only reads. */
#ifndef STORE_SQLITE_LOCK_H
#define STORE_SQLITE_LOCK_H

#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct sqlite_lock;

struct sqlite_holder {
    int64_t pid;         /* 0: not known yet */
    const char *address; /* where it serves, in the arena; "" if it does not serve, or not yet */
};

/* Never waits. FAILED_PRECONDITION if the file cannot be made or locked. Owned. */
struct status sqlite_lock_try(struct arena *arena, const char *path, struct sqlite_lock **ret_lock,
                              struct sqlite_holder *ret_holder);
void sqlite_lock_announce(struct sqlite_lock *lock, const char *address);
/* Releases the lock; does nothing for NULL. */
void sqlite_lock_free(struct sqlite_lock *lock);

#endif
