/* SPDX-License-Identifier: Apache-2.0 */
/* The table of names. */
#include "rpc/name_table.h"

#include "base/test.h"

enum { NAMES = 1000 };

TEST(names_are_found_and_others_are_not)
{
    static int values[NAMES];
    struct name_table table;
    struct arena arena;

    arena_init(&arena, 0);
    name_table_init(&arena, &table, NAMES);
    CHECK(!name_table_get(&table, STR("name0")));
    for (int i = 0; i < NAMES; i++)
        CHECK(name_table_add(&table, str_of(arena_printf(&arena, "name%d", i)), &values[i]));
    for (int i = 0; i < NAMES; i++)
        CHECK(name_table_get(&table, str_of(arena_printf(&arena, "name%d", i))) == &values[i]);
    CHECK(!name_table_get(&table, STR("name1000")));
    CHECK(!name_table_get(&table, STR("")));
    arena_release(&arena);
}

TEST(the_first_of_equal_names_stays)
{
    struct name_table table;
    struct arena arena;
    int first, second;

    arena_init(&arena, 0);
    name_table_init(&arena, &table, 1);
    CHECK(name_table_add(&table, STR("name"), &first));
    CHECK(!name_table_add(&table, STR("name"), &second));
    CHECK(name_table_get(&table, STR("name")) == &first);
    arena_release(&arena);
}

TEST(an_empty_table_has_no_names)
{
    struct name_table table;
    struct arena arena;

    arena_init(&arena, 0);
    name_table_init(&arena, &table, 0);
    CHECK(!name_table_get(&table, STR("name")));
    arena_release(&arena);
}
