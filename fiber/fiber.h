/* SPDX-License-Identifier: Apache-2.0 */
/* Fibers: stackful, one for each call, so that a handler reads from top to bottom. A fiber belongs
 * to one shard for its life, and switches only inside fiber_suspend.
 *
 * Stacks are mapped with a guard page below and pooled per shard; the switch is a few instructions
 * of assembly on x86-64 and AArch64 and swapcontext elsewhere (ARGOSY_FIBER_UCONTEXT=1 at build
 * time forces it, for tests). AddressSanitizer and ThreadSanitizer are notified of each switch. */
#ifndef FIBER_FIBER_H
#define FIBER_FIBER_H

#include "fiber/call.h"
#include "fiber/shard.h"

/* Stack bytes of one fiber, without its guard page; more under sanitizers. */
enum { FIBER_STACK_SIZE = 128 * 1024, FIBER_STACK_SIZE_SANITIZED = 512 * 1024 };

/* The maximum number of fibers of one shard; fiber_start refuses more. */
enum { FIBERS_MAX = 65536 };

/* Runs fn(call, data) on a new fiber of this shard and returns when it first suspends or ends. The
 * fiber has its own arena and `call`, with a copy of `trace` (NULL starts a new trace), and
 * releases both at the end. On the shard's thread, from its event loop or from another fiber.
 * RESOURCE_EXHAUSTED when there are too many fibers; then fn does not run. On a stopping shard the
 * call is cancelled from the start. */
struct status fiber_start(struct shard *shard, const struct trace *trace,
                          void (*fn)(struct call *call, void *data), void *data);

/* The same from any thread, through the shard's message queue. If the fiber is refused, on_refused
 * (may be NULL) runs on the shard's thread; nothing is logged. */
void fiber_post(struct shard *shard, void (*fn)(struct call *call, void *data),
                void (*on_refused)(void *data), void *data);

/* Where a suspended fiber waits. All zeros is empty. One waiter at a time. A wake only says that
 * something has happened, and several wakes before the waiter runs count as one, so a waiter checks
 * its condition in a loop. */
struct fiber_wait {
    struct fiber *fiber; /* the waiter; NULL: none */
    bool woken;          /* woken while nothing waited: the next suspend returns at once */
};

/* Suspends the call's fiber until fiber_wake(wait), the deadline or cancellation: OK,
 * DEADLINE_EXCEEDED or CANCELLED. On any result but OK the event may still happen later: the caller
 * must make sure that `wait` is not woken after it has gone out of scope. */
struct status fiber_suspend(struct call *call, struct fiber_wait *wait);

/* Suspends until woken, regardless of deadline and cancellation: for short waits that must not be
 * abandoned because another thread uses the caller's memory. */
void fiber_suspend_uncancellable(struct call *call, struct fiber_wait *wait);

/* Resumes the waiter: inside this call if the caller is the event loop, at the end of the loop's
 * turn if the caller is itself a fiber. Without a waiter the wake is kept for the next one. On the
 * shard's thread. */
void fiber_wake(struct shard *shard, struct fiber_wait *wait);

/* Resumes the waiter at the end of the loop's turn, whoever the caller is: for walks over lists
 * whose members the waiters own. A fiber that runs may end others (fiber_run_ready), and with them
 * the member that comes next. */
void fiber_wake_later(struct shard *shard, struct fiber_wait *wait);

/* Lets the fibers that were cancelled, or woken by fibers, go on now and not at the end of the turn.
 * A fiber may call it only where it could be suspended as well. */
void fiber_run_ready(struct shard *shard);

/* Sleeps for `duration_us`, unless the deadline or cancellation ends it earlier. */
struct status fiber_sleep(struct call *call, int64_t duration_us);

/* Counts of one shard, for metrics; exact on its thread, approximate elsewhere. */
struct fiber_stats {
    size_t running;          /* alive now */
    size_t pooled;           /* stacks kept for reuse */
    size_t stack_high_water; /* bytes of the deepest stack measured among ended fibers */
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
 * The fiber that started the group must wait for it before it ends. Children share the parent's
 * arena, trace and deadline and are cancelled with it, so the wait itself is not cut short. Each
 * one runs at once until it first suspends. */
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
