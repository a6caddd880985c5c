/* SPDX-License-Identifier: Apache-2.0 */
/* One request, from its head to its response:
 *
 *     route ─► rule ─► plugins' access ─► the call ─► plugins' header ─► answer ─► plugins' log
 *
 * A request without a rule still passes through the plugins up to cors, so that its 404 or 405 can
 * be read by a page and has a request id, and does not require a token. */
#include <ctype.h>

#include "base/clock.h"
#include "gateway/gateway.h"
#include "gateway/gateway_parts.h"
#include "observe/log.h"
#include "rpc/rpc_body.h"

enum {
    SLOW_US = 1000 * 1000,
    /* How much of a refused request's body is read, and for how long. */
    REFUSED_BODY_MAX = 64 * 1024,
    REFUSED_BODY_WITHIN_MS = 2000,
};

/* How a request is to be served. */
struct plan {
    struct json_target json;
    const struct schema_method *method; /* of gRPC, if it is known */
    bool grpc;
    bool own; /* served by the gateway itself */
};

static bool is_grpc(const struct gateway_request *request)
{
    return str_is(request->http->method, "POST") &&
           rpc_media_of(request_header(request, "content-type")) != RPC_MEDIA_NONE;
}

static struct route_question ask(const struct gateway_request *request, bool grpc)
{
    struct route_question question = {
        .host = request->http->authority,
        .path = request->http->path,
        .method = request->http->method,
        .grpc = grpc,
    };

    if (request->preflight)
        question.preflight_for = request_header(request, "access-control-request-method");
    return question;
}

/* The byte given by the first two hexadecimal digits, or -1. */
static int hex_byte(struct str text)
{
    int value = 0;

    if (text.length < 2) return -1;
    for (int i = 0; i < 2; i++) {
        int digit = text.data[i] | 0x20;
        if (text.data[i] >= '0' && text.data[i] <= '9')
            value = value * 16 + text.data[i] - '0';
        else if (digit >= 'a' && digit <= 'f')
            value = value * 16 + digit - 'a' + 10;
        else
            return -1;
    }
    return value;
}

static struct status no_route(const struct gateway_request *request)
{
    struct str path = request->http->path;

    for (size_t i = 0; i < path.length; i++)
        if (path.data[i] == '%' && hex_byte(str_sized(path.data + i + 1, path.length - i - 1)) < 0)
            return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MALFORMED_HTTP,
                               "the path has a malformed %-escape");
    return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__ROUTE_NOT_FOUND,
                       "there is nothing at this path");
}

static struct status refuse_method(const struct call *call, struct gateway_request *request,
                                   const char *allow)
{
    request_header_set(call, request, STR("allow"), str_of(arena_strdup(call->arena, allow)));
    return status_printf(call->arena, STATUS_UNIMPLEMENTED, ARGOSY__REASON__METHOD_NOT_ALLOWED,
                         "this path has no method %.*s; its methods are %s",
                         STR_ARGS(request->http->method), allow);
}

/* No route or no rule takes the method. */
static struct status no_method(const struct call *call, struct gateway_request *request)
{
    struct route_question question = ask(request, false);
    char allow[ROUTER_ALLOW_SIZE];

    route_table_allow(&request->gateway->table, &question, allow);
    return allow[0] ? refuse_method(call, request, allow) : no_route(request);
}

/* ---- finding route and rule ---- */

/* The error for a request that is not gRPC to a path that only gRPC has. */
static struct status grpc_only(const struct call *call, struct gateway_request *request)
{
    request->plain_errors = true;
    if (!str_is(request->http->method, "POST")) return refuse_method(call, request, "POST");
    return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MEDIA_TYPE_UNSUPPORTED,
                       "this path takes gRPC only: POST application/grpc");
}

static bool is_grpc_method(const struct gateway_request *request)
{
    return name_table_get(&request->gateway->table.methods, request->http->path) != NULL;
}

/* Is there a gRPC route for a request that may have been meant as gRPC? */
static bool has_grpc_route(const struct gateway_request *request)
{
    struct route_question question = ask(request, true);
    bool other_method;

    if (!str_is(request->http->method, "POST") &&
        rpc_media_of(request_header(request, "content-type")) == RPC_MEDIA_NONE)
        return false;
    question.method = STR("POST");
    return route_table_find(&request->gateway->table, &question, &other_method) != NULL;
}

static struct status find_rule(const struct call *call, struct gateway_request *request,
                               struct plan *plan)
{
    const struct transcoding *transcoding = request->route->transcoding;

