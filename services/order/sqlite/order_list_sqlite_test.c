/* SPDX-License-Identifier: Apache-2.0 */
/* Tests that SQLite reads every list from an index. */
#include "rpc/rpc_testing.h"
#include "services/order/sqlite/order_store_sqlite.h"

static struct order_store *store;

static struct status start(const struct service_context *context, void **ret_service)
{
    *ret_service = 0;
    return order_store_sqlite(context, ":memory:", &store);
}

static void stop(void *service)
{
    (void)service;
    store->close(store);
}

static const struct setting no_settings[] = {{0}};
static const struct service_module module = {
    .name = "order", .settings = no_settings, .store_default = "", .start = start, .stop = stop};

struct plan {
    const char *statement;
    bool of_state;
    int indexes; /* how many searches of an index by all that they may use */
};

static struct status explain(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct plan *plan = data;
    struct sqlite_rows rows;
    const char *sql;
    int64_t none = 0;
    struct status st;

    sql = arena_printf(call->arena, "EXPLAIN QUERY PLAN %s", plan->statement);
    st = plan->of_state ? sqlite_query(tx, &rows, sql, "tlli", "", none, none, 1)
                        : sqlite_query(tx, &rows, sql, "tll", "", none, none);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        const char *detail = sqlite_column_text(&rows, 3);
        EXPECT(!strstr(detail, "SCAN") && !strstr(detail, "TEMP B-TREE"));
        if (!strstr(detail, "SEARCH")) continue;
        EXPECT(strstr(detail,
                      "USING COVERING INDEX orders_by_user (state=? AND user_id=? AND rowid<?)") ||
               strstr(detail, "USING PRIMARY KEY (seller=? AND state=? AND number<?)"));
        plan->indexes++;
    }
    return rows.status;
}

static void explains_lists(struct call *call, struct stage *stage)
{
    for (int of_seller = 0; of_seller < 2; of_seller++) {
        for (int of_state = 0; of_state < 2; of_state++) {
            struct plan plan = {order_sqlite_list_statement(of_seller, of_state), of_state, 0};
            EXPECT_OK(sqlite_scan(call, order_sqlite(store)->db, explain, &plan));
            EXPECT(plan.indexes == (of_state ? 1 : ORDER_STATE_COUNT - 1));
        }
    }
}

TEST(every_list_is_read_from_an_index_by_all_its_filters)
{
    static const struct stage_plan plan = {.module = &module};

    stage_run(&plan, explains_lists);
}
