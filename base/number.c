/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers to text and text to numbers. Short decimals, which prices are, take a fast path that is
 * exact; everything else goes to the C library. */
#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/str.h"

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

/* Writes the digits of `value` so that they end before `end`; returns where they start. */
static char *put_digits(char *end, uint64_t value)
{
    while (value >= 100) {
        end -= 2;
        memcpy(end, pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10) {
        end -= 2;
        memcpy(end, pairs + 2 * value, 2);
    } else {
        *--end = (char)('0' + value);
    }
    return end;
}

static size_t format_integer(uint64_t magnitude, bool negative, char ret_text[NUMBER_TEXT_SIZE])
{
    char digits[NUMBER_TEXT_SIZE];
    char *end = digits + sizeof(digits);
    char *start = put_digits(end, magnitude);

    if (negative) *--start = '-';
    size_t length = (size_t)(end - start);
    memcpy(ret_text, start, length);
    ret_text[length] = 0;
    return length;
}

size_t number_format_u64(uint64_t value, char ret_text[NUMBER_TEXT_SIZE])
{
    return format_integer(value, false, ret_text);
}

size_t number_format_i64(int64_t value, char ret_text[NUMBER_TEXT_SIZE])
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    return format_integer(magnitude, value < 0, ret_text);
}

/* Powers of ten that a double holds exactly. */
static const double exact_power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
enum { EXACT_POWER_MAX = 22 };

static locale_t c_locale;
static pthread_once_t c_locale_made = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", 0);
    invariant(c_locale != 0);
}

static locale_t get_c_locale(void)
{
    pthread_once(&c_locale_made, make_c_locale);
    return c_locale;
}

/* Writes units / 10^decimals in full. */
static size_t format_fixed(uint64_t units, int decimals, bool negative,
                           char ret_text[NUMBER_TEXT_SIZE])
{
    char digits[NUMBER_TEXT_SIZE];
    char *end = digits + sizeof(digits);
    char *start = put_digits(end, units);

    while (end - start <= decimals) *--start = '0';
    if (negative) *--start = '-';
    size_t whole = (size_t)(end - start - decimals);
    memcpy(ret_text, start, whole);
    ret_text[whole] = '.';
    memcpy(ret_text + whole + 1, end - decimals, (size_t)decimals);
    ret_text[whole + 1 + (size_t)decimals] = 0;
    return whole + 1 + (size_t)decimals;
}

enum { FAST_DECIMALS_MAX = 6 };

/* The fast path for integers and numbers with few decimals, such as prices. Whole units below 2^53
 * (or 2^24) and powers of ten are exact, and a division rounds correctly, as reading the text does:
 * if the quotient equals the value, so does the text. The fewest decimals give the fewest digits.
 */
static size_t format_briefly(double value, bool single, char ret_text[NUMBER_TEXT_SIZE])
{
    double magnitude = fabs(value), exact_max = single ? 0x1p24 : 0x1p53;
    bool negative = signbit(value);

    if (magnitude >= exact_max) return 0;
    if (magnitude == floor(magnitude))
        return format_integer((uint64_t)magnitude, negative, ret_text);
    for (int decimals = 1; decimals <= FAST_DECIMALS_MAX; decimals++) {
        double units = rint(magnitude * exact_power[decimals]);
        if (units >= exact_max || magnitude < 1e-4) return 0;
        double back = single ? (double)((float)units / (float)exact_power[decimals])
                             : units / exact_power[decimals];
        if (back == magnitude) return format_fixed((uint64_t)units, decimals, negative, ret_text);
    }
    return 0;
}

static size_t format_shortest(double value, bool single, char ret_text[NUMBER_TEXT_SIZE])
{
    const int digits_min = single ? 6 : 15, digits_max = single ? 9 : 17;
    locale_t before = uselocale(get_c_locale());
    int length = 0;

    for (int digits = digits_min; digits <= digits_max; digits++) {
        length = snprintf(ret_text, NUMBER_TEXT_SIZE, "%.*g", digits, value);
        if (single ? strtof(ret_text, 0) == (float)value : strtod(ret_text, 0) == value) break;
    }
    uselocale(before);
    return (size_t)length;
}

static size_t format_real(double value, bool single, char ret_text[NUMBER_TEXT_SIZE])
{
    invariant(isfinite(value));
    size_t length = format_briefly(value, single, ret_text);

    return length ? length : format_shortest(value, single, ret_text);
}

