/* SPDX-License-Identifier: Apache-2.0 */
/* Between messages and carts: products into lines, carts into answers. */
#ifndef SERVICES_CART_CART_REPLY_H
#define SERVICES_CART_CART_REPLY_H

#include "cart.pb-c.h"
#include "fiber/call.h"
#include "product.pb-c.h"
#include "services/cart/cart.h"

enum { CART_BATCH_MAX = 200 }; /* products asked for at once */

/* Only an active product is sold; a product service of another make may leave the status out. */
bool cart_product_is_active(const ProductService__Product *product);

/* A line for `quantity` of a variant; variant NULL: of a product that is its own. */
void cart_line_of(struct arena *arena, const ProductService__Product *product,
                  const ProductService__Variant *variant, int quantity, struct cart_line *ret_line);

/* Fills the envelope with the whole cart. */
void cart_reply(const struct call *call, const struct cart *cart, const char *message,
                CartService__CartStandardResponse *response);

/* Marks what differs from the shop in the items `from` to `from + count - 1`. */
void cart_reply_compare(CartService__CartData *data, size_t from, size_t count,
                        const ProductService__BatchGetProductsResponse *products);

#endif
