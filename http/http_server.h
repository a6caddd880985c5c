/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: HTTP/1.1 and HTTP/2 cleartext (prior knowledge, RFC 9113 section 3.3) on one
 * port, distinguished by the first bytes.
 *
 *     http_server_new(options) -> http_server_listen(server, arena, shards, "127.0.0.1:8000")
 *     -> http_server_drain -> (shards stop) -> http_server_free
 *
 * Each request runs its handler on its own fiber. Pipelined HTTP/1.1 requests are handled one after
 * another and their responses share a write. The server enforces limits and deadlines, so that
 * handlers need not care about slow or hostile clients: a connection that is idle, sends its header
 * or body too slowly, or does not read its response, is closed. The memory that a connection makes
 * us hold is charged to its budget (base/budget.h): one that holds much may begin no further
 * request, and when there is too little memory the one that holds the most is ended. Each refusal
 * is counted in argosy_http_refused_total{server,reason}. */
#ifndef HTTP_HTTP_SERVER_H
#define HTTP_HTTP_SERVER_H

#include "fiber/stream.h"
#include "http/http.h"

struct http_server;

/* Runs on the request's fiber. It must respond; if it returns without a response, 500 is sent.
 * `call` has the request's trace (from traceparent and x-request-id) and is cancelled when the peer
 * goes away; over HTTP/1.1 also when the peer ends its side of the connection before it has its
 * response. When the server itself has refused the rest of a request (because its body is too
 * large, too slow or malformed), reads fail and the handler's response is dropped. */
typedef void http_handler(struct call *call, struct http_exchange *exchange, void *data);

struct http_server_options {
    const char *name; /* for logs and metrics: "gateway", "cart", "admin" */
    http_handler *handler;
    void *data;
    bool reserved; /* its connections may use the descriptors kept in reserve */
    /* 0 takes the default. */
    size_t header_size_max; /* 32 KiB: request line and all headers; past it 431 */
    size_t body_size_max; /* 0: left to the handler. A larger Content-Length is answered with 413 at
                           * once */
    size_t connections_max;    /* 16384 per shard; past it new ones are closed */
    uint32_t streams_max;      /* 256 concurrent HTTP/2 streams per connection */
    int64_t idle_timeout_ms;   /* 75 s between requests */
    int64_t header_timeout_ms; /* 10 s from the first byte of a request to the end of its header */
    int64_t body_timeout_ms;   /* 20 s without a byte of the body */
    int64_t write_timeout_ms;  /* 20 s without the peer taking a byte of the answer */
};

struct http_server *http_server_new(const struct http_server_options *options);

/* Listens on every shard; may be called for several addresses. Errors are those of listener_new. */
struct status http_server_listen(struct http_server *server, struct arena *arena,
                                 struct shards *shards, const char *address);

/* The address of the first listener, with the port that port 0 was replaced by. */
const char *http_server_address(const struct http_server *server);

/* Serves a stream that was not accepted by a listener (stream_pair, in tests). On the stream's
 * shard. */
void http_server_accept(struct http_server *server, struct stream *stream);

/* Stops accepting, lets running requests end (HTTP/2: GOAWAY; HTTP/1.1: Connection: close), closes
 * idle connections. Calls on_drained once (on any thread) when the last connection is closed or
 * after `timeout_ms`, whichever comes first; the remaining connections are then closed. */
void http_server_drain(struct http_server *server, int64_t timeout_ms,
                       void (*on_drained)(void *data), void *data);

void http_server_free(struct http_server *server);

#endif
