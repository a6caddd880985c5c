/* SPDX-License-Identifier: Apache-2.0 */
/* The cart service's state, shared by its wiring, its handlers and its part in events. */
#ifndef SERVICES_CART_CART_SERVICE_H
#define SERVICES_CART_CART_SERVICE_H

#include "cart.rpc.h"
#include "events/event.h"
#include "services/cart/cart_store.h"

struct cart_service {
    struct cart_store *store;
    struct rpc_channel *products;
    struct cart_limits limits;
};

/* Subscribes to the events of orders that were made from carts, if there is a bus. */
void cart_events_start(const struct service_context *context, struct cart_service *service);

/* Applies one event of order-events; `data` is the struct cart_service. */
struct status cart_events_handle(struct call *call, const struct event *event, void *data);

extern const struct cart_service_handlers cart_handlers;

#endif
