/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of the gateway: a gateway with the test's configuration, the service edge.Edge
 * behind it in the same process, and a client over HTTP/2. Included by test programs only.
 *
 *     edge_run(configuration, settings, fn);       fn(call, edge) on a fiber; inside it use EXPECT
 *     reply = ask(call, edge, "GET", "/tell/me", "", "cookie: a=b\nx: y");   */
#ifndef GATEWAY_GATEWAY_TESTING_H
#define GATEWAY_GATEWAY_TESTING_H

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/test.h"
#include "edge.rpc.h"
#include "fiber/fiber.h"
#include "gateway/gateway.h"
#include "http/http_client.h"

extern const unsigned char test_descriptors[];
extern const size_t test_descriptors_size;

enum { EDGE_DRAIN_MS = 2000 };

#define EDGE_SECRET "an access secret of 32 bytes or more"

struct edge {
    struct arena arena;
    struct config *config;
    struct shards *shards;
    struct rpc_server *server;
    struct rpc_channel *channel;
    struct http_server *http;
    struct gateway *gateway;
    char folder[32];
    void (*play)(struct call *call, struct edge *edge);
};

struct reply {
    int status;
    struct http_headers headers;
    const char *body;
    struct str bytes;
    const struct http_headers *trailers;
};

/* ---- the service ---- */

static struct status tell(struct call *call, const Edge__TellRequest *request,
                          Edge__TellReply *response)
{
    static const char *const names[] = {
        "refresh-token", "idempotency-key", "if-match",    "if-none-match",     "accept-language",
        "x-custom",      "x-user-email",    "x-user-role", "x-device-id",       "x-client-ip",
        "x-mine",        "authorization",   "cookie",      "x-fleet-signature", "stripe-signature"};
    struct user user;

    call_user_optional(call, &user);
    response->name = request->name;
    response->email = (char *)(uintptr_t)user.email;
    response->role = (char *)(uintptr_t)user.role;
    response->device_id = (char *)(uintptr_t)user.device_id;
    response->client_ip = (char *)(uintptr_t)call_peer(call);
    response->tags = request->tags;
    response->n_tags = request->n_tags;
    response->metadata = arena_array(call->arena, char *, 32);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct str value = call_metadata(call, names[i]);
        if (value.data)
            response->metadata[response->n_metadata++] = arena_printf(call->arena, "%s: %.*s",
                                                                      names[i], STR_ARGS(value));
    }
    struct status st = call_reply_metadata(call, STR("etag"), STR("\"v7\""));
    if (!failed(st)) st = call_reply_metadata(call, STR("x-inside"), STR("secret"));
    if (!failed(st) && call_metadata(call, "idempotency-key").data)
        st = call_reply_metadata(call, STR("idempotent-replayed"), STR("true"));
    if (!failed(st) && request->status)
        st = call_reply_metadata(call, STR("x-http-status"),
                                 str_of(arena_printf(call->arena, "%d", request->status)));
    return st;
}

static struct status make(struct call *call, const Edge__MakeRequest *request,
                          Edge__Envelope *response)
{
    response->success = true;
    response->message = request->name;
    response->status_code = 201;
    return status_ok();
}

/* A google.rpc.Status of another system: ErrorInfo {TOO_FAR, maps.example, {km: 7}}, a maps.Place,
 * whose type is unknown here, and a DebugInfo. */
static const char foreign_status[] =
    "\x08\x0b\x12\x03"
    "far"
    "\x1aL\x0a(type.googleapis.com/google.rpc.ErrorInfo\x12 \x0a\x07TOO_FAR\x12\x0cmaps.example\x1a\x07\x0a\x02km\x12\x01"
    "7"
    "\x1a\x1a\x0a\x14x.example/maps.Place\x12\x02\x08\x05"
    "\x1a"
    "3\x0a(type.googleapis.com/google.rpc.DebugInfo\x12\x07\x12\x05stack";

/* How often Fail was called. */
static _Atomic int fails;

