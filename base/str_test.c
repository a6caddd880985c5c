/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of text views and buffers. */
#include "base/str.h"

#include "base/arena.h"
#include "base/test.h"

TEST(views_compare)
{
    CHECK(str_equal(STR("abc"), str_of("abc")));
    CHECK(!str_equal(STR("abc"), STR("abd")));
    CHECK(!str_equal(STR("abc"), STR("ab")));
    CHECK(str_equal((struct str){0}, STR("")));
    CHECK(str_of(0).length == 0);
    CHECK(str_equal_nocase(STR("Content-Type"), STR("content-tYPE")));
    CHECK(!str_equal_nocase(STR("a["), STR("a{")));
    CHECK(!str_equal_nocase(STR("a"), STR("ab")));
    CHECK(str_starts_with(STR("/products/1"), STR("/products")));
    CHECK(str_starts_with(STR("x"), STR("")));
    CHECK(!str_starts_with(STR("/pro"), STR("/products")));
    CHECK(str_ends_with(STR("cart.db"), STR(".db")));
    CHECK(str_ends_with((struct str){0}, STR("")));
    CHECK(!str_ends_with(STR("b"), STR(".db")));
}

TEST(views_have_an_order)
{
    CHECK_INT(str_compare(STR("a"), STR("b")), <, 0);
    CHECK_INT(str_compare(STR("b"), STR("a")), >, 0);
    CHECK_INT(str_compare(STR("a"), STR("ab")), <, 0);
    CHECK_INT(str_compare(STR("ab"), STR("a")), >, 0);
    CHECK_INT(str_compare(STR("ab"), STR("ab")), ==, 0);
    CHECK_INT(str_compare((struct str){0}, STR("a")), <, 0);
    CHECK_INT(str_compare(STR("\x7f"), STR("\x80")), <, 0);
}

TEST(white_space_is_trimmed_at_both_ends)
{
    CHECK(str_is(str_trim(STR(" \t\r\n a b \v\f")), "a b"));
    CHECK(str_is(str_trim(STR("   ")), ""));
    CHECK(str_is(str_trim((struct str){0}), ""));
}

TEST(splitting_gives_every_part_once)
{
    struct str rest = STR("a,,bc,"), part;

    CHECK(str_split(&rest, ',', &part) && str_is(part, "a"));
    CHECK(str_split(&rest, ',', &part) && str_is(part, ""));
    CHECK(str_split(&rest, ',', &part) && str_is(part, "bc"));
    CHECK(str_split(&rest, ',', &part) && str_is(part, ""));
    CHECK(!str_split(&rest, ',', &part));
    rest = STR("");
    CHECK(str_split(&rest, ',', &part) && part.length == 0);
    CHECK(!str_split(&rest, ',', &part));
    CHECK_INT(str_find(STR("abc"), 'c'), ==, 2);
    CHECK_INT(str_find(STR("abc"), 'd'), ==, 3);
    CHECK_INT(str_find((struct str){0}, 'd'), ==, 0);
}

TEST(utf8_is_as_rfc_3629_has_it)
{
    static const char *const good[] = {
        "",
        "a",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "plain ASCII of more than 16 bytes",
        "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e \xf0\x9f\x9b\x92",
    };
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x41",
        "\xe0\x9f\xbf",
        "\xe0\xa0",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "0123456789abcdef\x80",
        "0123456789abcde\xc3",
        "\xc3\xa9\xc3",
        "01234567\xe2\x82",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) CHECK(str_is_utf8(str_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) CHECK(!str_is_utf8(str_of(bad[i])));
    CHECK(str_is_utf8(STR("a\0b")));
    CHECK_INT(str_code_points(STR("caf\xc3\xa9 \xf0\x9f\x9b\x92")), ==, 6);
    CHECK_INT(str_utf8_length(STR("\xf0\x9f\x9b\x92x")), ==, 4);
    CHECK_INT(str_utf8_length((struct str){0}), ==, 0);
}

