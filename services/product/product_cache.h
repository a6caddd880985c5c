/* SPDX-License-Identifier: Apache-2.0 */
/* A shard's cache of products as messages, so that a product that many look at is neither read nor
 * made again.
 *
 * An entry is valid under one number of the store's generation. What is found is held for the call
 * that found it until its arena ends, even if the cache lets go of it meanwhile; nobody may write
 * to it. The cache is bounded in entries, and a product that is too long is not kept. On the
 * shard's thread only. */
#ifndef SERVICES_PRODUCT_PRODUCT_CACHE_H
#define SERVICES_PRODUCT_PRODUCT_CACHE_H

#include "fiber/call.h"
#include "services/product/product.h"

/* Bytes of the longest product that is kept. */
enum { PRODUCT_CACHE_ENTRY_SIZE_MAX = 16 * 1024 };

struct product_cache;

/* Room for at least `entries_max` products; 0: keeps nothing. */
struct product_cache *product_cache_new(size_t entries_max);
/* When no call holds anything of it any more. */
void product_cache_free(struct product_cache *cache);

/* NULL if it is not there under this generation. */
const ProductService__Product *product_cache_find(const struct call *call,
                                                  struct product_cache *cache,
                                                  const struct product_key *key,
                                                  uint64_t generation);

/* Keeps a copy. Generation 0 is that of stores which have none: nothing is kept. */
void product_cache_put(struct product_cache *cache, const ProductService__Product *message,
                       uint64_t generation);

#endif
