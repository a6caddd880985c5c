/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of buffers, so that a busy connection allocates nothing and an idle one holds no memory.
 * Private to http/; one pool per shard and owner. */
#ifndef HTTP_HTTP_POOL_H
#define HTTP_HTTP_POOL_H

#include "base/str.h"

/* The number of buffers kept of each kind, and the maximum size of a small one, of each and of
 * all. */
enum {
    HTTP_POOL_MAX = 64,
    HTTP_POOL_SMALL_MAX = 4 * 1024,
    HTTP_POOL_BUFFER_MAX = 128 * 1024,
    HTTP_POOL_SIZE_MAX = 1024 * 1024,
};

struct http_pool_shelf {
    struct buffer *free[HTTP_POOL_MAX];
    size_t count;
};

struct http_pool {
    struct http_pool_shelf small, large;
    size_t size; /* of all kept buffers */
};

/* An empty buffer that will receive about `size` bytes. Only those who need a large one get one of
 * those that have grown large: small messages would keep them busy, and more and more would grow. */
struct buffer *http_pool_take(struct http_pool *pool, size_t size);

/* Returns the buffer to the pool and sets *buffer to NULL; does nothing when it is NULL. */
void http_pool_give(struct http_pool *pool, struct buffer **buffer);

void http_pool_release(struct http_pool *pool);

#endif