size_t number_format_double(double value, char ret_text[NUMBER_TEXT_SIZE])
{
    return format_real(value, false, ret_text);
}

size_t number_format_float(float value, char ret_text[NUMBER_TEXT_SIZE])
{
    return format_real((double)value, true, ret_text);
}

bool str_to_u64(struct str s, uint64_t *ret_value)
{
    uint64_t value = 0;
    size_t i = s.length > 1 && s.data[0] == '+';

    if (s.length == 0) return false;
    for (; i < s.length; i++) {
        unsigned digit = (unsigned)(uint8_t)s.data[i] - '0';
        if (digit > 9) return false;
        if (__builtin_mul_overflow(value, 10, &value)) return false;
        if (__builtin_add_overflow(value, digit, &value)) return false;
    }
    *ret_value = value;
    return true;
}

bool str_to_i64(struct str s, int64_t *ret_value)
{
    bool negative = s.length && s.data[0] == '-';
    uint64_t magnitude;

    if (negative) {
        s = str_sized(s.data + 1, s.length - 1);
        if (s.length && s.data[0] == '+') return false;
    }
    if (!str_to_u64(s, &magnitude)) return false;
    if (magnitude > (uint64_t)INT64_MAX + negative) return false;
    *ret_value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

/* A number as it is written: its significant digits as an integer, and where the point stands. */
struct decimal {
    uint64_t digits;
    int digit_count; /* without leading zeros; beyond 19 `digits` is not valid */
    int exponent;    /* the value is digits × 10^exponent */
    bool negative;
};

static const char *read_digits(const char *next, const char *end, struct decimal *decimal)
{
    for (; next < end && *next >= '0' && *next <= '9'; next++) {
        if (decimal->digit_count || *next != '0') decimal->digit_count++;
        if (decimal->digit_count <= 19)
            decimal->digits = decimal->digits * 10 + (unsigned)(*next - '0');
    }
    return next;
}

static bool read_exponent(const char *next, const char *end, struct decimal *decimal)
{
    bool negative = next < end && *next == '-';
    int exponent = 0;

    if (next < end && (*next == '-' || *next == '+')) next++;
    if (next == end) return false;
    for (; next < end; next++) {
        if (*next < '0' || *next > '9') return false;
        if (exponent < 100000) exponent = exponent * 10 + (*next - '0');
    }
    decimal->exponent += negative ? -exponent : exponent;
    return true;
}

/* [sign] digits [. digits] [e exponent], with at least one digit on either side of the point. */
static bool read_decimal(struct str s, struct decimal *ret_decimal)
{
    const char *next = s.data, *end = s.data + s.length;
    struct decimal decimal = {0};

    decimal.negative = next < end && *next == '-';
    if (next < end && (*next == '-' || *next == '+')) next++;
    const char *start = next;
    next = read_digits(next, end, &decimal);
    size_t digits = (size_t)(next - start);
    if (next < end && *next == '.') {
        const char *point = ++next;
        next = read_digits(next, end, &decimal);
        decimal.exponent = -(int)(next - point);
        digits += (size_t)(next - point);
    }
    if (digits == 0) return false;
    if (next < end && (*next | 0x20) == 'e' && !read_exponent(next + 1, end, &decimal))
        return false;
    if (next < end && (*next | 0x20) != 'e') return false;
    *ret_decimal = decimal;
    return true;
}

bool str_to_double(struct str s, double *ret_value)
{
    char text[STR_NUMBER_MAX + 1];
    struct decimal decimal;

    if (s.length == 0 || s.length > STR_NUMBER_MAX || !read_decimal(s, &decimal)) return false;

    /* Digits and power are exact as doubles here, so that one operation rounds correctly. */
    int power = decimal.exponent < 0 ? -decimal.exponent : decimal.exponent;
    if (decimal.digit_count <= 15 && power <= EXACT_POWER_MAX) {
        double value = (double)decimal.digits;
        value = decimal.exponent < 0 ? value / exact_power[power] : value * exact_power[power];
        *ret_value = decimal.negative ? -value : value;
        return true;
    }

    memcpy(text, s.data, s.length);
    text[s.length] = 0;
    double value = strtod_l(text, 0, get_c_locale());
    if (!isfinite(value)) return false;
    *ret_value = value;
    return true;
}
