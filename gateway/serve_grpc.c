/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC requests at the gateway's port: they pass through the same plugins, then their messages are
 * copied to the service and back without decoding them. A unary method is one call; for a stream
 * one fiber sends and another receives. */
#include "fiber/fiber.h"
#include "gateway/gateway_parts.h"
#include "rpc/rpc_body.h"
#include "rpc/rpc_status.h"
#include "rpc/timeout.h"

struct grpc_pass {
    struct gateway_request *request;
    struct arena *arena; /* of the whole request; both fibers may use it */
    struct rpc_body body;
    struct rpc_stream *stream;
    struct http_headers trailers; /* of the service */
    struct status upload;         /* why the client's messages could not be read */
    bool begun;
    bool ended; /* the service has ended the call */
};

static struct status prepare(struct call *call, struct grpc_pass *pass)
{
    const struct http_headers *headers = &pass->request->http->headers;
    struct str timeout = http_headers_get(headers, "grpc-timeout");
    int64_t timeout_us;

    if (timeout.data) {
        if (!rpc_timeout_parse(timeout, &timeout_us))
            return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MALFORMED_HTTP,
                               "grpc-timeout must be up to 8 digits and one of H M S m u n");
        call_limit(call, timeout_us / 1000 + 1);
    }
    pass->body.exchange = pass->request->exchange;
    pass->body.deframer.size_max = pass->request->body_max;
    forward_request_grpc(call, pass->request);
    rpc_scope_new(call, &pass->request->user, &pass->request->metadata, pass->request->client_ip);
    return rpc_encoding_parse(call->arena, http_headers_get(headers, "grpc-encoding"),
                              &pass->body.deframer.gzip);
}

/* Copies the metadata that are not gRPC's own. */
static void copy_metadata(const struct call *call, struct http_headers *to,
                          const struct http_headers *from)
{
    for (size_t i = 0; from && i < from->count; i++) {
        struct str name = from->items[i].name;
        if (name.length == 0 || name.data[0] == ':' || str_starts_with(name, STR("grpc-")) ||
            str_is(name, "content-type"))
            continue;
        struct status full = http_headers_add(call->arena, to, name, from->items[i].value);
        if (failed(full)) return;
    }
}

static struct str frame_of(struct arena *arena, struct str message)
{
    arena_expect(arena, RPC_FRAME_HEAD_SIZE + message.length);
    uint8_t *frame = arena_alloc(arena, RPC_FRAME_HEAD_SIZE + message.length);

    memcpy(frame + RPC_FRAME_HEAD_SIZE, message.data, message.length);
    return rpc_frame(arena, frame, message.length, false);
}

static const struct http_headers *trailers_of(const struct call *call, struct status st,
                                              const struct http_headers *metadata)
{
    struct http_headers *trailers = arena_new(call->arena, struct http_headers);

    rpc_status_write(call->arena, st, trailers);
    copy_metadata(call, trailers, metadata);
    return trailers;
}

/* Metadata are passed on unchanged; plugins that turn metadata into headers find none. */
static void set_head(const struct call *call, struct gateway_request *request)
{
    request->http_status = 200;
    request_header_set(call, request, STR("content-type"), STR("application/grpc"));
    copy_metadata(call, &request->headers, &request->reply);
    request->reply.count = 0;
    answer_headers(call, request);
}

static void begin(const struct call *call, struct grpc_pass *pass)
{
    if (pass->begun) return;
    pass->begun = true;
    set_head(call, pass->request);
    http_begin(call, pass->request->exchange, 200, &pass->request->headers);
}

/* Ends the response. A failure before the head was sent is not answered here: its metadata become
 * headers, and the gateway then sends a trailers-only response. */
static void finish(const struct call *call, struct grpc_pass *pass, struct status st)
{
    struct gateway_request *request = pass->request;

    if (!pass->begun && failed(st) && request->reply.count == 0) {
        copy_metadata(call, &request->headers, &pass->trailers);
        return;
    }
    begin(call, pass);
    http_finish(call, request->exchange, trailers_of(call, st, &pass->trailers));
}

/* ---- unary ---- */

