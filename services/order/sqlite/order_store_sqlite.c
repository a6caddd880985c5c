/* SPDX-License-Identifier: Apache-2.0 */
/* The order service's port on SQLite. The parts of an order that never change (lines, address,
 * note) are one document in its row, so creating an order takes four small statements and changing
 * its state four: the row, its sellers, its history, and the outbox. Orders are indexed by id, by
 * state and customer, by seller and state, by the state of the cart unless they have failed; those
 * with a deadline by it, and unpaid ones by client. A change that leaves state and deadline alone
 * writes no index, and most others only the two with the state and that of deadlines.
 *
 * The queries of lists and of the sweep are in order_list_sqlite.c. */
#include "services/order/sqlite/order_store_sqlite.h"

#include "base/clock.h"
#include "events/events_sqlite.h"
#include "reasons.pb-c.h"
#include "services/order/order_message.h"

static const char *const migrations[] = {
    "CREATE TABLE orders ("
    "  number INTEGER PRIMARY KEY,"
    "  order_id TEXT NOT NULL UNIQUE,"
    "  user_id TEXT NOT NULL COLLATE NOCASE,"
    "  state INTEGER NOT NULL,"
    "  steps INTEGER NOT NULL,"
    "  total_minor INTEGER NOT NULL,"
    "  currency TEXT NOT NULL,"
    "  from_cart INTEGER NOT NULL,"
    "  payment_method TEXT NOT NULL,"
    "  payment_id TEXT NOT NULL,"
    "  reason TEXT NOT NULL,"
    "  message TEXT NOT NULL,"
    "  tracking_number TEXT NOT NULL,"
    "  created_us INTEGER NOT NULL,"
    "  updated_us INTEGER NOT NULL,"
    "  deadline_us INTEGER NOT NULL,"
    "  document BLOB NOT NULL) STRICT;"
    "CREATE INDEX orders_by_user ON orders (user_id);"
    "CREATE INDEX orders_open ON orders (state, deadline_us) WHERE state < 4;"
    "CREATE TABLE order_sellers ("
    "  seller TEXT NOT NULL COLLATE NOCASE,"
    "  number INTEGER NOT NULL,"
    "  PRIMARY KEY (seller, number)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE order_history ("
    "  number INTEGER NOT NULL,"
    "  step INTEGER NOT NULL,"
    "  from_state INTEGER NOT NULL,"
    "  to_state INTEGER NOT NULL,"
    "  event INTEGER NOT NULL,"
    "  cause TEXT NOT NULL,"
    "  message TEXT NOT NULL,"
    "  at_us INTEGER NOT NULL,"
    "  PRIMARY KEY (number, step)) STRICT, WITHOUT ROWID;",
    EVENTS_SQLITE_SCHEMA,

    /* The state of the cart (unless the order has failed), the client and sums of unpaid orders,
     * and
       lists by state, for which order_sellers has the state too. */
    "ALTER TABLE orders ADD COLUMN cart_state TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE orders ADD COLUMN client TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE orders ADD COLUMN line_count INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE orders ADD COLUMN piece_count INTEGER NOT NULL DEFAULT 0;"
    "CREATE UNIQUE INDEX orders_of_cart ON orders (user_id, cart_state)"
    "  WHERE cart_state <> '' AND state NOT IN (5, 6);"
    "CREATE INDEX orders_unpaid ON orders (client) WHERE client <> '' AND state < 3;"
    "DROP INDEX orders_by_user;"
    "CREATE INDEX orders_by_user ON orders (user_id, state);"
    "ALTER TABLE order_sellers RENAME TO order_sellers_before;"
    "CREATE TABLE order_sellers ("
    "  seller TEXT NOT NULL COLLATE NOCASE,"
    "  state INTEGER NOT NULL,"
    "  number INTEGER NOT NULL,"
    "  PRIMARY KEY (seller, state, number)) STRICT, WITHOUT ROWID;"
    "INSERT INTO order_sellers SELECT s.seller, o.state, s.number"
    "  FROM order_sellers_before s CROSS JOIN orders o ON o.number = s.number;"
    "DROP TABLE order_sellers_before;",
    /* Orders that were confirmed (state 3) before facts were stored have their stock committed. */
    "ALTER TABLE orders ADD COLUMN facts INTEGER NOT NULL DEFAULT 0;"
    "UPDATE orders SET facts = 1 WHERE state = 3;",
    EVENTS_SQLITE_KEYS_COUNTED,
    /* What is looked up for each order is compared as bytes: carts by their state first, sellers
     * in lower case. The indexes of carts and clients no longer depend on the order's state, so
     * that most changes of it leave them alone. */
    "DROP INDEX orders_of_cart;"
    "UPDATE orders SET cart_state = '' WHERE state IN (5, 6);"
    "CREATE UNIQUE INDEX orders_of_cart ON orders (cart_state, user_id) WHERE cart_state <> '';"
    "DROP INDEX orders_unpaid;"
    "UPDATE orders SET client = '' WHERE state >= 3;"
    "CREATE INDEX orders_unpaid ON orders (client) WHERE client <> '';"
    "ALTER TABLE order_sellers RENAME TO order_sellers_before;"
    "CREATE TABLE order_sellers ("
    "  seller TEXT NOT NULL,"
    "  state INTEGER NOT NULL,"
    "  number INTEGER NOT NULL,"
    "  PRIMARY KEY (seller, state, number)) STRICT, WITHOUT ROWID;"
    "INSERT INTO order_sellers SELECT lower(seller), state, number FROM order_sellers_before;"
    "DROP TABLE order_sellers_before;",
    /* By state first: there are few orders that are neither paid nor over, so those that change
       together are in the same few pages of the index until then, whoever their customers are. An
       order has a deadline only while it waits for one. */
    "DROP INDEX orders_by_user;"
    "CREATE INDEX orders_by_user ON orders (state, user_id);"
    "DROP INDEX orders_open;"
    "CREATE INDEX orders_due ON orders (deadline_us) WHERE deadline_us > 0;",
    0,
};

