/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that wait for sessions to end: one of each gateway. */
#ifndef SERVICES_AUTH_AUTH_WATCHERS_H
#define SERVICES_AUTH_AUTH_WATCHERS_H

#include "fiber/fiber.h"

struct auth_watchers;

struct auth_watchers *auth_watchers_new(struct arena *arena, struct shards *shards);

/* Waits until auth_watchers_tell, or until the time is over, which is OK too. What was told of
 * since `seen`, a value of auth_watchers_seen before the store was read, is not waited for. */
uint64_t auth_watchers_seen(const struct auth_watchers *watchers);
struct status auth_watchers_wait(struct call *call, struct auth_watchers *watchers, uint64_t seen,
                                 int64_t timeout_ms);

/* Sessions have ended. Any thread; never waits. */
void auth_watchers_tell(struct auth_watchers *watchers);

#endif
