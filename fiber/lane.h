/* SPDX-License-Identifier: Apache-2.0 */
/* A lane: a named, bounded pool of threads for blocking work (password hashing, commits, foreign
 * libraries).
 *
 *     st = lane_run(call, lane, hash_password, &job);
 *
 * The fiber waits, its shard goes on. Callers (call->caller: an account, else an address, whose IPv6
 * network of 64 bits is one) take turns, however many jobs each has. There is no second level: who
 * has many accounts or addresses has as many turns. A full lane answers RESOURCE_EXHAUSTED (reason LANE_FULL): at once, or, for whoever has the most
 * jobs that wait, when another caller comes. In a simulation (fiber/simulation.h) the jobs run on the shard's thread. */
#ifndef FIBER_LANE_H
#define FIBER_LANE_H

#include "fiber/call.h"

struct lane;

/* A lane of `threads` threads that are made at the first use; at most `queue_max` jobs wait. `name`
 * is static. */
struct lane *lane_new(const char *name, int threads, int queue_max);

/* Finishes the jobs that run or wait, ends the threads. No call may be waiting any more; the
 * shards are freed later. */
void lane_free(struct lane *lane);

/* Runs fn(data) on a thread of the lane while the fiber waits. Once fn has begun it is always
 * waited for, past deadline and cancellation, because it works on the caller's memory; while it
 * still queues, deadline and cancellation take it out of the queue. */
struct status lane_run(struct call *call, struct lane *lane, void (*fn)(void *data), void *data);

/* The same for work that can be asked to end early: once the deadline or cancellation finds fn at
 * work, interrupt(data) is called once on the shard, and then fn is waited for. It runs beside fn
 * and must not wait. */
struct status lane_run_interruptible(struct call *call, struct lane *lane, void (*fn)(void *data),
                                     void (*interrupt)(void *data), void *data);

/* Queues fn(data) from any thread, and nobody waits for it; false if the lane is full. */
bool lane_post(struct lane *lane, void (*fn)(void *data), void *data);

struct lane_stats {
    const char *name;
    int threads;
    size_t running, waiting, queue_max;
    uint64_t finished, refused;
};
void lane_stats(const struct lane *lane, struct lane_stats *ret_stats);

/* Calls fn for every lane there is, under a lock: for metrics. */
void lanes_each(void (*fn)(const struct lane *lane, void *data), void *data);

#endif
