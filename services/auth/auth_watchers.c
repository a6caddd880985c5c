/* SPDX-License-Identifier: Apache-2.0 */
/* Each shard has a list of its own waiting calls. A notification counts up one number and posts one
 * message to each shard whose list is not empty. */
#include "services/auth/auth_watchers.h"

#include <stdatomic.h>

struct watcher {
    struct watcher *next, **link;
    struct fiber_wait wait;
};

/* Only the shard itself uses the list. At most one message to it is under way. */
struct shard_watchers {
    struct watcher *first;
    atomic_int count;
    atomic_bool posted;
};

struct auth_watchers {
    struct shards *shards;
    _Atomic uint64_t notifications;
    struct shard_watchers on_shard[SHARDS_MAX];
};

struct auth_watchers *auth_watchers_new(struct arena *arena, struct shards *shards)
{
    struct auth_watchers *watchers = arena_new(arena, struct auth_watchers);

    watchers->shards = shards;
    return watchers;
}

uint64_t auth_watchers_seen(const struct auth_watchers *watchers)
{
    return atomic_load(&watchers->notifications);
}

struct status auth_watchers_wait(struct call *call, struct auth_watchers *watchers, uint64_t seen,
                                 int64_t timeout_ms)
{
    struct shard_watchers *waiting = &watchers->on_shard[call->shard->index];
    struct watcher watcher = {.next = waiting->first, .link = &waiting->first};
    struct status st = status_ok();
    struct call limited;

    if (watcher.next) watcher.next->link = &watcher.next;
    waiting->first = &watcher;
    atomic_fetch_add(&waiting->count, 1);
    /* Compare only now that the call is listed: any later notification wakes it. */
    if (auth_watchers_seen(watchers) == seen) {
        call_init_child(&limited, call, timeout_ms);
        st = fiber_suspend(&limited, &watcher.wait);
    }
    *watcher.link = watcher.next;
    if (watcher.next) watcher.next->link = watcher.link;
    atomic_fetch_sub(&waiting->count, 1);
    return st.code == STATUS_DEADLINE_EXCEEDED ? call_check(call) : st;
}

static void wake_all(struct shard *shard, void *data)
{
    struct auth_watchers *watchers = data;
    struct shard_watchers *waiting = &watchers->on_shard[shard->index];

    atomic_store(&waiting->posted, false);
    for (struct watcher *watcher = waiting->first; watcher; watcher = watcher->next)
        fiber_wake_later(shard, &watcher->wait);
}

void auth_watchers_notify(struct auth_watchers *watchers)
{
    atomic_fetch_add(&watchers->notifications, 1);
    for (int i = 0; i < shards_count(watchers->shards); i++) {
        struct shard_watchers *waiting = &watchers->on_shard[i];
        if (atomic_load(&waiting->count) == 0 || atomic_exchange(&waiting->posted, true)) continue;
        shard_post(shards_at(watchers->shards, i), wake_all, watchers);
    }
}
