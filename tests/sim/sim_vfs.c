/* SPDX-License-Identifier: Apache-2.0 */
/* The VFS: files of sim_disk.h, with SQLite's file locks and the shared memory of WAL between the
 * connections of one process. */
#include "tests/sim/sim_vfs.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/status.h"
#include "store/sqlite/library.h"

enum { DISKS_MAX = 4, REGIONS_MAX = 32, PATH_SIZE = 256, SECTOR_SIZE = 4096 };

/* An open file. */
struct handle {
    sqlite3_file base;
    struct sim_file *file;
    int lock; /* SQLITE_LOCK_... */
    const char *delete_at_close;
    bool shares_memory;
    unsigned shared_locks, exclusive_locks; /* of the shared memory, a bit each */
};

/* What a file's handles share. */
struct locks {
    int shared;               /* handles that hold SHARED or more */
    struct handle *reserved;  /* who holds RESERVED or more; NULL: nobody */
    struct handle *pending;   /* who waits for the others to go */
    struct handle *exclusive; /* who is alone */
    /* The shared memory of WAL: */
    int sharers;
    int readers[SQLITE_SHM_NLOCK];
    struct handle *writers[SQLITE_SHM_NLOCK];
    int region_count;
    void *regions[REGIONS_MAX];
};

_Static_assert(sizeof(struct locks) <= SIM_FILE_STATE_SIZE, "a file has room for its locks");

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *system;
    struct sim_disk *disks[DISKS_MAX];
    size_t disk_count;
} ground;

static struct locks *locks_of(struct handle *handle)
{
    return sim_file_state(handle->file);
}

static bool is_frozen(const struct handle *handle)
{
    return sim_disk_is_frozen(sim_file_disk(handle->file));
}

static int code_of(enum sim_disk_result result, int code)
{
    switch (result) {
    case SIM_DISK_OK: return SQLITE_OK;
    case SIM_DISK_FULL: return SQLITE_FULL;
    default: return code;
    }
}

/* ---- reading and writing ---- */

