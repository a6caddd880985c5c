/* SPDX-License-Identifier: Apache-2.0 */
/* argosy backup, and argosy backup verify. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/backup.h"
#include "app/commands.h"
#include "base/str.h"

static bool read_keep(const char *text, int64_t *ret_keep)
{
    if (!text) return true;
    if (str_to_i64(str_of(text), ret_keep) && *ret_keep >= 1) return true;
    command_error("--keep must be the number of backups to keep, at least 1");
    return false;
}

static int backup(const struct command_line *line)
{
    struct backup_options options = {.directory = line->arguments[0],
                                     .terminal = isatty(STDERR_FILENO)};
    struct backup_stores stores;
    struct backup_result result;

    if (!read_keep(command_option(line, "keep"), &options.keep)) return EXIT_USAGE;
    struct status st = backup_find_stores(line->arena, line->config, command_option(line, "only"),
                                          &stores);
    if (!failed(st)) st = backup_make(line->arena, &stores, &options, &result);
    if (failed(st)) {
        command_error("%s", st.message);
        return EXIT_FAILED;
    }
    printf("%s: %zu database%s, %.1f MiB; writes were paused for %.1f ms\n", result.path,
           stores.count, stores.count == 1 ? "" : "s", (double)result.size / (1 << 20),
           (double)result.held_us / 1000);
    if (result.removed > 0)
        printf("%zu older backup%s removed\n", result.removed, result.removed == 1 ? "" : "s");
    return EXIT_OK;
}

const struct command command_backup = {
    .name = "backup",
    .arguments = "DIR",
    .summary = "Copy the shop to a new directory in DIR.",
    .description =
        "Copies all databases of the shop, all as of the same moment, and its keys into "
        "DIR/TIME, with a manifest of checksums. The shop may be running, as one process or "
        "as several that share the data directory; its writes pause for some milliseconds at "
        "that moment. An interrupted backup leaves nothing that could be mistaken for a "
        "backup.\n"
        "\n"
        "Protect the backup like the keys: it contains everything. docs/backup.md says what a "
        "backup costs and how to restore it.",
    .arguments_min = 1,
    .arguments_max = 1,
    .options = {{"keep", "N", "Remove the oldest backups in DIR until N are left."},
                {"only", "SERVICES",
                 "Back up these services only; for one machine of a stopped fleet."}},
    .run = backup,
};

static int verify(const struct command_line *line)
{
    struct backup_manifest *manifest = arena_new(line->arena, struct backup_manifest);
    const char *path;

    struct status st = backup_find(line->arena, line->arguments[0], &path);
    if (!failed(st)) st = backup_verify(line->arena, path, manifest);
    if (failed(st)) {
        command_error("%s", st.message);
        return EXIT_FAILED;
    }
    for (size_t i = 0; i < manifest->count; i++) {
        const struct backup_file *file = &manifest->files[i];
        if (file->is_key)
            printf("%-20s ok\n", file->name);
        else
            printf("%-20s ok, schema %lld, %.1f MiB\n", file->name, (long long)file->version,
                   (double)file->size / (1 << 20));
    }
    printf("%s: complete; made at %s by argosy %s\n", path, manifest->time, manifest->program);
    return EXIT_OK;
}

const struct command command_backup_verify = {
    .name = "backup verify",
    .arguments = "DIR",
    .summary = "Check a backup: its checksums and each database.",
    .description =
        "Reads every file of a backup (or of the newest one in DIR), compares sizes and "
        "checksums with its manifest, and has SQLite check each database. Writes nothing. The "
        "exit status is 1 if anything is wrong.",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = verify,
};
