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

/* The cart that a job reads, changes and saves. */
struct update {
    struct sqlite_cart_store *store;
    const char *key, *email;
    int64_t now_us;
    struct cart *cart;
};

static struct status read_for_update(const struct call *call, struct sqlite_tx *tx,
                                     struct update *update)
{
    struct sqlite_rows rows;
    struct status st;

    update->now_us = clock_now_us();
    st = sqlite_query(tx, &rows, SELECT, "tl", update->key, update->now_us);
    if (failed(st)) return st;
    return read_cart(call, &rows, update->email, update->now_us, update->cart);
}

static struct status save(const struct call *call, struct sqlite_tx *tx, struct update *update)
{
    int64_t expires_us = update->now_us + update->store->ttl_us;
    struct str document;
    struct status st;

    if (update->cart->changed) {
        update->cart->version++;
        update->cart->updated_us = update->now_us;
    }
    st = cart_encode(call->arena, update->cart, &document);
    if (failed(st)) return st;
    st = sqlite_exec(
        tx, 0,
        "INSERT INTO carts (key, version, document, expires_us, expires_day) VALUES (?, ?, ?, ?, "
        "?) "
        "ON CONFLICT (key) DO UPDATE SET version = excluded.version, document = excluded.document, "
        "expires_us = excluded.expires_us, expires_day = excluded.expires_day",
        "tlsll", update->key, update->cart->version, document, expires_us, expires_us / DAY_US);
    if (failed(st) || ++update->store->updates % SWEEP_EVERY != 0) return st;
    return sweep(tx, update->now_us);
}

struct change_job {
    struct update update;
    const struct cart_change *change;
};

static struct status apply_change(const struct call *call, struct sqlite_tx *tx,
                                  struct change_job *job)
{
    struct status st;

    st = read_for_update(call, tx, &job->update);
    if (failed(st)) return st;
    st = job->change->apply(call, job->update.cart, job->change->data);
    if (failed(st)) return st;
    if (job->update.cart->version == 0 && !job->update.cart->changed) return status_ok();
    return save(call, tx, &job->update);
}

static struct status change_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct change_job *job = data;
    struct cart_request *request = job->change->request;
    struct status st;

    if (!request || !idempotency_given(&request->idempotency)) return apply_change(call, tx, job);
    st = idempotency_sqlite_begin(tx, &request->idempotency, clock_now_us(), &request->replayed);
    if (failed(st) || request->replayed.data) return st;
    st = apply_change(call, tx, job);
    if (failed(st)) return st;
    return idempotency_sqlite_finish(tx, &request->idempotency,
                                     request->answer(call, job->update.cart));
}

static struct update update_of(const struct call *call, struct sqlite_cart_store *store,
                               const char *email)
{
    return (struct update){.store = store,
                           .key = key_of(call, email),
                           .email = email,
                           .cart = arena_new(call->arena, struct cart)};
}

static struct status update(struct call *call, struct cart_store *port, const char *email,
                            const struct cart_change *change, struct cart *ret_cart)
{
    struct sqlite_cart_store *store = (struct sqlite_cart_store *)port;
    struct change_job job = {update_of(call, store, email), change};

    struct status st = sqlite_write(call, store->db, change_job, &job);
    if (failed(st)) return st;
    *ret_cart = *job.update.cart;
    return status_ok();
}

static struct status replay(struct call *call, struct cart_store *port,
                            const struct idempotency *idempotency, struct str *ret_answer)
{
    return idempotency_sqlite_find(call, ((struct sqlite_cart_store *)port)->db, idempotency,
                                   clock_now_us(), ret_answer);
}

struct take_job {
    struct update update;
    const struct event *event;
    const struct cart_order *order;
};

static struct status take_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct take_job *job = data;
    struct status st;
    bool fresh;

    st = inbox_sqlite_take(tx, job->event, &fresh);
    if (failed(st) || !fresh) return st;
    st = read_for_update(call, tx, &job->update);
    if (failed(st)) return st;
    cart_take_ordered(job->update.cart, job->order->state, job->order->items, job->order->count);
    if (!job->update.cart->changed) return st;
    return save(call, tx, &job->update);
}

static struct status take_ordered(struct call *call, struct cart_store *port,
                                  const struct event *event, const struct cart_order *order)
{
    struct sqlite_cart_store *store = (struct sqlite_cart_store *)port;
    struct take_job job = {update_of(call, store, order->email), event, order};

    return sqlite_write(call, store->db, take_job, &job);
}

static void close_store(struct cart_store *port)
{
    sqlite_close(((struct sqlite_cart_store *)port)->db);
}

struct status cart_store_sqlite(const struct service_context *context, const char *path,
                                int64_t ttl_us, struct cart_store **ret_store)
{
    struct sqlite_cart_store *store = arena_new(context->arena, struct sqlite_cart_store);

    struct status st = sqlite_open(context->arena, context->shards, path, migrations, &store->db);
    if (failed(st)) return st;
    store->port = (struct cart_store){
        .load = load,
        .update = update,
        .replay = replay,
        .take_ordered = take_ordered,
        .close = close_store,
        .events = events_store_sqlite(context->arena, store->db),
    };
    store->ttl_us = ttl_us;
    *ret_store = &store->port;
    return status_ok();
}
