/* SPDX-License-Identifier: Apache-2.0 */
/* The fibers of a shard: the struct of one, and the pool in which ended ones keep their stack and
 * the first chunk of their arena for the next use. fiber_pool.c makes, pools and frees them;
 * fiber.c runs them. Private to fiber/. */
#ifndef FIBER_FIBER_POOL_H
#define FIBER_FIBER_POOL_H

#include "base/trace.h"
#include "fiber/fiber.h"
#include "fiber/fiber_switch.h"

enum {
    /* Pooled fibers beyond this number are freed when they were not needed for a second. */
    FIBERS_POOLED_IDLE = 64,
    /* Never more than these are pooled. */
    FIBERS_POOLED_MAX = 4096,
};

struct fiber {
    struct fiber_context context;
    struct fiber_pool *pool;
    struct fiber *next;    /* in the pool, or in the list of ready fibers */
    struct fiber *resumer; /* continues when this one suspends or ends; NULL: the event loop */
    struct fiber *alive_next, *alive_previous;

    struct call call;
    struct trace trace;
    struct arena arena;
    void (*fn)(struct call *call, void *data);
    void *data;

    /* While it is suspended. */
    struct fiber_wait *wait;
    const struct call *waiting_call; /* the call that suspended it; NULL: cannot be cancelled */
    enum status_code outcome;        /* why it resumes */
    bool ready;                      /* is in the list of fibers that resume at the end of the
                                      * turn */
    struct shard_timer deadline;

    /* The group that it is a member of, and the groups that it has to wait for. */
    struct fiber_group *group;
    struct fiber *group_next, *group_previous;
    struct fiber_group *groups;

    char *stack; /* the lowest usable byte */
    uint32_t uses;
    bool retired; /* leaves its stack for good when it ends, or at its next resumption */
};

struct fiber_pool {
    struct shard *shard;
    struct fiber_context thread; /* the event loop's own stack */
    struct fiber *current;       /* NULL: the event loop runs */
    struct fiber *ready, *ready_last;
    struct fiber *alive;
    struct fiber *pooled;
    struct fiber *left;   /* has just left its stack for good, to be freed */
    size_t pooled_fewest; /* since the last trim */
    struct shard_timer trim;
    struct fiber_stats counts; /* written by the shard's thread, read by any */
};

struct fiber_pool *fiber_pool_new(struct shard *shard);
/* No fiber may be alive. */
void fiber_pool_free(struct fiber_pool *pool);

/* A pooled fiber, or a new one; NULL when there are too many or the system refuses. Its `context`
 * enters fiber_main. */
struct fiber *fiber_pool_take(struct fiber_pool *pool);
/* Puts a fiber that is ending, but still runs, back into the pool or marks it as retired. */
void fiber_pool_put(struct fiber_pool *pool, struct fiber *fiber);
/* Frees the fiber that has left its stack, if there is one. */
void fiber_pool_free_left(struct fiber_pool *pool);

/* In fiber.c: the function that a fiber runs from its first to its last use, and resuming one. */
void fiber_main(void *data);
void fiber_resume(struct fiber *fiber);

bool fiber_pool_has_ready(const struct fiber_pool *pool);
/* Runs the fibers that are ready now. */
void fiber_pool_run_ready(struct fiber_pool *pool);
/* Cancels the calls of all living fibers. */
void fiber_pool_cancel_all(struct fiber_pool *pool);
size_t fiber_pool_alive(const struct fiber_pool *pool);

/* The counts have one writer, so adding needs no locked instruction. */
#define FIBER_COUNT_ADD(count, n) __atomic_store_n(&(count), (count) + (n), __ATOMIC_RELAXED)

#endif
