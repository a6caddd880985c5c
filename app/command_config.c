/* SPDX-License-Identifier: Apache-2.0 */
#include "app/commands.h"

static int print_config(const struct command_line *line)
{
    config_print(line->config, stdout);
    return EXIT_OK;
}

const struct command command_config = {
    .name = "config",
    .arguments = "",
    .summary = "Print every setting with its value, source and meaning.",
    .description =
        "Prints every setting there is: its value, where the value came from, and what it means.\n"
        "Settings come from --set, then the environment, then the file .env. Secrets are not "
        "printed; each\n"
        "NAME that is secret can also be given as NAME_FILE, a file that holds it.",
    .without_settings = true,
    .run = print_config,
};
