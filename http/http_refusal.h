/* SPDX-License-Identifier: Apache-2.0 */
/* The reasons for which the server itself refuses a connection or a request, before or instead of
 * its handler. Each has a label for argosy_http_refused_total and, where a response can still be
 * sent, a status and a text. Private to http/. */
#ifndef HTTP_HTTP_REFUSAL_H
#define HTTP_HTTP_REFUSAL_H

#include "base/arena.h"
#include "base/str.h"
#include "http/http.h"

enum http_refusal {
    HTTP_ACCEPTED,
    HTTP_REFUSED_MALFORMED, /* not HTTP, or ambiguous */
    HTTP_REFUSED_TARGET,
    HTTP_REFUSED_TARGET_SIZE,
    HTTP_REFUSED_HOST,
    /* Content-Length and Transfer-Encoding contradict each other, or a chunk is malformed. */
    HTTP_REFUSED_FRAMING,
    HTTP_REFUSED_CODING, /* a transfer coding other than chunked */
    HTTP_REFUSED_METHOD, /* CONNECT */
    HTTP_REFUSED_VERSION,
    HTTP_REFUSED_EXPECTATION,
    HTTP_REFUSED_HEADER_SIZE,
    HTTP_REFUSED_BODY_SIZE,
    HTTP_REFUSED_HEADER_TIMEOUT,
    HTTP_REFUSED_BODY_TIMEOUT,
    HTTP_REFUSED_OVERLOAD,    /* no fiber is available */
    HTTP_REFUSED_MEMORY,      /* there is too little memory and its connection holds the most */
    HTTP_REFUSED_UNANSWERED,  /* the handler returned without a response */
    HTTP_REFUSED_CONNECTIONS, /* from here on no response is sent: the connection ends */
    HTTP_REFUSED_DESCRIPTORS, /* how often accepting was postponed for lack of descriptors */
    HTTP_REFUSED_IDLE,        /* idle, and closed because another one needed its descriptor */
    HTTP_REFUSED_SHED,        /* ended because there was too little memory and the connection held
                               * the most */
    HTTP_REFUSED_STILL,       /* ended, because its peer took nothing while memory was tight */
    HTTP_REFUSED_STREAM,      /* HTTP/2 streams, while memory was tight and others of it ran */
    HTTP_REFUSED_WRITE_TIMEOUT,
    HTTP_REFUSED_RESETS,   /* too many streams opened and reset */
    HTTP_REFUSED_FLOOD,    /* too many useless frames */
    HTTP_REFUSED_PINGS,    /* keepalive too often */
    HTTP_REFUSED_PROTOCOL, /* an HTTP/2 connection error */
    HTTP_REFUSAL_COUNT,
};

const char *http_refusal_label(enum http_refusal refusal);
int http_refusal_status(enum http_refusal refusal);

/* The headers of the response, static: content-type, and retry-after where a retry may help. */
const struct http_headers *http_refusal_headers(enum http_refusal refusal);

/* The error envelope as JSON; static. */
struct str http_refusal_body(enum http_refusal refusal);

#endif
