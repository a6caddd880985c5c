/* SPDX-License-Identifier: Apache-2.0 */
/* The VFS: log files collect consecutive writes in a buffer; all other files and methods go
 * straight to the VFS below. */
#include "store/sqlite/wal_buffer.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

/* SQLite's VFS for Unix takes less than 128 KiB in one write. */
enum { BUFFER_SIZE = 124 * 1024 };

/* A log. The file of the VFS below follows it in the same memory. */
struct wal_file {
    sqlite3_file base;
    sqlite3_file *below;
    unsigned char *buffer; /* allocated at the first write */
    sqlite3_int64 start;   /* its offset in the file */
    int size;
    sqlite3_int64 unsynced; /* where the first write since the last sync is; -1: there was none */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sqlite3_vfs vfs;
static sqlite3_vfs *below_vfs; /* under the lock */

static sqlite3_file *below(sqlite3_file *file)
{
    return ((struct wal_file *)file)->below;
}

static int flush(sqlite3_file *file)
{
    struct wal_file *wal = (struct wal_file *)file;
    int size = wal->size;

    if (size == 0) return SQLITE_OK;
    wal->size = 0; /* also on failure: SQLite then writes it again or rolls back */
    return wal->below->pMethods->xWrite(wal->below, wal->buffer, size, wal->start);
}

/* ---- the log's methods ---- */

static int wal_close(sqlite3_file *file)
{
    struct wal_file *wal = (struct wal_file *)file;
    int flushed = flush(file);
    int closed = wal->below->pMethods->xClose(wal->below);

    free(wal->buffer);
    return flushed != SQLITE_OK ? flushed : closed;
}

static int wal_read(sqlite3_file *file, void *ret_data, int size, sqlite3_int64 offset)
{
    int code = flush(file);

    if (code != SQLITE_OK) return code;
    return below(file)->pMethods->xRead(below(file), ret_data, size, offset);
}

static int wal_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    struct wal_file *wal = (struct wal_file *)file;

    if (wal->unsynced < 0 || offset < wal->unsynced) wal->unsynced = offset;
    if (wal->size > 0 && (offset != wal->start + wal->size || size > BUFFER_SIZE - wal->size)) {
        int code = flush(file);
        if (code != SQLITE_OK) return code;
    }
    if (!wal->buffer) wal->buffer = malloc(BUFFER_SIZE);
    if (!wal->buffer || size > BUFFER_SIZE)
        return wal->below->pMethods->xWrite(wal->below, data, size, offset);
    if (wal->size == 0) wal->start = offset;
    memcpy(wal->buffer + wal->size, data, (size_t)size);
    wal->size += size;
    return SQLITE_OK;
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int code = flush(file);

    return code != SQLITE_OK ? code : below(file)->pMethods->xTruncate(below(file), size);
}

/* After a failed sync SQLite rolls the commit back and writes the next one over it. Until then the
 * file would contain a whole commit, which the next start after a crash would take for one that was
 * made; so it is cut off. */
static int wal_sync(sqlite3_file *file, int flags)
{
    struct wal_file *wal = (struct wal_file *)file;
    int code = flush(file);

    if (code != SQLITE_OK) return code;
    code = wal->below->pMethods->xSync(wal->below, flags);
    if (code != SQLITE_OK && wal->unsynced >= 0)
        (void)wal->below->pMethods->xTruncate(wal->below, wal->unsynced);
    wal->unsynced = -1;
    return code;
}

static int wal_file_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    int code = flush(file);

    return code != SQLITE_OK ? code : below(file)->pMethods->xFileSize(below(file), ret_size);
}

static int wal_lock(sqlite3_file *file, int level)
{
    return below(file)->pMethods->xLock(below(file), level);
}

static int wal_unlock(sqlite3_file *file, int level)
{
    return below(file)->pMethods->xUnlock(below(file), level);
}

static int wal_check_lock(sqlite3_file *file, int *ret_locked)
{
    return below(file)->pMethods->xCheckReservedLock(below(file), ret_locked);
}

static int wal_control(sqlite3_file *file, int operation, void *argument)
{
    return below(file)->pMethods->xFileControl(below(file), operation, argument);
}

static int wal_sector_size(sqlite3_file *file)
{
    return below(file)->pMethods->xSectorSize(below(file));
}

