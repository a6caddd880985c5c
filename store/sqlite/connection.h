/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to a database file, with its prepared statements. Used by one thread at a time.
 *
 *     connection_open
 *     -> (statement_take -> statement_bind -> sqlite3_step... -> statement_end)*
 *     -> connection_close
 *
 * A prepared statement is found again by the address of its text. The text is compared as well, so
 * a reused address only costs a new preparation. The table holds STATEMENTS_MAX statements; beyond
 * that unused ones are replaced. */
#ifndef STORE_SQLITE_CONNECTION_H
#define STORE_SQLITE_CONNECTION_H

#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

enum { STATEMENTS_MAX = 128 }; /* a power of two */

enum {
    CONNECTION_WRITER_BUSY_MS = 5000,
    /* A reader waits for another process only while that one recovers the file; it blocks its shard
     * meanwhile. */
    CONNECTION_READER_BUSY_MS = 250,
};

enum connection_role {
    CONNECTION_WRITER,
    CONNECTION_WRITER_VOLATILE, /* of a database that is deleted when the process ends: nothing is
                                 * synced */
    CONNECTION_CHECKPOINTER,    /* runs beside the writer; see checkpoint.h */
    CONNECTION_READER,
};

struct connection;

struct statement {
    const char *sql; /* borrowed for the connection's life; NULL: a free slot */
    size_t length;   /* of what SQLite prepared: the text up to its semicolon */
    sqlite3_stmt *handle;
    struct connection *connection;
    uint32_t lease; /* how often it has been taken */
    bool busy;
};

struct connection {
    sqlite3 *handle;
    const char *path; /* borrowed, for messages */
    int busy;         /* statements in use */
    int filled;       /* slots with a statement */
    struct statement statements[STATEMENTS_MAX];
};

/* Opens the file and sets the connection up; a writer creates a missing file. Owned. */
struct status connection_new(struct arena *arena, const char *path, enum connection_role role,
                             struct connection **ret_connection);
/* Does nothing for NULL. */
void connection_free(struct connection *connection);

/* The statement for one SQL statement, ready to bind. */
struct status statement_take(struct arena *arena, struct connection *connection, const char *sql,
                             struct statement **ret_statement);
/* Binds every parameter; `format` as in sqlite.h. Texts and blobs are borrowed until the statement
 * ends. */
struct status statement_bind(struct arena *arena, struct statement *statement, const char *format,
                             va_list values);
void statement_end(struct statement *statement);

/* Ends all statements that are still in use, at the end of a job or of a turn. */
void connection_end_all(struct connection *connection);

/* Runs a statement without parameters; rows are ignored. */
struct status connection_run(struct arena *arena, struct connection *connection, const char *sql);
/* The first column of the first row; NOT_FOUND without one. */
struct status connection_read_i64(struct arena *arena, struct connection *connection,
                                  const char *sql, int64_t *ret_value);

/* The status for the connection's last error, whose (extended) code is `code`. */
struct status connection_error(struct arena *arena, const struct connection *connection, int code);

#endif
