/* SPDX-License-Identifier: Apache-2.0 */
/* A VFS that replaces the system's: SQLite's files are on disks in memory (sim_disk.h).
 *
 *     sim_vfs_begin();
 *     sim_vfs_mount(shop); sim_vfs_mount(bank);      "shop/order.db" is a file of the disk "shop"
 *     ... SQLite, through whatever opens its databases ...
 *     sim_vfs_end();
 *
 * Locks and the shared memory of WAL exist as long as the file is open somewhere, so a crash
 * removes them. The connections of the crashed process must be closed before sim_disk_recover;
 * their operations fail and change nothing. Times and random bytes come from the program
 * (base/clock.h, base/random.h); files are not mapped into memory. */
#ifndef TESTS_SIM_SIM_VFS_H
#define TESTS_SIM_SIM_VFS_H

#include "tests/sim/sim_disk.h"

/* Becomes SQLite's default VFS, with no disks. SQLite's own random numbers begin anew. */
void sim_vfs_begin(void);
/* The system's VFS is the default again. */
void sim_vfs_end(void);

/* Borrowed until sim_vfs_end. */
void sim_vfs_mount(struct sim_disk *disk);

#endif
