/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's files on disks in memory (sim_disk.h): a VFS that takes the system's place.
 *
 *     sim_vfs_begin();
 *     sim_vfs_mount(shop); sim_vfs_mount(bank);      "shop/order.db" is a file of the disk "shop"
 *     ... SQLite, through whatever opens its databases ...
 *     sim_vfs_end();
 *
 * Locks and the shared memory of WAL live as long as somebody has the file open, so they are gone
 * after a crash. The connections of the process that crashed must be closed before
 * sim_disk_recover; everything they still try fails, and changes nothing. Times and random bytes
 * are the program's (base/clock.h, base/random.h); nothing is mapped into memory. */
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
