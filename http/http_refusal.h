/* SPDX-License-Identifier: Apache-2.0 */
/* Why the server refuses a connection or a request by itself, before or instead of a handler. Each
 * reason has a label of argosy_http_refused_total and, where a response can still be sent, a status
 * and a text. Private to http/. */
#ifndef HTTP_HTTP_REFUSAL_H
#define HTTP_HTTP_REFUSAL_H

#include "base/arena.h"
#include "base/str.h"
#include "http/http.h"

enum http_refusal {
    HTTP_ACCEPTED,
    HTTP_REFUSED_MALFORMED, /* not HTTP, or a form of it that could be read in two ways */
    HTTP_REFUSED_TARGET,
    HTTP_REFUSED_TARGET_SIZE,
    HTTP_REFUSED_HOST,
    HTTP_REFUSED_FRAMING, /* Content-Length and Transfer-Encoding do not make one sense */
    HTTP_REFUSED_CODING,  /* a transfer coding other than chunked */
    HTTP_REFUSED_METHOD,  /* CONNECT */
    HTTP_REFUSED_VERSION,
    HTTP_REFUSED_EXPECTATION,
    HTTP_REFUSED_HEADER_SIZE,
    HTTP_REFUSED_BODY_SIZE,
    HTTP_REFUSED_HEADER_TIMEOUT,
    HTTP_REFUSED_BODY_TIMEOUT,
    HTTP_REFUSED_OVERLOAD,    /* no fiber to be had */
    HTTP_REFUSED_MEMORY,      /* its connection holds most of what is too much */
    HTTP_REFUSED_UNANSWERED,  /* the handler returned without an answer */
    HTTP_REFUSED_CONNECTIONS, /* from here on nothing is answered: the connection ends */
    HTTP_REFUSED_DESCRIPTORS, /* times that accepting was put off for want of descriptors */
    HTTP_REFUSED_IDLE,        /* idle, when there was no descriptor for another */
    HTTP_REFUSED_SHED,        /* ended, because the connection held most of what was too much */
    HTTP_REFUSED_STILL,       /* ended, because its peer took nothing while memory was tight */
    HTTP_REFUSED_STREAM,      /* HTTP/2 streams, while memory was tight and others of it ran */
    HTTP_REFUSED_WRITE_TIMEOUT,
    HTTP_REFUSED_RESETS,   /* too many streams opened and reset */
    HTTP_REFUSED_FLOOD,    /* too many frames that carry nothing */
    HTTP_REFUSED_PINGS,    /* keepalive too often */
    HTTP_REFUSED_PROTOCOL, /* an HTTP/2 connection error */
    HTTP_REFUSAL_COUNT,
};

const char *http_refusal_label(enum http_refusal refusal);
int http_refusal_status(enum http_refusal refusal);

/* The headers of its answer, static: content-type, and retry-after where trying again may help. */
const struct http_headers *http_refusal_headers(enum http_refusal refusal);

/* The error envelope as JSON; static. */
struct str http_refusal_body(enum http_refusal refusal);

#endif