static int file_read(sqlite3_file *base, void *data, int size, sqlite3_int64 offset)
{
    struct handle *handle = (struct handle *)base;
    size_t got;
    enum sim_disk_result result = sim_file_read(handle->file, data, (size_t)size, (uint64_t)offset,
                                                &got);

    if (result != SIM_DISK_OK) return SQLITE_IOERR_READ;
    return got < (size_t)size ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int file_write(sqlite3_file *base, const void *data, int size, sqlite3_int64 offset)
{
    struct handle *handle = (struct handle *)base;

    return code_of(sim_file_write(handle->file, data, (size_t)size, (uint64_t)offset),
                   SQLITE_IOERR_WRITE);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 length)
{
    struct handle *handle = (struct handle *)base;

    return code_of(sim_file_truncate(handle->file, (uint64_t)length), SQLITE_IOERR_TRUNCATE);
}

static int file_sync(sqlite3_file *base, int flags)
{
    struct handle *handle = (struct handle *)base;

    return code_of(sim_file_sync(handle->file), SQLITE_IOERR_FSYNC);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret_length)
{
    struct handle *handle = (struct handle *)base;

    *ret_length = (sqlite3_int64)sim_file_length(handle->file);
    return is_frozen(handle) ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

static int file_control(sqlite3_file *base, int op, void *data)
{
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *base)
{
    return SECTOR_SIZE;
}

/* A write that a crash tears leaves the bytes beside it alone, as SQLite assumes of Linux too. */
static int file_characteristics(sqlite3_file *base)
{
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* ---- locks of the file ---- */

static int raise_to_exclusive(struct handle *handle, struct locks *locks)
{
    if (locks->reserved && locks->reserved != handle) return SQLITE_BUSY;
    if (locks->pending && locks->pending != handle) return SQLITE_BUSY;
    locks->pending = handle;
    if (locks->shared > 1) return SQLITE_BUSY;
    locks->reserved = locks->exclusive = handle;
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int wanted)
{
    struct handle *handle = (struct handle *)base;
    struct locks *locks = locks_of(handle);

    if (handle->lock >= wanted) return SQLITE_OK;
    if (is_frozen(handle)) return SQLITE_IOERR_LOCK;
    if (wanted == SQLITE_LOCK_SHARED) {
        if (locks->pending || locks->exclusive) return SQLITE_BUSY;
        locks->shared++;
    } else if (wanted == SQLITE_LOCK_RESERVED) {
        if (locks->reserved) return SQLITE_BUSY;
        locks->reserved = handle;
    } else {
        int code = raise_to_exclusive(handle, locks);
        if (code != SQLITE_OK) return code;
    }
    handle->lock = wanted;
    return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int wanted)
{
    struct handle *handle = (struct handle *)base;
    struct locks *locks = locks_of(handle);

    if (handle->lock <= wanted) return SQLITE_OK;
    if (locks->reserved == handle) locks->reserved = NULL;
    if (locks->pending == handle) locks->pending = NULL;
    if (locks->exclusive == handle) locks->exclusive = NULL;
    if (wanted == SQLITE_LOCK_NONE) locks->shared--;
    handle->lock = wanted;
    return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *base, int *ret_reserved)
{
    *ret_reserved = locks_of((struct handle *)base)->reserved != NULL;
    return SQLITE_OK;
}

/* ---- shared memory ---- */

static int memory_map(sqlite3_file *base, int region, int size, int extend, void volatile **ret_at)
{
    struct handle *handle = (struct handle *)base;
    struct locks *locks = locks_of(handle);

    *ret_at = NULL;
    if (is_frozen(handle)) return SQLITE_IOERR_SHMMAP;
    if (!handle->shares_memory) {
        handle->shares_memory = true;
        locks->sharers++;
    }
    invariant(region < REGIONS_MAX);
    while (locks->region_count <= region) {
        if (!extend) return SQLITE_OK;
        void *memory = calloc(1, (size_t)size);
        invariant(memory);
        locks->regions[locks->region_count++] = memory;
    }
    *ret_at = locks->regions[region];
    return SQLITE_OK;
}

static int memory_unlock(struct handle *handle, struct locks *locks, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        if (handle->shared_locks & 1u << i) locks->readers[i]--;
        if (locks->writers[i] == handle) locks->writers[i] = NULL;
        handle->shared_locks &= ~(1u << i);
        handle->exclusive_locks &= ~(1u << i);
    }
    return SQLITE_OK;
}

static bool is_locked(const struct handle *handle, const struct locks *locks, int i,
                      bool exclusively)
{
    int others = locks->readers[i] - (handle->shared_locks >> i & 1);

    return (locks->writers[i] && locks->writers[i] != handle) || (exclusively && others > 0);
}

static int memory_lock(sqlite3_file *base, int first, int count, int flags)
{
    struct handle *handle = (struct handle *)base;
    struct locks *locks = locks_of(handle);
    bool exclusively = flags & SQLITE_SHM_EXCLUSIVE;

    if (flags & SQLITE_SHM_UNLOCK) return memory_unlock(handle, locks, first, count);
    if (is_frozen(handle)) return SQLITE_IOERR_SHMLOCK;
    for (int i = first; i < first + count; i++)
        if (is_locked(handle, locks, i, exclusively)) return SQLITE_BUSY;
    for (int i = first; i < first + count; i++) {
        if (exclusively) {
            locks->writers[i] = handle;
            handle->exclusive_locks |= 1u << i;
        } else if (!(handle->shared_locks & 1u << i)) {
            locks->readers[i]++;
            handle->shared_locks |= 1u << i;
        }
    }
    return SQLITE_OK;
}

static void memory_barrier(sqlite3_file *base)
{
}

/* The last to go takes the memory with it: whoever comes next builds it anew from the log, as after
 * a crash. */
static int memory_unmap(sqlite3_file *base, int delete)
{
    struct handle *handle = (struct handle *)base;
    struct locks *locks = locks_of(handle);

    if (!handle->shares_memory) return SQLITE_OK;
    memory_unlock(handle, locks, 0, SQLITE_SHM_NLOCK);
    handle->shares_memory = false;
    if (--locks->sharers > 0) return SQLITE_OK;
    for (int i = 0; i < locks->region_count; i++) free(locks->regions[i]);
    locks->region_count = 0;
    return SQLITE_OK;
}

/* ---- opening and closing ---- */

static int file_close(sqlite3_file *base)
{
    struct handle *handle = (struct handle *)base;
    struct sim_disk *disk = sim_file_disk(handle->file);

    memory_unmap(base, 0);
    file_unlock(base, SQLITE_LOCK_NONE);
    sim_file_close(handle->file);
    if (handle->delete_at_close) (void)sim_disk_delete(disk, handle->delete_at_close, false);
    base->pMethods = NULL;
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = memory_map,
    .xShmLock = memory_lock,
    .xShmBarrier = memory_barrier,
    .xShmUnmap = memory_unmap,
};

/* The disk of a path; the first for a file without a name. NULL: there is none. */
static struct sim_disk *disk_of(const char *path)
{
    if (!path) return ground.disks[0];
    for (size_t i = 0; i < ground.disk_count; i++) {
        const char *name = sim_disk_name(ground.disks[i]);
        size_t length = strlen(name);
        if (strncmp(path, name, length) == 0 && path[length] == '/') return ground.disks[i];
    }
    return NULL;
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags,
                    int *ret_flags)
{
    struct handle *handle = (struct handle *)base;
    struct sim_disk *disk = disk_of(path);

    *handle = (struct handle){0};
    if (!disk) return SQLITE_CANTOPEN;
    handle->file = sim_disk_open(disk, path, flags & SQLITE_OPEN_CREATE);
    if (!handle->file) return SQLITE_CANTOPEN;
    if (path && flags & SQLITE_OPEN_DELETEONCLOSE) handle->delete_at_close = path;
    handle->base.pMethods = &methods;
    if (ret_flags) *ret_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    struct sim_disk *disk = disk_of(path);

    if (!disk || (!sim_disk_has(disk, path) && !sim_disk_is_frozen(disk)))
        return SQLITE_IOERR_DELETE_NOENT;
    return code_of(sim_disk_delete(disk, path, sync_folder), SQLITE_IOERR_DELETE);
}

/* An empty file counts as none, as SQLite's own VFS for Unix has it. */
static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_yes)
{
    struct sim_disk *disk = disk_of(path);

    *ret_yes = disk && sim_disk_length(disk, path) > 0;
    return disk && sim_disk_is_frozen(disk) ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *ret_path)
{
    size_t length = strlen(path);

    if (length >= (size_t)size) return SQLITE_CANTOPEN;
    memcpy(ret_path, path, length + 1);
    return SQLITE_OK;
}

static int vfs_random(sqlite3_vfs *vfs, int size, char *ret_bytes)
{
    random_bytes(ret_bytes, (size_t)size);
    return size;
}

/* Nobody would do anything meanwhile: all connections are on this thread. */
static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    return us;
}

