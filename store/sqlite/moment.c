/* SPDX-License-Identifier: Apache-2.0 */
/* Consistent copies of several databases; see moment.h.
 *
 * Each database has two connections here: one holds the write lock, the other begins to read while
 * it is held. The locks are polled in a tight loop, because SQLite has no queue for them: a writer
 * under load releases its lock for only some ten microseconds between two groups. A writer locks no
 * database but its own, so there are no deadlocks. */
#include "store/sqlite/moment.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "reasons.pb-c.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/database.h"
#include "store/sqlite/library.h"

enum {
    STEP_PAGES = 256, /* 1 MiB of a copy */
    PAUSE_US = 20000, /* after a failed attempt, so that writers can proceed */
    SPIN_US = 5000,   /* of one attempt, during which the locks are polled without a pause */
    TRY_AGAIN_US = 50,
};

struct source {
    const char *path;
    struct connection *locker, *reader;
    int64_t size, version;
};

struct sqlite_moment {
    struct source *sources;
    size_t count;
    int64_t held_us;
};

/* ---- opening ---- */

static struct status open_connection(struct arena *arena, const char *path,
                                     struct connection **ret_connection)
{
    struct connection *connection;
    struct status st;
    int64_t tables;

    st = connection_new(arena, path, CONNECTION_CHECKPOINTER, &connection);
    if (failed(st)) return st;
    sqlite3_db_config(connection->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    st = connection_read_i64(arena, connection, "SELECT count(*) FROM sqlite_schema", &tables);
    if (failed(st)) {
        connection_free(connection);
        return st;
    }
    *ret_connection = connection;
    return st;
}

static struct status open_source(struct arena *arena, struct source *source)
{
    int64_t id;
    struct status st;

    if (access(source->path, F_OK) != 0)
        return status_printf(arena, STATUS_NOT_FOUND, 0, "store %s: %s", source->path,
                             strerror(errno));
    st = open_connection(arena, source->path, &source->locker);
    if (!failed(st)) st = open_connection(arena, source->path, &source->reader);
    if (!failed(st)) st = connection_read_i64(arena, source->reader, "PRAGMA application_id", &id);
    if (failed(st) || id == SQLITE_APPLICATION_ID) return st;
    return status_printf(arena, STATUS_FAILED_PRECONDITION, 0,
                         "store %s: the file belongs to another program; choose a different one",
                         source->path);
}

/* ---- the moment ---- */

static void unlock(struct sqlite_moment *moment)
{
    for (size_t i = 0; i < moment->count; i++)
        if (!sqlite3_get_autocommit(moment->sources[i].locker->handle))
            sqlite3_exec(moment->sources[i].locker->handle, "ROLLBACK", 0, 0, 0);
}

/* SQLITE_BUSY once `until_us` has passed. */
static int lock(struct source *source, int64_t until_us)
{
    int64_t begun_us = clock_monotonic_us();

    for (;;) {
        int code = sqlite3_exec(source->locker->handle, "BEGIN IMMEDIATE", 0, 0, 0);
        if ((code & 0xFF) != SQLITE_BUSY) return code;
        int64_t now_us = clock_monotonic_us();
        if (now_us >= until_us) return code;
        if (now_us - begun_us < SPIN_US)
            sched_yield();
        else
            usleep(TRY_AGAIN_US);
    }
}

/* Takes all write locks, or none. The wait for the first one has no limit, because nothing is held
 * during it. */
static int lock_all(struct sqlite_moment *moment, int64_t end_us, size_t *ret_index,
                    int64_t *ret_held_since_us)
{
    int64_t until_us = end_us;

    for (size_t i = 0; i < moment->count; i++) {
        int code = lock(&moment->sources[i], until_us);
        if (code != SQLITE_OK) {
            unlock(moment);
            *ret_index = i;
            return code;
        }
        if (i > 0) continue;
        *ret_held_since_us = clock_monotonic_us();
        until_us = *ret_held_since_us + SQLITE_MOMENT_HOLD_US;
    }
    return SQLITE_OK;
}

/* A read transaction sees the database as of its first read. */
static struct status begin_reading(struct arena *arena, struct source *source)
{
    int64_t pages, page_size;
    struct status st;

    st = connection_run(arena, source->reader, "BEGIN");
    if (!failed(st))
        st = connection_read_i64(arena, source->reader, "PRAGMA user_version", &source->version);
    if (!failed(st)) st = connection_read_i64(arena, source->reader, "PRAGMA page_count", &pages);
    if (!failed(st))
        st = connection_read_i64(arena, source->reader, "PRAGMA page_size", &page_size);
    if (!failed(st)) source->size = pages * page_size;
    return st;
}

static struct status take(struct arena *arena, struct sqlite_moment *moment)
{
    int64_t end_us = clock_monotonic_us() + SQLITE_MOMENT_WAIT_US, held_since_us = 0;
    struct status st = status_ok();
    size_t index = 0;
    int code;

    for (size_t i = 0; i < moment->count; i++)
        sqlite3_busy_timeout(moment->sources[i].locker->handle, 0);
    for (;;) {
        code = lock_all(moment, end_us, &index, &held_since_us);
        if ((code & 0xFF) != SQLITE_BUSY || clock_monotonic_us() >= end_us) break;
        usleep(PAUSE_US);
    }
    if (code != SQLITE_OK) return connection_error(arena, moment->sources[index].locker, code);
    for (size_t i = 0; i < moment->count && !failed(st); i++)
        st = begin_reading(arena, &moment->sources[i]);
    unlock(moment);
    moment->held_us = clock_monotonic_us() - held_since_us;
    return st;
}

struct status sqlite_moment_new(struct arena *arena, const char *const *paths, size_t count,
                                struct sqlite_moment **ret_moment)
{
    struct sqlite_moment *moment = calloc(1, sizeof(*moment));
    struct status st = status_ok();

