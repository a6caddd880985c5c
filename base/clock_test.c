/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the clocks and of RFC 3339 text. */
#include "base/clock.h"

#include "base/random.h"
#include "base/test.h"

static const char *text_of(int64_t time_us)
{
    static char text[CLOCK_TEXT_SIZE];

    CHECK_INT(clock_format(time_us, text), ==, strlen(text));
    return text;
}

TEST(times_are_written_as_rfc_3339)
{
    CHECK_STR(text_of(0), "1970-01-01T00:00:00Z");
    CHECK_STR(text_of(1), "1970-01-01T00:00:00.000001Z");
    CHECK_STR(text_of(1000), "1970-01-01T00:00:00.001Z");
    CHECK_STR(text_of(-1), "1969-12-31T23:59:59.999999Z");
    CHECK_STR(text_of(INT64_C(1795545636120000)), "2026-11-24T18:40:36.120Z");
    CHECK_STR(text_of(INT64_C(951782400000000)), "2000-02-29T00:00:00Z");
    CHECK_STR(text_of(INT64_C(4107542399000000)), "2100-02-28T23:59:59Z");
    CHECK_STR(text_of(INT64_C(4107542400000000)), "2100-03-01T00:00:00Z");
    CHECK_STR(text_of(INT64_C(-62135596800000000)), "0001-01-01T00:00:00Z");
    CHECK_STR(text_of(INT64_C(253402300799999999)), "9999-12-31T23:59:59.999999Z");
}

TEST(the_first_and_last_times_fit)
{
    CHECK_INT(strlen(text_of(INT64_MAX)), <, CLOCK_TEXT_SIZE);
    CHECK_STR(text_of(INT64_MAX), "294247-01-10T04:00:54.775807Z");
    CHECK_INT(strlen(text_of(INT64_MIN)), <, CLOCK_TEXT_SIZE);
    CHECK_STR(text_of(INT64_MIN), "-290308-12-21T19:59:05.224192Z");
}

/* Compared with the C library. */
TEST(days_are_those_of_the_system)
{
    char expected[CLOCK_TEXT_SIZE];
    struct tm civil;

    for (int i = 0; i < 20000; i++) {
        time_t second = (time_t)random_below(253402300800 + 62135596800) - 62135596800;
        CHECK(gmtime_r(&second, &civil) != 0);
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02dZ",
                 (civil.tm_year + 1900) % 10000, civil.tm_mon + 1, civil.tm_mday, civil.tm_hour,
                 civil.tm_min, civil.tm_sec);
        CHECK_STR(text_of((int64_t)second * 1000000), expected);
    }
}

TEST(the_system_is_asked)
{
    int64_t now_s = (int64_t)time(0), before = clock_monotonic_us();

    CHECK_INT(clock_now_us() / 1000000 - now_s, <=, 1);
    CHECK_INT(clock_now_us() / 1000000, >=, now_s - 1);
    for (int i = 0; i < 1000; i++) {
        int64_t after = clock_monotonic_us();
        CHECK_INT(after, >=, before);
        before = after;
    }
}

static int64_t noon(void)
{
    return 43200000000;
}

static int64_t start(void)
{
    return 5;
}

TEST(another_source_can_be_set)
{
    clock_set_source(noon, start);
    CHECK_INT(clock_now_us(), ==, 43200000000);
    CHECK_INT(clock_monotonic_us(), ==, 5);
    clock_set_source(0, 0);
    CHECK_INT(clock_now_us(), >, 43200000000);
}
