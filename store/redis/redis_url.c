/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the URL of a Redis server. */
#include "store/redis/redis_url.h"

#include <string.h>

#include "base/str.h"
#include "reasons.pb-c.h"
#include "store/store_url.h"

enum {
    PORT = 6379,
    SENTINEL_PORT = 26379,
    DATABASE_MAX = 65535,
    WAIT_MAX = 32,
    TIMEOUT_MIN_MS = 50,
    TIMEOUT_MAX_MS = 60000,
    TIMEOUT_MS = 2000,
    CONNECTIONS = 8,
};

static struct status invalid(struct arena *arena, const char *what)
{
    return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                         "the URL of the Redis server is invalid: %s; write it as "
                         "redis://[user][:password@]host[:port][/database][?option=value]",
                         what);
}

static struct status read_scheme(struct arena *arena, struct str *text, struct redis_url *url)
{
    static const struct {
        struct str scheme;
        bool tls, sentinel;
    } schemes[] = {
        {{"redis://", 8}, false, false},
        {{"rediss://", 9}, true, false},
        {{"redis+sentinel://", 17}, false, true},
        {{"rediss+sentinel://", 18}, true, true},
    };

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (!str_starts_with(*text, schemes[i].scheme)) continue;
        url->tls = schemes[i].tls;
        url->sentinel = schemes[i].sentinel;
        text->data += schemes[i].scheme.length;
        text->length -= schemes[i].scheme.length;
        return status_ok();
    }
    return invalid(arena, "it must begin with redis://, rediss://, redis+sentinel:// or "
                          "rediss+sentinel://");
}

/* ---- who and where ---- */

static struct status read_credentials(struct arena *arena, struct str *text, struct redis_url *url)
{
    if (!store_url_credentials(arena, text, &url->user, &url->password))
        return invalid(arena, "user or password have a broken percent-encoding");
    if (url->user[0] && !url->password[0]) return invalid(arena, "a user needs a password");
    return status_ok();
}

static struct status read_hosts(struct arena *arena, struct str text, struct redis_url *url)
{
    int port = url->sentinel ? SENTINEL_PORT : PORT;
    struct str rest = text.length > 0 ? text : STR(""), host;

    while (str_split(&rest, ',', &host)) {
        if (url->host_count >= REDIS_HOSTS_MAX) return invalid(arena, "it names too many hosts");
        if (!store_url_host(arena, host, port, &url->hosts[url->host_count++]))
            return invalid(arena, "a host is missing, or its port is not a number up to 65535");
    }
    return status_ok();
}

static struct status read_path(struct arena *arena, struct str path, struct redis_url *url)
{
    struct str database = path;
    uint64_t number = 0;

    if (url->sentinel) {
        struct str master = store_url_split(path, '/', &database);
        if (!store_url_decode(arena, master, &url->master) || !url->master[0])
            return invalid(arena, "the path must name the master as the Sentinels know it");
    }
    if (database.length > 0 && (!str_to_u64(database, &number) || number > DATABASE_MAX))
        return invalid(arena, "the database in its path must be a number");
    url->database = (int)number;
    return status_ok();
}

/* ---- options ---- */

static struct status read_option(struct arena *arena, struct str option, struct redis_url *url)
{
    struct str raw;
    struct str name = store_url_split(option, '=', &raw);
    const char *value;
    int64_t number;

    if (!store_url_decode(arena, raw, &value))
        return invalid(arena, "an option has a broken percent-encoding");
    if (str_is(name, "cafile")) {
        url->cafile = value;
    } else if (str_is(name, "certfile")) {
        url->certfile = value;
    } else if (str_is(name, "keyfile")) {
        url->keyfile = value;
    } else if (str_is(name, "prefix")) {
        if (strpbrk(value, "{}")) return invalid(arena, "`prefix` must not contain { or }");
        url->prefix = value;
    } else if (str_is(name, "wait")) {
        if (!store_url_number(value, 0, WAIT_MAX, &number))
            return invalid(arena, "`wait` must be a number of replicas from 0 to 32");
        url->wait = (int)number;
    } else if (str_is(name, "timeout")) {
        if (!store_url_number(value, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS, &url->timeout_ms))
            return invalid(arena, "`timeout` must be milliseconds from 50 to 60000");
    } else if (str_is(name, "connections")) {
        if (!store_url_number(value, 1, REDIS_CONNECTIONS_MAX, &number))
            return invalid(arena, "`connections` must be a number from 1 to 16");
        url->connections = (int)number;
    } else {
        return invalid(arena, "it has an unknown option; there are cafile, certfile, keyfile, "
                              "wait, prefix, timeout and connections");
    }
    return status_ok();
}

static struct status read_options(struct arena *arena, struct str text, struct redis_url *url)
{
    struct str option;

    while (str_split(&text, '&', &option)) {
        struct status st = read_option(arena, option, url);
        if (failed(st)) return st;
    }
    if (!url->tls && (url->cafile[0] || url->certfile[0] || url->keyfile[0]))
        return invalid(arena, "certificates need TLS, that is rediss://");
    if (!url->certfile[0] != !url->keyfile[0])
        return invalid(arena, "`certfile` and `keyfile` must be given together");
    return status_ok();
}

/* The credentials are taken off first, up to the last @ before the options, so that a password may
 * contain a slash or an @ that is not encoded. */
struct status redis_url_parse(struct arena *arena, const char *text, struct redis_url *ret_url)
{
    struct redis_url url = {.user = "",
                            .password = "",
                            .master = "",
                            .cafile = "",
                            .certfile = "",
                            .keyfile = "",
                            .prefix = "",
                            .timeout_ms = TIMEOUT_MS,
                            .connections = CONNECTIONS};
    struct str rest = str_of(text), options, path;
    struct status st;

    st = read_scheme(arena, &rest, &url);
    if (failed(st)) return st;
    rest = store_url_split(rest, '?', &options);
    st = read_credentials(arena, &rest, &url);
    if (failed(st)) return st;
    rest = store_url_split(rest, '/', &path);
    st = read_hosts(arena, rest, &url);
    if (!failed(st)) st = read_path(arena, path, &url);
    if (!failed(st)) st = read_options(arena, options, &url);
    if (failed(st)) return st;
    *ret_url = url;
    return status_ok();
}
