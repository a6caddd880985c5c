/* SPDX-License-Identifier: Apache-2.0 */
/* Kong's routes, ready to be matched: each with its plugins, in the order in which they run.
 *
 * The route of a request is chosen as in Kong: routes that specify more of hosts, methods and paths
 * come first, then those with a regular expression by regex_priority, then longer paths, then the
 * order in the file. A route for GET also accepts HEAD, and a CORS preflight goes to the route of
 * the method that it asks about.
 *
 * gRPC requests go to a route whose protocols have grpc; else, if a route's grpc-gateway has the
 * method and its HTTP rule belongs to that route, they pass through its plugins as the JSON request
 * would. */
#ifndef GATEWAY_ROUTE_TABLE_H
#define GATEWAY_ROUTE_TABLE_H

#include "base/jwt.h"
#include "gateway/kong.h"
#include "gateway/transcoding.h"
#include "rpc/name_table.h"

struct kong_traffic;
struct rpc_channel;

struct gateway_route {
    const struct kong_route *kong; /* NULL: for requests that match no route */
    struct kong_plugin **chain;    /* in the order they run */
    size_t chain_count;
    const struct transcoding *transcoding; /* of its grpc-gateway; NULL: it serves gRPC only */
    bool events;                           /* likewise: streams are Server-Sent Events */
    const struct jwt_keys *token_keys;     /* of its auth-token-validator; NULL: none */
    struct kong_traffic *traffic;          /* the series that count its requests; NULL: none */
    struct rpc_channel *channel;
    int64_t timeout_ms; /* 0: the gateway's */
};

/* A gRPC method that is served under the route of its HTTP rule. */
struct grpc_method {
    const struct gateway_route *route;
    const struct schema_method *method;
    struct traffic traffic;
};

struct route_entry;

struct route_table {
    struct gateway_route *routes; /* in the order of the file */
    size_t count;
    struct route_entry *entries; /* in the order in which they are tried */
    size_t entry_count;
    struct gateway_route unmatched;
    struct name_table methods; /* struct grpc_method by path */
    struct grpc_method *method_list;
    size_t method_count;
};

/* Makes the routes and their chains; starts nothing. */
void route_table_init(struct arena *arena, const struct kong *kong, struct route_table *table);

/* Call it once the plugins have been started: fills in the members that come from them, and the
 * gRPC methods. */
void route_table_finish(struct arena *arena, struct route_table *table);

struct route_question {
    struct str host, path, method;
    struct str preflight_for; /* the method that a preflight asks about; empty: not a preflight */
    bool grpc;
};

/* The route, or NULL; then *ret_other_method tells whether there is one with other methods. */
const struct gateway_route *route_table_find(const struct route_table *table,
                                             const struct route_question *question,
                                             bool *ret_other_method);

/* The methods that some rule serves at the path, through the routes that match it: "GET, HEAD". Of a
 * route without rules all its methods count. Empty: there is no rule at this path. */
void route_table_allow(const struct route_table *table, const struct route_question *question,
                       char ret_allow[ROUTER_ALLOW_SIZE]);

/* Would a request for the rule be routed here? */
bool route_serves(struct arena *arena, const struct route_table *table,
                  const struct gateway_route *route, const struct binding *binding);

#endif