static int wal_characteristics(sqlite3_file *file)
{
    return below(file)->pMethods->xDeviceCharacteristics(below(file));
}

/* Version 1: a log has no shared memory of its own and is not mapped. */
static const sqlite3_io_methods wal_methods = {
    .iVersion = 1,
    .xClose = wal_close,
    .xRead = wal_read,
    .xWrite = wal_write,
    .xTruncate = wal_truncate,
    .xSync = wal_sync,
    .xFileSize = wal_file_size,
    .xLock = wal_lock,
    .xUnlock = wal_unlock,
    .xCheckReservedLock = wal_check_lock,
    .xFileControl = wal_control,
    .xSectorSize = wal_sector_size,
    .xDeviceCharacteristics = wal_characteristics,
};

/* ---- the VFS ---- */

/* Everything but logs is opened by the VFS below without a wrapper. */
static int open_file(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags,
                     int *ret_flags)
{
    sqlite3_vfs *under = self->pAppData;
    struct wal_file *wal = (struct wal_file *)file;

    if (!(flags & SQLITE_OPEN_WAL)) return under->xOpen(under, name, file, flags, ret_flags);
    *wal = (struct wal_file){.below = (sqlite3_file *)(wal + 1), .unsynced = -1};
    int code = under->xOpen(under, name, wal->below, flags, ret_flags);
    if (wal->below->pMethods) wal->base.pMethods = &wal_methods;
    return code;
}

/* The remaining methods are those of the VFS below, and must be given that VFS. */
static int delete_file(sqlite3_vfs *self, const char *name, int sync)
{
    sqlite3_vfs *under = self->pAppData;

    return under->xDelete(under, name, sync);
}

static int access_file(sqlite3_vfs *self, const char *name, int flags, int *ret_result)
{
    sqlite3_vfs *under = self->pAppData;

    return under->xAccess(under, name, flags, ret_result);
}

static int full_path(sqlite3_vfs *self, const char *name, int size, char *ret_path)
{
    sqlite3_vfs *under = self->pAppData;

    return under->xFullPathname(under, name, size, ret_path);
}

static int randomness(sqlite3_vfs *self, int size, char *ret_bytes)
{
    sqlite3_vfs *under = self->pAppData;

    return under->xRandomness(under, size, ret_bytes);
}

static int pause_us(sqlite3_vfs *self, int us)
{
    sqlite3_vfs *under = self->pAppData;

    return under->xSleep(under, us);
}

static int current_time(sqlite3_vfs *self, double *ret_days)
{
    sqlite3_vfs *under = self->pAppData;

    return under->xCurrentTime(under, ret_days);
}

static int last_error(sqlite3_vfs *self, int size, char *ret_text)
{
    sqlite3_vfs *under = self->pAppData;

    return under->xGetLastError ? under->xGetLastError(under, size, ret_text) : 0;
}

static int current_time_ms(sqlite3_vfs *self, sqlite3_int64 *ret_ms)
{
    sqlite3_vfs *under = self->pAppData;
    double days;

    if (under->iVersion >= 2 && under->xCurrentTimeInt64)
        return under->xCurrentTimeInt64(under, ret_ms);
    int code = under->xCurrentTime(under, &days);
    *ret_ms = (sqlite3_int64)(days * 86400000.0);
    return code;
}

const char *wal_buffer_vfs(void)
{
    pthread_mutex_lock(&lock);
    sqlite3_vfs *standard = sqlite3_vfs_find(0);
    if (standard != below_vfs) {
        below_vfs = standard;
        vfs = (sqlite3_vfs){
            .iVersion = 2,
            .szOsFile = (int)sizeof(struct wal_file) + standard->szOsFile,
            .mxPathname = standard->mxPathname,
            .zName = "argosy-wal-buffer",
            .pAppData = standard,
            .xOpen = open_file,
            .xDelete = delete_file,
            .xAccess = access_file,
            .xFullPathname = full_path,
            .xRandomness = randomness,
            .xSleep = pause_us,
            .xCurrentTime = current_time,
            .xGetLastError = last_error,
            .xCurrentTimeInt64 = current_time_ms,
        };
        invariant(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
    }
    pthread_mutex_unlock(&lock);
    return vfs.zName;
}
