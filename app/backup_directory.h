/* SPDX-License-Identifier: Apache-2.0 */
/* The directory with the backups, each in a directory of its own named after its time. For the
 * files backup*.c only. */
#ifndef APP_BACKUP_DIRECTORY_H
#define APP_BACKUP_DIRECTORY_H

#include <stdint.h>

#include "app/backup.h"

/* "20261129T074543.120Z": names sort as times do. */
enum { BACKUP_NAME_SIZE = 32 };
void backup_name(int64_t time_us, char ret_name[BACKUP_NAME_SIZE]);

/* Creates the directory if it does not exist, and locks it against other backups until *ret_lock is
 * closed. ABORTED if another backup is running. */
struct status backup_directory_lock(struct arena *arena, const char *path, int *ret_lock);

/* Removes what interrupted backups have left. With the lock. */
void backup_directory_remove_partial(struct arena *arena, const char *path);

/* Removes the oldest complete backups until `keep` are left, and returns how many it removed. With
 * the lock. */
size_t backup_directory_rotate(struct arena *arena, const char *path, size_t keep);

#endif
