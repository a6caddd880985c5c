/* SPDX-License-Identifier: Apache-2.0 */
/* The table of counts: buckets of slots by a keyed hash, each guarded by a spin flag. */
#include "gateway/rate_table.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/status.h"

enum { BUCKET_SLOTS = 8, SPINS_MAX = 1000 };

struct slot {
    uint64_t key;  /* the hash of key and window's length; 0: never used */
    int64_t end_s; /* when the window ends */
    int64_t count;
};

/* All zeros is an empty bucket, so that a table uses memory only as it fills. */
struct bucket {
    atomic_bool busy;
    struct slot slots[BUCKET_SLOTS];
};

struct rate_table {
    uint64_t seed[2];
    size_t mask;
    struct bucket buckets[];
};

__extension__ typedef unsigned __int128 wide;

struct rate_table *rate_table_new(size_t slots)
{
    size_t count = 1;

    while (count * BUCKET_SLOTS < slots) count *= 2;
    struct rate_table *table = calloc(1, sizeof(*table) + count * sizeof(table->buckets[0]));
    invariant(table != NULL);
    random_bytes(table->seed, sizeof(table->seed));
    table->mask = count - 1;
    return table;
}

void rate_table_free(struct rate_table *table)
{
    free(table);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Hashes the key with the secret seed, so that clients cannot predict its bucket or slot.
 */
static uint64_t hash_key(const struct rate_table *table, struct str key, int64_t window_s,
                         size_t *ret_bucket)
{
    uint64_t a = table->seed[0] ^ (uint64_t)window_s, b = table->seed[1] ^ key.length;

    while (key.length > 0) {
        size_t size = key.length < 8 ? key.length : 8;
        uint64_t word = 0;
        memcpy(&word, key.data, size);
        key = str_sized(key.data + size, key.length - size);
        a = mix(a ^ word, UINT64_C(0xa0761d6478bd642f) ^ table->seed[1]);
        b = mix(b ^ word, UINT64_C(0xe7037ed1a0b428db) ^ table->seed[0]);
    }
    *ret_bucket = mix(a, UINT64_C(0x8ebc6af09c88c6e3)) & table->mask;
    uint64_t hash = mix(b, UINT64_C(0x589965cc75374cc3));
    return hash ? hash : 1;
}

static void enter(struct bucket *bucket)
{
    for (int spins = 0; atomic_exchange_explicit(&bucket->busy, true, memory_order_acquire);
         spins++)
        if (spins > SPINS_MAX) sched_yield(); /* its holder was preempted */
}

static void leave(struct bucket *bucket)
{
    atomic_store_explicit(&bucket->busy, false, memory_order_release);
}

/* The slot of the key; if it has none, the best one to replace is given to the key. */
static struct slot *find_slot(struct bucket *bucket, uint64_t key, int64_t end_s, int64_t now_s)
{
    struct slot *victim = &bucket->slots[0];

    for (int i = 0; i < BUCKET_SLOTS; i++) {
        struct slot *slot = &bucket->slots[i];
        /* Another thread's clock may have reached the next window already. */
        if (slot->key == key && slot->end_s >= end_s) return slot;
        if (slot->end_s < victim->end_s) victim = slot;
        /* An earlier window of the same key is the first to be replaced. */
        if (slot->key == key && slot->end_s <= now_s) {
            victim = slot;
            break;
        }
    }
    /* Stopping early misses no slot of the key for this window: making that one would have reused
     * the old slot.
     */
    *victim = (struct slot){.key = key, .end_s = end_s};
    return victim;
}

bool rate_table_take(struct rate_table *table, struct str key, int64_t window_s, int64_t limit,
                     int64_t now_s, int64_t *ret_left)
{
    int64_t end_s = now_s - now_s % window_s + window_s;
    size_t at;
    uint64_t hash = hash_key(table, key, window_s, &at);
    struct bucket *bucket = &table->buckets[at];

    enter(bucket);
    struct slot *slot = find_slot(bucket, hash, end_s, now_s);
    bool taken = slot->count < limit;
    if (taken) slot->count++;
    *ret_left = limit - slot->count;
    leave(bucket);
    return taken;
}
