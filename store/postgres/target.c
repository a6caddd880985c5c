/* SPDX-License-Identifier: Apache-2.0 */
/* Parses the URL: takes our own options out of it, has libpq parse the rest, and adds defaults. */
#include "store/postgres/target.h"

#include <string.h>

#include "base/str.h"
#include "reasons.pb-c.h"
#include "store/postgres/postgres.h"

enum {
    CONNECT_TIMEOUT_MS = 3000,
    CONNECT_TIMEOUT_S_MAX = 60,
    POOL_MAX_MAX = 1000,
    SCHEMA_LENGTH_MAX = 63,
};

static struct status refuse(struct arena *arena, const char *what)
{
    return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                         "the URL of the PostgreSQL store %s; write it like "
                         "postgres://user:password@host:5432/database?sslmode=verify-full",
                         what);
}

/* ---- our own options ---- */

static bool is_schema(struct str text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
    }
    return text.length > 0 && text.length <= SCHEMA_LENGTH_MAX;
}

/* Reads one option KEY=VALUE; *ret_ours is false if it is libpq's. */
static struct status take_option(struct arena *arena, struct str option,
                                 struct postgres_target *target, bool *ret_ours)
{
    size_t equals = str_find(option, '=');
    struct str key = str_sized(option.data, equals), value = {"", 0};
    int64_t number;

    if (equals < option.length)
        value = str_sized(option.data + equals + 1, option.length - equals - 1);
    *ret_ours = true;
    if (str_is(key, "pool_max")) {
        if (!str_to_i64(value, &number) || number < 1 || number > POOL_MAX_MAX)
            return refuse(arena, "has a pool_max that is no number from 1 to 1000");
        target->pool_max = (int)number;
    } else if (str_is(key, "schema")) {
        if (!is_schema(value))
            return refuse(arena, "has a schema that is not made of a-z, 0-9 and _ (at most 63)");
        target->schema = str_dup(arena, value);
    } else if (str_is(key, "pgbouncer")) {
        if (!str_is(value, "true") && !str_is(value, "false"))
            return refuse(arena, "has a pgbouncer that is neither true nor false");
        target->pgbouncer = str_is(value, "true");
    } else {
        *ret_ours = false;
    }
    return status_ok();
}

/* The URL without our options, as libpq knows it. */
static struct status take_options(struct arena *arena, const char *url,
                                  struct postgres_target *target, const char **ret_url)
{
    size_t length = strcspn(url, "?");
    struct str rest = str_of(url + length), option;
    const char *left = str_dup(arena, str_sized(url, length)), *separator = "?";
    struct status st = status_ok();

    if (rest.length > 0) rest = str_sized(rest.data + 1, rest.length - 1);
    while (!failed(st) && rest.length > 0 && str_split(&rest, '&', &option)) {
        bool ours;
        st = take_option(arena, option, target, &ours);
        if (ours || option.length == 0) continue;
        left = arena_printf(arena, "%s%s%.*s", left, separator, STR_ARGS(option));
        separator = "&";
    }
    *ret_url = left;
    return st;
}

/* ---- libpq's options ---- */

static const char *find(const struct postgres_target *target, const char *keyword)
{
    for (size_t i = 0; i < target->option_count; i++)
        if (strcmp(target->keywords[i], keyword) == 0) return target->values[i];
    return NULL;
}

static void set(struct postgres_target *target, const char *keyword, const char *value)
{
    invariant(target->option_count < POSTGRES_OPTIONS_MAX);
    target->keywords[target->option_count] = keyword;
    target->values[target->option_count++] = value;
}

static void set_default(struct postgres_target *target, const char *keyword, const char *value)
{
    if (!find(target, keyword)) set(target, keyword, value);
}

/* Splits the lists of hosts, addresses and ports, which belong together by position; a single port
 * is that of all hosts. */
static struct status take_hosts(struct arena *arena, struct str hosts, struct str addresses,
                                struct str ports, struct postgres_target *target)
{
    struct str host = {"", 0}, address = {"", 0}, port = {"", 0};
    bool more = true, one_port = str_find(ports, ',') == ports.length;

