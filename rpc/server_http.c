/* SPDX-License-Identifier: Apache-2.0 */
/* Serves gRPC calls over HTTP (gRPC over HTTP/2, "Requests" and "Responses").
 *
 *     head ─► route ─► deadline ─► encoding ─► identity ─► message(s) ─► handler ─► answer
 *
 * A unary response is sent in one piece and never suspends; a streaming handler begins its response
 * with the first message that it sends. An error before that is a trailers-only response. */
#include "rpc/server.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "observe/log.h"
#include "rpc/identity.h"
#include "rpc/gzip_lane.h"
#include "rpc/interceptors.h"
#include "rpc/rpc_arena.h"
#include "rpc/rpc_body.h"
#include "rpc/rpc_encode.h"
#include "rpc/rpc_server.h"
#include "rpc/rpc_status.h"
#include "rpc/rpc_stream.h"
#include "rpc/timeout.h"

/* Smaller responses are compressed only if the handler asks for it. */
enum { GZIP_SIZE_MIN = 512 };
enum { WRONG_KEY_EVERY_US = 1000000 };

/* The gRPC headers of a request; data is NULL for those that are missing. */
struct request_head {
    struct str content_type, timeout, encoding, accept_encoding;
    struct str email, role, device_id, client_ip, signature;
};

struct server_call {
    struct call *call;
    struct http_exchange *exchange;
    const struct rpc_server *server;
    struct request_head head;
    struct rpc_run run;
    struct rpc_scope scope;
    bool request_gzip;  /* the peer may compress its messages */
    bool response_gzip; /* the peer accepts compressed messages */
};

#define HEADER(name, value)            \
    {                                  \
        {(name), sizeof(name) - 1},    \
        {                              \
            (value), sizeof(value) - 1 \
        }                              \
    }

static struct http_header plain_head_items[] = {HEADER("content-type", "application/grpc")};
static const struct http_headers plain_head = {plain_head_items, 1, 1};
static struct http_header gzip_items[] = {HEADER("grpc-encoding", "gzip")};
static const struct http_headers gzip_head = {gzip_items, 1, 1};
static struct http_header ok_trailer_items[] = {HEADER("grpc-status", "0")};
static const struct http_headers ok_trailers = {ok_trailer_items, 1, 1};

/* ---- the request's head ---- */

static void read_head(const struct http_headers *headers, struct request_head *head)
{
    static const struct {
        struct str name;
        size_t offset;
    } wanted[] = {
#define WANTED(name, member) {{(name), sizeof(name) - 1}, offsetof(struct request_head, member)}
        WANTED("content-type", content_type),   WANTED("grpc-timeout", timeout),
        WANTED("grpc-encoding", encoding),      WANTED("grpc-accept-encoding", accept_encoding),
        WANTED("x-user-email", email),          WANTED("x-user-role", role),
        WANTED("x-device-id", device_id),       WANTED("x-client-ip", client_ip),
        WANTED("x-fleet-signature", signature),
#undef WANTED
    };

    for (size_t i = 0; i < headers->count; i++) {
        for (size_t j = 0; j < sizeof(wanted) / sizeof(*wanted); j++) {
            struct str *place = (struct str *)(void *)((char *)head + wanted[j].offset);
            if (!place->data && str_equal(headers->items[i].name, wanted[j].name))
                *place = headers->items[i].value;
        }
    }
}

static bool accepts_gzip(struct str list)
{
    struct str encoding;

    while (str_split(&list, ',', &encoding))
        if (str_is(str_trim(encoding), "gzip")) return true;
    return false;
}

/* A process of the fleet with a different key is a mistake of the operator and is logged once a
 * second; the limit also keeps strangers' invalid signatures from filling the log. */
static void note_wrong_key(struct server_call *server_call)
{
    static _Atomic int64_t logged_us;
    int64_t now_us = clock_monotonic_us(), before_us = logged_us;

    server_call->scope.wrong_key = true;
    if (before_us != 0 && now_us - before_us < WRONG_KEY_EVERY_US) return;
    if (!atomic_compare_exchange_strong(&logged_us, &before_us, now_us)) return;
    log_warn(
        server_call->call->trace,
        "a call is signed with a different fleet key, or the clocks differ: give every process of "
        "the fleet the same FLEET_KEY (or <data>/fleet.key), and check their clocks",
        LOG_TEXT("method", http_request(server_call->exchange)->path),
        LOG_STR("peer", http_request(server_call->exchange)->peer));
}

/* Accepts the user that the peer names, if the peer may do so. Peers that are trusted without proof
 * belong to the existing system, whose gateway names a user without the role. */
