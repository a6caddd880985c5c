/* SPDX-License-Identifier: Apache-2.0 */
/* Sending products into the product service, whatever their source: a file, or the demo. */
#ifndef APP_CATALOGUE_H
#define APP_CATALOGUE_H

#include "app/csv.h"
#include "app/shop.h"
#include "product.rpc.h"

/* Where products come from. */
struct catalogue_source {
    /* The next product, in `arena`, which is reset afterwards: OK with *ret_request NULL at the
     * end. A failed status is about the one product that begins at *ret_place. */
    struct status (*next)(void *data, struct arena *arena,
                          ProductService__ImportProductRequest **ret_request,
                          struct csv_place *ret_place);
    /* One was refused, by the source or by the service. May be NULL. */
    void (*on_refused)(void *data, struct csv_place place, const char *handle, const char *why);
    /* After each answer. May be NULL. */
    void (*on_progress)(void *data, uint64_t answered);
    void *data;
};

struct catalogue_result {
    uint64_t created, updated, unchanged, refused;
};

/* Sends all products and counts the answers; sending and receiving go on side by side. */
struct status catalogue_import(struct call *call, struct shop *shop,
                               const struct catalogue_source *source,
                               struct catalogue_result *ret_result);

#endif
