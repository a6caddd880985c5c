/* SPDX-License-Identifier: Apache-2.0 */
/* Making a backup: finds the stores, copies all databases as of one moment, then their checksums
 * and the manifest, and renames the directory. */
#include "app/backup.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/backup_directory.h"
#include "app/shop_settings.h"
#include "base/clock.h"
#include "base/str.h"
#include "reasons.pb-c.h"
#include "rpc/service.h"
#include "store/sqlite/moment.h"

enum { SHOW_EVERY_US = 100000 };

/* ---- where the stores are ---- */

static bool is_named(const char *only, const char *service)
{
    struct str rest = str_of(only), part;

    while (str_split(&rest, ',', &part))
        if (str_is(str_trim(part), service)) return true;
    return false;
}

static struct status check_names(struct arena *arena, const char *only,
                                 const struct backup_stores *stores)
{
    struct str rest = str_of(only), part;

    while (only && str_split(&rest, ',', &part)) {
        bool known = false;
        for (size_t i = 0; i < stores->count; i++)
            known = known || str_is(str_trim(part), stores->stores[i].service);
        if (!known)
            return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                                 "--only: there is no service '%.*s' with a store", STR_ARGS(part));
    }
    return status_ok();
}

struct status backup_find_stores(struct arena *arena, const struct config *config, const char *only,
                                 struct backup_stores *ret_stores)
{
    const struct service_context context = {
        .arena = arena, .config = config, .data_dir = config_text(config, "ARGOSY_DATA_DIR")};
    struct backup_stores stores = {.data_dir = context.data_dir};
    struct status st;

    for (size_t i = 0; services_registry[i]; i++) {
        const struct service_module *module = services_registry[i];
        if (!module->store_default[0] || (only && !is_named(only, module->name))) continue;
        const char *url = config_text(config, service_setting(arena, module->name, "URL"));
        if (!only && url[0] && strcmp(url, "inproc:") != 0)
            return status_printf(
                arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                "%s_URL=%s: that service may run on another machine, and a backup can't cover two "
                "machines at one moment; stop the shop, then back up each machine's services with "
                "--only",
                module->name, url);
        struct backup_store *store = &stores.stores[stores.count++];
        store->service = module->name;
        st = service_store_path(&context, module, &store->path);
        if (failed(st)) return st;
    }
    st = check_names(arena, only, &stores);
    if (!failed(st)) *ret_stores = stores;
    return st;
}

/* ---- progress ---- */

struct show {
    const char *name;
    int64_t size, shown_us;
    bool terminal;
};

static void show_progress(void *data, int64_t copied)
{
    struct show *show = data;
    int64_t now_us = clock_monotonic_us();

    if (!show->terminal || now_us - show->shown_us < SHOW_EVERY_US) return;
    show->shown_us = now_us;
    fprintf(stderr, "\r%-16s %3lld %% of %lld MiB", show->name,
            (long long)(show->size > 0 ? copied * 100 / show->size : 100),
            (long long)(show->size >> 20));
    fflush(stderr);
}

static void clear_progress(const struct show *show)
{
    if (show->terminal && show->shown_us) fprintf(stderr, "\r%-60s\r", "");
}

/* ---- copying ---- */

static struct backup_file *add_file(struct backup_manifest *manifest, bool is_key, const char *name)
{
    invariant(manifest->count < BACKUP_FILES_MAX);
    struct backup_file *file = &manifest->files[manifest->count++];
    *file = (struct backup_file){.is_key = is_key, .name = name};
    return file;
}

static struct status finish_file(struct arena *arena, const char *path, struct backup_file *file)
{
    return backup_digest(arena, path, true, &file->size, file->digest);
}

static struct status copy_databases(struct arena *arena, const struct backup_stores *stores,
                                    struct sqlite_moment *moment, const char *target,
                                    struct show *show, struct backup_manifest *manifest)
{
    struct status st = status_ok();

    for (size_t i = 0; i < stores->count && !failed(st); i++) {
        struct backup_file *file = add_file(
            manifest, false, arena_printf(arena, "%s.db", stores->stores[i].service));
        const char *path = arena_printf(arena, "%s/%s", target, file->name);
        show->name = file->name;
        show->size = sqlite_moment_size(moment, i);
        file->version = sqlite_moment_version(moment, i);
        struct sqlite_progress progress = {show_progress, show};
        st = sqlite_moment_copy(arena, moment, i, path, &progress);
    }
    clear_progress(show);
    return st;
}

static bool is_key_file(const char *name)
{
    return name[0] != '.' && str_ends_with(str_of(name), STR(".key"));
}

static struct status copy_keys(struct arena *arena, const char *data_dir, const char *target,
                               struct backup_manifest *manifest)
{
    struct status st = status_ok();
    struct dirent *entry;
    DIR *directory = opendir(data_dir);

