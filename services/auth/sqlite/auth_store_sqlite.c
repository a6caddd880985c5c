/* SPDX-License-Identifier: Apache-2.0 */
/* The auth service's port on SQLite: sessions keyed by (address in lower case, device), and the
 * endings of sessions in a table beside. */
#include "services/auth/auth_store.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "events/events_sqlite.h"
#include "services/auth/auth_change.h"
#include "store/sqlite/sqlite.h"

static const char *const migrations[] = {
    "CREATE TABLE sessions ("
    "  key TEXT NOT NULL,"
    "  device_id TEXT NOT NULL,"
    "  email TEXT NOT NULL,"
    "  role TEXT NOT NULL,"
    "  family TEXT NOT NULL,"
    "  number INTEGER NOT NULL,"
    "  hash BLOB NOT NULL,"
    "  issued_s INTEGER NOT NULL,"
    "  expires_s INTEGER NOT NULL,"
    "  created_us INTEGER NOT NULL,"
    "  used_us INTEGER NOT NULL,"
    "  password_changed_us INTEGER NOT NULL,"
    "  peer TEXT NOT NULL,"
    "  PRIMARY KEY (key, device_id)"
    ") WITHOUT ROWID;"
    "CREATE INDEX sessions_by_expiry ON sessions (expires_s);",
    "ALTER TABLE sessions ADD COLUMN used_boot_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sessions ADD COLUMN boot TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE sessions ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;"
    "CREATE TABLE endings ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  family TEXT NOT NULL,"
    "  generation INTEGER NOT NULL,"
    "  until_s INTEGER NOT NULL) STRICT;"
    "CREATE INDEX endings_by_time ON endings (until_s);",
    EVENTS_SQLITE_SCHEMA,
    EVENTS_SQLITE_KEYS_COUNTED,
    0,
};

#define COLUMNS                                                                                \
    "email, role, device_id, family, number, hash, issued_s, expires_s, created_us, used_us, " \
    "password_changed_us, peer, used_boot_us, boot, generation"

enum { LIST_MAX = 1000, US_PER_S = 1000000 };

struct sqlite_auth_store {
    struct auth_store port;
    struct sqlite *db;
};

static struct sqlite *db_of(struct auth_store *store)
{
    return ((struct sqlite_auth_store *)store)->db;
}

static const char *key_of(const struct call *call, const char *email)
{
    return str_lower(call->arena, str_of(email));
}

static void read_session(const struct sqlite_rows *rows, struct session *ret_session)
{
    struct str hash = sqlite_column_blob(rows, 5);

    *ret_session = (struct session){
        .email = sqlite_column_text(rows, 0),
        .role = sqlite_column_text(rows, 1),
        .device_id = sqlite_column_text(rows, 2),
        .family = sqlite_column_text(rows, 3),
        .number = sqlite_column_i64(rows, 4),
        .issued_s = sqlite_column_i64(rows, 6),
        .expires_s = sqlite_column_i64(rows, 7),
        .created_us = sqlite_column_i64(rows, 8),
        .used_us = sqlite_column_i64(rows, 9),
        .password_changed_us = sqlite_column_i64(rows, 10),
        .peer = sqlite_column_text(rows, 11),
        .used_boot_us = sqlite_column_i64(rows, 12),
        .boot = sqlite_column_text(rows, 13),
        .generation = sqlite_column_i64(rows, 14),
    };
    if (hash.length == AUTH_HASH_SIZE) memcpy(ret_session->hash, hash.data, AUTH_HASH_SIZE);
}

static struct status write_session(struct sqlite_tx *tx, const char *key, const struct session *s)
{
    return sqlite_exec(tx, 0,
                       "INSERT OR REPLACE INTO sessions (key, " COLUMNS ") "
                       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       "tttttlbllllltltl", key, s->email, s->role, s->device_id, s->family,
                       s->number, str_sized(s->hash, AUTH_HASH_SIZE), s->issued_s, s->expires_s,
                       s->created_us, s->used_us, s->password_changed_us, s->peer, s->used_boot_us,
                       s->boot, s->generation);
}

/* ---- reading and writing what a change decides ---- */

/* The endings of a commit are told to whoever watches them. */
static struct status add_ending(struct sqlite_tx *tx, const struct ending *ending)
{
    int changes = 0;
    struct status st;

    if (ending_is_of_account(ending))
        st = sqlite_exec(tx, &changes,
                         "INSERT INTO endings (family, generation, until_s) SELECT ?1, ?2, ?3"
                         " WHERE NOT EXISTS (SELECT 1 FROM endings WHERE until_s = ?3"
                         "  AND family = ?1 AND generation >= ?2)",
                         "tll", ending->family, ending->generation, ending->until_s);
    else
        st = sqlite_exec(tx, &changes,
                         "INSERT INTO endings (family, generation, until_s) VALUES (?, ?, ?)",
                         "tll", ending->family, ending->generation, ending->until_s);
    if (!failed(st) && changes > 0) sqlite_tell_commit(tx);
    return st;
}