    if (!transcoding) return grpc_only(call, request);
    switch (router_find(transcoding->router, request->http->method, request->http->path,
                        &plan->json.match)) {
    case ROUTER_FOUND: break;
    case ROUTER_NO_PATH:
        return is_grpc_method(request) ? grpc_only(call, request) : no_route(request);
    case ROUTER_NO_METHOD: return no_method(call, request);
    }
    plan->json.rule = plan->json.match.target;
    request->traffic = (struct traffic *)(uintptr_t)&plan->json.rule->traffic;
    return status_ok();
}

static struct status find_json(const struct call *call, struct gateway_request *request,
                               struct plan *plan)
{
    const struct route_table *table = &request->gateway->table;
    struct route_question question = ask(request, false);
    bool other_method;

    request->route = route_table_find(table, &question, &other_method);
    if (request->route) return find_rule(call, request, plan);
    if (!other_method && (is_grpc_method(request) || has_grpc_route(request)))
        return grpc_only(call, request);
    return other_method ? no_method(call, request) : no_route(request);
}

/* A method of the shop without an HTTP rule is for the shop's own services, and these trust the
 * gateway as one of them. So it is never passed on, whatever the configuration says. */
static bool is_internal(const struct gateway_request *request)
{
    const struct schema_method *method = schema_method_by_path(request->gateway->schema,
                                                               request->http->path);

    return method && method->http_count == 0;
}

/* The gateway serves health and reflection itself, unless there is a route for them. */
static bool is_own(const struct gateway_request *request)
{
    static const char *const services[] = {"/grpc.health.v1.Health/",
                                           "/grpc.reflection.v1.ServerReflection/",
                                           "/grpc.reflection.v1alpha.ServerReflection/"};
    const struct kong_route *route = request->route ? request->route->kong : NULL;

    for (size_t i = 0; route && i < route->path_count; i++)
        if (str_starts_with(route->paths[i].text, STR("/grpc"))) return false;
    for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++)
        if (str_starts_with(request->http->path, str_of(services[i]))) return true;
    return false;
}

/* A method in a route's proto is passed on only if it has an HTTP rule there. */
static struct status find_grpc(const struct call *call, struct gateway_request *request,
                               struct plan *plan)
{
    const struct route_table *table = &request->gateway->table;
    struct route_question question = ask(request, true);
    struct grpc_method *method = (struct grpc_method *)(uintptr_t)name_table_get(
        &table->methods, request->http->path);
    bool other_method;

    if (rpc_media_of(request_header(request, "content-type")) != RPC_MEDIA_PROTO)
        return status_make(STATUS_UNIMPLEMENTED, 0,
                           "only application/grpc and application/grpc+proto are supported");
    request->route = route_table_find(table, &question, &other_method);
    if (is_own(request)) {
        request->route = NULL;
        request->traffic = &request->gateway->own;
        plan->own = true;
        return status_ok();
    }
    if (method) {
        if (!request->route) request->route = method->route;
        request->traffic = &method->traffic;
        plan->method = method->method;
        return status_ok();
    }
    if (request->route && !is_internal(request) &&
        (!request->route->transcoding ||
         !schema_method_by_path(request->route->transcoding->schema, request->http->path)))
        return status_ok();
    return status_printf(call->arena, STATUS_UNIMPLEMENTED, 0, "there is no method %.*s here",
                         STR_ARGS(request->http->path));
}

/* ---- through the plugins ---- */

static struct status run_access(struct call *call, struct gateway_request *request, int last_place)
{
    const struct gateway_route *route = request->route ? request->route
                                                       : &request->gateway->table.unmatched;

    for (size_t i = 0; i < route->chain_count && !request->answered; i++) {
        const struct kong_plugin *plugin = route->chain[i];
        if (plugin_place(plugin->plugin) > last_place) break;
        if (!plugin->plugin->access) continue;
        struct status st = plugin->plugin->access(call, request, plugin->config);
        if (failed(st)) return st;
    }
    return status_ok();
}

static void run_log(const struct call *call, const struct gateway_request *request)
{
    const struct gateway_route *route = request->route ? request->route
                                                       : &request->gateway->table.unmatched;

    for (size_t i = 0; i < route->chain_count; i++)
        if (route->chain[i]->plugin->log)
            route->chain[i]->plugin->log(call, request, route->chain[i]->config);
}

static void log_request(const struct call *call, const struct gateway_request *request)
{
    int64_t duration_us = clock_monotonic_us() - request->started_us;
    bool bad = failed(request->outcome) && answer_status(request->outcome) >= 500;
    bool slow = duration_us >= SLOW_US && !request->streams && !request->gateway->access_log;
    enum log_level level = bad || slow ? LOG_WARN : LOG_INFO;

    if (!bad && !slow && !request->gateway->access_log) return;
    LOG_EVENT(level, call->trace,
              bad    ? "gateway: request failed"
              : slow ? "gateway: request was slow"
                     : "gateway: request",
              LOG_TEXT("method", request->http->method), LOG_TEXT("path", request->http->path),
              LOG_STR("route", request->traffic->route), LOG_INT("status", request->http_status),
              LOG_INT("duration_us", duration_us), LOG_STR("client", request->client_ip),
              LOG_STR("error", failed(request->outcome) && request->outcome.message
                                   ? request->outcome.message
                                   : ""));
}