    invariant(moment && count > 0 && count <= SQLITE_MOMENT_MAX);
    moment->sources = calloc(count, sizeof(*moment->sources));
    invariant(moment->sources);
    moment->count = count;
    for (size_t i = 0; i < count && !failed(st); i++) {
        moment->sources[i].path = paths[i];
        st = open_source(arena, &moment->sources[i]);
    }
    if (!failed(st)) st = take(arena, moment);
    if (failed(st)) {
        sqlite_moment_free(moment);
        return st;
    }
    *ret_moment = moment;
    return st;
}

void sqlite_moment_free(struct sqlite_moment *moment)
{
    if (!moment) return;
    for (size_t i = 0; i < moment->count; i++) {
        connection_free(moment->sources[i].reader);
        connection_free(moment->sources[i].locker);
    }
    free(moment->sources);
    free(moment);
}

int64_t sqlite_moment_held_us(const struct sqlite_moment *moment)
{
    return moment->held_us;
}

int64_t sqlite_moment_size(const struct sqlite_moment *moment, size_t index)
{
    return moment->sources[index].size;
}

int64_t sqlite_moment_version(const struct sqlite_moment *moment, size_t index)
{
    return moment->sources[index].version;
}

/* ---- copying ---- */

static struct status copy_error(struct arena *arena, const char *path, const char *text, int code)
{
    bool full = (code & 0xFF) == SQLITE_FULL;

    return status_printf(arena, full ? STATUS_RESOURCE_EXHAUSTED : STATUS_UNAVAILABLE,
                         full ? ARGOSY__REASON__STORE_FULL : ARGOSY__REASON__STORE_BUSY,
                         "cannot write the copy %s: %s%s", path, text,
                         full ? "; make room on its disk" : "");
}

/* The reader is inside its transaction, so all steps see the same state. */
static int copy_pages(const struct source *source, sqlite3 *copy,
                      const struct sqlite_progress *progress)
{
    sqlite3_backup *backup = sqlite3_backup_init(copy, "main", source->reader->handle, "main");
    int code;

    if (!backup) return sqlite3_errcode(copy);
    do {
        code = sqlite3_backup_step(backup, STEP_PAGES);
        int pages = sqlite3_backup_pagecount(backup);
        if (progress->fn && pages > 0)
            progress->fn(progress->data,
                         source->size / pages * (pages - sqlite3_backup_remaining(backup)));
    } while (code == SQLITE_OK);
    sqlite3_backup_finish(backup);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

struct status sqlite_moment_copy(struct arena *arena, struct sqlite_moment *moment, size_t index,
                                 const char *path, const struct sqlite_progress *progress)
{
    struct status st = status_ok();
    sqlite3 *copy = 0;
    int code;

    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return status_errno(arena, errno, arena_printf(arena, "cannot make %s", path));
    close(fd);
    library_start();
    code = sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, 0);
    if (code == SQLITE_OK)
        code = sqlite3_exec(copy, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", 0, 0, 0);
    if (code == SQLITE_OK) code = copy_pages(&moment->sources[index], copy, progress);
    if (code != SQLITE_OK) st = copy_error(arena, path, sqlite3_errstr(code), code);
    sqlite3_close(copy);
    return st;
}

/* ---- checking ---- */

/* "immutable" makes SQLite take no locks and create no files beside the copy. */
static char *immutable_uri(struct arena *arena, const char *path)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t length = strlen(path), used = 0;
    char *escaped = arena_alloc(arena, 3 * length + 1);

    for (size_t i = 0; i < length; i++) {
        if (strchr("?#%", path[i])) {
            escaped[used++] = '%';
            escaped[used++] = digits[(unsigned char)path[i] >> 4];
            escaped[used++] = digits[(unsigned char)path[i] & 15];
        } else {
            escaped[used++] = path[i];
        }
    }
    escaped[used] = 0;
    return arena_printf(arena, "file:%s?immutable=1", escaped);
}

/* The first column of the first row as text; "" on an error. */
static const char *ask(struct arena *arena, sqlite3 *handle, const char *sql)
{
    sqlite3_stmt *statement = 0;
    const char *answer = "";

    if (sqlite3_prepare_v2(handle, sql, -1, &statement, 0) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        answer = arena_strdup(arena, (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return answer;
}

struct status sqlite_check_copy(struct arena *arena, const char *path, int64_t *ret_version)
{
    struct status st = status_ok();
    sqlite3 *handle = 0;
    int64_t version = 0;

    library_start();
    int code = sqlite3_open_v2(immutable_uri(arena, path), &handle,
                               SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, 0);
    const char *found = code == SQLITE_OK ? ask(arena, handle, "PRAGMA quick_check(1)") : "";
    if (strcmp(found, "ok") != 0 ||
        !str_to_i64(str_of(ask(arena, handle, "PRAGMA user_version")), &version))
        st = status_printf(arena, STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED,
                           "the copy %s is damaged: %s", path,
                           found[0] ? found : sqlite3_errmsg(handle));
    sqlite3_close(handle);
    if (!failed(st)) *ret_version = version;
    return st;
}

struct status sqlite_check_reading(struct arena *arena, const char *path)
{
    struct connection *connection;
    int64_t version;

    struct status st = connection_new(arena, path, CONNECTION_READER, &connection);
    if (failed(st)) return st;
    st = connection_read_i64(arena, connection, "PRAGMA user_version", &version);
    connection_free(connection);
    return st;
}
