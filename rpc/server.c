/* SPDX-License-Identifier: Apache-2.0 */
/* The server's table of services. */
#include "rpc/server.h"

#include "rpc/interceptors.h"
#include "rpc/rpc_server.h"

struct rpc_server *rpc_server_new(const struct rpc_server_options *options)
{
    struct rpc_server *server = calloc(1, sizeof(*server));

    invariant(server != NULL);
    server->options = *options;
    if (server->options.message_size_max == 0)
        server->options.message_size_max = RPC_MESSAGE_SIZE_MAX;
    if (server->options.deadline_max_ms == 0) server->options.deadline_max_ms = RPC_DEADLINE_MAX_MS;
    return server;
}

void rpc_server_add(struct rpc_server *server, const struct rpc_service *description,
                    const void *handlers, void *service)
{
    rpc_routes_add(&server->routes, server->options.schema, description, handlers, service);
}

bool rpc_server_has(const struct rpc_server *server, const char *service_name)
{
    return rpc_routes_have(&server->routes, str_of(service_name));
}

void rpc_server_free(struct rpc_server *server)
{
    if (!server) return;
    rpc_routes_release(&server->routes);
    free(server);
}