static struct status write_row(struct sqlite_tx *tx, const char *key, const struct session_row *row)
{
    if (row->fate == SESSION_KEPT) return status_ok();
    if (row->fate == SESSION_WRITTEN) return write_session(tx, key, &row->session);
    return sqlite_exec(tx, 0, "DELETE FROM sessions WHERE key = ? AND device_id = ?", "tt", key,
                       row->session.device_id);
}

static struct status write_all(struct sqlite_tx *tx, const struct sessions_write *write)
{
    struct status st = status_ok();

    for (size_t i = 0; i < write->ending_count && !failed(st); i++)
        st = add_ending(tx, &write->endings[i]);
    for (size_t i = 0; i < write->count && !failed(st); i++)
        st = write_row(tx, write->key, &write->rows[i]);
    return st;
}

/* Reads the session of one device, or all of the account (device_id NULL). */
static struct status read_sessions(const struct call *call, struct sqlite_tx *tx, const char *key,
                                   const char *device_id, struct sessions_write *ret_write)
{
    struct session first, *found = &first;
    size_t count = 0, max = device_id ? 1 : SESSIONS_READ_MAX;
    struct sqlite_rows rows;
    struct status st;

    if (device_id)
        st = sqlite_query(tx, &rows,
                          "SELECT " COLUMNS " FROM sessions WHERE key = ? AND device_id = ?", "tt",
                          key, device_id);
    else
        st = sqlite_query(tx, &rows,
                          "SELECT " COLUMNS " FROM sessions WHERE key = ? ORDER BY device_id", "t",
                          key);
    if (failed(st)) return st;
    if (!device_id) found = arena_array(call->arena, struct session, max);
    while (count < max && sqlite_next(&rows)) read_session(&rows, &found[count++]);
    sqlite_end(&rows);
    if (failed(rows.status)) return rows.status;
    sessions_read(call->arena, key, found, count, ret_write);
    return st;
}

static struct access_lifetime lifetime_of(int64_t ttl_s)
{
    return (struct access_lifetime){ttl_s, clock_now_us() / US_PER_S};
}

/* ---- putting ---- */

struct put {
    const struct session *session;
    int sessions_max;
    int64_t ttl_s;
};

/* No access token outlives its refresh token, so an expired session needs no ending. */
static struct status tidy(struct sqlite_tx *tx, int64_t before_s)
{
    struct status st = sqlite_exec(
        tx, 0,
        "DELETE FROM sessions WHERE (key, device_id) IN (SELECT key, device_id FROM sessions "
        "WHERE expires_s < ? LIMIT 100)",
        "l", before_s);
    if (failed(st)) return st;
    return sqlite_exec(
        tx, 0,
        "DELETE FROM endings WHERE number IN (SELECT number FROM endings WHERE until_s < ? "
        "LIMIT 100)",
        "l", before_s);
}

static struct status put_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct put *put = data;
    struct sessions_write write;

    struct status st = read_sessions(call, tx, key_of(call, put->session->email), 0, &write);
    if (failed(st)) return st;
    sessions_put(&write, put->session, put->sessions_max, lifetime_of(put->ttl_s));
    st = write_all(tx, &write);
    return failed(st) ? st : tidy(tx, put->session->issued_s);
}

static struct status put(struct call *call, struct auth_store *store, const struct session *session,
                         int sessions_max)
{
    struct put job = {session, sessions_max, store->access_ttl_s};

    return sqlite_write(call, db_of(store), put_job, &job);
}

struct update {
    const char *key, *device_id;
    int64_t ttl_s;
    const struct session_change *change;
};

static struct status update_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct update *update = data;
    struct sessions_write write;

    struct status st = read_sessions(call, tx, update->key, update->device_id, &write);
    if (!failed(st)) st = sessions_update(call, &write, update->change, lifetime_of(update->ttl_s));
    return failed(st) ? st : write_all(tx, &write);
}

static struct status update(struct call *call, struct auth_store *store, const char *email,
                            const char *device_id, const struct session_change *change)
{
    struct update job = {key_of(call, email), device_id, store->access_ttl_s, change};

    return sqlite_write(call, db_of(store), update_job, &job);
}

