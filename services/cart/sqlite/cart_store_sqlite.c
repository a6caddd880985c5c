/* SPDX-License-Identifier: Apache-2.0 */
/* The cart service's port on SQLite. An update is one job of the writer, so no other change comes
 * between its reading and its saving, and jobs that wait together share a commit. */
#include "services/cart/cart_store.h"

#include "base/clock.h"
#include "events/events_sqlite.h"
#include "store/sqlite/sqlite.h"

/* The index is on the day of expiry rather than on its time: the day changes at most once a day, so
 * most changes of a cart write one page and not two. */
static const char *const migrations[] = {
    "CREATE TABLE carts ("
    "  key TEXT PRIMARY KEY,"
    "  version INTEGER NOT NULL,"
    "  document TEXT NOT NULL,"
    "  expires_us INTEGER NOT NULL,"
    "  expires_day INTEGER NOT NULL"
    ") WITHOUT ROWID;"
    "CREATE INDEX carts_by_expiry ON carts (expires_day);",
    EVENTS_SQLITE_SCHEMA,
    EVENTS_SQLITE_KEYS_COUNTED,
    0,
};

enum { SWEEP_EVERY = 256, SWEEP_MAX = 256 };
#define DAY_US (24 * 3600 * (int64_t)1000000)

struct sqlite_cart_store {
    struct cart_store port;
    struct sqlite *db;
    int64_t ttl_us;
    unsigned updates; /* since the start; only the writer uses it */
};

static const char *key_of(const struct call *call, const char *email)
{
    return arena_printf(call->arena, "cart:%s", str_lower(call->arena, str_of(email)));
}

#define SELECT "SELECT version, document FROM carts WHERE key = ? AND expires_us > ?"

static struct status read_cart(const struct call *call, struct sqlite_rows *rows, const char *email,
                               int64_t now_us, struct cart *ret_cart)
{
    if (!sqlite_next(rows)) {
        if (failed(rows->status)) return rows->status;
        cart_init(email, now_us, ret_cart);
        return status_ok();
    }
    struct status st = cart_decode(call->arena, sqlite_column_view(rows, 1), ret_cart);
    if (!failed(st)) ret_cart->version = sqlite_column_i64(rows, 0);
    sqlite_end(rows);
    return st;
}

static struct status load(struct call *call, struct cart_store *port, const char *email,
                          struct cart *ret_cart)
{
    struct sqlite_cart_store *store = (struct sqlite_cart_store *)port;
    int64_t now_us = clock_now_us();
    struct sqlite_rows rows;

    struct status st = sqlite_read(call, store->db, &rows, SELECT, "tl", key_of(call, email),
                                   now_us);
    if (failed(st)) return st;
    return read_cart(call, &rows, email, now_us, ret_cart);
}

/* Deletes a few of the carts whose day has passed; only a few, so that no caller waits long. */
static struct status sweep(struct sqlite_tx *tx, int64_t now_us)
{
    return sqlite_exec(
        tx, 0,
        "DELETE FROM carts WHERE key IN (SELECT key FROM carts WHERE expires_day < ? LIMIT ?)",
        "li", now_us / DAY_US, SWEEP_MAX);
}

static struct status save(const struct call *call, struct sqlite_tx *tx,
                          struct sqlite_cart_store *store, const char *key, const struct cart *cart,
                          int64_t now_us)
{
    int64_t expires_us = now_us + store->ttl_us;
    struct str document;
    struct status st;

    st = cart_encode(call->arena, cart, &document);
    if (failed(st)) return st;
    st = sqlite_exec(
        tx, 0,
        "INSERT INTO carts (key, version, document, expires_us, expires_day) VALUES (?, ?, ?, ?, "
        "?) "
        "ON CONFLICT (key) DO UPDATE SET version = excluded.version, document = excluded.document, "
        "expires_us = excluded.expires_us, expires_day = excluded.expires_day",
        "tlsll", key, cart->version, document, expires_us, expires_us / DAY_US);
    if (failed(st) || ++store->updates % SWEEP_EVERY != 0) return st;
    return sweep(tx, now_us);
}

struct update {
    struct sqlite_cart_store *store;
    const char *key, *email;
    const struct cart_change *change;
    struct cart_write write;
};

static struct status update_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct update *update = data;
    const struct cart_change *change = update->change;
    struct cart_write *write = &update->write;
    int64_t now_us = clock_now_us();
    struct sqlite_rows rows;
    struct status st;
    bool fresh;

    st = change_sqlite_begin(tx, &change->cause, &fresh);
    if (failed(st) || !fresh) return st;
    st = sqlite_query(tx, &rows, SELECT, "tl", update->key, now_us);
    if (failed(st)) return st;
    st = read_cart(call, &rows, update->email, now_us, &write->cart);
    if (failed(st)) return st;
    st = cart_decide(call, change, now_us, write);
    if (failed(st)) return st;
    if (write->keeps) st = save(call, tx, update->store, update->key, &write->cart, now_us);
    if (failed(st)) return st;
    return change_sqlite_end(tx, &change->cause, &write->record);
}

static struct status update(struct call *call, struct cart_store *port, const char *email,
                            const struct cart_change *change, struct cart *ret_cart)
{
    struct update *update = arena_new(call->arena, struct update);

    update->store = (struct sqlite_cart_store *)port;
    update->key = key_of(call, email);
    update->email = email;
    update->change = change;
    struct status st = sqlite_write(call, update->store->db, update_job, update);
    if (failed(st)) return st;
    *ret_cart = update->write.cart;
    return status_ok();
}

static struct status replay(struct call *call, struct cart_store *port,
                            struct change_request *request)
{
    return change_sqlite_find(call, ((struct sqlite_cart_store *)port)->db, request);
}

static void close_store(struct cart_store *port)
{
    sqlite_close(((struct sqlite_cart_store *)port)->db);
}

struct status cart_store_sqlite(const struct service_context *context, const char *path,
                                int64_t ttl_us, struct cart_store **ret_store)
{
    struct sqlite_cart_store *store = arena_new(context->arena, struct sqlite_cart_store);

    struct status st = events_sqlite_open(context, path, migrations, &store->db);
    if (failed(st)) return st;
    store->port = (struct cart_store){
        .load = load,
        .update = update,
        .replay = replay,
        .close = close_store,
        .events = events_store_sqlite(context->arena, store->db),
    };
    store->ttl_us = ttl_us;
    *ret_store = &store->port;
    return status_ok();
}
