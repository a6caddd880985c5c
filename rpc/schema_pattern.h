/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of field rules: the part of RE2's syntax that POSIX extended regular expressions can
 * express, over bytes.
 *
 * Known: literals, `.`, `[...]`, `(...)` and `(?:...)`, `|`, `* + ? {n} {n,} {n,m}`, `^` and `$`
 * (the ends of the text), `\A \z`, `\d \D \w \W \s \S` (ASCII; the capital ones outside brackets
 * only), `\t \n \r \f \v`, and an escaped punctuation mark for itself. Everything else is refused
 * when the schema is made, rather than misread. A non-ASCII character counts as its UTF-8 bytes,
 * which only matters to patterns with counts. */
#ifndef RPC_SCHEMA_PATTERN_H
#define RPC_SCHEMA_PATTERN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

struct schema_pattern;

enum { SCHEMA_PATTERN_SIZE_MAX = 512 };

/* False with a message (static, or in the arena) if the pattern is invalid or uses unsupported
 * syntax.
 */
bool schema_pattern_compile(struct arena *arena, const char *pattern,
                            const struct schema_pattern **ret_pattern, const char **ret_error);

/* Does any part of the text match? Any thread. */
bool schema_pattern_matches(const struct schema_pattern *pattern, struct str text);

#endif
