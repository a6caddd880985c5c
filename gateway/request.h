/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request on its way through the gateway, which the plugins read and change. Private to
 * gateway/. */
#ifndef GATEWAY_REQUEST_H
#define GATEWAY_REQUEST_H

#include "base/jwt.h"
#include "http/http.h"
#include "rpc/rpc.h"

struct gateway;
struct gateway_route;
struct traffic;

enum token_state { TOKEN_UNREAD, TOKEN_ABSENT, TOKEN_GOOD, TOKEN_BAD };

struct gateway_request {
    struct gateway *gateway;
    struct http_exchange *exchange;
    const struct http_request *http;
    const struct gateway_route *route; /* NULL: no route */
    const char *client_ip;
    bool https;         /* the client speaks HTTPS, to us or to a trusted proxy */
    int64_t started_us; /* monotonic */
    size_t body_max;    /* bytes */
    bool preflight;     /* of CORS */
    bool plain_errors;  /* errors are plain text: clients of this path use gRPC and do not know our
                         * JSON */

    /* The user. */
    enum token_state token;
    struct status token_status; /* of BAD: the reason */
    struct jwt_claims claims;   /* of GOOD */

    /* What is passed to the service. */
    struct user user;
    struct http_headers metadata;

    /* The response; `reply` is the service's metadata. */
    struct http_headers reply;
    struct http_headers headers;
    struct status outcome;
    int http_status;
    struct str body;
    struct str content_type; /* of the body; empty: JSON */
    bool answered;           /* by a plugin */
    bool streams;            /* lasts for as long as the client listens */
    size_t received, sent;   /* bytes of the bodies */
    int64_t upstream_us;     /* time in the service and on the way there; -1: it was not called */
    struct traffic *traffic; /* the series that count it */
};

/* Sets a header of the response; one that HTTP does not allow, or for which there is no room, is
 * dropped. */
void request_header_set(const struct call *call, struct gateway_request *request, struct str name,
                        struct str value);
void request_header_add(const struct call *call, struct gateway_request *request, struct str name,
                        struct str value);

/* A header of the request; empty if it is missing. */
struct str request_header(const struct gateway_request *request, const char *name);

/* All lines of a header whose value is a list, with commas between them (RFC 9110, section 5.3);
 * data NULL if it is missing. */
struct str request_header_list(const struct call *call, const struct gateway_request *request,
                               const char *name);

/* Did it come over plain HTTP, also to the proxies in front of us, on a listener that is bound to
 * loopback? There curl and browsers would not send a Secure cookie back. */
bool request_is_plain_loopback(const struct gateway_request *request);

/* Adds metadata for the service. */
void request_metadata_add(const struct call *call, struct gateway_request *request, struct str name,
                          struct str value);

/* Verifies the access token (of `Authorization: Bearer`, or the cookie `access-token`) with the
 * keys of the route's auth-token-validator, once per request. Without that plugin the token counts
 * as absent. */
enum token_state request_token(const struct call *call, struct gateway_request *request);

/* UNAUTHENTICATED if the session of a valid token has ended since it was verified; for long-lived
 * requests. */
struct status request_check_session(const struct gateway_request *request);

#endif
