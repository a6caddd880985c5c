/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base64, hexadecimal and percent-encoding. */
#include "base/encode.h"

#include "base/random.h"
#include "base/test.h"

static struct arena arena;

/* RFC 4648, section 10. */
TEST(base64_has_the_vectors_of_its_rfc)
{
    static const char *const vectors[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    struct str data;

    arena_init(&arena, 0);
    for (size_t i = 0; i < 7; i++) {
        CHECK(str_is(base64_encode(&arena, str_of(vectors[i][0])), vectors[i][1]));
        CHECK(base64_decode(&arena, str_of(vectors[i][1]), &data));
        CHECK(str_is(data, vectors[i][0]));
    }
    CHECK(str_is(base64_encode(&arena, STR("\xfb\xff\xfe")), "+//+"));
    CHECK(str_is(base64url_encode(&arena, STR("\xfb\xff\xfe\xff")), "-__-_w"));
    arena_release(&arena);
}

static bool decodes(struct str text, const char *expected)
{
    struct str data;

    return base64_decode(&arena, text, &data) && str_is(data, expected);
}

TEST(base64_is_read_in_both_alphabets_with_and_without_padding)
{
    struct str data = {0};

    arena_init(&arena, 0);
    CHECK(decodes(STR("+//+"), "\xfb\xff\xfe"));
    CHECK(decodes(STR("-__-"), "\xfb\xff\xfe"));
    CHECK(decodes(STR("Zm8"), "fo"));
    CHECK(decodes(STR("Zg"), "f"));
    CHECK(decodes(STR("-_"), "\xfb")); /* protobuf's conformance suite asks for this */
    CHECK(!base64_decode(&arena, STR("Z"), &data));
    CHECK(!base64_decode(&arena, STR("Zg="), &data));
    CHECK(!base64_decode(&arena, STR("Z==="), &data));
    CHECK(!base64_decode(&arena, STR("===="), &data));
    CHECK(!base64_decode(&arena, STR("Zm9v===="), &data));
    CHECK(!base64_decode(&arena, STR("Zg==Zg=="), &data));
    CHECK(!base64_decode(&arena, STR("Zm 9"), &data));
    CHECK(!base64_decode(&arena, STR("Zm9\n"), &data));
    CHECK(!base64_decode(&arena, STR("Zm9\0"), &data));
    CHECK(!base64_decode(&arena, STR("Zm9\xff"), &data));
    CHECK(!data.data);
    arena_release(&arena);
}

TEST(base64url_is_canonical)
{
    struct str data = {0};

    arena_init(&arena, 0);
    CHECK(base64url_decode(&arena, STR(""), &data) && data.length == 0);
    CHECK(base64url_decode(&arena, STR("-__-_w"), &data) && str_is(data, "\xfb\xff\xfe\xff"));
    CHECK(!base64url_decode(&arena, STR("-__-_x"), &data));
    CHECK(!base64url_decode(&arena, STR("Zh"), &data));
    CHECK(!base64url_decode(&arena, STR("Zm9"), &data));
    CHECK(!base64url_decode(&arena, STR("Zg=="), &data));
    CHECK(!base64url_decode(&arena, STR("+//+"), &data));
    CHECK(!base64url_decode(&arena, STR("Zm9vY"), &data));
    arena_release(&arena);
}

TEST(hex_goes_both_ways)
{
    struct str data = {0};

    arena_init(&arena, 0);
    CHECK(str_is(hex_encode(&arena, STR("\x00\x0f\xa5\xff")), "000fa5ff"));
    CHECK(hex_decode(&arena, STR("0aFf"), &data) && str_is(data, "\x0a\xff"));
    CHECK(hex_decode(&arena, STR(""), &data) && data.length == 0);
    CHECK(!hex_decode(&arena, STR("0"), &data));
    CHECK(!hex_decode(&arena, STR("0g"), &data));
    CHECK(!hex_decode(&arena, STR("`0"), &data));
    arena_release(&arena);
}

TEST(percent_goes_both_ways)
{
    struct str data = {0};

    arena_init(&arena, 0);
    CHECK(str_is(percent_encode(&arena, STR("a b/c~\xc3\xa9%")), "a%20b%2Fc~%C3%A9%25"));
    CHECK(percent_decode(&arena, STR("a%20b%2fc+d"), false, &data) && str_is(data, "a b/c+d"));
    CHECK(percent_decode(&arena, STR("a+b%2B"), true, &data) && str_is(data, "a b+"));
    CHECK(percent_decode(&arena, STR("%00"), false, &data) && str_equal(data, STR("\0")));
    data = (struct str){0};
    CHECK(!percent_decode(&arena, STR("%"), false, &data));
    CHECK(!percent_decode(&arena, STR("a%2"), false, &data));
    CHECK(!percent_decode(&arena, STR("%zz"), false, &data));
    CHECK(!percent_decode(&arena, STR("%%20"), false, &data));
    CHECK(!data.data);
    arena_release(&arena);
}

/* The bytes lie at the very end of a heap block, so that the sanitizer sees a read past them. */
TEST(any_bytes_come_back_from_each_encoding)
{
    for (int i = 0; i < 2000; i++) {
        struct str back, data = {0};
        data.length = random_below(70);
        char *bytes = malloc(data.length ? data.length : 1);
        random_bytes(bytes, data.length);
        data.data = bytes;

        arena_init(&arena, 0);
        CHECK(base64_decode(&arena, base64_encode(&arena, data), &back) && str_equal(back, data));
        CHECK(base64url_decode(&arena, base64url_encode(&arena, data), &back) &&
              str_equal(back, data));
        CHECK(hex_decode(&arena, hex_encode(&arena, data), &back) && str_equal(back, data));
        CHECK(percent_decode(&arena, percent_encode(&arena, data), i % 2, &back) &&
              str_equal(back, data));
        base64_decode(&arena, data, &back);
        hex_decode(&arena, data, &back);
        percent_decode(&arena, data, true, &back);
        if (base64url_decode(&arena, data, &back))
            CHECK(str_equal(base64url_encode(&arena, back), data));
        arena_release(&arena);
        free(bytes);
    }
}
