/* SPDX-License-Identifier: Apache-2.0 */
/* The set of ended sessions: buckets of slots by the hash of the session's id, each bucket with one
 * coarse rule for the sessions that no longer fit. */
#include "gateway/ended_sessions.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"
#include "base/status.h"

enum { BUCKET_SLOTS = 8, SPINS_MAX = 1000, US_PER_S = 1000000 };

/* An account among the sessions, as the auth service tells of it. */
#define ACCOUNT "account:"
enum { ACCOUNT_SIZE = sizeof(ACCOUNT) - 1, EMAIL_MAX = 254 };

struct slot {
    uint64_t key; /* 0: free */
    int64_t generation;
    int64_t until_s, until_us; /* of the wall clock and the monotonic clock */
};

/* All zeros is an empty bucket. */
struct bucket {
    atomic_bool busy;
    struct slot slots[BUCKET_SLOTS];
    /* Set when there was no room: tokens issued up to coarse_s count as outdated until the other
     * two. */
    int64_t coarse_s, coarse_until_s, coarse_until_us;
};

struct ended_sessions {
    uint64_t seed;
    size_t mask;
    atomic_bool any; /* an entry was ever added */
    struct bucket buckets[];
};

struct ended_sessions *ended_sessions_new(size_t slots)
{
    size_t count = 1;

    while (count * BUCKET_SLOTS < slots) count *= 2;
    struct ended_sessions *ended = calloc(1, sizeof(*ended) + count * sizeof(struct bucket));
    invariant(ended);
    random_bytes(&ended->seed, sizeof(ended->seed));
    ended->mask = count - 1;
    return ended;
}

void ended_sessions_free(struct ended_sessions *ended)
{
    free(ended);
}

static uint64_t key_of(const struct ended_sessions *ended, struct str id)
{
    uint64_t key = hash_bytes(HASH_START ^ ended->seed, id);

    key = hash_fold(key);
    return key ? key : 1;
}

static void lock(struct bucket *bucket)
{
    for (int spins = 0; atomic_exchange_explicit(&bucket->busy, true, memory_order_acquire);)
        if (++spins % SPINS_MAX == 0) sched_yield();
}

static void unlock(struct bucket *bucket)
{
    atomic_store_explicit(&bucket->busy, false, memory_order_release);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Covers the slot that expires first by the coarse rule, and frees it. */
static void make_coarse(struct bucket *bucket, struct slot *slot, int64_t now_s)
{
    bucket->coarse_s = later(bucket->coarse_s, now_s);
    bucket->coarse_until_s = later(bucket->coarse_until_s, slot->until_s);
    bucket->coarse_until_us = later(bucket->coarse_until_us, slot->until_us);
}

void ended_sessions_add(struct ended_sessions *ended, const struct ended_session *session,
                        int64_t now_s, int64_t now_us)
{
    uint64_t key = key_of(ended, session->id);
    struct bucket *bucket = &ended->buckets[key & ended->mask];
    struct slot *place = 0, *first = &bucket->slots[0];
    int64_t left_us = (session->until_s - now_s) * US_PER_S;

    lock(bucket);
    for (struct slot *slot = bucket->slots; slot < bucket->slots + BUCKET_SLOTS; slot++) {
        bool over = slot->until_s <= now_s && slot->until_us <= now_us;
        if (slot->key == key) {
            place = slot;
            break;
        }
        if (slot->key == 0 || over) place = slot;
        if (slot->until_s < first->until_s) first = slot;
    }
    if (!place) {
        make_coarse(bucket, first, now_s);
        place = first;
    }
    if (place->key != key) *place = (struct slot){.key = key};
    place->generation = later(place->generation, session->generation);
    place->until_s = later(place->until_s, session->until_s);
    place->until_us = later(place->until_us, now_us + (left_us > 0 ? left_us : 0));
    unlock(bucket);
    atomic_store_explicit(&ended->any, true, memory_order_release);
}

/* An expired slot still counts until it is reused: a token that still verifies is thus refused
 * whatever the clocks say. */
enum session_state ended_sessions_find(struct ended_sessions *ended, struct str id,
                                       int64_t generation, int64_t issued_s, int64_t now_us)
{
    enum session_state state = SESSION_GOOD;

    if (!atomic_load_explicit(&ended->any, memory_order_acquire)) return state;
    uint64_t key = key_of(ended, id);
    struct bucket *bucket = &ended->buckets[key & ended->mask];
    lock(bucket);
    if (issued_s <= bucket->coarse_s && now_us < bucket->coarse_until_us) state = SESSION_OUTDATED;
    for (const struct slot *slot = bucket->slots; slot < bucket->slots + BUCKET_SLOTS; slot++)
        if (slot->key == key && generation < slot->generation)
            state = slot->generation == INT64_MAX ? SESSION_ENDED : SESSION_OUTDATED;
    unlock(bucket);
    return state;
}

enum session_state ended_sessions_find_account(struct ended_sessions *ended, struct str email,
                                               int64_t issued_s, int64_t now_us)
{
    char id[ACCOUNT_SIZE + EMAIL_MAX] = ACCOUNT;
    size_t length = ACCOUNT_SIZE;

    /* No account has a longer address. */
    if (email.length > EMAIL_MAX) return SESSION_GOOD;
    for (size_t i = 0; i < email.length; i++) {
        char c = email.data[i];
        id[length++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    enum session_state state = ended_sessions_find(ended, str_sized(id, length), issued_s, issued_s,
                                                   now_us);
    return state == SESSION_GOOD ? state : SESSION_ENDED;
}
