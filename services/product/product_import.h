/* SPDX-License-Identifier: Apache-2.0 */
/* The stock of a variant between two files. For product_import.c.
 *
 * Three things come together: what the file says, what the file said before (`imported`), and what
 * has happened since. Pieces that orders have taken are never put back by giving a file again. */
#ifndef SERVICES_PRODUCT_PRODUCT_IMPORT_H
#define SERVICES_PRODUCT_PRODUCT_IMPORT_H

#include "services/product/product.h"

/* Of a variant that is new: *stock is as product_stock_initial has made it. */
void product_import_stock_first(const struct product_file_variant *said,
                                struct product_stock *stock);

/* Brings *stock, as it is stored, to what the file says; `pieces` is the file's quantity, if it has
 * one. STOCK_RESERVED if tracking cannot end yet. */
struct status product_import_stock_merge(struct arena *arena,
                                         const struct product_file_variant *said, int64_t pieces,
                                         struct product_stock *stock);

#endif
