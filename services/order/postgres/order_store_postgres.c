/* SPDX-License-Identifier: Apache-2.0 */
/* The order service's port on PostgreSQL. The parts of an order that never change (lines, address,
 * note) are one document in its row, as in the SQLite adapter. E-mail addresses are compared by a key
 * column in lower case (ASCII), whatever the database's collation is.
 *
 * A change locks the order's row. A creation locks, by advisory locks that end with its transaction,
 * first its customer and then its network address: so limits of what they hold unpaid, and one order
 * for a state of a cart, hold among concurrent creations. Order numbers come from a sequence and may
 * have gaps.
 *
 * Single orders are read in order_read_postgres.c; lists, the sweep and audits in
 * order_list_postgres.c. */
#include "services/order/postgres/order_store_postgres.h"

#include "events/postgres/events_postgres.h"
#include "reasons.pb-c.h"
#include "services/order/order_message.h"

static const char *const migrations[] = {
    "CREATE SEQUENCE order_numbers;"
    "CREATE TABLE orders ("
    "  number int8 PRIMARY KEY,"
    "  order_id text NOT NULL UNIQUE,"
    "  user_id text NOT NULL,"
    "  user_key text NOT NULL,"
    "  state int4 NOT NULL,"
    "  facts int4 NOT NULL,"
    "  steps int4 NOT NULL,"
    "  total_minor int8 NOT NULL,"
    "  currency text NOT NULL,"
    "  from_cart bool NOT NULL,"
    "  payment_method text NOT NULL,"
    "  payment_id text NOT NULL,"
    "  reason text NOT NULL,"
    "  message text NOT NULL,"
    "  tracking_number text NOT NULL,"
    "  created_us int8 NOT NULL,"
    "  updated_us int8 NOT NULL,"
    "  deadline_us int8 NOT NULL,"
    "  document bytea NOT NULL,"
    "  cart_state text NOT NULL,"
    "  client text NOT NULL,"
    "  line_count int8 NOT NULL,"
    "  piece_count int8 NOT NULL);"
    "CREATE INDEX orders_by_user ON orders (user_key, state, number);"
    "CREATE UNIQUE INDEX orders_of_cart ON orders (user_key, cart_state)"
    "  WHERE cart_state <> '' AND state NOT IN (5, 6);"
    "CREATE INDEX orders_open ON orders (state, deadline_us) WHERE state < 4;"
    "CREATE INDEX orders_unpaid ON orders (client) WHERE client <> '' AND state < 3;"
    "CREATE TABLE order_sellers ("
    "  seller_key text NOT NULL,"
    "  state int4 NOT NULL,"
    "  number int8 NOT NULL,"
    "  PRIMARY KEY (seller_key, state, number));"
    "CREATE TABLE order_history ("
    "  number int8 NOT NULL,"
    "  step int4 NOT NULL,"
    "  from_state int4 NOT NULL,"
    "  to_state int4 NOT NULL,"
    "  event int4 NOT NULL,"
    "  cause text NOT NULL,"
    "  message text NOT NULL,"
    "  at_us int8 NOT NULL,"
    "  PRIMARY KEY (number, step));",
    EVENTS_POSTGRES_SCHEMA,
    NULL,
};

/* ---- creating ---- */

struct creation_job {
    const struct order_creation *creation;
    struct order_written written;
};

/* What is read for a new order. */
struct creation_reads {
    struct change_postgres change;
    struct postgres_rows earlier, number, of_customer, of_client;
};

static void lock(struct postgres_tx *tx, struct arena *arena, const char *kind, const char *who)
{
    postgres_exec(tx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", "t",
                  arena_printf(arena, "argosy order %s %s", kind, who));
}

#define HELD                                                                                    \
    "SELECT count(*), coalesce(sum(line_count), 0)::int8, coalesce(sum(piece_count), 0)::int8," \
    " coalesce(min(deadline_us), 0) FROM orders WHERE "

/* Queues the locks, then what is read under them. */
static void ask_for_creation(struct call *call, struct postgres_tx *tx,
                             const struct order_creation *creation, struct creation_reads *reads)
{
    const struct order *order = creation->order;
    const char *user_key = order_postgres_key(call->arena, order->user_id);

    change_postgres_begin(tx, &creation->cause, &reads->change);
    lock(tx, call->arena, "customer", user_key);
    if (creation->bounds && order->client[0]) lock(tx, call->arena, "client", order->client);
    postgres_query(tx, &reads->earlier, ORDER_POSTGRES_FIND_OF_CART, "tt", user_key,
                   order->cart_state);
    postgres_query(tx, &reads->number, "SELECT nextval('order_numbers')", "");
    if (!creation->bounds) return;
    postgres_query(tx, &reads->of_customer, HELD "user_key = $1 AND state IN (1, 2)", "t",
                   user_key);
    postgres_query(tx, &reads->of_client, HELD "client = $1 AND client <> '' AND state < 3", "t",
                   order->client);
}

