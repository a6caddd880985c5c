/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: the body with its headers, or the error envelope. */
#include "base/number.h"
#include "gateway/compress.h"
#include "gateway/gateway_parts.h"
#include "gateway/transcode_parts.h"
#include "rpc/gzip_lane.h"
#include "rpc/rpc_status.h"

enum {
    STATUS_MIN = 200,
    STATUS_MAX = 599,
    RETRY_ROUNDING_MS = 999,
    STORE_FULL_RETRY_MS = 10 *
                          1000, /* an operator has to make room, or something is being deleted */
};

int answer_status(struct status st)
{
    switch (st.reason) {
    case ARGOSY__REASON__BODY_TOO_LARGE: return 413;
    case ARGOSY__REASON__HEADER_TOO_LARGE: return 431;
    case ARGOSY__REASON__MEDIA_TYPE_UNSUPPORTED: return 415;
    case ARGOSY__REASON__METHOD_NOT_ALLOWED: return 405;
    case ARGOSY__REASON__ROUTE_NOT_FOUND: return 404;
    case ARGOSY__REASON__REQUEST_TOO_SLOW: return 408;
    case ARGOSY__REASON__IDEMPOTENCY_KEY_REUSED: return 422;
    case ARGOSY__REASON__STORE_FULL: return 503; /* not 429: the client has not asked too often */
    default: return status_http(st.code);
    }
}

int answer_override(const struct http_headers *metadata)
{
    struct str text = http_headers_get(metadata, "x-http-status");
    int64_t status;

    if (!text.data || !str_to_i64(text, &status)) return 0;
    return status >= STATUS_MIN && status <= STATUS_MAX ? (int)status : 0;
}

/* The message as a client may see it: the text of an INTERNAL error only goes to the log. */
static const char *public_message(struct status st)
{
    if (st.code == STATUS_INTERNAL || st.code == STATUS_UNKNOWN) return "internal error";
    return st.message ? st.message : status_code_name(st.code);
}

static void put_number(struct output *out, int64_t value)
{
    out->length += number_format_i64(value, output_reserve(out, NUMBER_TEXT_SIZE));
}

static void put_violations(struct output *out, const struct status_details *details)
{
    output_byte(out, '[');
    for (size_t i = 0; details && i < details->violation_count; i++) {
        if (i > 0) output_byte(out, ',');
        output_str(out, STR("{\"field\":"));
        write_string(out, str_of(details->violations[i].field));
        output_str(out, STR(",\"description\":"));
        write_string(out, str_of(details->violations[i].description));
        output_byte(out, '}');
    }
    output_byte(out, ']');
}

/* The type of a detail, from the schema of the route's service or, for standard types, of the shop;
 * NULL if neither knows it. */
static const struct transcode_type *
detail_type(struct arena *arena, const struct gateway_request *request, struct str type_url)
{
    const struct transcoding *transcoding = request->route ? request->route->transcoding : NULL;
    const struct rpc_schema *schemas[] = {transcoding ? transcoding->schema : NULL,
                                          request->gateway->schema};
    const struct transcode_type *type = NULL;

    for (int i = 0; i < 2 && !type; i++)
        if (schemas[i])
            type = transcode_any_type(arena, transcode_types_new(arena, schemas[i]), type_url);
    return type;
}

/* Writes a detail as the JSON form of Any; for an unknown type, its bytes in base64. */
static void put_detail(struct output *out, const struct gateway_request *request,
                       const struct rpc_detail *detail)
{
    const struct transcode_type *type = detail_type(out->arena, request, detail->type_url);
    struct output json;
    struct str members;

    output_init(&json, out->arena, 2 * detail->value.length + 64);
    output_str(out, STR("{\"@type\":"));
    write_string(out, detail->type_url);
    if (!type || failed(transcode_to_json(out->arena, type, detail->value, &json))) {
        output_str(out, STR(",\"value\":"));
        write_string(out, base64_encode(out->arena, detail->value));
        output_byte(out, '}');
        return;
    }
    members = output_view(&json);
    if (type->schema->well_known != SCHEMA_ORDINARY) {
        output_str(out, STR(",\"value\":"));
        output_str(out, members);
        output_byte(out, '}');
        return;
    }
    output_byte(out, members.length > 2 ? ',' : '}');
    if (members.length > 2) output_str(out, str_sized(members.data + 1, members.length - 1));
}

/* Writes the details of a peer's error other than reason and violations; most errors have none. */
static void put_details(struct output *out, const struct gateway_request *request, struct status st)
{
    const struct rpc_detail *details;
    size_t count = rpc_status_peer_details(out->arena, st, &details);

    if (count == 0) return;
    output_str(out, STR(",\"details\":["));
    for (size_t i = 0; i < count; i++) {
        if (i > 0) output_byte(out, ',');
        put_detail(out, request, &details[i]);
    }
    output_byte(out, ']');
}

struct str answer_error_body(const struct call *call, const struct gateway_request *request,
                             struct status st, int http_status)
{
    struct output out;

    output_init(&out, call->arena, 512);
    output_str(&out, STR("{\"success\":false,\"message\":"));
    write_string(&out, str_of(public_message(st)));
    output_str(&out, STR(",\"status_code\":"));
    put_number(&out, http_status);
    output_str(&out, STR(",\"error\":{\"code\":"));
    write_string(&out, str_of(status_code_name(st.code)));
    output_str(&out, STR(",\"reason\":"));
    write_string(&out, str_of(rpc_status_reason(st)));
    output_str(&out, STR(",\"field_violations\":"));
    put_violations(&out, st.details);
    put_details(&out, request, st);
    output_str(&out, STR("}}"));
    return output_view(&out);
}

