/* SPDX-License-Identifier: Apache-2.0 */
/* Reads single orders and their histories. */
#include "reasons.pb-c.h"
#include "services/order/order_message.h"
#include "services/order/postgres/order_store_postgres.h"

struct status order_postgres_read(const struct postgres_rows *rows, struct order *ret_order)
{
    struct order order = {
        .number = postgres_column_i64(rows, 0),
        .order_id = postgres_column_text(rows, 1),
        .user_id = postgres_column_text(rows, 2),
        .state = (enum order_state)postgres_column_i64(rows, 3),
        .steps = (int)postgres_column_i64(rows, 4),
        .total_minor = postgres_column_i64(rows, 5),
        .currency = postgres_column_text(rows, 6),
        .from_cart = postgres_column_i64(rows, 7) != 0,
        .payment_method = postgres_column_text(rows, 8),
        .payment_id = postgres_column_text(rows, 9),
        .reason = postgres_column_text(rows, 10),
        .message = postgres_column_text(rows, 11),
        .tracking_number = postgres_column_text(rows, 12),
        .created_us = postgres_column_i64(rows, 13),
        .updated_us = postgres_column_i64(rows, 14),
        .deadline_us = postgres_column_i64(rows, 15),
        .cart_state = postgres_column_text(rows, 17),
        .client = postgres_column_text(rows, 18),
        .facts = (unsigned)postgres_column_i64(rows, 19),
    };

    if (order.state <= ORDER_NONE || order.state > ORDER_REFUNDED)
        return status_printf(rows->arena, STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED,
                             "the stored order %s has the state %d", order.order_id,
                             (int)order.state);
    struct status st = order_document_read(rows->arena, postgres_column_blob(rows, 16), &order);
    if (!failed(st)) *ret_order = order;
    return st;
}

struct status order_postgres_found(struct call *call, struct postgres_rows *rows,
                                   struct order *ret_order)
{
    if (!postgres_next(call, rows)) return failed(rows->status) ? rows->status : order_not_found();
    return order_postgres_read(rows, ret_order);
}

struct status order_postgres_find(struct call *call, struct order_store *port, const char *order_id,
                                  struct order *ret_order)
{
    struct postgres_rows rows;
    struct status st = postgres_read(call, order_postgres(port)->db, &rows, ORDER_POSTGRES_FIND,
                                     "t", order_id);

    return failed(st) ? st : order_postgres_found(call, &rows, ret_order);
}

struct status order_postgres_find_of_cart(struct call *call, struct order_store *port,
                                          const char *user_id, const char *cart_state,
                                          struct order *ret_order)
{
    struct postgres_rows rows;
    struct status st = postgres_read(call, order_postgres(port)->db, &rows,
                                     ORDER_POSTGRES_FIND_OF_CART, "tt",
                                     order_postgres_key(call->arena, user_id), cart_state);

    return failed(st) ? st : order_postgres_found(call, &rows, ret_order);
}

struct status order_postgres_steps(struct call *call, struct postgres_rows *rows,
                                   const struct order *order, struct order_transition **ret_history,
                                   size_t *ret_count)
{
    size_t steps = (size_t)order->steps, count = 0;
    struct order_transition *entries = arena_array(call->arena, struct order_transition, steps);

    while (count < steps && postgres_next(call, rows)) {
        entries[count++] = (struct order_transition){
            .from = (enum order_state)postgres_column_i64(rows, 0),
            .to = (enum order_state)postgres_column_i64(rows, 1),
            .event = (enum order_event)postgres_column_i64(rows, 2),
            .cause = postgres_column_text(rows, 3),
            .message = postgres_column_text(rows, 4),
            .at_us = postgres_column_i64(rows, 5),
        };
    }
    if (failed(rows->status)) return rows->status;
    *ret_history = entries;
    *ret_count = count;
    return status_ok();
}

struct status order_postgres_history(struct call *call, struct order_store *port,
                                     const struct order *order,
                                     struct order_transition **ret_history, size_t *ret_count)
{
    struct postgres_rows rows;
    struct status st = postgres_read(call, order_postgres(port)->db, &rows,
                                     ORDER_POSTGRES_STEPS
                                     " FROM order_history WHERE number = $1 ORDER BY step",
                                     "l", order->number);

    return failed(st) ? st : order_postgres_steps(call, &rows, order, ret_history, ret_count);
}
