/* SPDX-License-Identifier: Apache-2.0 */
/* The gRPC server: services by name, served over any number of HTTP servers and in process.
 *
 *     server = rpc_server_new(&options);
 *     rpc_server_add(server, &cart_service_rpc, &handlers, service);
 *     http_server_new({.handler = rpc_server_handle, .data = server})
 *
 * Every call passes through the same interceptors in this order: metrics and the log line,
 * deadline, identity, validation (the field rules of the protos), then the handler. Errors are
 * logged there, once, and nowhere else; the text of an INTERNAL error goes to the log and not to
 * the peer.
 *
 * grpc.health.v1.Health and grpc.reflection.v1 and v1alpha are served in addition to the added
 * services. */
#ifndef RPC_SERVER_H
#define RPC_SERVER_H

#include "http/http_server.h"
#include "rpc/rpc.h"
#include "rpc/schema.h"

struct rpc_server;
struct rpc_identity;

struct rpc_server_options {
    const struct rpc_schema *schema; /* descriptors: for validation and reflection; borrowed */
    const struct rpc_identity
        *identity;           /* decides whose identity metadata is accepted; NULL: nobody's over the
                              * network; borrowed */
    size_t message_size_max; /* 0: RPC_MESSAGE_SIZE_MAX */
    int64_t deadline_max_ms; /* 0: 1 hour; a unary call without a deadline gets 60 s */
};

struct rpc_server *rpc_server_new(const struct rpc_server_options *options);
/* Serves a service; `handlers` is its generated table, borrowed for the server's life; `service` is
 * returned by call_service. Call it before serving starts. */
void rpc_server_add(struct rpc_server *server, const struct rpc_service *description,
                    const void *handlers, void *service);
/* The same for a service that every listener serves, even those of a single service (rpc_endpoint
 * below): health, reflection, and services of the process rather than of one module. */
void rpc_server_add_everywhere(struct rpc_server *server, const struct rpc_service *description,
                               const void *handlers, void *service);
void rpc_server_free(struct rpc_server *server);

/* The handler for http_server_new: answers gRPC requests (content-type application/grpc[+proto]);
 * 415 for others. With `only` services restricted by rpc_endpoint below. */
http_handler rpc_server_handle;

/* What one listener serves: the whole server, or one of its services (as each X_LISTEN does) and
 * those that are served everywhere. `data` of http_server_options for rpc_endpoint_handle. */
struct rpc_endpoint {
    struct rpc_server *server;
    const char *service_name; /* NULL: all; "": only those served everywhere */
    /* Services that the listener passes on, like a gateway, although the server does not have them;
     * for reflection and health. Ended by NULL; may be NULL. */
    const char *const *passed_on;
};
http_handler rpc_endpoint_handle;

/* grpc.health.v1: the state of a service, and of the whole under "". All serve after
 * rpc_server_add; draining sets NOT_SERVING. Any thread. */
void rpc_server_set_serving(struct rpc_server *server, const char *service_name, bool serving);
/* False once the server drains: endless streams must then end. */
bool rpc_server_is_serving(const struct rpc_server *server);

#endif
