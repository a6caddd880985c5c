/* SPDX-License-Identifier: Apache-2.0 */
/* What the cart service's own files share. */
#ifndef SERVICES_CART_CART_SERVICE_H
#define SERVICES_CART_CART_SERVICE_H

#include "cart.rpc.h"
#include "services/cart/cart_store.h"

struct cart_service {
    struct cart_store *store;
    struct rpc_channel *products;
    struct cart_limits limits;
};

extern const struct cart_service_handlers cart_handlers;

#endif
