/* SPDX-License-Identifier: Apache-2.0 */
/* The interceptors: what every call passes through on its way to the handler and back, whether it
 * came over the network or in process. Private to rpc/.
 *
 *     rpc_run_begin(&run, call, route, &scope);           counted as started
 *     rpc_run_limit(&run, ...);                           deadline
 *     st = rpc_validate(call, route, encoded);            the rules of the fields
 *     st = rpc_invoke(call, route, request, response, stream);
 *     st = rpc_run_end(&run, st);                         counted, logged; the status as the caller
 * may see it
 *
 * Only the identity comes from different places: identify (server_http.c) or rpc_scope_inherit
 * (rpc_scope.h). */
#ifndef RPC_INTERCEPTORS_H
#define RPC_INTERCEPTORS_H

#include "rpc/route.h"
#include "rpc/rpc_scope.h"

/* One call being served. */
struct rpc_run {
    struct call *call;
    struct rpc_route *route; /* never NULL: unknown paths have a route too */
    int64_t started_us;
};

enum { RPC_UNARY_TIMEOUT_MS = 60 * 1000, RPC_DEADLINE_MAX_MS = 60 * 60 * 1000 };

void rpc_run_begin(struct rpc_run *run, struct call *call, struct rpc_route *route,
                   struct rpc_scope *scope);

/* Sets the call's deadline: the one that the peer asked for (0: none, then a unary call gets 60 s),
 * at most `max_ms`. */
void rpc_run_limit(const struct rpc_run *run, int64_t timeout_us, int64_t max_ms);

struct status rpc_run_end(const struct rpc_run *run, struct status st);

/* Checks an encoded request; OK when its rules are not known. */
struct status rpc_validate(const struct call *call, const struct rpc_route *route,
                           struct str encoded);
/* The same for a struct, which is encoded only if it has rules. */
struct status rpc_validate_message(const struct call *call, const struct rpc_route *route,
                                   const ProtobufCMessage *request);

/* Runs the handler; UNIMPLEMENTED without one. */
struct status rpc_invoke(struct call *call, const struct rpc_route *route,
                         const ProtobufCMessage *request, ProtobufCMessage *response,
                         struct rpc_stream *stream);

/* Creates the metric series of a route, so that its counters are exported as 0 before its first
 * call. */
void rpc_route_count_from_zero(struct rpc_route *route);

/* The route of all calls with an unknown path: counted as method "unknown" and answered with
 * UNIMPLEMENTED. */
struct rpc_route *rpc_route_unknown(void);

#endif
