/* SPDX-License-Identifier: Apache-2.0 */
/* Checks the stock in SQLite, some products at a time, in the order of their ids. A variant's
 * figures depend on its own entries and reservations alone, so it is enough to read these at one
 * moment. Nothing is sorted, and only the sums of one product are in memory. */
#include "services/product/sqlite/product_store_sqlite.h"

enum {
    PRODUCTS_MAX = 256, /* products of a page */
    ROWS_MAX = 20000,   /* rows read, after which a page ends with the current product */
};

struct audit {
    const char *after;
    size_t max;
    struct product_audit_sheet sheet;
    size_t rows;
    struct product_audit result;
};

/* The next product that exists, or that the ledger or a reservation refers to. */
static const char next_product[] =
    "SELECT min(product_id) FROM"
    " (SELECT min(product_id) AS product_id FROM products WHERE product_id > ?1"
    "  UNION ALL SELECT min(product_id) FROM stock_entries WHERE product_id > ?1"
    "  UNION ALL SELECT min(product_id) FROM reservation_lines WHERE product_id > ?1)";

static const char numbers[] =
    "SELECT v.variant_id, v.on_hand, v.reserved, v.received, v.sold, v.epoch"
    " FROM products p CROSS JOIN variants v ON v.product = p.key WHERE p.product_id = ?";

static const char entries[] =
    "SELECT variant_id, on_hand_delta, reserved_delta FROM stock_entries WHERE product_id = ?";

/* enum product_reservation_state: 1 open, 2 committed. */
static const char orders[] =
    "SELECT l.variant_id, l.quantity, l.epoch, r.state FROM reservation_lines l"
    " CROSS JOIN reservations r ON r.order_id = l.order_id"
    " WHERE l.product_id = ? AND l.counted = 1 AND r.state IN (1, 2)";

static void add_numbers(const struct sqlite_rows *rows, struct audit *audit)
{
    const struct product_stock stock = {
        .on_hand = sqlite_column_i64(rows, 1),
        .reserved = sqlite_column_i64(rows, 2),
        .received = sqlite_column_i64(rows, 3),
        .sold = sqlite_column_i64(rows, 4),
        .epoch = sqlite_column_i64(rows, 5),
    };

    product_audit_add_stock(rows->arena, &audit->sheet, sqlite_column_view(rows, 0), &stock);
}

static void add_entry(const struct sqlite_rows *rows, struct audit *audit)
{
    product_audit_add_entry(rows->arena, &audit->sheet, sqlite_column_view(rows, 0),
                            sqlite_column_i64(rows, 1), sqlite_column_i64(rows, 2));
}

static void add_line(const struct sqlite_rows *rows, struct audit *audit)
{
    const struct product_reservation_line line = {
        .quantity = sqlite_column_i64(rows, 1),
        .counted = true,
        .epoch = sqlite_column_i64(rows, 2),
    };

    product_audit_add_line(rows->arena, &audit->sheet, sqlite_column_view(rows, 0), &line,
                           (enum product_reservation_state)sqlite_column_i64(rows, 3));
}

static struct status read_all(struct sqlite_tx *tx, struct audit *audit, const char *query,
                              void (*add)(const struct sqlite_rows *rows, struct audit *audit))
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, query, "t", audit->sheet.product_id);

    if (failed(st)) return st;
    for (; sqlite_next(&rows); audit->rows++) add(&rows, audit);
    return rows.status;
}

static struct status audit_product(struct sqlite_tx *tx, struct audit *audit)
{
    struct status st;

    product_audit_begin(&audit->sheet, audit->after);
    st = read_all(tx, audit, numbers, add_numbers);
    if (!failed(st)) st = read_all(tx, audit, entries, add_entry);
    if (!failed(st)) st = read_all(tx, audit, orders, add_line);
    if (!failed(st)) product_audit_compare(&audit->sheet, audit->max, &audit->result);
    return st;
}

/* Advances `after` to the next product; *ret_is_last: there is none. */
static struct status go_on(struct sqlite_tx *tx, struct audit *audit, bool *ret_is_last)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, next_product, "t", audit->after);

    if (failed(st)) return st;
    *ret_is_last = !sqlite_next(&rows) || sqlite_column_is_null(&rows, 0);
    if (!*ret_is_last) audit->after = sqlite_column_text(&rows, 0);
    sqlite_end(&rows);
    return rows.status;
}

static struct status audit_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct audit *audit = data;
    bool is_last = false;
    struct status st = status_ok();

    audit->result.differences = arena_array(call->arena, struct product_stock_difference,
                                            audit->max);
    for (int i = 0; i < PRODUCTS_MAX && audit->rows < ROWS_MAX && !is_last && !failed(st); i++) {
        st = go_on(tx, audit, &is_last);
        if (!failed(st) && !is_last) st = audit_product(tx, audit);
    }
    audit->result.next = is_last ? NULL : audit->after;
    return st;
}

struct status product_sqlite_audit(struct call *call, struct product_store *store,
                                   const char *after, size_t max, struct product_audit *ret_audit)
{
    struct audit job = {.after = after, .max = max};
    struct status st = sqlite_audit(call, product_sqlite(store)->db, audit_job, &job);

    if (!failed(st)) *ret_audit = job.result;
    return st;
}
