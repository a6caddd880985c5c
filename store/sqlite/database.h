/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of an open database. Private to this folder.
 *     reader.c   one connection per shard: point reads, the generation
 *     writer.c   one thread with the one connection that writes
 *     group.c    the jobs that become one transaction
 *     fate.c     loses the answers of commits, for tests
 *     wal_buffer.c   the writer's log, written in few writes
 *     checkpoint.c   copies the log back into the file
 *     lock.c     one process per database; the shop takes the lock before it opens one
 *     scanner.c  a lane with a few connections: scans and searches
 *     migrate.c  brings the schema up to date at the start
 *     library.c  configures SQLite before its first use
 *     rows.c     statements and their rows, on any connection */
#ifndef STORE_SQLITE_DATABASE_H
#define STORE_SQLITE_DATABASE_H

#include <stdatomic.h>

#include "store/sqlite/connection.h"
#include "store/sqlite/sqlite.h"

/* In the header of each of our files: "Argo". */
enum { SQLITE_APPLICATION_ID = 0x4172676F };

struct writer;
struct scanner;

/* One shard's side of a database; see reader.c. */
struct reader {
    _Alignas(64) struct sqlite
        *db; /* aligned to a cache line, because its neighbours belong to other threads */
    struct connection *connection; /* NULL until the shard reads for the first time */
    struct shard_task turn_end;
    bool in_transaction;
    bool looked;         /* has checked for commits of other processes in this transaction */
    uint64_t generation; /* the transaction sees at least this one */
    /* At the last check: */
    bool has_looked;
    uint64_t looked_generation;
    int64_t data_version;
};

struct sqlite {
    char *path;
    char *directory; /* of a ":memory:" database, deleted at the end; else NULL */
    _Atomic uint64_t generation;
    struct reader *readers; /* one per shard */
    int reader_count;
    struct writer *writer;
    struct scanner *scanner;
};

struct sqlite_tx {
    struct connection *connection;
    struct arena *arena;
    bool tell; /* on_commit is to be called */
};

/* A copy of the call for another thread, with a separate arena that is released with the call's.
 */
void database_lend_call(struct call *call, struct call *ret_lent);
/* Call it when the other thread has finished. */
void database_return_call(struct call *call, const struct call *lent);

/* Starts a query on the connection. */
struct status rows_open(struct arena *arena, struct connection *connection,
                        struct sqlite_rows *ret_rows, const char *sql, const char *format,
                        va_list values);

/* Brings the schema to the newest migration. */
struct status migrate(struct arena *arena, struct connection *connection,
                      const char *const *migrations);

/* FAILED_PRECONDITION (STORE_NOT_PREPARED) if the schema is not at the newest migration. */
struct status migrate_check(struct arena *arena, struct connection *connection,
                            const char *const *migrations);

/* The connection is taken, also on failure. `generation` counts the commits. Owned; writer_free
 * ends the thread. */
struct status writer_new_take(struct arena *arena, struct connection *connection,
                              _Atomic uint64_t *generation, struct writer **ret_writer);
void writer_free(struct writer *writer);
void writer_on_commit(struct writer *writer, void (*fn)(void *data), void *data);
void writer_stats(const struct writer *writer, struct sqlite_stats *ret_stats);
/* The connection that writes, for tests that make it fail. */
struct connection *writer_connection(struct writer *writer);

struct scanner *scanner_new(const char *path);
void scanner_free(struct scanner *scanner);

#endif
