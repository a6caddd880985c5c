/* SPDX-License-Identifier: Apache-2.0 */
/* Header lists and cookies. See http/http.h. */
#include "http/http.h"

#include "http/http_message.h"
#include "http/http_text.h"
#include "reasons.pb-c.h"

enum { HEADERS_CAPACITY_FIRST = 8 };

/* A value may contain spaces, but not at its ends: HTTP/2 forbids them there and HTTP/1.1 would
 * drop them. */
static bool value_is_valid(struct str value)
{
    if (value.length == 0) return true;
    if (value.data[0] == ' ' || value.data[0] == '\t') return false;
    if (value.data[value.length - 1] == ' ' || value.data[value.length - 1] == '\t') return false;
    return http_text_is_value(value);
}

void http_headers_reserve(struct arena *arena, struct http_headers *headers, size_t capacity)
{
    if (capacity <= headers->capacity) return;
    struct http_header *items = arena_alloc(arena, capacity * sizeof(*items));
    if (headers->count > 0) memcpy(items, headers->items, headers->count * sizeof(*items));
    headers->items = items;
    headers->capacity = capacity;
}

bool http_headers_push(struct arena *arena, struct http_headers *headers, struct http_header header)
{
    if (headers->count >= HTTP_HEADERS_MAX) return false;
    if (headers->count == headers->capacity)
        http_headers_reserve(arena, headers,
                             headers->capacity ? headers->capacity * 2 : HEADERS_CAPACITY_FIRST);
    headers->items[headers->count++] = header;
    return true;
}

struct status http_headers_add(struct arena *arena, struct http_headers *headers, struct str name,
                               struct str value)
{
    if (!http_text_is_lower_token(name))
        return status_make(STATUS_INVALID_ARGUMENT, 0, "not a lower-case header name");
    if (!value_is_valid(value))
        return status_make(STATUS_INVALID_ARGUMENT, 0,
                           "header value with control characters or outer spaces");
    if (!http_headers_push(arena, headers, (struct http_header){name, value}))
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__HEADER_TOO_LARGE,
                           "too many headers");
    return status_ok();
}

struct str http_headers_get(const struct http_headers *headers, const char *name)
{
    struct str wanted = str_of(name);
    for (size_t i = 0; i < headers->count; i++)
        if (str_equal(headers->items[i].name, wanted)) return headers->items[i].value;
    return (struct str){0};
}

void http_headers_remove(struct http_headers *headers, const char *name)
{
    struct str unwanted = str_of(name);
    size_t kept = 0;
    for (size_t i = 0; i < headers->count; i++)
        if (!str_equal(headers->items[i].name, unwanted))
            headers->items[kept++] = headers->items[i];
    headers->count = kept;
}

struct status http_headers_set(struct arena *arena, struct http_headers *headers, struct str name,
                               struct str value)
{
    size_t kept = 0;
    for (size_t i = 0; i < headers->count; i++)
        if (!str_equal(headers->items[i].name, name)) headers->items[kept++] = headers->items[i];
    headers->count = kept;
    return http_headers_add(arena, headers, name, value);
}

bool http_header_is_ours(struct str name)
{
    switch (name.length) {
    case 7: return str_is(name, "upgrade");
    case 10: return str_is(name, "connection") || str_is(name, "keep-alive");
    case 14: return str_is(name, "content-length");
    case 16: return str_is(name, "proxy-connection");
    case 17: return str_is(name, "transfer-encoding");
    default: return false;
    }
}

/* A cookie's value may be enclosed in double quotes (RFC 6265, section 4.1.1), which are not part
 * of it.
 */
static struct str unquote(struct str value)
{
    if (value.length >= 2 && value.data[0] == '"' && value.data[value.length - 1] == '"')
        return str_sized(value.data + 1, value.length - 2);
    return value;
}

/* HTTP/2 clients may split Cookie into several headers (RFC 9113, section 8.2.3), so all are read.
 */
struct str http_cookie(const struct http_headers *headers, const char *name)
{
    struct str wanted = str_of(name);
    for (size_t i = 0; i < headers->count; i++) {
        if (!str_equal(headers->items[i].name, STR("cookie"))) continue;
        struct str rest = headers->items[i].value;
        struct str pair;
        while (str_split(&rest, ';', &pair)) {
            pair = str_trim(pair);
            size_t equals = str_find(pair, '=');
            if (equals == pair.length) continue;
            if (!str_equal(str_trim(str_sized(pair.data, equals)), wanted)) continue;
            return unquote(str_trim(str_sized(pair.data + equals + 1, pair.length - equals - 1)));
        }
    }
    return (struct str){0};
}
