/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the URL of a Kafka cluster. */
#include "store/kafka/kafka_url.h"

#include <string.h>

#include "base/str.h"
#include "reasons.pb-c.h"
#include "store/store_url.h"

enum {
    PORT = 9092,
    TIMEOUT_MIN_MS = 500,
    TIMEOUT_MAX_MS = 120000,
    TIMEOUT_MS = 10000,
    SESSION_MIN_MS = 1000,
    SESSION_MAX_MS = 300000,
    SESSION_MS = 10000,
    PATIENCE_MAX_MS = 3600000,
    PATIENCE_MS = 60000,
};

static struct status invalid(struct arena *arena, const char *what)
{
    return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                         "the URL of the Kafka cluster is invalid: %s; write it as "
                         "kafka://[user:password@]host[:port][,host[:port]...][?option=value]",
                         what);
}

/* Values become lines of librdkafka's configuration, so control characters are refused. */
static bool is_one_line(const char *text)
{
    while ((unsigned char)*text >= ' ') text++;
    return *text == 0;
}

static struct status read_credentials(struct arena *arena, struct str *text, struct kafka_url *url)
{
    if (!store_url_credentials(arena, text, &url->user, &url->password) ||
        !is_one_line(url->user) || !is_one_line(url->password))
        return invalid(arena, "user or password have a broken percent-encoding");
    return status_ok();
}

static struct status read_hosts(struct arena *arena, struct str text, struct kafka_url *url)
{
    struct str rest = text.length > 0 ? text : STR(""), one;
    size_t count = 0;
    const char *host;

    while (str_split(&rest, ',', &one)) {
        if (count++ >= KAFKA_HOSTS_MAX) return invalid(arena, "it names too many hosts");
        if (!store_url_host(arena, one, PORT, &host))
            return invalid(arena, "a host is missing, or its port is not a number up to 65535");
        url->hosts = url->hosts ? arena_printf(arena, "%s,%s", url->hosts, host) : host;
    }
    return status_ok();
}

/* ---- options ---- */

static bool read_mechanism(const char *text, const char **ret_sasl)
{
    static const char *const names[][2] = {
        {"plain", "PLAIN"}, {"scram-sha-256", "SCRAM-SHA-256"}, {"scram-sha-512", "SCRAM-SHA-512"}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i][0]) != 0) continue;
        *ret_sasl = names[i][1];
        return true;
    }
    return false;
}

/* Topics and groups have names of letters, digits and these. */
static bool is_prefix(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    return strlen(text) <= KAFKA_PREFIX_MAX && text[strspn(text, letters)] == 0;
}

static const char **text_option(struct kafka_url *url, struct str name)
{
    if (str_is(name, "cafile")) return &url->cafile;
    if (str_is(name, "certfile")) return &url->certfile;
    if (str_is(name, "keyfile")) return &url->keyfile;
    if (str_is(name, "user")) return &url->user;
    if (str_is(name, "passwordfile")) return &url->passwordfile;
    return 0;
}

static struct status read_option(struct arena *arena, struct str option, struct kafka_url *url)
{
    struct str raw;
    struct str name = store_url_split(option, '=', &raw);
    const char *value;
    int64_t number;

    if (!store_url_decode(arena, raw, &value) || !is_one_line(value))
        return invalid(arena, "an option has a broken percent-encoding");
    if (text_option(url, name)) {
        *text_option(url, name) = value;
    } else if (str_is(name, "tls")) {
        if (!store_url_number(value, 0, 1, &number)) return invalid(arena, "`tls` must be 0 or 1");
        url->tls = number;
    } else if (str_is(name, "sasl")) {
        if (!read_mechanism(value, &url->sasl))
            return invalid(arena, "`sasl` must be plain, scram-sha-256 or scram-sha-512");
    } else if (str_is(name, "prefix")) {
        url->prefix = value;
        if (!is_prefix(value))
            return invalid(arena, "`prefix` must be up to 64 letters, digits, '.', '_' or '-'");
    } else if (str_is(name, "timeout")) {
        if (!store_url_number(value, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS, &url->timeout_ms))
            return invalid(arena, "`timeout` must be milliseconds from 500 to 120000");
    } else if (str_is(name, "session")) {
        if (!store_url_number(value, SESSION_MIN_MS, SESSION_MAX_MS, &url->session_ms))
            return invalid(arena, "`session` must be milliseconds from 1000 to 300000");
    } else if (str_is(name, "patience")) {
        if (!store_url_number(value, SESSION_MIN_MS, PATIENCE_MAX_MS, &url->patience_ms))
            return invalid(arena, "`patience` must be milliseconds from 1000 to 3600000");
    } else {
        return invalid(arena, "it has an unknown option; there are tls, cafile, certfile, keyfile, "
                              "sasl, user, passwordfile, prefix, timeout, session and patience");
    }
    return status_ok();
}

static struct status check_options(struct arena *arena, struct kafka_url *url)
{
    bool has_password = url->password[0] || url->passwordfile[0];

    if (!url->tls && (url->cafile[0] || url->certfile[0] || url->keyfile[0]))
        return invalid(arena, "certificates need TLS, that is tls=1");
    if (!url->certfile[0] != !url->keyfile[0])
        return invalid(arena, "`certfile` and `keyfile` must be given together");
    if (url->password[0] && url->passwordfile[0])
        return invalid(arena, "it has both a password and `passwordfile`");
    if (!url->user[0] != !has_password)
        return invalid(arena, "a user and a password must be given together");
    if (url->sasl[0] && !url->user[0]) return invalid(arena, "`sasl` needs a user and a password");
    if (url->user[0] && !url->sasl[0]) url->sasl = "SCRAM-SHA-512";
    if (url->patience_ms < url->session_ms) url->patience_ms = url->session_ms;
    return status_ok();
}

/* The credentials are taken off first, up to the last @ before the options, so that a password may
 * contain a slash or an @ that is not encoded. */
struct status kafka_url_parse(struct arena *arena, const char *text, struct kafka_url *ret_url)
{
    struct kafka_url url = {.user = "",
                            .password = "",
                            .passwordfile = "",
                            .sasl = "",
                            .cafile = "",
                            .certfile = "",
                            .keyfile = "",
                            .prefix = "",
                            .timeout_ms = TIMEOUT_MS,
                            .session_ms = SESSION_MS,
                            .patience_ms = PATIENCE_MS};
    struct str scheme = STR("kafka://"), rest = str_of(text), options, path, option;

    if (!str_starts_with(rest, scheme)) return invalid(arena, "it must begin with kafka://");
    rest = str_sized(rest.data + scheme.length, rest.length - scheme.length);
    rest = store_url_split(rest, '?', &options);
    struct status st = read_credentials(arena, &rest, &url);
    if (failed(st)) return st;
    rest = store_url_split(rest, '/', &path);
    if (path.length > 0) return invalid(arena, "it has a path");
    st = read_hosts(arena, rest, &url);
    while (!failed(st) && str_split(&options, '&', &option)) st = read_option(arena, option, &url);
    if (!failed(st)) st = check_options(arena, &url);
    if (failed(st)) return st;
    *ret_url = url;
    return status_ok();
}
