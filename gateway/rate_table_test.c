/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the table of counts. */
#include "gateway/rate_table.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/test.h"

enum { NOW = 1000000 };

TEST(takes_up_to_the_limit_and_again_in_the_next_window)
{
    struct rate_table *table = rate_table_new(64);
    int64_t left;

    for (int i = 0; i < 3; i++) {
        CHECK(rate_table_take(table, STR("a"), 60, 3, NOW, &left));
        CHECK_INT(left, ==, 2 - i);
    }
    CHECK(!rate_table_take(table, STR("a"), 60, 3, NOW, &left));
    CHECK_INT(left, ==, 0);
    CHECK(rate_table_take(table, STR("b"), 60, 3, NOW, &left));
    CHECK(rate_table_take(table, STR("a"), 3600, 3, NOW,
                          &left)); /* another window length has its own count */
    CHECK(rate_table_take(table, STR("a"), 60, 3, NOW + 60, &left));
    CHECK_INT(left, ==, 2);
    /* A thread whose clock is slightly behind must not restart the old window. */
    CHECK(rate_table_take(table, STR("a"), 60, 3, NOW, &left));
    CHECK_INT(left, ==, 1);
    rate_table_free(table);
}

TEST(a_flood_of_keys_ends_in_bounded_memory)
{
    struct rate_table *table = rate_table_new(1024);
    char key[32];
    int64_t left;

    for (int i = 0; i < 100000; i++) {
        int length = snprintf(key, sizeof(key), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        CHECK(rate_table_take(table, str_sized(key, (size_t)length), 60, 5, NOW, &left));
    }
    rate_table_free(table);
}

TEST(many_keys_do_not_collide)
{
    struct rate_table *table = rate_table_new(64 * 1024);
    char key[32];
    int64_t left;

    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 5000; i++) {
            int length = snprintf(key, sizeof(key), "user%d@example.com", i);
            CHECK(rate_table_take(table, str_sized(key, (size_t)length), 60, 5, NOW, &left));
            CHECK_INT(left, ==, 4 - round);
        }
    rate_table_free(table);
}

enum { THREADS = 8, TRIES = 20000, KEYS = 4, LIMIT = 7777 };

struct burst {
    struct rate_table *table;
    _Atomic int64_t taken[KEYS];
};

static void *run_burst(void *data)
{
    static const char *const keys[KEYS] = {"a", "b", "c", "d"};
    struct burst *burst = data;
    int64_t left;

    for (int i = 0; i < TRIES; i++)
        if (rate_table_take(burst->table, str_of(keys[i % KEYS]), 86400, LIMIT, NOW, &left))
            burst->taken[i % KEYS]++;
    return NULL;
}

TEST(exact_under_bursts_of_all_threads)
{
    struct burst burst = {.table = rate_table_new(64)};
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, run_burst, &burst), ==, 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < KEYS; i++) CHECK_INT(burst.taken[i], ==, LIMIT);
    rate_table_free(burst.table);
}
