/* SPDX-License-Identifier: Apache-2.0 */
/* Serves a JSON request as a call: path, query and body become the bytes of the request message,
 * and the bytes of the response become JSON. A stream is sent as it comes, with a line of JSON for
 * each message, or as Server-Sent Events to clients that ask for these. Bodies that are not JSON
 * (google.api.HttpBody) pass through unchanged. */
#include "base/clock.h"
#include "fiber/fiber.h"
#include "gateway/gateway_parts.h"
#include "rpc/timeout.h"
#include "rpc/wire.h"

enum { JSON_GROWTH = 2, CAPACITY_MIN = 512, H2_INTERNAL_ERROR = 2 };

/* "application/json", with parameters or without. */
static bool is_json(struct str content_type)
{
    struct str type = str_trim(str_sized(content_type.data, str_find(content_type, ';')));

    return str_equal_nocase(type, STR("application/json"));
}

/* Does the body have a content coding? None is supported. */
static bool is_coded(const struct call *call, const struct gateway_request *request)
{
    struct str list = request_header_list(call, request, "content-encoding"), coding;

    while (list.data && str_split(&list, ',', &coding)) {
        coding = str_trim(coding);
        if (coding.length > 0 && !str_equal_nocase(coding, STR("identity"))) return true;
    }
    return false;
}

/* The whole body must arrive before the call's deadline; a later one is the client's fault, however
 * it spreads its bytes. */
static struct status read_body(struct call *call, struct gateway_request *request, bool raw,
                               struct str *ret_body)
{
    struct status st;

    if (is_coded(call, request)) {
        request_header_set(call, request, STR("accept-encoding"), STR("identity"));
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MEDIA_TYPE_UNSUPPORTED,
                           "the body must be sent without a Content-Encoding");
    }
    st = http_read_body(call, request->exchange, request->body_max, ret_body);
    if (st.code == STATUS_DEADLINE_EXCEEDED)
        return status_make(STATUS_DEADLINE_EXCEEDED, ARGOSY__REASON__REQUEST_TOO_SLOW,
                           "the request's body arrived too slowly; send it again");
    if (failed(st) || ret_body->length == 0 || raw) return st;
    if (!is_json(request_header(request, "content-type")))
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MEDIA_TYPE_UNSUPPORTED,
                           "the body must be application/json");
    return st;
}

/* Applies the client's own time limit, if it sends grpc-timeout. */
static struct status limit(struct call *call, const struct gateway_request *request, bool streams)
{
    struct str text = http_headers_get(&request->http->headers, "grpc-timeout");
    int64_t timeout_us;

    if (text.data) {
        if (!rpc_timeout_parse(text, &timeout_us))
            return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MALFORMED_HTTP,
                               "grpc-timeout must be up to 8 digits and one of H M S m u n");
        call_limit(call, timeout_us / 1000 + 1);
    }
    if (streams) return status_ok();
    call_limit(call, request->route->timeout_ms ? request->route->timeout_ms
                                                : request->gateway->timeout_ms);
    return status_ok();
}

/* Makes the bytes of the request message. */
static struct status make_message(struct call *call, struct gateway_request *request,
                                  const struct json_target *target, struct str *ret_message)
{
    const struct binding *binding = target->rule->binding;
    struct parameters parameters = {.captures = target->match.captures,
                                    .query = request->http->query,
                                    .content_type = request_header(request, "content-type")};
    struct output wire;
    struct str body;
    struct status st = read_body(call, request, binding->body_raw, &body);

    if (failed(st)) return st;
    request->received = body.length;
    arena_expect(call->arena, 2 * body.length);
    output_init(&wire, call->arena, body.length + CAPACITY_MIN);
    st = binding_request(call->arena, binding, &parameters, body, &wire);
    if (!failed(st) && call->arena->exhausted)
        st = status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__MEMORY_LIMIT,
                         "the request needs too much memory");
    *ret_message = output_view(&wire);
    return st;
}

/* The status_code of the response's envelope; 0 when it has none. */
static int find_status(const struct transcoding_route *rule, struct str message)
{
    struct wire_field field;
    int32_t status = 0;

    if (!rule->status_code) return 0;
    while (wire_next(&message, &field) == WIRE_FIELD)
        if (field.number == rule->status_code->number && field.type == WIRE_VARINT)
            status = (int32_t)field.value;
    return status >= 200 && status <= 599 ? status : 0;
}

static struct status write_json(struct arena *arena, const struct binding *binding,
                                struct str message, struct output *out)
{
    if (binding->response_body)
        return transcode_field_to_json(arena, binding->response, binding->response_body, message,
                                       out);
    return transcode_to_json(arena, binding->response, message, out);
}

/* Takes a raw body out of a response message. */
static struct status take_body(struct arena *arena, const struct binding *binding,
                               struct str message, struct str *ret_content_type,
                               struct str *ret_body)
{
    struct status st = binding_response_raw(arena, binding, message, ret_content_type, ret_body);

