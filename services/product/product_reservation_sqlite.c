/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations in SQLite. One job of the writer takes the event into the inbox, moves the stock of
 * all lines or of none, writes their entries of the ledger and puts the result into the outbox: a
 * crash leaves all of it or nothing.
 *
 * An event takes a few small statements, however many variants and orders there are: a line
 * accesses its own variant by its keys, and the index by expiry has the open reservations only. */
#include "events/events_sqlite.h"
#include "services/product/product_result.h"
#include "services/product/product_store_sqlite.h"

/* ---- an order's rows ---- */

static struct status read_state(struct sqlite_tx *tx, const char *order_id,
                                enum product_reservation_state *ret_state)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, "SELECT state FROM reservations WHERE order_id = ?",
                                    "t", order_id);

    if (failed(st)) return st;
    *ret_state = sqlite_next(&rows) ? (enum product_reservation_state)sqlite_column_i64(&rows, 0)
                                    : RESERVATION_NONE;
    sqlite_end(&rows);
    return rows.status;
}

static struct status write_state(struct sqlite_tx *tx, const struct product_order *order,
                                 enum product_reservation_state state)
{
    return sqlite_exec(tx, 0,
                       "INSERT INTO reservations VALUES (?1, ?2, ?3, ?4) ON CONFLICT (order_id)"
                       " DO UPDATE SET state = ?2, updated_us = ?4",
                       "till", order->order_id, (int)state, order->expires_us, order->now_us);
}

static struct status count_lines(struct sqlite_tx *tx, const char *order_id, size_t *ret_count)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(
        tx, &rows, "SELECT count(*) FROM reservation_lines WHERE order_id = ?", "t", order_id);

    if (failed(st)) return st;
    if (sqlite_next(&rows)) *ret_count = (size_t)sqlite_column_i64(&rows, 0);
    sqlite_end(&rows);
    return rows.status;
}

static struct status read_lines(struct arena *arena, struct sqlite_tx *tx, const char *order_id,
                                struct product_reservation_line **ret_lines, size_t *ret_count)
{
    struct product_reservation_line *lines;
    struct sqlite_rows rows;
    size_t max = 0, count = 0;
    struct status st;

    st = count_lines(tx, order_id, &max);
    if (failed(st)) return st;
    lines = arena_array(arena, struct product_reservation_line, max);
    st = sqlite_query(tx, &rows,
                      "SELECT product_id, variant_id, quantity, counted, epoch"
                      " FROM reservation_lines WHERE order_id = ?",
                      "t", order_id);
    if (failed(st)) return st;
    while (sqlite_next(&rows) && count < max)
        lines[count++] = (struct product_reservation_line){
            .product_id = sqlite_column_text(&rows, 0),
            .variant_id = sqlite_column_text(&rows, 1),
            .quantity = sqlite_column_i64(&rows, 2),
            .counted = sqlite_column_i64(&rows, 3) != 0,
            .epoch = sqlite_column_i64(&rows, 4),
        };
    sqlite_end(&rows);
    *ret_lines = lines;
    *ret_count = count;
    return rows.status;
}

/* Writes a line. One that is taken again after an expiry is counted as its variant is tracked
 * then. */
static struct status write_line(struct sqlite_tx *tx, const char *order_id,
                                const struct product_reservation_line *line)
{
    return sqlite_exec(tx, 0,
                       "INSERT INTO reservation_lines VALUES (?, ?, ?, ?, ?, ?)"
                       " ON CONFLICT (order_id, variant_id) DO UPDATE"
                       " SET counted = excluded.counted, epoch = excluded.epoch",
                       "tttlil", order_id, line->variant_id, line->product_id, line->quantity,
                       (int)line->counted, line->epoch);
}

/* ---- the stock of a line ---- */

static void read_stock(const struct sqlite_rows *rows, int column, struct product_stock *ret_stock)
{
    *ret_stock = (struct product_stock){
        .tracked = sqlite_column_i64(rows, column) != 0,
        .on_hand = sqlite_column_i64(rows, column + 1),
        .reserved = sqlite_column_i64(rows, column + 2),
        .received = sqlite_column_i64(rows, column + 3),
        .sold = sqlite_column_i64(rows, column + 4),
        .imported = sqlite_column_i64(rows, column + 5),
        .epoch = sqlite_column_i64(rows, column + 6),
    };
}

/* Reads the product and stock for a line, whatever its category, because the product may have moved
 * since it was ordered. */
