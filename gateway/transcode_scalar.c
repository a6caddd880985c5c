/* SPDX-License-Identifier: Apache-2.0 */
/* Converts numbers, booleans and enums from text to their wire format. */
#include <float.h>
#include <math.h>

#include "gateway/transcode_parts.h"

enum { EXPONENT_MAX = 100000 };

/* The digits of a number, and the position of its decimal point. */
struct decimal {
    const char *digits; /* possibly with a point among them */
    const char *end;
    int64_t scale; /* the value is digits × 10^scale */
};

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* [digits] [. digits] [e [+-] digits], at least one digit before the point and behind it. */
static bool split_decimal(struct str text, struct decimal *ret_decimal)
{
    const char *next = text.data, *end = text.data + text.length;
    int64_t exponent = 0, decimals = 0;
    bool negative = false;

    while (next < end && is_digit(*next)) next++;
    if (next == text.data) return false;
    if (next < end && *next == '.') {
        const char *fraction = ++next;
        while (next < end && is_digit(*next)) next++;
        decimals = next - fraction;
        if (decimals == 0) return false;
    }
    ret_decimal->digits = text.data;
    ret_decimal->end = next;
    if (next < end && (*next | 0x20) == 'e') {
        next++;
        if (next < end && (*next == '+' || *next == '-')) negative = *next++ == '-';
        if (next == end) return false;
        for (; next < end && is_digit(*next); next++)
            if (exponent < EXPONENT_MAX) exponent = exponent * 10 + (*next - '0');
    }
    ret_decimal->scale = (negative ? -exponent : exponent) - decimals;
    return next == end;
}

/* The value of the digits, truncated at the scale; truncated digits must be zeros. */
static enum number_result decimal_value(const struct decimal *decimal, uint64_t *ret_value)
{
    int64_t scale = decimal->scale;
    const char *end = decimal->end;
    uint64_t value = 0;

    for (; scale < 0 && end > decimal->digits; end--) {
        if (end[-1] == '.') continue;
        if (end[-1] != '0') return NUMBER_FRACTION;
        scale++;
    }
    for (const char *next = decimal->digits; next < end; next++) {
        if (*next == '.') continue;
        if (__builtin_mul_overflow(value, 10, &value)) return NUMBER_RANGE;
        if (__builtin_add_overflow(value, (uint64_t)(*next - '0'), &value)) return NUMBER_RANGE;
    }
    for (; scale > 0 && value > 0; scale--)
        if (__builtin_mul_overflow(value, 10, &value)) return NUMBER_RANGE;
    *ret_value = value;
    return NUMBER_FINE;
}

enum number_result number_parse_integer(struct str text, bool *ret_negative,
                                        uint64_t *ret_magnitude)
{
    struct decimal decimal;

    *ret_negative = text.length > 0 && text.data[0] == '-';
    if (*ret_negative) text = str_sized(text.data + 1, text.length - 1);
    if (!split_decimal(text, &decimal)) return NUMBER_MALFORMED;
    return decimal_value(&decimal, ret_magnitude);
}

static const char *number_error(enum number_result result, const char *range_error)
{
    switch (result) {
    case NUMBER_FRACTION: return "must be a whole number";
    case NUMBER_RANGE: return range_error;
    default: return "must be a number";
    }
}

/* A signed number within -limit-1 and limit. */
static bool parse_signed(struct str text, uint64_t limit, const char *range_error,
                         uint64_t *ret_bits, const char **ret_error)
{
    uint64_t magnitude;
    bool negative;
    enum number_result result = number_parse_integer(text, &negative, &magnitude);

    if (result == NUMBER_FINE && magnitude > limit + (negative ? 1 : 0)) result = NUMBER_RANGE;
    *ret_error = number_error(result, range_error);
    if (result != NUMBER_FINE) return false;
    *ret_bits = negative ? ~magnitude + 1 : magnitude;
    return true;
}

static bool parse_unsigned(struct str text, uint64_t limit, const char *range_error,
                           uint64_t *ret_bits, const char **ret_error)
{
    uint64_t magnitude;
    bool negative;
    enum number_result result = number_parse_integer(text, &negative, &magnitude);

    if (result == NUMBER_FINE && (magnitude > limit || (negative && magnitude > 0)))
        result = NUMBER_RANGE;
    *ret_error = number_error(result, range_error);
    if (result != NUMBER_FINE) return false;
    *ret_bits = magnitude;
    return true;
}

static bool is_zero(const struct decimal *decimal)
{
    for (const char *next = decimal->digits; next < decimal->end; next++)
        if (*next != '0' && *next != '.') return false;
    return true;
}

/* Numbers in strings have the syntax of JSON, too. One that is too small for a double is refused
 * like one that is too large: it would become 0. */
static bool parse_number(struct str text, double *ret_value)
{
    bool negative = text.length > 0 && text.data[0] == '-';
    struct decimal decimal;

    if (!split_decimal(str_sized(text.data + negative, text.length - negative), &decimal))
        return false;
    return str_to_double(text, ret_value) && (*ret_value != 0 || is_zero(&decimal));
}

