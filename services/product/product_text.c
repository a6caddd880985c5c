/* SPDX-License-Identifier: Apache-2.0 */
/* Extracts plain text from HTML in linear time, whatever the text contains. */
#include "services/product/product_text.h"

#include <ctype.h>
#include <strings.h>

enum { ENTITY_NAME_MAX = 32, CODE_POINT_MAX = 0x10FFFF };

/* ---- character references ---- */

/* What browsers show for the numbers 0x80 to 0x9F, which are control characters in Unicode and
 * printable characters in Windows-1252. */
static const uint16_t windows_1252[32] = {
    0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021, 0x2C6,  0x2030, 0x160,
    0x2039, 0x152,  0x8D,   0x17D,  0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178,
};

static char *put_utf8(char *next, uint32_t code)
{
    if (code < 0x80) {
        *next++ = (char)code;
    } else if (code < 0x800) {
        *next++ = (char)(0xC0 | code >> 6);
        *next++ = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        *next++ = (char)(0xE0 | code >> 12);
        *next++ = (char)(0x80 | (code >> 6 & 0x3F));
        *next++ = (char)(0x80 | (code & 0x3F));
    } else {
        *next++ = (char)(0xF0 | code >> 18);
        *next++ = (char)(0x80 | (code >> 12 & 0x3F));
        *next++ = (char)(0x80 | (code >> 6 & 0x3F));
        *next++ = (char)(0x80 | (code & 0x3F));
    }
    return next;
}

static int digit_value(char byte, uint32_t base)
{
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (base == 16 && isxdigit((unsigned char)byte)) return tolower((unsigned char)byte) - 'a' + 10;
    return -1;
}

/* Reads &#233; or &#xE9; `text` is after the number sign. Answers the end, or NULL if malformed. */
static const char *read_number(const char *text, char **next)
{
    uint32_t base = *text == 'x' || *text == 'X' ? 16 : 10, code = 0;
    const char *start = base == 16 ? ++text : text;

    for (int digit; (digit = digit_value(*text, base)) >= 0; text++)
        if (code <= CODE_POINT_MAX) code = code * base + (uint32_t)digit;
    if (text == start) return 0;
    if (code >= 0x80 && code < 0xA0) code = windows_1252[code - 0x80];
    if (code < 0x20 || code > CODE_POINT_MAX || (code >= 0xD800 && code < 0xE000)) code = ' ';
    *next = put_utf8(*next, code);
    return *text == ';' ? text + 1 : text;
}

/* Reads the longest name that is in the table. */
static const char *read_name(const char *text, char **next)
{
    size_t length = 0;

    while (length < ENTITY_NAME_MAX && isalnum((unsigned char)text[length])) length++;
    if (text[length] == ';') length++;
    for (; length > 1; length--) {
        uint32_t codes[2];
        if (!product_entity(str_sized(text, length), codes)) continue;
        *next = put_utf8(*next, codes[0]);
        if (codes[1] != 0) *next = put_utf8(*next, codes[1]);
        return text + length;
    }
    return 0;
}

/* ---- tags ---- */

/* Where tags have been looked for: of each place of the text, in which states (a bit each) a search
 * passed it. Another one would end as that did, so it need not go on. */
struct tag_search {
    const char *text;
    unsigned char *passed; /* NULL: nothing yet */
};

static unsigned char state_of(char quote)
{
    return quote == '"' ? 4 : quote == '\'' ? 2 : 1;
}

/* The end of the tag that begins at `text`; NULL if it is not a complete tag. A `>` in a quoted
 * attribute does not end it; another `<` outside of quotes means that it is no tag. */
