/* SPDX-License-Identifier: Apache-2.0 */
/* Back-off after wrong passwords: a bounded table of failure counters, hashed with a key and kept
 * under one lock. */
#include "rpc/password_backoff.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/ip.h"
#include "base/random.h"
#include "base/status.h"

enum { NEIGHBOURS = 8, FADE_US = 60 * 1000000, SECOND_US = 1000000 };

/* The waits of one kind of counter. */
struct rule {
    char kind;
    uint32_t free; /* failures without a wait */
    int64_t wait_max_us;
};

static const struct rule account_from_address = {'b', 5, 60LL * SECOND_US};
static const struct rule any_from_address = {'a', 50, 60LL * SECOND_US};
static const struct rule account_from_anywhere = {'e', 100, 2LL * SECOND_US};

struct counter {
    uint64_t key;
    uint32_t failures;
    int64_t last_us;
};

struct password_backoff {
    pthread_mutex_t lock; /* logins are rare compared to other calls, and hold it for nanoseconds */
    uint64_t seed;        /* secret, so that an attacker cannot choose names that share a counter
                           * with a victim */
    size_t mask;
    struct counter counters[];
};

struct password_backoff *password_backoff_new(int entries)
{
    size_t count = NEIGHBOURS;

    while (count < (size_t)entries) count *= 2;
    struct password_backoff *backoff = calloc(1, sizeof(*backoff) +
                                                     (count + NEIGHBOURS) * sizeof(struct counter));
    invariant(backoff);
    pthread_mutex_init(&backoff->lock, 0);
    random_bytes(&backoff->seed, sizeof(backoff->seed));
    backoff->mask = count - 1;
    return backoff;
}

void password_backoff_free(struct password_backoff *backoff)
{
    pthread_mutex_destroy(&backoff->lock);
    free(backoff);
}

static uint64_t key_of(const struct password_backoff *backoff, const struct rule *rule,
                       const char *account, const char *address)
{
    uint64_t hash = hash_text(backoff->seed ^ (uint64_t)rule->kind, account);

    hash = hash_fold(hash_text(hash, address));
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

static uint32_t faded(const struct counter *counter, int64_t now_us)
{
    int64_t halvings = (now_us - counter->last_us) / FADE_US;

    return halvings > 31 ? 0 : counter->failures >> halvings;
}

static int64_t wait_of(struct password_backoff *backoff, const struct rule *rule,
                       const char *account, const char *address, int64_t now_us)
{
    const struct counter *counter = find(backoff, key_of(backoff, rule, account, address), false);
    if (!counter) return 0;

    uint32_t failures = faded(counter, now_us);
    if (failures < rule->free) return 0;

    uint32_t over = failures - rule->free;
    int64_t wait_us = over > 6 ? rule->wait_max_us : (int64_t)SECOND_US << over;
    if (wait_us > rule->wait_max_us) wait_us = rule->wait_max_us;
    int64_t left_us = counter->last_us + wait_us - now_us;
    return left_us > 0 ? left_us : 0;
}

int64_t password_backoff_wait_us(struct password_backoff *backoff, const char *account,
                                 const char *address, int64_t now_us)
{
    char party[IP_TEXT_SIZE];

    ip_party(address, party);
    address = party;
    pthread_mutex_lock(&backoff->lock);
    int64_t wait_us = wait_of(backoff, &account_from_address, account, address, now_us);
    int64_t address_us = wait_of(backoff, &any_from_address, "", address, now_us);
    int64_t account_us = wait_of(backoff, &account_from_anywhere, account, "", now_us);
    pthread_mutex_unlock(&backoff->lock);

    if (address_us > wait_us) wait_us = address_us;
    return account_us > wait_us ? account_us : wait_us;
}

static void count(struct password_backoff *backoff, const struct rule *rule, const char *account,
                  const char *address, int64_t now_us)
{
    struct counter *counter = find(backoff, key_of(backoff, rule, account, address), true);

    counter->failures = faded(counter, now_us) + 1;
    counter->last_us = now_us;
}

void password_backoff_failed(struct password_backoff *backoff, const char *account,
                             const char *address, int64_t now_us)
{
    char party[IP_TEXT_SIZE];

    ip_party(address, party);
    address = party;
    pthread_mutex_lock(&backoff->lock);
    count(backoff, &account_from_address, account, address, now_us);
    count(backoff, &any_from_address, "", address, now_us);
    count(backoff, &account_from_anywhere, account, "", now_us);
    pthread_mutex_unlock(&backoff->lock);
}

static void forget(struct password_backoff *backoff, const struct rule *rule, const char *account,
                   const char *address)
{
    struct counter *counter = find(backoff, key_of(backoff, rule, account, address), false);

    if (counter) *counter = (struct counter){0};
}

void password_backoff_succeeded(struct password_backoff *backoff, const char *account,
                                const char *address)
{
    char party[IP_TEXT_SIZE];

    ip_party(address, party);
    address = party;
    pthread_mutex_lock(&backoff->lock);
    forget(backoff, &account_from_address, account, address);
    forget(backoff, &account_from_anywhere, account, "");
    pthread_mutex_unlock(&backoff->lock);
}
