/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of each shard that wait for a payment, in a list. */
#include "services/payment/payment_waits.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"

enum { US_PER_MS = 1000 };

/* What waits on one shard. */
struct waiting {
    _Atomic int count;
    struct shard *shard;
    struct payment_wait *first;
    /* For tell_all: */
    atomic_bool due; /* the message is under way, or the timer runs */
    struct shard_message message;
    struct shard_timer timer;
    int64_t told_us;
};

struct payment_waits {
    struct shards *shards;
    struct waiting on[SHARDS_MAX];
};

/* A change, for another shard. */
struct news {
    struct payment_waits *waits;
    uint64_t order, payment;
};

struct payment_waits *payment_waits_new(struct arena *arena, struct shards *shards)
{
    struct payment_waits *waits = arena_new(arena, struct payment_waits);

    waits->shards = shards;
    for (int i = 0; i < shards_count(shards); i++) waits->on[i].shard = shards_at(shards, i);
    return waits;
}

static uint64_t key_of(const char *id)
{
    return hash_text(HASH_START, id);
}

/* ---- waiting ---- */

void payment_wait_begin(struct payment_waits *waits, const struct call *call, const char *id,
                        struct payment_wait *wait)
{
    struct waiting *waiting = &waits->on[call->shard->index];

    *wait = (struct payment_wait){.key = key_of(id), .next = waiting->first};
    if (waiting->first) waiting->first->previous = wait;
    waiting->first = wait;
    atomic_fetch_add(&waiting->count, 1);
}

void payment_wait_end(struct payment_waits *waits, const struct call *call,
                      struct payment_wait *wait)
{
    struct waiting *waiting = &waits->on[call->shard->index];

    if (wait->previous)
        wait->previous->next = wait->next;
    else
        waiting->first = wait->next;
    if (wait->next) wait->next->previous = wait->previous;
    atomic_fetch_sub(&waiting->count, 1);
}

struct status payment_wait_for(struct call *call, struct payment_wait *wait, int64_t until_us)
{
    struct status st = status_ok();
    int64_t left_us = until_us - clock_monotonic_us();
    struct call limited;

    call_init_child(&limited, call, left_us > 0 ? left_us / US_PER_MS + 1 : 1);
    while (!wait->told && !failed(st)) st = fiber_suspend(&limited, &wait->wait);
    wait->told = false;
    return call_check(call);
}

/* ---- telling ---- */

/* Wakes later, so that nobody leaves the list during the walk. */
static void wake(struct shard *shard, struct payment_wait *wait)
{
    wait->told = true;
    fiber_wake_later(shard, &wait->wait);
}

static void tell_here(struct shard *shard, const struct news *news)
{
    struct payment_wait *wait = news->waits->on[shard->index].first;

    for (; wait; wait = wait->next)
        if (wait->key == news->order || wait->key == news->payment) wake(shard, wait);
}

static void tell_there(struct shard *shard, void *data)
{
    tell_here(shard, data);
    free(data);
}

void payment_waits_tell(struct payment_waits *waits, const struct call *call,
                        const struct payment *payment)
{
    const struct news news = {waits, key_of(payment->order_id), key_of(payment->payment_id)};

    for (int i = 0; i < shards_count(waits->shards); i++) {
        struct shard *shard = shards_at(waits->shards, i);
        if (atomic_load(&waits->on[i].count) == 0) continue;
        if (shard == call->shard) {
            tell_here(shard, &news);
            continue;
        }
        struct news *copy = malloc(sizeof(*copy));
        invariant(copy);
        *copy = news;
        shard_post(shard, tell_there, copy);
    }
}

static void wake_all(void *data)
{
    struct waiting *waiting = data;

    atomic_store(&waiting->due, false);
    waiting->told_us = clock_monotonic_us();
    for (struct payment_wait *wait = waiting->first; wait; wait = wait->next)
        wake(waiting->shard, wait);
}

static void wake_all_soon(struct shard *shard, void *data)
{
    struct waiting *waiting = data;

    shard_timer_start(shard, &waiting->timer, waiting->told_us + PAYMENT_WAITS_PAUSE_US, wake_all,
                      waiting);
}

void payment_waits_tell_all(void *data)
{
    struct payment_waits *waits = data;

    for (int i = 0; i < shards_count(waits->shards); i++) {
        struct waiting *waiting = &waits->on[i];
        if (atomic_load(&waiting->count) == 0 || atomic_exchange(&waiting->due, true)) continue;
        waiting->message = (struct shard_message){.fn = wake_all_soon, .data = waiting};
        shard_post_message(shards_at(waits->shards, i), &waiting->message);
    }
}
