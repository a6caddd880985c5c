/* SPDX-License-Identifier: Apache-2.0 */
/* A lane: a named, bounded pool of threads for blocking work (password hashing, commits, foreign
 * libraries).
 *
 *     st = lane_run(call, lane, hash_password, &job);
 *
 * The fiber waits, its shard continues. Addresses take turns, also when their shard goes on with
 * what has been done (struct shard_message), and in the turns of one address in the lane its
 * accounts do (call->caller), however many jobs each has; so a client has no more turns by signing
 * in to many accounts, and takes none of the others' behind the same address. A full lane answers
 * RESOURCE_EXHAUSTED (reason LANE_FULL): to the new job at once, or, if another address has more
 * waiting jobs, or another account behind the same address, to the latest job of that one. In a
 * simulation (fiber/simulation.h) the jobs run on the shard's thread. */
#ifndef FIBER_LANE_H
#define FIBER_LANE_H

#include "fiber/call.h"

struct lane;

/* A lane of up to `threads` threads, created when they are first needed; at most `queue_max` jobs
 * wait. `name` is static. */
struct lane *lane_new(const char *name, int threads, int queue_max);

/* Finishes the running and waiting jobs and ends the threads. No call may be waiting any more; free
 * the shards afterwards. */
void lane_free(struct lane *lane);

/* Runs fn(data) on a thread of the lane while the fiber waits. While the job is queued, deadline
 * and cancellation withdraw it; once fn has begun the fiber waits for it regardless of these,
 * because it uses the caller's memory. */
struct status lane_run(struct call *call, struct lane *lane, void (*fn)(void *data), void *data);

/* The same for work that can be interrupted: if deadline or cancellation come while fn runs,
 * interrupt(data) is called once on the shard, and then the fiber waits for fn. It runs
 * concurrently with fn and must not wait. */
struct status lane_run_interruptible(struct call *call, struct lane *lane, void (*fn)(void *data),
                                     void (*interrupt)(void *data), void *data);

/* Queues fn(data) from any thread without waiting for it; false if the lane is full. */
bool lane_post(struct lane *lane, void (*fn)(void *data), void *data);

struct lane_stats {
    const char *name;
    int threads;
    size_t running, waiting, queue_max;
    uint64_t finished, refused;
};
void lane_stats(const struct lane *lane, struct lane_stats *ret_stats);

#endif
