/* SPDX-License-Identifier: Apache-2.0 */
/* The product service's state and the functions that its files share. */
#ifndef SERVICES_PRODUCT_PRODUCT_SERVICE_H
#define SERVICES_PRODUCT_PRODUCT_SERVICE_H

#include "observe/metrics.h"
#include "product.rpc.h"
#include "rpc/cursor.h"
#include "rpc/schema.h"
#include "services/product/product_cache.h"
#include "services/product/product_message.h"
#include "services/product/product_store.h"

struct product_service {
    struct product_store *store;
    const char *currency;                      /* for products that name none */
    const struct schema_message *create_rules; /* of CreateProductRequest, for imports */
    int shard_count;
    struct product_cache **caches; /* one a shard */
    int64_t reservation_grace_us;  /* how long reservations hold beyond the order's pay-by time */
    struct shard_message sweeping; /* starts the fiber that expires them */
    struct shard_message indexing; /* starts the fiber that completes the search index */
    struct metric_series *outcomes[RESERVATION_STATES], *open_reservations;
};

/* Loads one product, from the shard's cache or the store; borrowed or in the arena, and
 * read-only. */
struct status product_load(struct call *call, const struct product_key *key,
                           const ProductService__Product **ret_product);

/* The caller, who need not be logged in. */
void product_call_actor(const struct call *call, struct product_actor *ret_actor);

/* OK if the caller sells or administers. */
struct status product_call_seller(const struct call *call, struct product_actor *ret_actor);

/* Fills the head of an answer. */
void product_reply(ProductService__StandardResponse *response, int status_code,
                   const char *message);

/* Reads the request's key and looks for the first answer, which is ret_request->replayed.data for a
 * repeated request. */
struct status product_call_once(struct call *call, const struct product_actor *actor,
                                const ProtobufCMessage *message,
                                struct change_request *ret_request);

/* In product_stock_rpc.c and product_exchange_rpc.c. */
struct status product_get_stock(struct call *call, const ProductService__GetStockRequest *request,
                                ProductService__StandardResponse *response);
struct status product_adjust_stock(struct call *call,
                                   const ProductService__AdjustStockRequest *request,
                                   ProductService__StandardResponse *response);
struct status product_list_stock_entries(struct call *call,
                                         const ProductService__ListStockEntriesRequest *request,
                                         ProductService__StandardResponse *response);
struct status product_check_stock(struct call *call,
                                  const ProductService__CheckStockRequest *request,
                                  ProductService__CheckStockResponse *response);
struct status product_import_products(struct call *call, struct rpc_stream *stream);
struct status product_export_products(struct call *call,
                                      const ProductService__ExportProductsRequest *request,
                                      struct rpc_stream *stream);

extern const struct product_service_handlers product_handlers;

#endif
