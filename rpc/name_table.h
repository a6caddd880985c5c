/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table from names to things, filled once and only read afterwards. In an arena. */
#ifndef RPC_NAME_TABLE_H
#define RPC_NAME_TABLE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

struct name_slot {
    struct str name; /* borrowed for the table's life */
    const void *value;
};

struct name_table {
    struct name_slot *slots;
    size_t mask;
};

/* Makes room for `count_max` names. */
void name_table_init(struct arena *arena, struct name_table *table, size_t count_max);

/* False if the name is there already; it keeps its value then. `value` must not be NULL. */
bool name_table_add(struct name_table *table, struct str name, const void *value);

/* NULL if the name is not there. */
const void *name_table_get(const struct name_table *table, struct str name);

#endif
