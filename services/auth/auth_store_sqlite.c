/* SPDX-License-Identifier: Apache-2.0 */
/* The auth service's port on SQLite: sessions keyed by (address in lower case, device), and the
 * endings of sessions in a table beside. */
#include "services/auth/auth_store.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "events/events_sqlite.h"
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
    0,
};

#define COLUMNS                                                                                \
    "email, role, device_id, family, number, hash, issued_s, expires_s, created_us, used_us, " \
    "password_changed_us, peer, used_boot_us, boot, generation"

enum { LIST_MAX = 1000, US_PER_S = 1000000 };

/* The session of which user, on which device. */
struct device {
    const char *key, *id;
    int64_t ttl_s; /* the lifetime of an access token */
};

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

/* ---- endings ---- */

/* Writes endings for the sessions that the condition appended selects, for tokens below a
 * generation. A session's newest access token is as old as its last use; if the clock was set back
 * since, the later of both times counts. */
#define LEAVE_ENDINGS                                    \
    "INSERT INTO endings (family, generation, until_s) " \
    "SELECT family, ?, max(issued_s, ?) + ? + 1 FROM sessions WHERE "

static struct status tell_endings(struct sqlite_tx *tx, struct status st, int changes)
{
    if (!failed(st) && changes > 0) sqlite_tell_commit(tx);
    return st;
}

static int64_t now_s(void)
{
    return clock_now_us() / US_PER_S;
}

/* The session of a device ends, or only its tokens of earlier generations. */
static struct status leave_ending(struct sqlite_tx *tx, const struct device *device,
                                  int64_t generation)
{
    int changes = 0;

    struct status st = sqlite_exec(tx, &changes, LEAVE_ENDINGS "key = ? AND device_id = ?", "llltt",
                                   generation, now_s(), device->ttl_s, device->key, device->id);
    return tell_endings(tx, st, changes);
}

static struct status end_device(struct sqlite_tx *tx, const struct device *device, int *ret_ended)
{
    struct status st = leave_ending(tx, device, INT64_MAX);

    if (failed(st)) return st;
    return sqlite_exec(tx, ret_ended, "DELETE FROM sessions WHERE key = ? AND device_id = ?", "tt",
                       device->key, device->id);
}

/* Access tokens of the account that belong to no session and are as old as `issued_s`, or older, are
 * over. Tokens that have expired anyway need no ending, nor do those that have one already: an
 * account can be asked to end many times a second. */
static struct status leave_account_ending(struct sqlite_tx *tx, const struct device *device,
                                          int64_t issued_s)
{
    int64_t until_s = issued_s + device->ttl_s + 1;
    int changes = 0;

    if (until_s <= now_s()) return status_ok();
    struct status st = sqlite_exec(
        tx, &changes,
        "INSERT INTO endings (family, generation, until_s) SELECT 'account:' || ?1, ?2, ?3"
        " WHERE NOT EXISTS (SELECT 1 FROM endings WHERE until_s = ?3"
        "  AND family = 'account:' || ?1 AND generation >= ?2)",
        "tll", device->key, issued_s + 1, until_s);
    return tell_endings(tx, st, changes);
}

/* ---- putting ---- */

struct put {
    const struct session *session;
    int sessions_max;
    int64_t ttl_s;
};

/* All but the newest `sessions_max` of a user; the one on the device is the newest. */
#define TOO_MANY                                                              \
    "key = ? AND device_id IN (SELECT device_id FROM sessions WHERE key = ? " \
    "ORDER BY device_id = ? DESC, used_us DESC LIMIT -1 OFFSET ?)"

static struct status end_too_many(struct sqlite_tx *tx, const struct put *put, const char *key)
{
    const char *device_id = put->session->device_id;
    int changes = 0;
    struct status st;

    st = sqlite_exec(tx, &changes, LEAVE_ENDINGS TOO_MANY, "lllttti", INT64_MAX, now_s(),
                     put->ttl_s, key, key, device_id, put->sessions_max);
    st = tell_endings(tx, st, changes);
    if (failed(st)) return st;
    return sqlite_exec(tx, 0, "DELETE FROM sessions WHERE " TOO_MANY, "ttti", key, key, device_id,
                       put->sessions_max);
}

static struct status put_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct put *put = data;
    const char *key = key_of(call, put->session->email);
    struct device device = {key, put->session->device_id, put->ttl_s};
    struct status st;

    st = end_device(tx, &device, 0);
    if (!failed(st)) st = write_session(tx, key, put->session);
    if (!failed(st)) st = end_too_many(tx, put, key);
    if (failed(st)) return st;

    /* No access token outlives its refresh token, so an expired session needs no ending. */
    st = sqlite_exec(
        tx, 0,
        "DELETE FROM sessions WHERE (key, device_id) IN (SELECT key, device_id FROM sessions "
        "WHERE expires_s < ? LIMIT 100)",
        "l", put->session->issued_s);
    if (failed(st)) return st;
    return sqlite_exec(
        tx, 0,
        "DELETE FROM endings WHERE number IN (SELECT number FROM endings WHERE until_s < ? "
        "LIMIT 100)",
        "l", put->session->issued_s);
}