/* ---- reading ---- */

struct status order_row_read(const struct sqlite_rows *rows, struct order *ret_order)
{
    struct order order = {
        .number = sqlite_column_i64(rows, 0),
        .order_id = sqlite_column_text(rows, 1),
        .user_id = sqlite_column_text(rows, 2),
        .state = (enum order_state)sqlite_column_i64(rows, 3),
        .steps = (int)sqlite_column_i64(rows, 4),
        .total_minor = sqlite_column_i64(rows, 5),
        .currency = sqlite_column_text(rows, 6),
        .from_cart = sqlite_column_i64(rows, 7) != 0,
        .payment_method = sqlite_column_text(rows, 8),
        .payment_id = sqlite_column_text(rows, 9),
        .reason = sqlite_column_text(rows, 10),
        .message = sqlite_column_text(rows, 11),
        .tracking_number = sqlite_column_text(rows, 12),
        .created_us = sqlite_column_i64(rows, 13),
        .updated_us = sqlite_column_i64(rows, 14),
        .deadline_us = sqlite_column_i64(rows, 15),
        .cart_state = sqlite_column_text(rows, 17),
        .client = sqlite_column_text(rows, 18),
        .facts = (unsigned)sqlite_column_i64(rows, 19),
    };
    struct status st;

    if (order.state <= ORDER_NONE || order.state > ORDER_REFUNDED)
        return status_printf(rows->arena, STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED,
                             "the stored order %s has the state %d", order.order_id,
                             (int)order.state);
    st = order_document_read(rows->arena, sqlite_column_view(rows, 16), &order);
    if (failed(st)) return st;
    *ret_order = order;
    return status_ok();
}

#define FIND "SELECT " ORDER_COLUMNS " FROM orders o WHERE o.order_id = ?"

static struct status read_found(struct sqlite_rows *rows, struct order *ret_order)
{
    if (!sqlite_next(rows)) return failed(rows->status) ? rows->status : order_not_found();
    struct status st = order_row_read(rows, ret_order);
    sqlite_end(rows);
    return st;
}

static struct status find(struct call *call, struct order_store *port, const char *order_id,
                          struct order *ret_order)
{
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_read(call, order_sqlite(port)->db, &rows, FIND, "t", order_id);
    if (failed(st)) return st;
    return read_found(&rows, ret_order);
}

#define FIND_OF_CART                                                                  \
    "SELECT " ORDER_COLUMNS " FROM orders o WHERE o.user_id = ? AND o.cart_state = ?" \
    " AND o.cart_state <> ''"

static struct status find_of_cart(struct call *call, struct order_store *port, const char *user_id,
                                  const char *cart_state, struct order *ret_order)
{
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_read(call, order_sqlite(port)->db, &rows, FIND_OF_CART, "tt", user_id, cart_state);
    if (failed(st)) return st;
    return read_found(&rows, ret_order);
}

