/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.health.v1: which services serve. Private to rpc/; others call rpc_server_set_serving.
 *
 *     health = rpc_health_new();
 *     rpc_health_add(health, "cart_service.CartService");    before serving starts
 *     rpc_health_set(health, "", false);                     any thread */
#ifndef RPC_HEALTH_H
#define RPC_HEALTH_H

#include "grpc/health/v1/health.rpc.h"

enum { RPC_HEALTH_SERVICES_MAX = 64, RPC_HEALTH_WATCH_MS = 200 };

struct rpc_health;

/* A new table that contains only the server as a whole, named "", which serves. */
struct rpc_health *rpc_health_new(void);
void rpc_health_free(struct rpc_health *health);

/* Adds a service, which serves. The name is borrowed for the table's life. Exceeding the maximum
 * ends the process. */
void rpc_health_add(struct rpc_health *health, const char *service_name);

/* Does nothing for a name that was not added. While the server as a whole does not serve, none of
 * its services does. */
void rpc_health_set(struct rpc_health *health, const char *service_name, bool serving);

Grpc__Health__V1__HealthCheckResponse__ServingStatus
rpc_health_status(const struct rpc_health *health, const char *service_name);

/* The handlers; call_service is the health. Check answers NOT_FOUND for an unknown name. Watch
 * polls every RPC_HEALTH_WATCH_MS, and ends with UNAVAILABLE once the server as a whole does not
 * serve, so that it does not delay draining. */
extern const struct grpc_health_v1_health_handlers rpc_health_handlers;

#endif
