/* SPDX-License-Identifier: Apache-2.0 */
#include "services/auth/auth_backoff.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"
#include "base/status.h"

enum { NEIGHBOURS = 8, FADE_US = 60 * 1000000, SECOND_US = 1000000 };

/* How one way of counting answers. */
struct rule {
    char kind;
    uint32_t free; /* failures that cost nothing */
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

struct auth_backoff {
    pthread_mutex_t lock; /* logins are rare beside everything else, and hold it for nanoseconds */
    uint64_t seed;        /* nobody can aim at another's counter */
    size_t mask;
    struct counter counters[];
};

struct auth_backoff *auth_backoff_new(int entries)
{
    size_t count = NEIGHBOURS;

    while (count < (size_t)entries) count *= 2;
    struct auth_backoff *backoff = calloc(1, sizeof(*backoff) +
                                                 (count + NEIGHBOURS) * sizeof(struct counter));
    invariant(backoff);
    pthread_mutex_init(&backoff->lock, 0);
    random_bytes(&backoff->seed, sizeof(backoff->seed));
    backoff->mask = count - 1;
    return backoff;
}

void auth_backoff_free(struct auth_backoff *backoff)
{
    pthread_mutex_destroy(&backoff->lock);
    free(backoff);
}

enum { NETWORK_BITS = 64 };

/* Who has one IPv6 address mostly has the other 2^64 of its network too: they count as one. */
static const char *network_of(const char *address, char ret_text[INET6_ADDRSTRLEN])
{
    struct in6_addr ip;

    if (inet_pton(AF_INET6, address, &ip) != 1 || IN6_IS_ADDR_V4MAPPED(&ip)) return address;
    memset(&ip.s6_addr[NETWORK_BITS / 8], 0, sizeof(ip) - NETWORK_BITS / 8);
    return inet_ntop(AF_INET6, &ip, ret_text, INET6_ADDRSTRLEN);
}

/* The hash begins from a secret seed, so that nobody can choose addresses that share a counter. */
static uint64_t key_of(const struct auth_backoff *backoff, const struct rule *rule,
                       const char *account, const char *address)
{
    uint64_t hash = hash_text(backoff->seed ^ (uint64_t)rule->kind, account);

    hash = hash_fold(hash_text(hash, address));
    return hash ? hash : 1;
}

/* The counter of a key, or NULL if `make` is false and there is none. */
static struct counter *find(struct auth_backoff *backoff, uint64_t key, bool make)
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

static int64_t wait_of(struct auth_backoff *backoff, const struct rule *rule, const char *account,
                       const char *address, int64_t now_us)
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

int64_t auth_backoff_wait_us(struct auth_backoff *backoff, const char *account, const char *address,
                             int64_t now_us)
{
    char text[INET6_ADDRSTRLEN];

    address = network_of(address, text);
    pthread_mutex_lock(&backoff->lock);
    int64_t wait_us = wait_of(backoff, &account_from_address, account, address, now_us);
    int64_t address_us = wait_of(backoff, &any_from_address, "", address, now_us);
    int64_t account_us = wait_of(backoff, &account_from_anywhere, account, "", now_us);
    pthread_mutex_unlock(&backoff->lock);

    if (address_us > wait_us) wait_us = address_us;
    return account_us > wait_us ? account_us : wait_us;
}

static void count(struct auth_backoff *backoff, const struct rule *rule, const char *account,
                  const char *address, int64_t now_us)
{
    struct counter *counter = find(backoff, key_of(backoff, rule, account, address), true);

    counter->failures = faded(counter, now_us) + 1;
    counter->last_us = now_us;
}

void auth_backoff_failed(struct auth_backoff *backoff, const char *account, const char *address,
                         int64_t now_us)
{
    char text[INET6_ADDRSTRLEN];

    address = network_of(address, text);
    pthread_mutex_lock(&backoff->lock);
    count(backoff, &account_from_address, account, address, now_us);
    count(backoff, &any_from_address, "", address, now_us);
    count(backoff, &account_from_anywhere, account, "", now_us);
    pthread_mutex_unlock(&backoff->lock);
}

static void forget(struct auth_backoff *backoff, const struct rule *rule, const char *account,
                   const char *address)
{
    struct counter *counter = find(backoff, key_of(backoff, rule, account, address), false);

    if (counter) *counter = (struct counter){0};
}

void auth_backoff_succeeded(struct auth_backoff *backoff, const char *account, const char *address)
{
    char text[INET6_ADDRSTRLEN];

    address = network_of(address, text);
    pthread_mutex_lock(&backoff->lock);
    forget(backoff, &account_from_address, account, address);
    forget(backoff, &account_from_anywhere, account, "");
    pthread_mutex_unlock(&backoff->lock);
}
