/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table from names to pointers, filled once and then only read. In an arena. */
#ifndef RPC_NAME_TABLE_H
#define RPC_NAME_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct name_entry {
    struct str name; /* borrowed for the table's life */
    const void *value;
};

struct name_table {
    struct name_entry *entries;
    size_t count, count_max;
    uint32_t *slots; /* 1 + the index of an entry; 0: none */
    size_t mask;
};

/* Makes room for `count_max` names. */
void name_table_init(struct arena *arena, struct name_table *table, size_t count_max);

/* False if the name exists already; then its value is kept. `value` must not be NULL. */
bool name_table_add(struct name_table *table, struct str name, const void *value);

/* NULL if there is no such name. */
const void *name_table_get(const struct name_table *table, struct str name);

#endif
