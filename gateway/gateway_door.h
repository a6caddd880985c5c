/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway whose configuration changes while it serves.
 *
 *     gateway_door_new(&context, &door)                     as gateway_new
 *     http_server_new({.handler = gateway_door_handle, .data = door})
 *     gateway_door_change_take(door, arena, config, &changed)   on shard 0; blocks for milliseconds
 *     gateway_door_free(door)                               after the shards have been joined
 *
 * A request goes to its end by the configuration that it began with. Each shard takes the new one
 * over on its own thread, and counts the requests that are inside the old one; when none is left on
 * any shard the old one is freed. One that has connections of its own to other services is kept to
 * the end of the process, since these belong to the shards. */
#ifndef GATEWAY_GATEWAY_DOOR_H
#define GATEWAY_GATEWAY_DOOR_H

#include "gateway/gateway.h"

struct gateway_door;

struct status gateway_door_new(const struct service_context *context,
                               struct gateway_door **ret_door);

/* For http_server_new; `data` is the door. */
http_handler gateway_door_handle;

/* Opens the files of the plugins anew, and, if the settings of `config` or the configuration file
 * are others than before, makes a gateway of them and lets new requests in there. A failure leaves
 * everything as it was; its message, in `arena`, names file and line. `config` is taken. */
struct status gateway_door_change_take(struct gateway_door *door, struct arena *arena,
                                       struct config *config, bool *ret_changed);

void gateway_door_free(struct gateway_door *door);

#endif
