/* SPDX-License-Identifier: Apache-2.0 */
/* See shopify_values.h. */
#include "app/shopify_values.h"

#include "base/money.h"

/* Digits, and maybe a point or comma and more digits. */
struct decimal {
    bool negative;
    char point; /* 0: none */
    struct str whole, fraction;
};

static struct str take_digits(struct str *rest)
{
    size_t length = 0;

    while (length < rest->length && rest->data[length] >= '0' && rest->data[length] <= '9')
        length++;
    struct str digits = str_sized(rest->data, length);
    *rest = str_sized(rest->data + length, rest->length - length);
    return digits;
}

static bool take_byte(struct str *rest, char byte)
{
    if (rest->length == 0 || rest->data[0] != byte) return false;
    *rest = str_sized(rest->data + 1, rest->length - 1);
    return true;
}

static bool read_decimal(struct str text, struct decimal *ret_decimal)
{
    struct decimal decimal = {.negative = take_byte(&text, '-')};

    if (!decimal.negative) take_byte(&text, '+');
    decimal.whole = take_digits(&text);
    if (take_byte(&text, '.'))
        decimal.point = '.';
    else if (take_byte(&text, ','))
        decimal.point = ',';
    if (decimal.point) decimal.fraction = take_digits(&text);
    if (text.length > 0 || decimal.whole.length == 0) return false;
    if (decimal.point && decimal.fraction.length == 0) return false;
    *ret_decimal = decimal;
    return true;
}

/* A value beyond all limits for digits that are beyond them. */
static int64_t digits_value(struct str digits)
{
    const int64_t value_max = INT64_C(100000000000000000);
    int64_t value = 0;

    for (size_t i = 0; i < digits.length && value < value_max; i++)
        value = value * 10 + (digits.data[i] - '0');
    return value;
}

static bool is_zero(struct str digits)
{
    return digits_value(digits) == 0;
}

static struct str tail(struct str text, size_t from)
{
    return from < text.length ? str_sized(text.data + from, text.length - from) : STR("");
}

/* Some people write 1500 as 1,500, and others as 1.500. A point behind 0 or behind four digits is
 * none of theirs. */
static bool may_have_thousands(const struct decimal *decimal)
{
    if (decimal->fraction.length != 3) return false;
    return decimal->point == ',' || (decimal->whole.length <= 3 && decimal->whole.data[0] != '0');
}

/* As the field rules have it. */
#define AMOUNT_MAX INT64_C(100000000000)

const char *shopify_read_amount(struct arena *arena, struct str text, int exponent,
                                const char *currency, int64_t *ret_minor)
{
    struct decimal decimal;
    int64_t minor;

    if (!read_decimal(text, &decimal))
        return "must be digits with a point before the decimals, such as 1234.50, without a "
               "currency sign and without thousands separators";
    minor = digits_value(decimal.whole);
    if (decimal.negative && (minor > 0 || !is_zero(decimal.fraction)))
        return "must not be less than 0";
    if (!is_zero(tail(decimal.fraction, (size_t)exponent)))
        return arena_printf(arena, "must have at most %d decimals, as %s has", exponent, currency);
    if (may_have_thousands(&decimal) && (decimal.point == ',' || exponent != 3))
        return "could mean thousands or decimals: write it as 1234 or 1234.50";
    for (int i = 0; i < exponent && minor <= AMOUNT_MAX; i++)
        minor = minor * 10 +
                ((size_t)i < decimal.fraction.length ? decimal.fraction.data[i] - '0' : 0);
    if (minor > AMOUNT_MAX)
        return arena_printf(arena, "must be at most %s",
                            shopify_amount_text(arena, AMOUNT_MAX, currency));
    *ret_minor = minor;
    return NULL;
}

const char *shopify_read_pieces(struct str text, int64_t *ret_pieces)
{
    enum { PIECES_MAX = 1000000000 };
    struct decimal decimal;
    int64_t pieces;

    if (!read_decimal(text, &decimal) || decimal.point == ',')
        return "must be a whole number in digits, such as 12";
    if (!is_zero(decimal.fraction)) return "must be a whole number: pieces are not divided";
    if (may_have_thousands(&decimal))
        return "could mean thousands: write it in digits alone, such as 1200";
    pieces = digits_value(decimal.whole);
    if (pieces > PIECES_MAX) return "must be at most 1000000000";
    *ret_pieces = decimal.negative ? -pieces : pieces;
    return NULL;
}

