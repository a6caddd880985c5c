/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody could have meant who mistyped a command or an option: the name that is nearest, if
 * it is near enough. */
#ifndef APP_COMMAND_NEAREST_H
#define APP_COMMAND_NEAREST_H

#include "app/command.h"
#include "base/str.h"

/* How many letters must be put in, left out, changed, or swapped with the next to make one word of
 * the other. */
int word_distance(struct str a, struct str b);

/* "stock check" for "stok check" or "stokc", "serve" for "srve"; NULL if none is near. `second` may
 * be NULL. */
const char *nearest_command(const char *first, const char *second);

/* One that the command takes, or every command; NULL if none is near. */
const char *nearest_option(const struct command *command, struct str typed);

#endif
