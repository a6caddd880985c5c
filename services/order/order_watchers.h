/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that watch an order, and are woken when this process changes it.
 *
 *     st = order_watch_begin(call, watchers, order_id, email, &watcher);
 *     ... read and send, then order_watch_wait(call, &watcher, 1000), again and again ...
 *     order_watch_end(watchers, &watcher);
 *
 * A wake-up says only that the order may have changed, and changes by other processes wake nobody,
 * so a watching call also reads the order again after a while. Each shard has a list of its own. */
#ifndef SERVICES_ORDER_ORDER_WATCHERS_H
#define SERVICES_ORDER_ORDER_WATCHERS_H

#include "fiber/fiber.h"

struct order_watchers;

struct order_watcher {
    struct fiber_wait wait;
    uint64_t hash;   /* of the order's id */
    uint64_t caller; /* the hash of the caller's address */
    int shard;
    struct order_watcher *next, *previous;
};

/* Room for `max` watchers, an equal part on each shard; in the arena. */
struct order_watchers *order_watchers_new(struct arena *arena, struct shards *shards, int max);

/* The most watchers of one caller on a shard, so that no caller takes all the room. */
enum { ORDER_WATCHERS_OF_CALLER_MAX = 100 };

/* RESOURCE_EXHAUSTED (QUEUE_FULL) if there are too many watchers, in total or of the caller; then
 * order_watch_end must not be called. */
struct status order_watch_begin(struct call *call, struct order_watchers *watchers,
                                const char *order_id, const char *email,
                                struct order_watcher *ret_watcher);

/* Waits until the order is changed; OK also when the timeout passes first. CANCELLED, or
 * DEADLINE_EXCEEDED at the call's own deadline. */
struct status order_watch_wait(struct call *call, struct order_watcher *watcher,
                               int64_t timeout_ms);

void order_watch_end(struct order_watchers *watchers, struct order_watcher *watcher);

/* Wakes the calls that watch the order, on all shards; on any thread. Shards without watchers are
 * left alone. */
void order_watchers_notify(struct order_watchers *watchers, const char *order_id);

#endif
