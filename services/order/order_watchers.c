/* SPDX-License-Identifier: Apache-2.0 */
/* Each shard has a list of its own watchers; a change posts a message to the shards that have
 * some. */
#include "services/order/order_watchers.h"

#include <stdatomic.h>

#include "base/hash.h"
#include "reasons.pb-c.h"

/* Only the shard itself uses the list; other threads read only the count. */
struct shard_watchers {
    struct order_watchers *owner;
    struct order_watcher *first;
    atomic_int count;
};

struct order_watchers {
    struct shards *shards;
    int count_max; /* on one shard */
    struct shard_watchers on_shard[SHARDS_MAX];
};

struct order_watchers *order_watchers_new(struct arena *arena, struct shards *shards, int max)
{
    struct order_watchers *watchers = arena_new(arena, struct order_watchers);
    int count = shards_count(shards);

    watchers->shards = shards;
    watchers->count_max = (max + count - 1) / count;
    for (int i = 0; i < count; i++) watchers->on_shard[i].owner = watchers;
    return watchers;
}

static int count_of(const struct shard_watchers *waiting, uint64_t caller)
{
    int count = 0;

    for (const struct order_watcher *w = waiting->first; w; w = w->next)
        count += w->caller == caller;
    return count;
}

struct status order_watch_begin(struct call *call, struct order_watchers *watchers,
                                const char *order_id, const char *email,
                                struct order_watcher *ret_watcher)
{
    struct shard_watchers *waiting = &watchers->on_shard[call->shard->index];
    uint64_t caller = hash_text(HASH_START, str_lower(call->arena, str_of(email)));

    if (atomic_load(&waiting->count) >= watchers->count_max)
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__QUEUE_FULL,
                           "too many orders are being watched; call GetOrder from time to time");
    if (count_of(waiting, caller) >= ORDER_WATCHERS_OF_CALLER_MAX)
        return status_make(
            STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__QUEUE_FULL,
            "you watch too many orders at a time; end some watches, or call ListOrders from time "
            "to time");
    *ret_watcher = (struct order_watcher){.hash = hash_text(HASH_START, order_id),
                                          .caller = caller,
                                          .shard = call->shard->index,
                                          .next = waiting->first};
    if (waiting->first) waiting->first->previous = ret_watcher;
    waiting->first = ret_watcher;
    atomic_fetch_add(&waiting->count, 1);
    return status_ok();
}

struct status order_watch_wait(struct call *call, struct order_watcher *watcher, int64_t timeout_ms)
{
    struct call limited;
    struct status st;

    call_init_child(&limited, call, timeout_ms);
    st = fiber_suspend(&limited, &watcher->wait);
    return st.code == STATUS_DEADLINE_EXCEEDED ? call_check(call) : st;
}

void order_watch_end(struct order_watchers *watchers, struct order_watcher *watcher)
{
    struct shard_watchers *waiting = &watchers->on_shard[watcher->shard];

    if (watcher->next) watcher->next->previous = watcher->previous;
    if (watcher->previous)
        watcher->previous->next = watcher->next;
    else
        waiting->first = watcher->next;
    atomic_fetch_sub(&waiting->count, 1);
}

/* The message to a shard: which order has changed. */
struct notification {
    struct order_watchers *watchers;
    uint64_t hash;
};

static void wake_watchers(struct shard *shard, void *data)
{
    struct notification *notification = data;

    for (struct order_watcher *w = notification->watchers->on_shard[shard->index].first; w;
         w = w->next)
        if (w->hash == notification->hash) fiber_wake_later(shard, &w->wait);
    free(notification);
}

void order_watchers_notify(struct order_watchers *watchers, const char *order_id)
{
    for (int i = 0; i < shards_count(watchers->shards); i++) {
        if (atomic_load(&watchers->on_shard[i].count) == 0) continue;
        struct notification *notification = malloc(sizeof(*notification));
        if (!notification) return; /* watchers look again by themselves */
        *notification = (struct notification){watchers, hash_text(HASH_START, order_id)};
        shard_post(shards_at(watchers->shards, i), wake_watchers, notification);
    }
}
