/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON reader: a state machine over the grammar, with one bit per level that tells objects from
 * arrays. */
#include "base/json.h"

#include "base/json_scan.h"
#include "base/status.h"

enum state {
    STATE_VALUE,         /* a value must follow */
    STATE_FIRST_ELEMENT, /* a value or ] */
    STATE_FIRST_KEY,     /* a key or } */
    STATE_AFTER,         /* a comma, or the end of what is open */
    STATE_FAILED,
};

void json_reader_init(struct json_reader *reader, struct str text, int depth_max)
{
    invariant(depth_max >= 1 && depth_max <= JSON_DEPTH_MAX);
    if (text.length == 0) text = STR("");
    *reader = (struct json_reader){
        .start = text.data,
        .next = text.data,
        .end = text.data + text.length,
        .token = text.data,
        .state = STATE_VALUE,
        .depth_max = (uint8_t)depth_max,
    };
}

static enum json_token fail(struct json_reader *reader, const char *at, const char *error)
{
    reader->token = at;
    reader->error = error;
    reader->state = STATE_FAILED;
    return JSON_ERROR;
}

static inline void pass_space(struct json_reader *reader)
{
    const char *next = reader->next;

    while (next < reader->end && (*next == ' ' || *next == '\n' || *next == '\r' || *next == '\t'))
        next++;
    reader->next = next;
}

static inline bool in_array(const struct json_reader *reader)
{
    return reader->arrays >> (reader->depth - 1) & 1;
}

static enum json_token open(struct json_reader *reader, bool array)
{
    if (reader->depth == reader->depth_max)
        return fail(reader, reader->next, "too many levels of objects and arrays");
    uint64_t bit = UINT64_C(1) << reader->depth++;
    reader->arrays = array ? reader->arrays | bit : reader->arrays & ~bit;
    reader->state = array ? STATE_FIRST_ELEMENT : STATE_FIRST_KEY;
    reader->next++;
    return array ? JSON_ARRAY : JSON_OBJECT;
}

static enum json_token close(struct json_reader *reader)
{
    enum json_token token = in_array(reader) ? JSON_ARRAY_END : JSON_OBJECT_END;

    reader->token = reader->next++;
    reader->depth--;
    reader->state = STATE_AFTER;
    return token;
}

/* The value of four hexadecimal digits, or -1. */
static int read_unit(const char *next, const char *end)
{
    int unit = 0;

    if (end - next < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char byte = next[i], lower = (char)(byte | 0x20);
        if (byte >= '0' && byte <= '9')
            unit = unit << 4 | (byte - '0');
        else if (lower >= 'a' && lower <= 'f')
            unit = unit << 4 | (lower - 'a' + 10);
        else
            return -1;
    }
    return unit;
}

