/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a stream: what all streams share, and the functions of each kind. Private to rpc/.
 *
 *     server_http.c      the handler's end of a stream over the network
 *     channel_network.c  the client's end of it
 *     stream_pipe.c      both ends in process */
#ifndef RPC_RPC_STREAM_H
#define RPC_RPC_STREAM_H

#include "rpc/channel.h"
#include "rpc/schema.h"

struct rpc_stream_kind {
    /* Sends the frame: RPC_FRAME_HEAD_SIZE bytes of room, then the message; this function fills in
     * the head. */
    struct status (*send)(struct call *call, struct rpc_stream *stream, uint8_t *frame,
                          size_t size);
    /* The next message, valid until the next receive; data NULL at the end. */
    struct status (*receive)(struct call *call, struct rpc_stream *stream, struct str *ret_message);
    /* Handlers only. */
    void (*send_head)(struct call *call, struct rpc_stream *stream);
    /* Clients only. */
    struct status (*send_end)(struct call *call, struct rpc_stream *stream);
    struct status (*head)(struct call *call, struct rpc_stream *stream,
                          const struct http_headers **ret_metadata);
    struct status (*finish)(struct call *call, struct rpc_stream *stream);
    void (*cancel)(struct rpc_stream *stream);
};

struct rpc_stream {
    const struct rpc_stream_kind *kind;
    const ProtobufCMessageDescriptor *receives; /* NULL: raw bytes only */
    const struct schema_message *rules;         /* of the messages received; NULL: none */
    int64_t deadline_us;                        /* of the whole stream; CALL_NO_DEADLINE */
    bool gzip;                                  /* clients: compress what is sent */
    bool received_gzip;                         /* the last message was compressed */
    struct status failure;                      /* the first failure of sending or receiving */
    struct arena received;                      /* holds the last received message */
    struct arena sending;                       /* the frame being sent */
    struct budget *budget;                      /* pays for both; NULL: nobody */
};

void rpc_stream_init(struct rpc_stream *stream, const struct rpc_stream_kind *kind,
                     const ProtobufCMessageDescriptor *receives, struct budget *budget);
/* From now on nobody pays for the stream's memory: for a stream that outlives its budget. */
void rpc_stream_uncharge(struct rpc_stream *stream);
/* Frees the stream's memory. */
void rpc_stream_release(struct rpc_stream *stream);

#endif
