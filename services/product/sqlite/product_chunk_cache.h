/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the catalogue's index (product_postings_sqlite.h) that are kept in memory, for all
 * threads that read lists.
 *
 *     row = product_chunk_cache_find(cache, chunk, version, key);
 *     if (!row) row = product_chunk_cache_add(cache, chunk, version, key, bytes);
 *     ... row->bytes ...
 *     product_chunk_cache_release(cache, rows, count);
 *
 * A chunk has a version, which changes with its rows; a row is found by the version that the
 * reader's transaction sees, so that the cache is never ahead of a reader or behind it. Found and
 * added rows stay as they are until they are released. The rows that are used least make room for
 * new ones. */
#ifndef SERVICES_PRODUCT_PRODUCT_CHUNK_CACHE_H
#define SERVICES_PRODUCT_PRODUCT_CHUNK_CACHE_H

#include <stdint.h>

#include "base/str.h"

struct product_chunk_cache;

struct product_chunk_row {
    struct str bytes; /* aligned for any number */
};

/* `bytes_max` bounds the memory of all rows but those in use; 0 keeps none. The rows count towards
 * what the process may hold (base/budget.h), and an eighth of that is the most they take. Owned. */
struct product_chunk_cache *product_chunk_cache_new(size_t bytes_max);
/* When no row is in use. */
void product_chunk_cache_free(struct product_chunk_cache *cache);

/* NULL if the row is not there. */
const struct product_chunk_row *product_chunk_cache_find(struct product_chunk_cache *cache,
                                                         int64_t chunk, int64_t version,
                                                         struct str key);
/* Copies key and bytes. */
const struct product_chunk_row *product_chunk_cache_add(struct product_chunk_cache *cache,
                                                        int64_t chunk, int64_t version,
                                                        struct str key, struct str bytes);
void product_chunk_cache_release(struct product_chunk_cache *cache,
                                 const struct product_chunk_row *const *rows, size_t count);

/* How much memory the rows take that are kept. */
size_t product_chunk_cache_size(struct product_chunk_cache *cache);

#endif
