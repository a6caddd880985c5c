/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the set of ended sessions up to date from the auth service, in process or remote, for as
 * long as the shards run.
 *
 * The first response has all sessions that still matter, so a gateway that starts, or was
 * disconnected, knows them after one call. While the auth service cannot be reached the known
 * sessions stay in the set, no new ones are added, and the log says so. The auth service of another
 * system does not have the call: then tokens are valid until they expire. */
#ifndef GATEWAY_SESSION_WATCH_H
#define GATEWAY_SESSION_WATCH_H

#include "gateway/ended_sessions.h"
#include "rpc/service.h"

struct session_watch;

/* Before the shards run, or on shard 0. In the context's arena; `ended` is borrowed for its life,
 * which ends with the shards. */
struct session_watch *session_watch_start(const struct service_context *context,
                                          struct ended_sessions *ended);

#endif