    if (!failed(st) && ret_content_type->length == 0)
        *ret_content_type = STR("application/octet-stream");
    return st;
}

/* Makes the response's body from a response message. */
static struct status make_body(const struct call *call, struct gateway_request *request,
                               const struct binding *binding, struct str message)
{
    struct output json;
    struct status st;

    if (binding->response_raw)
        return take_body(call->arena, binding, message, &request->content_type, &request->body);
    arena_expect(call->arena, message.length * JSON_GROWTH);
    output_init(&json, call->arena, message.length * JSON_GROWTH + CAPACITY_MIN);
    st = write_json(call->arena, binding, message, &json);
    output_byte(&json, '\n');
    request->body = output_view(&json);
    return st;
}

/* A failure's metadata may come as trailers; in a JSON response both become headers. */
static void join_trailers(const struct call *call, struct http_headers *reply,
                          const struct http_headers *trailers)
{
    for (size_t i = 0; i < trailers->count; i++) {
        struct status full = http_headers_add(call->arena, reply, trailers->items[i].name,
                                              trailers->items[i].value);
        if (failed(full)) return;
    }
}

static struct status serve_unary(struct call *call, struct gateway_request *request,
                                 const struct json_target *target, struct str message)
{
    const struct binding *binding = target->rule->binding;
    struct http_headers trailers = {0};
    struct rpc_options options = {.ret_metadata = &request->reply, .ret_trailers = &trailers};
    struct str response;
    struct status st = rpc_call_raw(call, request->route->channel, binding->method->path, message,
                                    &options, &response);

    join_trailers(call, &request->reply, &trailers);
    if (failed(st)) return st;
    st = make_body(call, request, binding, response);
    if (failed(st)) return st;
    if (call->arena->exhausted)
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__RESPONSE_TOO_LARGE,
                           "the response needs too much memory");
    request->http_status = answer_override(&request->reply);
    if (request->http_status == 0) request->http_status = find_status(target->rule, response);
    if (request->http_status == 0) request->http_status = 200;
    return st;
}

/* ---- streams ---- */

struct json_stream {
    struct gateway_request *request;
    const struct binding *binding;
    struct rpc_stream *stream;
    struct arena arena; /* of one message at a time */
    bool events;        /* Server-Sent Events */
    bool begun;
    int64_t spoke_us;          /* when data was last sent */
    bool writing;              /* one of the two fibers is writing */
    struct fiber_wait written; /* the other waits here for its end */
};

static void begin_stream(const struct call *call, struct json_stream *json)
{
    struct gateway_request *request = json->request;
    struct str type = json->binding->response_raw ? request->content_type
                      : json->events              ? STR("text/event-stream")
                                                  : STR("application/x-ndjson");

    json->begun = true;
    request->http_status = 200;
    forward_reply(call, request);
    answer_headers(call, request);
    request_header_set(call, request, STR("content-type"), type);
    answer_cache_rules(call, request);
    if (!http_headers_get(&request->headers, "cache-control").data)
        request_header_set(call, request, STR("cache-control"), STR("no-cache"));
    http_begin(call, request->exchange, 200, &request->headers);
}

static struct status write_stream(struct call *call, struct json_stream *json, struct str text)
{
    while (json->writing) fiber_suspend_uncancellable(call, &json->written);
    json->writing = true;
    struct status st = http_write(call, json->request->exchange, text);
    json->writing = false;
    json->spoke_us = clock_monotonic_us();
    json->request->sent += text.length;
    fiber_wake(call->shard, &json->written);
    return st;
}

/* On its own fiber: sends comment lines when there is nothing else to send, so that proxies do not
 * consider the stream dead, and a client that has gone is noticed. */
static void keep_alive(struct call *call, void *data)
{
    struct json_stream *json = data;
    int64_t silence_us = json->request->gateway->keep_alive_us, left_us;
    struct status st = status_ok();

    while (!failed(st)) {
        left_us = json->spoke_us + silence_us - clock_monotonic_us();
        if (left_us > 0) {
            st = fiber_sleep(call, left_us);
            continue;
        }
        if (failed(request_check_session(json->request))) {
            rpc_stream_cancel(json->stream);
            return;
        }
        if (!json->begun) begin_stream(call, json);
        st = write_stream(call, json, STR(": keep-alive\n\n"));
    }
}

/* Sends one message, or an error that follows messages. */
static struct status send_event(struct call *call, struct json_stream *json, bool error,
                                struct str text)
{
    struct output out;

    output_init(&out, &json->arena, text.length + 64);
    if (json->events) output_str(&out, error ? STR("event: error\ndata: ") : STR("data: "));
    output_str(&out, text);
    output_str(&out, json->events ? STR("\n\n") : STR("\n"));
    return write_stream(call, json, output_view(&out));
}

/* Sends the raw body in a message; nothing separates it from the next one. */
static struct status send_raw(struct call *call, struct json_stream *json, struct str message)
{
    struct str content_type, body;
    struct status st = take_body(&json->arena, json->binding, message, &content_type, &body);

