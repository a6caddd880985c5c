/* SPDX-License-Identifier: Apache-2.0 */
/* Text views: comparing, trimming, splitting, UTF-8; and the growing buffer. */
#include "base/str.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/status.h"

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

bool str_equal_nocase(struct str a, struct str b)
{
    if (a.length != b.length) return false;
    for (size_t i = 0; i < a.length; i++)
        if (lower(a.data[i]) != lower(b.data[i])) return false;
    return true;
}

bool str_starts_with(struct str s, struct str prefix)
{
    return s.length >= prefix.length && str_equal(str_sized(s.data, prefix.length), prefix);
}

bool str_ends_with(struct str s, struct str suffix)
{
    if (s.length < suffix.length) return false;
    if (suffix.length == 0) return true;
    return memcmp(s.data + s.length - suffix.length, suffix.data, suffix.length) == 0;
}

int str_compare(struct str a, struct str b)
{
    size_t both = a.length < b.length ? a.length : b.length;
    int order = both ? memcmp(a.data, b.data, both) : 0;

    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.length && is_space(s.data[0])) {
        s.data++;
        s.length--;
    }
    while (s.length && is_space(s.data[s.length - 1])) s.length--;
    return s;
}

size_t str_find(struct str s, char byte)
{
    const char *found = s.length ? memchr(s.data, byte, s.length) : NULL;

    return found ? (size_t)(found - s.data) : s.length;
}

bool str_split(struct str *rest, char separator, struct str *ret_part)
{
    if (!rest->data) return false;
    size_t at = str_find(*rest, separator);

    *ret_part = str_sized(rest->data, at);
    if (at == rest->length)
        *rest = (struct str){0};
    else
        *rest = str_sized(rest->data + at + 1, rest->length - at - 1);
    return true;
}

/* The first byte gives the length of a sequence. The range of the second byte excludes the rest of
 * the invalid ones: overlong forms behind E0 and F0, surrogates behind ED, and code points past
 * U+10FFFF behind F4 (RFC 3629, section 4). */
size_t str_utf8_length(struct str s)
{
    const uint8_t *byte = (const uint8_t *)s.data;

    if (s.length == 0) return 0;
    if (byte[0] < 0x80) return 1;
    if (byte[0] < 0xc2 || byte[0] > 0xf4) return 0;

    size_t length = byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;
    if (s.length < length) return 0;
    for (size_t i = 1; i < length; i++)
        if ((byte[i] & 0xc0) != 0x80) return 0;

    if (byte[0] == 0xe0 && byte[1] < 0xa0) return 0;
    if (byte[0] == 0xed && byte[1] > 0x9f) return 0;
    if (byte[0] == 0xf0 && byte[1] < 0x90) return 0;
    if (byte[0] == 0xf4 && byte[1] > 0x8f) return 0;
    return length;
}

bool str_is_utf8(struct str s)
{
    while (s.length) {
        uint64_t eight;
        size_t length = 8;

        if (s.length >= 8) memcpy(&eight, s.data, 8);
        if (s.length < 8 || eight & UINT64_C(0x8080808080808080)) length = str_utf8_length(s);
        if (length == 0) return false;
        s = str_sized(s.data + length, s.length - length);
    }
    return true;
}

size_t str_code_points(struct str s)
{
    size_t count = 0;

    for (size_t i = 0; i < s.length; i++) count += ((uint8_t)s.data[i] & 0xc0) != 0x80;
    return count;
}

char *str_dup(struct arena *arena, struct str s)
{
    return arena_strndup(arena, s.data, s.length);
}

char *str_lower(struct arena *arena, struct str s)
{
    char *copy = str_dup(arena, s);

    for (size_t i = 0; i < s.length; i++) copy[i] = lower(copy[i]);
    return copy;
}

bool str_equal_secret(struct str a, struct str b)
{
    return a.length == b.length && CRYPTO_memcmp(a.data, b.data, a.length) == 0;
}

void secret_wipe(void *data, size_t size)
{
    explicit_bzero(data, size);
}

void buffer_init(struct buffer *buffer, size_t max)
{
    *buffer = (struct buffer){.max = max};
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    buffer_init(buffer, buffer->max);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    buffer->overflow = false;
}

/* Doubles, so that many small appends cost as much as one large; never goes past the maximum. */
static bool grow(struct buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity ? buffer->capacity : 128;

    while (capacity < needed && capacity <= buffer->max / 2) capacity *= 2;
    if (capacity < needed || capacity > buffer->max) capacity = buffer->max;
    char *data = realloc(buffer->data, capacity ? capacity : 1);
    if (!data) return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

char *buffer_reserve_slow(struct buffer *buffer, size_t size)
{
    if (buffer->overflow) return NULL;
    bool fits = size <= buffer->max - buffer->length;

    if (fits && (!buffer->data || size > buffer->capacity - buffer->length))
        fits = grow(buffer, buffer->length + size);
    buffer->overflow = !fits;
    return fits ? buffer->data + buffer->length : NULL;
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    char brief[256];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(brief, sizeof(brief), format, arguments);
    va_end(arguments);
    invariant(length >= 0);
    if ((size_t)length < sizeof(brief)) {
        buffer_append(buffer, brief, (size_t)length);
        return;
    }

    /* vsnprintf also writes a NUL, which needs a byte and is not counted. */
    size_t size = (size_t)length + 1;
    char *room = size <= buffer->max - buffer->length ? buffer_reserve(buffer, size) : NULL;
    buffer->overflow = buffer->overflow || !room;
    if (!room) return;
    va_start(arguments, format);
    vsnprintf(room, size, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
}

void buffer_consume(struct buffer *buffer, size_t size)
{
    invariant(size <= buffer->length);
    if (size == 0) return;
    buffer->length -= size;
    memmove(buffer->data, buffer->data + size, buffer->length);
}