static struct status read_claim(struct sqlite_tx *tx, const struct product_reservation_line *line,
                                struct product_claim *ret_claim)
{
    struct product_claim claim = {.line = *line, .name = ""};
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_query(tx, &rows,
                      "SELECT p.name, p.status, v.variant_id, v.tracked, v.on_hand, v.reserved,"
                      " v.received, v.sold, v.imported, v.epoch"
                      " FROM products p LEFT JOIN variants v ON v.product = p.key"
                      " AND (?2 = '' OR v.variant_id = ?2) WHERE p.product_id = ?1 LIMIT 2",
                      "tt", line->product_id, line->variant_id);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        claim.product_exists = true;
        claim.name = sqlite_column_text(&rows, 0);
        claim.status = (enum product_status)sqlite_column_i64(&rows, 1);
        if (sqlite_column_is_null(&rows, 2)) continue;
        claim.variant_count++;
        claim.line.variant_id = sqlite_column_text(&rows, 2);
        read_stock(&rows, 3, &claim.stock);
    }
    if (claim.variant_count > 1) claim.line.variant_id = line->variant_id;
    *ret_claim = claim;
    return rows.status;
}

static struct status write_stock(struct sqlite_tx *tx, const struct product_reservation_line *line,
                                 const struct product_stock *stock)
{
    return sqlite_exec(
        tx, 0,
        "UPDATE variants SET on_hand = ?, reserved = ?, received = ?, sold = ?"
        " WHERE product = (SELECT key FROM products WHERE product_id = ?) AND variant_id = ?",
        "lllltt", stock->on_hand, stock->reserved, stock->received, stock->sold, line->product_id,
        line->variant_id);
}

static struct status move_stock(struct arena *arena, struct sqlite_tx *tx,
                                const struct product_stock_move *move, struct product_claim *claim)
{
    struct product_stock_entry entry;
    struct status st;

    st = product_stock_move(arena, move, &claim->line, &claim->stock, &entry);
    if (failed(st) || !*entry.cause) return st;
    st = write_stock(tx, &claim->line, &claim->stock);
    if (failed(st)) return st;
    return product_stock_entry_write(tx, claim->line.product_id, &entry);
}

/* ---- an event ---- */

struct application {
    const struct event *event; /* NULL: an expiry, which no event causes */
    const struct product_order *order;
    enum product_reservation_state state; /* before it */
    struct product_reservation_outcome outcome;
};

/* Reads the lines to take: the event's, or those of the expired reservation. */
static struct status read_claims(struct arena *arena, struct sqlite_tx *tx,
                                 const struct application *application,
                                 struct product_claim **ret_claims, size_t *ret_count)
{
    const struct product_order *order = application->order;
    const struct product_reservation_line *lines = order->lines;
    size_t count = order->line_count;
    struct status st;

    if (application->state == RESERVATION_EXPIRED) {
        struct product_reservation_line *kept;
        size_t kept_count;
        st = read_lines(arena, tx, order->order_id, &kept, &kept_count);
        if (failed(st)) return st;
        if (kept_count > 0) {
            lines = kept;
            count = kept_count;
        }
    }
    *ret_claims = arena_array(arena, struct product_claim, count);
    *ret_count = count;
    for (size_t i = 0; i < count; i++) {
        st = read_claim(tx, &lines[i], &(*ret_claims)[i]);
        if (failed(st)) return st;
    }
    return status_ok();
}

/* Reserves or takes all lines, or refuses the order. */
static struct status take_lines(struct arena *arena, struct sqlite_tx *tx,
                                const struct product_stock_move *move,
                                struct application *application)
{
    struct product_reservation_outcome *outcome = &application->outcome;
    struct product_claim *claims;
    size_t count;
    struct status st;

    st = read_claims(arena, tx, application, &claims, &count);
    if (failed(st)) return st;
    product_claims_fold(claims, count);
    product_claims_check(arena, move->kind, claims, count, &outcome->refused,
                         &outcome->refused_count);
    for (size_t i = 0; i < count && outcome->refused_count == 0; i++) {
        if (claims[i].line.quantity == 0) continue;
        st = move_stock(arena, tx, move, &claims[i]);
        if (failed(st)) return st;
        st = write_line(tx, application->order->order_id, &claims[i].line);
        if (failed(st)) return st;
    }
    return status_ok();
}

/* Resolves the stored lines. A variant that was removed after its pieces were sold is skipped. */
static struct status resolve_lines(struct arena *arena, struct sqlite_tx *tx,
                                   const struct product_stock_move *move)
{
    struct product_reservation_line *lines;
    size_t count;
    struct status st;

    st = read_lines(arena, tx, move->order_id, &lines, &count);
    for (size_t i = 0; i < count && !failed(st); i++) {
        struct product_claim claim;
        if (!lines[i].counted) continue;
        st = read_claim(tx, &lines[i], &claim);
        if (!failed(st)) st = move_stock(arena, tx, move, &claim);
    }
    return st;
}

