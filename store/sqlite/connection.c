/* SPDX-License-Identifier: Apache-2.0 */
/* Opens connections, keeps their table of prepared statements, and translates SQLite's errors. */
#include "store/sqlite/connection.h"

#include <errno.h>

#include "base/str.h"
#include "reasons.pb-c.h"
#include "store/sqlite/library.h"
#include "store/sqlite/wal_buffer.h"

/* When this many slots are full, a new statement replaces an unused one. */
enum { STATEMENTS_FILL_MAX = STATEMENTS_MAX * 3 / 4 };

struct translation {
    int code; /* primary or extended */
    enum status_code status;
    int reason;
    const char *advice;
};

#define READONLY_ADVICE                                                               \
    "; check the permissions of the file and of its folder, and whether the disk is " \
    "mounted read-only"

/* SQLite reports a full disk as SQLITE_FULL, but an exhausted quota, a limit on the size of files, a
 * full disk of its shared memory, and a failing disk as faults of input and output. */
#define WRITE_ADVICE                                                                         \
    "; make room on its disk, and check the quota, the limit on the size of files, and the " \
    "disk itself"

/* The first matching row counts, so extended codes come before their primary ones. */
static const struct translation translations[] = {
    {SQLITE_CONSTRAINT_UNIQUE, STATUS_ALREADY_EXISTS, 0, ""},
    {SQLITE_CONSTRAINT_PRIMARYKEY, STATUS_ALREADY_EXISTS, 0, ""},
    {SQLITE_CONSTRAINT_ROWID, STATUS_ALREADY_EXISTS, 0, ""},
    {SQLITE_CONSTRAINT_CHECK, STATUS_FAILED_PRECONDITION, 0, ""},
    {SQLITE_CONSTRAINT_FOREIGNKEY, STATUS_FAILED_PRECONDITION, 0, ""},
    {SQLITE_CONSTRAINT_TRIGGER, STATUS_FAILED_PRECONDITION, 0, ""},
    {SQLITE_BUSY, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_BUSY,
     "; another process holds the file"},
    {SQLITE_LOCKED, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_BUSY, ""},
    {SQLITE_FULL, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__STORE_FULL, "; make room on its disk"},
    {SQLITE_IOERR_WRITE, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_FULL, WRITE_ADVICE},
    {SQLITE_IOERR_FSYNC, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_OUTCOME_UNKNOWN,
     "; the disk did not confirm a commit, check it"},
    {SQLITE_IOERR_TRUNCATE, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_FULL, WRITE_ADVICE},
    {SQLITE_IOERR_SHMSIZE, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_FULL, WRITE_ADVICE},
    {SQLITE_IOERR_SHMMAP, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_FULL, WRITE_ADVICE},
    {SQLITE_READONLY, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_FULL, READONLY_ADVICE},
    {SQLITE_CANTOPEN, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_BUSY,
     "; check that its folder exists and is writable"},
    {SQLITE_CORRUPT, STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED,
     "; the file is damaged, restore it from a backup"},
    {SQLITE_NOTADB, STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED,
     "; the file is damaged or was not made by SQLite, restore it from a backup"},
    {SQLITE_TOOBIG, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__BODY_TOO_LARGE, ""},
    {SQLITE_NOMEM, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__MEMORY_LIMIT, ""},
    {SQLITE_INTERRUPT, STATUS_DEADLINE_EXCEEDED, 0, ""},
};

struct status connection_error(struct arena *arena, const struct connection *connection, int code)
{
    const char *text = connection->handle ? sqlite3_errmsg(connection->handle)
                                          : sqlite3_errstr(code);

    for (size_t i = 0; i < sizeof(translations) / sizeof(translations[0]); i++) {
        const struct translation *row = &translations[i];
        if (row->code != code && row->code != (code & 0xFF)) continue;
        return status_printf(arena, row->status, row->reason, "store %s: %s%s", connection->path,
                             text, row->advice);
    }
    return status_printf(arena, STATUS_INTERNAL, 0, "store %s: %s (SQLite code %d)",
                         connection->path, text, code);
}

/* Memory: at most 1 MiB of pages, allocated as they are read. The file is not mapped: SQLite undoes
 * a mapping whenever the log has changed, so a shard would map and unmap at every other commit. */
static const char reader_setup[] = "PRAGMA cache_size = -1024;"
                                   "PRAGMA temp_store = MEMORY;"
                                   "PRAGMA trusted_schema = OFF;";

