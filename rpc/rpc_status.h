/* SPDX-License-Identifier: Apache-2.0 */
/* A status on the wire: grpc-status, grpc-message and grpc-status-details-bin (gRPC over HTTP/2,
 * "Responses").
 *
 * The details are a google.rpc.Status with an ErrorInfo, whose `reason` is the name from
 * proto/reasons.proto and whose `domain` is "argosy", a BadRequest for the violations and a
 * RetryInfo for retry_after_ms. Those of a peer are passed on byte for byte, so that nothing is
 * lost. */
#ifndef RPC_RPC_STATUS_H
#define RPC_RPC_STATUS_H

#include "base/status.h"
#include "http/http.h"

/* Adds the status to trailers (or to the headers of a trailers-only response). */
void rpc_status_write(struct arena *arena, struct status st, struct http_headers *trailers);

/* The status in a peer's trailers; false when there is no grpc-status. */
bool rpc_status_read(struct arena *arena, const struct http_headers *trailers,
                     struct status *ret_status);

/* A google.protobuf.Any of an error. */
struct rpc_detail {
    struct str type_url, value;
};

/* The details of a peer's error that the other members of the status do not cover: such as reasons
 * with metadata or of other domains, and all types that we do not understand. DebugInfo is left
 * out, because it is not for clients. Returns their number; they are in the arena. */
size_t rpc_status_peer_details(struct arena *arena, struct status st,
                               const struct rpc_detail **ret_details);

/* The name of a status's reason, which may be one that we do not know; "" for none. */
const char *rpc_status_reason(struct status st);

/* The name of a reason of proto/reasons.proto; "" for 0 and for unknown numbers. */
const char *rpc_reason_name(int reason);

#endif
