/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of entity tags: which lists are valid, and the two comparisons. */
#include "base/entity_tag.h"
#include "base/test.h"

TEST(lists_of_tags_are_distinguished_from_malformed_ones)
{
    static const struct {
        const char *text;
        enum entity_tag_list list;
    } cases[] = {
        {"\"a\"", ENTITY_TAGS_SOME},
        {"W/\"a\"", ENTITY_TAGS_SOME},
        {"\"\"", ENTITY_TAGS_SOME},
        {" \"a\" , \"b,c\",,\tW/\"d\" ,", ENTITY_TAGS_SOME},
        {" * ", ENTITY_TAGS_ANY},
        {"", ENTITY_TAGS_BROKEN},
        {",", ENTITY_TAGS_BROKEN},
        {"a", ENTITY_TAGS_BROKEN},
        {"7", ENTITY_TAGS_BROKEN},
        {"\"a", ENTITY_TAGS_BROKEN},
        {"a\"", ENTITY_TAGS_BROKEN},
        {"w/\"a\"", ENTITY_TAGS_BROKEN},
        {"W/ \"a\"", ENTITY_TAGS_BROKEN},
        {"\"a b\"", ENTITY_TAGS_BROKEN},
        {"\"a\" \"b\"", ENTITY_TAGS_BROKEN},
        {"\"a\"x", ENTITY_TAGS_BROKEN},
        {"*, \"a\"", ENTITY_TAGS_BROKEN},
        {"\"a\", *", ENTITY_TAGS_BROKEN},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        CHECK_INT(entity_tags_read(str_of(cases[i].text)), ==, cases[i].list);
}

/* The table of RFC 9110, section 8.8.3.2. */
TEST(tags_compare_strongly_and_weakly)
{
    CHECK(!entity_tags_have(STR("W/\"1\""), STR("W/\"1\""), true));
    CHECK(entity_tags_have(STR("W/\"1\""), STR("W/\"1\""), false));
    CHECK(!entity_tags_have(STR("W/\"1\""), STR("W/\"2\""), false));
    CHECK(!entity_tags_have(STR("W/\"1\""), STR("\"1\""), true));
    CHECK(!entity_tags_have(STR("\"1\""), STR("W/\"1\""), true));
    CHECK(entity_tags_have(STR("W/\"1\""), STR("\"1\""), false));
    CHECK(entity_tags_have(STR("\"1\""), STR("\"1\""), true));
    CHECK(entity_tags_have(STR("\"0\", \"a,b\",\"1\""), STR("\"1\""), true));
    CHECK(!entity_tags_have(STR("\"0\", \"1,2\""), STR("\"1\""), false));
    CHECK(!entity_tags_have(STR("*"), STR("\"1\""), true));
    CHECK(!entity_tags_have(STR("\"1\", x"), STR("\"1\""), true));
    CHECK(!entity_tags_have(STR("\"1\""), STR(""), false));
}
