/* SPDX-License-Identifier: Apache-2.0 */
/* Members of a YAML map, declared in a table and read into a struct: an undeclared member is
 * refused with its line and a list of the known ones.
 *
 *     static const struct option options[] = {
 *         {"minute", OPTION_INTEGER, offsetof(struct limits, minute), .min = 1, .max = INT_MAX},
 *         {0},
 *     };
 *     st = options_read(&source, map, "plugin rate-limiting", options, &limits); */
#ifndef GATEWAY_OPTIONS_H
#define GATEWAY_OPTIONS_H

#include <stddef.h>

#include "gateway/yaml_tree.h"

enum option_kind {
    OPTION_TEXT,    /* const char *; NULL when it is not given */
    OPTION_INTEGER, /* int64_t; -1 when it is not given and has no fallback */
    OPTION_BOOLEAN, /* bool */
    OPTION_TEXTS,   /* struct texts; a single text counts as a list of one */
    OPTION_TREE,    /* const struct yaml_value *, for the caller to read */
    OPTION_IGNORED, /* accepted and ignored */
};

struct text {
    const char *text;
    int line;
};

struct texts {
    const struct text *items;
    size_t count;
};

struct option {
    const char *name; /* NULL ends a table */
    enum option_kind kind;
    size_t offset;              /* in the struct that is filled */
    const char *fallback;       /* of TEXT, INTEGER, BOOLEAN; for TEXTS with commas; NULL: none */
    const char *const *choices; /* the allowed texts, ended by NULL; NULL: any */
    int64_t min, max;           /* of INTEGER */
    bool required;
};

/* Where options are read from, for messages. */
struct option_source {
    struct arena *arena;
    const char *file;
};

/* Fills `into`, which is all zeros, from the map's members; `map` may be NULL or null if there are
 * none. `what` names the map in messages. INVALID_ARGUMENT with file and line. */
struct status options_read(const struct option_source *source, const struct yaml_value *map,
                           const char *what, const struct option *table, void *into);

#endif
