/* SPDX-License-Identifier: Apache-2.0 */
/* Imports products into the product service, from any source: a file, or the demo. */
#ifndef APP_CATALOGUE_H
#define APP_CATALOGUE_H

#include "app/csv.h"
#include "app/shop.h"
#include "product.rpc.h"

/* The source of the products, and what it wants to know. */
struct catalogue_source {
    /* Answers the next product, in `arena`, which is reset afterwards; OK with *ret_request NULL at
     * the end. A failed status refuses one product, which begins at *ret_place. */
    struct status (*next)(void *data, struct arena *arena,
                          ProductService__ImportProductRequest **ret_request,
                          struct csv_place *ret_place);
    /* Called when a product was refused, by the source or by the service. May be NULL. */
    void (*on_refused)(void *data, struct csv_place place, const char *handle, const char *why);
    /* Called after each answer. May be NULL. */
    void (*on_progress)(void *data, uint64_t answered);
    void *data;
};

struct catalogue_result {
    uint64_t created, updated, unchanged, refused;
};

/* Sends all products and counts the answers; it sends and receives at the same time. */
struct status catalogue_import(struct call *call, struct shop *shop,
                               const struct catalogue_source *source,
                               struct catalogue_result *ret_result);

#endif