static struct status read_held(struct call *call, struct postgres_rows *rows,
                               struct order_held *ret_held)
{
    if (postgres_next(call, rows))
        *ret_held = (struct order_held){postgres_column_i64(rows, 0), postgres_column_i64(rows, 1),
                                        postgres_column_i64(rows, 2), postgres_column_i64(rows, 3)};
    return rows->status;
}

static struct status read_for_creation(struct call *call, const struct order_creation *creation,
                                       struct creation_reads *reads,
                                       struct order_creation_found *found)
{
    struct order *earlier = arena_new(call->arena, struct order);
    struct status st = order_postgres_found(call, &reads->earlier, earlier);

    if (!failed(st)) found->earlier = earlier;
    if (st.code != STATUS_NOT_FOUND) return st;
    if (!postgres_next(call, &reads->number)) return reads->number.status;
    found->number = postgres_column_i64(&reads->number, 0);
    if (!creation->bounds) return status_ok();
    st = read_held(call, &reads->of_customer, &found->of_customer);
    return failed(st) ? st : read_held(call, &reads->of_client, &found->of_client);
}

static void write_history(struct postgres_tx *tx, const struct order_written *written)
{
    int step = order_first_step(written);

    for (int i = 0; i < written->turn.move_count; i++) {
        const struct order_transition *made = &written->turn.moves[i].transition;
        postgres_exec(tx,
                      "INSERT INTO order_history (number, step, from_state, to_state, event, cause,"
                      " message, at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                      "liiiittl", written->order.number, step + i, (int)made->from, (int)made->to,
                      (int)made->event, made->cause, made->message, made->at_us);
    }
}

static void insert_order(struct call *call, struct postgres_tx *tx, const struct order *order)
{
    size_t count;
    const char **sellers = order_sellers(call->arena, order, &count);

    postgres_exec(
        tx,
        "INSERT INTO orders (order_id, user_id, user_key, state, facts, steps, total_minor,"
        " currency, from_cart, payment_method, payment_id, reason, message, tracking_number,"
        " created_us, updated_us, deadline_us, document, cart_state, client, line_count,"
        " piece_count, number) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9 = 1, $10, $11, $12, $13,"
        " $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)",
        "tttiiiltitttttlllbttlll", order->order_id, order->user_id,
        order_postgres_key(call->arena, order->user_id), (int)order->state, (int)order->facts,
        order->steps, order->total_minor, order->currency, order->from_cart ? 1 : 0,
        order->payment_method, order->payment_id, order->reason, order->message,
        order->tracking_number, order->created_us, order->updated_us, order->deadline_us,
        order_document(call->arena, order), order->cart_state, order->client,
        (int64_t)order->line_count, order_pieces(order), order->number);
    for (size_t i = 0; i < count; i++)
        postgres_exec(
            tx, "INSERT INTO order_sellers (seller_key, state, number) VALUES ($1, $2, $3)", "til",
            order_postgres_key(call->arena, sellers[i]), (int)order->state, order->number);
}

static struct status create_job(struct call *call, struct postgres_tx *tx, void *data)
{
    struct creation_job *job = data;
    struct order_written *written = &job->written;
    struct order_creation_found found = {0};
    struct creation_reads reads;
    bool fresh;

    *written = (struct order_written){0};
    ask_for_creation(call, tx, job->creation, &reads);
    struct status st = change_postgres_fresh(call, &reads.change, &fresh);
    if (failed(st) || !fresh) return st;
    st = read_for_creation(call, job->creation, &reads, &found);
    if (!failed(st)) st = order_decide_creation(call, job->creation, &found, written);
    if (failed(st)) return st;

    if (!written->is_earlier) insert_order(call, tx, &written->order);
    write_history(tx, written);
    change_postgres_end(tx, &job->creation->cause, &written->record);
    return st;
}

static struct status create(struct call *call, struct order_store *port,
                            const struct order_creation *creation,
                            struct order_written *ret_written)
{
    struct creation_job *job = arena_new(call->arena, struct creation_job);

    job->creation = creation;
    struct status st = postgres_write(call, order_postgres(port)->db, create_job, job);
    if (!failed(st)) *ret_written = job->written;
    return st;
}

/* ---- changing ---- */

struct change_job {
    const struct order_change *change;
    struct order_written written;
};

/* Saves a changed order, without the client's network address once that no longer counts. */
static void save_order(struct call *call, struct postgres_tx *tx, const struct order *order,
                       enum order_state before)
{
    size_t count;
    const char **sellers = order_sellers(call->arena, order, &count);