static struct status list(struct call *call, struct auth_store *store, const char *email,
                          int64_t now_s, struct session **ret_sessions, size_t *ret_count)
{
    struct session *sessions = arena_array(call->arena, struct session, LIST_MAX);
    struct sqlite_rows rows;
    size_t count = 0;

    struct status st = sqlite_read(call, db_of(store), &rows,
                                   "SELECT " COLUMNS
                                   " FROM sessions WHERE key = ? AND expires_s > ? "
                                   "ORDER BY used_us DESC LIMIT 1000",
                                   "tl", key_of(call, email), now_s);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) read_session(&rows, &sessions[count++]);
    if (failed(rows.status)) return rows.status;
    *ret_sessions = sessions;
    *ret_count = count;
    return status_ok();
}

struct removal {
    const char *key, *device_id; /* device_id NULL: all */
    const char *except;
    int64_t ttl_s;
    int removed;
};

static struct status remove_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct removal *removal = data;
    struct sessions_write write;

    struct status st = read_sessions(call, tx, removal->key, removal->device_id, &write);
    if (failed(st)) return st;
    sessions_remove(call->arena, &write, removal->device_id, removal->except,
                    lifetime_of(removal->ttl_s));
    removal->removed = write.removed;
    return write_all(tx, &write);
}

static struct status remove_sessions(struct call *call, struct auth_store *store, const char *email,
                                     const char *device_id, const char *except, int *ret_removed)
{
    struct removal job = {key_of(call, email), device_id, except, store->access_ttl_s, 0};

    struct status st = sqlite_write(call, db_of(store), remove_job, &job);
    if (failed(st)) return st;
    *ret_removed = job.removed;
    return status_ok();
}

struct follow {
    const struct account_news *news;
    int64_t ttl_s;
};

static struct status follow_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct follow *follow = data;
    struct sessions_write write;
    bool fresh;

    struct status st = inbox_sqlite_take(tx, follow->news->event, &fresh);
    if (failed(st) || !fresh) return st;
    st = read_sessions(call, tx, key_of(call, follow->news->email), 0, &write);
    if (failed(st)) return st;
    sessions_follow(call->arena, &write, follow->news, lifetime_of(follow->ttl_s));
    return write_all(tx, &write);
}

static struct status follow_account(struct call *call, struct auth_store *store,
                                    const struct account_news *news)
{
    struct follow job = {news, store->access_ttl_s};

    return sqlite_write(call, db_of(store), follow_job, &job);
}

/* Room for one more; a watcher holds the list for as long as it waits, so it is not made for `max`. */
static struct ending *with_room(struct arena *arena, struct ending *endings, size_t count,
                                size_t *capacity)
{
    if (count < *capacity) return endings;
    *capacity = count ? 2 * count : 16;
    struct ending *more = arena_array(arena, struct ending, *capacity);
    if (count) memcpy(more, endings, count * sizeof(*more));
    return more;
}

static struct status find_endings(struct call *call, struct auth_store *store, int64_t after,
                                  int64_t at_s, size_t max, struct ending **ret_endings,
                                  size_t *ret_count, int64_t *ret_last)
{
    struct sqlite_rows rows;
    struct ending *endings = NULL;
    size_t count = 0, capacity = 0;
    struct status st;

    st = sqlite_read(call, db_of(store), &rows,
                     "SELECT seq FROM sqlite_sequence WHERE name = 'endings'", "");
    if (failed(st)) return st;
    *ret_last = sqlite_next(&rows) ? sqlite_column_i64(&rows, 0) : 0;
    sqlite_end(&rows);
    st = sqlite_read(call, db_of(store), &rows,
                     "SELECT number, family, generation, until_s FROM endings "
                     "WHERE number > ? AND until_s > ? ORDER BY number LIMIT ?",
                     "lll", after, at_s, (int64_t)max);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        endings = with_room(call->arena, endings, count, &capacity);
        endings[count++] = (struct ending){
            sqlite_column_i64(&rows, 0), sqlite_column_text(&rows, 1), sqlite_column_i64(&rows, 2),
            sqlite_column_i64(&rows, 3)};
    }
    *ret_endings = endings;
    *ret_count = count;
    return rows.status;
}

static void on_ending(struct auth_store *store, void (*fn)(void *data), void *data)
{
    sqlite_on_commit(db_of(store), fn, data);
}

static void close_store(struct auth_store *store)
{
    sqlite_close(db_of(store));
}

struct status auth_store_sqlite(const struct service_context *context, const char *path,
                                struct auth_store **ret_store)
{
    struct sqlite_auth_store *store = arena_new(context->arena, struct sqlite_auth_store);

    struct status st = events_sqlite_open(context, path, migrations, &store->db);
    if (failed(st)) return st;
    store->port = (struct auth_store){
        .put = put,
        .update = update,
        .list = list,
        .remove = remove_sessions,
        .follow = follow_account,
        .endings = find_endings,
        .on_ending = on_ending,
        .close = close_store,
        .events = events_store_sqlite(context->arena, store->db),
    };
    *ret_store = &store->port;
    return status_ok();
}