    if (!directory)
        return status_errno(arena, errno, arena_printf(arena, "cannot read %s", data_dir));
    while (!failed(st) && (entry = readdir(directory))) {
        if (!is_key_file(entry->d_name) || manifest->count == BACKUP_FILES_MAX) continue;
        struct backup_file *file = add_file(manifest, true, arena_strdup(arena, entry->d_name));
        st = backup_copy_file(arena, arena_printf(arena, "%s/%s", data_dir, file->name),
                              arena_printf(arena, "%s/%s", target, file->name));
    }
    closedir(directory);
    return st;
}

/* Checks the copies with SQLite and notes their sizes and checksums, without reading the shop's
 * databases again. */
static struct status finish_files(struct arena *arena, const char *target,
                                  struct backup_manifest *manifest)
{
    struct status st = status_ok();
    int64_t version;

    for (size_t i = 0; i < manifest->count && !failed(st); i++) {
        struct backup_file *file = &manifest->files[i];
        const char *path = arena_printf(arena, "%s/%s", target, file->name);
        st = finish_file(arena, path, file);
        if (!failed(st) && !file->is_key) st = sqlite_check_copy(arena, path, &version);
    }
    return st;
}

static struct status take_moment(struct arena *arena, const struct backup_stores *stores,
                                 struct sqlite_moment **ret_moment)
{
    const char *paths[SQLITE_MOMENT_MAX];

    for (size_t i = 0; i < stores->count; i++) paths[i] = stores->stores[i].path;
    struct status st = sqlite_moment_new(arena, paths, stores->count, ret_moment);
    if (st.code != STATUS_NOT_FOUND) return st;
    return status_printf(arena, STATUS_NOT_FOUND, 0,
                         "%s; set ARGOSY_DATA_DIR to the shop's data directory, or name the "
                         "services that this machine has with --only",
                         st.message);
}

static struct status copy_shop(struct arena *arena, const struct backup_stores *stores,
                               const struct backup_options *options, const char *target,
                               struct backup_manifest *manifest, struct backup_result *result)
{
    struct show show = {.terminal = options->terminal};
    struct sqlite_moment *moment;
    struct status st;

    st = take_moment(arena, stores, &moment);
    if (failed(st)) return st;
    result->held_us = sqlite_moment_held_us(moment);
    for (size_t i = 0; i < stores->count; i++) result->size += sqlite_moment_size(moment, i);
    st = backup_check_room(arena, target, result->size);
    if (!failed(st)) st = copy_databases(arena, stores, moment, target, &show, manifest);
    sqlite_moment_free(moment);
    if (!failed(st)) st = copy_keys(arena, stores->data_dir, target, manifest);
    if (!failed(st)) st = finish_files(arena, target, manifest);
    if (!failed(st)) st = backup_manifest_write(arena, target, manifest);
    if (!failed(st)) st = backup_sync_directory(arena, target);
    return st;
}

static struct status make_named(struct arena *arena, const struct backup_stores *stores,
                                const struct backup_options *options, struct backup_result *result)
{
    char time[CLOCK_TEXT_SIZE], name[BACKUP_NAME_SIZE];
    int64_t now_us = clock_now_us();

    clock_format(now_us, time);
    backup_name(now_us, name);
    struct backup_manifest *manifest = arena_new(arena, struct backup_manifest);
    manifest->format = BACKUP_FORMAT;
    manifest->program = ARGOSY_VERSION;
    manifest->time = time;

    const char *partial = arena_printf(arena, "%s/.%s.partial", options->directory, name);
    result->path = arena_printf(arena, "%s/%s", options->directory, name);
    if (mkdir(partial, 0700) != 0)
        return status_errno(arena, errno, arena_printf(arena, "cannot create %s", partial));
    struct status st = copy_shop(arena, stores, options, partial, manifest, result);
    if (!failed(st) && rename(partial, result->path) != 0)
        st = status_errno(arena, errno, arena_printf(arena, "cannot rename %s", partial));
    if (failed(st)) {
        backup_remove_directory(arena, partial);
        return st;
    }
    return backup_sync_directory(arena, options->directory);
}

struct status backup_make(struct arena *arena, const struct backup_stores *stores,
                          const struct backup_options *options, struct backup_result *ret_result)
{
    struct backup_result result = {0};
    int lock;
    struct status st = backup_directory_lock(arena, options->directory, &lock);

    if (failed(st)) return st;
    backup_directory_remove_partial(arena, options->directory);
    st = make_named(arena, stores, options, &result);
    if (!failed(st) && options->keep > 0)
        result.removed = backup_directory_rotate(arena, options->directory, (size_t)options->keep);
    close(lock);
    if (!failed(st)) *ret_result = result;
    return st;
}
