/* SPDX-License-Identifier: Apache-2.0 */
/* The macs that a thread has found right, in a table of sets of two. A mac chooses its set by its
 * first bytes. Wrong ones are not remembered, so whoever has no key cannot displace anything. */
#include "base/hmac_memo.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hmac.h"
#include "base/status.h"

struct entry {
    uint16_t key_size, data_size; /* 0 and 0: free */
    uint8_t mac[HMAC_SHA256_SIZE];
    char bytes[HMAC_MEMO_SIZE_MAX]; /* key and data */
};

struct memo {
    struct entry entries[HMAC_MEMO_ENTRIES / 2][2]; /* the newer one first */
};

static pthread_key_t memo_key; /* the memo of this thread */
static pthread_once_t set_up = PTHREAD_ONCE_INIT;

static void free_memo(void *memo)
{
    secret_wipe(memo, sizeof(struct memo));
    free(memo);
}

static void set_up_once(void)
{
    invariant(pthread_key_create(&memo_key, free_memo) == 0);
}

/* Untouched pages of it take no memory. */
static struct memo *memo_of_thread(void)
{
    pthread_once(&set_up, set_up_once);
    struct memo *memo = pthread_getspecific(memo_key);

    if (memo) return memo;
    memo = calloc(1, sizeof(*memo));
    invariant(memo && pthread_setspecific(memo_key, memo) == 0);
    return memo;
}

static bool is_of(const struct entry *entry, struct str key, struct str data, struct str mac)
{
    return entry->key_size == key.length && entry->data_size == data.length &&
           str_equal_secret(str_sized(entry->mac, sizeof(entry->mac)), mac) &&
           str_equal_secret(str_sized(entry->bytes, key.length), key) &&
           memcmp(entry->bytes + key.length, data.data, data.length) == 0;
}

static void remember(struct entry set[2], struct str key, struct str data, struct str mac)
{
    struct entry *entry = &set[0];

    set[1] = set[0];
    entry->key_size = (uint16_t)key.length;
    entry->data_size = (uint16_t)data.length;
    memcpy(entry->mac, mac.data, mac.length);
    memcpy(entry->bytes, key.data, key.length);
    memcpy(entry->bytes + key.length, data.data, data.length);
}

static bool verify(struct str key, struct str data, struct str mac)
{
    uint8_t right[HMAC_SHA256_SIZE];

    hmac_sha256(key, data, right);
    return str_equal_secret(str_sized(right, sizeof(right)), mac);
}

bool hmac_memo_verify(struct str key, struct str data, struct str mac)
{
    uint16_t number;

    if (mac.length != HMAC_SHA256_SIZE) return false;
    if (data.length == 0 || key.length + data.length > HMAC_MEMO_SIZE_MAX)
        return verify(key, data, mac);
    memcpy(&number, mac.data, sizeof(number));
    struct entry *set = memo_of_thread()->entries[number % (HMAC_MEMO_ENTRIES / 2)];

    for (int i = 0; i < 2; i++)
        if (is_of(&set[i], key, data, mac)) return true;
    if (!verify(key, data, mac)) return false;
    remember(set, key, data, mac);
    return true;
}