void answer_headers(const struct call *call, struct gateway_request *request)
{
    const struct gateway_route *route = request->route ? request->route
                                                       : &request->gateway->table.unmatched;

    request_header_set(call, request, STR("x-request-id"), str_of(call->trace->request_id));
    for (size_t i = 0; i < route->chain_count; i++)
        if (route->chain[i]->plugin->header)
            route->chain[i]->plugin->header(call, request, route->chain[i]->config);
}

/* May caches store the response? One that depends on the user, changes something or sets a cookie
 * must not be stored, unless the service itself has set Cache-Control. A route with an optional
 * token gives different responses for one URL, so it needs a Vary header. */
static bool is_for_everybody(const struct gateway_request *request)
{
    struct str method = request->http->method;

    if (!(str_is(method, "GET") || str_is(method, "HEAD"))) return false;
    if (request->http_status >= 400 || http_headers_get(&request->headers, "set-cookie").data)
        return false;
    return request->token == TOKEN_UNREAD || request->token == TOKEN_ABSENT;
}

void answer_cache_rules(const struct call *call, struct gateway_request *request)
{
    if (!http_headers_get(&request->headers, "cache-control").data && !is_for_everybody(request))
        request_header_set(call, request, STR("cache-control"), STR("no-store"));
    if (request->route && request->route->token_keys)
        request_header_add(call, request, STR("vary"), STR("authorization, cookie"));
}

/* Ends the body with a line feed, so that on a terminal the next prompt starts on a new line. */
static struct str end_line(const struct call *call, struct str body)
{
    return str_of(arena_printf(call->arena, "%.*s\n", STR_ARGS(body)));
}

static void prepare_error(const struct call *call, struct gateway_request *request)
{
    struct status st = request->outcome;
    int64_t retry_ms = st.details ? st.details->retry_after_ms : 0;

    if (st.reason == ARGOSY__REASON__STORE_FULL && retry_ms == 0) retry_ms = STORE_FULL_RETRY_MS;
    if (request->http_status == 0) request->http_status = answer_override(&request->reply);
    if (request->http_status == 0 && st.reason == ARGOSY__REASON__VERSION_STALE &&
        conditions_given(request))
        request->http_status = 412;
    if (request->http_status == 0) request->http_status = answer_status(st);
    request->body = request->plain_errors
                        ? str_of(arena_printf(call->arena, "%s\n", public_message(st)))
                        : end_line(call,
                                   answer_error_body(call, request, st, request->http_status));
    request->content_type = request->plain_errors ? STR("text/plain; charset=utf-8") : STR("");
    if (retry_ms > 0) {
        const char *text = arena_printf(call->arena, "%lld",
                                        (long long)((retry_ms + RETRY_ROUNDING_MS) / 1000));
        request_header_set(call, request, STR("retry-after"), str_of(text));
    }
    if (request->http_status == 401)
        request_header_set(call, request, STR("www-authenticate"), STR("Bearer"));
}

static struct str accept_encoding(const struct gateway_request *request)
{
    return request_header(request, "accept-encoding");
}

/* Text of a suitable size. A response that sets a cookie is not compressed, because its length
 * could reveal the secret next to text that the client chose. */
static bool may_be_compressed(const struct gateway_request *request)
{
    struct str type = request->content_type;
    size_t length = request->body.length;

    return length >= COMPRESS_SIZE_MIN && length <= COMPRESS_SIZE_MAX &&
           request->http_status != 206 && !request->plain_errors &&
           !http_headers_get(&request->reply, "set-cookie").data &&
           (type.length == 0 || str_starts_with(type, STR("application/json")) ||
            str_starts_with(type, STR("text/")));
}

/* A 304 has no body, but the tag of the response that it replaces. */
static void compress_answer(struct call *call, struct gateway_request *request)
{
    struct str tag = http_headers_get(&request->headers, "etag"), body = {0};

    if (request->body.length > 0 &&
        !gzip_lane_compress(call, request->gateway->gzip, request->body, 0, &body))
        return;
    if (tag.data) request_header_set(call, request, STR("etag"), compress_tag(call->arena, tag));
    if (request->body.length == 0) return;
    request->body = body;
    request_header_set(call, request, STR("content-encoding"), STR("gzip"));
}

void answer_json(struct call *call, struct gateway_request *request)
{
    bool may = may_be_compressed(request); /* a 304 has the tag of the body that it replaces */
    if (!failed(request->outcome)) conditions_apply(call, request);
    if (failed(request->outcome)) {
        prepare_error(call, request);
        may = may_be_compressed(request);
    }
    bool compressed = may && compress_is_wanted(accept_encoding(request));
    forward_reply(call, request);
    answer_headers(call, request);
    answer_cache_rules(call, request);
    if (may) request_header_add(call, request, STR("vary"), STR("accept-encoding"));
    if (compressed) compress_answer(call, request);
    if (request->body.length > 0)
        request_header_set(call, request, STR("content-type"),
                           request->content_type.length > 0 ? request->content_type
                                                            : STR("application/json"));
    request->sent = request->body.length;
    http_respond(call, request->exchange, request->http_status, &request->headers, request->body);
}

void answer_grpc(const struct call *call, struct gateway_request *request)
{
    answer_headers(call, request);
    request_header_set(call, request, STR("content-type"), STR("application/grpc"));
    rpc_status_write(call->arena, request->outcome, &request->headers);
    request->http_status = 200;
    http_respond(call, request->exchange, 200, &request->headers, STR(""));
}
