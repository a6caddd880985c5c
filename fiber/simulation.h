/* SPDX-License-Identifier: Apache-2.0 */
/* Simulation: the whole program on one thread, in virtual time, from one seed.
 *
 *     simulation_begin(seed);
 *     shards = shards_new(1); ... shards_run(shards); shards_free(shards);     any number of times
 *     simulation_end();
 *
 * Between begin and end:
 *   - the clocks are virtual: they stand still while anything runs, and when the shard has nothing
 *     left to do they jump to its next timer, so that nothing ever waits;
 *   - the random bytes follow from the seed;
 *   - components with threads of their own (lanes, the writer of a SQLite database) work on the
 *     shard's thread instead, from a timer, after a delay that follows from the seed.
 * So the same seed gives the same run, wherever it runs. There is one shard at a time. Real I/O
 * takes no virtual time and is not seeded, so a simulation must not use it. The log's thread only
 * writes, and may run. Begin and end a simulation while there are no shards and no other
 * threads. */
#ifndef FIBER_SIMULATION_H
#define FIBER_SIMULATION_H

#include "fiber/shard.h"

void simulation_begin(uint64_t seed);
/* Goes back to the system's clocks and random bytes. Does nothing when there is no simulation. */
void simulation_end(void);

bool simulation_is_on(void);

/* For the loop: sets the simulation's shard (NULL: none any more). */
void simulation_set_shard(struct shard *shard);
/* For the loop: moves the clocks to this monotonic time, if it is in the future. */
void simulation_pass_until(int64_t monotonic_us);

/* Stands in for a thread: starts the timer on the simulation's shard with the delay that a thread
 * might need to get to its work. Does nothing if the timer is armed. */
void simulation_work(struct shard_timer *timer, void (*fn)(void *data), void *data);

#endif
