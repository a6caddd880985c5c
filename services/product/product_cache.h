/* SPDX-License-Identifier: Apache-2.0 */
/* A shard's cache of products as messages, so that a popular product is neither read nor converted
 * again.
 *
 * An entry is valid for one generation of its product (product_store.h), and for a limited time if
 * that does not tell everything. A call that found an entry holds it until the
 * call's arena ends, even if the cache evicts it meanwhile; nobody may write to it. The number of
 * entries is bounded, and products that are too long are not cached. On the shard's thread only. */
#ifndef SERVICES_PRODUCT_PRODUCT_CACHE_H
#define SERVICES_PRODUCT_PRODUCT_CACHE_H

#include "fiber/call.h"
#include "services/product/product.h"

/* The most bytes of a product that is cached. */
enum { PRODUCT_CACHE_ENTRY_SIZE_MAX = 16 * 1024 };

struct product_cache;

/* Room for at least `entries_max` products, each for `age_max_us` after it was cached (INT64_MAX: as
 * long as its generation is the same). With either 0 it caches nothing. */
struct product_cache *product_cache_new(size_t entries_max, int64_t age_max_us);
/* To be called when no call holds an entry any more. */
void product_cache_free(struct product_cache *cache);

/* NULL if the product is not cached for this generation. */
const ProductService__Product *product_cache_find(const struct call *call,
                                                  struct product_cache *cache,
                                                  const struct product_key *key,
                                                  uint64_t generation);

/* Caches a copy of what was read after the generation. 0 means that there is none: nothing is
 * cached. */
void product_cache_put(struct product_cache *cache, const ProductService__Product *message,
                       uint64_t generation);

#endif