    if (failed(st)) return status_dup(call->arena, st);
    if (!json->begun) {
        json->request->content_type = str_of(str_dup(call->arena, content_type));
        begin_stream(call, json);
    }
    return write_stream(call, json, body);
}

static struct status send_message(struct call *call, struct json_stream *json, struct str message)
{
    struct output text;
    struct status st;

    output_init(&text, &json->arena, message.length * JSON_GROWTH + CAPACITY_MIN);
    st = write_json(&json->arena, json->binding, message, &text);
    if (failed(st)) return status_dup(call->arena, st);
    if (!json->begun) begin_stream(call, json);
    return send_event(call, json, false, output_view(&text));
}

static bool is_head(const struct gateway_request *request)
{
    return str_is(request->http->method, "HEAD");
}

/* Sends the messages until the stream ends; a HEAD request needs only the first one, which
 * determines the headers. */
static struct status send_messages(struct call *call, struct json_stream *json)
{
    const struct http_headers *metadata;
    struct str message;
    struct status st = rpc_stream_head(call, json->stream, &metadata);

    if (failed(st)) return st;
    if (metadata) json->request->reply = *metadata;
    for (;;) {
        st = rpc_receive_raw(call, json->stream, &message);
        if (failed(st) || !message.data) return st;
        st = request_check_session(json->request); /* the session may have ended since the stream
                                                    * began */
        if (failed(st)) return st;
        call_arena_reset(call, &json->arena);
        st = json->binding->response_raw ? send_raw(call, json, message)
                                         : send_message(call, json, message);
        if (failed(st) || is_head(json->request)) return st;
    }
}

static void end_stream(struct call *call, struct json_stream *json, struct status st)
{
    if (failed(st) && json->binding->response_raw) {
        http_abort(json->request->exchange, H2_INTERNAL_ERROR); /* so that no client takes it for
                                                                 * complete */
        return;
    }
    if (failed(st) && !failed(call_check(call))) {
        struct str body = answer_error_body(call, json->request, st, answer_status(st));
        struct status sent = send_event(call, json, true, body);
        (void)sent; /* a failure means that the client has gone */
    }
    http_finish(call, json->request->exchange, NULL);
}

static bool accepts(const struct gateway_request *request, struct str wanted)
{
    struct str rest = request_header(request, "accept"), part;

    while (str_split(&rest, ',', &part)) {
        struct str type = str_trim(str_sized(part.data, str_find(part, ';')));
        if (str_equal_nocase(type, wanted)) return true;
    }
    return false;
}

static bool wants_events(const struct gateway_request *request)
{
    return accepts(request, STR("text/event-stream")) ||
           (request->route->events && !accepts(request, STR("application/x-ndjson")));
}

static struct status serve_stream(struct call *call, struct gateway_request *request,
                                  const struct json_target *target, struct str message)
{
    const struct binding *binding = target->rule->binding;
    struct json_stream json = {.request = request,
                               .binding = binding,
                               .events = !binding->response_raw && wants_events(request),
                               .spoke_us = clock_monotonic_us()};
    struct fiber_group group = {0};
    struct status st, finished;

    request->streams = true;
    st = rpc_stream_open_raw(call, request->route->channel, binding->method->path, NULL,
                             &json.stream);
    if (failed(st)) return st;
    arena_init(&json.arena, 0);
    st = rpc_send_raw(call, json.stream, message);
    if (!failed(st)) st = rpc_send_end(call, json.stream);
    if (!failed(st) && json.events) st = fiber_group_start(call, &group, keep_alive, &json);
    if (!failed(st)) st = send_messages(call, &json);
    fiber_group_cancel(&group);
    fiber_group_wait(call, &group);
    finished = rpc_stream_finish(call, json.stream);
    if (!failed(st) && !(json.begun && is_head(request))) st = finished; /* or was cut short */
    if (!json.begun && !failed(st)) {
        if (binding->response_raw) request->content_type = STR("application/octet-stream");
        begin_stream(call, &json);
    }
    if (json.begun) end_stream(call, &json, st);
    arena_release(&json.arena);
    return st;
}

struct status serve_json(struct call *call, struct gateway_request *request,
                         const struct json_target *target)
{
    const struct schema_method *method = target->rule->binding->method;
    struct str message;
    struct status st;

    if (method->client_streaming)
        return status_make(STATUS_UNIMPLEMENTED, 0,
                           "this method takes a stream of messages; call it over gRPC");
    st = limit(call, request, method->server_streaming);
    if (!failed(st)) st = make_message(call, request, target, &message);
    if (!failed(st)) st = conditions_check(call, request, method);
    if (failed(st)) return st;
    forward_request_json(call, request);
    rpc_scope_new(call, &request->user, &request->metadata, request->client_ip);
    if (method->server_streaming) return serve_stream(call, request, target, message);
    return serve_unary(call, request, target, message);
}