static struct status fail(struct call *call, const Edge__FailRequest *request,
                          Edge__Envelope *response)
{
    int reason = request->reason ? request->reason : ARGOSY__REASON__VERSION_STALE;
    struct status st = status_make((enum status_code)request->code, reason, "as you asked");

    fails++;
    if (request->code == STATUS_UNAVAILABLE) {
        struct status_details *details = arena_new(call->arena, struct status_details);
        details->retry_after_ms = 1500;
        st.details = details;
    }
    if (request->code == STATUS_OUT_OF_RANGE) {
        struct status_details *details = arena_new(call->arena, struct status_details);
        details->peer_reason = "TOO_FAR";
        details->peer_status = foreign_status;
        details->peer_status_size = sizeof(foreign_status) - 1;
        st.reason = 0;
        st.details = details;
        struct status added = call_reply_metadata(call, STR("x-initial"), STR("1"));
        if (!failed(added)) added = call_reply_trailer(call, STR("x-trailing"), STR("2"));
        if (failed(added)) return added;
    }
    return st;
}

static struct status wait_ms(struct call *call, const Edge__WaitRequest *request,
                             Edge__Envelope *response)
{
    response->success = true;
    return fiber_sleep(call, request->ms * INT64_C(1000));
}

static struct status watch(struct call *call, const Edge__WatchRequest *request,
                           struct rpc_stream *stream)
{
    for (int i = 0; i < request->count; i++) {
        Edge__WatchReply reply = EDGE__WATCH_REPLY__INIT;
        if (request->fail_after && i == request->fail_after - 1)
            return status_make(STATUS_ABORTED, ARGOSY__REASON__VERSION_STALE, "enough");
        struct status st = fiber_sleep(call, request->pause_ms * INT64_C(1000));
        if (failed(st)) return st;
        reply.number = i;
        reply.text = (char *)(uintptr_t) "x";
        st = rpc_send(call, stream, &reply.base);
        if (failed(st)) return st;
    }
    return status_ok();
}

static struct status echo(struct call *call, const Edge__EchoRequest *request,
                          Edge__EchoReply *response)
{
    response->name = request->name;
    response->payload = request->payload;
    return status_ok();
}

static struct status echo_whole(struct call *call, const Google__Api__HttpBody *request,
                                Google__Api__HttpBody *response)
{
    response->content_type = request->content_type;
    response->data = request->data;
    return status_ok();
}

static struct status echo_stream(struct call *call, const Edge__EchoRequest *request,
                                 struct rpc_stream *stream)
{
    for (int i = 0; i < request->times; i++) {
        struct status st = rpc_send(call, stream, &request->payload->base);
        if (failed(st)) return st;
    }
    return request->fail ? status_make(STATUS_ABORTED, 0, "enough") : status_ok();
}

static struct status chat(struct call *call, struct rpc_stream *stream)
{
    for (;;) {
        ProtobufCMessage *message;
        struct status st = rpc_receive(call, stream, &message);
        if (!failed(st) && message) st = rpc_send(call, stream, message);
        if (failed(st) || !message) return st;
    }
}

static struct status login(struct call *call, const Edge__LoginRequest *request,
                           Edge__Envelope *response)
{
    response->success = true;
    response->status_code = 200;
    struct status st = call_reply_metadata(call, STR("set-cookie"),
                                           STR("access-token=a; Path=/; HttpOnly; Secure"));
    if (!failed(st))
        st = call_reply_metadata(call, STR("set-cookie"),
                                 STR("refresh-token=r; Path=/; Secure; HttpOnly"));
    return st;
}

static struct status names(struct call *call, const Edge__TellRequest *request,
                           Edge__NamesReply *response)
{
    response->names = request->tags;
    response->n_names = request->n_tags;
    return status_ok();
}

static struct status secret(struct call *call, const Edge__TellRequest *request,
                            Edge__Envelope *response)
{
    response->success = true;
    return call_require_peer(call);
}

