/* SPDX-License-Identifier: Apache-2.0 */
/* Backups of a shop: all its databases as of one moment (store/sqlite/moment.h), and its keys.
 *
 * A backup is a directory named by its time, DIR/20261129T074543.120Z, with a copy of each database
 * (order.db), the keys, and a manifest with the checksums. It is written as DIR/.NAME.partial,
 * synced, and renamed: so whatever has the name is whole, however the program ended. */
#ifndef APP_BACKUP_H
#define APP_BACKUP_H

#include "app/backup_manifest.h"
#include "base/config.h"

/* Where the settings say that the stores of this machine are. */
struct backup_store {
    const char *service, *path;
};

struct backup_stores {
    const char *data_dir;
    struct backup_store stores[BACKUP_FILES_MAX / 2];
    size_t count;
};

/* `only` names services with commas between; NULL: all. INVALID_ARGUMENT for a name that is no
 * service with a store, and for a store that is no SQLite file. */
struct status backup_find_stores(struct arena *arena, const struct config *config, const char *only,
                                 struct backup_stores *ret_stores);

struct backup_options {
    const char *directory; /* made if it is not there */
    int64_t keep;          /* remove the oldest until so many are left; 0: keep all */
    bool terminal;         /* show progress on standard error */
};

struct backup_result {
    const char *path;
    int64_t size, held_us;
    size_t removed; /* old backups */
};

struct status backup_make(struct arena *arena, const struct backup_stores *stores,
                          const struct backup_options *options, struct backup_result *ret_result);

/* Finds the backup that a path means: the directory itself if it is a backup, else the newest one
 * in it. NOT_FOUND if there is none. */
struct status backup_find(struct arena *arena, const char *path, const char **ret_backup);

/* Reads everything: sizes, checksums, and SQLite's own check of each database. */
struct status backup_verify(struct arena *arena, const char *backup,
                            struct backup_manifest *ret_manifest);

/* Refuses with what is needed and what is there (RESOURCE_EXHAUSTED). */
struct status backup_check_room(struct arena *arena, const char *directory, int64_t needed);

/* A file of a few bytes, or of gigabytes: mode 0600, synced. The new file must not exist. */
struct status backup_copy_file(struct arena *arena, const char *from, const char *to);
struct status backup_sync_directory(struct arena *arena, const char *path);
/* A directory of files. What cannot be removed stays. */
void backup_remove_directory(struct arena *arena, const char *path);

#endif
