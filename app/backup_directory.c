/* SPDX-License-Identifier: Apache-2.0 */
/* Files and directories of backups: names, rotation, checks. */
#include "app/backup_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "reasons.pb-c.h"
#include "store/sqlite/moment.h"

enum { NAME_LENGTH = 20, COPY_SIZE = 1024 * 1024, SPARE_SIZE = 1024 * 1024 };

/* ---- names ---- */

void backup_name(int64_t time_us, char ret_name[BACKUP_NAME_SIZE])
{
    time_t seconds = (time_t)(time_us / 1000000);
    struct tm time;
    char day[24];

    gmtime_r(&seconds, &time);
    strftime(day, sizeof(day), "%Y%m%dT%H%M%S", &time);
    snprintf(ret_name, BACKUP_NAME_SIZE, "%s.%03dZ", day, (int)(time_us / 1000 % 1000));
}

static bool is_name(const char *name)
{
    static const char shape[] = "00000000T000000.000Z";

    if (strlen(name) != NAME_LENGTH) return false;
    for (int i = 0; i < NAME_LENGTH; i++) {
        bool digit = name[i] >= '0' && name[i] <= '9';
        if (shape[i] == '0' ? !digit : name[i] != shape[i]) return false;
    }
    return true;
}

static int choose_backup(const struct dirent *entry)
{
    return is_name(entry->d_name);
}

static int choose_partial(const struct dirent *entry)
{
    return entry->d_name[0] == '.' && str_ends_with(str_of(entry->d_name), STR("Z.partial"));
}

static bool has_manifest(struct arena *arena, const char *backup)
{
    return access(arena_printf(arena, "%s/" BACKUP_MANIFEST, backup), F_OK) == 0;
}

/* Lists the complete backups by name, the oldest first, in the arena. */
static size_t list_backups(struct arena *arena, const char *path, const char ***ret_paths)
{
    struct dirent **entries = 0;
    size_t whole = 0;

    int count = scandir(path, &entries, choose_backup, alphasort);
    const char **paths = arena_array(arena, const char *, count > 0 ? (size_t)count : 1);
    for (int i = 0; i < count; i++) {
        const char *backup = arena_printf(arena, "%s/%s", path, entries[i]->d_name);
        if (has_manifest(arena, backup)) paths[whole++] = backup;
        free(entries[i]);
    }
    free(entries);
    *ret_paths = paths;
    return whole;
}

struct status backup_find(struct arena *arena, const char *path, const char **ret_backup)
{
    const char **paths;

    if (has_manifest(arena, path)) {
        *ret_backup = path;
        return status_ok();
    }
    if (access(path, R_OK | X_OK) != 0 && errno != ENOENT)
        return status_errno(arena, errno, arena_printf(arena, "cannot read %s", path));
    size_t count = list_backups(arena, path, &paths);
    if (count == 0)
        return status_printf(arena, STATUS_NOT_FOUND, 0,
                             "there is no complete backup in %s; `argosy backup %s` makes one",
                             path, path);
    *ret_backup = paths[count - 1];
    return status_ok();
}

/* ---- making and removing ---- */

struct status backup_directory_lock(struct arena *arena, const char *path, int *ret_lock)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return status_errno(arena, errno, arena_printf(arena, "cannot create %s", path));
    int lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0) return status_errno(arena, errno, arena_printf(arena, "cannot open %s", path));
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        close(lock);
        return status_printf(arena, STATUS_ABORTED, 0,
                             "another backup to %s is running; try again when it has finished",
                             path);
    }
    *ret_lock = lock;
    return status_ok();
}

