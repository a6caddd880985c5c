/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks, which tests and simulations can replace, and RFC 3339 text. */
#include "base/clock.h"

#include <time.h>

#include "base/status.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec time;

    invariant(clock_gettime(id, &time) == 0);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static int64_t system_now_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t (*now_source)(void) = system_now_us;
static int64_t (*monotonic_source)(void) = system_monotonic_us;

int64_t clock_now_us(void)
{
    return now_source();
}

int64_t clock_monotonic_us(void)
{
    return monotonic_source();
}

void clock_set_source(int64_t (*now_us)(void), int64_t (*monotonic_us)(void))
{
    invariant(!now_us == !monotonic_us);
    now_source = now_us ? now_us : system_now_us;
    monotonic_source = monotonic_us ? monotonic_us : system_monotonic_us;
}

void clock_system_in(int64_t wait_us, struct timespec *ret_time)
{
    int64_t then_us = system_monotonic_us() + wait_us;

    *ret_time = (struct timespec){then_us / 1000000, then_us % 1000000 * 1000};
}

struct civil_day {
    int64_t year;
    int month, day; /* from 1 */
};

/* The proleptic Gregorian day that lies `days` after 1970-01-01. Years are counted from March, so
 * that the leap day is the last of its year, in eras of 400 years, which all have as many days. */
static struct civil_day civil_from_days(int64_t days)
{
    days += 719468; /* now from 0000-03-01 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int day_of_era = (int)(days - era * 146097);
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) /
                      365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (5 * day_of_year + 2) / 153;

    struct civil_day civil = {
        .month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9,
        .day = day_of_year - (153 * month_from_march + 2) / 5 + 1,
    };
    civil.year = year_of_era + era * 400 + (civil.month <= 2);
    return civil;
}

/* Writes `digits` digits of `value` and the byte `after`; returns the position behind them. */
static char *put(char *out, int64_t value, int digits, char after)
{
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    out[digits] = after;
    return out + digits + 1;
}

size_t clock_format(int64_t time_us, char ret_text[CLOCK_TEXT_SIZE])
{
    const int64_t day_us = 86400 * (int64_t)1000000;
    int64_t days = time_us / day_us, in_day_us = time_us % day_us;
    if (in_day_us < 0) {
        in_day_us += day_us;
        days--;
    }
    int64_t second = in_day_us / 1000000;
    int64_t micros = in_day_us % 1000000;
    struct civil_day civil = civil_from_days(days);
    char *out = ret_text;

    if (civil.year < 0) *out++ = '-';
    int64_t year = civil.year < 0 ? -civil.year : civil.year;
    out = put(out, year, year > 9999 ? 6 : 4, '-');
    out = put(out, civil.month, 2, '-');
    out = put(out, civil.day, 2, 'T');
    out = put(out, second / 3600, 2, ':');
    out = put(out, second / 60 % 60, 2, ':');
    out = put(out, second % 60, 2, micros ? '.' : 'Z');
    if (micros % 1000)
        out = put(out, micros, 6, 'Z');
    else if (micros)
        out = put(out, micros / 1000, 3, 'Z');
    *out = 0;
    return (size_t)(out - ret_text);
}
