/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that the shop generates when none is configured: keys for tokens, the fleet's key.
 *
 * Several processes may start at the same time on one data directory: the first one makes the file,
 * and all of them read the same secret. The file holds hexadecimal digits and a newline, and has
 * mode 0600. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/arena.h"
#include "base/status.h"

enum { SECRET_SIZE = 32 };

/* The secret `given`, or if that is empty the one in the file `<directory>/<name>`, which is made
 * if it does not exist. The result is text in the arena: `given` itself, or 64 hexadecimal digits.
 * FAILED_PRECONDITION names the file and what is wrong with it: unreadable, not hexadecimal, too
 * short, or readable by other users. */
struct status secret_load(struct arena *arena, const char *given, const char *directory,
                          const char *name, const char **ret_text);

#endif
