/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of Accept-Encoding and of the tags of compressed responses. */
#include "gateway/compress.h"

#include "base/test.h"

TEST(gzip_is_used_for_clients_that_prefer_it)
{
    static const char *const wanted[] = {
        "gzip",
        "GZIP",
        "x-gzip",
        "deflate, gzip",
        "gzip;q=0.5",
        "gzip ; q=1.000, br",
        "*",
        "identity;q=0.5, *;q=0.7",
        "gzip;q=0.001",
        "br;q=1, gzip;q=0.2",
        ", gzip,",
    };
    static const char *const unwanted[] = {
        "",
        "identity",
        "br",
        "gzip;q=0",
        "gzip;q=0.000",
        "*;q=0",
        "gzip;q=0, *",
        "gzip;q=0.5, identity;q=0.9",
        "gzip;q=x",
        "gzip;q=",
        "gzip;q=1.0000",
        "gzip;q=2",
        "gzipped",
        "gzip;q=-1",
    };

    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
        CHECK(compress_is_wanted(str_of(wanted[i])));
    for (size_t i = 0; i < sizeof(unwanted) / sizeof(*unwanted); i++)
        CHECK(!compress_is_wanted(str_of(unwanted[i])));
}

static void check_text(struct str found, const char *wanted)
{
    CHECK(str_is(found, wanted));
}

TEST(tags_are_marked_and_unmarked)
{
    struct arena arena;

    arena_init(&arena, 0);
    check_text(compress_tag(&arena, STR("\"v7\"")), "\"v7-gzip\"");
    check_text(compress_tag(&arena, STR("W/\"v7\"")), "W/\"v7-gzip\"");
    check_text(compress_tag(&arena, STR("")), "");
    check_text(compress_plain_tags(&arena, STR("\"v7-gzip\"")), "\"v7\"");
    check_text(compress_plain_tags(&arena, STR("\"a-gzip\", W/\"b-gzip\" , \"c\"")),
               "\"a\", W/\"b\" , \"c\"");
    check_text(compress_plain_tags(&arena, STR("\"v7\"")), "\"v7\"");
    check_text(compress_plain_tags(&arena, STR("*")), "*");
    check_text(compress_plain_tags(&arena, STR("\"-gzip\"")), "\"\"");
    check_text(compress_plain_tags(&arena, STR("\"x-gzip")), "\"x-gzip");
    arena_release(&arena);
}
