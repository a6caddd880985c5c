/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/2 client (cleartext, prior knowledge): one connection to one address from one shard, made
 * when first needed and remade with back-off after it was lost. Requests are multiplexed on it.
 *
 *     client = http_client_new(shard, "127.0.0.1:5001");
 *     st = http_client_open(call, client, &request, &exchange);   then as http/http.h says
 *
 * On the shard's thread only. */
#ifndef HTTP_HTTP_CLIENT_H
#define HTTP_HTTP_CLIENT_H

#include "fiber/stream.h"
#include "http/http.h"

struct http_client;

/* `address` is copied. */
struct http_client *http_client_new(struct shard *shard, const char *address);
/* A client over a connected stream (stream_pair, in tests), which does not reconnect. */
struct http_client *http_client_over(struct shard *shard, struct stream *stream);
/* Ends open exchanges as UNAVAILABLE. */
void http_client_free(struct http_client *client);

/* Sends the request's head; `end` says that no body follows. Waits for a connection and for a free
 * stream, within the call's deadline. UNAVAILABLE when no connection can be made: then nothing was
 * sent, and a retry elsewhere is safe. The exchange belongs to the call: when the call's fiber
 * leaves it early (deadline, cancellation), http_abort it. */
struct status http_client_open(struct call *call, struct http_client *client,
                               const struct http_request *request, bool end,
                               struct http_exchange **ret_exchange);

/* Waits for the response's head. If the connection is lost before, the status is UNAVAILABLE; a
 * reset stream gives the code that the gRPC specification maps its HTTP/2 error to. */
struct status http_read_head(struct call *call, struct http_exchange *exchange, int *ret_status,
                             const struct http_headers **ret_headers);

/* Releases the exchange after its last use; resets the stream if it has not ended. */
void http_client_close(struct http_exchange *exchange);

/* Is it connected, or has it never tried? False while it backs off after a failure; callers then
 * prefer other addresses. */
bool http_client_usable(const struct http_client *client);

#endif
