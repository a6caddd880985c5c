/* SPDX-License-Identifier: Apache-2.0 */
/* A VFS that combines the writes to a writer's log. Private to this folder.
 *
 * SQLite writes each page of a commit to the log (WAL) in two consecutive writes, the frame's
 * header and the page; then it syncs, and only then announces the frames to readers (in the
 * wal-index). So consecutive writes are collected here and written as one when the file is synced,
 * when a write is not consecutive, or before any other operation on the file. An error of that
 * write is returned by the operation that caused it; SQLite rolls the commit back on a failed sync
 * as on a failed write. After a failed sync the file is cut off where the commit began, so that
 * nobody finds the commit there after a crash.
 *
 * Only for a connection that syncs its commits (synchronous=FULL): otherwise readers would be sent
 * to frames that are not in the file yet. */
#ifndef STORE_SQLITE_WAL_BUFFER_H
#define STORE_SQLITE_WAL_BUFFER_H

/* Registers the VFS at the first call, on top of the one that is the default then, and returns its
 * name for sqlite3_open_v2. Any thread. */
const char *wal_buffer_vfs(void);

#endif