void backup_remove_directory(struct arena *arena, const char *path)
{
    struct dirent *entry;
    DIR *directory = opendir(path);

    if (!directory) return;
    while ((entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlink(arena_printf(arena, "%s/%s", path, entry->d_name));
    closedir(directory);
    rmdir(path);
}

void backup_directory_remove_partial(struct arena *arena, const char *path)
{
    struct dirent **entries = 0;
    int count = scandir(path, &entries, choose_partial, alphasort);

    for (int i = 0; i < count; i++) {
        backup_remove_directory(arena, arena_printf(arena, "%s/%s", path, entries[i]->d_name));
        free(entries[i]);
    }
    free(entries);
}

size_t backup_directory_rotate(struct arena *arena, const char *path, size_t keep)
{
    const char **paths;
    size_t count = list_backups(arena, path, &paths), removed = 0;

    for (; count - removed > keep; removed++) {
        /* Without its manifest it no longer counts as a backup, even if the rest can't be
         * removed. */
        unlink(arena_printf(arena, "%s/" BACKUP_MANIFEST, paths[removed]));
        backup_remove_directory(arena, paths[removed]);
    }
    return removed;
}

/* ---- files ---- */

struct status backup_check_room(struct arena *arena, const char *directory, int64_t needed)
{
    struct statvfs disk;

    if (statvfs(directory, &disk) != 0)
        return status_errno(arena, errno,
                            arena_printf(arena, "cannot read the free space of %s", directory));
    int64_t free_size = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
    if (free_size >= needed + SPARE_SIZE) return status_ok();
    return status_printf(arena, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__STORE_FULL,
                         "%lld MiB are free in %s, and %lld MiB are needed; make room, or use a "
                         "directory on another disk",
                         (long long)(free_size >> 20), directory,
                         (long long)((needed + SPARE_SIZE) >> 20));
}

static bool copy_bytes(int from, int to)
{
    char *piece = malloc(COPY_SIZE);
    ssize_t got;

    invariant(piece);
    while ((got = read(from, piece, COPY_SIZE)) > 0) {
        if (file_write_all(to, str_sized(piece, (size_t)got))) continue;
        free(piece);
        return false;
    }
    free(piece);
    return got == 0 && fsync(to) == 0;
}

struct status backup_copy_file(struct arena *arena, const char *from, const char *to)
{
    int error = 0;
    int source = open(from, O_RDONLY | O_CLOEXEC);
    int target = source < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (source < 0 || target < 0 || !copy_bytes(source, target)) error = errno;
    if (source >= 0) close(source);
    if (target >= 0) close(target);
    if (!error) return status_ok();
    return status_errno(arena, error, arena_printf(arena, "cannot copy %s to %s", from, to));
}

struct status backup_sync_directory(struct arena *arena, const char *path)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = directory < 0 || fsync(directory) != 0 ? errno : 0;

    if (directory >= 0) close(directory);
    if (!error) return status_ok();
    return status_errno(arena, error, arena_printf(arena, "cannot sync %s", path));
}

/* ---- verifying ---- */

static struct status verify_file(struct arena *arena, const char *backup,
                                 const struct backup_file *file)
{
    const char *path = arena_printf(arena, "%s/%s", backup, file->name);
    char digest[SHA256_TEXT_SIZE];
    int64_t size, version = 0;
    struct status st;

    st = backup_digest(arena, path, false, &size, digest);
    if (failed(st))
        return status_printf(arena, STATUS_DATA_LOSS, 0, "the backup %s is damaged: %s", backup,
                             st.message);
    if (size != file->size || strcmp(digest, file->digest) != 0)
        return status_printf(arena, STATUS_DATA_LOSS, 0,
                             "the backup %s is damaged: %s was changed since (it has %lld bytes of "
                             "%lld, SHA-256 %s); use another backup",
                             backup, file->name, (long long)size, (long long)file->size, digest);
    return file->is_key ? st : sqlite_check_copy(arena, path, &version);
}

struct status backup_verify(struct arena *arena, const char *backup,
                            struct backup_manifest *ret_manifest)
{
    struct status st = backup_manifest_read(arena, backup, ret_manifest);

    for (size_t i = 0; !failed(st) && i < ret_manifest->count; i++)
        st = verify_file(arena, backup, &ret_manifest->files[i]);
    return st;
}
