/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that wait for sessions to end, one of each gateway. */
#ifndef SERVICES_AUTH_AUTH_WATCHERS_H
#define SERVICES_AUTH_AUTH_WATCHERS_H

#include "fiber/fiber.h"

struct auth_watchers;

struct auth_watchers *auth_watchers_new(struct arena *arena, struct shards *shards);

/* Waits for the next auth_watchers_notify; OK also when the timeout passes first. The caller takes
 * `seen` from auth_watchers_seen before it reads the store: if there was a notification since, the
 * wait returns at once. */
uint64_t auth_watchers_seen(const struct auth_watchers *watchers);
struct status auth_watchers_wait(struct call *call, struct auth_watchers *watchers, uint64_t seen,
                                 int64_t timeout_ms);

/* Wakes every waiting call, because sessions have ended. On any thread; never waits. */
void auth_watchers_notify(struct auth_watchers *watchers);

#endif
