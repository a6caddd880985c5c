/* SPDX-License-Identifier: Apache-2.0 */
/* Fibers: stackful, one for each call, so that a handler reads top to bottom. They belong to a
 * shard, never move, and switch only inside fiber_suspend.
 *
 * Stacks are mapped with a guard page below and pooled per shard; the switch is a few instructions
 * of assembly on x86-64 and AArch64 and swapcontext elsewhere (ARGOSY_FIBER_UCONTEXT=1 at build
 * time forces it, for tests). AddressSanitizer and ThreadSanitizer are told of each switch. */
#ifndef FIBER_FIBER_H
#define FIBER_FIBER_H

#include "fiber/call.h"
#include "fiber/shard.h"

/* Stack bytes of one fiber, without its guard page; more under sanitizers. */
enum { FIBER_STACK_SIZE = 128 * 1024, FIBER_STACK_SIZE_SANITIZED = 512 * 1024 };

/* Most fibers of one shard at a time; fiber_start refuses more. */
enum { FIBERS_MAX = 65536 };

/* Starts fn(call, data) on a new fiber of this shard, at once: returns when it first suspends or
 * has ended. The fiber has its own arena and `call`, with a copy of `trace` (NULL starts a new
 * trace), and releases both at the end. On the shard's thread, from its event loop or from another
 * fiber. RESOURCE_EXHAUSTED when there are too many; then fn never runs. On a shard that stops, the
 * call is cancelled from the start. */
struct status fiber_start(struct shard *shard, const struct trace *trace,
                          void (*fn)(struct call *call, void *data), void *data);

/* The same from any thread, by way of the shard's message queue; refused fibers are logged by
 * nobody, so `fn` may be told by on_refused (may be NULL), which runs on the shard's thread. */
void fiber_post(struct shard *shard, void (*fn)(struct call *call, void *data),
                void (*on_refused)(void *data), void *data);

/* Where a suspended fiber waits. All zeros is empty. One waiter at a time. It says only that
 * something has happened; several wakes before the waiter runs are one, so who waits looks at what
 * it waits for, in a loop. */
struct fiber_wait {
    struct fiber *fiber; /* the waiter; NULL: nobody */
    bool woken;          /* woken before anybody waited: the next suspend returns at once */
};

/* Suspends the call's fiber until fiber_wake(wait), the deadline or cancellation: OK,
 * DEADLINE_EXCEEDED or CANCELLED. On any answer but OK the event may still happen later: the caller
 * must make sure that nobody wakes `wait` once it is gone. */
struct status fiber_suspend(struct call *call, struct fiber_wait *wait);

/* Suspends until woken, whatever the deadline: for short waits that must not be abandoned, because
 * another thread works on the caller's memory. */
void fiber_suspend_uncancellable(struct call *call, struct fiber_wait *wait);

/* Resumes the waiter: it runs at once inside this call if the caller is the event loop, or at the
 * end of the loop's turn if the caller is itself a fiber. With no waiter it is remembered for the
 * next one. On the shard's thread. */
void fiber_wake(struct shard *shard, struct fiber_wait *wait);

/* Sleeps. */
struct status fiber_sleep(struct call *call, int64_t duration_us);

/* Numbers of one shard, for metrics; exact on its thread, approximate elsewhere. */
struct fiber_stats {
    size_t running;          /* alive now */
    size_t pooled;           /* stacks kept for reuse */
    size_t stack_high_water; /* bytes, the deepest stack seen among the ended fibers */
    uint64_t started;
};
void fiber_stats(const struct shard *shard, struct fiber_stats *ret_stats);

/* Child fibers that end with their parent call: several calls at once.
 *
 *     struct fiber_group group = {0};
 *     st = fiber_group_start(call, &group, fetch_a, &a);
 *     if (!failed(st)) st = fiber_group_start(call, &group, fetch_b, &b);
 *     fiber_group_wait(call, &group);
 *
 * The group must be waited for before the fiber ends, by the fiber that started it. Children share
 * the parent's arena, trace and deadline and are cancelled with it; so waiting itself is not cut
 * short. They run at once until they first suspend. */
struct fiber_group {
    size_t running;
    struct fiber *members;
    struct fiber *owner;
    struct fiber_group *next;
    struct fiber_wait wait;
};
struct status fiber_group_start(struct call *call, struct fiber_group *group,
                                void (*fn)(struct call *call, void *data), void *data);
void fiber_group_wait(struct call *call, struct fiber_group *group);
void fiber_group_cancel(struct fiber_group *group);

#endif
