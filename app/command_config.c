/* SPDX-License-Identifier: Apache-2.0 */
/* argosy config: prints every setting. */
#include "app/commands.h"

static int print_config(const struct command_line *line)
{
    config_print(line->config, stdout);
    return EXIT_OK;
}

const struct command command_config = {
    .name = "config",
    .arguments = "",
    .summary = "Print the settings: value, source and meaning.",
    .description =
        "Prints every setting: its value, where the value came from, and what it means. --set "
        "takes precedence over the environment, and the environment over the file .env. "
        "Secrets are not printed; each secret or URL NAME can also be given as NAME_FILE, the path "
        "of a file with its value.",
    .without_settings = true,
    .run = print_config,
};
