/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the gateway share. Private to gateway/.
 *
 *     gateway_door.c  a gateway that is changed while it serves
 *     gateway.c      from settings and configuration to a gateway
 *     handle.c       one request: its route, its plugins, its answer
 *     serve_json.c   a JSON request as a call
 *     serve_grpc.c   a gRPC request passed through
 *     forward.c      which headers go to a service, and come back
 *     compress.c     gzip: for whom, and the tags of it
 *     conditions.c   If-Match and If-None-Match
 *     answer.c       answers and errors as JSON */
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
    struct proxies proxies; /* whose X-Forwarded-For is believed */
    int64_t timeout_ms;
    int64_t keep_alive_us;
    size_t body_max;
    bool access_log;
    struct ended_sessions *ended; /* whose access tokens are over; NULL: no route takes tokens */
    struct traffic no_route;
    struct traffic own;            /* health and reflection */
    struct rpc_endpoint endpoint;  /* what the gateway's port serves by itself */
    struct rpc_channel **channels; /* of services that are not the shop's own; owned */
    size_t channel_count;
};

/* The text of the configuration: GATEWAY_CONFIG's file, or the one that is built in. */
struct status gateway_read_text(struct arena *arena, const struct config *config,
                                struct str *ret_text);

/* Where a JSON request leads. */
struct json_target {
    const struct transcoding_route *rule; /* NULL: there is none */
    struct router_match match;
};

/* ---- serving ---- */

/* Answers by a call of the rule's method. Sets body and http_status of the request; a stream is
 * answered whole. */
struct status serve_json(struct call *call, struct gateway_request *request,
                         const struct json_target *target);

/* Passes a gRPC request through; answers it whole, with its errors. `method` NULL: not known here.
 */
struct status serve_grpc(struct call *call, struct gateway_request *request,
                         const struct schema_method *method);

/* ---- conditions ---- */

/* Has the request If-Match or If-None-Match? A failure by VERSION_STALE is 412 then. */
bool conditions_given(const struct gateway_request *request);
/* Before the call: INVALID_ARGUMENT (IF_MATCH_INVALID) for an If-Match that is no list of tags,
 * ABORTED (VERSION_STALE) for a change of what has no ETag. */
struct status conditions_check(const struct call *call, const struct gateway_request *request,
                               const struct schema_method *method);
/* After a call that went well: what is read is answered only if its ETag meets the conditions, else
 * by 304 or by the failure in `outcome`. */
void conditions_apply(const struct call *call, struct gateway_request *request);

/* ---- headers ---- */

/* What of the client's headers goes to the service: an allow list for JSON, all but reserved names
 * for gRPC. */
void forward_request_json(const struct call *call, struct gateway_request *request);
void forward_request_grpc(const struct call *call, struct gateway_request *request);
/* What of the service's metadata becomes headers of a JSON answer. */
void forward_reply(const struct call *call, struct gateway_request *request);

/* ---- answers ---- */

/* Runs the plugins' header functions; once, before the answer begins. */
void answer_headers(const struct call *call, struct gateway_request *request);

/* Cache-Control and Vary of an answer in HTTP's own manner; after answer_headers. */
void answer_cache_rules(const struct call *call, struct gateway_request *request);

/* Sends what the request has come to: its body, or its failed outcome as an error. */
void answer_json(const struct call *call, struct gateway_request *request);
/* The failed outcome in gRPC's manner. */
void answer_grpc(const struct call *call, struct gateway_request *request);

/* The HTTP status of a failure. */
int answer_status(struct status st);
/* The error envelope, in the call's arena. */
struct str answer_error_body(const struct call *call, const struct gateway_request *request,
                             struct status st, int http_status);

/* The value of x-http-status in metadata, or 0. */
int answer_override(const struct http_headers *metadata);

#endif
