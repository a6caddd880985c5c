/* SPDX-License-Identifier: Apache-2.0 */
/* Orders in the embedded store. What never changes of an order (lines, address, note) is one
 * document in its row, so that making one is four small statements and moving one four: the row,
 * its sellers, its history, and the outbox. Indexes are only where something is looked for: by id,
 * by customer and state, by seller and state, by the state of the cart, and the few open ones by
 * state and deadline, and by client while they are not paid.
 *
 * What lists and the sweep read is in order_list_sqlite.c. */
#include "services/order/order_store_sqlite.h"

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

    /* Which state of the cart it is, unless it failed; what it holds while it is not paid; and lists
       by state, for which order_sellers knows the state, too. */
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
    /* Orders that were confirmed before facts were kept (state 3) had their stock committed then. */
    "ALTER TABLE orders ADD COLUMN facts INTEGER NOT NULL DEFAULT 0;"
    "UPDATE orders SET facts = 1 WHERE state = 3;",
    0,
};

struct status order_not_found(void)
{
    return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__ORDER_NOT_FOUND,
                       "there is no such order; ListOrders has yours");
}

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
    " AND o.cart_state <> '' AND o.state NOT IN (5, 6)"

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

/* ---- what every change writes besides the row ---- */

/* The entry of the history that has this number, and the event that tells of it. */
static struct status write_move(const struct call *call, struct sqlite_tx *tx,
                                const struct order *order, const struct order_turn *turn, int step)
{
    const struct order_move *move = &turn->moves[step - 1 - (order->steps - turn->move_count)];
    const struct order_transition *made = &move->transition;
    const ProtobufCMessage *notice;
    struct event event;
    struct status st;

    st = sqlite_exec(tx, 0,
                     "INSERT INTO order_history (number, step, from_state, to_state, event, cause,"
                     " message, at_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                     "liiiittl", order->number, step, (int)made->from, (int)made->to,
                     (int)made->event, made->cause, made->message, made->at_us);
    if (failed(st)) return st;

    notice = order_notice(call->arena, order, turn, move->tells);
    if (!notice) return status_ok();
    event_make(call, ORDER_TOPIC, order->order_id, notice, &event);
    return outbox_sqlite_put(tx, &event);
}

/* The history and the outbox. */
static struct status write_turn(const struct call *call, struct sqlite_tx *tx,
                                const struct order *order, const struct order_turn *turn)
{
    struct status st = status_ok();

    for (int i = 0; i < turn->move_count && !failed(st); i++) {
        int step = order->steps - turn->move_count + i + 1;
        st = write_move(call, tx, order, turn, step);
    }
    return st;
}

/* *ret_replayed.data if the request was here before. */
static struct status begin_request(struct sqlite_tx *tx, const struct idempotency *idempotency,
                                   struct str *ret_replayed)
{
    *ret_replayed = (struct str){0};
    if (!idempotency || !idempotency_given(idempotency)) return status_ok();
    return idempotency_sqlite_begin(tx, idempotency, clock_now_us(), ret_replayed);
}

static struct status finish_request(const struct call *call, struct sqlite_tx *tx,
                                    const struct idempotency *idempotency, order_answer *answer,
                                    const struct order_written *written)
{
    if (!idempotency || !idempotency_given(idempotency)) return status_ok();
    return idempotency_sqlite_finish(tx, idempotency, answer(call->arena, written));
}

/* ---- making an order ---- */

struct creating {
    const struct order_creation *creation;
    struct order_written written;
};

static struct status insert_order(const struct call *call, struct sqlite_tx *tx,
                                  struct order *order)
{
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_query(
        tx, &rows,
        "INSERT INTO orders (order_id, user_id, state, steps, total_minor, currency, from_cart,"
        " payment_method, payment_id, reason, message, tracking_number, created_us, updated_us,"
        " deadline_us, document, cart_state, client, line_count, piece_count)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
        "ttiiltitttttlllbttll", order->order_id, order->user_id, (int)order->state, order->steps,
        order->total_minor, order->currency, order->from_cart ? 1 : 0, order->payment_method,
        order->payment_id, order->reason, order->message, order->tracking_number, order->created_us,
        order->updated_us, order->deadline_us, order_document(call->arena, order),
        order->cart_state, order->client, (int64_t)order->line_count, order_pieces(order));
    if (failed(st)) return st;
    if (sqlite_next(&rows)) order->number = sqlite_column_i64(&rows, 0);
    sqlite_end(&rows);
    return rows.status;
}

