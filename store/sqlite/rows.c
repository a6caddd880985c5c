/* SPDX-License-Identifier: Apache-2.0 */
/* Runs statements with values and reads their rows. */
#include "base/json.h"
#include "store/sqlite/database.h"

struct status rows_open(struct arena *arena, struct connection *connection,
                        struct sqlite_rows *ret_rows, const char *sql, const char *format,
                        va_list values)
{
    struct statement *statement;
    struct status st;

    *ret_rows = (struct sqlite_rows){0};
    st = statement_take(arena, connection, sql, &statement);
    if (failed(st)) return st;
    st = statement_bind(arena, statement, format, values);
    if (failed(st)) {
        statement_end(statement);
        return st;
    }
    *ret_rows = (struct sqlite_rows){
        .statement = statement, .arena = arena, .lease = statement->lease};
    return st;
}

struct status sqlite_query(struct sqlite_tx *tx, struct sqlite_rows *ret_rows, const char *sql,
                           const char *format, ...)
{
    struct status st;
    va_list values;

    va_start(values, format);
    st = rows_open(tx->arena, tx->connection, ret_rows, sql, format, values);
    va_end(values);
    return st;
}

struct status sqlite_exec(struct sqlite_tx *tx, int *ret_changes, const char *sql,
                          const char *format, ...)
{
    struct sqlite_rows rows;
    struct status st;
    va_list values;

    va_start(values, format);
    st = rows_open(tx->arena, tx->connection, &rows, sql, format, values);
    va_end(values);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) continue;
    if (failed(rows.status)) return rows.status;
    if (ret_changes) *ret_changes = sqlite3_changes(tx->connection->handle);
    return rows.status;
}

/* The statement, if it still belongs to these rows. */
static sqlite3_stmt *handle_of(const struct sqlite_rows *rows)
{
    struct statement *statement = rows->statement;

    return statement && statement->busy && statement->lease == rows->lease ? statement->handle : 0;
}

bool sqlite_next(struct sqlite_rows *rows)
{
    sqlite3_stmt *handle = handle_of(rows);
    int code;

    if (!rows->statement) return false;
    if (!handle) {
        rows->statement = 0;
        rows->status = status_make(STATUS_INTERNAL, 0,
                                   "rows were used after a suspension or after their job");
        return false;
    }
    code = sqlite3_step(handle);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE)
        rows->status = connection_error(rows->arena, rows->statement->connection, code);
    sqlite_end(rows);
    return false;
}

void sqlite_end(struct sqlite_rows *rows)
{
    if (handle_of(rows)) statement_end(rows->statement);
    rows->statement = 0;
}

int64_t sqlite_column_i64(const struct sqlite_rows *rows, int column)
{
    return sqlite3_column_int64(handle_of(rows), column);
}

double sqlite_column_double(const struct sqlite_rows *rows, int column)
{
    return sqlite3_column_double(handle_of(rows), column);
}

bool sqlite_column_is_null(const struct sqlite_rows *rows, int column)
{
    return sqlite3_column_type(handle_of(rows), column) == SQLITE_NULL;
}

struct str sqlite_column_view(const struct sqlite_rows *rows, int column)
{
    sqlite3_stmt *handle = handle_of(rows);
    const void *data = sqlite3_column_blob(handle, column);

    return data ? str_sized(data, (size_t)sqlite3_column_bytes(handle, column)) : STR("");
}

char *sqlite_column_text(const struct sqlite_rows *rows, int column)
{
    return str_dup(rows->arena, sqlite_column_view(rows, column));
}

struct str sqlite_column_blob(const struct sqlite_rows *rows, int column)
{
    struct str view = sqlite_column_view(rows, column);

    return str_sized(str_dup(rows->arena, view), view.length);
}

const char *sqlite_list(struct arena *arena, const char *const *texts, size_t count)
{
    enum { LIST_MAX = 16 * 1024 * 1024 };
    struct json_writer json;
    struct buffer list;

    buffer_init(&list, LIST_MAX);
    json_writer_init(&json, &list);
    json_array(&json);
    for (size_t i = 0; i < count; i++) json_value_string(&json, str_of(texts[i]));
    json_array_end(&json);
    invariant(!list.overflow);
    const char *text = str_dup(arena, buffer_str(&list));
    buffer_release(&list);
    return text;
}