TEST(copies_are_in_the_arena)
{
    struct arena arena;

    arena_init(&arena, 0);
    CHECK_STR(str_dup(&arena, str_sized("abcdef", 3)), "abc");
    CHECK_STR(str_dup(&arena, (struct str){0}), "");
    CHECK_STR(str_lower(&arena, STR("ABCxyz[\xc3\x89")), "abcxyz[\xc3\x89");
    arena_release(&arena);
}

TEST(secrets_are_compared_and_wiped)
{
    char secret[] = "hunter2";

    CHECK(str_equal_secret(STR("abc"), STR("abc")));
    CHECK(!str_equal_secret(STR("abc"), STR("abd")));
    CHECK(!str_equal_secret(STR("abc"), STR("abcd")));
    secret_wipe(secret, sizeof(secret));
    for (size_t i = 0; i < sizeof(secret); i++) CHECK(secret[i] == 0);
}

TEST(a_buffer_grows)
{
    struct buffer buffer;

    buffer_init(&buffer, 1 << 20);
    for (int i = 0; i < 10000; i++) buffer_append_byte(&buffer, (char)('a' + i % 26));
    buffer_append_str(&buffer, STR("end"));
    buffer_append(&buffer, 0, 0);
    CHECK_INT(buffer.length, ==, 10003);
    for (int i = 0; i < 10000; i++) CHECK(buffer.data[i] == 'a' + i % 26);
    CHECK(str_ends_with(buffer_str(&buffer), STR("end")));
    CHECK(!buffer.overflow);
    buffer_release(&buffer);
    CHECK(!buffer.data && buffer.max == 1 << 20);
}

TEST(a_buffer_stops_at_its_maximum)
{
    struct buffer buffer;

    buffer_init(&buffer, 5);
    buffer_append_str(&buffer, STR("abcde"));
    CHECK(!buffer.overflow);
    buffer_append_byte(&buffer, 'f');
    CHECK(buffer.overflow);
    CHECK(str_is(buffer_str(&buffer), "abcde"));

    buffer_clear(&buffer);
    CHECK(!buffer.overflow && buffer.length == 0);
    buffer_append_str(&buffer, STR("abc"));
    buffer_append_str(&buffer, STR("def"));
    buffer_append_str(&buffer, STR("g"));
    CHECK(buffer.overflow);
    CHECK(str_is(buffer_str(&buffer), "abc"));
    buffer_clear(&buffer);
    CHECK(buffer_reserve(&buffer, SIZE_MAX) == 0);
    CHECK(buffer.overflow);
    buffer_release(&buffer);
}

TEST(a_buffer_reserves_room)
{
    struct buffer buffer;

    buffer_init(&buffer, 1000);
    CHECK(buffer_reserve(&buffer, 0) != 0);
    char *room = buffer_reserve(&buffer, 1000);
    CHECK(room != 0);
    memset(room, 'x', 1000);
    buffer.length += 1000;
    CHECK(buffer_reserve(&buffer, 0) != 0);
    CHECK(buffer_reserve(&buffer, 1) == 0);
    buffer_release(&buffer);
    buffer_init(&buffer, 0);
    CHECK(buffer_reserve(&buffer, 0) != 0);
    CHECK(buffer_reserve(&buffer, 1) == 0);
    buffer_release(&buffer);
}

TEST(a_buffer_prints)
{
    struct buffer buffer;

    buffer_init(&buffer, 2000);
    buffer_printf(&buffer, "%s=%d;", "a", 1);
    buffer_printf(&buffer, "%1000d", 7);
    CHECK_INT(buffer.length, ==, 1004);
    CHECK(!buffer.overflow);
    CHECK(buffer.data[1003] == '7');
    buffer_printf(&buffer, "%1000d", 7);
    CHECK(buffer.overflow);
    CHECK_INT(buffer.length, ==, 1004);
    buffer_release(&buffer);
}

TEST(a_buffer_is_consumed_from_the_front)
{
    struct buffer buffer;

    buffer_init(&buffer, 100);
    buffer_consume(&buffer, 0);
    buffer_append_str(&buffer, STR("header body"));
    buffer_consume(&buffer, 7);
    CHECK(str_is(buffer_str(&buffer), "body"));
    buffer_consume(&buffer, 4);
    CHECK_INT(buffer.length, ==, 0);
    buffer_release(&buffer);
}