static struct status move_lines(struct arena *arena, struct sqlite_tx *tx,
                                const struct product_stock_move *move,
                                struct application *application)
{
    if (move->kind == STOCK_STAY) return status_ok();
    if (move->kind == STOCK_RESERVE || move->kind == STOCK_TAKE)
        return take_lines(arena, tx, move, application);
    return resolve_lines(arena, tx, move);
}

static struct status tell(const struct call *call, struct sqlite_tx *tx,
                          const struct product_reservation_outcome *outcome)
{
    struct event result;

    if (!product_result_is_due(outcome)) return status_ok();
    product_result_make(call, outcome, &result);
    return outbox_sqlite_put(tx, &result);
}

static struct status apply(const struct call *call, struct sqlite_tx *tx,
                           struct application *application)
{
    const struct product_order *order = application->order;
    struct product_reservation_outcome *outcome = &application->outcome;
    struct product_reservation_step step;
    struct status st;

    *outcome = (struct product_reservation_outcome){.order_id = order->order_id};
    st = read_state(tx, order->order_id, &application->state);
    if (failed(st)) return st;
    step = product_reservation_step(application->state, order->event);
    if (step.next == RESERVATION_NONE) return status_ok();

    struct product_stock_move move = {step.move, order->order_id, order->now_us};
    st = move_lines(call->arena, tx, &move, application);
    if (failed(st)) return st;
    outcome->state = outcome->refused_count > 0 ? step.otherwise : step.next;
    st = write_state(tx, order, outcome->state);
    if (failed(st)) return st;
    return tell(call, tx, outcome);
}

static struct status apply_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct application *application = data;
    bool fresh;

    application->outcome = (struct product_reservation_outcome){
        .order_id = application->order->order_id};
    struct status st = inbox_sqlite_take(tx, application->event, &fresh);

    if (failed(st) || !fresh) return st;
    return apply(call, tx, application);
}

struct status product_sqlite_apply_order(struct call *call, struct product_store *store,
                                         const struct event *event,
                                         const struct product_order *order,
                                         struct product_reservation_outcome *ret_outcome)
{
    struct application job = {.event = event, .order = order};
    struct status st = sqlite_write(call, product_sqlite(store)->db, apply_job, &job);

    if (!failed(st)) *ret_outcome = job.outcome;
    return st;
}

/* ---- what nobody has confirmed in time ---- */

struct expiry {
    int64_t now_us;
    int limit;
    int count;
};

static struct status read_due(const struct call *call, struct sqlite_tx *tx,
                              const struct expiry *expiry, const char **ret_order_ids,
                              int *ret_count)
{
    struct sqlite_rows rows;
    int count = 0;
    struct status st = sqlite_query(tx, &rows,
                                    "SELECT order_id FROM reservations WHERE state = 1"
                                    " AND expires_us <= ? ORDER BY expires_us LIMIT ?",
                                    "li", expiry->now_us, expiry->limit);

    if (failed(st)) return st;
    while (sqlite_next(&rows)) ret_order_ids[count++] = sqlite_column_text(&rows, 0);
    *ret_count = count;
    return rows.status;
}

static struct status expire_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct expiry *expiry = data;
    const char **order_ids = arena_array(call->arena, const char *, (size_t)expiry->limit);
    struct status st = read_due(call, tx, expiry, order_ids, &expiry->count);

    for (int i = 0; i < expiry->count && !failed(st); i++) {
        struct product_order order = {
            .event = RESERVATION_EXPIRE, .order_id = order_ids[i], .now_us = expiry->now_us};
        struct application application = {.order = &order};
        st = apply(call, tx, &application);
    }
    return st;
}

struct status product_sqlite_expire_orders(struct call *call, struct product_store *store,
                                           int64_t now_us, int limit, int *ret_count)
{
    struct expiry job = {.now_us = now_us, .limit = limit};
    struct status st = sqlite_write(call, product_sqlite(store)->db, expire_job, &job);

    if (!failed(st)) *ret_count = job.count;
    return st;
}

struct survey {
    int64_t count, first_us;
};

static struct status survey_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct survey *survey = data;
    struct sqlite_rows rows;
    struct status st = sqlite_query(
        tx, &rows,
        "SELECT count(*), coalesce(min(expires_us), 0) FROM reservations WHERE state = 1", "");

    if (failed(st)) return st;
    if (sqlite_next(&rows)) {
        survey->count = sqlite_column_i64(&rows, 0);
        survey->first_us = sqlite_column_i64(&rows, 1);
    }
    sqlite_end(&rows);
    return rows.status;
}

struct status product_sqlite_open_orders(struct call *call, struct product_store *store,
                                         int64_t *ret_count, int64_t *ret_first_us)
{
    struct survey job = {0};
    struct status st = sqlite_scan(call, product_sqlite(store)->db, survey_job, &job);

    if (failed(st)) return st;
    *ret_count = job.count;
    *ret_first_us = job.first_us;
    return st;
}
