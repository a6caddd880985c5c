/* SPDX-License-Identifier: Apache-2.0 */
/* Back-off after wrong passwords: a bounded table of failure counters, hashed with a key and kept
 * under one lock. */
#include "rpc/password_backoff.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"
#include "base/status.h"

enum { NEIGHBOURS = 8 };

const struct password_backoff_rule password_backoff_rules[PASSWORD_BACKOFF_RULES] = {
    {'b', .by_account = true, .by_address = true, .free = 5, .wait_max = 60},
    {'a', .by_address = true, .free = 50, .wait_max = 60},
    {'e', .by_account = true, .free = 100, .wait_max = 2},
};

struct counter {
    uint64_t key;
    uint32_t failures;
    int64_t last_us;
};

struct password_backoff {
    pthread_mutex_t lock; /* logins are rare compared to other calls, and hold it for nanoseconds */
    uint64_t seed;        /* secret, so that an attacker cannot choose names that share a counter
                           * with a victim */
    int64_t wait_us;
    size_t mask;
    struct counter counters[];
};

struct password_backoff *password_backoff_new(int entries, int64_t wait_us)
{
    size_t count = NEIGHBOURS;

    while (count < (size_t)entries) count *= 2;
    struct password_backoff *backoff = calloc(1, sizeof(*backoff) +
                                                     (count + NEIGHBOURS) * sizeof(struct counter));
    invariant(backoff);
    pthread_mutex_init(&backoff->lock, 0);
    random_bytes(&backoff->seed, sizeof(backoff->seed));
    backoff->wait_us = wait_us;
    backoff->mask = count - 1;
    return backoff;
}

void password_backoff_free(struct password_backoff *backoff)
{
    pthread_mutex_destroy(&backoff->lock);
    free(backoff);
}

/* Whose failures are asked for; the address as ip_party has it. */
struct guesser {
    const char *account, *address;
};

static uint64_t key_of(const struct password_backoff *backoff,
                       const struct password_backoff_rule *rule, const struct guesser *guesser)
{
    uint64_t hash = hash_text(backoff->seed ^ (uint64_t)rule->kind,
                              rule->by_account ? guesser->account : "");

    hash = hash_fold(hash_text(hash, rule->by_address ? guesser->address : ""));
    return hash ? hash : 1;
}

/* The counter of a key; if there is none, a new one if `make`, else NULL. */
static struct counter *find(struct password_backoff *backoff, uint64_t key, bool make)
{
    struct counter *near = &backoff->counters[key & backoff->mask], *oldest = near;

    for (int i = 0; i < NEIGHBOURS; i++) {
        if (near[i].key == key) return &near[i];
        if (near[i].last_us < oldest->last_us) oldest = &near[i];
    }
    if (!make) return 0;
    *oldest = (struct counter){.key = key};
    return oldest;
}

static uint32_t faded(const struct password_backoff *backoff, const struct counter *counter,
                      int64_t now_us)
{
    int64_t halvings = (now_us - counter->last_us) / (PASSWORD_BACKOFF_FADE * backoff->wait_us);

    return halvings > 31 ? 0 : counter->failures >> halvings;
}

static int64_t wait_of(struct password_backoff *backoff, const struct password_backoff_rule *rule,
                       const struct guesser *guesser, int64_t now_us)
{
    const struct counter *counter = find(backoff, key_of(backoff, rule, guesser), false);
    if (!counter) return 0;

    uint32_t failures = faded(backoff, counter, now_us);
    if (failures < rule->free) return 0;

    uint32_t over = failures - rule->free;
    int64_t waits = over > 6 ? rule->wait_max : INT64_C(1) << over;
    int64_t wait_us = backoff->wait_us * (waits < rule->wait_max ? waits : rule->wait_max);
    int64_t left_us = counter->last_us + wait_us - now_us;
    return left_us > 0 ? left_us : 0;
}

static int64_t longest_wait(struct password_backoff *backoff, const struct guesser *guesser,
                            int64_t now_us)
{
    int64_t longest_us = 0;

    for (int i = 0; i < PASSWORD_BACKOFF_RULES; i++) {
        int64_t wait_us = wait_of(backoff, &password_backoff_rules[i], guesser, now_us);
        if (wait_us > longest_us) longest_us = wait_us;
    }
    return longest_us;
}

static void count(struct password_backoff *backoff, const struct guesser *guesser, int64_t now_us)
{
    for (int i = 0; i < PASSWORD_BACKOFF_RULES; i++) {
        struct counter *counter = find(backoff,
                                       key_of(backoff, &password_backoff_rules[i], guesser), true);
        counter->failures = faded(backoff, counter, now_us) + 1;
        counter->last_us = now_us;
    }
}

/* What an address has tried at other accounts stays. */
static void forget(struct password_backoff *backoff, const struct guesser *guesser)
{
    for (int i = 0; i < PASSWORD_BACKOFF_RULES; i++) {
        const struct password_backoff_rule *rule = &password_backoff_rules[i];
        struct counter *counter = find(backoff, key_of(backoff, rule, guesser), false);
        if (counter && rule->by_account) *counter = (struct counter){0};
    }
}

int64_t password_backoff_wait_us(struct password_backoff *backoff, const char *account,
                                 const char *address, int64_t now_us)
{
    char party[IP_TEXT_SIZE];
    const struct guesser guesser = {account, party};

    ip_party(address, party);
    pthread_mutex_lock(&backoff->lock);
    int64_t wait_us = longest_wait(backoff, &guesser, now_us);
    pthread_mutex_unlock(&backoff->lock);
    return wait_us;
}

int64_t password_backoff_judge_us(struct password_backoff *backoff, const char *account,
                                  const char *address, bool good, int64_t now_us)
{
    char party[IP_TEXT_SIZE];
    const struct guesser guesser = {account, party};

    ip_party(address, party);
    pthread_mutex_lock(&backoff->lock);
    int64_t wait_us = longest_wait(backoff, &guesser, now_us);
    if (good && wait_us == 0)
        forget(backoff, &guesser);
    else
        count(backoff, &guesser, now_us);
    pthread_mutex_unlock(&backoff->lock);
    return wait_us;
}
