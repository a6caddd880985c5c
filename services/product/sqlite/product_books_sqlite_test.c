/* SPDX-License-Identifier: Apache-2.0 */
/* The books of the stock in SQLite: what the database itself refuses, forged books that the audit
 * finds, and the plans of its queries. */
#include "services/product/sqlite/product_sqlite_testing.h"

/* ---- forgeries ---- */

static void check_ledger_is_fixed(struct call *call, int number)
{
    static const char *const forgeries[] = {
        "UPDATE stock_entries SET on_hand_delta = 1000",
        "DELETE FROM stock_entries",
        "UPDATE variants SET on_hand = on_hand + 1 WHERE tracked = 1",
        "UPDATE variants SET reserved = on_hand + 1 WHERE tracked = 1",
        "UPDATE variants SET reserved = -1",
    };

    keep_rich(call);
    for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++)
        EXPECT(failed(sqlite_write(call, product_sqlite(store)->db, run_sql,
                                   (void *)(uintptr_t)forgeries[i])));
}

TEST(sqlite_itself_refuses_a_stock_that_does_not_add_up)
{
    on_sqlite(check_ledger_is_fixed);
}

static void reserve(struct call *call, const struct product *product, int64_t quantity)
{
    const struct product_reservation_line line = {
        .product_id = product->product_id,
        .category = "one",
        .variant_id = "",
        .quantity = quantity,
    };
    const struct event event = {
        .id = "e1", .topic = "order-events", .key = "o1", .type = "", .traceparent = ""};
    const struct product_order order = {RESERVATION_RESERVE, "o1", &line, 1, 1000, 1};
    struct product_reservation_outcome outcome;

    EXPECT_OK(store->apply_order(call, store, &event, &order, &outcome));
    EXPECT_INT(outcome.state, RESERVATION_OPEN);
}

static void check_forged(struct call *call, int number)
{
    ProductService__CreateProductRequest *request = create_request(call->arena, "Mug", "one", 1);
    struct product_audit audit = {0};

    set_stock(request, 10);
    struct product product = keep(call, request);
    reserve(call, &product, 3);
    forge(call, "UPDATE variants SET on_hand = 11, received = 11");
    EXPECT_OK(store->audit(call, store, "", 10, &audit));
    EXPECT_INT(audit.difference_count, 1);
    EXPECT_STR(audit.differences[0].product_id, product.product_id);
    EXPECT_STR(audit.differences[0].number, "on_hand");
    EXPECT_INT(audit.differences[0].recorded, 11);
    EXPECT_INT(audit.differences[0].expected, 10);
    forge(call, "UPDATE variants SET on_hand = 10, received = 10");

    forge(call, "DELETE FROM reservations");
    EXPECT_OK(store->audit(call, store, "", 0, &audit));
    EXPECT_INT(audit.difference_count, 1);
    EXPECT_INT(audit.named_count, 0);
}

TEST(the_audit_finds_what_does_not_add_up)
{
    on_sqlite(check_forged);
}

static int64_t audit_all(struct call *call)
{
    struct product_audit audit = {.next = ""};
    int64_t differences = 0;

    while (audit.next) {
        EXPECT_OK(store->audit(call, store, audit.next, 10, &audit));
        differences += audit.difference_count;
    }
    return differences;
}

static void check_leftovers(struct call *call, int number)
{
    struct product rich = keep_rich(call);

    forge(call, "INSERT INTO stock_entries (product_id, variant_id, cause, on_hand_delta,"
                " reserved_delta, reference, created_by, created_us)"
                " VALUES ('zz', 'zz', 'received', 4, 0, '', 'me', 1)");
    EXPECT_INT(audit_all(call), 1);
    forge(call, "INSERT INTO reservations VALUES ('o', 1, 1, 1)");
    forge(call, "INSERT INTO reservation_lines VALUES ('o', '~', '~', 2, 1, 0)");
    EXPECT_INT(audit_all(call), 2);
    forge(call, "UPDATE variants SET on_hand = on_hand + 1, received = received + 1"
                " WHERE tracked = 1");
    EXPECT_INT(audit_all(call), 4);
    EXPECT_INT(found(call, &rich).variant_count, 3);
}

TEST(the_audit_finds_what_is_in_the_ledger_or_a_reservation_alone)
{
    on_sqlite(check_leftovers);
}

/* ---- plans ---- */

static struct status explain(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const char *statement = data,
               *sql = arena_printf(call->arena, "EXPLAIN QUERY PLAN %s", statement);
    int64_t none = 0;
    struct sqlite_rows rows;
    struct status st;

    if (strstr(statement, "?5"))
        st = sqlite_query(tx, &rows, sql, "ttlll", "", "", none, none, none);
    else if (strstr(statement, "?2"))
        st = sqlite_query(tx, &rows, sql, "tt", "", "");
    else
        st = sqlite_query(tx, &rows, sql, "l", none);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        const char *detail = sqlite_column_text(&rows, 3);
        EXPECT(strncmp(detail, "SEARCH stock_entries USING ", 27) == 0);
        if (strstr(statement, "?5")) EXPECT(strstr(detail, "product_id=? AND variant_id=?"));
    }
    return rows.status;
}

static void check_plans(struct call *call, int number)
{
    for (const char *const *statement = product_stock_statements; *statement; statement++)
        EXPECT_OK(
            sqlite_scan(call, product_sqlite(store)->db, explain, (void *)(uintptr_t)*statement));
}

TEST(every_page_of_the_ledger_is_a_range_of_an_index)
{
    on_sqlite(check_plans);
}
