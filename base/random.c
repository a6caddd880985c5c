/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes from getrandom through a pool per thread. */
#include "base/random.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "base/status.h"
#include "base/str.h"

enum { POOL_SIZE = 4096 };

/* Random bytes that have not been used yet: the last `left` of `bytes`. Used bytes are wiped, so
 * that earlier keys can't be recovered from memory. */
struct pool {
    uint8_t bytes[POOL_SIZE];
    size_t left;
};

static _Thread_local struct pool pool;
static pthread_once_t fork_hook = PTHREAD_ONCE_INIT;

static void from_system(void *ret_data, size_t size)
{
    char *next = ret_data;

    while (size) {
        ssize_t got = getrandom(next, size, 0);
        invariant(got > 0 || errno == EINTR);
        if (got < 0) continue;
        next += got;
        size -= (size_t)got;
    }
}

/* Otherwise parent and child would return the same bytes. Only the forking thread exists in the
 * child. */
static void forget_in_child(void)
{
    pool.left = 0;
}

static void hook_fork(void)
{
    invariant(pthread_atfork(0, 0, forget_in_child) == 0);
}

static void from_pool(void *ret_data, size_t size)
{
    if (size > POOL_SIZE / 4) {
        from_system(ret_data, size);
        return;
    }
    if (size > pool.left) {
        pthread_once(&fork_hook, hook_fork);
        from_system(pool.bytes, POOL_SIZE);
        pool.left = POOL_SIZE;
    }
    uint8_t *next = pool.bytes + POOL_SIZE - pool.left;
    memcpy(ret_data, next, size);
    secret_wipe(next, size);
    pool.left -= size;
}

static void (*random_source)(void *ret_data, size_t size) = from_pool;

void random_bytes(void *ret_data, size_t size)
{
    if (size) random_source(ret_data, size);
}

uint64_t random_below(uint64_t bound)
{
    uint64_t number;

    invariant(bound > 0);
    /* 2^64 mod bound: this many of the lowest numbers are rejected, so that all results are equally
     * likely.
     */
    uint64_t left_out = (0 - bound) % bound;
    do {
        random_bytes(&number, sizeof(number));
    } while (number < left_out);
    return number % bound;
}

void random_set_source(void (*source)(void *ret_data, size_t size))
{
    random_source = source ? source : from_pool;
}
