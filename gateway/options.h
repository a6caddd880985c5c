/* SPDX-License-Identifier: Apache-2.0 */
/* Members of a YAML map, declared in a table and read into a struct: what is not declared is
 * refused with its line and with what is known.
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
    OPTION_TEXTS,   /* struct texts; one text stands for a list of one */
    OPTION_TREE,    /* const struct yaml_value *, for the caller to read */
    OPTION_IGNORED, /* is known, and says nothing to us */
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
    const char *const *choices; /* the texts that are allowed, ended by NULL; NULL: any */
    int64_t min, max;           /* of INTEGER */
    bool required;
};

/* Where it is read from, for messages. */
struct option_source {
    struct arena *arena;
    const char *file;
};

/* Fills `into`, which is all zeros, from the map's members; `map` may be NULL or null: nothing is
 * given. `what` names the thing in messages. INVALID_ARGUMENT with file and line. */
struct status options_read(const struct option_source *source, const struct yaml_value *map,
                           const char *what, const struct option *table, void *into);

#endif
