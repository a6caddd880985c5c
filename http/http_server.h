/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: HTTP/1.1 and HTTP/2 cleartext (prior knowledge, RFC 9113 section 3.3) on one
 * port. The first bytes tell which.
 *
 *     http_server_new(options) -> http_server_listen(server, arena, shards, "127.0.0.1:8000")
 *     -> http_server_drain -> (shards stop) -> http_server_free
 *
 * Each request runs its handler on a fiber of its own. Pipelined HTTP/1.1 requests are handled one
 * after the other and their answers share a write. Limits and deadlines are here, so that no
 * handler needs to think of slow or hostile clients: a connection that is idle, that sends its
 * header or body too slowly, or does not take its answer, is closed. What a connection makes us keep
 * is charged on its budget (base/budget.h): one that holds much begins no further request, and one
 * that holds most of what is too much is ended. Each refusal is counted in
 * argosy_http_refused_total{server,reason}. */
#ifndef HTTP_HTTP_SERVER_H
#define HTTP_HTTP_SERVER_H

#include "fiber/stream.h"
#include "http/http.h"

struct http_server;

/* Runs on the request's fiber. It must respond; if it returns without, 500 is sent. `call` has the
 * request's trace (taken from traceparent and x-request-id) and is cancelled when the peer goes
 * away; over HTTP/1.1 also when it ends its side of the connection before it has its answer. When
 * the server itself has refused the rest of a request (its body is too large, too slow or
 * malformed), the reads fail and what the handler answers is dropped. */
typedef void http_handler(struct call *call, struct http_exchange *exchange, void *data);

struct http_server_options {
    const char *name; /* for logs and metrics: "gateway", "cart", "admin" */
    http_handler *handler;
    void *data;
    bool reserved; /* its connections may use the descriptors that are kept from the others */
    /* 0 takes the default. */
    size_t header_size_max; /* 32 KiB: request line and all headers; past it 431 */
    size_t body_size_max; /* 0: the handler's business. A Content-Length above it is 413 at once */
    size_t connections_max;    /* 16384 of one shard; past it new ones are closed */
    uint32_t streams_max;      /* 256 concurrent HTTP/2 streams of a connection */
    int64_t idle_timeout_ms;   /* 75 s between requests */
    int64_t header_timeout_ms; /* 10 s from the first byte of a request to the end of its header */
    int64_t body_timeout_ms;   /* 20 s without a byte of the body */
    int64_t write_timeout_ms;  /* 20 s without the peer taking a byte of the answer */
};

struct http_server *http_server_new(const struct http_server_options *options);

/* Listens on every shard; more than one address may be listened on. Errors as listener_new. */
struct status http_server_listen(struct http_server *server, struct arena *arena,
                                 struct shards *shards, const char *address);

/* The real address of the first listener, for port 0. */
const char *http_server_address(const struct http_server *server);

/* Serves a stream that came from elsewhere (stream_pair, in tests). On the stream's shard. */
void http_server_accept(struct http_server *server, struct stream *stream);

/* Stops accepting, lets running requests end (HTTP/2: GOAWAY; HTTP/1.1: Connection: close), closes
 * idle connections. Calls on_drained once (any thread) when the last connection is gone or after
 * `timeout_ms`, whichever is first; what is left then is closed. */
void http_server_drain(struct http_server *server, int64_t timeout_ms,
                       void (*on_drained)(void *data), void *data);

void http_server_free(struct http_server *server);

#endif
