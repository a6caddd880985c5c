/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the server for its version and for the settings that decide whether acknowledged data is
 * kept. */
#include "reasons.pb-c.h"
#include "store/redis/database.h"

enum { VERSION_MIN = 6 };

/* The value of a line "name:value" of INFO; empty if there is none. */
static struct str info_value(struct str info, const char *name)
{
    struct str line, wanted = str_of(name);

    while (str_split(&info, '\n', &line)) {
        line = str_trim(line);
        if (!str_starts_with(line, wanted) || line.length <= wanted.length ||
            line.data[wanted.length] != ':')
            continue;
        return str_sized(line.data + wanted.length + 1, line.length - wanted.length - 1);
    }
    return STR("");
}

static void judge_info(struct str info, struct store_findings *findings)
{
    struct str policy = info_value(info, "maxmemory_policy");

    if (!str_is(info_value(info, "aof_enabled"), "1"))
        store_find(
            findings, true,
            "appendonly is no: what was acknowledged since the last snapshot is lost when the "
            "server ends; set appendonly to yes");
    if (policy.length > 0 && !str_is(policy, "noeviction"))
        store_find(findings, true,
                   "maxmemory-policy deletes keys when the memory is full; set it to noeviction");
}

/* The server writes to the append-only file before it answers, and `appendfsync` says when that is
 * on the disk. */
static struct status judge_fsync(struct call *call, struct redis *db,
                                 struct store_findings *findings)
{
    const struct redis_reply *reply;

    struct status st = redis_read(
        call, db, REDIS_WORDS(STR("CONFIG"), STR("GET"), STR("appendfsync")), &reply);
    if (st.code == STATUS_UNAVAILABLE || st.code == STATUS_DEADLINE_EXCEEDED ||
        st.code == STATUS_CANCELLED)
        return st;
    bool known = !failed(st) && reply->kind == REDIS_ARRAY && reply->count == 2 &&
                 reply->items[1]->kind == REDIS_TEXT;
    if (!known)
        store_find(
            findings, true,
            "appendfsync is not known, because the user may not ask for it (CONFIG GET); see that "
            "it is always");
    else if (str_is(reply->items[1]->text, "everysec"))
        store_find(
            findings, true,
            "appendfsync is everysec: up to two seconds of acknowledged changes are lost when the "
            "machine loses its power; set it to always");
    else if (!str_is(reply->items[1]->text, "always"))
        store_find(
            findings, true,
            "appendfsync is no: acknowledged changes of the last half minute or more are lost when "
            "the machine loses its power; set it to always");
    return status_ok();
}

static struct status check_server(struct str info, struct store_findings *findings)
{
    struct str version = info_value(info, "redis_version");
    uint64_t major;

    if (!str_to_u64(str_sized(version.data, str_find(version, '.')), &major) || major < VERSION_MIN)
        return status_printf(findings->arena, STATUS_FAILED_PRECONDITION,
                             ARGOSY__REASON__SETTING_INVALID,
                             "the Redis server has version %.*s; version %d or newer is needed",
                             STR_ARGS(version), VERSION_MIN);
    if (str_is(info_value(info, "redis_mode"), "cluster"))
        return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                           "the Redis server is part of a Redis Cluster, whose redirections this "
                           "program does not follow; use one server, or Sentinel");
    store_find(findings, false, "Redis %.*s", STR_ARGS(version));
    return status_ok();
}

struct status redis_check(struct call *call, struct redis *db, struct store_findings *findings)
{
    const struct redis_reply *reply;

    struct status st = redis_read(call, db, REDIS_WORDS(STR("INFO")), &reply);
    if (failed(st)) return st;
    struct str info = redis_reply_text(reply);
    st = check_server(info, findings);
    if (failed(st)) return st;
    judge_info(info, findings);
    if (!str_is(info_value(info, "aof_enabled"), "1")) return st;
    return judge_fsync(call, db, findings);
}