/* The writer starts checkpoints itself, between its commits. */
static const char writer_setup[] = "PRAGMA journal_mode = WAL;"
                                   "PRAGMA synchronous = FULL;"
                                   "PRAGMA foreign_keys = ON;"
                                   "PRAGMA wal_autocheckpoint = 0;"
                                   "PRAGMA journal_size_limit = 16777216;"
                                   "PRAGMA cache_size = -8192;"
                                   "PRAGMA temp_store = MEMORY;"
                                   "PRAGMA trusted_schema = OFF;";

/* Copied pages are synced, like the log. */
static const char checkpointer_setup[] = "PRAGMA journal_mode = WAL;"
                                         "PRAGMA synchronous = FULL;"
                                         "PRAGMA wal_autocheckpoint = 0;";

static const char *setup_of(enum connection_role role)
{
    if (role == CONNECTION_READER) return reader_setup;
    return role == CONNECTION_CHECKPOINTER ? checkpointer_setup : writer_setup;
}

static struct status set_up(struct arena *arena, struct connection *connection,
                            enum connection_role role)
{
    bool reads = role == CONNECTION_READER;
    int code;

    /* SQLite opens a file that it may not write for reading only. */
    if (!reads && sqlite3_db_readonly(connection->handle, "main") == 1)
        return status_printf(arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_FULL,
                             "store %s: the file cannot be written" READONLY_ADVICE,
                             connection->path);
    sqlite3_busy_timeout(connection->handle,
                         reads ? CONNECTION_READER_BUSY_MS : CONNECTION_WRITER_BUSY_MS);
    code = sqlite3_exec(connection->handle, setup_of(role), 0, 0, 0);
    if (code == SQLITE_OK && role == CONNECTION_WRITER_VOLATILE)
        code = sqlite3_exec(connection->handle, "PRAGMA synchronous = OFF", 0, 0, 0);
    return code == SQLITE_OK ? status_ok() : connection_error(arena, connection, code);
}

struct status connection_new(struct arena *arena, const char *path, enum connection_role role,
                             struct connection **ret_connection)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                (role == CONNECTION_READER ? SQLITE_OPEN_READONLY
                                           : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    struct connection *connection = calloc(1, sizeof(*connection));
    struct status st;
    int code;

    if (!connection) return status_errno(arena, ENOMEM, "open a store");
    library_start(); /* a backup opens connections and no database */
    connection->path = path;
    code = sqlite3_open_v2(path, &connection->handle, flags,
                           role == CONNECTION_WRITER ? wal_buffer_vfs() : 0);
    st = code == SQLITE_OK ? set_up(arena, connection, role)
                           : connection_error(arena, connection, code);
    if (failed(st)) {
        connection_free(connection);
        return st;
    }
    *ret_connection = connection;
    return st;
}

void connection_free(struct connection *connection)
{
    if (!connection) return;
    for (int i = 0; i < STATEMENTS_MAX; i++) sqlite3_finalize(connection->statements[i].handle);
    invariant(sqlite3_close(connection->handle) == SQLITE_OK);
    free(connection);
}

static bool is_blank(const char *text)
{
    while (*text && strchr(" \t\r\n;", *text)) text++;
    return *text == 0;
}

static bool is_for(const struct statement *statement, const char *sql)
{
    return statement->sql == sql && statement->handle &&
           strncmp(sqlite3_sql(statement->handle), sql, statement->length) == 0 &&
           is_blank(sql + statement->length);
}

/* The slot for a text: the one that has it prepared (*ret_ready), else a free one, else one to
 * reuse. Statements that are in use are skipped, so one text may be prepared more than once. NULL:
 * all are in use.
 *
 * A reused slot stays full, so the slots behind it in its probe chain are still found. */
static struct statement *find_slot(struct connection *connection, const char *sql, bool *ret_ready)
{
    size_t start = (size_t)((uintptr_t)sql * 0x9E3779B97F4A7C15u >> 32);
    struct statement *idle = 0;

    *ret_ready = false;
    for (size_t i = 0; i < STATEMENTS_MAX; i++) {
        struct statement *slot = &connection->statements[(start + i) % STATEMENTS_MAX];
        if (!slot->sql) return idle && connection->filled >= STATEMENTS_FILL_MAX ? idle : slot;
        if (slot->busy) continue;
        *ret_ready = is_for(slot, sql);
        if (*ret_ready) return slot;
        if (!idle) idle = slot;
    }
    return idle;
}

static struct status prepare(struct arena *arena, struct statement *slot, const char *sql)
{
    struct connection *connection = slot->connection;
    const char *tail;
    int code;

