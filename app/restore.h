/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a backup in the place of a shop that is not running.
 *
 *     <data>/restore.unfinished       made first and locked: no shop starts while it is there
 *     <data>/.restoring/              the copies; checked, opened and migrated here
 *     <data>/before-restore-TIME/     with `force`: what was there before
 *
 * Nothing of the shop is touched before all copies are good. Then "moving" is written to the
 * marker, the files are moved into place, and the marker goes. A restore that was killed before
 * that word changes nothing; after it the shop refuses to start until a restore has succeeded. */
#ifndef APP_RESTORE_H
#define APP_RESTORE_H

#include "app/backup.h"

struct restore_options {
    const char *backup; /* as backup_find answers it */
    bool force;         /* move away what is there */
};

struct restore_result {
    struct backup_manifest manifest;
    const char *moved_to; /* where the files from before are; NULL: there were none */
};

/* `config` is given other settings on the way, and is of no use afterwards. */
struct status restore_shop(struct arena *arena, struct config *config,
                           const struct restore_options *options,
                           struct restore_result *ret_result);

/* FAILED_PRECONDITION while a restore runs, or after one that was killed half way. */
struct status restore_check_finished(struct arena *arena, const char *data_dir);

#endif