const char *shopify_read_grams(struct str text, int32_t *ret_grams, bool *ret_rounded)
{
    struct decimal decimal;
    int64_t grams;

    if (!read_decimal(text, &decimal) || (decimal.point == ',' && decimal.fraction.length == 3))
        return "must be a number of grams in digits, such as 250";
    grams = digits_value(decimal.whole);
    if (decimal.negative && (grams > 0 || !is_zero(decimal.fraction)))
        return "must not be less than 0";
    if (decimal.fraction.length > 0 && decimal.fraction.data[0] >= '5') grams++;
    if (grams > INT32_MAX) return "must be at most 2147483647 grams";
    *ret_grams = (int32_t)grams;
    *ret_rounded = !is_zero(decimal.fraction);
    return NULL;
}

const char *shopify_read_position(struct str text, int *ret_position)
{
    enum { POSITION_MAX = 100000 };
    int64_t position;

    if (shopify_read_pieces(text, &position) || position < 1 || position > POSITION_MAX)
        return "must be the place of the image, a whole number from 1";
    *ret_position = (int)position;
    return NULL;
}

const char *shopify_read_flag(struct str text, bool *ret_flag)
{
    static const char *const words[] = {"false", "true", "no", "yes", "0", "1"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!str_equal_nocase(text, str_of(words[i]))) continue;
        *ret_flag = i % 2 == 1;
        return NULL;
    }
    return "must be true or false";
}

const char *shopify_amount_text(struct arena *arena, int64_t minor, const char *currency)
{
    int exponent = 2;
    int64_t scale = 1;

    money_exponent(currency, &exponent);
    for (int i = 0; i < exponent; i++) scale *= 10;
    if (exponent == 0) return arena_printf(arena, "%lld", (long long)minor);
    return arena_printf(arena, "%lld.%0*lld", (long long)(minor / scale), exponent,
                        (long long)(minor % scale));
}

/* ---- tags ---- */

static void pass_spaces(struct str *rest)
{
    while (take_byte(rest, ' ') || take_byte(rest, '\t')) continue;
}

/* A tag between quotes, if that is what *rest begins with: the closing quote must end the tag. */
static bool take_quoted(struct arena *arena, struct str *rest, char **ret_tag)
{
    struct str left = *rest;

    if (!take_byte(&left, '"')) return false;
    char *tag = arena_alloc(arena, left.length + 1);
    size_t length = 0;
    while (left.length > 0) {
        char byte = left.data[0];
        take_byte(&left, byte);
        if (byte == '"' && !take_byte(&left, '"')) {
            pass_spaces(&left);
            if (left.length > 0 && !take_byte(&left, ',')) return false;
            *ret_tag = str_dup(arena, str_trim(str_sized(tag, length)));
            *rest = left;
            return true;
        }
        tag[length++] = byte;
    }
    return false;
}

bool shopify_read_tags(struct arena *arena, struct str text, size_t max, char **ret_tags,
                       size_t *ret_count)
{
    struct str rest = text;
    size_t count = 0;

    for (pass_spaces(&rest); rest.length > 0; pass_spaces(&rest)) {
        char *tag;
        if (!take_quoted(arena, &rest, &tag)) {
            size_t length = str_find(rest, ',');
            tag = str_dup(arena, str_trim(str_sized(rest.data, length)));
            rest = tail(rest, length + 1);
        }
        if (!*tag) continue;
        if (count == max) return false;
        ret_tags[count++] = tag;
    }
    *ret_count = count;
    return true;
}

static void append_tag(struct buffer *text, const char *tag)
{
    if (*tag != '"' && !strchr(tag, ',')) {
        buffer_append_str(text, str_of(tag));
        return;
    }
    buffer_append_byte(text, '"');
    for (; *tag; tag++) {
        if (*tag == '"') buffer_append_byte(text, '"');
        buffer_append_byte(text, *tag);
    }
    buffer_append_byte(text, '"');
}

const char *shopify_tags_text(struct arena *arena, char *const *tags, size_t count)
{
    enum { TEXT_SIZE_MAX = 1024 * 1024 };
    struct buffer text;

    if (count == 0) return "";
    buffer_init(&text, TEXT_SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buffer_append(&text, ", ", 2);
        append_tag(&text, tags[i]);
    }
    const char *joined = str_dup(arena, buffer_str(&text));
    buffer_release(&text);
    return joined;
}
