/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of UUIDs: their form, their order, and the clock going back. */
#include "base/uuid.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/test.h"

static int64_t fixed_us;

static int64_t fixed(void)
{
    return fixed_us;
}

TEST(ids_are_of_version_7_and_hold_the_time)
{
    char text[UUID_TEXT_SIZE];

    fixed_us = INT64_C(4000000000000123);
    clock_set_source(fixed, fixed);
    uuid_v7(text);
    clock_set_source(0, 0);
    CHECK(uuid_is_valid(str_of(text)));
    CHECK(memcmp(text, "03a35294-4000-7", 15) == 0); /* 4000000000000 ms */
    CHECK(text[14] == '7');
    CHECK(strchr("89ab", text[19]) != 0);
}

TEST(ids_of_one_millisecond_are_in_order)
{
    char before[UUID_TEXT_SIZE], next[UUID_TEXT_SIZE];

    fixed_us = INT64_C(5000000000000000);
    clock_set_source(fixed, fixed);
    uuid_v7(before);
    for (int i = 0; i < 20000; i++) {
        if (i == 15000) fixed_us -= 5000000; /* and when the clock goes back */
        uuid_v7(next);
        CHECK_INT(strcmp(before, next), <, 0);
        memcpy(before, next, sizeof(before));
    }
    clock_set_source(0, 0);
}

TEST(a_new_id_is_in_the_arena)
{
    struct arena arena;

    arena_init(&arena, 0);
    char *first = uuid_new(&arena), *second = uuid_new(&arena);
    CHECK(uuid_is_valid(str_of(first)) && uuid_is_valid(str_of(second)));
    CHECK(strcmp(first, second) != 0);
    arena_release(&arena);
}

TEST(malformed_ids_are_refused)
{
    CHECK(uuid_is_valid(STR("0190163d-8694-739b-aea5-966c26f8ad91")));
    CHECK(uuid_is_valid(STR("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6")));
    CHECK(!uuid_is_valid(STR("")));
    CHECK(!uuid_is_valid((struct str){0}));
    CHECK(!uuid_is_valid(STR("0190163d-8694-739b-aea5-966c26f8ad9")));
    CHECK(!uuid_is_valid(STR("0190163d-8694-739b-aea5-966c26f8ad911")));
    CHECK(!uuid_is_valid(STR("0190163d-8694-739b-aea5-966c26f8ad9g")));
    CHECK(!uuid_is_valid(STR("0190163d-8694-739b-aea5x966c26f8ad91")));
    CHECK(!uuid_is_valid(STR("0190163d08694-739b-aea5-966c26f8ad91")));
    CHECK(!uuid_is_valid(STR("{190163d-8694-739b-aea5-966c26f8ad9}")));
}
