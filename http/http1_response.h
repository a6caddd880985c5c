/* SPDX-License-Identifier: Apache-2.0 */
/* Formats HTTP/1.1 responses (RFC 9112); knows no connection. Private to http/. */
#ifndef HTTP_HTTP1_RESPONSE_H
#define HTTP_HTTP1_RESPONSE_H

#include "http/http.h"
#include "http/http_message.h"

enum http1_body { HTTP1_NO_BODY, HTTP1_SIZED, HTTP1_CHUNKED, HTTP1_UNTIL_CLOSE };

struct http1_response {
    int status;
    const struct http_headers *headers;
    enum http1_body body;
    size_t size;            /* of HTTP1_SIZED */
    const char *connection; /* "close", "keep-alive", or NULL for the version's default */
};

/* The status line and all headers, with date, framing and connection. */
void http1_put_head(struct buffer *out, struct http_date *date,
                    const struct http1_response *response);

/* The size line before a chunk's bytes; after them comes CR LF. */
void http1_put_chunk_size(struct buffer *out, size_t size);

/* The last chunk and the trailers (may be NULL). */
void http1_put_end(struct buffer *out, const struct http_headers *trailers);

/* 1xx, 204 and 304 never have a body (RFC 9110, section 6.4.1). */
bool http1_status_has_body(int status);

#endif
