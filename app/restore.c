/* SPDX-License-Identifier: Apache-2.0 */
/* Restores a backup in steps: marker, copies, a trial start on them, and the move; see
 * restore.h. */
#include "app/restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/backup_directory.h"
#include "app/shop.h"
#include "app/shop_settings.h"
#include "base/clock.h"
#include "base/str.h"
#include "rpc/service.h"
#include "store/sqlite/lock.h"

#define MARKER "restore.unfinished"
#define STAGING ".restoring"
#define BEFORE "before-restore-"

static const char moving[] = "moving\n";
static const char *const endings[] = {"", "-wal", "-shm"};

struct restore {
    struct arena *arena;
    struct config *config;
    const struct restore_options *options;
    struct backup_manifest manifest;
    struct backup_stores stores;
    const char *data_dir, *staging, *marker_path, *before;
    int marker;                 /* -1: not held */
    int directory;              /* the locked data directory; -1: not held */
    struct sqlite_lock **locks; /* of the stores; NULL: not held */
    bool moved_old;
};

/* ---- the marker ---- */

struct status restore_check_finished(struct arena *arena, const char *data_dir)
{
    const char *path = arena_printf(arena, "%s/" MARKER, data_dir);
    char word[sizeof(moving)];
    int marker = open(path, O_RDONLY | O_CLOEXEC);

    if (marker < 0) return status_ok();
    bool running = flock(marker, LOCK_SH | LOCK_NB) != 0;
    bool half = read(marker, word, sizeof(word)) > 0;
    close(marker);
    if (running)
        return status_printf(arena, STATUS_FAILED_PRECONDITION, 0,
                             "a restore to %s is running; start the shop when it has finished",
                             data_dir);
    if (!half) return status_ok(); /* it was killed before it moved anything */
    return status_printf(arena, STATUS_FAILED_PRECONDITION, 0,
                         "a restore to %s was interrupted (%s exists); run `argosy restore DIR "
                         "--force` again",
                         data_dir, path);
}

static struct status lock_directory(struct arena *arena, const char *data_dir, int mode,
                                    int *ret_lock)
{
    int lock = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (lock < 0)
        return status_errno(arena, errno, arena_printf(arena, "cannot open %s", data_dir));
    if (flock(lock, mode | LOCK_NB) == 0) {
        *ret_lock = lock;
        return status_ok();
    }
    int error = errno;
    close(lock);
    if (error != EWOULDBLOCK)
        return status_errno(arena, error, arena_printf(arena, "cannot lock %s", data_dir));
    return status_printf(arena, STATUS_FAILED_PRECONDITION, 0,
                         mode == LOCK_SH
                             ? "a restore to %s is running; start the shop when it has finished"
                             : "a process of the shop, such as a gateway, has its keys from %s; "
                               "stop all processes first",
                         data_dir);
}

struct status restore_keep_out(struct arena *arena, const char *data_dir, int *ret_lock)
{
    return lock_directory(arena, data_dir, LOCK_SH, ret_lock);
}

static struct status make_marker(struct restore *restore)
{
    struct arena *arena = restore->arena;

    if (mkdir(restore->data_dir, 0700) != 0 && errno != EEXIST)
        return status_errno(arena, errno,
                            arena_printf(arena, "cannot create %s", restore->data_dir));
    restore->marker = open(restore->marker_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (restore->marker < 0)
        return status_errno(arena, errno,
                            arena_printf(arena, "cannot create %s", restore->marker_path));
    if (flock(restore->marker, LOCK_EX | LOCK_NB) == 0) return status_ok();
    close(restore->marker);
    restore->marker = -1;
    return status_printf(arena, STATUS_FAILED_PRECONDITION, 0,
                         "another restore to %s is running; wait until it has finished",
                         restore->data_dir);
}

static struct status mark_moving(struct restore *restore)
{
    bool written = ftruncate(restore->marker, 0) == 0 &&
                   pwrite(restore->marker, moving, strlen(moving), 0) == (ssize_t)strlen(moving) &&
                   fsync(restore->marker) == 0;

    if (!written)
        return status_errno(restore->arena, errno,
                            arena_printf(restore->arena, "cannot write %s", restore->marker_path));
    return backup_sync_directory(restore->arena, restore->data_dir);
}

/* ---- what is there ---- */

/* The process that uses a database, by SQLite's own locks: every connection that has read holds one
 * on these bytes of the file. */
static pid_t holder_of(const char *path)
{
    enum { SHARED_FIRST = 0x40000002, SHARED_SIZE = 510 };
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = SHARED_FIRST, .l_len = SHARED_SIZE};
    int file = open(path, O_RDWR | O_CLOEXEC);

    if (file < 0) return 0;
    pid_t holder = fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
    close(file);
    return holder;
}

