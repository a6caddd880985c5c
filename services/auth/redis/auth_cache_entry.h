/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions of one account as a value in a cache that others may write to. An entry is signed, with
 * the account's name in the signature, and says itself until when it is good: whatever was not written
 * by this service, for this account and a moment ago is no entry. */
#ifndef SERVICES_AUTH_REDIS_AUTH_CACHE_ENTRY_H
#define SERVICES_AUTH_REDIS_AUTH_CACHE_ENTRY_H

#include "base/str.h"
#include "services/auth/auth.h"

enum { AUTH_CACHE_ENTRY_SIZE_MAX = 64 * 1024 };

struct auth_cache_entry {
    const char *account; /* in lower case */
    int64_t as_of_s;     /* sessions that had expired then are not in it */
    int64_t until_us;
    const struct session *sessions;
    size_t count;
};

/* In the arena; data NULL: it would be larger than AUTH_CACHE_ENTRY_SIZE_MAX. */
struct str auth_cache_entry_write(struct arena *arena, struct str key,
                                  const struct auth_cache_entry *entry);

/* False if the text is no entry of this account that is good now. The texts are in the arena. */
bool auth_cache_entry_read(struct arena *arena, struct str key, const char *account,
                           struct str text, int64_t now_us, struct auth_cache_entry *ret_entry);

/* What a store wants to be remembered of an account (struct account_memory), signed likewise. It is
 * good for as long as it is kept: the store finds out whether it is outdated. */
struct str auth_cache_memory_write(struct arena *arena, struct str key, const char *account,
                                   struct str text);
/* Data NULL: not written by this service for this account. */
struct str auth_cache_memory_read(struct arena *arena, struct str key, const char *account,
                                  struct str signed_text);

#endif
