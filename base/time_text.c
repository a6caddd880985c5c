/* SPDX-License-Identifier: Apache-2.0 */
/* Formats and parses Timestamp and Duration. */
#include "base/time_text.h"

#include "base/number.h"

#define TIMESTAMP_MIN INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define TIMESTAMP_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define DURATION_MAX INT64_C(315576000000)  /* ten thousand years */

enum { SECONDS_OF_DAY = 86400, NANOS_OF_SECOND = 1000000000 };

/* ---- the calendar: days since 1970 and dates, by eras of 400 years that begin in March ---- */

struct date {
    int64_t year;
    int month, day;
};

static int64_t days_of_date(struct date date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

static struct date date_of_days(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    struct date date = {
        .year = year_of_era + era * 400,
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
    };

    if (date.month <= 2) date.year++;
    return date;
}

static int days_of_month(int64_t year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* ---- writing ---- */

static char *put_digits(char *out, int64_t value, int count)
{
    for (int i = count - 1; i >= 0; i--, value /= 10) out[i] = (char)('0' + value % 10);
    return out + count;
}

/* A point and 3, 6 or 9 digits, or nothing. */
static char *put_fraction(char *out, int64_t nanos)
{
    if (nanos == 0) return out;
    *out++ = '.';
    if (nanos % 1000000 == 0) return put_digits(out, nanos / 1000000, 3);
    if (nanos % 1000 == 0) return put_digits(out, nanos / 1000, 6);
    return put_digits(out, nanos, 9);
}

size_t timestamp_format(int64_t seconds, int64_t nanos, char ret_text[TIME_TEXT_SIZE])
{
    char *out = ret_text;

    if (seconds < TIMESTAMP_MIN || seconds > TIMESTAMP_MAX) return 0;
    if (nanos < 0 || nanos >= NANOS_OF_SECOND) return 0;

    int64_t days = seconds / SECONDS_OF_DAY, rest = seconds % SECONDS_OF_DAY;
    if (rest < 0) {
        rest += SECONDS_OF_DAY;
        days--;
    }
    struct date date = date_of_days(days);
    out = put_digits(out, date.year, 4);
    *out++ = '-';
    out = put_digits(out, date.month, 2);
    *out++ = '-';
    out = put_digits(out, date.day, 2);
    *out++ = 'T';
    out = put_digits(out, rest / 3600, 2);
    *out++ = ':';
    out = put_digits(out, rest / 60 % 60, 2);
    *out++ = ':';
    out = put_digits(out, rest % 60, 2);
    out = put_fraction(out, nanos);
    *out++ = 'Z';
    return (size_t)(out - ret_text);
}

size_t duration_format(int64_t seconds, int64_t nanos, char ret_text[TIME_TEXT_SIZE])
{
    char *out = ret_text;
    bool negative = seconds < 0 || nanos < 0;

    if (seconds < -DURATION_MAX || seconds > DURATION_MAX) return 0;
    if (nanos <= -NANOS_OF_SECOND || nanos >= NANOS_OF_SECOND) return 0;
    if (negative && (seconds > 0 || nanos > 0)) return 0;

    if (negative) *out++ = '-';
    out += number_format_i64(negative ? -seconds : seconds, out);
    out = put_fraction(out, negative ? -nanos : nanos);
    *out++ = 's';
    return (size_t)(out - ret_text);
}

/* ---- reading ---- */

/* Removes exactly `count` digits from the front. */
static bool take_digits(struct str *rest, int count, int64_t *ret_value)
{
    int64_t value = 0;

    if (rest->length < (size_t)count) return false;
    for (int i = 0; i < count; i++) {
        char digit = rest->data[i];
        if (digit < '0' || digit > '9') return false;
        value = value * 10 + (digit - '0');
    }
    *rest = str_sized(rest->data + count, rest->length - (size_t)count);
    *ret_value = value;
    return true;
}

static bool take_byte(struct str *rest, char byte)
{
    if (rest->length == 0 || rest->data[0] != byte) return false;
    *rest = str_sized(rest->data + 1, rest->length - 1);
    return true;
}

/* A point and one to nine digits, or nothing. */
static bool take_fraction(struct str *rest, int32_t *ret_nanos)
{
    int32_t nanos = 0, unit = NANOS_OF_SECOND;
    int64_t digit;

    if (take_byte(rest, '.')) {
        while (unit > 1 && take_digits(rest, 1, &digit)) {
            unit /= 10;
            nanos += (int32_t)digit * unit;
        }
        if (unit == NANOS_OF_SECOND) return false;
    }
    *ret_nanos = nanos;
    return true;
}

static bool take_date(struct str *rest, int64_t *ret_days)
{
    int64_t year, month, day;

    if (!take_digits(rest, 4, &year) || !take_byte(rest, '-')) return false;
    if (!take_digits(rest, 2, &month) || !take_byte(rest, '-')) return false;
    if (!take_digits(rest, 2, &day)) return false;
    if (year < 1 || month < 1 || month > 12) return false;
    if (day < 1 || day > days_of_month(year, (int)month)) return false;
    *ret_days = days_of_date((struct date){year, (int)month, (int)day});
    return true;
}

static bool take_clock(struct str *rest, int64_t *ret_seconds)
{
    int64_t hour, minute, second;

    if (!take_digits(rest, 2, &hour) || !take_byte(rest, ':')) return false;
    if (!take_digits(rest, 2, &minute) || !take_byte(rest, ':')) return false;
    if (!take_digits(rest, 2, &second)) return false;
    if (hour > 23 || minute > 59 || second > 59) return false;
    *ret_seconds = hour * 3600 + minute * 60 + second;
    return true;
}

static bool take_offset(struct str *rest, int64_t *ret_seconds)
{
    int64_t hour, minute;
    int sign = 1;

    *ret_seconds = 0;
    if (take_byte(rest, 'Z')) return true;
    if (take_byte(rest, '-'))
        sign = -1;
    else if (!take_byte(rest, '+'))
        return false;
    if (!take_digits(rest, 2, &hour) || !take_byte(rest, ':')) return false;
    if (!take_digits(rest, 2, &minute) || hour > 23 || minute > 59) return false;
    *ret_seconds = sign * (hour * 3600 + minute * 60);
    return true;
}

bool timestamp_parse(struct str text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    int64_t days, clock, offset;
    int32_t nanos;

    if (!take_date(&text, &days) || !take_byte(&text, 'T')) return false;
    if (!take_clock(&text, &clock) || !take_fraction(&text, &nanos)) return false;
    if (!take_offset(&text, &offset) || text.length != 0) return false;

    int64_t seconds = days * SECONDS_OF_DAY + clock - offset;
    if (seconds < TIMESTAMP_MIN || seconds > TIMESTAMP_MAX) return false;
    *ret_seconds = seconds;
    *ret_nanos = nanos;
    return true;
}

bool duration_parse(struct str text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    bool negative = take_byte(&text, '-');
    int64_t seconds = 0, digit;
    int32_t nanos;
    int digits = 0;

    for (; digits < 13 && take_digits(&text, 1, &digit); digits++) seconds = seconds * 10 + digit;
    if (digits == 0 || !take_fraction(&text, &nanos)) return false;
    if (!take_byte(&text, 's') || text.length != 0) return false;
    if (seconds > DURATION_MAX || (seconds == DURATION_MAX && nanos > 0)) return false;
    *ret_seconds = negative ? -seconds : seconds;
    *ret_nanos = negative ? -nanos : nanos;
    return true;
}
