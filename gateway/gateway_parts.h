/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the gateway share. Private to gateway/.
 *     gateway_door.c a gateway that is changed while it serves
 *     gateway.c      makes a gateway from settings and configuration
 *     handle.c       one request: its route, its plugins, its response
 *     serve_json.c   a JSON request as a call
 *     serve_grpc.c   a gRPC request passed through
 *     forward.c      which headers go to a service, and which come back
 *     compress.c     gzip: when to use it, and its tags
 *     conditions.c   If-Match and If-None-Match
 *     answer.c       responses and errors as JSON */
#ifndef GATEWAY_GATEWAY_PARTS_H
#define GATEWAY_GATEWAY_PARTS_H

#include "gateway/ended_sessions.h"
#include "gateway/proxies.h"
#include "gateway/request.h"
#include "gateway/route_table.h"
#include "rpc/channel.h"
#include "rpc/server.h"

struct gateway {
    const struct kong *kong;
    const struct rpc_schema *schema; /* of the shop's own services */
    struct route_table table;
    struct proxies proxies; /* whose X-Forwarded-For is trusted */
    int64_t timeout_ms;
    int64_t keep_alive_us;
    size_t body_max;
    bool access_log;
    struct ended_sessions *ended; /* whose access tokens are refused; NULL: no route takes tokens */
    struct traffic no_route;
    struct traffic own;            /* health and reflection */
    struct rpc_endpoint endpoint;  /* the services that the gateway's port serves itself */
    struct rpc_channel **channels; /* to services outside the shop; owned */
    size_t channel_count;
    struct gzip_lane *gzip;
};

/* The text of the configuration: GATEWAY_CONFIG's file, or the built-in one. */
struct status gateway_read_text(struct arena *arena, const struct config *config,
                                struct str *ret_text);

/* The target of a JSON request. */
struct json_target {
    const struct transcoding_route *rule; /* NULL: there is none */
    struct router_match match;
};

/* ---- serving ---- */

/* Calls the rule's method. Sets body and http_status of the request; for a stream, sends the whole
 * response. */
struct status serve_json(struct call *call, struct gateway_request *request,
                         const struct json_target *target);

/* Passes a gRPC request through and sends the whole response, errors included. `method` NULL:
 * unknown here.
 */
struct status serve_grpc(struct call *call, struct gateway_request *request,
                         const struct schema_method *method);

/* ---- conditions ---- */

/* Does the request have If-Match or If-None-Match? Then a failure with VERSION_STALE becomes
 * 412. */
bool conditions_given(const struct gateway_request *request);
/* Before the call: INVALID_ARGUMENT (IF_MATCH_INVALID) for an If-Match that is not a list of tags,
 * ABORTED (VERSION_STALE) for a change to a resource without an ETag. */
struct status conditions_check(const struct call *call, const struct gateway_request *request,
                               const struct schema_method *method);
/* After a successful read: if the ETag does not meet the conditions, turns the response into a 304
 * or sets the failure in `outcome`. */
void conditions_apply(const struct call *call, struct gateway_request *request);

/* ---- headers ---- */

/* Copies the client's headers for the service: an allow list for JSON, all but reserved names for
 * gRPC. */
void forward_request_json(const struct call *call, struct gateway_request *request);
void forward_request_grpc(const struct call *call, struct gateway_request *request);
/* Copies the service's metadata that become headers of a JSON response. */
void forward_reply(const struct call *call, struct gateway_request *request);

/* ---- answers ---- */

/* Runs the plugins' header functions; once, before the response begins. */
void answer_headers(const struct call *call, struct gateway_request *request);

/* Adds Cache-Control and Vary to a response that is not gRPC; after answer_headers. */
void answer_cache_rules(const struct call *call, struct gateway_request *request);

/* Sends the request's result: its body, or its failed outcome as an error. */
void answer_json(struct call *call, struct gateway_request *request);
/* Sends the failed outcome as gRPC. */
void answer_grpc(const struct call *call, struct gateway_request *request);

/* The HTTP status of a failure. */
int answer_status(struct status st);
/* The error envelope, in the call's arena. */
struct str answer_error_body(const struct call *call, const struct gateway_request *request,
                             struct status st, int http_status);

/* The value of x-http-status in metadata, or 0. */
int answer_override(const struct http_headers *metadata);

#endif
