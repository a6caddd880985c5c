/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of formatting and parsing numbers. */
#include "base/number.h"

#include <float.h>
#include <locale.h>
#include <math.h>

#include "base/random.h"
#include "base/str.h"
#include "base/test.h"

static const char *text_of(double value)
{
    static char text[NUMBER_TEXT_SIZE];

    CHECK_INT(number_format_double(value, text), ==, strlen(text));
    return text;
}

static const char *text_of_float(float value)
{
    static char text[NUMBER_TEXT_SIZE];

    CHECK_INT(number_format_float(value, text), ==, strlen(text));
    return text;
}

TEST(integers_are_written_whole)
{
    char text[NUMBER_TEXT_SIZE];

    CHECK_INT(number_format_i64(INT64_MIN, text), ==, 20);
    CHECK_STR(text, "-9223372036854775808");
    number_format_i64(INT64_MAX, text);
    CHECK_STR(text, "9223372036854775807");
    number_format_u64(UINT64_MAX, text);
    CHECK_STR(text, "18446744073709551615");
    number_format_u64(0, text);
    CHECK_STR(text, "0");
    number_format_i64(-7, text);
    CHECK_STR(text, "-7");
    for (uint64_t value = 1, expect = 1; value < 10000000; value *= 10, expect++) {
        CHECK_INT(number_format_u64(value, text), ==, expect);
        CHECK_INT(number_format_u64(value * 9, text), ==, expect);
    }
}

TEST(doubles_are_written_with_the_fewest_digits)
{
    CHECK_STR(text_of(0.0), "0");
    CHECK_STR(text_of(-0.0), "-0");
    CHECK_STR(text_of(1.0), "1");
    CHECK_STR(text_of(-42.0), "-42");
    CHECK_STR(text_of(19.99), "19.99");
    CHECK_STR(text_of(0.1), "0.1");
    CHECK_STR(text_of(-0.05), "-0.05");
    CHECK_STR(text_of(0.001), "0.001");
    CHECK_STR(text_of(123456.789), "123456.789");
    CHECK_STR(text_of(0.1 + 0.2), "0.30000000000000004");
    CHECK_STR(text_of(1.0 / 3), "0.3333333333333333");
    CHECK_STR(text_of(9007199254740991.0), "9007199254740991");
    CHECK_STR(text_of(1e22), "1e+22");
    CHECK_STR(text_of(1e-7), "1e-07");
    CHECK_STR(text_of(DBL_MAX), "1.7976931348623157e+308");
    CHECK_STR(text_of(5e-324), "4.94065645841247e-324");
}

TEST(floats_are_written_with_the_fewest_digits)
{
    CHECK_STR(text_of_float(0.1f), "0.1");
    CHECK_STR(text_of_float(19.99f), "19.99");
    CHECK_STR(text_of_float(16777215.0f), "16777215");
    CHECK_STR(text_of_float(FLT_MAX), "3.4028235e+38");
    CHECK_STR(text_of_float(-1.5f), "-1.5");
    CHECK_STR(text_of_float(1.0f / 3), "0.33333334");
}

/* Compared with the C library's strtod. */
TEST(what_is_written_reads_back_the_same)
{
    char text[NUMBER_TEXT_SIZE];
    double value, back;
    float single;

    for (int i = 0; i < 100000; i++) {
        random_bytes(&value, sizeof(value));
        if (i % 2) value = (double)(int64_t)random_below(100000000000) / 10000;
        if (!isfinite(value)) continue;
        size_t length = number_format_double(value, text);
        CHECK(strtod(text, 0) == value);
        CHECK(str_to_double(str_sized(text, length), &back));
        CHECK(memcmp(&back, &value, sizeof(value)) == 0);

        random_bytes(&single, sizeof(single));
        if (i % 2) single = (float)random_below(1000000) / 1000;
        if (!isfinite(single)) continue;
        number_format_float(single, text);
        CHECK(strtof(text, 0) == single);
    }
}

