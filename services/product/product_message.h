/* SPDX-License-Identifier: Apache-2.0 */
/* The domain's values as messages of the contract. They share their texts with what they are made
 * from. */
#ifndef SERVICES_PRODUCT_PRODUCT_MESSAGE_H
#define SERVICES_PRODUCT_PRODUCT_MESSAGE_H

#include "services/product/product.h"

ProductService__Product *product_message(struct arena *arena, const struct product *product);
/* The same with what is on hand, for an export: what is reserved is still there. */
ProductService__Product *product_message_export(struct arena *arena, const struct product *product);
ProductService__ProductData *product_message_data(struct arena *arena,
                                                  const struct product *product);
ProductService__UpdatedProductData *product_message_updated(struct arena *arena,
                                                            const struct product *product);

/* With `full` all of the ledger's numbers, else only what a customer may know: what is available.
 */
ProductService__StockData *product_message_stock(struct arena *arena, const struct product *product,
                                                 bool full);
ProductService__StockEntry *product_message_entry(struct arena *arena,
                                                  const struct product_stock_entry *entry);

/* May the actor see it? */
bool product_message_is_visible(const ProductService__Product *message,
                                const struct product_actor *actor);

#endif
