/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the SQLite adapter. */
#ifndef SERVICES_ORDER_SQLITE_ORDER_STORE_SQLITE_H
#define SERVICES_ORDER_SQLITE_ORDER_STORE_SQLITE_H

#include "services/order/order_store.h"
#include "store/sqlite/sqlite.h"

struct order_store_sqlite {
    struct order_store port;
    struct sqlite *db;
};

static inline struct order_store_sqlite *order_sqlite(struct order_store *port)
{
    return (struct order_store_sqlite *)port;
}

/* The current row as an order in the rows' arena. */
struct status order_row_read(const struct sqlite_rows *rows, struct order *ret_order);

/* In order_list_sqlite.c. */
/* The statement that finds the numbers of a list. */
const char *order_sqlite_list_statement(bool of_seller, bool of_state);
struct status order_sqlite_list(struct call *call, struct order_store *port,
                                const struct order_query *query, struct order_page *ret_page);
struct status order_sqlite_due(struct call *call, struct order_store *port, int64_t now_us,
                               size_t max, const char ***ret_order_ids, size_t *ret_count);
struct status order_sqlite_count(struct call *call, struct order_store *port,
                                 int64_t ret_counts[ORDER_STATE_COUNT]);

/* In order_audit_sqlite.c. */
struct status order_sqlite_states(struct call *call, struct order_store *port,
                                  const char *const *order_ids, size_t count,
                                  enum order_state **ret_states);
struct status order_sqlite_briefs(struct call *call, struct order_store *port, int64_t after,
                                  size_t max, struct order_brief **ret_briefs, size_t *ret_count);

#endif
