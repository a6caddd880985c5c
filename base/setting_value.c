/* SPDX-License-Identifier: Apache-2.0 */
/* Parses and describes the values of settings, kind by kind. */
#include "base/setting_value.h"

#include <string.h>

#include "base/str.h"

struct unit {
    const char *name;
    int64_t factor;
};

/* From small to large, ended by NULL. */
static const struct unit duration_units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                             {"h", 3600000}, {"d", 86400000}, {0, 0}};
static const struct unit size_units[] = {
    {"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {0, 0}};

static bool is_letter(char byte)
{
    char lower = (char)(byte | 0x20);

    return lower >= 'a' && lower <= 'z';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Digits followed directly by the name of a unit. */
static bool parse_quantity(struct str text, const struct unit *units, int64_t *ret_number)
{
    int64_t number;
    size_t digits = 0;

    while (digits < text.length && is_digit(text.data[digits])) digits++;
    if (digits == 0 || !str_to_i64(str_sized(text.data, digits), &number)) return false;
    struct str name = str_sized(text.data + digits, text.length - digits);
    for (; units->name; units++) {
        if (!str_is(name, units->name)) continue;
        return !__builtin_mul_overflow(number, units->factor, ret_number);
    }
    if (number != 0 || name.length != 0) return false;
    *ret_number = 0;
    return true;
}

static bool parse_boolean(struct str text, int64_t *ret_number)
{
    static const char *const words[][2] = {
        {"0", "1"}, {"false", "true"}, {"no", "yes"}, {"off", "on"}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (int value = 0; value < 2; value++) {
            if (!str_equal_nocase(text, str_of(words[i][value]))) continue;
            *ret_number = value;
            return true;
        }
    }
    return false;
}

static bool is_host(struct str host)
{
    if (host.length == 0 || host.length > 253) return false;
    for (size_t i = 0; i < host.length; i++) {
        char byte = host.data[i];
        if (!is_letter(byte) && !is_digit(byte) && byte != '-' && byte != '.' && byte != '_')
            return false;
    }
    return true;
}

/* The inside of [...]: digits, colons, an IPv4 tail, a zone. Whether the address is valid shows
 * when it is bound or connected to. */
static bool is_ipv6(struct str host)
{
    if (str_find(host, ':') == host.length) return false;
    for (size_t i = 0; i < host.length; i++) {
        char byte = host.data[i];
        if (!is_letter(byte) && !is_digit(byte) && byte != ':' && byte != '.' && byte != '%')
            return false;
    }
    return true;
}

static bool is_address(struct str text)
{
    struct str host, port;
    uint64_t number;
    bool good;

    if (text.length && text.data[0] == '[') {
        size_t end = str_find(text, ']');
        if (end + 1 >= text.length || text.data[end + 1] != ':') return false;
        host = str_sized(text.data + 1, end - 1);
        port = str_sized(text.data + end + 2, text.length - end - 2);
        good = is_ipv6(host);
    } else {
        size_t colon = str_find(text, ':');
        if (colon == text.length) return false;
        host = str_sized(text.data, colon);
        port = str_sized(text.data + colon + 1, text.length - colon - 1);
        good = is_host(host);
    }
    return good && port.length && is_digit(port.data[0]) && str_to_u64(port, &number) &&
           number <= 65535;
}

/* scheme ":" rest (RFC 3986, section 3), the rest without spaces and control characters. */
static bool is_url(struct str text)
{
    size_t colon = str_find(text, ':');

    if (colon == text.length || !is_letter(text.data[0])) return false;
    for (size_t i = 0; i < colon; i++) {
        char byte = text.data[i];
        if (!is_letter(byte) && !is_digit(byte) && byte != '+' && byte != '-' && byte != '.')
            return false;
    }
    for (size_t i = colon; i < text.length; i++)
        if ((uint8_t)text.data[i] <= ' ' || text.data[i] == 0x7f) return false;
    return true;
}

static bool is_text(struct str text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((uint8_t)text.data[i] < ' ' && text.data[i] != '\t') return false;
    return str_is_utf8(text);
}

static bool has_number(enum setting_kind kind)
{
    return kind == SETTING_INTEGER || kind == SETTING_BOOLEAN || kind == SETTING_DURATION ||
           kind == SETTING_SIZE;
}

bool setting_value_parse(const struct setting *setting, const char *text, int64_t *ret_number)
{
    struct str value = str_of(text);
    int64_t number = 0;
    bool good = false;

    if (value.length == 0) {
        *ret_number = 0;
        return !has_number(setting->kind) || !setting->fallback[0];
    }
    switch (setting->kind) {
    case SETTING_TEXT:
    case SETTING_SECRET: good = is_text(value); break;
    case SETTING_INTEGER: good = str_to_i64(value, &number); break;
    case SETTING_BOOLEAN: good = parse_boolean(value, &number); break;
    case SETTING_DURATION: good = parse_quantity(value, duration_units, &number); break;
    case SETTING_SIZE: good = parse_quantity(value, size_units, &number); break;
    case SETTING_ADDRESS: good = is_address(value); break;
    case SETTING_URL: good = is_url(value); break;
    }
    bool bounded = setting->min || setting->max;
    if (bounded && has_number(setting->kind) && (number < setting->min || number > setting->max))
        good = false;
    if (good) *ret_number = number;
    return good;
}

/* In the largest unit that divides it. */
static const char *print_quantity(struct arena *arena, int64_t number, const struct unit *units)
{
    const struct unit *best = units;

    for (const struct unit *unit = units; unit->name; unit++)
        if (number && number % unit->factor == 0) best = unit;
    return arena_printf(arena, "%lld%s", (long long)(number / best->factor), best->name);
}

static const char *print_bound(struct arena *arena, enum setting_kind kind, int64_t number)
{
    if (kind == SETTING_DURATION) return print_quantity(arena, number, duration_units);
    if (kind == SETTING_SIZE) return print_quantity(arena, number, size_units);
    return arena_printf(arena, "%lld", (long long)number);
}

const char *setting_value_wanted(struct arena *arena, const struct setting *setting)
{
    static const char *const forms[] = {
        [SETTING_TEXT] = "text in UTF-8 without control characters",
        [SETTING_INTEGER] = "a whole number",
        [SETTING_BOOLEAN] = "1, true, yes or on, or 0, false, no or off",
        [SETTING_DURATION] = "a duration such as 250ms, 10s, 5m, 24h or 7d",
        [SETTING_SIZE] = "a size in bytes such as 512, 64KiB, 4MiB or 1GiB",
        [SETTING_ADDRESS] = "an address such as 127.0.0.1:8000 or [::1]:8000",
        [SETTING_URL] = "a URL such as sqlite:data/cart.db or grpc://127.0.0.1:5001",
        [SETTING_SECRET] = "text in UTF-8 without control characters",
    };
    const char *form = forms[setting->kind];

    if ((!setting->min && !setting->max) || !has_number(setting->kind)) return form;
    return arena_printf(arena, "%s, from %s to %s", form,
                        print_bound(arena, setting->kind, setting->min),
                        print_bound(arena, setting->kind, setting->max));
}