static int vfs_now_ms(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms)
{
    static const sqlite3_int64 unix_epoch_ms = 24405875 * (sqlite3_int64)8640000; /* Julian */

    *ret_ms = unix_epoch_ms + clock_now_us() / 1000;
    return SQLITE_OK;
}

static int vfs_now(sqlite3_vfs *vfs, double *ret_days)
{
    sqlite3_int64 ms;
    int code = vfs_now_ms(vfs, &ms);

    *ret_days = (double)ms / 86400000.0;
    return code;
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *ret_text)
{
    return 0;
}

void sim_vfs_begin(void)
{
    invariant(!ground.system);
    library_start();
    ground.system = sqlite3_vfs_find(NULL);
    ground.vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct handle),
        .mxPathname = PATH_SIZE,
        .zName = "simulated",
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_now,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_now_ms,
    };
    sqlite3_vfs_register(&ground.vfs, 1);
    sqlite3_randomness(0, NULL);
}

void sim_vfs_end(void)
{
    invariant(ground.system);
    sqlite3_vfs_register(ground.system, 1);
    sqlite3_vfs_unregister(&ground.vfs);
    ground.system = NULL;
    ground.disk_count = 0;
}

void sim_vfs_mount(struct sim_disk *disk)
{
    invariant(ground.disk_count < DISKS_MAX);
    ground.disks[ground.disk_count++] = disk;
}
