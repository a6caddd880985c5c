/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of random bytes and of numbers below a bound. */
#include "base/random.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

TEST(bytes_differ_and_all_are_written)
{
    uint8_t seen[5000] = {0}, bytes[5000];

    for (int round = 0; round < 20; round++) {
        size_t size = round % 2 ? 5000 : 1000;
        memset(bytes, 0, sizeof(bytes));
        random_bytes(bytes, size);
        for (size_t i = 0; i < size; i++) seen[i] |= bytes[i];
        for (size_t i = size; i < sizeof(bytes); i++) CHECK(bytes[i] == 0);
    }
    for (size_t i = 0; i < 5000; i++) CHECK(seen[i] != 0);
}

TEST(blocks_never_repeat)
{
    uint64_t before = 0, next;

    for (int i = 0; i < 10000; i++) {
        random_bytes(&next, sizeof(next));
        CHECK(next != before);
        before = next;
    }
    random_bytes(0, 0);
}

TEST(parent_and_child_draw_different_bytes)
{
    uint8_t mine[32], theirs[32];
    int answer[2], result;

    random_bytes(mine, sizeof(mine)); /* the pool is filled now */
    CHECK(pipe(answer) == 0);
    pid_t child = fork();
    if (child == 0) {
        random_bytes(theirs, sizeof(theirs));
        _exit(write(answer[1], theirs, sizeof(theirs)) != sizeof(theirs));
    }
    random_bytes(mine, sizeof(mine));
    CHECK(waitpid(child, &result, 0) == child && result == 0);
    CHECK(read(answer[0], theirs, sizeof(theirs)) == sizeof(theirs));
    CHECK(memcmp(mine, theirs, sizeof(mine)) != 0);
    close(answer[0]);
    close(answer[1]);
}

static void *draw(void *data)
{
    for (int i = 0; i < 1000; i++) random_bytes(data, 32);
    return 0;
}

TEST(threads_draw_different_bytes)
{
    uint8_t drawn[4][32];
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], 0, draw, drawn[i]) == 0);
    for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], 0) == 0);
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < i; k++) CHECK(memcmp(drawn[i], drawn[k], 32) != 0);
}

TEST(numbers_below_a_bound_are_spread_evenly)
{
    int counts[10] = {0};

    for (int i = 0; i < 100000; i++) {
        uint64_t number = random_below(10);
        CHECK(number < 10);
        counts[number]++;
    }
    /* 10000 each, with a standard deviation of 95. */
    for (int i = 0; i < 10; i++) {
        CHECK_INT(counts[i], >, 9300);
        CHECK_INT(counts[i], <, 10700);
    }
    CHECK(random_below(1) == 0);
}

static uint64_t scripted[] = {3, UINT64_MAX, 1}; /* the lowest ones are rejected */
static size_t scripted_next;

static void script(void *ret_data, size_t size)
{
    memcpy(ret_data, &scripted[scripted_next++], size);
}

TEST(another_source_can_be_set_and_uneven_numbers_are_left_out)
{
    const uint64_t bound = (UINT64_C(1) << 63) + 1; /* 2^64 mod this is 2^63 - 1 */

    random_set_source(script);
    uint64_t number = random_below(bound);
    random_set_source(0);
    CHECK(number == UINT64_MAX % bound);
    CHECK_INT(scripted_next, ==, 2);
}
