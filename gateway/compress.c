/* SPDX-License-Identifier: Apache-2.0 */
/* gzip for responses: parses Accept-Encoding, compresses, and marks the tags of compressed
 * responses. */
#include "gateway/compress.h"

enum { QUALITY_MAX = 1000, QUALITY_DIGITS = 3 };

static const struct str suffix = {"-gzip", 5};

/* "0.35" in thousandths; a malformed quality counts as 0. */
static int parse_quality(struct str text)
{
    int quality = 0, unit = QUALITY_MAX;

    if (text.length == 0 || text.length > 2 + QUALITY_DIGITS) return 0;
    for (size_t i = 0; i < text.length; i++) {
        if (i == 1 && text.data[i] == '.') continue;
        if (i == 1 || text.data[i] < '0' || text.data[i] > '9') return 0;
        quality += (text.data[i] - '0') * unit;
        unit /= 10;
    }
    return quality > QUALITY_MAX ? 0 : quality;
}

/* The quality from the parameters of a coding; 1 if there is none. */
static int quality_of(struct str parameters)
{
    struct str part, name;

    while (str_split(&parameters, ';', &part)) {
        struct str value = str_trim(part);
        str_split(&value, '=', &name);
        if (str_equal_nocase(str_trim(name), STR("q"))) return parse_quality(str_trim(value));
    }
    return QUALITY_MAX;
}

bool compress_is_wanted(struct str accept_encoding)
{
    int gzip = -1, identity = -1, others = -1;
    struct str part, coding;

    while (str_split(&accept_encoding, ',', &part)) {
        str_split(&part, ';', &coding);
        coding = str_trim(coding);
        int quality = quality_of(part);
        if (str_equal_nocase(coding, STR("gzip")) || str_equal_nocase(coding, STR("x-gzip")))
            gzip = quality;
        else if (str_equal_nocase(coding, STR("identity")))
            identity = quality;
        else if (str_is(coding, "*"))
            others = quality;
    }
    if (gzip < 0) gzip = others;
    return gzip > 0 && gzip >= identity;
}

struct str compress_tag(struct arena *arena, struct str tag)
{
    if (tag.length < 2 || tag.data[tag.length - 1] != '"') return tag;
    return str_of(arena_printf(arena, "%.*s%s\"", (int)(tag.length - 1), tag.data, suffix.data));
}

struct str compress_plain_tags(struct arena *arena, struct str list)
{
    char *plain = NULL;
    size_t length = 0;

    for (size_t i = 0; i < list.length; i++) {
        struct str rest = str_sized(list.data + i, list.length - i);
        bool added = str_starts_with(rest, STR("-gzip\""));
        if (added && !plain) {
            plain = arena_alloc(arena, list.length);
            memcpy(plain, list.data, i);
            length = i;
        }
        if (added) i += suffix.length;
        if (plain) plain[length++] = list.data[i];
    }
    return plain ? str_sized(plain, length) : list;
}
