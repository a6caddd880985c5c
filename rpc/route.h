/* SPDX-License-Identifier: Apache-2.0 */
/* Where a path leads: the method, its handler and service, its rules, and its metrics. Private to
 * rpc/.
 *
 * Routes are made by rpc_server_add, before serving starts, and found by a hash table over their
 * paths; after that only their caches of metric series change, atomically. */
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
    bool everywhere;                      /* served also where only one service is */
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

/* Adds the methods of a service; `schema` may be NULL. A service that is there already ends the
 * process. */
void rpc_routes_add(struct rpc_routes *routes, const struct rpc_schema *schema,
                    const struct rpc_addition *addition);
/* The route of a path, or NULL. */
struct rpc_route *rpc_routes_find(const struct rpc_routes *routes, struct str path);
bool rpc_routes_have(const struct rpc_routes *routes, struct str service_name);
/* The name of the service in "/name/method"; empty for a path that is none. */
struct str rpc_path_service(struct str path);
void rpc_routes_release(struct rpc_routes *routes);

#endif
