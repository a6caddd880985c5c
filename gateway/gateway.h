/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP edge of the shop: serves JSON over HTTP to browsers and programs and passes gRPC
 * through, as Kong's declarative configuration says (the built-in gateway/kong.yml, or
 * GATEWAY_CONFIG).
 *
 *     config_declare(config, gateway_settings);
 *     st = gateway_new(&context, ended, &gateway);                   before the shards start
 *     http_server_new({.handler = gateway_handle, .data = gateway})
 *     gateway_free(gateway);                                         after they have been joined */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include <stdio.h>

#include "base/config.h"
#include "http/http_server.h"
#include "rpc/service.h"

struct ended_sessions;
struct gateway;

/* GATEWAY_*, and JWT_ACCESS_TOKEN_SECRET, which the auth service shares. */
extern const struct setting gateway_settings[];

/* Reads the configuration and starts its plugins; blocks. An error names file and line. The context
 * is borrowed for this call; what it points to, and the set of ended sessions (NULL: none), are
 * borrowed for the gateway's life. */
struct status gateway_new(const struct service_context *context, struct ended_sessions *ended,
                          struct gateway **ret_gateway);

/* For http_server_new; `data` is the gateway. See gateway_door.h for a gateway whose configuration
 * can change. */
http_handler gateway_handle;

/* Makes the plugins reopen their files, while it serves. */
struct status gateway_reopen(struct arena *arena, struct gateway *gateway);

/* Does it have routes on which it verifies access tokens? */
bool gateway_verifies_tokens(const struct gateway *gateway);

/* Does it have its own connections, to services outside the shop? */
bool gateway_has_channels(const struct gateway *gateway);

/* Prints a line for each HTTP rule, with its rpc, service and plugins. Reads protos, but starts
 * nothing. */
struct status gateway_print_routes(struct arena *arena, const struct config *config,
                                   const struct rpc_schema *schema, FILE *out);

/* Prints the configuration that the gateway would run with, in Kong's format. */
struct status gateway_print_configuration(struct arena *arena, const struct config *config,
                                          FILE *out);

void gateway_free(struct gateway *gateway);

#endif
