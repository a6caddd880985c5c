/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the SQLite adapter alone: how its lists are found. */
#include "services/payment/sqlite/payment_store_sqlite.h"

#include "rpc/rpc_testing.h"

static struct payment_store *store;

static struct status start(const struct service_context *context, void **ret_service)
{
    *ret_service = 0;
    return payment_store_sqlite(context, ":memory:", &store);
}

static void stop(void *service)
{
    (void)service;
    store->close(store);
}

static const struct setting no_settings[] = {{0}};
static const struct service_module module = {
    .name = "payment", .settings = no_settings, .store_default = "", .start = start, .stop = stop};

/* Each row is looked for in an index, and none is sorted. */
static struct status explain(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const char *sql = arena_printf(call->arena, "EXPLAIN QUERY PLAN %s", (const char *)data);
    bool of_customer = data == (const void *)payment_list_statement;
    bool of_failures = data == (const void *)payment_failures_statement;
    bool of_entries = data == (const void *)payment_audit_entries_statement;
    int64_t none = 0;
    struct sqlite_rows rows;
    struct status st;

    st = of_customer   ? sqlite_query(tx, &rows, sql, "tlil", "", none, 0, none)
         : of_failures ? sqlite_query(tx, &rows, sql, "tl", "", none)
         : of_entries  ? sqlite_query(tx, &rows, sql, "ll", none, none)
                       : sqlite_query(tx, &rows, sql, "llil", none, none, 0, none);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        const char *detail = sqlite_column_text(&rows, 3);
        EXPECT(!strstr(detail, "SCAN") && !strstr(detail, "TEMP B-TREE"));
        if (of_customer)
            EXPECT(strstr(detail, "payments_by_user (user_key=? AND payment<?)") != NULL);
        if (of_failures)
            EXPECT(strstr(detail, "payments_failed_by_user (user_key=? AND failed_us>?)") != NULL);
    }
    return rows.status;
}

static void explains_lists(struct call *call, struct stage *stage)
{
    EXPECT_OK(
        sqlite_scan(call, payment_db(store), explain, (void *)(uintptr_t)payment_list_statement));
    EXPECT_OK(
        sqlite_scan(call, payment_db(store), explain, (void *)(uintptr_t)payment_audit_statement));
    EXPECT_OK(sqlite_scan(call, payment_db(store), explain,
                          (void *)(uintptr_t)payment_failures_statement));
    EXPECT_OK(sqlite_scan(call, payment_db(store), explain,
                          (void *)(uintptr_t)payment_audit_entries_statement));
}

TEST(every_list_of_payments_is_a_range_of_an_index)
{
    stage_run(&(struct stage_plan){.module = &module}, explains_lists);
}
