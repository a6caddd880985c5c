/* SPDX-License-Identifier: Apache-2.0 */
/* The client side of one gRPC call on one HTTP exchange: writes the request's head and interprets
 * head, body and trailers of the response. Private to rpc/.
 *
 *     client_call_open, http_write*, http_finish, client_call_read_head, rpc_body_receive*,
 *     at its end client_call_status, client_call_close */
#ifndef RPC_CLIENT_CALL_H
#define RPC_CLIENT_CALL_H

#include "rpc/channel_kind.h"
#include "rpc/rpc_body.h"

struct client_call {
    struct http_exchange *exchange; /* NULL: closed */
    struct rpc_body body;
    const struct http_headers *metadata; /* the response's head; NULL: not read yet */
    int http_status;
    bool trailers_only; /* the head was the whole response */
};

/* Sends the request's head to a usable address, or else to any; UNAVAILABLE (SERVICE_UNREACHABLE)
 * when none accepts it: then nothing was sent. INVALID_ARGUMENT for metadata with reserved
 * names. */
struct status client_call_open(struct call *call, struct rpc_channel *channel,
                               const struct rpc_target *target, const struct rpc_options *options,
                               struct client_call *ret_client);

/* Waits for the response's head, once; later calls return at once. Fails when HTTP fails, and for a
 * response that is not gRPC. */
struct status client_call_read_head(struct call *call, struct client_call *client);

/* The final status, once the body has been read to its end; fills options->ret_*. */
struct status client_call_status(const struct call *call, const struct client_call *client,
                                 const struct rpc_options *options);

/* The same failure, but DEADLINE_EXCEEDED if the call's deadline has passed: a server resets the
 * stream at that moment too, and its reset may be seen before our own timer. */
struct status client_call_failure(const struct call *call, struct status st);

/* Resets the stream if it has not ended. Does nothing when it is closed. */
void client_call_close(struct client_call *client);

#endif
