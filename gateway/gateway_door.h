/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway whose configuration changes while it serves.
 *
 *     gateway_door_new(&context, &door)                     as gateway_new
 *     http_server_new({.handler = gateway_door_handle, .data = door})
 *     gateway_door_change_take(door, arena, config, &changed)   on shard 0; blocks for milliseconds
 *     gateway_door_free(door)                               after the shards have been joined
 *
 * A request ends under the configuration with which it began. Each shard switches to the new one on
 * its own thread, and counts the requests that still use the old one; when none is left on any
 * shard the old one is freed. One with its own connections to other services is kept until the
 * process ends, since these belong to the shards. */
#ifndef GATEWAY_GATEWAY_DOOR_H
#define GATEWAY_GATEWAY_DOOR_H

#include "gateway/gateway.h"

struct gateway_door;

struct status gateway_door_new(const struct service_context *context,
                               struct gateway_door **ret_door);

/* For http_server_new; `data` is the door. */
http_handler gateway_door_handle;

/* Reopens the files of the plugins and, if the settings in `config` or the configuration file have
 * changed, makes a new gateway from them, which serves all new requests. A failure changes nothing;
 * its message, in `arena`, names file and line. `config` is taken. */
struct status gateway_door_change_take(struct gateway_door *door, struct arena *arena,
                                       struct config *config, bool *ret_changed);

void gateway_door_free(struct gateway_door *door);

#endif
