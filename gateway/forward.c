/* SPDX-License-Identifier: Apache-2.0 */
/* Selects which of a client's headers are passed to a service as metadata, and which of the
 * service's metadata to the client as headers. The user's identity (x-user-email and the like)
 * comes only from the verified token and takes another route: a client's headers with these names
 * are always dropped here. */
#include "gateway/compress.h"
#include "gateway/gateway_parts.h"

static bool is_one_of(struct str name, const char *const *names)
{
    while (*names && !str_is(name, *names)) names++;
    return *names != NULL;
}

/* Names that carry an identity, or that rpc/ itself sends. */
static bool is_reserved(struct str name)
{
    static const char *const names[] = {"x-user-email",
                                        "x-user-role",
                                        "x-device-id",
                                        "x-fleet-signature",
                                        "x-client-ip",
                                        "x-request-id",
                                        "traceparent",
                                        "tracestate",
                                        "content-type",
                                        "content-length",
                                        "te",
                                        "trailer",
                                        "user-agent",
                                        "host",
                                        "connection",
                                        "keep-alive",
                                        "transfer-encoding",
                                        "upgrade",
                                        "cookie",
                                        "authorization",
                                        "x-forwarded-for",
                                        "proxy-authorization",
                                        NULL};

    return name.length == 0 || name.data[0] == ':' || str_starts_with(name, STR("grpc-")) ||
           is_one_of(name, names);
}

static bool has_tags(struct str name)
{
    return str_is(name, "if-match") || str_is(name, "if-none-match");
}

void forward_request_json(const struct call *call, struct gateway_request *request)
{
    static const char *const allowed[] = {"if-match",        "if-none-match",    "accept-language",
                                          "idempotency-key", "stripe-signature", NULL};
    static const struct str prefix = {"grpc-metadata-", 14};
    const struct http_headers *headers = &request->http->headers;

    for (size_t i = 0; i < headers->count; i++) {
        struct str name = headers->items[i].name;
        struct str value = headers->items[i].value;
        bool prefixed = str_starts_with(name, prefix);
        if (prefixed) name = str_sized(name.data + prefix.length, name.length - prefix.length);
        if (prefixed ? !is_reserved(name) : is_one_of(name, allowed))
            request_metadata_add(call, request, name,
                                 has_tags(name) ? compress_plain_tags(call->arena, value) : value);
    }
}

void forward_request_grpc(const struct call *call, struct gateway_request *request)
{
    const struct http_headers *headers = &request->http->headers;

    for (size_t i = 0; i < headers->count; i++)
        if (!is_reserved(headers->items[i].name))
            request_metadata_add(call, request, headers->items[i].name, headers->items[i].value);
}

void forward_reply(const struct call *call, struct gateway_request *request)
{
    static const char *const allowed[] = {
        "etag",        "location",         "cache-control",       "last-modified",
        "link",        "content-language", "content-disposition", "retry-after",
        "deprecation", "sunset",           "idempotent-replayed", "content-location",
        NULL};

    for (size_t i = 0; i < request->reply.count; i++) {
        const struct http_header *item = &request->reply.items[i];
        if (is_one_of(item->name, allowed))
            request_header_set(call, request, item->name, item->value);
    }
}
