/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a shard's loop need of each other; nobody else includes this. */
#ifndef FIBER_SHARD_LOOP_H
#define FIBER_SHARD_LOOP_H

#include "fiber/shard.h"

/* Runs the messages that were queued when it was called. */
void shard_messages_run(struct shard *shard);
/* Drops the messages that never ran. */
void shard_messages_drop(struct shard *shard);

/* Takes a shard out of the count of those that rest; false if it was not in it. Whoever does so
 * from another thread wakes the loop, so that the shard looks again whether it rests. */
bool shard_rouse(struct shard *shard);

/* Runs what is due. */
void shard_timers_run(struct shard *shard);
/* Sets the loop's one uv_timer to the first timer of the heap. */
void shard_timers_arm(struct shard *shard);

#endif
