/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table with open addressing, at most half full. */
#include "rpc/name_table.h"

#include "base/hash.h"

/* The names in a table are our own, so an attacker cannot make them collide. */
static size_t hash(struct str name)
{
    return (size_t)hash_fold(hash_bytes(HASH_START, name));
}

void name_table_init(struct arena *arena, struct name_table *table, size_t count_max)
{
    size_t capacity = 4;

    while (capacity < 2 * count_max) capacity *= 2;
    table->slots = arena_array(arena, struct name_slot, capacity);
    table->mask = capacity - 1;
}

/* The slot with this name, or the free one where it belongs. */
static struct name_slot *find(const struct name_table *table, struct str name)
{
    size_t i = hash(name) & table->mask;

    while (table->slots[i].value && !str_equal(table->slots[i].name, name))
        i = (i + 1) & table->mask;
    return &table->slots[i];
}

bool name_table_add(struct name_table *table, struct str name, const void *value)
{
    struct name_slot *slot = find(table, name);

    if (slot->value) return false;
    *slot = (struct name_slot){name, value};
    return true;
}

const void *name_table_get(const struct name_table *table, struct str name)
{
    return find(table, name)->value;
}
