/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the URL of a store on DynamoDB. */
#include "store/dynamodb/dynamodb_url.h"

#include <string.h>

#include "base/str.h"
#include "reasons.pb-c.h"
#include "store/store_url.h"

enum {
    PORT = 443,
    TIMEOUT_MIN_MS = 50,
    TIMEOUT_MAX_MS = 60000,
    TIMEOUT_MS = 2000,
    PREFIX_LENGTH_MAX = 128
};

static const char scheme[] = "dynamodb://";

static struct status invalid(struct arena *arena, const char *what)
{
    return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                         "the URL of the DynamoDB store is invalid: %s; write it as "
                         "dynamodb://[host:port]/?option=value",
                         what);
}

bool dynamodb_is_region(const char *text)
{
    size_t length = strlen(text);

    return length > 0 && length <= 32 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

/* The characters of tables' names. */
static bool is_prefix(const char *text)
{
    size_t length = strspn(text,
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

    return text[length] == 0 && length <= PREFIX_LENGTH_MAX;
}

static struct status read_host(struct arena *arena, struct str text, struct dynamodb_url *url)
{
    const char *address;

    if (text.length == 0) return status_ok();
    if (!store_url_host(arena, text, PORT, &address))
        return invalid(arena, "its port is not a number up to 65535, or the host is missing");
    url->host = str_dup(arena, text);
    return status_ok();
}

static struct status read_value(struct arena *arena, struct str name, const char *value,
                                struct dynamodb_url *url)
{
    int64_t number;

    if (str_is(name, "region")) {
        url->region = value;
        if (!dynamodb_is_region(value))
            return invalid(arena, "`region` must be a region's name, such as eu-central-1");
    } else if (str_is(name, "prefix")) {
        url->prefix = value;
        if (!is_prefix(value))
            return invalid(arena, "`prefix` may have letters, digits, and _ . - only, and 128 of "
                                  "them at most");
    } else if (str_is(name, "cafile")) {
        url->cafile = value;
    } else if (str_is(name, "tls")) {
        url->plain = strcmp(value, "off") == 0;
        if (!url->plain && strcmp(value, "on") != 0)
            return invalid(arena, "`tls` must be on or off");
    } else if (str_is(name, "timeout")) {
        if (!store_url_number(value, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS, &url->timeout_ms))
            return invalid(arena, "`timeout` must be milliseconds from 50 to 60000");
    } else if (str_is(name, "connections")) {
        if (!store_url_number(value, 1, DYNAMODB_CONNECTIONS_MAX, &number))
            return invalid(arena, "`connections` must be a number from 1 to 16");
        url->connections = (int)number;
    } else {
        return invalid(arena, "it has an unknown option; there are region, prefix, tls, cafile, "
                              "timeout and connections");
    }
    return status_ok();
}

static struct status read_options(struct arena *arena, struct str text, struct dynamodb_url *url)
{
    struct str option, raw;
    const char *value;

    while (str_split(&text, '&', &option)) {
        struct str name = store_url_split(option, '=', &raw);
        if (!store_url_decode(arena, raw, &value))
            return invalid(arena, "an option has a broken percent-encoding");
        struct status st = read_value(arena, name, value, url);
        if (failed(st)) return st;
    }
    if (url->plain && !url->host[0])
        return invalid(arena, "`tls=off` needs a host: AWS's own endpoints have TLS");
    if (url->plain && url->cafile[0]) return invalid(arena, "`cafile` needs TLS");
    return status_ok();
}

struct status dynamodb_url_parse(struct arena *arena, const char *text,
                                 struct dynamodb_url *ret_url)
{
    struct dynamodb_url url = {.host = "",
                               .region = "",
                               .prefix = "",
                               .cafile = "",
                               .timeout_ms = TIMEOUT_MS,
                               .connections = DYNAMODB_CONNECTIONS_MAX};
    struct str rest = str_of(text), options, path;
    struct status st;

    if (!str_starts_with(rest, str_of(scheme)))
        return invalid(arena, "it must begin with dynamodb://");
    rest = str_sized(rest.data + sizeof(scheme) - 1, rest.length - sizeof(scheme) + 1);
    rest = store_url_split(rest, '?', &options);
    rest = store_url_split(rest, '/', &path);
    if (str_find(rest, '@') < rest.length)
        return invalid(arena, "credentials do not belong in it; set AWS_ACCESS_KEY_ID and "
                              "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE");
    if (path.length > 0) return invalid(arena, "it must not have a path");
    st = read_host(arena, rest, &url);
    if (!failed(st)) st = read_options(arena, options, &url);
    if (!failed(st)) *ret_url = url;
    return st;
}
