/* SPDX-License-Identifier: Apache-2.0 */
/* Makes, opens and closes a store, and runs single statements. */
#include "store/postgres/postgres.h"

#include <stdlib.h>

#include "base/clock.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/postgres/database.h"

enum { VERSION_MIN = 140000 };

static int connections_of_a_shard(const struct postgres *db)
{
    int each = db->target.pool_max / db->pool_count;

    return each > 0 ? each : 1;
}

struct status postgres_new(struct arena *arena, struct shards *shards, const char *url,
                           const char *name, struct postgres **ret_db)
{
    struct postgres *db = arena_new(arena, struct postgres);
    struct status st = postgres_library_load(arena, &db->library);

    if (!failed(st)) st = postgres_target_parse(arena, db->library, url, name, &db->target);
    if (failed(st)) return st;
    postgres_write_statements(arena, db);
    db->name = arena_strdup(arena, name);
    db->shown = arena_printf(arena, "the %s service's store", name);
    db->pool_count = shards_count(shards);
    size_t size = (size_t)db->pool_count * sizeof(*db->pools);
    db->pools = aligned_alloc(_Alignof(struct postgres_pool), size);
    invariant(db->pools);
    memset(db->pools, 0, size);
    for (int i = 0; i < db->pool_count; i++) {
        db->pools[i].db = db;
        db->pools[i].breaker.news = &db->news;
        db->pools[i].max = connections_of_a_shard(db);
    }
    store_metrics_init(&db->metrics, name);
    *ret_db = db;
    return st;
}

void postgres_close(struct postgres *db)
{
    if (!db) return;
    for (int i = 0; i < db->pool_count; i++) invariant(db->pools[i].count == 0);
    postgres_listener_free(db);
    free(db->pools);
}

struct breaker_news *postgres_news(struct postgres *db)
{
    return &db->news;
}

const char *postgres_shown(const struct postgres *db)
{
    return db->shown;
}

const char *postgres_schema(const struct postgres *db)
{
    return db->target.schema;
}

void postgres_on_commit(struct postgres *db, void (*fn)(void *data), void *data)
{
    invariant(db->on_commit_count < POSTGRES_ON_COMMIT_MAX);
    db->on_commit[db->on_commit_count].data = data;
    db->on_commit[db->on_commit_count++].fn = fn;
}

/* ---- opening ---- */

static struct status check_version(struct arena *arena, const struct postgres *db,
                                   const struct postgres_link *link)
{
    int version = db->library->serverVersion(link->conn);

    if (version >= VERSION_MIN) return status_ok();
    return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                         "%s is PostgreSQL %d, and 14 or newer is needed; upgrade it", db->shown,
                         version / 10000);
}

struct status postgres_open(struct call *call, struct postgres *db)
{
    struct postgres_link *link;
    struct postgres_rows rows;
    size_t host = 0;

    db->opener = call->fiber;
    struct status st = postgres_link_open(call, db->library, &db->target, &host, &link);
    if (failed(st)) return st;
    st = check_version(call->arena, db, link);
    postgres_link_close(link);
    if (!failed(st)) st = postgres_read(call, db, &rows, "SELECT 1", "");
    if (!failed(st)) postgres_listener_start(call, db);
    return st;
}

void postgres_serve(struct postgres *db)
{
    db->serves = true;
}

/* ---- single statements ---- */

static struct status read_on(struct call *call, struct postgres *db, struct postgres_link *link,
                             const char *sql, const struct postgres_values *values,
                             struct postgres_request **ret_request)
{
    static const char path_text[] = "SELECT set_config('search_path', $1, true)";
    struct postgres_values path = {.count = 1, .values = {db->target.schema}};

    /* Up to the sync the statements are one transaction. */
    if (!link->prepares) postgres_link_send(call->arena, link, path_text, &path);
    struct postgres_request *request = postgres_link_send(call->arena, link, sql, values);
    struct postgres_request *end = postgres_link_sync(call->arena, link);
    struct status st = postgres_link_await(call, link, end);
    if (link->error) return postgres_result_status(call->arena, db, link->error);
    if (postgres_is_unreachable(st)) return postgres_unreachable(call->arena, db);
    if (!failed(st)) *ret_request = request;
    return st;
}

/* An idle connection may turn out to be lost, and a statement may be in the way of another
 * transaction: then it is sent again. */
static struct status read_again(struct call *call, struct postgres *db, const char *sql,
                                const struct postgres_values *values,
                                struct postgres_request **ret_request)
{
    struct postgres_tries tries = {0};
    struct postgres_link *link;
    struct status st;

    do {
        st = postgres_take(call, db, &link);
        if (failed(st)) return st;
        st = read_on(call, db, link, sql, values, ret_request);
        postgres_release(call, db, link, st);
    } while ((postgres_is_conflict(st) || postgres_is_unreachable(st)) &&
             postgres_again(call, db, &tries, &st));
    return st;
}

struct status postgres_read(struct call *call, struct postgres *db, struct postgres_rows *ret_rows,
                            const char *sql, const char *format, ...)
{
    int64_t begun_us = clock_monotonic_us();
    struct postgres_request *request = NULL;
    struct postgres_values values;
    struct call limited;
    va_list list;

    va_start(list, format);
    postgres_read_values(call->arena, format, list, &values);
    va_end(list);
    call_init_child(&limited, call, POSTGRES_TIMEOUT_MS);
    struct status st = read_again(&limited, db, sql, &values, &request);
    store_metrics_request(&db->metrics, clock_monotonic_us() - begun_us, store_outcome_of(st));
    if (!failed(st))
        *ret_rows = (struct postgres_rows){.request = request, .arena = call->arena, .row = -1};
    return st;
}

static void judge(const struct postgres_rows *rows, struct store_findings *findings)
{
    if (!postgres_column_i64(rows, 1))
        store_find(findings, true,
                   "fsync=off: a crash of the machine damages the database; turn it on");
    if (!postgres_column_i64(rows, 2))
        store_find(findings, true,
                   "full_page_writes=off: a crash of the machine may damage the database, unless "
                   "its file system writes whole pages; turn it on");
    if (strcmp(postgres_column_text(rows, 3), "off") == 0)
        store_find(findings, true,
                   "synchronous_commit=off: a crash of the server loses the last acknowledged "
                   "changes; set it to on");
    if (!postgres_column_text(rows, 4)[0])
        store_find(findings, false,
                   "synchronous_standby_names is empty: a failover to a standby may lose the last "
                   "acknowledged changes");
}

struct status postgres_check(struct call *call, struct postgres *db,
                             struct store_findings *findings)
{
    struct postgres_rows rows;

    struct status st = postgres_read(call, db, &rows,
                                     "SELECT current_setting('server_version'),"
                                     " current_setting('fsync')::bool,"
                                     " current_setting('full_page_writes')::bool,"
                                     " current_setting('synchronous_commit'),"
                                     " current_setting('synchronous_standby_names')",
                                     "");
    if (failed(st)) return st;
    if (!postgres_next(call, &rows)) return rows.status;
    store_find(findings, false, "PostgreSQL %s, schema %s", postgres_column_text(&rows, 0),
               postgres_schema(db));
    judge(&rows, findings);
    return st;
}
