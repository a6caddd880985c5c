/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps unused buffers in an array, up to the limits in http/http_pool.h. */
#include "http/http_pool.h"

#include "base/status.h"

struct buffer *http_pool_take(struct http_pool *pool, size_t max)
{
    struct buffer *buffer;
    if (pool->count > 0) {
        buffer = pool->free[--pool->count];
        pool->size -= buffer->capacity;
        buffer->max = max;
        return buffer;
    }
    buffer = malloc(sizeof(*buffer));
    invariant(buffer);
    buffer_init(buffer, max);
    return buffer;
}

static void free_buffer(struct buffer *buffer)
{
    buffer_release(buffer);
    free(buffer);
}

void http_pool_give(struct http_pool *pool, struct buffer **buffer)
{
    if (!*buffer) return;
    size_t capacity = (*buffer)->capacity;
    if (pool->count == HTTP_POOL_MAX || capacity > HTTP_POOL_BUFFER_MAX ||
        capacity > HTTP_POOL_SIZE_MAX - pool->size) {
        free_buffer(*buffer);
    } else {
        buffer_clear(*buffer);
        pool->free[pool->count++] = *buffer;
        pool->size += capacity;
    }
    *buffer = NULL;
}

void http_pool_release(struct http_pool *pool)
{
    while (pool->count > 0) free_buffer(pool->free[--pool->count]);
}
