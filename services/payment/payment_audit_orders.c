/* SPDX-License-Identifier: Apache-2.0 */
/* Finds orders that must be paid and have no payment, because the event that creates it was
 * lost. */
#include <string.h>

#include "fiber/fiber.h"
#include "observe/log.h"
#include "order.rpc.h"
#include "services/payment/payment_service.h"

/* Orders in one GetOrderStates, and how long the event of a new order may be on its way. */
enum { PAGE = 256, SETTLE_US = 500 * 1000 };

/* Orders in these states have a payment unless their total is 0. A cancelled one need not have one:
 * it may have been cancelled before its payment was created. */
static bool needs_payment(const char *state)
{
    return strcmp(state, "VALIDATED") == 0 || strcmp(state, "CONFIRMED") == 0 ||
           strcmp(state, "FULFILLED") == 0 || strcmp(state, "REFUNDED") == 0;
}

struct suspects {
    const char *order_ids[PAGE];
    size_t count;
};

/* Keeps those without a payment. */
static struct status keep_unpaid(struct call *call, struct payment_service *service,
                                 struct suspects *suspects)
{
    struct payment_store *store = service->store;
    size_t count = suspects->count;
    const char **references;

    if (count == 0) return status_ok();
    struct status st = store->find_references(call, store, suspects->order_ids, count, &references);
    if (failed(st)) return st;
    suspects->count = 0;
    for (size_t i = 0; i < count; i++)
        if (!references[i]) suspects->order_ids[suspects->count++] = suspects->order_ids[i];
    return st;
}

/* Names those that still need a payment. */
static struct status name_unpaid(struct call *call, struct payment_service *service,
                                 const struct suspects *suspects, struct rpc_stream *stream)
{
    OrderService__GetOrderStatesRequest request = ORDER_SERVICE__GET_ORDER_STATES_REQUEST__INIT;
    OrderService__GetOrderStatesResponse *response;
    struct status st;

    if (suspects->count == 0) return status_ok();
    request.order_ids = (char **)(uintptr_t)suspects->order_ids;
    request.n_order_ids = suspects->count;
    st = order_service_get_order_states(call, service->orders, &request, &response);
    for (size_t i = 0; !failed(st) && i < response->n_states; i++) {
        PaymentService__Difference difference = PAYMENT_SERVICE__DIFFERENCE__INIT;
        if (!needs_payment(response->states[i]->status)) continue;
        difference.order_id = response->states[i]->order_id;
        difference.what = (char *)"order";
        difference.ours = (char *)"none";
        difference.order = response->states[i]->status;
        st = payment_service_reconcile_payments_reply(call, stream, &difference);
    }
    return st;
}

static struct status reconcile_page(struct call *call, struct payment_service *service,
                                    const OrderService__ListOrderStatesResponse *page,
                                    struct rpc_stream *stream)
{
    struct suspects *suspects = arena_new(call->arena, struct suspects);
    struct status st;

    suspects->count = 0;
    for (size_t i = 0; i < page->n_states && i < PAGE; i++)
        if (page->states[i]->total_minor > 0 && needs_payment(page->states[i]->status))
            suspects->order_ids[suspects->count++] = page->states[i]->order_id;
    st = keep_unpaid(call, service, suspects);
    if (failed(st) || suspects->count == 0) return st;

    st = fiber_sleep(call, SETTLE_US);
    if (!failed(st)) st = keep_unpaid(call, service, suspects);
    return failed(st) ? st : name_unpaid(call, service, suspects, stream);
}

struct status payment_reconcile_orders(struct call *call, struct payment_service *service,
                                       struct rpc_stream *stream)
{
    OrderService__ListOrderStatesRequest request = ORDER_SERVICE__LIST_ORDER_STATES_REQUEST__INIT;
    OrderService__ListOrderStatesResponse *page;
    struct status st = status_ok();
    size_t count = PAGE;
    struct call inner;
    struct arena arena;

    arena_init(&arena, 0);
    call_init_child(&inner, call, 0);
    inner.arena = &arena;
    request.limit = PAGE;
    while (count == PAGE && !failed(st)) {
        arena_reset(&arena);
        st = order_service_list_order_states(&inner, service->orders, &request, &page);
        if (failed(st)) break;
        count = page->n_states;
        if (count > 0) request.after_number = page->states[count - 1]->number;
        st = reconcile_page(&inner, service, page, stream);
    }
    if (st.code == STATUS_UNAVAILABLE || st.code == STATUS_UNIMPLEMENTED) {
        log_warn(call->trace, "payment: orders cannot be read, so missing payments are not found",
                 LOG_STR("error", st.message));
        st = status_ok();
    }
    if (failed(st)) st = status_dup(call->arena, st);
    arena_release(&arena);
    return st;
}
