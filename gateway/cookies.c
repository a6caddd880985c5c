/* SPDX-License-Identifier: Apache-2.0 */
/* Parses Set-Cookie values. */
#include "gateway/cookies.h"

struct str cookie_without_secure(struct arena *arena, struct str cookie)
{
    struct str rest = cookie, part;
    char *text = arena_alloc(arena, cookie.length + 1), *to = text;
    bool first = true, found = false;

    while (str_split(&rest, ';', &part)) {
        /* The first part is the cookie itself, whatever its name. */
        bool secure = !first && str_equal_nocase(str_trim(part), STR("secure"));
        found = found || secure;
        if (!secure) {
            if (!first) *to++ = ';';
            memcpy(to, part.data, part.length);
            to += part.length;
        }
        first = false;
    }
    return found ? str_sized(text, (size_t)(to - text)) : cookie;
}

struct str cookie_name(struct str cookie)
{
    size_t equals = str_find(cookie, '=');

    if (equals == cookie.length) return STR("");
    return str_trim(str_sized(cookie.data, equals));
}
