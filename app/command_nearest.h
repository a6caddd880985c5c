/* SPDX-License-Identifier: Apache-2.0 */
/* Suggestions for a mistyped command or option: the nearest name, if it is near enough. */
#ifndef APP_COMMAND_NEAREST_H
#define APP_COMMAND_NEAREST_H

#include "app/command.h"
#include "base/str.h"

/* "stock check" for "stok check" or "stokc", "serve" for "srve"; NULL if none is near. `second` may
 * be NULL. */
const char *nearest_command(const char *first, const char *second);

/* The nearest option of this command or of every command; NULL if none is near. */
const char *nearest_option(const struct command *command, struct str typed);

#endif