    if (one_port) port = ports;
    while (more) {
        if (target->host_count == POSTGRES_HOSTS_MAX) return refuse(arena, "has over 8 hosts");
        more = false;
        if (hosts.data && str_split(&hosts, ',', &host)) more |= hosts.data != NULL;
        if (addresses.data && str_split(&addresses, ',', &address)) more |= addresses.data != NULL;
        if (!one_port && !(ports.data && str_split(&ports, ',', &port)))
            return refuse(arena, "has fewer ports than hosts");
        target->hosts[target->host_count++] = (struct postgres_host){
            str_dup(arena, host), str_dup(arena, address), str_dup(arena, port)};
    }
    return status_ok();
}

static struct status take_parsed(struct arena *arena, const PQconninfoOption *options,
                                 struct postgres_target *target)
{
    struct str hosts = {0}, addresses = {0}, ports = {"", 0};

    for (const PQconninfoOption *option = options; option->keyword; option++) {
        if (!option->val) continue;
        const char *value = arena_strdup(arena, option->val);
        if (strcmp(option->keyword, "host") == 0)
            hosts = str_of(value);
        else if (strcmp(option->keyword, "hostaddr") == 0)
            addresses = str_of(value);
        else if (strcmp(option->keyword, "port") == 0)
            ports = str_of(value);
        else if (target->option_count < POSTGRES_OPTIONS_MAX / 2)
            set(target, arena_strdup(arena, option->keyword), value);
        else
            return refuse(arena, "has too many options");
    }
    return take_hosts(arena, hosts, addresses, ports, target);
}

static struct status parse(struct arena *arena, const struct postgres_library *library,
                           const char *url, struct postgres_target *target)
{
    char *problem = NULL;
    PQconninfoOption *options = library->conninfoParse(url, &problem);

    /* libpq's message may quote a part of the URL, and so of the password. */
    if (problem) library->freemem(problem);
    if (!options) return refuse(arena, "is not one that libpq understands");
    struct status st = take_parsed(arena, options, target);
    library->conninfoFree(options);
    return st;
}

/* The session's settings are sent when it begins: unqualified names are those of the schema, a
 * statement whose client is gone ends within half a second, and a process that hangs in a
 * transaction does not hold its locks for long. Compiling a statement (jit) takes longer than any
 * of ours runs: a read of 0.2 ms took 1.5 s where its cost was overestimated. */
static void set_session(struct arena *arena, struct postgres_target *target)
{
    const char *theirs = find(target, "options");
    const char *options = arena_printf(
        arena,
        "-c search_path=\"%s\" -c client_connection_check_interval=500"
        " -c idle_in_transaction_session_timeout=30000 -c jit=off %s",
        target->schema, theirs ? theirs : "");

    for (size_t i = 0; i < target->option_count; i++)
        if (strcmp(target->keywords[i], "options") == 0) target->values[i] = options;
    set_default(target, "options", options);
}

static struct status set_defaults(struct arena *arena, const char *name,
                                  struct postgres_target *target)
{
    const char *timeout = find(target, "connect_timeout");
    int64_t seconds;

    target->connect_timeout_ms = CONNECT_TIMEOUT_MS;
    if (timeout) {
        if (!str_to_i64(str_of(timeout), &seconds) || seconds < 0 ||
            seconds > CONNECT_TIMEOUT_S_MAX)
            return refuse(arena, "has a connect_timeout that is no number from 0 to 60 seconds");
        if (seconds > 0) target->connect_timeout_ms = seconds * 1000;
    }
    set_default(target, "application_name", arena_printf(arena, "argosy %s", name));
    set_default(target, "client_encoding", "UTF8");
    set_default(target, "target_session_attrs", "read-write");
    set_default(target, "gssencmode", "disable"); /* looking for a Kerberos server blocks */
    set_default(target, "keepalives_idle", "5");
    set_default(target, "keepalives_interval", "5");
    set_default(target, "keepalives_count", "2");
    set_default(target, "tcp_user_timeout", "15000");
    if (!target->pgbouncer) set_session(arena, target);
    return status_ok();
}

struct status postgres_target_parse(struct arena *arena, const struct postgres_library *library,
                                    const char *url, const char *name,
                                    struct postgres_target *ret_target)
{
    struct postgres_target target = {.pool_max = POSTGRES_POOL_MAX, .schema = name};
    const char *libpq_url;

    struct status st = take_options(arena, url, &target, &libpq_url);
    if (!failed(st)) st = parse(arena, library, libpq_url, &target);
    if (!failed(st)) st = set_defaults(arena, name, &target);
    if (!failed(st)) *ret_target = target;
    return st;
}