static struct status insert_sellers(const struct call *call, struct sqlite_tx *tx,
                                    const struct order *order)
{
    size_t count;
    const char **sellers = order_sellers(call->arena, order, &count);

    for (size_t i = 0; i < count; i++) {
        struct status st = sqlite_exec(tx, 0,
                                       "INSERT INTO order_sellers (seller, state, number)"
                                       " VALUES (?, ?, ?)",
                                       "til", sellers[i], (int)order->state, order->number);
        if (failed(st)) return st;
    }
    return status_ok();
}

/* The order that the state of the cart is already; ORDER_NOT_FOUND. */
static struct status find_earlier(const struct call *call, struct sqlite_tx *tx,
                                  const struct order *order, struct order *ret_earlier)
{
    struct sqlite_rows rows;
    struct status st;

    if (!order->cart_state[0]) return order_not_found();
    st = sqlite_query(tx, &rows, FIND_OF_CART, "tt", order->user_id, order->cart_state);
    if (failed(st)) return st;
    st = read_found(&rows, ret_earlier);
    if (failed(st) || order_is_alike(order, ret_earlier)) return st;
    return order_cart_is_ordered(call->arena, ret_earlier);
}

#define HELD                                                                    \
    "SELECT count(*), ifnull(sum(line_count), 0), ifnull(sum(piece_count), 0)," \
    " ifnull(min(deadline_us), 0) FROM orders WHERE "

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

static struct status check_held(const struct call *call, struct sqlite_tx *tx,
                                const struct order_creation *creation)
{
    const struct order *order = creation->order;
    struct order_held held = {0};
    struct status st;

    if (!creation->bounds) return status_ok();
    st = read_held(tx, HELD "user_id = ? AND state IN (1, 2)", order->user_id, &held);
    if (failed(st)) return st;
    st = order_check_held(call->arena, order, &held, &creation->bounds->of_customer, "you have");
    if (failed(st) || !order->client[0]) return st;
    st = read_held(tx, HELD "client = ? AND client <> '' AND state < 3", order->client, &held);
    if (failed(st)) return st;
    return order_check_held(call->arena, order, &held, &creation->bounds->of_client,
                            "your network address has");
}

static struct status make_order(const struct call *call, struct sqlite_tx *tx,
                                const struct order_creation *creation,
                                struct order_written *written)
{
    struct status st;

    st = check_held(call, tx, creation);
    if (failed(st)) return st;
    st = insert_order(call, tx, &written->order);
    if (failed(st)) return st;
    st = insert_sellers(call, tx, &written->order);
    if (failed(st)) return st;
    return write_turn(call, tx, &written->order, &written->turn);
}

static struct status create_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct creating *creating = data;
    const struct order_creation *creation = creating->creation;
    struct order_written *written = &creating->written;
    struct order earlier;
    struct status st;

    *written = (struct order_written){.order = *creation->order, .turn = *creation->turn};
    st = begin_request(tx, creation->idempotency, &written->replayed);
    if (failed(st) || written->replayed.data) return st;

    st = find_earlier(call, tx, creation->order, &earlier);
    if (!failed(st)) {
        written->order = earlier;
        written->turn = (struct order_turn){0};
        written->is_earlier = true;
    } else if (st.code == STATUS_NOT_FOUND && !creation->is_made) {
        st = make_order(call, tx, creation, written);
    } else if (st.code == STATUS_NOT_FOUND) {
        st = status_make(STATUS_ABORTED, ARGOSY__REASON__CART_CONTENDED,
                         "the order of this cart has ended just now; order again");
    }
    if (failed(st)) return st;
    return finish_request(call, tx, creation->idempotency, creation->answer, written);
}

