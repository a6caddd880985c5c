/* SPDX-License-Identifier: Apache-2.0 */
/* Simulation: the whole program on one thread, in virtual time, from one seed.
 *
 *     simulation_begin(seed);
 *     shards = shards_new(1); ... shards_run(shards); shards_free(shards);     as often as wanted
 *     simulation_end();
 *
 * From the beginning to the end
 *   - the clocks are virtual: they stand still while anything runs, and when the shard has nothing
 *     left to do they jump to its next timer at once, so that nobody ever waits;
 *   - the random bytes follow from the seed;
 *   - what has threads of its own (lanes, the writer of a SQLite database) works on the shard's
 *     thread instead, from a timer, after a delay that follows from the seed.
 * So the same seed gives the same run, wherever it runs. There is one shard at a time. Real I/O
 * takes no virtual time and is not seeded: a simulation does without it. The log's thread only
 * writes, and may run. Begin and end while no shards and no other threads are there. */
#ifndef FIBER_SIMULATION_H
#define FIBER_SIMULATION_H

#include "fiber/shard.h"

void simulation_begin(uint64_t seed);
/* The system's clocks and random bytes again. Fine when there is no simulation. */
void simulation_end(void);

bool simulation_is_on(void);

/* For the loop: what the simulation's shard is (NULL: none any more). */
void simulation_set_shard(struct shard *shard);
/* For the loop: the clocks jump to this (monotonic) moment, if it is still to come. */
void simulation_pass_until(int64_t monotonic_us);

/* In the place of a thread: arms the timer on the simulation's shard, for a moment from now on as
 * a thread would need to get to its work. Does nothing to a timer that is armed. */
void simulation_work(struct shard_timer *timer, void (*fn)(void *data), void *data);

#endif
