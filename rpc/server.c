/* SPDX-License-Identifier: Apache-2.0 */
/* The server's table of services. */
#include "rpc/server.h"

#include "rpc/gzip_lane.h"
#include "rpc/health.h"
#include "rpc/interceptors.h"
#include "rpc/reflection.h"
#include "rpc/rpc_server.h"

struct rpc_server *rpc_server_new(const struct rpc_server_options *options)
{
    struct rpc_server *server = calloc(1, sizeof(*server));

    invariant(server != NULL);
    server->options = *options;
    if (server->options.message_size_max == 0)
        server->options.message_size_max = RPC_MESSAGE_SIZE_MAX;
    if (server->options.deadline_max_ms == 0) server->options.deadline_max_ms = RPC_DEADLINE_MAX_MS;
    server->gzip = gzip_lane_open();
    server->health = rpc_health_new();
    server->reflection = rpc_reflection_new(server->options.schema);
    rpc_server_add_everywhere(server, &grpc_health_v1_health_rpc, &rpc_health_handlers,
                              server->health);
    rpc_server_add_everywhere(server, &grpc_reflection_v1_server_reflection_rpc,
                              &rpc_reflection_v1_handlers, server->reflection);
    rpc_server_add_everywhere(server, &grpc_reflection_v1alpha_server_reflection_rpc,
                              &rpc_reflection_v1alpha_handlers, server->reflection);
    return server;
}

static void add(struct rpc_server *server, const struct rpc_addition *addition)
{
    rpc_routes_add(&server->routes, server->options.schema, addition);
    rpc_health_add(server->health, addition->description->name);
    rpc_reflection_add(server->reflection, addition->description->name, addition->everywhere);
}

void rpc_server_add(struct rpc_server *server, const struct rpc_service *description,
                    const void *handlers, void *service)
{
    add(server, &(struct rpc_addition){description, handlers, service, false});
}

void rpc_server_add_everywhere(struct rpc_server *server, const struct rpc_service *description,
                               const void *handlers, void *service)
{
    add(server, &(struct rpc_addition){description, handlers, service, true});
}

void rpc_server_set_serving(struct rpc_server *server, const char *service_name, bool serving)
{
    rpc_health_set(server->health, service_name, serving);
}

bool rpc_server_is_serving(const struct rpc_server *server)
{
    return rpc_health_status(server->health, "") ==
           GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
}

void rpc_server_free(struct rpc_server *server)
{
    if (!server) return;
    gzip_lane_close(server->gzip);
    rpc_routes_release(&server->routes);
    rpc_health_free(server->health);
    rpc_reflection_free(server->reflection);
    free(server);
}
