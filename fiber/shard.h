/* SPDX-License-Identifier: Apache-2.0 */
/* Shards: one thread with one event loop each, sharing nothing on the request path.
 *
 *     shards = shards_new(count);
 *     shards_start(shards);            threads run, loops turn
 *     shard_post(shard, fn, data);     from any thread: fn(shard, data) runs on that shard's thread
 *     shards_stop(shards);             loops end once what holds them is closed; joins the threads
 *     shards_free(shards);
 *
 * What belongs to a shard (fibers, connections, prepared statements, caches, metrics) is touched on its thread only. */
#ifndef FIBER_SHARD_H
#define FIBER_SHARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum { SHARDS_MAX = 64 };

struct fiber_pool;
struct shards;

struct shard {
    uv_loop_t loop;
    int index; /* 0 .. count-1 */
    struct shards *shards;
    struct fiber_pool *fibers;
    struct shard_queue *queue; /* messages from other threads */
    bool stopping;
};

/* `count` shards, 1 to SHARDS_MAX; 0 means one for each processor that the process may use. NULL only when the
 * system refuses; errno says why. */
struct shards *shards_new(int count);
int shards_count(const struct shards *shards);
struct shard *shards_at(struct shards *shards, int index);

/* Starts the threads. */
void shards_start(struct shards *shards);

/* Runs shard 0 on the calling thread until shards_stop is called from anywhere; the other shards have threads. For
 * tests and small tools: with count 1 no thread is made at all. */
void shards_run(struct shards *shards);

/* Asks every loop to end. Posted messages that are already queued still run. Any thread. */
void shards_stop(struct shards *shards);
/* Waits for the threads that shards_start made. */
void shards_join(struct shards *shards);
void shards_free(struct shards *shards);

/* Queues fn(shard, data) for the shard's thread; messages from one sender keep their order. Any thread. */
void shard_post(struct shard *shard, void (*fn)(struct shard *shard, void *data), void *data);

/* Runs fn(data) on this shard at the end of the current turn of its loop, after the I/O callbacks, once. Used to
 * batch: many requests of one turn share one flush. Only on the shard's thread. */
struct shard_task {
    void (*fn)(void *data);
    void *data;
    struct shard_task *next;
    bool queued;
};
void shard_defer(struct shard *shard, struct shard_task *task);

/* The number of the loop's current turn: equal numbers mean that nothing but this turn's callbacks ran between. */
uint64_t shard_turn(const struct shard *shard);

/* A timer on the shard, embedded in its owner. All zeros is a stopped timer that was never armed. */
struct shard_timer {
    struct shard *shard;
    void (*fn)(void *data);
    void *data;
    int64_t due_us; /* monotonic */
    size_t position; /* in the shard's heap, from 1; 0: not armed */
};
void shard_timer_start(struct shard *shard, struct shard_timer *timer, int64_t due_us, void (*fn)(void *data), void *data);
/* Also fine when it is not armed. */
void shard_timer_stop(struct shard_timer *timer);

#endif
