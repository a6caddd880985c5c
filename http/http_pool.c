/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps unused buffers in two arrays, up to the limits in http/http_pool.h. */
#include "http/http_pool.h"

#include "base/status.h"

static struct buffer *take_from(struct http_pool *pool, struct http_pool_shelf *shelf)
{
    if (shelf->count == 0) return NULL;
    struct buffer *buffer = shelf->free[--shelf->count];
    pool->size -= buffer->capacity;
    return buffer;
}

struct buffer *http_pool_take(struct http_pool *pool, size_t size)
{
    struct buffer *buffer = NULL;

    if (size > HTTP_POOL_SMALL_MAX) buffer = take_from(pool, &pool->large);
    if (!buffer) buffer = take_from(pool, &pool->small);
    if (buffer) return buffer;
    buffer = malloc(sizeof(*buffer));
    invariant(buffer);
    buffer_init(buffer, SIZE_MAX);
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
    struct http_pool_shelf *shelf = capacity > HTTP_POOL_SMALL_MAX ? &pool->large : &pool->small;

    if (shelf->count == HTTP_POOL_MAX || capacity > HTTP_POOL_BUFFER_MAX ||
        capacity > HTTP_POOL_SIZE_MAX - pool->size) {
        free_buffer(*buffer);
    } else {
        buffer_clear(*buffer);
        shelf->free[shelf->count++] = *buffer;
        pool->size += capacity;
    }
    *buffer = NULL;
}

void http_pool_release(struct http_pool *pool)
{
    while (pool->small.count > 0) free_buffer(take_from(pool, &pool->small));
    while (pool->large.count > 0) free_buffer(take_from(pool, &pool->large));
}
