/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that the files of a shard's loop share. Private to fiber/shard*.c. */
#ifndef FIBER_SHARD_LOOP_H
#define FIBER_SHARD_LOOP_H

#include "fiber/shard.h"

/* Runs the messages that were queued when it was called, for some milliseconds; the loop looks at
 * its sockets before it goes on with the rest. */
void shard_messages_run(struct shard *shard);
/* Drops the messages that never ran. */
void shard_messages_drop(struct shard *shard);

/* Takes a shard out of the count of resting ones; false if it was not counted. Another thread that
 * does so must wake the loop, so that the shard checks again whether it rests. */
bool shard_uncount_resting(struct shard *shard);

/* Runs the timers that are due. */
void shard_timers_run(struct shard *shard);
/* Sets the loop's one uv_timer to the first timer of the heap. */
void shard_timers_arm(struct shard *shard);

#endif
