/* SPDX-License-Identifier: Apache-2.0 */
/* Backups of a shop: all its databases as of one moment (store/sqlite/moment.h), and its keys.
 *
 * A backup is a directory named after its time, DIR/20261129T074543.120Z, with a copy of each
 * database (order.db), the keys, and a manifest with the checksums. It is written as
 * DIR/.NAME.partial, synced, and renamed, so a directory with such a name is always complete, even
 * if the program was killed. */
#ifndef APP_BACKUP_H
#define APP_BACKUP_H

#include "app/backup_manifest.h"
#include "base/config.h"

/* The stores of this machine, as the settings name them. */
struct backup_store {
    const char *service, *path;
};

struct backup_stores {
    const char *data_dir;
    struct backup_store stores[BACKUP_FILES_MAX / 2];
    size_t count;
};

/* `only` names services, separated by commas; NULL: all. INVALID_ARGUMENT for a name that is not a
 * service with a store, and for a store that is not an SQLite file. */
struct status backup_find_stores(struct arena *arena, const struct config *config, const char *only,
                                 struct backup_stores *ret_stores);

struct backup_options {
    const char *directory; /* created if it does not exist */
    int64_t keep;          /* remove the oldest backups beyond this number; 0: keep all */
    bool terminal;         /* show progress on standard error */
};

struct backup_result {
    const char *path;
    int64_t size, held_us;
    size_t removed; /* old backups */
};

struct status backup_make(struct arena *arena, const struct backup_stores *stores,
                          const struct backup_options *options, struct backup_result *ret_result);

/* Finds the backup at a path: the directory itself if it is a backup, else the newest one in it.
 * NOT_FOUND if there is none. */
struct status backup_find(struct arena *arena, const char *path, const char **ret_backup);

/* Reads all files: checks sizes and checksums, and has SQLite check each database. */
struct status backup_verify(struct arena *arena, const char *backup,
                            struct backup_manifest *ret_manifest);

/* RESOURCE_EXHAUSTED, saying how much is needed and free, if the disk has too little room. */
struct status backup_check_room(struct arena *arena, const char *directory, int64_t needed);

/* Copies a file of any size, with mode 0600, and syncs it. The new file must not exist. */
struct status backup_copy_file(struct arena *arena, const char *from, const char *to);
struct status backup_sync_directory(struct arena *arena, const char *path);
/* Removes a directory of files, as far as it can. */
void backup_remove_directory(struct arena *arena, const char *path);

#endif