static struct status put(struct call *call, struct auth_store *store, const struct session *session,
                         int sessions_max)
{
    struct put job = {session, sessions_max, store->access_ttl_s};

    return sqlite_write(call, db_of(store), put_job, &job);
}

struct update {
    struct device device;
    const struct session_change *change;
};

static struct status update_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct update *update = data;
    struct sqlite_rows rows;
    struct session session;
    struct status st;

    st = sqlite_query(tx, &rows, "SELECT " COLUMNS " FROM sessions WHERE key = ? AND device_id = ?",
                      "tt", update->device.key, update->device.id);
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
    if (!session.ended) return write_session(tx, update->device.key, &session);
    st = leave_account_ending(tx, &update->device, now_s());
    return failed(st) ? st : end_device(tx, &update->device, 0);
}

static struct status update(struct call *call, struct auth_store *store, const char *email,
                            const char *device_id, const struct session_change *change)
{
    struct update job = {{key_of(call, email), device_id, store->access_ttl_s}, change};

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
    struct device device; /* id NULL: all */
    const char *except;
    int removed;
};

static struct status remove_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct removal *removal = data;
    const struct device *device = &removal->device;
    int changes = 0;
    struct status st;

    st = leave_account_ending(tx, device, now_s());
    if (failed(st)) return st;
    if (device->id) return end_device(tx, device, &removal->removed);
    st = sqlite_exec(tx, &changes, LEAVE_ENDINGS "key = ? AND device_id IS NOT ?", "llltt",
                     INT64_MAX, now_s(), device->ttl_s, device->key, removal->except);
    st = tell_endings(tx, st, changes);
    if (failed(st)) return st;
    return sqlite_exec(tx, &removal->removed,
                       "DELETE FROM sessions WHERE key = ? AND device_id IS NOT ?", "tt",
                       device->key, removal->except);
}

static struct status remove_sessions(struct call *call, struct auth_store *store, const char *email,
                                     const char *device_id, const char *except, int *ret_removed)
{
    struct removal job = {{key_of(call, email), device_id, store->access_ttl_s}, except, 0};

    struct status st = sqlite_write(call, db_of(store), remove_job, &job);
    if (failed(st)) return st;
    *ret_removed = job.removed;
    return status_ok();
}

/* ---- changes of accounts ---- */

struct follow {
    const struct account_news *news;
    int64_t ttl_s;
};

static struct status follow_session(struct sqlite_tx *tx, const struct follow *follow,
                                    const char *key, struct session *session)
{
    const struct account_news *news = follow->news;
    struct device device = {key, session->device_id, follow->ttl_s};
    bool here = news->changed_on[0] && strcmp(news->changed_on, session->device_id) == 0;
    struct status st;

    if (news->gone || (session->password_changed_us < news->password_changed_us && !here))
        return end_device(tx, &device, 0);
    if (here && session->password_changed_us < news->password_changed_us)
        session->password_changed_us = news->password_changed_us;
    if (strcmp(session->role, news->role) != 0) {
        session->role = news->role;
        session->generation++;
        st = leave_ending(tx, &device, session->generation);
        if (failed(st)) return st;
    }
    return write_session(tx, key, session);
}

static struct status follow_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct follow *follow = data;
    const char *key = key_of(call, follow->news->email);
    struct session *sessions = arena_array(call->arena, struct session, LIST_MAX);
    struct sqlite_rows rows;
    size_t count = 0;
    bool fresh;

    struct status st = inbox_sqlite_take(tx, follow->news->event, &fresh);
    if (failed(st) || !fresh) return st;
    st = sqlite_query(tx, &rows, "SELECT " COLUMNS " FROM sessions WHERE key = ? LIMIT 1000", "t",
                      key);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) read_session(&rows, &sessions[count++]);
    st = rows.status;
    for (size_t i = 0; i < count && !failed(st); i++)
        st = follow_session(tx, follow, key, &sessions[i]);
    if (failed(st)) return st;

    const struct account_news *news = follow->news;
    const struct device account = {key, 0, follow->ttl_s};
    return leave_account_ending(tx, &account,
                                news->gone ? now_s() : news->password_changed_us / US_PER_S);
}

static struct status follow_account(struct call *call, struct auth_store *store,
                                    const struct account_news *news)
{
    struct follow job = {news, store->access_ttl_s};

    return sqlite_write(call, db_of(store), follow_job, &job);
}

static struct status find_endings(struct call *call, struct auth_store *store, int64_t after,
                                  int64_t at_s, size_t max, struct ending **ret_endings,
                                  size_t *ret_count, int64_t *ret_last)
{
    struct ending *endings = arena_array(call->arena, struct ending, max);
    struct sqlite_rows rows;
    size_t count = 0;
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
    while (sqlite_next(&rows))
        endings[count++] = (struct ending){
            sqlite_column_i64(&rows, 0), sqlite_column_text(&rows, 1), sqlite_column_i64(&rows, 2),
            sqlite_column_i64(&rows, 3)};
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