static struct status identify(struct server_call *server_call, const struct http_request *request)
{
    const struct rpc_identity *identity = server_call->server->options.identity;
    const struct request_head *head = &server_call->head;
    struct rpc_scope *scope = &server_call->scope;
    struct arena *arena = server_call->call->arena;

    if (!identity) return status_ok();
    bool proven = head->signature.data &&
                  rpc_identity_verify(arena, identity, request->path, clock_now_us() / 1000,
                                      &request->headers);
    if (!proven && !identity->trust_everyone) {
        if (head->signature.data && identity->has_key) note_wrong_key(server_call);
        return status_ok();
    }
    scope->peer = true;
    scope->unnamed = !head->signature.data && head->email.length == 0;
    if (head->email.length > 0) scope->user.email = str_dup(arena, head->email);
    if (head->role.length > 0) scope->user.role = str_dup(arena, head->role);
    if (head->device_id.length > 0) scope->user.device_id = str_dup(arena, head->device_id);
    if (head->client_ip.length > 0) scope->client_ip = str_dup(arena, head->client_ip);
    server_call->call->caller = rpc_scope_caller(scope);
    if (proven || head->email.length == 0 || head->role.length > 0 || !identity->find_role)
        return status_ok();
    struct status st = identity->find_role(server_call->call, identity->find_role_data,
                                           scope->user.email, &scope->user.role);
    return st.code == STATUS_NOT_FOUND ? status_ok() : st;
}

static struct status prepare(struct server_call *server_call)
{
    const struct request_head *head = &server_call->head;
    struct arena *arena = server_call->call->arena;
    int64_t timeout_us = 0;
    struct status st;

    if (head->timeout.data && !rpc_timeout_parse(head->timeout, &timeout_us))
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MALFORMED_HTTP,
                           "grpc-timeout must be up to 8 digits and one of H M S m u n");
    rpc_run_limit(&server_call->run, timeout_us, server_call->server->options.deadline_max_ms);

    st = rpc_encoding_parse(arena, head->encoding, &server_call->request_gzip);
    if (failed(st)) {
        struct status added = http_headers_add(arena, &server_call->scope.reply_metadata,
                                               STR("grpc-accept-encoding"), STR(RPC_ENCODINGS));
        return failed(added) ? added : st;
    }
    server_call->response_gzip = accepts_gzip(head->accept_encoding);
    st = identify(server_call, http_request(server_call->exchange));
    if (failed(st)) return st;
    return call_check(server_call->call);
}

/* ---- the answer ---- */

static void append(struct arena *arena, struct http_headers *to, const struct http_headers *from)
{
    for (size_t i = 0; i < from->count; i++) {
        /* Past the limit of headers the rest is dropped; those that gRPC needs come first. */
        struct status full = http_headers_add(arena, to, from->items[i].name, from->items[i].value);
        if (failed(full)) return;
    }
}

static const struct http_headers *answer_head(const struct server_call *server_call, bool gzip)
{
    const struct http_headers *metadata = &server_call->scope.reply_metadata;
    struct arena *arena = server_call->call->arena;
    struct http_headers *head;

    if (metadata->count == 0 && !gzip) return &plain_head;
    head = arena_new(arena, struct http_headers);
    append(arena, head, &plain_head);
    if (gzip) append(arena, head, &gzip_head);
    append(arena, head, metadata);
    return head;
}

static const struct http_headers *answer_trailers(const struct server_call *server_call,
                                                  struct status st)
{
    const struct http_headers *metadata = &server_call->scope.reply_trailers;
    struct arena *arena = server_call->call->arena;
    struct http_headers *trailers;

    if (!failed(st) && metadata->count == 0) return &ok_trailers;
    trailers = arena_new(arena, struct http_headers);
    rpc_status_write(arena, st, trailers);
    append(arena, trailers, metadata);
    return trailers;
}

/* Sends a whole response: one message (or none) and the status. A failure without initial metadata
 * is a trailers-only response. */
static void answer(struct server_call *server_call, struct status st, struct str frame, bool gzip)
{
    const struct http_headers *trailers = answer_trailers(server_call, st);
    const struct http_headers *head = answer_head(server_call, gzip && !failed(st));
    struct http_headers *only;

    server_call->scope.reply_begun = true;
    if (!failed(st) || server_call->scope.reply_metadata.count > 0) {
        http_respond_trailers(server_call->call, server_call->exchange, 200, head, frame, trailers);
        return;
    }
    only = arena_new(server_call->call->arena, struct http_headers);
    append(server_call->call->arena, only, head);
    append(server_call->call->arena, only, trailers);
    http_respond(server_call->call, server_call->exchange, 200, only, (struct str){0});
}

static bool wants_gzip(const struct server_call *server_call, size_t size)
{
    if (!server_call->response_gzip) return false;
    return server_call->scope.reply_gzip || (server_call->request_gzip && size >= GZIP_SIZE_MIN);
}

