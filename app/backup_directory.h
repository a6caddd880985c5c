/* SPDX-License-Identifier: Apache-2.0 */
/* The directory that backups lie in, each in one of its own that is named by its time. For the
 * files backup*.c only. */
#ifndef APP_BACKUP_DIRECTORY_H
#define APP_BACKUP_DIRECTORY_H

#include <stdint.h>

#include "app/backup.h"

/* "20261129T074543.120Z": names sort as times do. */
enum { BACKUP_NAME_SIZE = 32 };
void backup_name(int64_t time_us, char ret_name[BACKUP_NAME_SIZE]);

/* Makes the directory if it is not there, and keeps other backups out of it until *ret_lock is
 * closed: ABORTED if one is at work. */
struct status backup_directory_lock(struct arena *arena, const char *path, int *ret_lock);

/* Removes what backups left that did not come to their end. With the lock. */
void backup_directory_tidy(struct arena *arena, const char *path);

/* Removes the oldest whole backups until `keep` are left; how many that were. With the lock. */
size_t backup_directory_rotate(struct arena *arena, const char *path, size_t keep);

#endif
