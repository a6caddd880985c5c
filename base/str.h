/* SPDX-License-Identifier: Apache-2.0 */
/* Text: a borrowed piece of it, and a buffer that grows.
 *
 * `struct str` is a view of borrowed bytes, not NUL-terminated. `struct buffer` owns its bytes, has
 * a maximum, and remembers an overflow instead of failing at each append: append freely and check
 * once at the end. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

struct str {
    const char *data;
    size_t length;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_ARGS(s) (int)(s).length, (s).data /* for "%.*s" */

static inline struct str str_of(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}

static inline struct str str_sized(const void *data, size_t length)
{
    return (struct str){(const char *)data, length};
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool str_is(struct str a, const char *text)
{
    return str_equal(a, str_of(text));
}

/* ASCII case only. */
bool str_equal_nocase(struct str a, struct str b);
bool str_starts_with(struct str s, struct str prefix);
bool str_ends_with(struct str s, struct str suffix);
int str_compare(struct str a, struct str b); /* as memcmp, the shorter first */

/* Without ASCII white space at both ends. */
struct str str_trim(struct str s);

/* The offset of the first `byte`, or s.length. */
size_t str_find(struct str s, char byte);

/* Splits `rest` at the first `separator`: the part before it goes to *ret_part, and *rest becomes
 * the text behind it (empty with data NULL when there was no separator). False when *rest was at
 * its end already (data NULL). */
bool str_split(struct str *rest, char separator, struct str *ret_part);

/* The whole of `s` as a decimal number, sign allowed; false on anything else or on overflow. */
bool str_to_i64(struct str s, int64_t *ret_value);
bool str_to_u64(struct str s, uint64_t *ret_value);
/* The whole of `s` as a number in C syntax, except hex, inf and nan; independent of the locale.
 * Also false when it is too large for a double, or longer than STR_NUMBER_MAX. */
enum { STR_NUMBER_MAX = 1024 };
bool str_to_double(struct str s, double *ret_value);

/* The bytes of the code point that `s` starts with, 1 to 4; 0 if it is empty or not well-formed. */
size_t str_utf8_length(struct str s);

/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF). NUL counts as
 * well-formed. */
bool str_is_utf8(struct str s);

/* The number of code points in well-formed UTF-8. */
size_t str_code_points(struct str s);

/* A NUL-terminated copy in the arena. */
char *str_dup(struct arena *arena, struct str s);

/* A NUL-terminated copy in lower case (ASCII only). */
char *str_lower(struct arena *arena, struct str s);

/* Compares secrets in constant time, if they have the same length. */
bool str_equal_secret(struct str a, struct str b);

struct buffer {
    char *data; /* owned; NULL while empty */
    size_t length;
    size_t capacity;
    size_t max;    /* bytes; an append past it sets `overflow` and adds nothing */
    bool overflow; /* also when there is no memory; nothing is added until buffer_clear */
};

/* An empty buffer; allocates nothing yet. */
void buffer_init(struct buffer *buffer, size_t max);
void buffer_release(struct buffer *buffer);

/* Clears the content and the overflow and keeps the memory. */
void buffer_clear(struct buffer *buffer);

char *buffer_reserve_slow(struct buffer *buffer, size_t size);

/* Room for `size` more bytes, to be written by the caller, who then adds to `length`; NULL on
 * overflow. */
static inline char *buffer_reserve(struct buffer *buffer, size_t size)
{
    /* A size of 0 takes the slow path, because nothing may be allocated yet. */
    if (size - 1 < buffer->capacity - buffer->length && !buffer->overflow)
        return buffer->data + buffer->length;
    return buffer_reserve_slow(buffer, size);
}

static inline void buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    char *room = size ? buffer_reserve(buffer, size) : NULL;

    if (!room) return;
    memcpy(room, data, size);
    buffer->length += size;
}

static inline void buffer_append_str(struct buffer *buffer, struct str s)
{
    buffer_append(buffer, s.data, s.length);
}

static inline void buffer_append_byte(struct buffer *buffer, char byte)
{
    buffer_append(buffer, &byte, 1);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Removes the first `size` bytes and moves the rest to the front. */
void buffer_consume(struct buffer *buffer, size_t size);

static inline struct str buffer_str(const struct buffer *buffer)
{
    return (struct str){buffer->data, buffer->length};
}

/* Overwrites passwords and keys in a way that the compiler does not optimize away. */
void secret_wipe(void *data, size_t size);

#endif
