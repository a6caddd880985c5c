/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: calls to a service, in process or over the network, through one interface.
 *
 * rpc_channel_new takes the value of the setting X_URL: `inproc:` or
 * `grpc://host:port[,host:port]`. In process the handler runs in the caller's fiber, on the same
 * structs, through the same interceptors. Over the network it is gRPC on HTTP/2: deadline,
 * identity, request id and traceparent are sent as metadata; a call of a method that is marked
 * idempotent is retried at another address if nothing was received; calls are spread over the
 * usable addresses in turn. */
#ifndef RPC_CHANNEL_H
#define RPC_CHANNEL_H

#include "rpc/rpc.h"
#include "rpc/server.h"

struct rpc_channel;

/* Do calls go to another process? */
bool rpc_channel_is_remote(const struct rpc_channel *channel);

/* `server` serves `inproc:` (may be NULL for a network channel; then `inproc:` answers UNAVAILABLE,
 * as it does for a service that the server does not have). INVALID_ARGUMENT for a URL that is
 * neither. One channel serves all shards. The size limit of responses is the server's, or
 * RPC_MESSAGE_SIZE_MAX without a server. */
struct status rpc_channel_new(struct arena *arena, struct shards *shards, struct rpc_server *server,
                              const char *url, struct rpc_channel **ret_channel);
/* After the shards have been joined. */
void rpc_channel_free(struct rpc_channel *channel);

/* What happens to a call and its response in transit, for simulations. All zeros is nothing. */
struct rpc_fate {
    int64_t delay_us, answer_delay_us;
    bool lost;        /* it never arrives; the caller gets UNAVAILABLE */
    bool answer_lost; /* it takes effect, but the caller gets UNAVAILABLE */
};
typedef struct rpc_fate rpc_fate_fn(const struct call *call, struct str path, void *data);
/* Sets the function that decides the fate of each unary call of an in-process channel. Call it
 * before the first call. */
void rpc_channel_set_fate(struct rpc_channel *channel, rpc_fate_fn *fate, void *data);

/* For callers that are not serving an rpc (the gateway, the command line): sets on whose behalf
 * calls are made from `call`. Calls in process inherit it, calls over the network send it, signed.
 * `user` NULL is nobody; `metadata` is sent with every call, and NULL is none; `client_ip` NULL is
 * unknown. All are borrowed for the life of `call`. */
void rpc_scope_new(struct call *call, const struct user *user, const struct http_headers *metadata,
                   const char *client_ip);

/* Options of one call; all zeros are the defaults. */
struct rpc_options {
    int64_t timeout_ms; /* 0: the call's own deadline, or without one 30 s for a unary call */
    const struct http_headers *metadata; /* more metadata for the request; borrowed */
    struct http_headers
        *ret_metadata; /* filled with the response's initial metadata, in the arena; NULL: not
                        * wanted */
    struct http_headers *ret_trailers; /* likewise the trailing metadata */
    bool gzip;                         /* compress the request */
};

/* A unary call; the response is in the call's arena. `options` may be NULL. The generated client
 * functions call this. A remote error is returned with its code, message, reason and details. */
struct status rpc_call(struct call *call, struct rpc_channel *channel,
                       const struct rpc_method *method, const ProtobufCMessage *request,
                       const struct rpc_options *options, ProtobufCMessage **ret_response);

/* The same on encoded messages, for the gateway: the method is named by its path and need not be
 * compiled in when the channel is a network's. */
struct status rpc_call_raw(struct call *call, struct rpc_channel *channel, const char *path,
                           struct str request, const struct rpc_options *options,
                           struct str *ret_response);

/* A streaming call: rpc_send*, rpc_send_end, rpc_receive until NULL, then rpc_stream_finish gives
 * the final status (and fills options->ret_*). Finish must be called on every opened stream; early,
 * it cancels it. */
struct status rpc_stream_open(struct call *call, struct rpc_channel *channel,
                              const struct rpc_method *method, const struct rpc_options *options,
                              struct rpc_stream **ret_stream);
/* Initial metadata of the response, valid until rpc_stream_finish; suspends until it has arrived.
 * NULL for a trailers-only response. */
struct status rpc_stream_head(struct call *call, struct rpc_stream *stream,
                              const struct http_headers **ret_metadata);
struct status rpc_stream_finish(struct call *call, struct rpc_stream *stream);
void rpc_stream_cancel(struct rpc_stream *stream);
/* Turns the compression of sent messages off and on; the stream must have been opened with
 * options->gzip. */
void rpc_stream_gzip(struct rpc_stream *stream, bool gzip);
/* Raw forms for the gateway's streaming routes. */
struct status rpc_stream_open_raw(struct call *call, struct rpc_channel *channel, const char *path,
                                  const struct rpc_options *options,
                                  struct rpc_stream **ret_stream);
struct status rpc_send_raw(struct call *call, struct rpc_stream *stream, struct str message);
/* A str with data NULL at the end; valid until the next receive. */
struct status rpc_receive_raw(struct call *call, struct rpc_stream *stream,
                              struct str *ret_message);

#endif