static struct status too_large(const struct server_call *server_call, size_t size)
{
    return status_printf(server_call->call->arena, STATUS_RESOURCE_EXHAUSTED,
                         ARGOSY__REASON__RESPONSE_TOO_LARGE,
                         "a response of %zu bytes is over the limit of %zu", size,
                         server_call->server->options.message_size_max);
}

/* A large message is compressed on the lane; if that is full, the message is sent as it is. */
static struct str frame_answer(const struct server_call *server_call, uint8_t *frame, size_t size,
                               bool gzip)
{
    struct str message = str_sized(frame + RPC_FRAME_HEAD_SIZE, size), compressed;

    if (gzip && gzip_lane_compress(server_call->call, server_call->server->gzip, message,
                                   RPC_FRAME_HEAD_SIZE, &compressed))
        return rpc_frame_compressed(compressed);
    return rpc_frame(server_call->call->arena, frame, size, false);
}

/* Encodes the one message of a response. */
static struct status encode(const struct server_call *server_call, const ProtobufCMessage *response,
                            struct str *ret_frame, bool *ret_gzip)
{
    struct arena *arena = server_call->call->arena;
    struct str encoded = rpc_encode(arena, response, RPC_FRAME_HEAD_SIZE);
    uint8_t *frame = (uint8_t *)(uintptr_t)encoded.data - RPC_FRAME_HEAD_SIZE;

    if (encoded.length > server_call->server->options.message_size_max)
        return too_large(server_call, encoded.length);
    *ret_gzip = wants_gzip(server_call, encoded.length);
    *ret_frame = frame_answer(server_call, frame, encoded.length, *ret_gzip);
    return status_ok();
}

/* ---- unary ---- */

/* Reads the one message of the request. */
static struct status read_request(struct server_call *server_call, ProtobufCMessage **ret_request)
{
    const struct rpc_route *route = server_call->run.route;
    size_t size_max = server_call->server->options.message_size_max;
    struct rpc_deframer deframer = {.size_max = size_max, .gzip = server_call->request_gzip};
    struct arena *arena = server_call->call->arena;
    struct str body, message;
    struct status st;

    st = http_read_body(server_call->call, server_call->exchange, RPC_FRAME_HEAD_SIZE + size_max,
                        &body);
    if (failed(st)) return st;
    st = rpc_deframe_only(arena, &deframer, body, &message);
    if (failed(st)) return st;
    server_call->scope.request_gzip = deframer.compressed;
    st = rpc_validate(server_call->call, route, message);
    if (failed(st)) return st;
    return rpc_unpack(arena, route->method->request, message, ret_request);
}

static void serve_unary(struct server_call *server_call)
{
    struct arena *arena = server_call->call->arena;
    const struct rpc_route *route = server_call->run.route;
    ProtobufCMessage *request, *response;
    struct str frame = {0};
    bool gzip = false;
    struct status st;

    st = prepare(server_call);
    if (!failed(st)) st = read_request(server_call, &request);
    if (!failed(st)) {
        response = rpc_message_new(arena, route->method->response);
        st = rpc_invoke(server_call->call, route, request, response, NULL);
    }
    if (!failed(st)) st = encode(server_call, response, &frame, &gzip);
    st = rpc_run_end(&server_call->run, st);
    answer(server_call, st, frame, gzip);
}

/* ---- streams ---- */

/* The handler's end of a stream over HTTP. */
struct server_stream {
    struct rpc_stream base; /* first */
    struct server_call *server_call;
    struct rpc_body body;
    bool gzip; /* announced in the head */
};

static void server_send_head(struct call *call, struct rpc_stream *base)
{
    struct server_stream *stream = (struct server_stream *)base;
    struct server_call *server_call = stream->server_call;

    if (server_call->scope.reply_begun) return;
    server_call->scope.reply_begun = true;
    stream->gzip = server_call->response_gzip &&
                   (server_call->scope.reply_gzip || server_call->request_gzip);
    http_begin(call, server_call->exchange, 200, answer_head(server_call, stream->gzip));
}

static struct status server_send(struct call *call, struct rpc_stream *base, uint8_t *frame,
                                 size_t size)
{
    struct server_stream *stream = (struct server_stream *)base;
    const struct server_call *server_call = stream->server_call;
    bool gzip;

    if (size > server_call->server->options.message_size_max) return too_large(server_call, size);
    server_send_head(call, base);
    gzip = stream->gzip && wants_gzip(server_call, size);
    return http_write(call, server_call->exchange, rpc_frame(&base->sending, frame, size, gzip));
}

