/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of an HTTP body, one after another. Private to rpc/. */
#ifndef RPC_RPC_BODY_H
#define RPC_RPC_BODY_H

#include "http/http.h"
#include "rpc/rpc_frame.h"

struct rpc_body {
    struct http_exchange *exchange;
    struct rpc_deframer deframer;
    struct str piece; /* the unread rest of the last piece */
    bool at_end;
};

/* The next message, in `arena` or valid until the next read; data NULL at the end of the body.
 * Errors are those of rpc_deframe, rpc_deframe_end and http_read. */
struct status rpc_body_receive(struct call *call, struct arena *arena, struct rpc_body *body,
                               struct str *ret_message);

/* What a content-type says (gRPC over HTTP/2, "Requests"), compared without case. */
enum rpc_media {
    RPC_MEDIA_NONE,        /* not application/grpc */
    RPC_MEDIA_PROTO,       /* application/grpc or application/grpc+proto */
    RPC_MEDIA_OTHER_CODEC, /* application/grpc+json and the like, which are not supported */
};
enum rpc_media rpc_media_of(struct str content_type);

/* "gzip" is true, none and "identity" are false; UNIMPLEMENTED for every other grpc-encoding. */
struct status rpc_encoding_parse(struct arena *arena, struct str encoding, bool *ret_gzip);

/* The encodings that we accept, for grpc-accept-encoding. */
#define RPC_ENCODINGS "identity,gzip"

#endif
