/* SPDX-License-Identifier: Apache-2.0 */
/* The user service's port on SQLite: one table of accounts, keyed by the address in lower case. */
#include "services/user/user_store.h"

#include <string.h>

#include "base/clock.h"
#include "events/events_sqlite.h"
#include "store/sqlite/sqlite.h"

static const char *const migrations[] = {
    "CREATE TABLE accounts ("
    "  key TEXT PRIMARY KEY,"
    "  email TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  phone TEXT NOT NULL,"
    "  address TEXT NOT NULL,"
    "  avatar_url TEXT NOT NULL,"
    "  role TEXT NOT NULL,"
    "  status TEXT NOT NULL,"
    "  password_hash TEXT NOT NULL,"
    "  deleted INTEGER NOT NULL,"
    "  created_us INTEGER NOT NULL,"
    "  updated_us INTEGER NOT NULL,"
    "  password_changed_us INTEGER NOT NULL"
    ") WITHOUT ROWID;"
    "CREATE INDEX accounts_by_role ON accounts (role, key);",
    EVENTS_SQLITE_SCHEMA,
    EVENTS_SQLITE_KEYS_COUNTED,
    0,
};

#define COLUMNS                                                                                   \
    "email, name, phone, address, avatar_url, role, status, password_hash, deleted, created_us, " \
    "updated_us, password_changed_us"

struct sqlite_user_store {
    struct user_store port;
    struct sqlite *db;
};

static struct sqlite *db_of(struct user_store *store)
{
    return ((struct sqlite_user_store *)store)->db;
}

static void read_account(const struct sqlite_rows *rows, struct account *ret_account)
{
    *ret_account = (struct account){
        .email = sqlite_column_text(rows, 0),
        .name = sqlite_column_text(rows, 1),
        .phone = sqlite_column_text(rows, 2),
        .address = sqlite_column_text(rows, 3),
        .avatar_url = sqlite_column_text(rows, 4),
        .role = sqlite_column_text(rows, 5),
        .status = sqlite_column_text(rows, 6),
        .password_hash = sqlite_column_text(rows, 7),
        .deleted = sqlite_column_i64(rows, 8) != 0,
        .created_us = sqlite_column_i64(rows, 9),
        .updated_us = sqlite_column_i64(rows, 10),
        .password_changed_us = sqlite_column_i64(rows, 11),
    };
}

/* Reads the only row of a query by key. */
static struct status read_one(const struct call *call, struct sqlite_rows *rows,
                              struct account **ret_account)
{
    struct account *account = arena_new(call->arena, struct account);

    if (!sqlite_next(rows)) {
        if (failed(rows->status)) return rows->status;
        return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__USER_NOT_FOUND,
                           "there is no account with this address; sign up first");
    }
    read_account(rows, account);
    sqlite_end(rows);
    *ret_account = account;
    return status_ok();
}

static struct status find(struct call *call, struct user_store *store, const char *email,
                          struct account **ret_account)
{
    struct sqlite_rows rows;

    struct status st = sqlite_read(call, db_of(store), &rows,
                                   "SELECT " COLUMNS " FROM accounts WHERE key = ?", "t",
                                   account_key(call->arena, email));
    if (failed(st)) return st;
    return read_one(call, &rows, ret_account);
}

static struct status insert_account(const struct call *call, struct sqlite_tx *tx,
                                    const struct account *a)
{
    struct status st = sqlite_exec(
        tx, 0,
        "INSERT INTO accounts (key, " COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "tttttttttilll", account_key(call->arena, a->email), a->email, a->name, a->phone,
        a->address, a->avatar_url, a->role, a->status, a->password_hash, (int)a->deleted,
        a->created_us, a->updated_us, a->password_changed_us);
    if (st.code != STATUS_ALREADY_EXISTS) return st;
    return status_make(STATUS_ALREADY_EXISTS, ARGOSY__REASON__USER_EXISTS,
                       "this address is taken; log in, or sign up with another");
}

static struct status insert_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct account_creation *creation = *(const struct account_creation **)data;
    struct status st;
    bool fresh;

    st = change_sqlite_begin(tx, &creation->cause, &fresh);
    if (failed(st) || !fresh) return st;
    st = insert_account(call, tx, creation->account);
    if (failed(st)) return st;
    return change_sqlite_end(tx, &creation->cause, &creation->record);
}