/* Holds the stores' locks until the restore has ended, however it does, so that no shop has them
 * meanwhile: one that starts looks for the marker again once it has them. */
static struct status lock_stores(struct restore *restore)
{
    struct arena *arena = restore->arena;
    struct sqlite_holder holder;
    struct status st;

    restore->locks = arena_array(arena, struct sqlite_lock *, restore->stores.count);
    for (size_t i = 0; i < restore->stores.count; i++) {
        const char *path = restore->stores.stores[i].path;
        st = sqlite_lock_try(arena, path, &restore->locks[i], &holder);
        if (failed(st)) return st;
        if (!restore->locks[i])
            return status_printf(arena, STATUS_FAILED_PRECONDITION, 0,
                                 "%s is in use by process %lld; stop the shop first", path,
                                 (long long)holder.pid);
    }
    return status_ok();
}

static void unlock_stores(struct restore *restore)
{
    for (size_t i = 0; restore->locks && i < restore->stores.count; i++)
        sqlite_lock_free(restore->locks[i]);
}

static struct status check_unused(struct restore *restore)
{
    for (size_t i = 0; i < restore->stores.count; i++) {
        const char *path = restore->stores.stores[i].path;
        pid_t holder = holder_of(path);
        if (holder)
            return status_printf(restore->arena, STATUS_FAILED_PRECONDITION, 0,
                                 "%s is in use by process %ld; stop the shop first", path,
                                 (long)holder);
    }
    return status_ok();
}

/* Is it the lock file of a store, of this backup or another one? It stays where it is, because
 * others look for the lock on the file of this name; alone it is no part of a shop. */
static bool is_lock(const struct restore *restore, const char *name)
{
    const char *path = arena_printf(restore->arena, "%s/%s", restore->data_dir, name);

    if (str_ends_with(str_of(name), STR(".db.lock"))) return true;
    for (size_t i = 0; i < restore->stores.count; i++) {
        size_t length = strlen(restore->stores.stores[i].path);
        if (strncmp(path, restore->stores.stores[i].path, length) == 0 &&
            strcmp(path + length, ".lock") == 0)
            return true;
    }
    return false;
}

/* Is this entry of the data directory the restore's own, and no part of a shop? */
static bool is_ours(const struct restore *restore, const char *name)
{
    return is_lock(restore, name) || name[0] == '.' || strcmp(name, MARKER) == 0 ||
           strcmp(name, "lost+found") == 0 || strncmp(name, BEFORE, strlen(BEFORE)) == 0;
}

static struct status check_empty(struct restore *restore)
{
    const char *found = 0;
    struct dirent *entry;
    DIR *directory = opendir(restore->data_dir);

    if (!directory)
        return status_errno(restore->arena, errno,
                            arena_printf(restore->arena, "cannot read %s", restore->data_dir));
    while (!found && (entry = readdir(directory)))
        if (!is_ours(restore, entry->d_name))
            found = arena_printf(restore->arena, "%s/%s", restore->data_dir, entry->d_name);
    closedir(directory);
    for (size_t i = 0; !found && i < restore->stores.count; i++)
        if (access(restore->stores.stores[i].path, F_OK) == 0)
            found = restore->stores.stores[i].path;
    if (!found) return status_ok();
    return status_printf(restore->arena, STATUS_FAILED_PRECONDITION, 0,
                         "%s already exists; restore to an empty data directory, or use --force to "
                         "have the present files moved away",
                         found);
}

/* ---- copying and trying ---- */

static struct status stage_files(struct restore *restore)
{
    struct arena *arena = restore->arena;
    struct status st;
    int64_t size = 0;

    for (size_t i = 0; i < restore->manifest.count; i++) size += restore->manifest.files[i].size;
    backup_remove_directory(arena, restore->staging);
    st = backup_check_room(arena, restore->data_dir, size);
    if (!failed(st) && mkdir(restore->staging, 0700) != 0)
        st = status_errno(arena, errno, arena_printf(arena, "cannot create %s", restore->staging));
    for (size_t i = 0; !failed(st) && i < restore->manifest.count; i++) {
        const char *name = restore->manifest.files[i].name;
        st = backup_copy_file(arena, arena_printf(arena, "%s/%s", restore->options->backup, name),
                              arena_printf(arena, "%s/%s", restore->staging, name));
    }
    return st;
}

static struct status set(struct restore *restore, const char *assignment)
{
    const char *error;

    if (config_set(restore->config, assignment, &error)) return status_ok();
    return status_make(STATUS_INVALID_ARGUMENT, 0, error);
}

/* Opens the copies as the shop will, which runs its migrations, and refuses schemas that are newer
 * than this program. The files of the shop are not touched. */