static const struct edge_handlers edge_handlers = {
    .tell = tell,
    .make = make,
    .fail = fail,
    .wait = wait_ms,
    .watch = watch,
    .chat = chat,
    .login = login,
    .names = names,
    .secret = secret,
    .echo = echo,
    .echo_whole = echo_whole,
    .echo_stream = echo_stream,
};

/* ---- the gateway ---- */

static struct rpc_channel *edge_channel(const struct service_context *context, const char *service)
{
    const struct edge *edge = context->app;

    return edge->channel;
}

static void edge_must(struct status st)
{
    if (failed(st)) printf("  edge: %s\n", st.message);
    invariant(!failed(st));
}

static const char *edge_file(struct edge *edge, const char *name, const char *text)
{
    const char *path = arena_printf(&edge->arena, "%s/%s", edge->folder, name);
    FILE *file = fopen(path, "w");

    invariant(file && fputs(text, file) >= 0 && fclose(file) == 0);
    return path;
}

static void edge_set(struct edge *edge, const char *assignment)
{
    const char *error;

    bool set = config_set(edge->config, assignment, &error);
    invariant(set);
}

/* Prepares everything but the gateway, because creating it may be the thing to test. */
static struct service_context edge_prepare(struct edge *edge, const char *configuration,
                                           const char *const *settings)
{
    const struct rpc_schema *schema;
    const char *errors;

    arena_init(&edge->arena, 0);
    memcpy(edge->folder, "/tmp/edge-XXXXXX", sizeof("/tmp/edge-XXXXXX"));
    invariant(mkdtemp(edge->folder) != NULL);
    edge->config = config_new();
    config_declare(edge->config, gateway_settings);
    edge_set(edge, arena_printf(&edge->arena, "GATEWAY_CONFIG=%s",
                                edge_file(edge, "kong.yml", configuration)));
    edge_set(edge, "JWT_ACCESS_TOKEN_SECRET=" EDGE_SECRET);
    while (settings && *settings) edge_set(edge, *settings++);
    bool checked = config_check(edge->config, &errors);
    if (!checked) printf("  %s\n", errors);
    invariant(checked);
    edge->shards = shards_new(1);
    edge_must(
        rpc_schema_new(&edge->arena, str_sized(test_descriptors, test_descriptors_size), &schema));
    struct rpc_server_options options = {
        .schema = schema,
        .message_size_max = (size_t)config_size(edge->config, "GATEWAY_BODY_SIZE_MAX")};
    edge->server = rpc_server_new(&options);
    rpc_server_add(edge->server, &edge_rpc, &edge_handlers, NULL);
    edge_must(rpc_channel_new(&edge->arena, edge->shards, edge->server, "inproc:", &edge->channel));
    return (struct service_context){
        .arena = &edge->arena,
        .config = edge->config,
        .shards = edge->shards,
        .server = edge->server,
        .schema = schema,
        .data_dir = edge->folder,
        .channel = edge_channel,
        .app = edge,
    };
}

static void edge_release(struct edge *edge)
{
    rpc_channel_free(edge->channel);
    rpc_server_free(edge->server);
    shards_free(edge->shards);
    config_free(edge->config);
    char *command = arena_printf(&edge->arena, "rm -rf %s", edge->folder);
    int removed = system(command);
    (void)removed;
    arena_release(&edge->arena);
}

static void edge_drained(void *data)
{
    shards_stop(((struct edge *)data)->shards);
}

static void edge_play(struct call *call, void *data)
{
    struct edge *edge = data;

    edge->play(call, edge);
    http_server_drain(edge->http, EDGE_DRAIN_MS, edge_drained, edge);
}