static struct status insert(struct call *call, struct user_store *store,
                            const struct account_creation *creation)
{
    return sqlite_write(call, db_of(store), insert_job, &creation);
}

static struct status replay(struct call *call, struct user_store *store,
                            struct change_request *request)
{
    return change_sqlite_find(call, db_of(store), request);
}

struct update {
    const char *key;
    const struct account_change *change;
    struct account_write write;
};

static struct status update_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct update *update = data;
    const struct account_change *change = update->change;
    const struct account *a = &update->write.account;
    struct sqlite_rows rows;
    struct account *found;
    struct status st;
    bool fresh;

    st = change_sqlite_begin(tx, &change->cause, &fresh);
    if (failed(st) || !fresh) return st;
    st = sqlite_query(tx, &rows, "SELECT " COLUMNS " FROM accounts WHERE key = ?", "t",
                      update->key);
    if (failed(st)) return st;
    st = read_one(call, &rows, &found);
    if (failed(st)) return st;
    update->write.account = *found;
    st = account_decide(call, change, &update->write);
    if (failed(st)) return st;
    st = sqlite_exec(
        tx, 0,
        "UPDATE accounts SET name = ?, phone = ?, address = ?, avatar_url = ?, role = ?, status = "
        "?, "
        "password_hash = ?, deleted = ?, updated_us = ?, password_changed_us = ? WHERE key = ?",
        "tttttttillt", a->name, a->phone, a->address, a->avatar_url, a->role, a->status,
        a->password_hash, (int)a->deleted, a->updated_us, a->password_changed_us, update->key);
    if (failed(st)) return st;
    return change_sqlite_end(tx, &change->cause, &update->write.record);
}

static struct status update(struct call *call, struct user_store *store, const char *email,
                            const struct account_change *change, struct account **ret_account)
{
    struct update *job = arena_new(call->arena, struct update);

    job->key = account_key(call->arena, email);
    job->change = change;
    struct status st = sqlite_write(call, db_of(store), update_job, job);
    if (failed(st)) return st;
    *ret_account = &job->write.account;
    return status_ok();
}

struct list {
    const char *after, *role;
    int limit;
    struct account *accounts;
    size_t count;
};

static struct status list_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct list *list = data;
    struct sqlite_rows rows;
    struct status st;

    if (list->role[0])
        st = sqlite_query(tx, &rows,
                          "SELECT " COLUMNS
                          " FROM accounts WHERE role = ? AND key > ? ORDER BY key LIMIT ?",
                          "tti", list->role, list->after, list->limit);
    else
        st = sqlite_query(tx, &rows,
                          "SELECT " COLUMNS " FROM accounts WHERE key > ? ORDER BY key LIMIT ?",
                          "ti", list->after, list->limit);
    if (failed(st)) return st;

    list->accounts = arena_array(call->arena, struct account, (size_t)list->limit);
    while (sqlite_next(&rows)) read_account(&rows, &list->accounts[list->count++]);
    return rows.status;
}

static struct status list(struct call *call, struct user_store *store, const char *after,
                          const char *role, int limit, struct account **ret_accounts,
                          size_t *ret_count)
{
    struct list job = {.after = after, .role = role, .limit = limit};

    struct status st = sqlite_scan(call, db_of(store), list_job, &job);
    if (failed(st)) return st;
    *ret_accounts = job.accounts;
    *ret_count = job.count;
    return status_ok();
}

static void close_store(struct user_store *store)
{
    sqlite_close(db_of(store));
}

struct status user_store_sqlite(const struct service_context *context, const char *path,
                                struct user_store **ret_store)
{
    struct sqlite_user_store *store = arena_new(context->arena, struct sqlite_user_store);

    struct status st = events_sqlite_open(context, path, migrations, &store->db);
    if (failed(st)) return st;
    store->port = (struct user_store){
        .find = find,
        .insert = insert,
        .replay = replay,
        .update = update,
        .list = list,
        .close = close_store,
        .events = events_store_sqlite(context->arena, store->db),
    };
    *ret_store = &store->port;
    return status_ok();
}
