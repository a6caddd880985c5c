/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the messages of an HTTP body. */
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

enum rpc_media rpc_media_of(struct str content_type)
{
    static const struct str prefix = {"application/grpc", 16};
    struct str type = str_trim(str_sized(content_type.data, str_find(content_type, ';')));
    struct str codec;

    if (type.length < prefix.length ||
        !str_equal_nocase(str_sized(type.data, prefix.length), prefix))
        return RPC_MEDIA_NONE;
    codec = str_sized(type.data + prefix.length, type.length - prefix.length);
    if (codec.length == 0 || str_equal_nocase(codec, STR("+proto"))) return RPC_MEDIA_PROTO;
    return codec.data[0] == '+' ? RPC_MEDIA_OTHER_CODEC : RPC_MEDIA_NONE;
}

struct status rpc_encoding_parse(struct arena *arena, struct str encoding, bool *ret_gzip)
{
    bool gzip = str_is(encoding, "gzip");

    if (!gzip && encoding.data && !str_is(encoding, "identity"))
        return status_printf(arena, STATUS_UNIMPLEMENTED, 0,
                             "grpc-encoding `%.*s` is not supported; these are: " RPC_ENCODINGS,
                             STR_ARGS(encoding));
    *ret_gzip = gzip;
    return status_ok();
}
