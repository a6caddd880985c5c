/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions in the embedded store: one table, keyed by (address in lower case, device). */
#include "services/auth/auth_store.h"

#include <string.h>

#include "base/str.h"
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
    0,
};

#define COLUMNS                                                                                \
    "email, role, device_id, family, number, hash, issued_s, expires_s, created_us, used_us, " \
    "password_changed_us, peer"

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
    };
    if (hash.length == AUTH_HASH_SIZE) memcpy(ret_session->hash, hash.data, AUTH_HASH_SIZE);
}

static struct status write_session(struct sqlite_tx *tx, const char *key, const struct session *s)
{
    return sqlite_exec(tx, 0,
                       "INSERT OR REPLACE INTO sessions (key, " COLUMNS ") "
                       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       "tttttlblllllt", key, s->email, s->role, s->device_id, s->family, s->number,
                       str_sized(s->hash, AUTH_HASH_SIZE), s->issued_s, s->expires_s, s->created_us,
                       s->used_us, s->password_changed_us, s->peer);
}

struct put {
    const struct session *session;
    int sessions_max;
};

static struct status put_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct put *put = data;
    const char *key = key_of(call, put->session->email);
    struct status st;

    st = write_session(tx, key, put->session);
    if (failed(st)) return st;

    st = sqlite_exec(
        tx, 0,
        "DELETE FROM sessions WHERE key = ?1 AND device_id IN (SELECT device_id FROM sessions "
        "WHERE key = ?1 ORDER BY device_id = ?2 DESC, used_us DESC LIMIT -1 OFFSET ?3)",
        "tti", key, put->session->device_id, put->sessions_max);
    if (failed(st)) return st;

    return sqlite_exec(
        tx, 0,
        "DELETE FROM sessions WHERE (key, device_id) IN (SELECT key, device_id FROM sessions "
        "WHERE expires_s < ? LIMIT 100)",
        "l", put->session->issued_s);
}

static struct status put(struct call *call, struct auth_store *store, const struct session *session,
                         int sessions_max)
{
    struct put job = {session, sessions_max};

    return sqlite_write(call, db_of(store), put_job, &job);
}

struct update {
    const char *key, *device_id;
    const struct session_change *change;
};

static struct status update_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct update *update = data;
    struct sqlite_rows rows;
    struct session session;
    struct status st;

    st = sqlite_query(tx, &rows, "SELECT " COLUMNS " FROM sessions WHERE key = ? AND device_id = ?",
                      "tt", update->key, update->device_id);
    if (failed(st)) return st;
    if (!sqlite_next(&rows)) {
        if (failed(rows.status)) return rows.status;
        return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__SESSION_NOT_FOUND,
                           "there is no session on this device; log in first");
    }
    read_session(&rows, &session);
    sqlite_end(&rows);

    st = update->change->apply(call, &session, update->change->data);
    if (failed(st)) return st;
    if (!session.ended) return write_session(tx, update->key, &session);
    return sqlite_exec(tx, 0, "DELETE FROM sessions WHERE key = ? AND device_id = ?", "tt",
                       update->key, update->device_id);
}

static struct status update(struct call *call, struct auth_store *store, const char *email,
                            const char *device_id, const struct session_change *change)
{
    struct update job = {key_of(call, email), device_id, change};

    return sqlite_write(call, db_of(store), update_job, &job);
}

enum { LIST_MAX = 1000 };

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
    const char *key, *device_id, *except;
    int removed;
};

static struct status remove_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct removal *removal = data;

    if (removal->device_id)
        return sqlite_exec(tx, &removal->removed,
                           "DELETE FROM sessions WHERE key = ? AND device_id = ?", "tt",
                           removal->key, removal->device_id);
    return sqlite_exec(tx, &removal->removed,
                       "DELETE FROM sessions WHERE key = ? AND device_id IS NOT ?", "tt",
                       removal->key, removal->except);
}

static struct status remove_sessions(struct call *call, struct auth_store *store, const char *email,
                                     const char *device_id, const char *except, int *ret_removed)
{
    struct removal job = {key_of(call, email), device_id, except, 0};

    struct status st = sqlite_write(call, db_of(store), remove_job, &job);
    if (failed(st)) return st;
    *ret_removed = job.removed;
    return status_ok();
}

static void close_store(struct auth_store *store)
{
    sqlite_close(db_of(store));
}

struct status auth_store_sqlite(const struct service_context *context, const char *path,
                                struct auth_store **ret_store)
{
    struct sqlite_auth_store *store = arena_new(context->arena, struct sqlite_auth_store);

    struct status st = sqlite_open(context->arena, context->shards, path, migrations, &store->db);
    if (failed(st)) return st;
    store->port = (struct auth_store){put, update, list, remove_sessions, close_store};
    *ret_store = &store->port;
    return status_ok();
}
