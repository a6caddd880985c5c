/* SPDX-License-Identifier: Apache-2.0 */
/* Restores a backup in place of a shop that is not running.
 *
 *     <data>/restore.unfinished       the marker; created first and locked: no shop starts with it
 *     <data>/.restoring/              the copies, which are checked, opened and migrated here
 *     <data>/before-restore-TIME/     with `force`: the files from before, but for the databases of
 *                                     services that the backup does not have
 *
 * No file of the shop is touched before all copies have been checked. Then "moving" is written to
 * the marker, the files are moved into place, and the marker is removed. A restore that is killed
 * before that has changed nothing; after it, the shop refuses to start until a restore succeeds.
 *
 * Meanwhile it holds the lock of the data directory, which every process of the shop shares while it
 * runs, and those of the stores (store/sqlite/lock.h). A shop looks for the marker before it takes
 * them and again when it has them, and only then reads its keys, so that it can't start on half a
 * restore, however late the marker was made. */
#ifndef APP_RESTORE_H
#define APP_RESTORE_H

#include "app/backup.h"

struct restore_options {
    const char *backup; /* as backup_find answers it */
    bool force;         /* move the present files away */
};

struct restore_result {
    struct backup_manifest manifest;
    const char *moved_to; /* where the files from before are; NULL: there were none */
    const char *missing;  /* "auth, user": services whose databases the backup lacks; mostly "" */
};

/* Changes `config` on the way, which must not be used afterwards. */
struct status restore_shop(struct arena *arena, struct config *config,
                           const struct restore_options *options,
                           struct restore_result *ret_result);

/* Keeps restores to the directory from beginning until the file is closed. Every process takes part,
 * also one without a store, such as a gateway: it has the keys from there. It looks for the marker
 * again afterwards. FAILED_PRECONDITION while a restore runs. */
struct status restore_keep_out(struct arena *arena, const char *data_dir, int *ret_lock);

/* FAILED_PRECONDITION while a restore runs, or after one that was killed while it moved files. */
struct status restore_check_finished(struct arena *arena, const char *data_dir);

#endif
