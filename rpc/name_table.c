/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table with open addressing, at most half full, of small slots that refer to the entries: half
 * of the slots are empty, and a table with full ones would be twice as large. */
#include "rpc/name_table.h"

#include "base/hash.h"
#include "base/status.h"

/* The names in a table are our own, so an attacker cannot make them collide. */
static size_t hash(struct str name)
{
    return (size_t)hash_fold(hash_bytes(HASH_START, name));
}

void name_table_init(struct arena *arena, struct name_table *table, size_t count_max)
{
    size_t capacity = 4;

    invariant(count_max < UINT32_MAX / 2);
    while (capacity < 2 * count_max) capacity *= 2;
    *table = (struct name_table){.entries = arena_array(arena, struct name_entry, count_max),
                                 .count_max = count_max,
                                 .slots = arena_array(arena, uint32_t, capacity),
                                 .mask = capacity - 1};
}

/* The slot with this name, or the free one where it belongs. */
static uint32_t *find(const struct name_table *table, struct str name)
{
    size_t i = hash(name) & table->mask;

    while (table->slots[i] && !str_equal(table->entries[table->slots[i] - 1].name, name))
        i = (i + 1) & table->mask;
    return &table->slots[i];
}

bool name_table_add(struct name_table *table, struct str name, const void *value)
{
    uint32_t *slot = find(table, name);

    if (*slot) return false;
    invariant(table->count < table->count_max);
    table->entries[table->count] = (struct name_entry){name, value};
    *slot = (uint32_t)++table->count;
    return true;
}

const void *name_table_get(const struct name_table *table, struct str name)
{
    uint32_t slot = *find(table, name);

    return slot ? table->entries[slot - 1].value : NULL;
}
