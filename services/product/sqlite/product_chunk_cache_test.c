/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of the search index: what is found, what makes room, and what it counts as memory. */
#include "services/product/sqlite/product_chunk_cache.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/budget.h"
#include "base/test.h"

enum { ROW = 4096, ROOM = 16 * ROW };

static struct str filled(char *bytes, char with)
{
    memset(bytes, with, ROW);
    return str_sized(bytes, ROW);
}

static const struct product_chunk_row *add(struct product_chunk_cache *cache, int64_t chunk,
                                           int64_t version, const char *key, char with)
{
    char bytes[ROW];

    return product_chunk_cache_add(cache, chunk, version, str_of(key), filled(bytes, with));
}

/* 0 if the row is not there. */
static char first_byte(struct product_chunk_cache *cache, int64_t chunk, int64_t version,
                       const char *key)
{
    const struct product_chunk_row *row = product_chunk_cache_find(cache, chunk, version,
                                                                   str_of(key));
    char byte = row ? row->bytes.data[0] : 0;

    if (row) product_chunk_cache_release(cache, &row, 1);
    return byte;
}

TEST(a_row_is_found_by_its_chunk_version_and_key)
{
    struct product_chunk_cache *cache = product_chunk_cache_new(ROOM);
    const struct product_chunk_row *row = add(cache, 3, 7, "0tred", 'a');

    product_chunk_cache_release(cache, &row, 1);
    CHECK_INT(first_byte(cache, 3, 7, "0tred"), ==, 'a');
    CHECK_INT(first_byte(cache, 2, 7, "0tred"), ==, 0);
    CHECK_INT(first_byte(cache, 3, 7, "0tre"), ==, 0);
    CHECK_INT(first_byte(cache, 3, 6, "0tred"), ==, 0);
    CHECK_INT(first_byte(cache, 3, 8, "0tred"), ==, 0);
    product_chunk_cache_free(cache);
}

TEST(a_later_version_takes_the_place_of_an_earlier_one_and_never_the_other_way)
{
    struct product_chunk_cache *cache = product_chunk_cache_new(ROOM);
    const struct product_chunk_row *rows[3] = {
        add(cache, 0, 1, "0a", 'a'), add(cache, 0, 2, "0a", 'b'),
        add(cache, 0, 1, "0a", 'c'), /* by a reader that began before */
    };

    CHECK_INT(first_byte(cache, 0, 1, "0a"), ==, 0);
    CHECK_INT(first_byte(cache, 0, 2, "0a"), ==, 'b');
    CHECK_INT(rows[0]->bytes.data[ROW - 1], ==, 'a'); /* still in use */
    CHECK_INT(rows[2]->bytes.data[ROW - 1], ==, 'c');
    product_chunk_cache_release(cache, rows, 3);
    CHECK(product_chunk_cache_size(cache) < 2 * ROW);
    product_chunk_cache_free(cache);
}

TEST(rows_that_are_used_stay_and_others_make_room)
{
    struct product_chunk_cache *cache = product_chunk_cache_new(ROOM);
    const struct product_chunk_row *row = add(cache, 0, 1, "0used", 'u');

    product_chunk_cache_release(cache, &row, 1);
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "0t%d", i);
        row = add(cache, 0, 1, key, 't');
        product_chunk_cache_release(cache, &row, 1);
        CHECK(product_chunk_cache_size(cache) <= ROOM);
        CHECK_INT(first_byte(cache, 0, 1, "0used"), ==, 'u');
    }
    CHECK_INT(first_byte(cache, 0, 1, "0t0"), ==, 0);
    CHECK_INT(first_byte(cache, 0, 1, "0t999"), ==, 't');
    product_chunk_cache_free(cache);
}

TEST(a_cache_without_room_keeps_nothing)
{
    struct product_chunk_cache *cache = product_chunk_cache_new(0);
    const struct product_chunk_row *row = add(cache, 0, 1, "0a", 'a');

    CHECK_INT(row->bytes.data[0], ==, 'a');
    CHECK_INT(first_byte(cache, 0, 1, "0a"), ==, 0);
    CHECK_INT(product_chunk_cache_size(cache), ==, 0);
    product_chunk_cache_release(cache, &row, 1);
    product_chunk_cache_free(cache);
}

static size_t process_used(void)
{
    struct budget_stats stats;

    budget_stats(&stats);
    return stats.used;
}

TEST(rows_count_towards_what_the_process_may_hold_and_take_an_eighth_of_it)
{
    struct product_chunk_cache *cache = product_chunk_cache_new(ROOM);
    const struct product_chunk_row *row;
    size_t before = process_used();

    budget_limit(64 * ROW, 1);
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof(key), "0t%d", i);
        row = add(cache, 0, 1, key, 't');
        if (i < 99) product_chunk_cache_release(cache, &row, 1);
        CHECK(product_chunk_cache_size(cache) <= 8 * ROW);
    }
    CHECK(product_chunk_cache_size(cache) > 6 * ROW);
    CHECK_INT(process_used() - before, ==, product_chunk_cache_size(cache));
    product_chunk_cache_release(cache, &row, 1);
    product_chunk_cache_free(cache);
    CHECK_INT(process_used(), ==, before);
    budget_limit(SIZE_MAX, 1);
}

static void *read_and_write(void *data)
{
    struct product_chunk_cache *cache = data;

    for (int i = 0; i < 5000; i++) {
        char key[8] = {'0', 't', (char)('a' + i % 23)};
        int64_t version = 1 + i / 500;
        const struct product_chunk_row *row = product_chunk_cache_find(cache, i % 3, version,
                                                                       str_of(key));
        if (!row) row = add(cache, i % 3, version, key, (char)('a' + i % 23));
        CHECK_INT(row->bytes.data[0], ==, 'a' + i % 23);
        CHECK_INT(row->bytes.data[ROW - 1], ==, 'a' + i % 23);
        product_chunk_cache_release(cache, &row, 1);
    }
    return 0;
}

TEST(threads_share_rows_while_others_are_dropped)
{
    struct product_chunk_cache *cache = product_chunk_cache_new(ROOM);
    pthread_t threads[3];

    for (int i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], 0, read_and_write, cache) == 0);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], 0);
    CHECK(product_chunk_cache_size(cache) <= ROOM);
    product_chunk_cache_free(cache);
}
