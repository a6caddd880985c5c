/* SPDX-License-Identifier: Apache-2.0 */
/* Runs migrations. A file's user_version is the number of migrations applied, and each one
 * increments it in its own transaction; application_id marks the file as one of ours. */
#include "base/str.h"
#include "reasons.pb-c.h"
#include "store/sqlite/database.h"

static struct status check_owner(struct arena *arena, struct connection *connection)
{
    int64_t id, tables;
    struct status st;

    st = connection_read_i64(arena, connection, "PRAGMA application_id", &id);
    if (failed(st) || id == SQLITE_APPLICATION_ID) return st;
    st = connection_read_i64(arena, connection, "SELECT count(*) FROM sqlite_schema", &tables);
    if (failed(st) || tables == 0) return st;
    return status_printf(arena, STATUS_FAILED_PRECONDITION, 0,
                         "store %s: the file belongs to another program; choose a different one",
                         connection->path);
}

static struct status read_version(struct arena *arena, struct connection *connection, int count,
                                  int64_t *ret_version)
{
    struct status st;

    st = connection_read_i64(arena, connection, "PRAGMA user_version", ret_version);
    if (failed(st) || (*ret_version >= 0 && *ret_version <= count)) return st;
    return status_printf(
        arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STORE_NEWER,
        "store %s: the file was made by a newer program (schema %lld, this program knows %d); run "
        "the newer one, or restore a backup from before",
        connection->path, (long long)*ret_version, count);
}

/* Reads the version of a file, which must be one of ours, or empty. */
static struct status inspect(struct arena *arena, struct connection *connection, int count,
                             int64_t *ret_version)
{
    struct status st = check_owner(arena, connection);

    return failed(st) ? st : read_version(arena, connection, count, ret_version);
}

/* Applies a migration inside a transaction. */
static struct status apply(struct arena *arena, struct connection *connection, int number,
                           const char *text)
{
    const char *record = arena_printf(arena,
                                      "PRAGMA application_id = %d; PRAGMA user_version = %d;",
                                      (int)SQLITE_APPLICATION_ID, number);
    int code = sqlite3_exec(connection->handle, text, 0, 0, 0);
    struct status st;

    if (code == SQLITE_OK) code = sqlite3_exec(connection->handle, record, 0, 0, 0);
    if (code == SQLITE_OK) return status_ok();
    st = connection_error(arena, connection, code);
    return status_printf(arena, st.code, st.reason, "migration %d failed: %s", number, st.message);
}

/* Applies the next migration in its own transaction, which checks the version again, because
 * another process may have migrated the file meanwhile. */
static struct status step(struct arena *arena, struct connection *connection,
                          const char *const *migrations, int count, int64_t *ret_version)
{
    int64_t version;
    struct status st, undo;

    st = connection_run(arena, connection, "BEGIN IMMEDIATE");
    if (failed(st)) return st;
    st = read_version(arena, connection, count, &version);
    if (!failed(st) && version < count) {
        st = apply(arena, connection, (int)version + 1, migrations[version]);
        version++;
    }
    if (!failed(st)) st = connection_run(arena, connection, "COMMIT");
    if (failed(st) && !sqlite3_get_autocommit(connection->handle)) {
        undo = connection_run(arena, connection, "ROLLBACK");
        return failed(undo) ? undo : st;
    }
    if (!failed(st)) *ret_version = version;
    return st;
}

static int count_of(const char *const *migrations)
{
    int count = 0;

    while (migrations[count]) count++;
    return count;
}

struct status migrate_check(struct arena *arena, struct connection *connection,
                            const char *const *migrations)
{
    int count = count_of(migrations);
    int64_t version;

    struct status st = inspect(arena, connection, count, &version);
    if (failed(st) || version == count) return st;
    return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STORE_NOT_PREPARED,
                         "store %s: it has %lld of %d migrations; run argosy store prepare",
                         connection->path, (long long)version, count);
}

struct status migrate(struct arena *arena, struct connection *connection,
                      const char *const *migrations)
{
    int count = count_of(migrations);
    int64_t version;

    struct status st = inspect(arena, connection, count, &version);
    while (!failed(st) && version < count)
        st = step(arena, connection, migrations, count, &version);
    return st;
}
