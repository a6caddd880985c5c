/* SPDX-License-Identifier: Apache-2.0 */
/* UUID version 7 (RFC 9562, section 5.7): ordered by time, and within one thread also within a
 * millisecond. */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>

#include "base/str.h"

enum { UUID_TEXT_SIZE = 37 }; /* 36 characters and the NUL */

/* A new id in lower case, NUL-terminated. */
void uuid_v7(char ret_text[UUID_TEXT_SIZE]);

/* A new id in the arena. */
char *uuid_new(struct arena *arena);

/* 8-4-4-4-12 hexadecimal digits of either case; any version. */
bool uuid_is_valid(struct str text);

#endif
