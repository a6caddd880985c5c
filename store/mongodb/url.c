/* SPDX-License-Identifier: Apache-2.0 */
/* The defaults that differ from libmongoc's, and warnings of options that lose data. */
#include "store/mongodb/url.h"

#include <string.h>

#include "reasons.pb-c.h"
#include "store/mongodb/mongodb.h"

#define LIBRARY (&mongodb_library)

enum {
    SELECTION_TIMEOUT_MS = 1000,
    HEARTBEAT_MS = 500, /* the least: how soon libmongoc finds a server that is back by itself */
    CONNECT_TIMEOUT_MS = 1000,
    CONFIRM_TIMEOUT_MS = 5000,
    POOL_LIMIT = 64,
};

static void set_default(mongoc_uri_t *uri, const char *option, int value)
{
    if (!LIBRARY->mongoc_uri_has_option(uri, option))
        LIBRARY->mongoc_uri_set_option_as_int32(uri, option, value);
}

/* A majority with their journals, unless the URL says otherwise. */
static struct status complete_writes(mongoc_uri_t *uri, struct store_findings *findings)
{
    mongoc_write_concern_t *concern = LIBRARY->mongoc_write_concern_copy(
        LIBRARY->mongoc_uri_get_write_concern(uri));
    int w = LIBRARY->mongoc_write_concern_get_w(concern);

    if (w == MONGOC_WRITE_CONCERN_W_UNACKNOWLEDGED || w == MONGOC_WRITE_CONCERN_W_ERRORS_IGNORED) {
        LIBRARY->mongoc_write_concern_destroy(concern);
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                           "the URL asks for writes that are not acknowledged (w=0), which a store "
                           "cannot use; remove the option");
    }
    if (w == MONGOC_WRITE_CONCERN_W_DEFAULT)
        LIBRARY->mongoc_write_concern_set_w(concern, MONGOC_WRITE_CONCERN_W_MAJORITY);
    else if (!LIBRARY->mongoc_write_concern_get_wmajority(concern))
        store_find(
            findings, true,
            "w is not majority: a change is lost if the servers that have it fail before the "
            "others get it; remove the option");
    if (!LIBRARY->mongoc_write_concern_journal_is_set(concern))
        LIBRARY->mongoc_write_concern_set_journal(concern, true);
    else if (!LIBRARY->mongoc_write_concern_get_journal(concern))
        store_find(
            findings, true,
            "journal=false: a change is lost if the servers' machines lose power; remove the "
            "option");
    if (LIBRARY->mongoc_write_concern_get_wtimeout_int64(concern) == 0)
        LIBRARY->mongoc_write_concern_set_wtimeout_int64(concern, CONFIRM_TIMEOUT_MS);
    LIBRARY->mongoc_uri_set_write_concern(uri, concern);
    LIBRARY->mongoc_write_concern_destroy(concern);
    return status_ok();
}

static bool shows_only_what_stays(const char *level)
{
    return strcmp(level, MONGOC_READ_CONCERN_LEVEL_MAJORITY) == 0 ||
           strcmp(level, MONGOC_READ_CONCERN_LEVEL_LINEARIZABLE) == 0;
}

static void complete_reads(mongoc_uri_t *uri, struct store_findings *findings)
{
    const char *level = LIBRARY->mongoc_uri_get_option_as_utf8(uri, MONGOC_URI_READCONCERNLEVEL,
                                                               "");

    if (level[0]) {
        if (!shows_only_what_stays(level))
            store_find(findings, true,
                       "readConcernLevel=%s: events of changes that a failover takes back may have "
                       "been delivered; remove the option",
                       level);
        return;
    }
    mongoc_read_concern_t *concern = LIBRARY->mongoc_read_concern_new();
    LIBRARY->mongoc_read_concern_set_level(concern, MONGOC_READ_CONCERN_LEVEL_MAJORITY);
    LIBRARY->mongoc_uri_set_read_concern(uri, concern);
    LIBRARY->mongoc_read_concern_destroy(concern);
}

/* libmongoc's messages about a URL can quote its parts. */
static struct status refused(struct arena *arena, const char *name)
{
    return status_printf(
        arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
        "the URL of the %s service's store is not one that libmongoc accepts; write "
        "mongodb://user:password@host:port/database?options, with the characters "
        ": / ? # [ ] @ in user and password as %%XX",
        name);
}

struct status mongodb_url_read(const char *url, const char *name, struct store_findings *findings,
                               mongoc_uri_t **ret_uri)
{
    bson_error_t error;
    mongoc_uri_t *uri = LIBRARY->mongoc_uri_new_with_error(url, &error);

    if (!uri) return refused(findings->arena, name);
    struct status st = complete_writes(uri, findings);
    if (failed(st)) {
        LIBRARY->mongoc_uri_destroy(uri);
        return st;
    }
    complete_reads(uri, findings);
    set_default(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, SELECTION_TIMEOUT_MS);
    set_default(uri, MONGOC_URI_HEARTBEATFREQUENCYMS, HEARTBEAT_MS);
    set_default(uri, MONGOC_URI_CONNECTTIMEOUTMS, CONNECT_TIMEOUT_MS);
    set_default(uri, MONGOC_URI_SOCKETTIMEOUTMS, MONGODB_TIMEOUT_MS);
    set_default(uri, MONGOC_URI_MAXPOOLSIZE, MONGODB_POOL_MAX);
    int threads = LIBRARY->mongoc_uri_get_option_as_int32(uri, MONGOC_URI_MAXPOOLSIZE, 0);
    if (threads < 1 || threads > POOL_LIMIT)
        LIBRARY->mongoc_uri_set_option_as_int32(uri, MONGOC_URI_MAXPOOLSIZE,
                                                threads < 1 ? 1 : POOL_LIMIT);
    if (!LIBRARY->mongoc_uri_has_option(uri, MONGOC_URI_APPNAME))
        LIBRARY->mongoc_uri_set_appname(uri, "argosy");
    *ret_uri = uri;
    return status_ok();
}
