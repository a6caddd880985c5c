/* SPDX-License-Identifier: Apache-2.0 */
/* Opens, closes and verifies a database. */
#include "store/sqlite/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "reasons.pb-c.h"
#include "store/sqlite/database.h"
#include "store/sqlite/library.h"

/* Creates the file with mode 0600, which SQLite then uses for its log too. An existing file is left
 * alone: opening and closing it here would drop the locks that this process may hold on it. If the
 * program has replaced SQLite's VFS, SQLite creates the file when it opens it.
 */
static struct status make_file(struct arena *arena, const char *path)
{
    int fd;

    if (!library_uses_files()) return status_ok();
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST)
        return status_printf(
            arena, STATUS_FAILED_PRECONDITION, 0,
            "store %s: cannot create the file: %s; check that its folder exists and "
            "is writable",
            path, strerror(errno));
    if (fd >= 0) close(fd);
    return status_ok();
}

/* The folder of a ":memory:" database. */
static struct status make_directory(struct arena *arena, struct sqlite *db)
{
    const char *parent = getenv("TMPDIR");
    char *directory = arena_printf(arena, "%s/argosy-XXXXXX",
                                   parent && parent[0] ? parent : "/tmp");

    if (!mkdtemp(directory)) return status_errno(arena, errno, "create a temporary folder");
    db->directory = strdup(directory);
    db->path = strdup(arena_printf(arena, "%s/memory.db", directory));
    invariant(db->directory && db->path);
    return status_ok();
}

static void remove_directory(const struct sqlite *db)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    struct arena arena;

    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        unlink(arena_printf(&arena, "%s%s", db->path, endings[i]));
    rmdir(db->directory);
    arena_release(&arena);
}

static struct status check_exists(struct arena *arena, const char *path)
{
    if (access(path, F_OK) == 0) return status_ok();
    return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STORE_NOT_PREPARED,
                         "store %s: there is no such file; make it with `argosy store prepare`",
                         path);
}

static struct status open_writer(struct arena *arena, struct sqlite *db,
                                 const char *const *migrations, bool prepares)
{
    enum connection_role role = db->directory ? CONNECTION_WRITER_VOLATILE : CONNECTION_WRITER;
    struct connection *connection;
    struct status st;

    st = prepares ? make_file(arena, db->path) : check_exists(arena, db->path);
    if (failed(st)) return st;
    st = connection_new(arena, db->path, role, &connection);
    if (failed(st)) return st;
    st = prepares ? migrate(arena, connection, migrations)
                  : migrate_check(arena, connection, migrations);
    if (failed(st)) {
        connection_free(connection);
        return st;
    }
    return writer_new_take(arena, connection, &db->generation, &db->writer);
}

static void make_readers(struct sqlite *db, int count)
{
    size_t size = sizeof(struct reader) * (size_t)count;

    db->readers = aligned_alloc(_Alignof(struct reader), size);
    invariant(db->readers);
    memset(db->readers, 0, size);
    for (int i = 0; i < count; i++) db->readers[i].db = db;
    db->reader_count = count;
}

static struct status open_database(struct arena *arena, struct shards *shards, const char *path,
                                   const char *const *migrations, bool prepares,
                                   struct sqlite **ret_db)
{
    struct sqlite *db = calloc(1, sizeof(*db));
    struct status st = status_ok();

    invariant(db);
    atomic_init(&db->generation, 1);
    library_start();
    if (strcmp(path, ":memory:") == 0)
        st = make_directory(arena, db);
    else
        invariant((db->path = strdup(path)));
    if (!failed(st)) st = open_writer(arena, db, migrations, prepares);
    if (failed(st)) {
        sqlite_close(db);
        return st;
    }
    make_readers(db, shards_count(shards));
    db->scanner = scanner_new(db->path);
    *ret_db = db;
    return st;
}

struct status sqlite_open(struct arena *arena, struct shards *shards, const char *path,
                          const char *const *migrations, struct sqlite **ret_db)
{
    return open_database(arena, shards, path, migrations, true, ret_db);
}

struct status sqlite_open_prepared(struct arena *arena, struct shards *shards, const char *path,
                                   const char *const *migrations, struct sqlite **ret_db)
{
    bool is_new = strcmp(path, ":memory:") == 0;

    return open_database(arena, shards, path, migrations, is_new, ret_db);
}

/* The writer closes last, because the last connection to close checkpoints the log and removes it.
 */
void sqlite_close(struct sqlite *db)
{
    if (!db) return;
    scanner_free(db->scanner);
    for (int i = 0; i < db->reader_count; i++) {
        if (!db->readers[i].connection) continue;
        connection_end_all(db->readers[i].connection);
        connection_free(db->readers[i].connection);
    }
    writer_free(db->writer);
    if (db->directory) remove_directory(db);
    free(db->readers);
    free(db->directory);
    free(db->path);
    free(db);
}

static struct status check_file(struct arena *arena, struct connection *connection)
{
    struct statement *statement;
    struct status st;
    int code;

    st = statement_take(arena, connection, "PRAGMA quick_check(1)", &statement);
    if (failed(st)) return st;
    code = sqlite3_step(statement->handle);
    if (code != SQLITE_ROW) {
        st = connection_error(arena, connection, code);
    } else {
        const char *finding = (const char *)sqlite3_column_text(statement->handle, 0);
        if (!finding || strcmp(finding, "ok") != 0)
            st = status_printf(arena, STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED,
                               "store %s: the file is damaged, restore it from a backup: %s",
                               connection->path, finding ? finding : "no answer");
    }
    statement_end(statement);
    return st;
}

struct status sqlite_verify(struct arena *arena, struct sqlite *db)
{
    struct connection *connection;
    struct status st;

    st = connection_new(arena, db->path, CONNECTION_READER, &connection);
    if (failed(st)) return st;
    st = check_file(arena, connection);
    connection_free(connection);
    return st;
}

void sqlite_stats(const struct sqlite *db, struct sqlite_stats *ret_stats)
{
    writer_stats(db->writer, ret_stats);
}

void sqlite_on_commit(struct sqlite *db, void (*fn)(void *data), void *data)
{
    writer_on_commit(db->writer, fn, data);
}

static void release_arena(void *data)
{
    arena_release(data);
}

void database_lend_call(struct call *call, struct call *ret_lent)
{
    struct arena *arena = arena_new(call->arena, struct arena);

    arena_init(arena, call->arena->limit);
    arena_defer(call->arena, release_arena, arena);
    *ret_lent = *call;
    ret_lent->arena = arena;
    ret_lent->parent = 0;
    ret_lent->fiber = 0;
    ret_lent->cancelled = false;
}

void database_return_call(struct call *call, const struct call *lent)
{
    arena_absorb(call->arena, lent->arena);
}