TEST(the_locale_changes_nothing)
{
    double value;
    const char *found = setlocale(LC_NUMERIC, "de_DE.UTF-8");

    if (!found) found = setlocale(LC_NUMERIC, "fr_FR.UTF-8");
    CHECK_STR(text_of(1e-300 / 3), "3.3333333333333334e-301");
    CHECK_STR(text_of(1.5), "1.5");
    CHECK(str_to_double(STR("1.234567890123456789e10"), &value));
    CHECK(value == 1.234567890123456789e10);
    setlocale(LC_NUMERIC, "C");
    if (!found) printf("  (no locale with a decimal comma is installed)\n");
}

TEST(whole_numbers_are_read_or_refused)
{
    static const char *const bad[] = {"",    "-",   "+",   "1 ",   " 1",  "1a",
                                      "--1", "-+1", "+-1", "0x10", "1.0", "9223372036854775808"};
    int64_t value = 0;
    uint64_t wide;

    CHECK(str_to_i64(STR("-9223372036854775808"), &value) && value == INT64_MIN);
    CHECK(str_to_i64(STR("9223372036854775807"), &value) && value == INT64_MAX);
    CHECK(str_to_i64(STR("+7"), &value) && value == 7);
    CHECK(str_to_i64(STR("007"), &value) && value == 7);
    CHECK(str_to_i64(STR("-0"), &value) && value == 0);
    value = 5;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!str_to_i64(str_of(bad[i]), &value));
    CHECK(!str_to_i64(STR("-9223372036854775809"), &value));
    CHECK(value == 5);
    CHECK(str_to_u64(STR("18446744073709551615"), &wide) && wide == UINT64_MAX);
    CHECK(!str_to_u64(STR("18446744073709551616"), &wide));
    CHECK(!str_to_u64(STR("-1"), &wide));
    CHECK(!str_to_i64((struct str){0}, &value));
    CHECK(!str_to_u64(STR("1\0"), &wide));
}

TEST(real_numbers_are_read_or_refused)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"0", 0},
        {"-0", -0.0},
        {"1.5", 1.5},
        {".5", 0.5},
        {"5.", 5},
        {"+2", 2},
        {"1e3", 1000},
        {"1E-3", 0.001},
        {"1e+3", 1000},
        {"19.99", 19.99},
        {"1e22", 1e22},
        {"1e23", 1e23},
        {"5e-324", 5e-324},
        {"1e-400", 0},
        {"0e999999999", 0},
        {"123456789012345678901234567890", 123456789012345678901234567890.0},
        {"0.000000000000000000000000000001", 1e-30},
        {"9007199254740993", 9007199254740992.0},
        {"179769313486231570000e288", 1.7976931348623157e308},
    };
    static const char *const bad[] = {
        "",   ".",  "-",    "e5",       "1e",    "1e+",   "inf",  "nan",   "0x1", "1,5",
        " 1", "1 ", "1.5x", "Infinity", "1e309", "1e5e5", "1..2", "1.2.3", "--1", "1e99999999999"};
    double value = 7;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!str_to_double(str_of(bad[i]), &value));
    CHECK(value == 7);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK(str_to_double(str_of(good[i].text), &value));
        CHECK(value == good[i].value && signbit(value) == signbit(good[i].value));
    }
}

TEST(a_number_has_a_longest_form)
{
    char text[STR_NUMBER_MAX + 1];
    double value;

    memset(text, '1', sizeof(text));
    text[1] = '.';
    CHECK(str_to_double(str_sized(text, STR_NUMBER_MAX), &value) && value == 1.1111111111111111);
    CHECK(!str_to_double(str_sized(text, STR_NUMBER_MAX + 1), &value));
    memset(text, '0', sizeof(text));
    text[1] = '.';
    text[STR_NUMBER_MAX - 1] = '1';
    CHECK(str_to_double(str_sized(text, STR_NUMBER_MAX), &value) && value == 0);
}