static struct status try_shop(struct restore *restore)
{
    struct arena *arena = restore->arena;
    struct shop_options options = {.existing = true, .shards = 1};
    struct shop *shop;
    const char *error;
    struct buffer names;
    struct status st;

    buffer_init(&names, 4096);
    st = set(restore, arena_printf(arena, "ARGOSY_DATA_DIR=%s", restore->staging));
    for (size_t i = 0; !failed(st) && i < restore->stores.count; i++) {
        const char *service = restore->stores.stores[i].service;
        buffer_printf(&names, "%s%s", i ? "," : "", service);
        st = set(restore, arena_printf(arena, "%s=sqlite:{data}/%s.db",
                                       service_setting(arena, service, "STORE"), service));
    }
    options.only = str_dup(arena, buffer_str(&names));
    buffer_release(&names);
    if (!failed(st) && !config_check(restore->config, &error))
        st = status_make(STATUS_INVALID_ARGUMENT, 0, error);
    if (!failed(st)) st = shop_new(arena, restore->config, &options, &shop);
    if (failed(st))
        return status_printf(arena, st.code, st.reason, "the backup does not start as a shop: %s",
                             st.message);
    shop_free(shop);
    return st;
}

/* ---- moving ---- */

/* Moves a file, by copying it if the target is on another disk. */
static struct status move_file(struct arena *arena, const char *from, const char *to)
{
    if (rename(from, to) == 0) return status_ok();
    if (errno != EXDEV)
        return status_errno(arena, errno, arena_printf(arena, "cannot move %s to %s", from, to));
    const char *beside = arena_printf(arena, "%s.restoring", to);
    unlink(beside);
    struct status st = backup_copy_file(arena, from, beside);
    if (failed(st)) return st;
    if (rename(beside, to) != 0)
        return status_errno(arena, errno, arena_printf(arena, "cannot move %s to %s", beside, to));
    unlink(from);
    return st;
}

/* Stores that the settings place elsewhere are moved to another name beside. */
static struct status move_old_stores(struct restore *restore)
{
    struct arena *arena = restore->arena;
    struct status st = status_ok();

    for (size_t i = 0; i < restore->stores.count; i++) {
        for (size_t n = 0; !failed(st) && n < 3; n++) {
            const char *path = arena_printf(arena, "%s%s", restore->stores.stores[i].path,
                                            endings[n]);
            if (access(path, F_OK) != 0) continue;
            st = move_file(arena, path,
                           arena_printf(arena, "%s.%s", path, strrchr(restore->before, '/') + 1));
            restore->moved_old = true;
        }
    }
    return st;
}

static bool is_restored(const struct restore *restore, const char *service)
{
    for (size_t i = 0; i < restore->stores.count; i++)
        if (strcmp(restore->stores.stores[i].service, service) == 0) return true;
    return false;
}

/* Does this file belong to a database that the backup lacks, as one made with --only does? It
 * stays: another process of a fleet may have it open. */
static bool is_others(const struct restore *restore, const char *file)
{
    for (size_t i = 0; services_registry[i]; i++) {
        const char *service = services_registry[i]->name;
        size_t length = strlen(service);
        if (strncmp(file, service, length) == 0 && strncmp(file + length, ".db", 3) == 0)
            return !is_restored(restore, service);
    }
    return false;
}

static struct status move_old(struct restore *restore)
{
    struct arena *arena = restore->arena;
    struct status st = status_ok();
    struct dirent *entry;
    DIR *directory = opendir(restore->data_dir);

    if (!directory) return status_errno(arena, errno, restore->data_dir);
    while (!failed(st) && (entry = readdir(directory))) {
        if (is_ours(restore, entry->d_name) || is_others(restore, entry->d_name)) continue;
        if (!restore->moved_old && mkdir(restore->before, 0700) != 0)
            st = status_errno(arena, errno,
                              arena_printf(arena, "cannot create %s", restore->before));
        restore->moved_old = true;
        if (!failed(st))
            st = move_file(arena, arena_printf(arena, "%s/%s", restore->data_dir, entry->d_name),
                           arena_printf(arena, "%s/%s", restore->before, entry->d_name));
    }
    closedir(directory);
    return failed(st) ? st : move_old_stores(restore);
}

static const char *store_path(const struct restore *restore, const char *file)
{
    for (size_t i = 0; i < restore->stores.count; i++) {
        size_t length = strlen(restore->stores.stores[i].service);
        if (strncmp(restore->stores.stores[i].service, file, length) == 0 &&
            strcmp(file + length, ".db") == 0)
            return restore->stores.stores[i].path;
    }
    return 0;
}

static struct status sync_parent(struct arena *arena, const char *path)
{
    char *parent = arena_strdup(arena, path), *slash = strrchr(parent, '/');

