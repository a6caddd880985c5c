/* SPDX-License-Identifier: Apache-2.0 */
/* Checks the stock in SQLite, some products at a time, in the order of their ids. A variant's
 * figures depend on its own entries and reservations alone, so it is enough to read these at one
 * moment. Nothing is sorted, and only the sums of one product are in memory. */
#include "services/product/sqlite/product_store_sqlite.h"

enum {
    PRODUCTS_MAX = 256, /* products of a page */
    ROWS_MAX = 20000,   /* rows read, after which a page ends with the current product */
    VARIANTS_FIRST = 16,
    NO_EPOCH = -1, /* of a variant that is gone: nothing records what was sold of it */
};

/* The sums of one product, by variant. */
struct sheet {
    const char *product_id;
    struct product_stock_sums *sums;
    size_t count, capacity;
    size_t last; /* the variant of the previous row, as most rows of a variant are adjacent */
};

struct audit {
    const char *after;
    size_t max;
    struct sheet sheet;
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

static bool is_of(const struct product_stock_sums *sums, struct str variant_id)
{
    return str_is(variant_id, sums->variant_id);
}

static struct product_stock_sums *find_sums(struct arena *arena, struct sheet *sheet,
                                            struct str variant_id)
{
    if (sheet->last < sheet->count && is_of(&sheet->sums[sheet->last], variant_id))
        return &sheet->sums[sheet->last];
    for (size_t i = 0; i < sheet->count; i++) {
        if (!is_of(&sheet->sums[i], variant_id)) continue;
        sheet->last = i;
        return &sheet->sums[i];
    }
    if (sheet->count == sheet->capacity) {
        size_t capacity = sheet->capacity ? 2 * sheet->capacity : VARIANTS_FIRST;
        struct product_stock_sums *larger = arena_array(arena, struct product_stock_sums, capacity);
        if (sheet->count) memcpy(larger, sheet->sums, sheet->count * sizeof(*larger));
        sheet->sums = larger;
        sheet->capacity = capacity;
    }
    sheet->last = sheet->count;
    sheet->sums[sheet->count] = (struct product_stock_sums){
        .product_id = sheet->product_id,
        .variant_id = str_dup(arena, variant_id),
        .stock.epoch = NO_EPOCH};
    return &sheet->sums[sheet->count++];
}

static void add_numbers(const struct sqlite_rows *rows, struct audit *audit,
                        struct product_stock_sums *sums)
{
    audit->result.variant_count++;
    sums->stock = (struct product_stock){
        .on_hand = sqlite_column_i64(rows, 1),
        .reserved = sqlite_column_i64(rows, 2),
        .received = sqlite_column_i64(rows, 3),
        .sold = sqlite_column_i64(rows, 4),
        .epoch = sqlite_column_i64(rows, 5),
    };
}

static void add_entry(const struct sqlite_rows *rows, struct audit *audit,
                      struct product_stock_sums *sums)
{
    sums->entries_on_hand += sqlite_column_i64(rows, 1);
    sums->entries_reserved += sqlite_column_i64(rows, 2);
}

static void add_order(const struct sqlite_rows *rows, struct audit *audit,
                      struct product_stock_sums *sums)
{
    if (sqlite_column_i64(rows, 3) == 1)
        sums->open += sqlite_column_i64(rows, 1);
    else if (sqlite_column_i64(rows, 2) == sums->stock.epoch)
        sums->committed += sqlite_column_i64(rows, 1);
}

static struct status read_all(struct sqlite_tx *tx, struct audit *audit, const char *query,
                              void (*add)(const struct sqlite_rows *rows, struct audit *audit,
                                          struct product_stock_sums *sums))
{
    struct sheet *sheet = &audit->sheet;
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, query, "t", sheet->product_id);

    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        add(&rows, audit, find_sums(rows.arena, sheet, sqlite_column_view(&rows, 0)));
        audit->rows++;
    }
    return rows.status;
}

static void compare(struct audit *audit, const struct product_stock_sums *sums)
{
    struct product_stock_difference differences[PRODUCT_STOCK_DIFFERENCES_MAX];
    struct product_audit *result = &audit->result;
    size_t count = product_stock_audit(sums, differences);

    result->difference_count += (int64_t)count;
    for (size_t i = 0; i < count && result->named_count < audit->max; i++)
        result->differences[result->named_count++] = differences[i];
}

static struct status audit_product(struct sqlite_tx *tx, struct audit *audit)
{
    struct sheet *sheet = &audit->sheet;
    struct status st;

    sheet->product_id = audit->after;
    sheet->count = 0;
    st = read_all(tx, audit, numbers, add_numbers);
    if (!failed(st)) st = read_all(tx, audit, entries, add_entry);
    if (!failed(st)) st = read_all(tx, audit, orders, add_order);
    for (size_t i = 0; i < sheet->count && !failed(st); i++) compare(audit, &sheet->sums[i]);
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