static struct status server_receive(struct call *call, struct rpc_stream *base,
                                    struct str *ret_message)
{
    struct server_stream *stream = (struct server_stream *)base;
    struct status st;

    st = rpc_body_receive(call, &base->received, &stream->body, ret_message);
    base->received_gzip = stream->body.deframer.compressed;
    return st;
}

static const struct rpc_stream_kind server_kind = {
    .send = server_send, .receive = server_receive, .send_head = server_send_head};

static struct status run_stream(struct server_call *server_call, struct server_stream *stream,
                                ProtobufCMessage **ret_response)
{
    const struct rpc_route *route = server_call->run.route;
    const struct rpc_method *method = route->method;
    ProtobufCMessage *request = NULL;
    struct status st;

    st = prepare(server_call);
    if (failed(st)) return st;
    stream->body.deframer.gzip = server_call->request_gzip;
    if (!method->client_streaming) {
        st = read_request(server_call, &request);
        if (failed(st)) return st;
    }
    if (!method->server_streaming)
        *ret_response = rpc_message_new(server_call->call->arena, method->response);
    return rpc_invoke(server_call->call, route, request, *ret_response, &stream->base);
}

static void serve_stream(struct server_call *server_call)
{
    const struct rpc_route *route = server_call->run.route;
    struct server_stream stream = {.server_call = server_call};
    ProtobufCMessage *response = NULL;
    struct str frame = {0};
    bool gzip = false;
    struct status st;

    rpc_stream_init(&stream.base, &server_kind, route->method->request,
                    server_call->call->arena->budget);
    stream.base.rules = route->request;
    stream.body.exchange = server_call->exchange;
    stream.body.deframer.size_max = server_call->server->options.message_size_max;

    st = run_stream(server_call, &stream, &response);
    if (!failed(st) && response && server_call->scope.reply_begun)
        st = rpc_send(server_call->call, &stream.base, response);
    else if (!failed(st) && response)
        st = encode(server_call, response, &frame, &gzip);
    st = rpc_run_end(&server_call->run, st);
    rpc_stream_release(&stream.base);
    if (server_call->scope.reply_begun)
        http_finish(server_call->call, server_call->exchange, answer_trailers(server_call, st));
    else
        answer(server_call, st, frame, gzip);
}

/* ---- one call ---- */

static struct rpc_route *find_route(const struct rpc_server *server, struct str path,
                                    const char *only)
{
    struct rpc_route *route = rpc_routes_find(&server->routes, path);

    if (!route) return rpc_route_unknown();
    if (only && strcmp(only, route->description->name) != 0 && !route->everywhere)
        return rpc_route_unknown();
    return route;
}

/* Answers a request that is not gRPC with an HTTP error. */
static void refuse_http(const struct call *call, struct http_exchange *exchange)
{
    static struct http_header allow_items[] = {HEADER("allow", "POST")};
    static const struct http_headers allow = {allow_items, 1, 1};
    bool post = str_is(http_request(exchange)->method, "POST");

    http_respond(call, exchange, post ? 415 : 405, post ? NULL : &allow,
                 STR("this port speaks gRPC only: POST with content-type application/grpc\n"));
}

static void serve(struct call *call, struct http_exchange *exchange,
                  const struct rpc_endpoint *endpoint)
{
    const struct rpc_server *server = endpoint->server;
    const struct http_request *request = http_request(exchange);
    struct server_call server_call = {.call = call, .exchange = exchange, .server = server};
    struct rpc_route *route;

    read_head(&request->headers, &server_call.head);
    if (!str_is(request->method, "POST") ||
        rpc_media_of(server_call.head.content_type) != RPC_MEDIA_PROTO) {
        refuse_http(call, exchange);
        return;
    }
    route = find_route(server, request->path, endpoint->service_name);
    rpc_scope_init(&server_call.scope);
    server_call.scope.metadata[0] = &request->headers;
    server_call.scope.client_ip = request->peer;
    call->caller = rpc_scope_caller(&server_call.scope);
    server_call.scope.endpoint = endpoint;
    rpc_run_begin(&server_call.run, call, route, &server_call.scope);
    if (!route->handler)
        answer(&server_call,
               rpc_run_end(&server_call.run, rpc_invoke(call, route, NULL, NULL, NULL)),
               (struct str){0}, false);
    else if (route->method->client_streaming || route->method->server_streaming)
        serve_stream(&server_call);
    else
        serve_unary(&server_call);
    call->scope = NULL;
}

void rpc_server_handle(struct call *call, struct http_exchange *exchange, void *data)
{
    struct rpc_endpoint whole = {.server = data};

    serve(call, exchange, &whole);
}

void rpc_endpoint_handle(struct call *call, struct http_exchange *exchange, void *data)
{
    serve(call, exchange, data);
}