static struct status create(struct call *call, struct order_store *port,
                            const struct order_creation *creation,
                            struct order_written *ret_written)
{
    struct creating *creating = arena_new(call->arena, struct creating);
    struct status st;

    creating->creation = creation;
    st = sqlite_write(call, order_sqlite(port)->db, create_job, creating);
    if (failed(st)) return st;
    if (creating->written.replayed.data) creating->written.turn = (struct order_turn){0};
    *ret_written = creating->written;
    return status_ok();
}

/* ---- changing one ---- */

struct changing {
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
                                       " WHERE seller = ? AND state = ? AND number = ?",
                                       "itil", (int)order->state, sellers[i], (int)before,
                                       order->number);
        if (failed(st)) return st;
    }
    return status_ok();
}

/* Whose network address asked for it is forgotten once it does not count any more. */
static struct status save_order(const struct call *call, struct sqlite_tx *tx,
                                const struct order *order, enum order_state before)
{
    struct status st = sqlite_exec(
        tx, 0,
        "UPDATE orders SET state = ?1, facts = ?, steps = ?, payment_id = ?, reason = ?,"
        " message = ?, tracking_number = ?, updated_us = ?, deadline_us = ?,"
        " client = iif(?1 < 3, client, '') WHERE number = ?",
        "iiittttlll", (int)order->state, (int)order->facts, order->steps, order->payment_id,
        order->reason, order->message, order->tracking_number, order->updated_us,
        order->deadline_us, order->number);

    if (failed(st) || order->state == before) return st;
    return save_sellers(call, tx, order, before);
}

static struct status apply_change(const struct call *call, struct sqlite_tx *tx,
                                  const struct order_change *change, struct order_written *written)
{
    struct order *order = &written->order;
    enum order_state before;
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_query(tx, &rows, FIND, "t", change->order_id);
    if (failed(st)) return st;
    st = read_found(&rows, order);
    if (failed(st)) return st;

    before = order->state;
    st = change->apply(call, order, change->data, &written->turn);
    if (failed(st) || !written->turn.changed) return st;

    st = save_order(call, tx, order, before);
    if (failed(st)) return st;
    return write_turn(call, tx, order, &written->turn);
}

static struct status add_history(struct sqlite_tx *tx, struct order_written *written)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, HISTORY, "l", written->order.number);

    if (failed(st)) return st;
    return read_history(&rows, &written->order, &written->history, &written->history_count);
}

static struct status update_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct changing *changing = data;
    const struct order_change *change = changing->change;
    struct order_written *written = &changing->written;
    bool fresh = true;
    struct status st;

    *written = (struct order_written){0};
    st = begin_request(tx, change->idempotency, &written->replayed);
    if (failed(st) || written->replayed.data) return st;
    if (change->event) st = inbox_sqlite_take(tx, change->event, &fresh);
    if (failed(st) || !fresh) return st;

    st = apply_change(call, tx, change, written);
    if (failed(st) || !change->answer) return st;
    st = add_history(tx, written);
    if (failed(st)) return st;
    return finish_request(call, tx, change->idempotency, change->answer, written);
}

static struct status update(struct call *call, struct order_store *port,
                            const struct order_change *change, struct order_written *ret_written)
{
    struct changing *changing = arena_new(call->arena, struct changing);
    struct status st;

    changing->change = change;
    st = sqlite_write(call, order_sqlite(port)->db, update_job, changing);
    if (failed(st)) return st;
    *ret_written = changing->written;
    return status_ok();
}

static struct status replay(struct call *call, struct order_store *port,
                            const struct idempotency *idempotency, struct str *ret_answer)
{
    return idempotency_sqlite_find(call, order_sqlite(port)->db, idempotency, clock_now_us(),
                                   ret_answer);
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

    struct status st = sqlite_open(context->arena, context->shards, path, migrations, &store->db);
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
        .events = events_store_sqlite(context->arena, store->db),
        .close = close_store,
    };
    *ret_store = &store->port;
    return status_ok();
}
