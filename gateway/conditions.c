/* SPDX-License-Identifier: Apache-2.0 */
/* Conditional requests (RFC 9110, section 13). For reads, the gateway compares the tags with the
 * ETag in the service's response. For changes, the service compares, between reading and writing; a
 * method supports this if its request has a field `version`. Other resources have no ETags, so no
 * tag in If-Match can match them. */
#include "base/entity_tag.h"
#include "gateway/compress.h"
#include "gateway/gateway_parts.h"

static bool is_read(const struct gateway_request *request)
{
    return str_is(request->http->method, "GET") || str_is(request->http->method, "HEAD");
}

bool conditions_given(const struct gateway_request *request)
{
    return http_headers_get(&request->http->headers, "if-match").data ||
           http_headers_get(&request->http->headers, "if-none-match").data;
}

static struct status broken(void)
{
    return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__IF_MATCH_INVALID,
                       "If-Match must be *, or ETags from responses with their quotes, such as "
                       "\"7\"; several are separated by commas");
}

static struct status stale(void)
{
    return status_make(
        STATUS_ABORTED, ARGOSY__REASON__VERSION_STALE,
        "If-Match does not contain the current ETag of this resource; read it again");
}

struct status conditions_check(const struct call *call, const struct gateway_request *request,
                               const struct schema_method *method)
{
    struct str list = request_header_list(call, request, "if-match");
    enum entity_tag_list kind = entity_tags_read(list);

    if (!list.data) return status_ok();
    if (kind == ENTITY_TAGS_BROKEN) return broken();
    if (is_read(request) || kind == ENTITY_TAGS_ANY || !request->route->kong->service->shop)
        return status_ok();
    return schema_field_by_name(method->request, STR("version")) ? status_ok() : stale();
}

/* A header's tags, with those of compressed responses turned back into the service's tags; data
 * NULL if there is no such header. */
static struct str read_list(const struct call *call, const struct gateway_request *request,
                            const char *name)
{
    struct str list = request_header_list(call, request, name);

    return list.data ? compress_plain_tags(call->arena, list) : list;
}

void conditions_apply(const struct call *call, struct gateway_request *request)
{
    struct str tag = http_headers_get(&request->reply, "etag");
    struct str match = read_list(call, request, "if-match");
    struct str none = read_list(call, request, "if-none-match");

    if (request->http_status != 200 || !is_read(request)) return;
    if (!tag.data) tag = STR("");
    if (match.data && entity_tags_read(match) != ENTITY_TAGS_ANY &&
        !entity_tags_have(match, tag, true)) {
        request->outcome = stale();
        request->http_status = 0;
        return;
    }
    if (none.data &&
        (entity_tags_read(none) == ENTITY_TAGS_ANY || entity_tags_have(none, tag, false))) {
        request->http_status = 304;
        request->body = STR("");
    }
}
