/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP messages, whichever version carries them, and the exchange: one request and its response.
 *
 * Reading and writing work the same way on both sides. A server's handler reads the request and
 * writes the response; a client writes the request and reads the response.
 *
 *     server:  http_read_body | http_read*
 *              then http_respond | (http_begin, http_write*, http_finish)
 *     client:  http_client_open, http_write*, http_finish, http_read_head, http_read*,
 *              http_trailers
 *
 * Header names are in lower case, as in HTTP/2; names from HTTP/1.1 are converted. Everything read
 * lives in the call's arena. Header values never contain CR, LF or NUL: setting such a value is
 * refused. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "fiber/call.h"

struct http_header {
    struct str name;
    struct str value;
};

enum { HTTP_HEADERS_MAX = 128 };

struct http_headers {
    struct http_header *items; /* arena */
    size_t count;
    size_t capacity;
};

/* Adds one; name and value are borrowed (arena, static). INVALID_ARGUMENT for a name or value that
 * HTTP does not allow (RFC 9110, section 5), RESOURCE_EXHAUSTED past HTTP_HEADERS_MAX. */
struct status http_headers_add(struct arena *arena, struct http_headers *headers, struct str name,
                               struct str value);
/* The first with this lower-case name, or a str with data NULL. */
struct str http_headers_get(const struct http_headers *headers, const char *name);
/* Removes all with this name. */
void http_headers_remove(struct http_headers *headers, const char *name);
/* Removes, then adds. */
struct status http_headers_set(struct arena *arena, struct http_headers *headers, struct str name,
                               struct str value);

/* The value of one cookie in the Cookie headers (RFC 6265, section 4.2), or a str with data NULL.
 */
struct str http_cookie(const struct http_headers *headers, const char *name);

enum http_version { HTTP_1_0, HTTP_1_1, HTTP_2 };

struct http_request {
    struct str method; /* upper case, as sent */
    struct str target; /* as sent: path and query */
    struct str
        path; /* still percent-encoded, without the query; starts with / (or is * for OPTIONS) */
    struct str query;     /* without the ?; empty if none */
    struct str authority; /* Host or :authority */
    struct str scheme;    /* http or https: as HTTP/2 says, else how it arrived */
    struct http_headers headers;
    enum http_version version;
    const char *peer;       /* IP address as text */
    bool listener_loopback; /* the listener is bound to a loopback address */
};

struct http_exchange;

const struct http_request *http_request(const struct http_exchange *exchange);

/* ---- reading the peer's message ---- */

/* The whole body, at most `max` bytes: RESOURCE_EXHAUSTED (reason BODY_TOO_LARGE) past it,
 * CANCELLED when the peer has gone away, DEADLINE_EXCEEDED when it sends too slowly. */
struct status http_read_body(struct call *call, struct http_exchange *exchange, size_t max,
                             struct str *ret_body);

/* The next piece of the body, in the arena or valid until the next read; an empty piece (length 0)
 * is its end. */
struct status http_read(struct call *call, struct http_exchange *exchange, struct str *ret_piece);

/* Trailers, once http_read has reached the end; NULL if there are none. */
const struct http_headers *http_trailers(const struct http_exchange *exchange);

/* ---- writing our message ---- */

/* A whole response. Body and headers are borrowed until the exchange ends (memory of the call's
 * arena is suitable); content-length is set here. Never suspends. Call it only once. */
void http_respond(const struct call *call, struct http_exchange *exchange, int status,
                  const struct http_headers *headers, struct str body);

/* The same with trailers in an HTTP/2 trailing HEADERS frame (HTTP/1.1: chunked): the form of a
 * unary gRPC response. */
void http_respond_trailers(const struct call *call, struct http_exchange *exchange, int status,
                           const struct http_headers *headers, struct str body,
                           const struct http_headers *trailers);

/* Starts a streamed response: HTTP/1.1 sends it chunked. */
void http_begin(const struct call *call, struct http_exchange *exchange, int status,
                const struct http_headers *headers);

/* Sends bytes (copied); suspends while the peer or the flow control window accepts no more (at most
 * 64 KiB are buffered). */
struct status http_write(struct call *call, struct http_exchange *exchange, struct str data);

/* Ends our message, with trailers or without (NULL). Never suspends. */
void http_finish(const struct call *call, struct http_exchange *exchange,
                 const struct http_headers *trailers);

/* Has the response been started? */
bool http_responded(const struct http_exchange *exchange);

/* Ends the exchange at once in both directions: RST_STREAM, or closing an HTTP/1.1 connection.
 * Error codes of RFC 9113, section 7: 0 NO_ERROR, 2 INTERNAL_ERROR, 8 CANCEL. */
void http_abort(struct http_exchange *exchange, uint32_t h2_error);

#endif