static const char *tag_end(struct arena *arena, struct tag_search *search, const char *text)
{
    char quote = 0;

    if (!isalpha((unsigned char)text[1]) && !strchr("/!?", text[1])) return 0;
    if (!search->passed) search->passed = arena_calloc(arena, strlen(search->text), 1);
    for (const char *next = text + 1; *next; next++) {
        unsigned char *passed = &search->passed[next - search->text];
        if (*passed & state_of(quote)) return 0;
        *passed |= state_of(quote);
        if (quote) {
            if (*next == quote) quote = 0;
        } else if (*next == '>') {
            return next + 1;
        } else if (*next == '<') {
            return 0;
        } else if ((*next == '"' || *next == '\'') && next[-1] == '=') {
            quote = *next;
        }
    }
    return 0;
}

static const char *behind(const char *text, const char *end)
{
    size_t length = strlen(end);

    for (; *text; text++)
        if (strncasecmp(text, end, length) == 0) return text + length;
    return 0;
}

/* Elements without visible text. */
enum { HIDDEN_COUNT = 3 };
static const struct {
    const char *start, *end;
} hidden[HIDDEN_COUNT] = {{"<!--", "-->"}, {"<script", "</script>"}, {"<style", "</style>"}};

/* The end of such an element, or NULL if there is none here or it never ends. `endless` notes the
 * kinds of which no end is left, so that a text with many beginnings is not searched repeatedly. */
static const char *skip_hidden(const char *text, bool endless[HIDDEN_COUNT])
{
    for (size_t i = 0; i < HIDDEN_COUNT; i++) {
        size_t length = strlen(hidden[i].start);
        const char *end;
        if (endless[i] || strncasecmp(text, hidden[i].start, length) != 0) continue;
        if (i > 0 && isalnum((unsigned char)text[length])) continue;
        end = behind(text + length, hidden[i].end);
        endless[i] = !end;
        return end;
    }
    return 0;
}

char *product_text_plain(struct arena *arena, const char *html)
{
    /* No reference is shorter than its text, except two that grow by a byte or two. */
    char *plain = arena_alloc(arena, strlen(html) * 2 + 1), *next = plain;
    struct tag_search search = {.text = html};
    bool endless[HIDDEN_COUNT] = {0};

    while (*html) {
        const char *end = 0;
        if (*html == '<') {
            end = skip_hidden(html, endless);
            if (!end) end = tag_end(arena, &search, html);
            if (end) *next++ = ' ';
        } else if (*html == '&') {
            end = html[1] == '#' ? read_number(html + 2, &next) : read_name(html + 1, &next);
        }
        if (end)
            html = end;
        else
            *next++ = *html++;
    }
    *next = 0;
    return plain;
}

/* ---- texts without spaces ---- */

static const struct {
    uint32_t first, last;
} spaceless[] = {
    {0x0E00, 0x0EFF},   /* Thai, Lao */
    {0x1000, 0x109F},   /* Myanmar */
    {0x1780, 0x17FF},   /* Khmer */
    {0x3005, 0x3007},   /* iteration mark, zero */
    {0x3041, 0x30FA},   /* Hiragana, Katakana */
    {0x30FC, 0x30FF},   /* length and iteration marks */
    {0x31F0, 0x31FF},   /* small Katakana */
    {0x3400, 0x4DBF},   /* Han */
    {0x4E00, 0x9FFF},   /* Han */
    {0xAC00, 0xD7AF},   /* Hangul */
    {0xF900, 0xFAFF},   /* Han, compatibility */
    {0xFF66, 0xFF9F},   /* Katakana, half width */
    {0x20000, 0x3FFFF}, /* Han */
    {0x2300, 0x23FF},   /* pictographs */
    {0x2600, 0x27BF},   /* pictographs */
    {0x2B00, 0x2BFF},   /* pictographs */
    {0x1F000, 0x1FAFF}, /* pictographs */
};

bool product_text_is_spaceless(uint32_t code)
{
    for (size_t i = 0; i < sizeof(spaceless) / sizeof(spaceless[0]); i++)
        if (code >= spaceless[i].first && code <= spaceless[i].last) return true;
    return false;
}

/* ---- characters that are written in several ways ---- */

struct code_range {
    uint32_t first, last;
};

