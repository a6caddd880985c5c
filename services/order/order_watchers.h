/* SPDX-License-Identifier: Apache-2.0 */
/* Who watches an order, and is woken when this process changes it.
 *
 *     st = order_watch_begin(call, watchers, order_id, email, &watcher);
 *     ... read and send, then order_watch_wait(call, &watcher, 1000), again and again ...
 *     order_watch_end(watchers, &watcher);
 *
 * A wake-up says only that something may have happened, and changes by other processes wake nobody:
 * who watches looks again after a while in any case. Each shard has a list of its own. */
#ifndef SERVICES_ORDER_ORDER_WATCHERS_H
#define SERVICES_ORDER_ORDER_WATCHERS_H

#include "fiber/fiber.h"

struct order_watchers;

struct order_watcher {
    struct fiber_wait wait;
    uint64_t hash;   /* of the order's id */
    uint64_t caller; /* likewise of the address */
    int shard;
    struct order_watcher *next, *previous;
};

/* Room for `max` watchers, an equal part of them on each shard; in the arena. */
struct order_watchers *order_watchers_new(struct arena *arena, struct shards *shards, int max);

/* What one caller may have of a shard's room, so that nobody takes it all. */
enum { ORDER_WATCHERS_OF_CALLER_MAX = 100 };

/* RESOURCE_EXHAUSTED (QUEUE_FULL) when there are too many, in all or of the caller; then there is
 * nothing to end. */
struct status order_watch_begin(struct call *call, struct order_watchers *watchers,
                                const char *order_id, const char *email,
                                struct order_watcher *ret_watcher);

/* Until the order is changed or the time is over: OK. CANCELLED, or DEADLINE_EXCEEDED of the call.
 */
struct status order_watch_wait(struct call *call, struct order_watcher *watcher,
                               int64_t timeout_ms);

void order_watch_end(struct order_watchers *watchers, struct order_watcher *watcher);

/* Wakes who watches the order, on all shards; any thread. Costs nothing where nobody watches. */
void order_watchers_tell(struct order_watchers *watchers, const char *order_id);

#endif