__attribute__((unused)) static void edge_run(const char *configuration, const char *const *settings,
                                             void (*play)(struct call *call, struct edge *edge))
{
    struct edge edge = {.play = play};
    struct service_context context = edge_prepare(&edge, configuration, settings);

    edge_must(gateway_new(&context, NULL, &edge.gateway));
    struct http_server_options options = {
        .name = "gateway", .handler = gateway_handle, .data = edge.gateway};
    edge.http = http_server_new(&options);
    edge_must(http_server_listen(edge.http, &edge.arena, edge.shards, "127.0.0.1:0"));
    fiber_post(shards_at(edge.shards, 0), edge_play, NULL, &edge);
    shards_run(edge.shards);
    http_server_free(edge.http);
    gateway_free(edge.gateway);
    edge_release(&edge);
}

/* The message of gateway_new for a configuration that it refuses. */
__attribute__((unused)) static const char *edge_refusal(const char *configuration,
                                                        const char *const *settings)
{
    static char message[1024];
    struct edge edge = {0};
    struct service_context context = edge_prepare(&edge, configuration, settings);
    struct status st = gateway_new(&context, NULL, &edge.gateway);

    snprintf(message, sizeof(message), "%s", failed(st) ? st.message : "(taken)");
    if (!failed(st)) gateway_free(edge.gateway);
    edge_release(&edge);
    return message;
}

/* ---- the client ---- */

static void add_headers(struct call *call, struct http_headers *headers, const char *lines)
{
    struct str rest = str_of(lines), line;

    while (rest.length > 0 && str_split(&rest, '\n', &line)) {
        size_t colon = str_find(line, ':');
        EXPECT(!failed(
            http_headers_add(call->arena, headers, str_sized(line.data, colon),
                             str_trim(str_sized(line.data + colon + 1, line.length - colon - 1)))));
    }
}

static struct reply ask_bytes(struct call *call, struct edge *edge, const char *method,
                              const char *target, struct str body, const char *headers)
{
    const char *address = http_server_address(edge->http);
    struct http_client *client = http_client_new(call->shard, address);
    struct http_request request = {
        .version = HTTP_2, .scheme = STR("http"), .authority = str_of(address)};
    const struct http_headers *got;
    struct http_exchange *exchange;
    struct reply reply = {.body = ""};
    struct status st;

    request.method = str_of(method);
    request.target = str_of(target);
    request.path = str_sized(target, str_find(str_of(target), '?'));
    if (body.length > 0 && !strstr(headers, "content-type"))
        add_headers(call, &request.headers, "content-type: application/json");
    add_headers(call, &request.headers, headers);
    st = http_client_open(call, client, &request, body.length == 0, &exchange);
    EXPECT(!failed(st));
    if (!failed(st) && body.length > 0) {
        st = http_write(call, exchange, body);
        if (!failed(st)) http_finish(call, exchange, NULL);
    }
    st = http_read_head(call, exchange, &reply.status, &got);
    if (failed(st)) printf("  %s %s: %s\n", method, target, st.message);
    EXPECT(!failed(st));
    if (!failed(st)) {
        reply.headers = *got;
        EXPECT(!failed(http_read_body(call, exchange, 1 << 27, &reply.bytes)));
        reply.body = arena_strndup(call->arena, reply.bytes.data ? reply.bytes.data : "",
                                   reply.bytes.length);
        reply.trailers = http_trailers(exchange);
    }
    http_client_close(exchange);
    http_client_free(client);
    return reply;
}

static struct reply ask(struct call *call, struct edge *edge, const char *method,
                        const char *target, const char *body, const char *headers)
{
    return ask_bytes(call, edge, method, target, str_of(body), headers);
}

/* A header of the reply, "" if it is missing. */
__attribute__((unused)) static const char *header_of(struct call *call, const struct reply *reply,
                                                     const char *name)
{
    struct str value = http_headers_get(&reply->headers, name);

    return value.data ? arena_strndup(call->arena, value.data, value.length) : "";
}

__attribute__((unused)) static bool has(const char *text, const char *part)
{
    if (strstr(text, part)) return true;
    printf("  %s\n  lacks %s\n", text, part);
    return false;
}

static bool is(const char *text, const char *wanted)
{
    if (strcmp(text, wanted) == 0) return true;
    printf("  is   %s\n  want %s\n", text, wanted);
    return false;
}

#endif
