/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of an HTTP body. */
#include "rpc/rpc_body.h"

struct status rpc_body_receive(struct call *call, struct arena *arena, struct rpc_body *body,
                               struct str *ret_message)
{
    struct status st;

    for (;;) {
        st = rpc_deframe(arena, &body->deframer, &body->piece, ret_message);
        if (failed(st) || ret_message->data) return st;
        if (body->at_end) return rpc_deframe_end(&body->deframer);
        st = http_read(call, body->exchange, &body->piece);
        if (failed(st)) return st;
        body->at_end = body->piece.length == 0;
    }
}

struct status rpc_encoding_parse(struct arena *arena, struct str encoding, bool *ret_gzip)
{
    bool gzip = str_is(encoding, "gzip");

    if (!gzip && encoding.data && !str_is(encoding, "identity"))
        return status_printf(arena, STATUS_UNIMPLEMENTED, 0,
                             "grpc-encoding `%.*s` is not known here; these are: " RPC_ENCODINGS,
                             STR_ARGS(encoding));
    *ret_gzip = gzip;
    return status_ok();
}
