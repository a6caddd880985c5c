/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "app/commands.h"
#include "app/restore.h"

static int restore(const struct command_line *line)
{
    struct restore_options options = {.force = command_option(line, "force") != 0};
    struct restore_result *result = arena_new(line->arena, struct restore_result);
    const char *data_dir = arena_strdup(line->arena, config_text(line->config, "ARGOSY_DATA_DIR"));

    struct status st = backup_find(line->arena, line->arguments[0], &options.backup);
    if (!failed(st)) st = restore_shop(line->arena, line->config, &options, result);
    if (failed(st)) {
        command_error("cannot restore: %s", st.message);
        return EXIT_FAILED;
    }
    printf("%s is the shop of %s now, from %s\n", data_dir, result->manifest.time, options.backup);
    if (result->moved_to) printf("what was there before is in %s\n", result->moved_to);
    printf("Start it, and then look: argosy stock check; argosy payments reconcile\n");
    return EXIT_OK;
}

const struct command command_restore = {
    .name = "restore",
    .arguments = "DIR",
    .summary = "Put a backup in the place of the shop's data.",
    .description =
        "Restores a backup (or the newest one in DIR) to the data directory, which must be empty\n"
        "or not there, and must not be in use. Everything is checked before anything is touched:\n"
        "a backup that is damaged, incomplete, or made by a newer program is refused. Databases\n"
        "of an older program are migrated.",
    .arguments_min = 1,
    .arguments_max = 1,
    .options = {{"force", 0,
                 "Restore over a shop that is there: its files are moved away, not deleted."}},
    .run = restore,
};
