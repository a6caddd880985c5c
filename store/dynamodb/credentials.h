/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials of a store: those that were found at the start, or temporary ones, which are
 * asked for and replaced before they expire. Private to store/dynamodb, and for its tests.
 *
 *     st = credentials_get(call, credentials, &keys);
 *     credentials_refused(call, credentials, keys);     the server says that they have expired
 *
 * One fiber of the process at a time asks for new ones; each shard has a copy of the last ones, so
 * a request needs no lock. Whoever has none that count waits until they come, or until the attempt
 * fails. */
#ifndef STORE_DYNAMODB_CREDENTIALS_H
#define STORE_DYNAMODB_CREDENTIALS_H

#include "fiber/call.h"
#include "fiber/shard.h"
#include "store/dynamodb/settings.h"

enum {
    CREDENTIALS_EARLY_S = 300, /* so long before they expire new ones are asked for */
    CREDENTIALS_TIMEOUT_MS = 10000,
    CREDENTIALS_PAUSE_MIN_MS = 1000, /* after an attempt that brought nothing new; it doubles */
    CREDENTIALS_PAUSE_MAX_MS = 30000,
};

struct credentials;

/* `settings` is borrowed for the credentials' life. Owned, but in the arena. FAILED_PRECONDITION
 * (SETTING_INVALID) if there are none, or libcurl is not there to ask for them. */
struct status credentials_new(struct arena *arena, struct shards *shards,
                              const struct settings *settings,
                              struct credentials **ret_credentials);
/* After the shards have been joined. */
void credentials_free(struct credentials *credentials);

/* The shard's keys; valid until the next suspension. UNAVAILABLE (STORE_REFUSED) if they can't be
 * had now, with a message for operators. */
struct status credentials_get(struct call *call, struct credentials *credentials,
                              const struct keys **ret_keys);

/* The server no longer accepts the keys with this id. False if there can be no others. */
bool credentials_refused(struct call *call, struct credentials *credentials, const char *id);

/* Where they come from, for operators. */
const char *credentials_origin(const struct credentials *credentials);

#endif
