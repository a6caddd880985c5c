/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of the cart's stores: changes that add mugs, whose variant has the product's id.
 * Included by test programs only. */
#ifndef SERVICES_CART_CART_TESTING_H
#define SERVICES_CART_CART_TESTING_H

#include "services/cart/cart_store.h"

static inline struct status cart_test_add(const struct call *call, struct cart *cart,
                                          const char *product_id, int quantity)
{
    static const struct cart_limits limits = {.lines_max = 100, .quantity_max = 100000};
    const struct cart_line line = {.product_id = product_id,
                                   .variant_id = product_id,
                                   .category = "mugs",
                                   .product_name = "Mug",
                                   .options = "",
                                   .image_url = "",
                                   .currency = "USD",
                                   .unit_amount = 1250,
                                   .quantity = quantity};

    return cart_add(call->arena, cart, &line, &limits);
}

/* As a change's `apply`; its data are the product's id. */
static inline struct status cart_test_add_one(const struct call *call, struct cart *cart,
                                              void *data)
{
    return cart_test_add(call, cart, data, 1);
}

static inline struct status cart_test_store_one(struct call *call, struct cart_store *store,
                                                const char *email, const char *product_id,
                                                struct cart *ret_cart)
{
    const struct cart_change change = {cart_test_add_one, (void *)(uintptr_t)product_id};

    return store->update(call, store, email, &change, ret_cart);
}

#endif