static bool is_in(uint32_t code, const struct code_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (code >= ranges[i].first && code <= ranges[i].last) return true;
    return false;
}

/* Marks that most texts do not have, and characters that only change how others look. The
 * zero-width space and the zero-width non-joiner (200B, 200C) are not among them, since they
 * separate words. */
static const struct code_range silent[] = {
    {0xAD, 0xAD},   /* soft hyphen */
    {0x300, 0x36F}, /* the accents of European letters */
    {0x591, 0x5BD}, /* Hebrew: accents, vowels */
    {0x5BF, 0x5BF},     {0x5C1, 0x5C2},     {0x5C4, 0x5C5}, {0x5C7, 0x5C7},
    {0x610, 0x61A}, /* Arabic: signs, vowels, hamza on a letter */
    {0x640, 0x640}, /* the lengthening stroke */
    {0x64B, 0x65F},     {0x670, 0x670},     {0x6D6, 0x6DC}, {0x6DF, 0x6E4},
    {0x6E7, 0x6E8},     {0x6EA, 0x6ED},     {0x93C, 0x93C}, /* Devanagari: the dot below letters */
    {0x200D, 0x200F},                                       /* joiner, marks of direction */
    {0x2060, 0x2064},   {0xFE00, 0xFE0F},                   /* variation selectors */
    {0xFEFF, 0xFEFF},   {0x1F3FB, 0x1F3FF},                 /* colours of skin */
    {0xE0020, 0xE007F}, {0xE0100, 0xE01EF},
};

static const struct code_range digits[] = {
    {0x660, 0x669}, {0x6F0, 0x6F9}, {0x966, 0x96F}, {0x9E6, 0x9EF}};

static const struct {
    uint32_t code;
    char typed[PRODUCT_TEXT_TYPED_MAX + 1];
} latin[] = {{0xE6, "ae"}, {0xF0, "d"},  {0xF8, "o"},  {0xFE, "th"},  {0x111, "d"},
             {0x127, "h"}, {0x131, "i"}, {0x142, "l"}, {0x153, "oe"}, {0x167, "t"}};

/* Letters of Arabic that are confused at the end of words, and the Persian forms of two. */
static const struct {
    uint32_t code, typed;
} arabic[] = {{0x629, 0x647}, {0x649, 0x64A}, {0x6A9, 0x643}, {0x6CC, 0x64A}, {0x6D5, 0x647}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

size_t product_text_typed(uint32_t code, uint32_t ret_codes[PRODUCT_TEXT_TYPED_MAX])
{
    ret_codes[0] = code;
    if (code < 0x80) return 1;
    if (is_in(code, silent, COUNT(silent))) return 0;
    for (size_t i = 0; i < COUNT(digits); i++)
        if (code >= digits[i].first && code <= digits[i].last)
            ret_codes[0] = '0' + code - digits[i].first;
    for (size_t i = 0; i < COUNT(arabic); i++)
        if (arabic[i].code == code) ret_codes[0] = arabic[i].typed;
    for (size_t i = 0; i < COUNT(latin); i++) {
        if (latin[i].code != code) continue;
        for (size_t n = 0; n < strlen(latin[i].typed); n++)
            ret_codes[n] = (uint32_t)latin[i].typed[n];
        return strlen(latin[i].typed);
    }
    return 1;
}

bool product_text_is_in_parts(const char *text)
{
    const unsigned char *next = (const unsigned char *)text;

    for (; *next; next++) {
        if (*next < 0xE1) continue;
        if (*next == 0xE1 && next[1] >= 0x84 && next[1] <= 0x87) return true; /* parts of Hangul */
        if (*next == 0xE3 && next[1] == 0x82 && (next[2] == 0x99 || next[2] == 0x9A))
            return true;                                                        /* voiced Kana */
        if (*next == 0xEF && (next[1] == 0xBD || next[1] == 0xBE)) return true; /* half width */
    }
    return false;
}
