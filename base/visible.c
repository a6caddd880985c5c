/* SPDX-License-Identifier: Apache-2.0 */
/* Classifies code points by a table of ranges that is searched in order. */
#include "base/visible.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"

enum kind {
    VISIBLE,
    SPACE,
    BREAK,     /* a line break or tab */
    CONTROL,   /* must never reach a terminal or a list unescaped */
    DIRECTION, /* overrides in which direction text is read */
    INVISIBLE, /* takes no space */
    JOINER,    /* joins or varies its neighbours */
};

struct range {
    uint32_t first, last;
    enum kind kind;
};

/* Sorted; a code point in none of them is visible. */
static const struct range ranges[] = {
    {0x0, 0x8, CONTROL},           {0x9, 0xa, BREAK},
    {0xb, 0xc, CONTROL},           {0xd, 0xd, BREAK},
    {0xe, 0x1f, CONTROL},          {0x20, 0x20, SPACE},
    {0x7f, 0x9f, CONTROL},         {0xa0, 0xa0, SPACE},
    {0xad, 0xad, INVISIBLE},       {0x34f, 0x34f, INVISIBLE},
    {0x61c, 0x61c, INVISIBLE},     {0x115f, 0x1160, INVISIBLE},
    {0x1680, 0x1680, SPACE},       {0x17b4, 0x17b5, INVISIBLE},
    {0x180b, 0x180d, JOINER},      {0x180e, 0x180e, INVISIBLE},
    {0x180f, 0x180f, JOINER},      {0x2000, 0x200a, SPACE},
    {0x200b, 0x200b, INVISIBLE},   {0x200c, 0x200d, JOINER},
    {0x200e, 0x200f, INVISIBLE},   {0x2028, 0x2029, CONTROL},
    {0x202a, 0x202e, DIRECTION},   {0x202f, 0x202f, SPACE},
    {0x205f, 0x205f, SPACE},       {0x2060, 0x2065, INVISIBLE},
    {0x2066, 0x2069, DIRECTION},   {0x206a, 0x206f, INVISIBLE},
    {0x2800, 0x2800, SPACE},       {0x3000, 0x3000, SPACE},
    {0x3164, 0x3164, INVISIBLE},   {0xd800, 0xdfff, CONTROL},
    {0xfdd0, 0xfdef, CONTROL},     {0xfe00, 0xfe0f, JOINER},
    {0xfeff, 0xfeff, INVISIBLE},   {0xffa0, 0xffa0, INVISIBLE},
    {0xfff0, 0xfffb, INVISIBLE},   {0xfffe, 0xffff, CONTROL},
    {0x1bca0, 0x1bca3, INVISIBLE}, {0x1d173, 0x1d17a, INVISIBLE},
    {0xe0000, 0xe00ff, INVISIBLE}, {0xe0100, 0xe01ef, JOINER},
    {0xe01f0, 0xe0fff, INVISIBLE},
};

static enum kind kind_of(uint32_t code)
{
    size_t low = 0, high = sizeof(ranges) / sizeof(ranges[0]);

    if (code > 0x20 && code < 0x7f) return VISIBLE;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (code > ranges[middle].last)
            low = middle + 1;
        else if (code < ranges[middle].first)
            high = middle;
        else
            return ranges[middle].kind;
    }
    return (code & 0xfffe) == 0xfffe ? CONTROL : VISIBLE; /* the ends of the planes */
}

/* The code point that well-formed text begins with; `length` is str_utf8_length's. */
static uint32_t decode(const char *text, size_t length)
{
    uint32_t code = (uint8_t)text[0];

    if (length > 1) code &= 0xffu >> (length + 1);
    for (size_t i = 1; i < length; i++) code = code << 6 | ((uint8_t)text[i] & 0x3f);
    return code;
}

enum { JOINERS_MAX = 2 }; /* a variation selector, then a joiner */

