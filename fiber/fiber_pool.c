/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks and the pool of ended fibers.
 *
 * A stack is a private mapping with a page below it that faults, so that an overflow ends the
 * process instead of writing into a neighbour. The system backs it with memory page by page as it
 * is touched. Ended fibers are pooled. Once a second those that were not needed during that second
 * are freed, down to FIBERS_POOLED_IDLE.
 *
 * The depth of a stack is measured by asking which of its pages have memory. That is a system call,
 * so it is done at a stack's first use and then every MEASURE_EVERY uses; touched pages stay
 * resident in between. */
#include "fiber/fiber_pool.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
    STACK_SIZE = FIBER_STACK_SIZE_SANITIZED,
#else
    STACK_SIZE = FIBER_STACK_SIZE,
#endif
#if defined(FIBER_TSAN)
    ALIVE_MAX = 4000, /* ThreadSanitizer ends the process when it has to follow more than about
                         8,000 threads */
#else
    ALIVE_MAX = FIBERS_MAX,
#endif
    STACK_KEPT_MAX = 32 * 1024, /* bytes kept of a pooled stack that has gone deeper */
    MEASURE_EVERY = 256,        /* uses; a power of two */
    PAGE_MIN = 4096,
    TRIM_INTERVAL_US = 1000000,
};

static size_t page_size(void)
{
    static size_t size;

    if (!size) size = (size_t)sysconf(_SC_PAGESIZE);
    return size;
}

static char *stack_new(void)
{
    size_t guard = page_size();
    char *memory = mmap(0, STACK_SIZE + guard, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

    if (memory == MAP_FAILED) return 0;
    if (mprotect(memory, guard, PROT_NONE) != 0) {
        munmap(memory, STACK_SIZE + guard);
        return 0;
    }
    return memory + guard;
}

static void stack_free(char *stack)
{
    size_t guard = page_size();

    munmap(stack - guard, STACK_SIZE + guard);
}

static struct fiber *fiber_new(struct fiber_pool *pool)
{
    struct fiber *fiber = calloc(1, sizeof(*fiber));

    if (!fiber) return 0;
    fiber->stack = stack_new();
    if (!fiber->stack) {
        free(fiber);
        return 0;
    }
    fiber->pool = pool;
    arena_init(&fiber->arena, 0);
    fiber_context_make(&fiber->context, fiber->stack, STACK_SIZE, fiber_main, fiber);
    return fiber;
}

static void fiber_free(struct fiber *fiber)
{
    fiber_context_release(&fiber->context);
    arena_release(&fiber->arena);
    stack_free(fiber->stack);
    free(fiber);
}

void fiber_pool_free_left(struct fiber_pool *pool)
{
    struct fiber *fiber = pool->left;

    if (!fiber) return;
    pool->left = 0;
    fiber_free(fiber);
}

/* Records how deep the stack has been, and frees the pages that are rarely used. Runs on that
 * stack, near its top. */
static void measure(struct fiber *fiber)
{
    struct fiber_stats *counts = &fiber->pool->counts;
    unsigned char resident[STACK_SIZE / PAGE_MIN];
    size_t page = page_size(), depth, untouched = 0;

    if (mincore(fiber->stack, STACK_SIZE, resident) != 0) return;
    while (untouched < STACK_SIZE / page && !(resident[untouched] & 1)) untouched++;
    depth = STACK_SIZE - untouched * page;
    if (depth > counts->stack_high_water)
        __atomic_store_n(&counts->stack_high_water, depth, __ATOMIC_RELAXED);
    if (depth > STACK_KEPT_MAX) madvise(fiber->stack, STACK_SIZE - STACK_KEPT_MAX, MADV_DONTNEED);
}

static struct fiber *pop(struct fiber_pool *pool)
{
    struct fiber *fiber = pool->pooled;

    pool->pooled = fiber->next;
    FIBER_COUNT_ADD(pool->counts.pooled, (size_t)-1);
    if (pool->counts.pooled < pool->pooled_fewest) pool->pooled_fewest = pool->counts.pooled;
    return fiber;
}

/* Lets a pooled fiber leave its stack for good; fiber_resume then frees it. */
static void retire(struct fiber *fiber)
{
    fiber->retired = true;
    fiber_resume(fiber);
}

static void trim(void *data)
{
    struct fiber_pool *pool = data;
    size_t unused = pool->pooled_fewest;

    while (unused-- > 0 && pool->counts.pooled > FIBERS_POOLED_IDLE) retire(pop(pool));
    pool->pooled_fewest = pool->counts.pooled;
    if (pool->counts.pooled > FIBERS_POOLED_IDLE)
        shard_timer_start(pool->shard, &pool->trim, shard_now_us(pool->shard) + TRIM_INTERVAL_US,
                          trim, pool);
}

struct fiber *fiber_pool_take(struct fiber_pool *pool)
{
    if (pool->pooled) return pop(pool);
    if (pool->counts.running >= ALIVE_MAX) return 0;
    return fiber_new(pool);
}

void fiber_pool_put(struct fiber_pool *pool, struct fiber *fiber)
{
    if ((fiber->uses++ & (MEASURE_EVERY - 1)) == 0) measure(fiber);
    if (pool->counts.pooled >= FIBERS_POOLED_MAX) {
        fiber->retired = true;
        return;
    }
    fiber->next = pool->pooled;
    pool->pooled = fiber;
    FIBER_COUNT_ADD(pool->counts.pooled, 1);
    if (pool->counts.pooled > FIBERS_POOLED_IDLE && !pool->trim.position) {
        pool->pooled_fewest = pool->counts.pooled;
        shard_timer_start(pool->shard, &pool->trim, shard_now_us(pool->shard) + TRIM_INTERVAL_US,
                          trim, pool);
    }
}

struct fiber_pool *fiber_pool_new(struct shard *shard)
{
    struct fiber_pool *pool = calloc(1, sizeof(*pool));

    invariant(pool != 0);
    pool->shard = shard;
    fiber_context_init(&pool->thread);
    page_size();
    return pool;
}

void fiber_pool_free(struct fiber_pool *pool)
{
    invariant(pool->counts.running == 0);
    shard_timer_stop(&pool->trim);
    while (pool->pooled) retire(pop(pool));
    free(pool);
}

void fiber_stats(const struct shard *shard, struct fiber_stats *ret_stats)
{
    const struct fiber_stats *counts = &shard->fibers->counts;

    ret_stats->running = __atomic_load_n(&counts->running, __ATOMIC_RELAXED);
    ret_stats->pooled = __atomic_load_n(&counts->pooled, __ATOMIC_RELAXED);
    ret_stats->stack_high_water = __atomic_load_n(&counts->stack_high_water, __ATOMIC_RELAXED);
    ret_stats->started = __atomic_load_n(&counts->started, __ATOMIC_RELAXED);
}
