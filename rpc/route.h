/* SPDX-License-Identifier: Apache-2.0 */
/* Routes: the method that a path names, with its handler, service, field rules, and metrics.
 * Private to rpc/.
 *
 * rpc_server_add makes the routes before serving starts; they are found through a hash table over
 * their paths. Afterwards only their cached metric series change, atomically. */
#ifndef RPC_ROUTE_H
#define RPC_ROUTE_H

#include <stdatomic.h>

#include "base/status.h"
#include "rpc/rpc.h"
#include "rpc/server.h"

struct metric_series;

struct rpc_route {
    const struct rpc_method *method;
    const struct rpc_service *description;
    void (*handler)(void); /* NULL: not implemented */
    void *service;
    bool everywhere;                      /* also served by listeners of a single service */
    const struct schema_message *request; /* its rules; NULL: not known */
    struct str path;
    uint64_t hash;
    struct metric_series *started, *duration;
    _Atomic(struct metric_series *) finished[STATUS_CODE_COUNT];
};

/* All services of a server. All zeros is empty. */
struct rpc_routes {
    struct rpc_added *services; /* a list, owned */
    struct rpc_route **slots;   /* open addressing, owned */
    size_t slot_count;          /* a power of two */
    size_t count;
};

/* A service to be added. */
struct rpc_addition {
    const struct rpc_service *description;
    const void *handlers;
    void *service;
    bool everywhere;
};

/* Adds the methods of a service; `schema` may be NULL. Adding a service twice ends the process. */
void rpc_routes_add(struct rpc_routes *routes, const struct rpc_schema *schema,
                    const struct rpc_addition *addition);
/* The route of a path, or NULL. */
struct rpc_route *rpc_routes_find(const struct rpc_routes *routes, struct str path);
bool rpc_routes_have(const struct rpc_routes *routes, struct str service_name);
/* The name of the service in "/name/method"; empty for a malformed path. */
struct str rpc_path_service(struct str path);
void rpc_routes_release(struct rpc_routes *routes);

#endif