static bool parse_real(struct str text, double *ret_value)
{
    if (str_is(text, "NaN"))
        *ret_value = (double)NAN;
    else if (str_is(text, "Infinity"))
        *ret_value = (double)INFINITY;
    else if (str_is(text, "-Infinity"))
        *ret_value = -(double)INFINITY;
    else
        return parse_number(text, ret_value);
    return true;
}

static bool parse_double(struct str text, uint64_t *ret_bits, const char **ret_error)
{
    double value;

    *ret_error = "must be a number within the range of a double";
    if (!parse_real(text, &value)) return false;
    memcpy(ret_bits, &value, sizeof(value));
    return true;
}

static bool parse_float(struct str text, uint64_t *ret_bits, const char **ret_error)
{
    double value;
    float narrow;
    uint32_t bits;

    *ret_error = "must be a number within the range of a float";
    if (!parse_real(text, &value)) return false;
    narrow = (float)value;
    if ((isinf(narrow) && !isinf(value)) || (narrow == 0 && value != 0)) return false;
    memcpy(&bits, &narrow, sizeof(bits));
    *ret_bits = bits;
    return true;
}

static bool parse_enum(const struct schema_enum *enumeration, struct str text, uint64_t *ret_bits,
                       const char **ret_error)
{
    const struct schema_enum_value *value = schema_enum_by_name(enumeration, text);

    if (value) {
        *ret_bits = (uint64_t)(int64_t)value->number;
        return true;
    }
    bool number = text.length > 0 && (text.data[0] == '-' || is_digit(text.data[0]));
    *ret_error = "is not a name of this enum";
    return number && parse_signed(text, INT32_MAX, "must fit into 32 bits", ret_bits, ret_error);
}

static bool parse_bool(struct str text, uint64_t *ret_bits, const char **ret_error)
{
    *ret_error = "must be true or false";
    *ret_bits = str_is(text, "true");
    return *ret_bits || str_is(text, "false");
}

bool scalar_parse(const struct schema_field *field, struct str text, uint64_t *ret_bits,
                  const char **ret_error)
{
    switch (field->type) {
    case SCHEMA_DOUBLE: return parse_double(text, ret_bits, ret_error);
    case SCHEMA_FLOAT: return parse_float(text, ret_bits, ret_error);
    case SCHEMA_INT32:
    case SCHEMA_SINT32:
    case SCHEMA_SFIXED32:
        return parse_signed(text, INT32_MAX, "must be a number from -2147483648 to 2147483647",
                            ret_bits, ret_error);
    case SCHEMA_INT64:
    case SCHEMA_SINT64:
    case SCHEMA_SFIXED64:
        return parse_signed(text, INT64_MAX, "must fit into 64 bits", ret_bits, ret_error);
    case SCHEMA_UINT32:
    case SCHEMA_FIXED32:
        return parse_unsigned(text, UINT32_MAX, "must be a number from 0 to 4294967295", ret_bits,
                              ret_error);
    case SCHEMA_UINT64:
    case SCHEMA_FIXED64:
        return parse_unsigned(text, UINT64_MAX, "must be a number from 0 that fits into 64 bits",
                              ret_bits, ret_error);
    case SCHEMA_BOOL: return parse_bool(text, ret_bits, ret_error);
    case SCHEMA_ENUM: return parse_enum(field->enumeration, text, ret_bits, ret_error);
    default: *ret_error = "is no scalar"; return false;
    }
}

void varint_put(struct output *out, uint64_t value)
{
    char *to = output_reserve(out, 10);

    while (value >= 0x80) {
        *to++ = (char)(value | 0x80);
        value >>= 7;
    }
    *to++ = (char)value;
    out->length = (size_t)(to - out->data);
}

static uint64_t zigzag(uint64_t bits)
{
    return bits << 1 ^ (bits >> 63 ? UINT64_MAX : 0);
}

static void put_fixed(struct output *out, uint64_t bits, int size)
{
    char *to = output_reserve(out, 8);

    for (int i = 0; i < size; i++, bits >>= 8) to[i] = (char)bits;
    out->length += (size_t)size;
}

void scalar_put(struct output *out, enum schema_type type, uint64_t bits)
{
    switch (type) {
    case SCHEMA_DOUBLE:
    case SCHEMA_FIXED64:
    case SCHEMA_SFIXED64: put_fixed(out, bits, 8); break;
    case SCHEMA_FLOAT:
    case SCHEMA_FIXED32:
    case SCHEMA_SFIXED32: put_fixed(out, bits, 4); break;
    case SCHEMA_SINT32:
    case SCHEMA_SINT64: varint_put(out, zigzag(bits)); break;
    default: varint_put(out, bits); break;
    }
}

size_t length_open(struct output *out)
{
    output_byte(out, 0);
    return out->length;
}

/* Most parts are shorter than 128 bytes, so one byte was reserved for the length; a longer part is
 * moved.
 */
void length_close(struct output *out, size_t mark)
{
    size_t length = out->length - mark;
    int size = 1;

    for (size_t rest = length; rest >= 0x80; rest >>= 7) size++;
    if (size > 1) {
        output_reserve(out, 9);
        memmove(out->data + mark - 1 + size, out->data + mark, length);
        out->length += (size_t)size - 1;
    }
    char *to = out->data + mark - 1;
    for (; length >= 0x80; length >>= 7) *to++ = (char)(length | 0x80);
    *to = (char)length;
}
