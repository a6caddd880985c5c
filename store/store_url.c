/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of stores' URLs. */
#include "store/store_url.h"

#include <string.h>

#include "base/encode.h"
#include "fiber/address.h"

struct str store_url_split(struct str text, char separator, struct str *ret_rest)
{
    size_t at = str_find(text, separator);

    *ret_rest = at < text.length ? str_sized(text.data + at + 1, text.length - at - 1)
                                 : (struct str){0};
    return str_sized(text.data, at);
}

bool store_url_decode(struct arena *arena, struct str text, const char **ret_text)
{
    struct str decoded;

    if (!percent_decode(arena, text, false, &decoded)) return false;
    if (decoded.length > 0 && memchr(decoded.data, 0, decoded.length)) return false;
    *ret_text = str_dup(arena, decoded);
    return true;
}

bool store_url_credentials(struct arena *arena, struct str *text, const char **ret_user,
                           const char **ret_password)
{
    struct str password;
    size_t at = text->length;

    while (at > 0 && text->data[at - 1] != '@') at--;
    if (at == 0) return true;
    struct str user = store_url_split(str_sized(text->data, at - 1), ':', &password);
    text->data += at;
    text->length -= at;
    return store_url_decode(arena, user, ret_user) &&
           store_url_decode(arena, password, ret_password);
}

bool store_url_host(struct arena *arena, struct str text, int default_port, const char **ret_host)
{
    size_t bracket = str_starts_with(text, STR("[")) ? str_find(text, ']') : 0;
    struct str after = str_sized(text.data + bracket, text.length - bracket);
    char host[ADDRESS_HOST_SIZE];
    uint16_t port;

    const char *address = str_find(after, ':') < after.length
                              ? str_dup(arena, text)
                              : arena_printf(arena, "%.*s:%d", STR_ARGS(text), default_port);
    if (!address_split(address, host, &port) || port == 0) return false;
    *ret_host = address;
    return true;
}

bool store_url_number(const char *text, int64_t min, int64_t max, int64_t *ret_number)
{
    int64_t number;

    if (!str_to_i64(str_of(text), &number) || number < min || number > max) return false;
    *ret_number = number;
    return true;
}
