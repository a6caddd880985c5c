/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of buffers: what it keeps, and who gets what. */
#include "http/http_pool.h"

#include "base/test.h"

enum { LARGE = 64 * 1024 };

static struct buffer *take_filled(struct http_pool *pool, size_t size)
{
    struct buffer *buffer = http_pool_take(pool, size);

    buffer_reserve(buffer, size);
    return buffer;
}

TEST(a_buffer_is_used_again)
{
    struct http_pool pool = {0};
    struct buffer *buffer = take_filled(&pool, 100), *first = buffer;

    buffer_append(buffer, "text", 4);
    http_pool_give(&pool, &buffer);
    CHECK(!buffer);
    buffer = http_pool_take(&pool, 100);
    CHECK(buffer == first);
    CHECK_INT(buffer->length, ==, 0);
    http_pool_give(&pool, &buffer);
    http_pool_release(&pool);
}

/* Outputs and small messages took turns in the same buffers, until all of these were as large as an
 * output. */
TEST(small_messages_do_not_hold_large_buffers)
{
    struct http_pool pool = {0};
    struct buffer *output = take_filled(&pool, LARGE), *large = output;

    http_pool_give(&pool, &output);
    struct buffer *message = take_filled(&pool, 100);
    CHECK(message != large);
    CHECK(message->capacity <= HTTP_POOL_SMALL_MAX);
    output = http_pool_take(&pool, LARGE);
    CHECK(output == large);
    http_pool_give(&pool, &message);
    http_pool_give(&pool, &output);
    CHECK_INT(pool.small.count, ==, 1);
    CHECK_INT(pool.large.count, ==, 1);
    http_pool_release(&pool);
    CHECK_INT(pool.size, ==, 0);
}

TEST(no_more_is_kept_than_the_limits_allow)
{
    struct http_pool pool = {0};
    struct buffer *taken[HTTP_POOL_SIZE_MAX / LARGE + 2];
    struct buffer *huge = take_filled(&pool, HTTP_POOL_BUFFER_MAX + 1);

    http_pool_give(&pool, &huge);
    CHECK_INT(pool.size, ==, 0);
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
        taken[i] = take_filled(&pool, LARGE);
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) http_pool_give(&pool, &taken[i]);
    CHECK_INT(pool.size, ==, HTTP_POOL_SIZE_MAX);
    http_pool_release(&pool);
}