    sqlite3_finalize(slot->handle);
    slot->handle = 0;
    code = sqlite3_prepare_v3(connection->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &slot->handle,
                              &tail);
    if (code != SQLITE_OK) return connection_error(arena, connection, code);
    if (!slot->handle || !is_blank(tail))
        return status_printf(arena, STATUS_INTERNAL, 0, "store %s: not one SQL statement: %s",
                             connection->path, sql);
    if (!slot->sql) connection->filled++;
    slot->sql = sql;
    slot->length = strlen(sqlite3_sql(slot->handle));
    return status_ok();
}

struct status statement_take(struct arena *arena, struct connection *connection, const char *sql,
                             struct statement **ret_statement)
{
    bool ready;
    struct statement *slot = find_slot(connection, sql, &ready);
    struct status st;

    if (!slot)
        return status_printf(arena, STATUS_INTERNAL, 0,
                             "store %s: more than %d queries are open at once", connection->path,
                             STATEMENTS_MAX);
    slot->connection = connection;
    if (!ready) {
        st = prepare(arena, slot, sql);
        if (failed(st)) return st;
    }
    slot->busy = true;
    slot->lease++;
    connection->busy++;
    *ret_statement = slot;
    return status_ok();
}

void statement_end(struct statement *statement)
{
    if (!statement->busy) return;
    sqlite3_reset(statement->handle); /* repeats the error of the last step, which has been
                                       * handled */
    statement->busy = false;
    statement->connection->busy--;
}

void connection_end_all(struct connection *connection)
{
    for (int i = 0; i < STATEMENTS_MAX && connection->busy > 0; i++)
        statement_end(&connection->statements[i]);
}

static int bind_str(sqlite3_stmt *handle, int index, struct str text)
{
    return sqlite3_bind_text64(handle, index, text.length ? text.data : "", text.length,
                               SQLITE_STATIC, SQLITE_UTF8);
}

static int bind_blob(sqlite3_stmt *handle, int index, struct str blob)
{
    return sqlite3_bind_blob64(handle, index, blob.length ? blob.data : "", blob.length,
                               SQLITE_STATIC);
}

struct status statement_bind(struct arena *arena, struct statement *statement, const char *format,
                             va_list values)
{
    sqlite3_stmt *handle = statement->handle;
    int count = sqlite3_bind_parameter_count(handle), code = SQLITE_OK;

    if ((size_t)count != strlen(format))
        return status_printf(arena, STATUS_INTERNAL, 0,
                             "store %s: the format \"%s\" does not fit %s",
                             statement->connection->path, format, statement->sql);
    for (int i = 1; i <= count && code == SQLITE_OK; i++) {
        switch (format[i - 1]) {
        case 't':
            code = sqlite3_bind_text(handle, i, va_arg(values, const char *), -1, SQLITE_STATIC);
            break;
        case 's': code = bind_str(handle, i, va_arg(values, struct str)); break;
        case 'i': code = sqlite3_bind_int(handle, i, va_arg(values, int)); break;
        case 'l': code = sqlite3_bind_int64(handle, i, va_arg(values, int64_t)); break;
        case 'd': code = sqlite3_bind_double(handle, i, va_arg(values, double)); break;
        case 'b': code = bind_blob(handle, i, va_arg(values, struct str)); break;
        case 'n': code = sqlite3_bind_null(handle, i); break;
        default:
            return status_printf(arena, STATUS_INTERNAL, 0, "store %s: no such format: %c",
                                 statement->connection->path, format[i - 1]);
        }
    }
    return code == SQLITE_OK ? status_ok() : connection_error(arena, statement->connection, code);
}

struct status connection_run(struct arena *arena, struct connection *connection, const char *sql)
{
    struct statement *statement;
    struct status st;
    int code;

    st = statement_take(arena, connection, sql, &statement);
    if (failed(st)) return st;
    do code = sqlite3_step(statement->handle);
    while (code == SQLITE_ROW);
    if (code != SQLITE_DONE) st = connection_error(arena, connection, code);
    statement_end(statement);
    return st;
}

struct status connection_read_i64(struct arena *arena, struct connection *connection,
                                  const char *sql, int64_t *ret_value)
{
    struct statement *statement;
    struct status st;
    int code;

    st = statement_take(arena, connection, sql, &statement);
    if (failed(st)) return st;
    code = sqlite3_step(statement->handle);
    if (code == SQLITE_ROW)
        *ret_value = sqlite3_column_int64(statement->handle, 0);
    else if (code == SQLITE_DONE)
        st = status_make(STATUS_NOT_FOUND, 0, "the statement has no row");
    else
        st = connection_error(arena, connection, code);
    statement_end(statement);
    return st;
}
