/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, flags and tags, as people and spreadsheets write them. */
#include "app/shopify_values.h"

#include "base/test.h"

static struct arena arena;

/* -1 if it is refused. */
static int64_t amount(const char *text, int exponent, const char *currency)
{
    int64_t minor = -1;

    return shopify_read_amount(&arena, str_of(text), exponent, currency, &minor) ? -1 : minor;
}

TEST(amounts_are_read_rightly_or_not_at_all)
{
    arena_init(&arena, 0);
    CHECK_INT(amount("12.50", 2, "USD"), ==, 1250);
    CHECK_INT(amount("12,50", 2, "EUR"), ==, 1250);
    CHECK_INT(amount("12,5", 2, "EUR"), ==, 1250);
    CHECK_INT(amount("12", 2, "USD"), ==, 1200);
    CHECK_INT(amount("0", 2, "USD"), ==, 0);
    CHECK_INT(amount("+1.00", 2, "USD"), ==, 100);
    CHECK_INT(amount("-0.00", 2, "USD"), ==, 0);
    CHECK_INT(amount("12.5000", 2, "USD"), ==, 1250);
    CHECK_INT(amount("1200", 0, "JPY"), ==, 1200);
    CHECK_INT(amount("1200.00", 0, "JPY"), ==, 1200);
    CHECK_INT(amount("1.234", 3, "KWD"), ==, 1234);
    CHECK_INT(amount("0.1", 3, "KWD"), ==, 100);
    CHECK_INT(amount("1000000000.00", 2, "USD"), ==, 100000000000);
    static const char *const bad[] = {
        "$12.50",
        "12.50 EUR",
        "1,250",
        "1,250.00",
        "1.250,00",
        "-1",
        "-0.01",
        "1e3",
        "12.505",
        "12.",
        ".5",
        "1 000",
        "12abc",
        "",
        "NaN",
        "0x10",
        "1000000000.01",
        "9999999999999999999999",
        "5\xe2\x82\xac",
        "5-",
        "1..2",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_INT(amount(bad[i], 2, "USD"), ==, -1);
    CHECK_INT(amount("1.5", 0, "JPY"), ==, -1);
    CHECK_INT(amount("1,234", 3, "KWD"), ==, -1); /* thousands or decimals */
    arena_release(&arena);
}

static int64_t pieces(const char *text)
{
    int64_t count = INT64_MIN;

    return shopify_read_pieces(str_of(text), &count) ? INT64_MIN : count;
}

TEST(pieces_are_whole_numbers)
{
    CHECK_INT(pieces("12"), ==, 12);
    CHECK_INT(pieces("0.0"), ==, 0);
    CHECK_INT(pieces("-3"), ==, -3);
    CHECK_INT(pieces("1000000000"), ==, 1000000000);
    static const char *const bad[] = {
        "1e9", "1E+09", "12.5", "12abc", "1000000001", "1,000", "", "99999999999999999999", "five"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_INT(pieces(bad[i]), ==, INT64_MIN);
}

TEST(numbers_that_are_too_large_are_said_to_be)
{
    static const char *const large[] = {"1000000001", "9223372036854775807",
                                        "99999999999999999999"};
    int64_t value;
    int32_t grams;
    bool rounded;

    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        struct str text = str_of(large[i]);
        CHECK_STR(shopify_read_pieces(text, &value), "must be at most 1000000000");
        CHECK_STR(shopify_read_amount(&arena, text, 2, "USD", &value),
                  "must be at most 1000000000.00");
    }
    CHECK_STR(shopify_read_grams(STR("99999999999999999999"), &grams, &rounded),
              "must be at most 2147483647 grams");
    CHECK_STR(shopify_read_amount(&arena, STR("5.99999999999999999999"), 2, "USD", &value),
              "must have at most 2 decimals, as USD has");
    arena_release(&arena);
}

TEST(a_point_that_may_separate_thousands_is_refused)
{
    arena_init(&arena, 0);
    CHECK_INT(amount("1.500", 2, "EUR"), ==, -1);
    CHECK_INT(amount("120.000", 0, "JPY"), ==, -1);
    CHECK_INT(amount("0.500", 2, "EUR"), ==, 50);
    CHECK_INT(amount("1200.500", 2, "EUR"), ==, 120050);
    CHECK_INT(amount("1.5000", 2, "EUR"), ==, 150);
    CHECK_INT(amount("1.500", 3, "KWD"), ==, 1500);
    CHECK_INT(pieces("1.000"), ==, INT64_MIN);
    CHECK_INT(pieces("1200.000"), ==, 1200);
    CHECK_INT(pieces("0.000"), ==, 0);
    arena_release(&arena);
}

TEST(weights_are_rounded_to_grams)
{
    bool rounded;
    int32_t grams;

    CHECK(!shopify_read_grams(STR("226.796"), &grams, &rounded));
    CHECK(grams == 227 && rounded);
    CHECK(!shopify_read_grams(STR("0.0"), &grams, &rounded));
    CHECK(grams == 0 && !rounded);
    CHECK(!shopify_read_grams(STR("2147483647"), &grams, &rounded));
    CHECK(shopify_read_grams(STR("2147483648"), &grams, &rounded) != 0);
    CHECK(shopify_read_grams(STR("2147483647.5"), &grams, &rounded) != 0);
    CHECK(shopify_read_grams(STR("-1"), &grams, &rounded) != 0);
    CHECK(shopify_read_grams(STR("1 kg"), &grams, &rounded) != 0);
}

TEST(flags_and_positions)
{
    int position;
    bool flag;

    CHECK(!shopify_read_flag(STR("TRUE"), &flag) && flag);
    CHECK(!shopify_read_flag(STR("No"), &flag) && !flag);
    CHECK(!shopify_read_flag(STR("1"), &flag) && flag);
    CHECK(shopify_read_flag(STR("maybe"), &flag) != 0);
    CHECK(!shopify_read_position(STR("3"), &position) && position == 3);
    CHECK(shopify_read_position(STR("0"), &position) != 0);
    CHECK(shopify_read_position(STR("-1"), &position) != 0);
    CHECK(shopify_read_position(STR("first"), &position) != 0);
}

TEST(amounts_are_written_with_the_decimals_of_their_currency)
{
    arena_init(&arena, 0);
    CHECK_STR(shopify_amount_text(&arena, 5, "USD"), "0.05");
    CHECK_STR(shopify_amount_text(&arena, 1200, "JPY"), "1200");
    CHECK_STR(shopify_amount_text(&arena, 1234, "KWD"), "1.234");
    CHECK_STR(shopify_amount_text(&arena, 12345, "CLF"), "1.2345");
    arena_release(&arena);
}

static size_t tags_of(const char *text, char **ret_tags)
{
    size_t count = 99;

    return shopify_read_tags(&arena, str_of(text), 4, ret_tags, &count) ? count : 99;
}

TEST(tags_may_have_commas_and_quotes)
{
    static const char *const tags[] = {"red", "soft, warm", "5\" wide", "\"quoted\""};
    char *read[4];

    arena_init(&arena, 0);
    const char *text = shopify_tags_text(&arena, (char *const *)tags, 4);
    CHECK_STR(text, "red, \"soft, warm\", 5\" wide, \"\"\"quoted\"\"\"");
    CHECK_INT(tags_of(text, read), ==, 4);
    for (int i = 0; i < 4; i++) CHECK_STR(read[i], tags[i]);
    CHECK_INT(tags_of(" a ,, b,", read), ==, 2);
    CHECK_STR(read[1], "b");
    CHECK_INT(tags_of("\"vintage\" look, x", read), ==, 2);
    CHECK_STR(read[0], "\"vintage\" look");
    CHECK_INT(tags_of("\"open", read), ==, 1);
    CHECK_STR(read[0], "\"open");
    CHECK_INT(tags_of("", read), ==, 0);
    CHECK_INT(tags_of("a,b,c,d,e", read), ==, 99);
    arena_release(&arena);
}
