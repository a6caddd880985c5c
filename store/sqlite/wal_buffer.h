/* SPDX-License-Identifier: Apache-2.0 */
/* A VFS that lets a writer's log reach the file in few writes. For this folder only.
 *
 * SQLite writes each page of a commit to the log (WAL) in two writes, its header and its page, one
 * after the other in the file; then it syncs, and only then tells the readers (in the wal-index)
 * that the frames are there. So what it writes is kept here while it goes on where it ended, and
 * written as one when it is synced, when it goes on elsewhere, or when anything else is done with
 * the file. An error of that write is the answer to what caused it; SQLite rolls the commit back on
 * a failed sync as on a failed write.
 *
 * Only for a connection that syncs its commits (synchronous=FULL): one that does not would tell the
 * readers of frames that are not in the file yet. */
#ifndef STORE_SQLITE_WAL_BUFFER_H
#define STORE_SQLITE_WAL_BUFFER_H

/* The name of the VFS, for sqlite3_open_v2; it stands before the one that is the default at that
 * moment. Any thread. */
const char *wal_buffer_vfs(void);

#endif
