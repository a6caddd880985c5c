/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the PostgreSQL adapter. */
#ifndef SERVICES_ORDER_POSTGRES_ORDER_STORE_POSTGRES_H
#define SERVICES_ORDER_POSTGRES_ORDER_STORE_POSTGRES_H

#include "services/order/order_store.h"
#include "store/postgres/postgres.h"

struct order_store_postgres {
    struct order_store port; /* first */
    struct postgres *db;
    bool prepares;
};

static inline struct order_store_postgres *order_postgres(struct order_store *port)
{
    return (struct order_store_postgres *)port;
}

/* One order, by its id ($1), or by its customer's key and the state of the cart ($1, $2). */
#define ORDER_POSTGRES_FIND "SELECT " ORDER_COLUMNS " FROM orders o WHERE o.order_id = $1"
#define ORDER_POSTGRES_FIND_OF_CART                                \
    "SELECT " ORDER_COLUMNS " FROM orders o WHERE o.user_key = $1" \
    " AND o.cart_state = $2 AND o.cart_state <> '' AND o.state NOT IN (5, 6)"
/* The columns of order_history that order_postgres_steps reads. */
#define ORDER_POSTGRES_STEPS "SELECT from_state, to_state, event, cause, message, at_us"

/* The form in which e-mail addresses are compared. */
static inline const char *order_postgres_key(struct arena *arena, const char *email)
{
    return str_lower(arena, str_of(email));
}

/* ---- in order_read_postgres.c ---- */

/* The present row as an order in the rows' arena. */
struct status order_postgres_read(const struct postgres_rows *rows, struct order *ret_order);
/* The first row; ORDER_NOT_FOUND. */
struct status order_postgres_found(struct call *call, struct postgres_rows *rows,
                                   struct order *ret_order);
struct status order_postgres_steps(struct call *call, struct postgres_rows *rows,
                                   const struct order *order, struct order_transition **ret_history,
                                   size_t *ret_count);
/* The functions of the port with these names. */
struct status order_postgres_find(struct call *call, struct order_store *port, const char *order_id,
                                  struct order *ret_order);
struct status order_postgres_find_of_cart(struct call *call, struct order_store *port,
                                          const char *user_id, const char *cart_state,
                                          struct order *ret_order);
struct status order_postgres_history(struct call *call, struct order_store *port,
                                     const struct order *order,
                                     struct order_transition **ret_history, size_t *ret_count);

/* ---- in order_list_postgres.c: the functions of the port with these names ---- */

struct status order_postgres_list(struct call *call, struct order_store *port,
                                  const struct order_query *query, struct order_page *ret_page);
struct status order_postgres_due(struct call *call, struct order_store *port, int64_t now_us,
                                 size_t max, const char ***ret_order_ids, size_t *ret_count);
struct status order_postgres_count(struct call *call, struct order_store *port,
                                   int64_t ret_counts[ORDER_STATE_COUNT]);
struct status order_postgres_states(struct call *call, struct order_store *port,
                                    const char *const *order_ids, size_t count,
                                    enum order_state **ret_states);
struct status order_postgres_briefs(struct call *call, struct order_store *port, int64_t after,
                                    size_t max, struct order_brief **ret_briefs, size_t *ret_count);

#endif
