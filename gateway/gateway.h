/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP edge of the shop: JSON over HTTP for browsers and programs, gRPC passed through, by
 * Kong's declarative configuration (the one compiled in from gateway/kong.yml, or GATEWAY_CONFIG).
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

/* GATEWAY_*, and JWT_ACCESS_TOKEN_SECRET, which the auth service has too. */
extern const struct setting gateway_settings[];

/* Reads the configuration and starts its plugins; blocks. An error names file and line. The context
 * is borrowed for this call, what it points to for the gateway's life, and so are the sessions whose
 * access tokens are refused (NULL: none). */
struct status gateway_new(const struct service_context *context, struct ended_sessions *ended,
                          struct gateway **ret_gateway);

/* For http_server_new; `data` is the gateway. See gateway_door.h for one that can be changed. */
http_handler gateway_handle;

/* Has the plugins open their files anew, while it serves. */
struct status gateway_reopen(struct arena *arena, struct gateway *gateway);

/* Has it routes whose access tokens it verifies? */
bool gateway_verifies_tokens(const struct gateway *gateway);

/* Has it connections of its own, to services that are not the shop's? */
bool gateway_has_channels(const struct gateway *gateway);

/* Prints what is served by what: a line for each HTTP rule, with its rpc, service and plugins.
 * Starts nothing but the reading of protos. */
struct status gateway_print_routes(struct arena *arena, const struct config *config,
                                   const struct rpc_schema *schema, FILE *out);

/* Prints the configuration that the gateway would run with, in Kong's format. */
struct status gateway_print_configuration(struct arena *arena, const struct config *config,
                                          FILE *out);

void gateway_free(struct gateway *gateway);

#endif