#define HISTORY                                                                    \
    "SELECT from_state, to_state, event, cause, message, at_us FROM order_history" \
    " WHERE number = ? ORDER BY step"

static struct status read_history(struct sqlite_rows *rows, const struct order *order,
                                  struct order_transition **ret_history, size_t *ret_count)
{
    size_t steps = (size_t)order->steps, count = 0;
    struct order_transition *entries = arena_array(rows->arena, struct order_transition, steps);

    while (count < steps && sqlite_next(rows)) {
        entries[count++] = (struct order_transition){
            .from = (enum order_state)sqlite_column_i64(rows, 0),
            .to = (enum order_state)sqlite_column_i64(rows, 1),
            .event = (enum order_event)sqlite_column_i64(rows, 2),
            .cause = sqlite_column_text(rows, 3),
            .message = sqlite_column_text(rows, 4),
            .at_us = sqlite_column_i64(rows, 5),
        };
    }
    sqlite_end(rows);
    if (failed(rows->status)) return rows->status;
    *ret_history = entries;
    *ret_count = count;
    return status_ok();
}

static struct status history(struct call *call, struct order_store *port, const struct order *order,
                             struct order_transition **ret_history, size_t *ret_count)
{
    struct sqlite_rows rows;
    struct status st = sqlite_read(call, order_sqlite(port)->db, &rows, HISTORY, "l",
                                   order->number);

    if (failed(st)) return st;
    return read_history(&rows, order, ret_history, ret_count);
}

/* ---- what every change writes in addition to the row ---- */

static struct status write_history(struct sqlite_tx *tx, const struct order_written *written)
{
    int step = order_first_step(written);
    struct status st = status_ok();

    for (int i = 0; i < written->turn.move_count && !failed(st); i++) {
        const struct order_transition *made = &written->turn.moves[i].transition;
        st = sqlite_exec(tx, 0,
                         "INSERT INTO order_history (number, step, from_state, to_state, event,"
                         " cause, message, at_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                         "liiiittl", written->order.number, step + i, (int)made->from,
                         (int)made->to, (int)made->event, made->cause, made->message, made->at_us);
    }
    return st;
}

/* ---- creating ---- */

struct creation_job {
    const struct order_creation *creation;
    struct order_written written;
};

static struct status insert_order(const struct call *call, struct sqlite_tx *tx,
                                  const struct order *order)
{
    return sqlite_exec(
        tx, 0,
        "INSERT INTO orders (order_id, user_id, state, steps, total_minor, currency, from_cart,"
        " payment_method, payment_id, reason, message, tracking_number, created_us, updated_us,"
        " deadline_us, document, cart_state, client, line_count, piece_count, number)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "ttiiltitttttlllbttlll", order->order_id, order->user_id, (int)order->state, order->steps,
        order->total_minor, order->currency, order->from_cart ? 1 : 0, order->payment_method,
        order->payment_id, order->reason, order->message, order->tracking_number, order->created_us,
        order->updated_us, order->deadline_us, order_document(call->arena, order),
        order->cart_state, order->client, (int64_t)order->line_count, order_pieces(order),
        order->number);
}

static struct status insert_sellers(const struct call *call, struct sqlite_tx *tx,
                                    const struct order *order)
{
    size_t count;
    const char **sellers = order_sellers(call->arena, order, &count);

    for (size_t i = 0; i < count; i++) {
        struct status st = sqlite_exec(tx, 0,
                                       "INSERT INTO order_sellers (seller, state, number)"
                                       " VALUES (lower(?), ?, ?)",
                                       "til", sellers[i], (int)order->state, order->number);
        if (failed(st)) return st;
    }
    return status_ok();
}

static struct status read_earlier(const struct call *call, struct sqlite_tx *tx,
                                  const struct order *order, struct order_creation_found *found)
{
    struct order *earlier = arena_new(call->arena, struct order);
    struct sqlite_rows rows;
    struct status st;

    if (!order->cart_state[0]) return status_ok();
    st = sqlite_query(tx, &rows, FIND_OF_CART, "tt", order->user_id, order->cart_state);
    if (failed(st)) return st;
    st = read_found(&rows, earlier);
    if (st.code == STATUS_NOT_FOUND) return status_ok();
    if (!failed(st)) found->earlier = earlier;
    return st;
}

#define HELD(orders)                                                            \
    "SELECT count(*), ifnull(sum(line_count), 0), ifnull(sum(piece_count), 0)," \
    " ifnull(min(deadline_us), 0) FROM (" orders ")"
