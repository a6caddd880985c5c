/* SPDX-License-Identifier: Apache-2.0 */
#include "services/auth/auth_watchers.h"

#include <stdatomic.h>

struct watcher {
    struct watcher *next, **link;
    struct fiber_wait wait;
};

/* The list is its shard's alone. One message to it is under way at most. */
struct watched {
    struct watcher *first;
    atomic_int count;
    atomic_bool posted;
};

struct auth_watchers {
    struct shards *shards;
    _Atomic uint64_t told;
    struct watched watched[SHARDS_MAX];
};

struct auth_watchers *auth_watchers_new(struct arena *arena, struct shards *shards)
{
    struct auth_watchers *watchers = arena_new(arena, struct auth_watchers);

    watchers->shards = shards;
    return watchers;
}

uint64_t auth_watchers_seen(const struct auth_watchers *watchers)
{
    return atomic_load(&watchers->told);
}

struct status auth_watchers_wait(struct call *call, struct auth_watchers *watchers, uint64_t seen,
                                 int64_t timeout_ms)
{
    struct watched *watched = &watchers->watched[call->shard->index];
    struct watcher watcher = {.next = watched->first, .link = &watched->first};
    struct status st = status_ok();
    struct call limited;

    if (watcher.next) watcher.next->link = &watcher.next;
    watched->first = &watcher;
    atomic_fetch_add(&watched->count, 1);
    /* Only now: what is told from here on wakes us. */
    if (auth_watchers_seen(watchers) == seen) {
        call_init_child(&limited, call, timeout_ms);
        st = fiber_suspend(&limited, &watcher.wait);
    }
    *watcher.link = watcher.next;
    if (watcher.next) watcher.next->link = watcher.link;
    atomic_fetch_sub(&watched->count, 1);
    return st.code == STATUS_DEADLINE_EXCEEDED ? call_check(call) : st;
}

static void wake_all(struct shard *shard, void *data)
{
    struct auth_watchers *watchers = data;
    struct watched *watched = &watchers->watched[shard->index];
    struct watcher *next;

    atomic_store(&watched->posted, false);
    /* A woken fiber may run at once and leave the list. */
    for (struct watcher *watcher = watched->first; watcher; watcher = next) {
        next = watcher->next;
        fiber_wake(shard, &watcher->wait);
    }
}

void auth_watchers_tell(struct auth_watchers *watchers)
{
    atomic_fetch_add(&watchers->told, 1);
    for (int i = 0; i < shards_count(watchers->shards); i++) {
        struct watched *watched = &watchers->watched[i];
        if (atomic_load(&watched->count) == 0 || atomic_exchange(&watched->posted, true)) continue;
        shard_post(shards_at(watchers->shards, i), wake_all, watchers);
    }
}
