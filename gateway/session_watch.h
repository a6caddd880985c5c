/* SPDX-License-Identifier: Apache-2.0 */
/* Hears of ended sessions from the auth service, wherever it is, for as long as the shards run.
 *
 * The first answer has all that still matter, so a gateway that starts, or was cut off, knows them
 * within one call. While the auth service cannot be reached, what is known stays known; nothing new
 * is heard, and the log says so. An auth service of another make does not have the call: then
 * tokens live as long as they say. */
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