#define HELD_WHERE(condition) \
    "SELECT line_count, piece_count, deadline_us FROM orders WHERE " condition

static const char held_by_customer[] = HELD(HELD_WHERE(
    "user_id = ?1 AND state = 1") " UNION ALL " HELD_WHERE("user_id = ?1 AND state = 2"));
static const char held_by_client[] = HELD(HELD_WHERE("client = ?1 AND client <> ''"));

static struct status read_held(struct sqlite_tx *tx, const char *query, const char *who,
                               struct order_held *ret_held)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, query, "t", who);

    if (failed(st)) return st;
    if (sqlite_next(&rows))
        *ret_held = (struct order_held){sqlite_column_i64(&rows, 0), sqlite_column_i64(&rows, 1),
                                        sqlite_column_i64(&rows, 2), sqlite_column_i64(&rows, 3)};
    sqlite_end(&rows);
    return rows.status;
}

/* The number that SQLite would give to the next row. */
static struct status read_number(struct sqlite_tx *tx, int64_t *ret_number)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, "SELECT ifnull(max(number), 0) + 1 FROM orders", "");

    if (failed(st)) return st;
    if (sqlite_next(&rows)) *ret_number = sqlite_column_i64(&rows, 0);
    sqlite_end(&rows);
    return rows.status;
}

static struct status read_for_creation(const struct call *call, struct sqlite_tx *tx,
                                       const struct order_creation *creation,
                                       struct order_creation_found *found)
{
    const struct order *order = creation->order;
    struct status st;

    st = read_earlier(call, tx, order, found);
    if (failed(st) || found->earlier) return st;
    st = read_number(tx, &found->number);
    if (failed(st) || !creation->bounds) return st;
    st = read_held(tx, held_by_customer, order->user_id, &found->of_customer);
    if (failed(st) || !order->client[0]) return st;
    return read_held(tx, held_by_client, order->client, &found->of_client);
}

static struct status create_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct creation_job *job = data;
    struct order_written *written = &job->written;
    struct order_creation_found found = {0};
    struct status st;
    bool fresh;

    *written = (struct order_written){0};
    st = change_sqlite_begin(tx, &job->creation->cause, &fresh);
    if (failed(st) || !fresh) return st;
    st = read_for_creation(call, tx, job->creation, &found);
    if (failed(st)) return st;
    st = order_decide_creation(call, job->creation, &found, written);
    if (failed(st)) return st;

    if (!written->is_earlier) st = insert_order(call, tx, &written->order);
    if (!failed(st) && !written->is_earlier) st = insert_sellers(call, tx, &written->order);
    if (!failed(st)) st = write_history(tx, written);
    if (failed(st)) return st;
    return change_sqlite_end(tx, &job->creation->cause, &written->record);
}

static struct status create(struct call *call, struct order_store *port,
                            const struct order_creation *creation,
                            struct order_written *ret_written)
{
    struct creation_job *job = arena_new(call->arena, struct creation_job);
    struct status st;

    job->creation = creation;
    st = sqlite_write(call, order_sqlite(port)->db, create_job, job);
    if (failed(st)) return st;
    *ret_written = job->written;
    return status_ok();
}

/* ---- changing ---- */

struct change_job {
    const struct order_change *change;
    struct order_written written;
};

static struct status save_sellers(const struct call *call, struct sqlite_tx *tx,
                                  const struct order *order, enum order_state before)
{
    size_t count;
    const char **sellers = order_sellers(call->arena, order, &count);

    for (size_t i = 0; i < count; i++) {
        struct status st = sqlite_exec(tx, 0,
                                       "UPDATE order_sellers SET state = ?"
                                       " WHERE seller = lower(?) AND state = ? AND number = ?",
                                       "itil", (int)order->state, sellers[i], (int)before,
                                       order->number);
        if (failed(st)) return st;
    }
    return status_ok();
}

/* What is indexed stays as it is, so that no index is written. */
static struct status save_unmoved(struct sqlite_tx *tx, const struct order *order)
{
    return sqlite_exec(tx, 0,
                       "UPDATE orders SET facts = ?, steps = ?, payment_id = ?, reason = ?,"
                       " message = ?, tracking_number = ?, updated_us = ? WHERE number = ?",
                       "iittttll", (int)order->facts, order->steps, order->payment_id,
                       order->reason, order->message, order->tracking_number, order->updated_us,
                       order->number);
}

/* Of an order that is paid or has ended, the client's network address no longer counts; of one that
 * has failed, the cart may be ordered again. */
