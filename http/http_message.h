/* SPDX-License-Identifier: Apache-2.0 */
/* Functions on messages that both protocol versions share. Private to http/. */
#ifndef HTTP_HTTP_MESSAGE_H
#define HTTP_HTTP_MESSAGE_H

#include "http/http.h"

/* Room for `capacity` headers, so that adding them allocates nothing. */
void http_headers_reserve(struct arena *arena, struct http_headers *headers, size_t capacity);

/* Adds one that has been checked already; false past HTTP_HEADERS_MAX. */
bool http_headers_push(struct arena *arena, struct http_headers *headers,
                       struct http_header header);

/* Sets target, path and query (and, for a target in absolute form, authority) from the peer's
 * target; method and version must be set. False for an invalid target. */
bool http_request_set_target(struct http_request *request, struct str target);

/* Does the header belong to the connection or to the framing (RFC 9110, section 7.6.1)? Those are
 * set by http/, never by handlers. */
bool http_header_is_ours(struct str name);

/* The IMF-fixdate of the current second (RFC 9110, section 5.6.7), cached until it ends. */
enum { HTTP_DATE_LENGTH = 29 };
struct http_date {
    int64_t second;
    char text[HTTP_DATE_LENGTH + 1];
};
struct str http_date_now(struct http_date *date);

#endif
