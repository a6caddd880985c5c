/* SPDX-License-Identifier: Apache-2.0 */
/* A disk in memory that forgets, in a crash, what was not synced.
 *
 *     disk = sim_disk_new("shop", seed)
 *     sim_file_*, sim_disk_*         as a program uses files
 *     sim_disk_freeze(disk)          the crash: whatever the old process still does has no effect
 *                                    and returns SIM_DISK_GONE
 *     sim_disk_recover(disk)         once it has closed its files: what survived is there
 *
 * A file has the bytes that were synced, and after them a list of what was written since. In a
 * crash, each piece (SIM_DISK_PIECE bytes at most, of one write) of that list reaches the disk or
 * does not: none of them, all, or any subset of them, as the seed says. The same holds for a
 * shorter length, and for names that were made or deleted. Syncing a file with a new name also
 * syncs its folder, as SQLite does for its journals.
 *
 * sim_disk_crash_after and sim_disk_fail_after crash and fail in the middle of an operation: at the
 * n-th change from now on. */
#ifndef TESTS_SIM_SIM_DISK_H
#define TESTS_SIM_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_DISK_PIECE = 512 };

enum sim_disk_result { SIM_DISK_OK, SIM_DISK_GONE, SIM_DISK_FULL, SIM_DISK_BROKEN };

struct sim_disk;
struct sim_file;

/* `name` is static: the folder at the beginning of its files' paths. Owned. */
struct sim_disk *sim_disk_new(const char *name, uint64_t seed);
/* No file may be open. NULL is fine. */
void sim_disk_free(struct sim_disk *disk);
const char *sim_disk_name(const struct sim_disk *disk);

/* ---- crashes and faults ---- */

/* The disk freezes at the n-th change from now on (1: the next), half of the times after it took
 * effect; on_crash(data) is told. 0: never. */
void sim_disk_crash_after(struct sim_disk *disk, uint64_t changes, void (*on_crash)(void *data),
                          void *data);
void sim_disk_freeze(struct sim_disk *disk);
bool sim_disk_is_frozen(const struct sim_disk *disk);
void sim_disk_recover(struct sim_disk *disk);

/* From the n-th change from now on, `count` changes fail with `result`. A write that does not find
 * room is short: its first half is written. After a sync that is SIM_DISK_BROKEN, what was written
 * before it can still be read, but has reached the disk only in pieces, and no later sync writes it
 * again, as on Linux. */
void sim_disk_fail_after(struct sim_disk *disk, uint64_t changes, uint64_t count,
                         enum sim_disk_result result);

/* Changes that were made or tried, ever. */
uint64_t sim_disk_changes(const struct sim_disk *disk);

/* ---- names ---- */

/* The file of this name; made if `create`. NULL: there is none, or the disk is frozen. `path` NULL
 * is a new file without a name. Owned: sim_file_close. */
struct sim_file *sim_disk_open(struct sim_disk *disk, const char *path, bool create);
bool sim_disk_has(const struct sim_disk *disk, const char *path);
/* 0 also for a file that there is not. */
uint64_t sim_disk_length(const struct sim_disk *disk, const char *path);
/* `durable`: the folder is synced. Fine when there is none. */
enum sim_disk_result sim_disk_delete(struct sim_disk *disk, const char *path, bool durable);

/* ---- files ---- */

void sim_file_close(struct sim_file *file);
struct sim_disk *sim_file_disk(const struct sim_file *file);
/* What is past the end reads as zeros; *ret_read is what was there. */
enum sim_disk_result sim_file_read(const struct sim_file *file, void *ret_data, size_t size,
                                   uint64_t offset, size_t *ret_read);
enum sim_disk_result sim_file_write(struct sim_file *file, const void *data, size_t size,
                                    uint64_t offset);
enum sim_disk_result sim_file_truncate(struct sim_file *file, uint64_t length);
enum sim_disk_result sim_file_sync(struct sim_file *file);
uint64_t sim_file_length(const struct sim_file *file);

/* Room for whoever serves the file, all zeros at first and after a recovery: locks and shared
 * memory are kept there (sim_vfs.c). */
enum { SIM_FILE_STATE_SIZE = 512 };
void *sim_file_state(struct sim_file *file);

#endif
