/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a store from its URL and the environment. */
#include <stdlib.h>

#include "reasons.pb-c.h"
#include "store/dynamodb/database.h"

static struct status invalid(struct arena *arena, const char *what)
{
    return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID, "%s",
                         what);
}

/* ---- where it is ---- */

static struct status find_region(struct arena *arena, struct dynamodb *db)
{
    db->region = db->url.region[0] ? db->url.region : db->settings.region;
    if (!db->region[0])
        return invalid(arena, "DynamoDB's region is not known: set AWS_REGION, or `region` in the "
                              "store's URL");
    if (!dynamodb_is_region(db->region))
        return invalid(arena,
                       "AWS_REGION, or `region` of the profile, is no region's name, such as "
                       "eu-central-1");
    return status_ok();
}

/* An endpoint that the operator has named: http:// is taken as it is, because it was written. */
static struct status use_setting(struct arena *arena, struct dynamodb *db)
{
    struct str endpoint = str_of(db->settings.endpoint);

    db->plain = str_starts_with(endpoint, STR("http://"));
    if (!db->plain && !str_starts_with(endpoint, STR("https://")))
        return invalid(arena,
                       "AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL, or `endpoint_url` of the "
                       "profile must begin with https:// or http://");
    struct str host = str_of(strstr(endpoint.data, "://") + 3);
    size_t slash = str_find(host, '/');
    if (slash + 1 < host.length)
        return invalid(arena,
                       "AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL, or `endpoint_url` of the "
                       "profile must not have a path");
    db->host = str_dup(arena, str_sized(host.data, slash));
    return status_ok();
}

static struct status find_endpoint(struct arena *arena, struct dynamodb *db)
{
    struct status st = status_ok();

    if (db->url.host[0]) {
        db->host = db->url.host;
        db->plain = db->url.plain;
    } else if (db->settings.endpoint[0]) {
        st = use_setting(arena, db);
    } else {
        bool in_china = str_starts_with(str_of(db->region), STR("cn-"));
        db->host = arena_printf(arena, "dynamodb.%s.amazonaws.com%s", db->region,
                                in_china ? ".cn" : "");
    }
    if (failed(st)) return st;
    struct str host = str_of(db->host);
    db->is_aws = str_ends_with(host, STR(".amazonaws.com")) ||
                 str_ends_with(host, STR(".amazonaws.com.cn"));
    db->endpoint = arena_printf(arena, "%s://%s/", db->plain ? "http" : "https", db->host);
    return https_url_check(arena, arena_printf(arena, "https://%s/", db->host));
}

/* ---- its life ---- */

static void make_messages(struct arena *arena, struct dynamodb *db)
{
    const char *name = db->name;

    db->unreachable = arena_printf(
        arena, "the %s service's store cannot be reached; try again in a moment", name);
    db->unknown = arena_printf(
        arena,
        "the %s service's store did not answer, and whether the change was made is not known; "
        "repeat the request with the same Idempotency-Key, or read before you repeat",
        name);
    db->busy = arena_printf(arena, "the %s service's store is busy; try again in a moment", name);
    db->full = arena_printf(arena, "what is to be kept is too large for the %s service's store",
                            name);
    db->queue_full = arena_printf(
        arena, "too many requests wait for the %s service's store; try again in a moment", name);
    db->refused = arena_printf(
        arena,
        "the %s service's store refuses this program; its operator must "
        "correct the credentials, their rights or the clock, as the log says",
        name);
}

static struct status make_parts(struct arena *arena, struct shards *shards, struct dynamodb *db)
{
    struct status st = settings_read(arena, getenv, &db->settings);

    if (!failed(st)) st = find_region(arena, db);
    if (!failed(st)) st = find_endpoint(arena, db);
    db->settings.region = db->region;
    if (!failed(st))
        st = https_client_new(arena, shards, db->url.cafile[0] ? db->url.cafile : NULL,
                              &db->client);
    if (!failed(st)) st = credentials_new(arena, shards, &db->settings, &db->credentials);
    return st;
}

struct status dynamodb_new(struct arena *arena, struct shards *shards, const char *url,
                           const char *name, struct dynamodb **ret_db)
{
    struct dynamodb *db = arena_new(arena, struct dynamodb);
    size_t count = (size_t)shards_count(shards);

    db->name = name;
    struct status st = dynamodb_url_parse(arena, url, &db->url);
    if (!failed(st)) st = make_parts(arena, shards, db);
    if (failed(st)) return st;
    make_messages(arena, db);
    store_metrics_init(&db->metrics, name);
    db->own = arena_array(arena, struct dynamodb_own, count);
    for (size_t i = 0; i < count; i++) db->own[i].breaker.news = &db->news;
    *ret_db = db;
    return st;
}

void dynamodb_close(struct dynamodb *db)
{
    if (!db) return;
    credentials_free(db->credentials);
    https_client_free(db->client);
    secret_wipe(&db->settings.keys, sizeof(db->settings.keys));
}

struct breaker_news *dynamodb_news(struct dynamodb *db)
{
    return &db->news;
}

void dynamodb_use(struct dynamodb *db, const char *const *tables, size_t count)
{
    invariant(count <= DYNAMODB_TABLES_MAX);
    db->tables = tables;
    db->table_count = count;
}

const char *dynamodb_table(struct arena *arena, const struct dynamodb *db, const char *table)
{
    return db->url.prefix[0] ? arena_printf(arena, "%s%s", db->url.prefix, table) : table;
}
