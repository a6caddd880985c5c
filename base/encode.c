/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, hexadecimal and percent-encoding. Decoding looks each digit up in a table. */
#include "base/encode.h"

#include <stdint.h>

#include "base/status.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static struct str encode(struct arena *arena, struct str data, const char *alphabet, bool pad)
{
    invariant(data.length < SIZE_MAX / 2);
    char *text = arena_alloc(arena, (data.length + 2) / 3 * 4);
    const uint8_t *in = (const uint8_t *)data.data;
    char *out = text;

    size_t rest = data.length % 3;
    for (size_t left = data.length; left >= 3; left -= 3, in += 3) {
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        *out++ = alphabet[bits >> 6 & 63];
        *out++ = alphabet[bits & 63];
    }
    if (rest) {
        uint32_t bits = (uint32_t)in[0] << 16 | (rest == 2 ? (uint32_t)in[1] << 8 : 0);
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        if (rest == 2) *out++ = alphabet[bits >> 6 & 63];
        for (size_t i = rest; pad && i < 3; i++) *out++ = '=';
    }
    return str_sized(text, (size_t)(out - text));
}

struct str base64_encode(struct arena *arena, struct str data)
{
    return encode(arena, data, standard, true);
}

struct str base64url_encode(struct arena *arena, struct str data)
{
    return encode(arena, data, url_safe, false);
}

/* The six bits of each digit, plus one, so that 0 means "not a digit". */
#define RUN5(first, bits)                                                           \
    [(first)] = (bits) + 1, [(first) + 1] = (bits) + 2, [(first) + 2] = (bits) + 3, \
    [(first) + 3] = (bits) + 4, [(first) + 4] = (bits) + 5
#define LETTERS(first, bits)                                                           \
    RUN5(first, bits), RUN5((first) + 5, (bits) + 5), RUN5((first) + 10, (bits) + 10), \
        RUN5((first) + 15, (bits) + 15), RUN5((first) + 20, (bits) + 20),              \
        [(first) + 25] = (bits) + 26
#define COMMON_DIGITS LETTERS('A', 0), LETTERS('a', 26), RUN5('0', 52), RUN5('5', 57)

static const uint8_t either_bits[256] = {
    COMMON_DIGITS, ['+'] = 63, ['-'] = 63, ['/'] = 64, ['_'] = 64,
};
static const uint8_t url_safe_bits[256] = {COMMON_DIGITS, ['-'] = 63, ['_'] = 64};

/* Decodes `text` without padding. The bits of the last digit that belong to no byte go to
 * *ret_unused. */
static bool decode(struct arena *arena, struct str text, const uint8_t bits_of[256],
                   struct str *ret_data, uint32_t *ret_unused)
{
    if (text.length % 4 == 1) return false;
    uint8_t *data = arena_alloc(arena, text.length / 4 * 3 + 3);
    const uint8_t *in = (const uint8_t *)text.data;
    uint8_t *out = data;

    for (size_t left = text.length; left >= 4; left -= 4, in += 4) {
        uint32_t a = bits_of[in[0]] - 1U, b = bits_of[in[1]] - 1U;
        uint32_t c = bits_of[in[2]] - 1U, d = bits_of[in[3]] - 1U;
        if ((a | b | c | d) > 63) return false;
        uint32_t bits = a << 18 | b << 12 | c << 6 | d;
        *out++ = (uint8_t)(bits >> 16);
        *out++ = (uint8_t)(bits >> 8);
        *out++ = (uint8_t)bits;
    }
    *ret_unused = 0;
    if (text.length % 4 != 0) {
        uint32_t a = bits_of[in[0]] - 1U, b = bits_of[in[1]] - 1U;
        uint32_t c = text.length % 4 == 3 ? bits_of[in[2]] - 1U : 0;
        if ((a | b | c) > 63) return false;
        uint32_t bits = a << 12 | b << 6 | c;
        *out++ = (uint8_t)(bits >> 10);
        if (text.length % 4 == 3) *out++ = (uint8_t)(bits >> 2);
        *ret_unused = text.length % 4 == 3 ? bits & 0x3 : bits >> 6 & 0xf;
    }
    *ret_data = str_sized(data, (size_t)(out - data));
    return true;
}

bool base64_decode(struct arena *arena, struct str text, struct str *ret_data)
{
    uint32_t unused;

    if (text.length && text.length % 4 == 0 && text.data[text.length - 1] == '=') {
        text.length--;
        if (text.data[text.length - 1] == '=') text.length--;
    }
    return decode(arena, text, either_bits, ret_data, &unused);
}

bool base64url_decode(struct arena *arena, struct str text, struct str *ret_data)
{
    struct str data;
    uint32_t unused;

    if (!decode(arena, text, url_safe_bits, &data, &unused) || unused) return false;
    *ret_data = data;
    return true;
}

/* The value of a hexadecimal digit, or -1. */
static int hex_digit(char byte)
{
    char lower = (char)(byte | 0x20);

    if (byte >= '0' && byte <= '9') return byte - '0';
    if (lower >= 'a' && lower <= 'f') return lower - 'a' + 10;
    return -1;
}

struct str hex_encode(struct arena *arena, struct str data)
{
    invariant(data.length < SIZE_MAX / 2);
    char *text = arena_alloc(arena, 2 * data.length);

    for (size_t i = 0; i < data.length; i++) {
        uint8_t byte = (uint8_t)data.data[i];
        text[2 * i] = "0123456789abcdef"[byte >> 4];
        text[2 * i + 1] = "0123456789abcdef"[byte & 15];
    }
    return str_sized(text, 2 * data.length);
}

bool hex_decode(struct arena *arena, struct str text, struct str *ret_data)
{
    if (text.length % 2) return false;
    char *data = arena_alloc(arena, text.length / 2);

    for (size_t i = 0; i < text.length / 2; i++) {
        int high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        data[i] = (char)(high << 4 | low);
    }
    *ret_data = str_sized(data, text.length / 2);
    return true;
}

bool percent_decode(struct arena *arena, struct str text, bool plus, struct str *ret_data)
{
    char *data = arena_alloc(arena, text.length);
    char *out = data;

    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        if (byte == '%') {
            if (text.length - i < 3) return false;
            int high = hex_digit(text.data[i + 1]), low = hex_digit(text.data[i + 2]);
            if (high < 0 || low < 0) return false;
            byte = (char)(high << 4 | low);
            i += 2;
        } else if (byte == '+' && plus) {
            byte = ' ';
        }
        *out++ = byte;
    }
    *ret_data = str_sized(data, (size_t)(out - data));
    return true;
}

static bool is_unreserved(char byte)
{
    char lower = (char)(byte | 0x20);

    return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z') || byte == '-' ||
           byte == '.' || byte == '_' || byte == '~';
}

struct str percent_encode(struct arena *arena, struct str data)
{
    invariant(data.length < SIZE_MAX / 4);
    char *text = arena_alloc(arena, 3 * data.length);
    char *out = text;

    for (size_t i = 0; i < data.length; i++) {
        uint8_t byte = (uint8_t)data.data[i];
        if (is_unreserved(data.data[i])) {
            *out++ = data.data[i];
            continue;
        }
        *out++ = '%';
        *out++ = "0123456789ABCDEF"[byte >> 4];
        *out++ = "0123456789ABCDEF"[byte & 15];
    }
    return str_sized(text, (size_t)(out - text));
}
