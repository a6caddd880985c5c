/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers that wait between their uses, so that a busy connection allocates nothing and an idle one
 * holds nothing. Private to http/; one pool a shard and owner. */
#ifndef HTTP_HTTP_POOL_H
#define HTTP_HTTP_POOL_H

#include "base/str.h"

/* Buffers kept, the most bytes of one that is kept, and of all. */
enum {
    HTTP_POOL_MAX = 64,
    HTTP_POOL_BUFFER_MAX = 128 * 1024,
    HTTP_POOL_SIZE_MAX = 1024 * 1024,
};

struct http_pool {
    struct buffer *free[HTTP_POOL_MAX];
    size_t count;
    size_t size; /* of all that are kept */
};

/* An empty buffer with this maximum. */
struct buffer *http_pool_take(struct http_pool *pool, size_t max);

/* Takes it back and sets *buffer to NULL; also fine when it is NULL. */
void http_pool_give(struct http_pool *pool, struct buffer **buffer);

void http_pool_release(struct http_pool *pool);

#endif