static bool is_high_surrogate(int unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(int unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Reads the escape whose backslash is at `next` and returns the position behind it, or NULL if it
 * is not valid. The code point goes to *ret_point. */
static const char *read_escape(const char *next, const char *end, int *ret_point)
{
    if (end - next < 2) return NULL;
    switch (next[1]) {
    case '"':
    case '\\':
    case '/': *ret_point = next[1]; return next + 2;
    case 'b': *ret_point = '\b'; return next + 2;
    case 'f': *ret_point = '\f'; return next + 2;
    case 'n': *ret_point = '\n'; return next + 2;
    case 'r': *ret_point = '\r'; return next + 2;
    case 't': *ret_point = '\t'; return next + 2;
    case 'u': break;
    default: return NULL;
    }

    int unit = read_unit(next + 2, end);
    next += 6;
    if (unit < 0 || is_low_surrogate(unit)) return NULL;
    if (is_high_surrogate(unit)) {
        if (end - next < 2 || next[0] != '\\' || next[1] != 'u') return NULL;
        int low = read_unit(next + 2, end);
        if (low < 0 || !is_low_surrogate(low)) return NULL;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        next += 6;
    }
    *ret_point = unit;
    return next;
}

/* Reads the string whose quote is at `next` into raw and escaped. */
static bool read_string(struct json_reader *reader)
{
    const char *start = reader->next + 1, *end = reader->end, *next = start;

    reader->escaped = false;
    for (;;) {
        next = json_pass_plain(next, end);
        if (next == end) {
            fail(reader, reader->next, "a string has no end");
            return false;
        }
        if (*next == '"') break;
        const char *after = NULL;
        int point;
        if (*next == '\\') {
            reader->escaped = true;
            after = read_escape(next, end, &point);
        } else if ((uint8_t)*next >= 0x80) {
            size_t length = str_utf8_length(str_sized(next, (size_t)(end - next)));
            if (length) after = next + length;
        }
        if (!after) {
            fail(reader, next,
                 *next == '\\'           ? "an escape sequence is not valid in JSON"
                 : (uint8_t)*next < 0x20 ? "a control character in a string must be escaped"
                                         : "a string is not valid UTF-8");
            return false;
        }
        next = after;
    }
    reader->raw = str_sized(start, (size_t)(next - start));
    reader->next = next + 1;
    return true;
}

static const char *pass_digits(const char *next, const char *end)
{
    while (next < end && *next >= '0' && *next <= '9') next++;
    return next;
}

/* [-] (0 | 1-9 digits) [. digits] [e [+-] digits]; returns where it ends, or NULL. */
static const char *pass_number(const char *next, const char *end)
{
    if (*next == '-') next++;
    const char *digits = next;
    next = next < end && *next == '0' ? next + 1 : pass_digits(next, end);
    if (next == digits) return NULL;
    if (next < end && *next == '.') {
        digits = ++next;
        next = pass_digits(next, end);
        if (next == digits) return NULL;
    }
    if (next < end && (*next | 0x20) == 'e') {
        next++;
        if (next < end && (*next == '+' || *next == '-')) next++;
        digits = next;
        next = pass_digits(next, end);
        if (next == digits) return NULL;
    }
    return next;
}

static enum json_token read_number(struct json_reader *reader)
{
    const char *after = pass_number(reader->next, reader->end);

    if (!after) return fail(reader, reader->next, "a number is not valid in JSON");
    reader->raw = str_sized(reader->next, (size_t)(after - reader->next));
    reader->next = after;
    reader->state = STATE_AFTER;
    return JSON_NUMBER;
}

static enum json_token read_word(struct json_reader *reader, struct str word, enum json_token token)
{
    struct str rest = str_sized(reader->next, (size_t)(reader->end - reader->next));

    if (!str_starts_with(rest, word)) return fail(reader, reader->next, "a value was expected");
    reader->next += word.length;
    reader->state = STATE_AFTER;
    return token;
}

static enum json_token read_value(struct json_reader *reader)
{
    reader->token = reader->next;
    if (reader->next == reader->end) return fail(reader, reader->next, "a value was expected");
    switch (*reader->next) {
    case '"':
        if (!read_string(reader)) return JSON_ERROR;
        reader->state = STATE_AFTER;
        return JSON_STRING;
    case '{': return open(reader, false);
    case '[': return open(reader, true);
    case 't': return read_word(reader, STR("true"), JSON_TRUE);
    case 'f': return read_word(reader, STR("false"), JSON_FALSE);
    case 'n': return read_word(reader, STR("null"), JSON_NULL);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return read_number(reader);
    default: return fail(reader, reader->next, "a value was expected");
    }
}

/* A key and its colon. */
static enum json_token read_key(struct json_reader *reader)
{
    const char *start = reader->next;

    if (start == reader->end || *start != '"')
        return fail(reader, start, "a key in quotes was expected");
    if (!read_string(reader)) return JSON_ERROR;
    pass_space(reader);
    if (reader->next == reader->end || *reader->next != ':')
        return fail(reader, reader->next, "a colon was expected after a key");
    reader->next++;
    reader->token = start;
    reader->state = STATE_VALUE;
    return JSON_KEY;
}

static enum json_token read_after(struct json_reader *reader)
{
    bool at_end = reader->next == reader->end;

    if (reader->depth == 0) {
        if (!at_end) return fail(reader, reader->next, "something follows the value");
        reader->token = reader->end;
        return JSON_END;
    }
    bool array = in_array(reader);
    if (!at_end && *reader->next == (array ? ']' : '}')) return close(reader);
    if (at_end || *reader->next != ',')
        return fail(reader, reader->next,
                    array ? "a comma or ] was expected" : "a comma or } was expected");
    reader->next++;
    pass_space(reader);
    return array ? read_value(reader) : read_key(reader);
}

enum json_token json_next(struct json_reader *reader)
{
    if (reader->state == STATE_FAILED) return JSON_ERROR;
    pass_space(reader);
    char byte = reader->next < reader->end ? *reader->next : 0;
    switch ((enum state)reader->state) {
    case STATE_FIRST_ELEMENT: return byte == ']' ? close(reader) : read_value(reader);
    case STATE_FIRST_KEY: return byte == '}' ? close(reader) : read_key(reader);
    case STATE_AFTER: return read_after(reader);
    default: return read_value(reader);
    }
}

size_t json_offset(const struct json_reader *reader)
{
    return (size_t)(reader->token - reader->start);
}

static char *put_utf8(char *out, int point)
{
    if (point < 0x80) {
        *out++ = (char)point;
    } else if (point < 0x800) {
        *out++ = (char)(0xc0 | point >> 6);
        *out++ = (char)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *out++ = (char)(0xe0 | point >> 12);
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    } else {
        *out++ = (char)(0xf0 | point >> 18);
        *out++ = (char)(0x80 | (point >> 12 & 0x3f));
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    }
    return out;
}

struct str json_string(const struct json_reader *reader, struct arena *arena)
{
    if (!reader->escaped) return reader->raw;

    /* No escape is shorter than the UTF-8 that it decodes to, so the raw length is enough. */
    char *text = arena_alloc(arena, reader->raw.length);
    const char *next = reader->raw.data, *end = next + reader->raw.length;
    char *out = text;
    while (next < end) {
        const char *escape = memchr(next, '\\', (size_t)(end - next));
        size_t plain = (size_t)((escape ? escape : end) - next);
        memcpy(out, next, plain);
        out += plain;
        next += plain;
        if (!escape) break;
        int point = 0;
        next = read_escape(next, end, &point);
        invariant(next != NULL);
        out = put_utf8(out, point);
    }
    return str_sized(text, (size_t)(out - text));
}

bool json_skip(struct json_reader *reader, enum json_token token)
{
    if (token == JSON_KEY) token = json_next(reader);
    if (token != JSON_OBJECT && token != JSON_ARRAY) return token != JSON_ERROR;
    for (int depth = reader->depth - 1; reader->depth > depth;)
        if (json_next(reader) == JSON_ERROR) return false;
    return true;
}
