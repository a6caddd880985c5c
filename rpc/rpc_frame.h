/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in a gRPC body: each has five bytes before it, a flag (1: compressed) and its length in
 * network order (gRPC over HTTP/2, "Length-Prefixed-Message").
 *
 *     struct rpc_deframer deframer = {.size_max = max, .gzip = gzip};
 *     while ((st = rpc_deframe(arena, &deframer, &piece, &message)), !failed(st) && message.data)
 * ... at the end of the body: st = rpc_deframe_end(&deframer);
 *
 * A message that lies completely within one piece is a view of it and is not copied. */
#ifndef RPC_RPC_FRAME_H
#define RPC_RPC_FRAME_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

enum { RPC_FRAME_HEAD_SIZE = 5 };

/* The state of the message that is being read. */
struct rpc_deframer {
    size_t size_max; /* bytes of one message, compressed and decompressed */
    bool gzip;       /* the peer sent grpc-encoding: gzip */
    uint8_t head[RPC_FRAME_HEAD_SIZE];
    size_t head_length;
    char *body; /* collects a message that comes in several pieces */
    size_t body_length;
    bool compressed; /* the last returned message was */
};

/* Consumes bytes from the front of *piece until one message is complete; then *ret_message is the
 * message (never with data NULL), decompressed, a view of the piece or in the arena; else data is
 * NULL and the piece is used up. RESOURCE_EXHAUSTED (BODY_TOO_LARGE) for a message over the limit;
 * INTERNAL without a reason for a malformed frame. */
struct status rpc_deframe(struct arena *arena, struct rpc_deframer *deframer, struct str *piece,
                          struct str *ret_message);

/* OK unless the body ended inside a message: INTERNAL. */
struct status rpc_deframe_end(const struct rpc_deframer *deframer);

/* The one message of a unary body: INTERNAL for a malformed frame, UNIMPLEMENTED for no message or
 * several, as the gRPC specification requires. */
struct status rpc_deframe_only(struct arena *arena, struct rpc_deframer *deframer, struct str body,
                               struct str *ret_message);

/* Frames the message that follows RPC_FRAME_HEAD_SIZE bytes of room at `frame`: in place, or with
 * `gzip` compressed into the arena. */
struct str rpc_frame(struct arena *arena, uint8_t *frame, size_t size, bool gzip);
/* Frames a message that was compressed behind RPC_FRAME_HEAD_SIZE bytes of room. */
struct str rpc_frame_compressed(struct str compressed);
/* The frame of a message, in the arena. */
struct str rpc_frame_message(struct arena *arena, const ProtobufCMessage *message, bool gzip);

#endif
