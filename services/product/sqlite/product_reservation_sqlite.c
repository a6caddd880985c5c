/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations in SQLite. One job of the writer takes the event into the inbox, has the domain
 * decide (product_writes.h), and writes the stock of all lines or of none, their entries of the
 * ledger and the result in the outbox: a crash leaves all of it or nothing.
 *
 * An event takes a few small statements, however many variants and orders there are: a line
 * accesses its own variant by its keys, and the index by expiry has the open reservations only. */
#include "events/events_sqlite.h"
#include "services/product/sqlite/product_store_sqlite.h"

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

/* Room for another line. */
static struct product_reservation_line *grow(struct arena *arena,
                                             struct product_reservation_line *lines, size_t count)
{
    struct product_reservation_line *more;

    if (count & (count - 1)) return lines; /* it has room for the next power of two */
    more = arena_array(arena, struct product_reservation_line, count > 0 ? 2 * count : 1);
    if (count > 0) memcpy(more, lines, count * sizeof(*lines));
    return more;
}

static struct status read_lines(struct arena *arena, struct sqlite_tx *tx, const char *order_id,
                                struct product_reservation_line **ret_lines, size_t *ret_count)
{
    struct product_reservation_line *lines = 0;
    struct sqlite_rows rows;
    size_t count = 0;
    struct status st;

    st = sqlite_query(tx, &rows,
                      "SELECT product_id, variant_id, quantity, counted, epoch"
                      " FROM reservation_lines WHERE order_id = ?",
                      "t", order_id);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        lines = grow(arena, lines, count);
        lines[count++] = (struct product_reservation_line){
            .product_id = sqlite_column_text(&rows, 0),
            .category = "",
            .variant_id = sqlite_column_text(&rows, 1),
            .quantity = sqlite_column_i64(&rows, 2),
            .counted = sqlite_column_i64(&rows, 3) != 0,
            .epoch = sqlite_column_i64(&rows, 4),
        };
    }
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

/* ---- an event ---- */

/* Reads the claims of the lines that the event moves. */
static struct status read_claims(struct arena *arena, struct sqlite_tx *tx,
                                 const struct product_order *order,
                                 struct product_order_found *found)
{
    struct product_reservation_line *lines, *kept = NULL;
    size_t kept_count = 0;
    struct status st = status_ok();

    if (found->state != RESERVATION_NONE)
        st = read_lines(arena, tx, order->order_id, &kept, &kept_count);
    if (failed(st)) return st;
    product_order_lines(arena, order, found->state, kept, kept_count, &lines, &found->count);
    struct product_claim *claims = arena_array(arena, struct product_claim, found->count);
    for (size_t i = 0; i < found->count && !failed(st); i++)
        st = read_claim(tx, &lines[i], &claims[i]);
    found->claims = claims;
    return st;
}

static struct status write_order(struct sqlite_tx *tx, const struct product_order *order,
                                 const struct product_order_written *written)
{
    struct status st = write_state(tx, order, written->outcome.state);

    for (size_t i = 0; i < written->line_count && !failed(st); i++) {
        const struct product_order_line *line = &written->lines[i];
        const struct product_claim *claim = line->claim;
        if (line->is_kept) st = write_line(tx, order->order_id, &claim->line);
        if (failed(st) || !*line->entry.cause) continue;
        st = write_stock(tx, &claim->line, &claim->stock);
        if (failed(st)) return st;
        st = product_stock_entry_write(tx, claim->line.product_id, &line->entry);
    }
    return st;
}

static struct status apply(const struct call *call, struct sqlite_tx *tx,
                           const struct product_order *order, struct product_order_written *written)
{
    struct product_order_found found = {0};
    struct status st = read_state(tx, order->order_id, &found.state);

    if (failed(st)) return st;
    if (product_reservation_step(found.state, order->event).next == RESERVATION_NONE)
        return status_ok();
    st = read_claims(call->arena, tx, order, &found);
    if (failed(st)) return st;
    st = product_decide_order(call, order, &found, written);
    if (failed(st)) return st;
    return write_order(tx, order, written);
}

struct application {
    const struct product_order *order;
    struct change_cause cause; /* empty: an expiry, which no event causes */
    struct product_order_written written;
};

static struct status apply_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct application *application = data;
    struct product_order_written *written = &application->written;
    struct status st;
    bool fresh;

    *written = (struct product_order_written){
        .outcome = {.order_id = application->order->order_id}};
    st = change_sqlite_begin(tx, &application->cause, &fresh);
    if (failed(st) || !fresh) return st;
    st = apply(call, tx, application->order, written);
    if (failed(st)) return st;
    return change_sqlite_end(tx, &application->cause, &written->record);
}

struct status product_sqlite_apply_order(struct call *call, struct product_store *store,
                                         const struct event *event,
                                         const struct product_order *order,
                                         struct product_reservation_outcome *ret_outcome)
{
    struct application job = {.order = order, .cause = {.event = event}};
    struct status st = sqlite_write(call, product_sqlite(store)->db, apply_job, &job);

    if (!failed(st)) *ret_outcome = job.written.outcome;
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
        st = apply_job(call, tx, &application);
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
