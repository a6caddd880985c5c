/* SPDX-License-Identifier: Apache-2.0 */
/* argosy restore. */
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
    printf("restored the shop of %s to %s, from %s\n", result->manifest.time, data_dir,
           options.backup);
    if (result->missing[0])
        printf("the backup has no databases of %s; they stay as they are\n", result->missing);
    if (result->moved_to) printf("the files from before are in %s\n", result->moved_to);
    printf("Start it, then check it: argosy stock check; argosy payments reconcile\n");
    return EXIT_OK;
}

const struct command command_restore = {
    .name = "restore",
    .arguments = "DIR",
    .summary = "Restore a backup to the data directory.",
    .description =
        "Restores a backup (or the newest one in DIR) to the data directory, which must be "
        "empty or missing, and not in use. Everything is checked before any file is touched: "
        "a backup that is damaged, incomplete, or made by a newer program is refused. "
        "Databases of an older program are migrated.",
    .arguments_min = 1,
    .arguments_max = 1,
    .options =
        {{"force", 0,
          "Replace an existing shop: its files are moved away, not deleted. Databases that the "
          "backup does not have stay."}},
    .run = restore,
};
