/* SPDX-License-Identifier: Apache-2.0 */
/* Converts between messages and carts: products to lines, carts to answers. */
#ifndef SERVICES_CART_CART_REPLY_H
#define SERVICES_CART_CART_REPLY_H

#include "cart.pb-c.h"
#include "fiber/call.h"
#include "product.pb-c.h"
#include "services/cart/cart.h"

enum { CART_BATCH_MAX = 200 }; /* products in one BatchGetProducts */

/* Only active products are sold. The existing system's product service may leave the status out. */
bool cart_product_is_active(const ProductService__Product *product);

/* A line for `quantity` of a variant; variant NULL for a product without variants. */
void cart_line_of(struct arena *arena, const ProductService__Product *product,
                  const ProductService__Variant *variant, int quantity, struct cart_line *ret_line);

/* Fills the envelope with the whole cart. */
void cart_reply(const struct call *call, const struct cart *cart, const char *message,
                CartService__CartStandardResponse *response);

/* Marks, in the items `from` to `from + count - 1`, changed prices and what can't be bought. */
void cart_reply_compare(CartService__CartData *data, size_t from, size_t count,
                        const ProductService__BatchGetProductsResponse *products);

#endif