static struct status release(struct sqlite_tx *tx, const struct order *order)
{
    bool has_failed = order->state == ORDER_REJECTED || order->state == ORDER_CANCELLED;

    if (order->state < ORDER_CONFIRMED) return status_ok();
    if (!order->client[0] && !(has_failed && order->cart_state[0])) return status_ok();
    return sqlite_exec(tx, 0,
                       "UPDATE orders SET client = '', cart_state = iif(?, '', cart_state)"
                       " WHERE number = ?",
                       "il", (int)has_failed, order->number);
}

static struct status save_order(const struct call *call, struct sqlite_tx *tx,
                                const struct order *order, const struct order *before)
{
    struct status st;

    if (order->state == before->state && order->deadline_us == before->deadline_us)
        return save_unmoved(tx, order);
    st = sqlite_exec(
        tx, 0,
        "UPDATE orders SET state = ?, facts = ?, steps = ?, payment_id = ?, reason = ?,"
        " message = ?, tracking_number = ?, updated_us = ?, deadline_us = ? WHERE number = ?",
        "iiittttlll", (int)order->state, (int)order->facts, order->steps, order->payment_id,
        order->reason, order->message, order->tracking_number, order->updated_us,
        order->deadline_us, order->number);
    if (!failed(st)) st = release(tx, order);
    if (failed(st) || order->state == before->state) return st;
    return save_sellers(call, tx, order, before->state);
}

/* Reads an order, and *ret_history if the change has an answer. */
static struct status read_for_change(const struct call *call, struct sqlite_tx *tx,
                                     const struct order_change *change, struct order *order,
                                     struct order_transition **ret_history)
{
    struct sqlite_rows rows;
    struct status st;
    size_t count;

    st = sqlite_query(tx, &rows, FIND, "t", change->order_id);
    if (failed(st)) return st;
    st = read_found(&rows, order);
    if (failed(st) || !change->answer) return st;
    st = sqlite_query(tx, &rows, HISTORY, "l", order->number);
    if (failed(st)) return st;
    st = read_history(&rows, order, ret_history, &count);
    if (failed(st) || count == (size_t)order->steps) return st;
    return status_printf(call->arena, STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED,
                         "the order %s has %d steps and %zu entries in its history",
                         order->order_id, order->steps, count);
}

static struct status update_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct change_job *job = data;
    const struct order_change *change = job->change;
    struct order_written *written = &job->written;
    struct order_transition *history = 0;
    struct order order;
    struct status st;
    bool fresh;

    *written = (struct order_written){0};
    st = change_sqlite_begin(tx, &change->cause, &fresh);
    if (failed(st) || !fresh) return st;
    st = read_for_change(call, tx, change, &order, &history);
    if (failed(st)) return st;
    st = order_decide_change(call, change, &order, history, written);
    if (failed(st)) return st;

    if (written->turn.changed) st = save_order(call, tx, &written->order, &order);
    if (!failed(st)) st = write_history(tx, written);
    if (failed(st)) return st;
    return change_sqlite_end(tx, &change->cause, &written->record);
}

static struct status update(struct call *call, struct order_store *port,
                            const struct order_change *change, struct order_written *ret_written)
{
    struct change_job *job = arena_new(call->arena, struct change_job);
    struct status st;

    job->change = change;
    st = sqlite_write(call, order_sqlite(port)->db, update_job, job);
    if (failed(st)) return st;
    *ret_written = job->written;
    return status_ok();
}

static struct status replay(struct call *call, struct order_store *port,
                            struct change_request *request)
{
    return change_sqlite_find(call, order_sqlite(port)->db, request);
}

/* ---- opening ---- */

static void close_store(struct order_store *port)
{
    sqlite_close(order_sqlite(port)->db);
}

struct status order_store_sqlite(const struct service_context *context, const char *path,
                                 struct order_store **ret_store)
{
    struct order_store_sqlite *store = arena_new(context->arena, struct order_store_sqlite);

    struct status st = events_sqlite_open(context, path, migrations, &store->db);
    if (failed(st)) return st;
    store->port = (struct order_store){
        .create = create,
        .update = update,
        .replay = replay,
        .find = find,
        .find_of_cart = find_of_cart,
        .history = history,
        .list = order_sqlite_list,
        .due = order_sqlite_due,
        .count = order_sqlite_count,
        .states = order_sqlite_states,
        .briefs = order_sqlite_briefs,
        .events = events_store_sqlite(context->arena, store->db),
        .close = close_store,
    };
    *ret_store = &store->port;
    return status_ok();
}
