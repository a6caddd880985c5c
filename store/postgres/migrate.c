/* SPDX-License-Identifier: Apache-2.0 */
/* The schema. Its table schema_version has a row for each migration that was applied. All missing
 * ones are applied in one transaction, which holds a lock that excludes other processes. */
#include "reasons.pb-c.h"
#include "store/postgres/database.h"

enum { PREPARE_TIMEOUT_MS = 600000 };

struct preparation {
    struct postgres *db;
    const char *const *migrations;
    int count;
};

static int count_of(const char *const *migrations)
{
    int count = 0;

    while (migrations[count]) count++;
    return count;
}

static struct status newer(struct arena *arena, const struct postgres *db, int64_t version,
                           int count)
{
    return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STORE_NEWER,
                         "%s was made by a newer program (schema %lld, this program knows %d); run "
                         "the newer one, or restore a backup from before",
                         db->shown, (long long)version, count);
}

static struct status read_number(struct call *call, struct postgres_rows *rows, int64_t *ret_number)
{
    *ret_number = postgres_next(call, rows) ? postgres_column_i64(rows, 0) : 0;
    return rows->status;
}

/* Who may not create schemas can still use one that was made for him. */
static struct status make_schema(struct call *call, struct postgres_tx *tx)
{
    const char *schema = tx->db->target.schema;
    struct postgres_rows lock, found;
    int64_t exists;

    postgres_query(tx, &lock, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", "t",
                   arena_printf(call->arena, "argosy %s", schema));
    postgres_query(tx, &found, "SELECT count(*) FROM pg_namespace WHERE nspname = $1", "t", schema);
    struct status st = read_number(call, &found, &exists);
    if (failed(st)) return st;
    if (!exists) postgres_exec(tx, arena_printf(call->arena, "CREATE SCHEMA \"%s\"", schema), "");
    postgres_exec(tx,
                  "CREATE TABLE IF NOT EXISTS schema_version (version int PRIMARY KEY,"
                  " applied_at timestamptz NOT NULL DEFAULT now())",
                  "");
    return st;
}

/* A migration has several statements, which only a block of PL/pgSQL can run at once. */
static struct status prepare_job(struct call *call, struct postgres_tx *tx, void *data)
{
    const struct preparation *preparation = data;
    struct postgres_rows rows;
    int64_t version;

    struct status st = make_schema(call, tx);
    if (failed(st)) return st;
    postgres_query(tx, &rows, "SELECT coalesce(max(version), 0) FROM schema_version", "");
    st = read_number(call, &rows, &version);
    if (failed(st)) return st;
    if (version > preparation->count)
        return newer(call->arena, tx->db, version, preparation->count);
    for (int i = (int)version; i < preparation->count; i++) {
        postgres_exec(tx,
                      arena_printf(call->arena, "DO $argosy$ BEGIN %s END $argosy$",
                                   preparation->migrations[i]),
                      "");
        postgres_exec(tx, "INSERT INTO schema_version (version) VALUES ($1)", "i", i + 1);
    }
    return st;
}

struct status postgres_prepare(struct call *call, struct postgres *db,
                               const char *const *migrations)
{
    struct preparation preparation = {db, migrations, count_of(migrations)};

    return postgres_write_within(call, db, PREPARE_TIMEOUT_MS, prepare_job, &preparation);
}

struct status postgres_check_prepared(struct call *call, struct postgres *db,
                                      const char *const *migrations)
{
    int count = count_of(migrations);
    struct postgres_rows rows;
    int64_t exists, version = 0;

    struct status st = postgres_read(call, db, &rows,
                                     "SELECT count(*) FROM pg_tables WHERE schemaname = $1"
                                     " AND tablename = 'schema_version'",
                                     "t", db->target.schema);
    if (!failed(st)) st = read_number(call, &rows, &exists);
    if (failed(st)) return st;
    if (exists) {
        st = postgres_read(call, db, &rows, "SELECT coalesce(max(version), 0) FROM schema_version",
                           "");
        if (!failed(st)) st = read_number(call, &rows, &version);
        if (failed(st)) return st;
    }
    if (version > count) return newer(call->arena, db, version, count);
    if (version == count) return st;
    return status_printf(call->arena, STATUS_FAILED_PRECONDITION,
                         ARGOSY__REASON__STORE_NOT_PREPARED,
                         "%s has %lld of %d migrations; run argosy store prepare", db->shown,
                         (long long)version, count);
}
