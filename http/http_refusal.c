/* SPDX-License-Identifier: Apache-2.0 */
/* The table of refusals. See http/http_refusal.h. */
#include "http/http_refusal.h"

#include "base/status.h"

#define ENVELOPE(status, code, reason, message)                               \
    "{\"success\":false,\"message\":\"" message "\",\"status_code\":" #status \
    ",\"error\":{\"code\":\"" code "\",\"reason\":\"" reason "\"}}"

struct refusal {
    const char *label;
    int status;
    const char *body;
};

static const struct refusal refusals[HTTP_REFUSAL_COUNT] = {
    [HTTP_ACCEPTED] = {"accepted", 200, ""},
    [HTTP_REFUSED_MALFORMED] = {"malformed", 400,
                                ENVELOPE(400, "INVALID_ARGUMENT", "MALFORMED_HTTP",
                                         "the request is not well-formed HTTP")},
    [HTTP_REFUSED_TARGET] = {"target", 400,
                             ENVELOPE(400, "INVALID_ARGUMENT", "MALFORMED_HTTP",
                                      "the request target is not a path or URL; percent-encode "
                                      "everything that is not printable ASCII")},
    [HTTP_REFUSED_TARGET_SIZE] = {"target_too_long", 414,
                                  ENVELOPE(414, "INVALID_ARGUMENT", "HEADER_TOO_LARGE",
                                           "the request target is too long; shorten the path or "
                                           "the query")},
    [HTTP_REFUSED_HOST] = {"host", 400,
                           ENVELOPE(400, "INVALID_ARGUMENT", "MALFORMED_HTTP",
                                    "send exactly one valid Host header")},
    [HTTP_REFUSED_FRAMING] = {"framing", 400,
                              ENVELOPE(400, "INVALID_ARGUMENT", "MALFORMED_HTTP",
                                       "send one Content-Length, or one Transfer-Encoding with "
                                       "well-formed chunks, and never both")},
    [HTTP_REFUSED_CODING] = {"transfer_coding", 501,
                             ENVELOPE(501, "UNIMPLEMENTED", "MALFORMED_HTTP",
                                      "the only supported transfer coding is chunked")},
    [HTTP_REFUSED_METHOD] = {"method", 501,
                             ENVELOPE(501, "UNIMPLEMENTED", "METHOD_NOT_ALLOWED",
                                      "CONNECT is not supported")},
    [HTTP_REFUSED_VERSION] = {"version", 505,
                              ENVELOPE(505, "UNIMPLEMENTED", "MALFORMED_HTTP",
                                       "use HTTP/1.0, HTTP/1.1 or HTTP/2")},
    [HTTP_REFUSED_EXPECTATION] = {"expectation", 417,
                                  ENVELOPE(417, "INVALID_ARGUMENT", "MALFORMED_HTTP",
                                           "the only supported expectation is 100-continue")},
    [HTTP_REFUSED_HEADER_SIZE] = {"header_too_large", 431,
                                  ENVELOPE(431, "RESOURCE_EXHAUSTED", "HEADER_TOO_LARGE",
                                           "the request's header is too large")},
    [HTTP_REFUSED_BODY_SIZE] = {"body_too_large", 413,
                                ENVELOPE(413, "RESOURCE_EXHAUSTED", "BODY_TOO_LARGE",
                                         "the request's body is too large")},
    [HTTP_REFUSED_HEADER_TIMEOUT] = {"header_timeout", 408,
                                     ENVELOPE(
                                         408, "DEADLINE_EXCEEDED", "REQUEST_TOO_SLOW",
                                         "the request's header arrived too slowly; send it again")},
    [HTTP_REFUSED_BODY_TIMEOUT] = {"body_timeout", 408,
                                   ENVELOPE(
                                       408, "DEADLINE_EXCEEDED", "REQUEST_TOO_SLOW",
                                       "the request's body arrived too slowly; send it again")},
    [HTTP_REFUSED_OVERLOAD] = {"overload", 503,
                               ENVELOPE(503, "UNAVAILABLE", "FIBERS_FULL",
                                        "too many requests are running; try again later")},
    [HTTP_REFUSED_MEMORY] = {"memory", 503,
                             ENVELOPE(
                                 503,
                                 "RESOURCE_EXHAUSTED", "MEMORY_FULL",
                                 "the server holds too much data for its clients, and most of it "
                                 "for this connection; read the responses, and try again "
                                 "later")},
    [HTTP_REFUSED_UNANSWERED] = {"unanswered", 500,
                                 ENVELOPE(500, "INTERNAL", "REASON_UNSPECIFIED",
                                          "the request was not answered")},
    [HTTP_REFUSED_CONNECTIONS] = {"connections", 503, ""},
    [HTTP_REFUSED_DESCRIPTORS] = {"descriptors", 503, ""},
    [HTTP_REFUSED_IDLE] = {"idle", 503, ""},
    [HTTP_REFUSED_SHED] = {"memory_connection", 503, ""},
    [HTTP_REFUSED_STILL] = {"memory_still", 503, ""},
    [HTTP_REFUSED_STREAM] = {"memory_stream", 503, ""},
    [HTTP_REFUSED_WRITE_TIMEOUT] = {"write_timeout", 408, ""},
    [HTTP_REFUSED_RESETS] = {"resets", 429, ""},
    [HTTP_REFUSED_FLOOD] = {"flood", 429, ""},
    [HTTP_REFUSED_PINGS] = {"pings", 429, ""},
    [HTTP_REFUSED_PROTOCOL] = {"protocol", 400, ""},
};

const char *http_refusal_label(enum http_refusal refusal)
{
    invariant(refusal < HTTP_REFUSAL_COUNT);
    return refusals[refusal].label;
}

int http_refusal_status(enum http_refusal refusal)
{
    invariant(refusal < HTTP_REFUSAL_COUNT);
    return refusals[refusal].status;
}

const struct http_headers *http_refusal_headers(enum http_refusal refusal)
{
    static struct http_header items[] = {
        {{"content-type", 12}, {"application/json", 16}},
        {{"retry-after", 11}, {"1", 1}},
    };
    static const struct http_headers lasting = {items, 1, 1}, passing = {items, 2, 2};

    return http_refusal_status(refusal) == 503 ? &passing : &lasting;
}

struct str http_refusal_body(enum http_refusal refusal)
{
    invariant(refusal < HTTP_REFUSAL_COUNT);
    return str_of(refusals[refusal].body);
}