static struct status pass_unary(struct call *call, struct grpc_pass *pass,
                                const struct schema_method *method)
{
    struct gateway_request *request = pass->request;
    struct rpc_options options = {.ret_metadata = &request->reply, .ret_trailers = &pass->trailers};
    struct str body, message, response;
    struct status st;

    call_limit(call, request->route->timeout_ms);
    st = http_read_body(call, request->exchange, RPC_FRAME_HEAD_SIZE + request->body_max, &body);
    if (failed(st)) return st;
    request->received = body.length;
    st = rpc_deframe_only(call->arena, &pass->body.deframer, body, &message);
    if (failed(st)) return st;
    st = rpc_call_raw(call, request->route->channel, method->path, message, &options, &response);
    if (failed(st)) {
        finish(call, pass, st);
        return st;
    }
    struct str frame = frame_of(call->arena, response);
    set_head(call, request);
    request->sent = frame.length;
    http_respond_trailers(call, request->exchange, 200, &request->headers, frame,
                          trailers_of(call, st, &pass->trailers));
    return st;
}

/* ---- streams ---- */

/* On its own fiber: forwards the client's messages until their end. When the service accepts no
 * more, its status says why. */
static void send_upstream(struct call *call, void *data)
{
    struct grpc_pass *pass = data;
    struct status st = status_ok();
    struct arena arena;
    struct str message;

    arena_init(&arena, 0);
    while (!failed(st)) {
        call_arena_reset(call, &arena);
        pass->upload = rpc_body_receive(call, &arena, &pass->body, &message);
        if (failed(pass->upload) || !message.data) break;
        pass->request->received += RPC_FRAME_HEAD_SIZE + message.length;
        st = rpc_send_raw(call, pass->stream, message);
    }
    pass->upload = status_dup(pass->arena, pass->upload);
    arena_release(&arena);
    if (failed(pass->upload) && !pass->ended)
        rpc_stream_cancel(pass->stream);
    else if (!failed(pass->upload) && !failed(st))
        st = rpc_send_end(call, pass->stream);
    (void)st; /* if it failed, the service's own status says why */
}

static struct status send_downstream(struct call *call, struct grpc_pass *pass)
{
    struct gateway_request *request = pass->request;
    const struct http_headers *metadata;
    struct str message;
    struct arena arena;
    struct status st = rpc_stream_head(call, pass->stream, &metadata);

    if (failed(st)) return st;
    if (metadata) {
        copy_metadata(call, &request->reply, metadata);
        begin(call, pass);
    }
    arena_init(&arena, 0);
    for (;;) {
        st = rpc_receive_raw(call, pass->stream, &message);
        if (failed(st) || !message.data) break;
        st = request_check_session(request); /* the session may have ended since the stream began */
        if (failed(st)) break;
        begin(call, pass);
        call_arena_reset(call, &arena);
        struct str frame = frame_of(&arena, message);
        request->sent += frame.length;
        st = http_write(call, request->exchange, frame);
        if (failed(st)) break;
    }
    arena_release(&arena);
    return st;
}

static struct status pass_stream(struct call *call, struct grpc_pass *pass, const char *path)
{
    struct gateway_request *request = pass->request;
    struct rpc_options options = {.ret_trailers = &pass->trailers};
    struct fiber_group group = {0};
    struct status st, finished;

    st = rpc_stream_open_raw(call, request->route->channel, path, &options, &pass->stream);
    if (failed(st)) return st;
    st = fiber_group_start(call, &group, send_upstream, pass);
    if (!failed(st)) st = send_downstream(call, pass);
    /* The service may end before the client does; messages that still come are then dropped. */
    pass->ended = true;
    fiber_group_cancel(&group);
    fiber_group_wait(call, &group);
    finished = rpc_stream_finish(call, pass->stream);
    if (!failed(st)) st = finished;
    if (failed(st) && failed(pass->upload) && pass->upload.code != STATUS_CANCELLED)
        st = pass->upload;
    finish(call, pass, st);
    return st;
}

struct status serve_grpc(struct call *call, struct gateway_request *request,
                         const struct schema_method *method)
{
    struct grpc_pass pass = {.request = request, .arena = call->arena};
    const char *path = method ? method->path : str_dup(call->arena, request->http->path);
    struct status st = prepare(call, &pass);

    if (failed(st)) return st;
    if (method && !method->client_streaming && !method->server_streaming)
        return pass_unary(call, &pass, method);
    request->streams = method != NULL;
    return pass_stream(call, &pass, path);
}