/* ---- the whole request ---- */

/* Decodes percent-encoded unreserved characters (RFC 3986, section 6.2.2.2), so that another
 * spelling of a path cannot bypass the rules of its route. Everything else stays encoded, above all
 * the slash. */
static void normalize_path(struct call *call, struct gateway_request *request)
{
    struct str path = request->http->path;
    struct http_request *changed;
    char *text, *to;

    if (!memchr(path.data, '%', path.length)) return;
    text = to = arena_alloc(call->arena, path.length);
    for (size_t i = 0; i < path.length; i++) {
        int byte = path.data[i] == '%' ? hex_byte(str_sized(path.data + i + 1, path.length - i - 1))
                                       : -1;
        bool unreserved = byte > 0 && byte < 0x80 && (isalnum(byte) || strchr("-._~", byte));
        *to++ = unreserved ? (char)byte : path.data[i];
        if (unreserved) i += 2;
    }
    changed = arena_memdup(call->arena, request->http, sizeof(*changed));
    changed->path = str_sized(text, (size_t)(to - text));
    request->http = changed;
}

static void begin(struct call *call, struct gateway_request *request)
{
    struct gateway *gateway = request->gateway;
    const struct http_request *http;

    normalize_path(call, request);
    http = request->http;

    request->started_us = clock_monotonic_us();
    request->upstream_us = -1;
    request->body_max = gateway->body_max;
    request->traffic = &gateway->no_route;
    request->user = (struct user){"", "", ""};
    request->client_ip = http->peer;
    request->https = str_is(http->scheme, "https");
    if (gateway->proxies.count > 0) {
        struct origin origin;
        proxies_origin(&gateway->proxies, call->arena, http->peer, &http->headers, &origin);
        request->client_ip = origin.client;
        request->https = request->https || origin.https;
    }
    request->preflight = str_is(http->method, "OPTIONS") &&
                         http_headers_get(&http->headers, "origin").data &&
                         http_headers_get(&http->headers, "access-control-request-method").data;
}

static struct status serve(struct call *call, struct gateway_request *request, struct plan *plan)
{
    struct status st = plan->grpc ? find_grpc(call, request, plan) : find_json(call, request, plan);
    struct status refused = run_access(call, request,
                                       failed(st) ? plugin_place(&plugin_cors) : INT32_MAX);

    if (request->answered) return status_ok();
    if (failed(st)) return st;
    if (failed(refused)) return refused;
    if (plan->own) {
        request->http_status = 200;
        request->streams = true;
        rpc_endpoint_handle(call, request->exchange, &request->gateway->endpoint);
        return status_ok();
    }
    int64_t began_us = clock_monotonic_us();
    st = plan->grpc ? serve_grpc(call, request, plan->method)
                    : serve_json(call, request, &plan->json);
    request->upstream_us = clock_monotonic_us() - began_us;
    return st;
}

/* Reads the rest of a request that was refused before its body was read. A stream that is answered
 * before its end must be reset, and clients that are still sending may report that instead of the
 * response. HTTP/1.1 drains the body in its connection; gRPC clients expect a response at any
 * time. */
static void drop_body(struct call *call, const struct gateway_request *request)
{
    struct call limited;
    struct str piece;
    size_t size = 0;

    if (request->http->version != HTTP_2) return;
    call_init_child(&limited, call, REFUSED_BODY_WITHIN_MS);
    while (size < REFUSED_BODY_MAX) {
        struct status st = http_read(&limited, request->exchange, &piece);
        if (failed(st) || piece.length == 0) return;
        size += piece.length;
    }
}

void gateway_handle(struct call *call, struct http_exchange *exchange, void *data)
{
    struct gateway_request request = {
        .gateway = data, .exchange = exchange, .http = http_request(exchange)};
    struct plan plan = {.grpc = is_grpc(&request)};

    begin(call, &request);
    request.outcome = serve(call, &request, &plan);
    if (!http_responded(exchange)) {
        if (!plan.grpc && failed(request.outcome)) drop_body(call, &request);
        if (plan.grpc && failed(request.outcome))
            answer_grpc(call, &request);
        else
            answer_json(call, &request);
    }
    run_log(call, &request);
    log_request(call, &request);
    call->scope = NULL;
}
