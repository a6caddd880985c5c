/* SPDX-License-Identifier: Apache-2.0 */
/* A cache on Redis in front of a store of sessions. */
#ifndef SERVICES_AUTH_REDIS_AUTH_CACHE_H
#define SERVICES_AUTH_REDIS_AUTH_CACHE_H

#include "services/auth/auth_store.h"

/* Wraps `behind`, which the new store closes. Nothing is decided by what the cache says, and a cache
 * that is lost, emptied, slow, wrong or forged costs time alone. Entries are signed with a key made of
 * the first of `keys`. All processes that change the store should have the same cache: the changes of
 * one that has none show in the lists of the others after ten seconds. Reaches nobody. INVALID_ARGUMENT
 * or FAILED_PRECONDITION (SETTING_INVALID) for a URL that cannot be used; `behind` is then not taken. */
struct status auth_store_cached(const struct service_context *context, const char *url,
                                const struct jwt_keys *keys, struct auth_store *behind,
                                struct auth_store **ret_store);

#endif