    postgres_exec(
        tx,
        "UPDATE orders SET state = $1, facts = $2, steps = $3, payment_id = $4, reason = $5,"
        " message = $6, tracking_number = $7, updated_us = $8, deadline_us = $9,"
        " client = CASE WHEN $1 < 3 THEN client ELSE '' END WHERE number = $10",
        "iiittttlll", (int)order->state, (int)order->facts, order->steps, order->payment_id,
        order->reason, order->message, order->tracking_number, order->updated_us,
        order->deadline_us, order->number);
    for (size_t i = 0; i < count && order->state != before; i++)
        postgres_exec(tx,
                      "UPDATE order_sellers SET state = $1"
                      " WHERE seller_key = $2 AND state = $3 AND number = $4",
                      "itil", (int)order->state, order_postgres_key(call->arena, sellers[i]),
                      (int)before, order->number);
}

/* *ret_history, if the change has an answer. */
static struct status read_for_change(struct call *call, const struct order_change *change,
                                     struct postgres_rows *found, struct postgres_rows *steps,
                                     struct order *order, struct order_transition **ret_history)
{
    size_t count;
    struct status st = order_postgres_found(call, found, order);

    if (failed(st) || !change->answer) return st;
    st = order_postgres_steps(call, steps, order, ret_history, &count);
    if (failed(st) || count == (size_t)order->steps) return st;
    return status_printf(call->arena, STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED,
                         "the order %s has %d steps and %zu entries in its history",
                         order->order_id, order->steps, count);
}

static struct status update_job(struct call *call, struct postgres_tx *tx, void *data)
{
    struct change_job *job = data;
    const struct order_change *change = job->change;
    struct order_written *written = &job->written;
    struct order_transition *history = NULL;
    struct change_postgres begun;
    struct postgres_rows found, steps;
    struct order order;
    bool fresh;

    *written = (struct order_written){0};
    change_postgres_begin(tx, &change->cause, &begun);
    postgres_query(tx, &found, ORDER_POSTGRES_FIND " FOR UPDATE", "t", change->order_id);
    if (change->answer)
        postgres_query(tx, &steps,
                       ORDER_POSTGRES_STEPS
                       " FROM order_history WHERE number ="
                       " (SELECT number FROM orders WHERE order_id = $1) ORDER BY step",
                       "t", change->order_id);
    struct status st = change_postgres_fresh(call, &begun, &fresh);
    if (failed(st) || !fresh) return st;
    st = read_for_change(call, change, &found, &steps, &order, &history);
    if (!failed(st)) st = order_decide_change(call, change, &order, history, written);
    if (failed(st)) return st;

    if (written->turn.changed) save_order(call, tx, &written->order, written->before);
    write_history(tx, written);
    change_postgres_end(tx, &change->cause, &written->record);
    return st;
}

static struct status update(struct call *call, struct order_store *port,
                            const struct order_change *change, struct order_written *ret_written)
{
    struct change_job *job = arena_new(call->arena, struct change_job);

    job->change = change;
    struct status st = postgres_write(call, order_postgres(port)->db, update_job, job);
    if (!failed(st)) *ret_written = job->written;
    return st;
}

static struct status replay(struct call *call, struct order_store *port,
                            struct change_request *request)
{
    return change_postgres_find(call, order_postgres(port)->db, request);
}

/* ---- opening ---- */

static struct status open_store(struct call *call, struct order_store *port)
{
    const struct order_store_postgres *store = order_postgres(port);

    return events_postgres_open(call, store->db, migrations, store->prepares);
}

static struct status check_store(struct call *call, struct order_store *port,
                                 struct store_findings *findings)
{
    return postgres_check(call, order_postgres(port)->db, findings);
}

static void close_store(struct order_store *port)
{
    postgres_close(order_postgres(port)->db);
}

struct status order_store_postgres(const struct service_context *context, const char *url,
                                   struct order_store **ret_store)
{
    struct order_store_postgres *store = arena_new(context->arena, struct order_store_postgres);

    struct status st = postgres_new(context->arena, context->shards, url, "order", &store->db);
    if (failed(st)) return st;
    store->prepares = context->prepares;
    store->port = (struct order_store){
        .create = create,
        .update = update,
        .replay = replay,
        .find = order_postgres_find,
        .find_of_cart = order_postgres_find_of_cart,
        .history = order_postgres_history,
        .list = order_postgres_list,
        .due = order_postgres_due,
        .count = order_postgres_count,
        .states = order_postgres_states,
        .briefs = order_postgres_briefs,
        .events = events_store_postgres(context->arena, context->shards, store->db),
        .open = open_store,
        .check = check_store,
        .close = close_store,
    };
    *ret_store = &store->port;
    return st;
}