static const char *objection_to(enum kind kind, bool between, enum text_form form)
{
    switch (kind) {
    case BREAK: return form == TEXT_LINES ? 0 : "must be one line, without line breaks and tabs";
    case CONTROL: return "must not contain control characters";
    case DIRECTION: return "must not contain characters that override the direction of text";
    case JOINER: return between ? 0 : "must not contain invisible characters";
    case INVISIBLE: return form == TEXT_LINES ? 0 : "must not contain invisible characters";
    default: return 0;
    }
}

/* May a joiner follow `joiners` others and a character that is `wide`? A digit may have one only as
 * part of a keycap emoji. */
static bool may_join(bool wide, int joiners, struct str behind)
{
    return (wide && joiners < JOINERS_MAX) ||
           (joiners == 0 && str_starts_with(behind, STR("\xe2\x83\xa3")));
}

/* How many characters of printable ASCII the text begins with, and is one of them visible? Nothing
 * objects to them, and most texts have no others. */
static size_t printable_prefix(struct str text, bool *ret_seen)
{
    size_t length = 0;
    uint8_t above = 0; /* not 0 once a character is not a space */

    while (length < text.length && text.data[length] >= 0x20 && text.data[length] < 0x7f)
        above |= (uint8_t)text.data[length++] ^ 0x20;
    *ret_seen = above != 0;
    return length;
}

const char *text_objection(struct str text, enum text_form form)
{
    bool seen = false, wide = false; /* wide: the character before is visible and not ASCII */
    int joiners = 0;                 /* since then */
    size_t length;

    if (form == TEXT_ANY) return 0;
    for (size_t at = printable_prefix(text, &seen); at < text.length; at += length) {
        struct str rest = str_sized(text.data + at, text.length - at);
        length = str_utf8_length(rest);
        if (length == 0) return "must be valid UTF-8";
        uint32_t code = decode(rest.data, length);
        enum kind kind = kind_of(code);
        struct str behind = str_sized(rest.data + length, rest.length - length);
        const char *objection = objection_to(kind, may_join(wide, joiners, behind), form);
        if (objection) return objection;
        seen = seen || kind == VISIBLE;
        wide = kind == JOINER ? wide : kind == VISIBLE && code >= 0x80;
        joiners = kind == JOINER ? joiners + 1 : 0;
    }
    if (form == TEXT_LINE && text.length > 0 && !seen) return "must not be blank";
    return 0;
}

/* ---- escaping for output ---- */

static bool is_shown(uint32_t code)
{
    enum kind kind = kind_of(code);

    return kind == VISIBLE || kind == SPACE || kind == JOINER;
}

enum { ESCAPED_SIZE = 13, ESCAPE_GROWTH = 6 }; /* \ud800\udc00 and its end; of one byte */

static size_t escape(uint32_t code, char ret_text[ESCAPED_SIZE])
{
    if (code <= 0xffff) return (size_t)snprintf(ret_text, ESCAPED_SIZE, "\\u%04x", code);
    code -= 0x10000;
    return (size_t)snprintf(ret_text, ESCAPED_SIZE, "\\u%04x\\u%04x", 0xd800 + (code >> 10),
                            0xdc00 + (code & 0x3ff));
}

static bool needs_escapes(struct str text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((uint8_t)text.data[i] < 0x20 || (uint8_t)text.data[i] >= 0x7f) return true;
    return false;
}

const char *text_shown(struct arena *arena, const char *text)
{
    struct str rest = str_of(text);

    if (!needs_escapes(rest)) return text;
    char *shown = arena_alloc(arena, rest.length * ESCAPE_GROWTH + ESCAPED_SIZE), *to = shown;
    while (rest.length > 0) {
        size_t length = str_utf8_length(rest);
        uint32_t code = length > 0 ? decode(rest.data, length) : 0xfffd;
        if (length > 0 && is_shown(code)) {
            memcpy(to, rest.data, length);
            to += length;
        } else {
            to += escape(code, to);
        }
        length = length > 0 ? length : 1;
        rest = str_sized(rest.data + length, rest.length - length);
    }
    *to = '\0';
    return shown;
}
