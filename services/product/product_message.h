/* SPDX-License-Identifier: Apache-2.0 */
/* Converts the domain's values to messages, which share the texts of the values. */
#ifndef SERVICES_PRODUCT_PRODUCT_MESSAGE_H
#define SERVICES_PRODUCT_PRODUCT_MESSAGE_H

#include "services/product/product.h"

ProductService__Product *product_message(struct arena *arena, const struct product *product);
/* The same for an export: also with the pieces on hand, of which some may be reserved. */
ProductService__Product *product_message_export(struct arena *arena, const struct product *product);
ProductService__ProductData *product_message_data(struct arena *arena,
                                                  const struct product *product);
ProductService__UpdatedProductData *product_message_updated(struct arena *arena,
                                                            const struct product *product);

/* With `full` all figures, else only what a customer may see: what is available. */
ProductService__StockData *product_message_stock(struct arena *arena, const struct product *product,
                                                 bool full);
ProductService__StockEntry *product_message_entry(struct arena *arena,
                                                  const struct product_stock_entry *entry);

/* May the actor see the product? */
bool product_message_is_visible(const ProductService__Product *message,
                                const struct product_actor *actor);

#endif