    if (!slash) return backup_sync_directory(arena, ".");
    if (slash == parent) slash++;
    *slash = 0;
    return backup_sync_directory(arena, parent);
}

static struct status move_new(struct restore *restore)
{
    struct arena *arena = restore->arena;
    struct status st = status_ok();

    for (size_t i = 0; !failed(st) && i < restore->manifest.count; i++) {
        const struct backup_file *file = &restore->manifest.files[i];
        const char *to = file->is_key ? arena_printf(arena, "%s/%s", restore->data_dir, file->name)
                                      : store_path(restore, file->name);
        st = move_file(arena, arena_printf(arena, "%s/%s", restore->staging, file->name), to);
        if (!failed(st)) st = sync_parent(arena, to);
    }
    return st;
}

/* ---- the whole ---- */

/* Finds the paths of the manifest's stores, by the settings. */
static struct status find_places(struct restore *restore)
{
    struct buffer names;
    struct status st;

    buffer_init(&names, 4096);
    for (size_t i = 0; i < restore->manifest.count; i++) {
        struct str name = str_of(restore->manifest.files[i].name);
        if (restore->manifest.files[i].is_key) continue;
        if (str_ends_with(name, STR(".db"))) name.length -= strlen(".db");
        buffer_printf(&names, "%s%.*s", names.length ? "," : "", STR_ARGS(name));
    }
    st = backup_find_stores(restore->arena, restore->config,
                            str_dup(restore->arena, buffer_str(&names)), &restore->stores);
    buffer_release(&names);
    return st;
}

static struct status put_in_place(struct restore *restore)
{
    struct status st = mark_moving(restore);

    if (!failed(st)) st = move_old(restore);
    if (!failed(st)) st = move_new(restore);
    if (!failed(st)) st = backup_sync_directory(restore->arena, restore->data_dir);
    if (failed(st))
        return status_printf(restore->arena, st.code, st.reason,
                             "%s; the restore is unfinished: run it again with --force",
                             st.message);
    return st;
}

static struct status restore_to(struct restore *restore, bool *ret_moving)
{
    struct status st = lock_stores(restore);

    if (!failed(st)) st = check_unused(restore);
    if (!failed(st))
        st = lock_directory(restore->arena, restore->data_dir, LOCK_EX, &restore->directory);
    if (!failed(st) && !restore->options->force) st = check_empty(restore);
    if (!failed(st)) st = stage_files(restore);
    if (!failed(st)) st = try_shop(restore);
    if (!failed(st)) st = check_unused(restore); /* again, as the copies took a while */
    if (failed(st)) return st;
    *ret_moving = true;
    return put_in_place(restore);
}

/* Was an earlier restore killed while it moved files? Then the marker stays if this one fails
 * too. */
static bool was_moving(const struct restore *restore)
{
    char word[sizeof(moving)];

    return pread(restore->marker, word, sizeof(word), 0) > 0;
}

struct status restore_shop(struct arena *arena, struct config *config,
                           const struct restore_options *options, struct restore_result *ret_result)
{
    struct restore *restore = arena_new(arena, struct restore);
    const char *data_dir = arena_strdup(arena, config_text(config, "ARGOSY_DATA_DIR"));
    char name[BACKUP_NAME_SIZE];
    struct status st;

    backup_name(clock_now_us(), name);
    *restore = (struct restore){
        .arena = arena,
        .config = config,
        .options = options,
        .data_dir = data_dir,
        .staging = arena_printf(arena, "%s/" STAGING, data_dir),
        .marker_path = arena_printf(arena, "%s/" MARKER, data_dir),
        .before = arena_printf(arena, "%s/" BEFORE "%s", data_dir, name),
        .marker = -1,
        .directory = -1,
    };
    st = backup_verify(arena, options->backup, &restore->manifest);
    if (!failed(st)) st = find_places(restore);
    if (!failed(st)) st = make_marker(restore);
    if (failed(st)) return st;

    bool half = was_moving(restore);
    st = restore_to(restore, &half);
    backup_remove_directory(arena, restore->staging);
    if (!failed(st) || !half) unlink(restore->marker_path);
    close(restore->marker); /* before the locks: who gets those finds how this has ended */
    unlock_stores(restore);
    if (restore->directory >= 0) close(restore->directory);
    if (!failed(st)) st = backup_sync_directory(arena, data_dir);
    if (failed(st)) return st;
    ret_result->manifest = restore->manifest;
    ret_result->moved_to = restore->moved_old ? restore->before : 0;
    ret_result->missing = "";
    for (size_t i = 0; services_registry[i]; i++) {
        const char *service = services_registry[i]->name;
        if (is_restored(restore, service)) continue;
        ret_result->missing = arena_printf(arena, "%s%s%s", ret_result->missing,
                                           ret_result->missing[0] ? ", " : "", service);
    }
    return st;
}
