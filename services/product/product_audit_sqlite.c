/* SPDX-License-Identifier: Apache-2.0 */
/* Checking the stock in SQLite: one statement of the reader lane, so that all numbers are of one
 * moment. */
#include "services/product/product_store_sqlite.h"

struct audit {
    size_t max;
    struct product_audit result;
};

/* Every variant that is there, or that the ledger or a reservation speaks of. */
#define SUMS                                                                                     \
    "WITH numbers AS (SELECT p.product_id, v.variant_id, v.tracked, v.on_hand, v.reserved,"      \
    "  v.received, v.sold, v.epoch FROM products p CROSS JOIN variants v ON v.product = p.key)," \
    " entries AS (SELECT product_id, variant_id, sum(on_hand_delta) AS on_hand,"                 \
    "  sum(reserved_delta) AS reserved FROM stock_entries GROUP BY variant_id, product_id),"     \
    " orders AS (SELECT l.product_id, l.variant_id,"                                             \
    "  sum(CASE WHEN r.state = 1 THEN l.quantity ELSE 0 END) AS open,"                           \
    "  sum(CASE WHEN r.state = 2 AND l.epoch = n.epoch THEN l.quantity ELSE 0 END)"              \
    "   AS committed"                                                                            \
    "  FROM reservation_lines l CROSS JOIN reservations r ON r.order_id = l.order_id"            \
    "  LEFT JOIN numbers n ON n.variant_id = l.variant_id AND n.product_id = l.product_id"       \
    "  WHERE l.counted = 1 AND r.state IN (1, 2) GROUP BY l.variant_id, l.product_id),"          \
    " spoken_of AS (SELECT product_id, variant_id FROM numbers"                                  \
    "  UNION SELECT product_id, variant_id FROM entries"                                         \
    "  UNION SELECT product_id, variant_id FROM orders)"                                         \
    "SELECT s.product_id, s.variant_id, n.on_hand, n.reserved, n.received, n.sold,"              \
    " e.on_hand, e.reserved, o.open, o.committed, n.variant_id IS NOT NULL"                      \
    " FROM spoken_of s"                                                                          \
    " LEFT JOIN numbers n ON n.variant_id = s.variant_id AND n.product_id = s.product_id"        \
    " LEFT JOIN entries e ON e.variant_id = s.variant_id AND e.product_id = s.product_id"        \
    " LEFT JOIN orders o ON o.variant_id = s.variant_id AND o.product_id = s.product_id"

static struct product_stock_sums read_sums(const struct sqlite_rows *rows)
{
    return (struct product_stock_sums){
        .stock =
            {
                .on_hand = sqlite_column_i64(rows, 2),
                .reserved = sqlite_column_i64(rows, 3),
                .received = sqlite_column_i64(rows, 4),
                .sold = sqlite_column_i64(rows, 5),
            },
        .entries_on_hand = sqlite_column_i64(rows, 6),
        .entries_reserved = sqlite_column_i64(rows, 7),
        .open = sqlite_column_i64(rows, 8),
        .committed = sqlite_column_i64(rows, 9),
    };
}

static void add(struct audit *audit, const struct sqlite_rows *rows)
{
    struct product_stock_difference differences[PRODUCT_STOCK_DIFFERENCES_MAX];
    struct product_audit *result = &audit->result;
    struct product_stock_sums sums = read_sums(rows);
    size_t count = product_stock_audit(&sums, differences);

    result->variant_count += sqlite_column_i64(rows, 10);
    result->difference_count += (int64_t)count;
    for (size_t i = 0; i < count && result->named_count < audit->max; i++) {
        /* Only now, because most rows have no difference and need no memory. */
        differences[i].product_id = sqlite_column_text(rows, 0);
        differences[i].variant_id = sqlite_column_text(rows, 1);
        result->differences[result->named_count++] = differences[i];
    }
}

static struct status audit_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct audit *audit = data;
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, SUMS, "");

    if (failed(st)) return st;
    audit->result.differences = arena_array(call->arena, struct product_stock_difference,
                                            audit->max);
    while (sqlite_next(&rows)) add(audit, &rows);
    return rows.status;
}

struct status product_sqlite_audit(struct call *call, struct product_store *store, size_t max,
                                   struct product_audit *ret_audit)
{
    struct audit job = {.max = max};
    struct status st = sqlite_scan(call, product_sqlite(store)->db, audit_job, &job);

    if (!failed(st)) *ret_audit = job.result;
    return st;
}
