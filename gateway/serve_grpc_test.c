/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of gRPC requests that the gateway passes through, and of a service's error details in
 * JSON. */
#include "gateway/gateway_testing.h"

#include "base/encode.h"

#define HEAD "_format_version: \"3.0\"\n"
#define SERVICE                                                                               \
    "services:\n- name: edge\n  url: argosy://edge\n  plugins:\n  - name: grpc-gateway\n    " \
    "config: {proto: /kong/edge.proto}\n"
#define ROUTE "  routes:\n  - {name: all, paths: [/]}\n"
#define PLAIN HEAD SERVICE ROUTE

/* ---- gRPC ---- */

#define FRAME(bytes)                                   \
    {                                                  \
        "\0\0\0\0" bytes, sizeof("\0\0\0\0" bytes) - 1 \
    }

static struct reply grpc(struct call *call, struct edge *edge, const char *method, struct str body,
                         const char *headers)
{
    return ask_bytes(call, edge, "POST", arena_printf(call->arena, "/edge.Edge/%s", method), body,
                     arena_printf(call->arena, "content-type: application/grpc%s%s",
                                  headers[0] ? "\n" : "", headers));
}

static const char *grpc_status(const struct reply *reply)
{
    struct str value = reply->trailers ? http_headers_get(reply->trailers, "grpc-status")
                                       : (struct str){0};

    if (!value.data) value = http_headers_get(&reply->headers, "grpc-status");
    return value.data ? value.data : "";
}

static void passes(struct call *call, struct edge *edge)
{
    struct str request = FRAME("\x04\x0a\x02hi"), two = FRAME("\x02\x08\x07\0\0\0\0\x02\x08\x09");
    struct reply reply = grpc(call, edge, "Tell", request, "x-custom: 2\nx-user-email: eve@x");

    EXPECT(reply.status == 200 && strncmp(grpc_status(&reply), "0", 1) == 0);
    EXPECT(memmem(reply.bytes.data, reply.bytes.length, "x-custom: 2", 11) != NULL);
    EXPECT(memmem(reply.bytes.data, reply.bytes.length, "eve@x", 5) == NULL);
    EXPECT(is(header_of(call, &reply, "etag"), "\"v7\""));
    EXPECT(is(header_of(call, &reply, "x-inside"), "secret"));
    EXPECT(is(header_of(call, &reply, "idempotent-replayed"), ""));
    reply = grpc(call, edge, "Tell", request, "idempotency-key: k");
    EXPECT(memmem(reply.bytes.data, reply.bytes.length, "idempotency-key: k", 18) != NULL);
    EXPECT(is(header_of(call, &reply, "idempotent-replayed"), "true"));

    reply = grpc(call, edge, "Chat", two, "");
    EXPECT(reply.status == 200 && strncmp(grpc_status(&reply), "0", 1) == 0);
    EXPECT(str_equal(reply.bytes, two));
    reply = grpc(call, edge, "Watch", (struct str)FRAME("\x02\x08\x03"), "");
    EXPECT(strncmp(grpc_status(&reply), "0", 1) == 0 && reply.bytes.length > 3 * 8);

    reply = grpc(call, edge, "Fail", (struct str)FRAME("\x02\x08\x0a"), "");
    EXPECT(reply.status == 200 && strncmp(grpc_status(&reply), "10", 2) == 0);
    reply = grpc(call, edge, "Watch", (struct str)FRAME("\x04\x08\x05\x10\x02"), "");
    EXPECT(strncmp(grpc_status(&reply), "10", 2) == 0);
    reply = grpc(call, edge, "Wait", (struct str)FRAME("\x03\x08\x90\x4e"), "grpc-timeout: 20m");
    EXPECT(strncmp(grpc_status(&reply), "4", 1) == 0);
    reply = grpc(call, edge, "Tell", STR("\0\0\0"), "");
    EXPECT(strncmp(grpc_status(&reply), "13", 2) == 0);
}

TEST(grpc_passes_through)
{
    edge_run(PLAIN, NULL, passes);
}

static void inside_only(struct call *call, struct edge *edge)
{
    struct str empty = FRAME("\0");
    struct reply reply = grpc(call, edge, "Secret", empty, "");

    EXPECT(strncmp(grpc_status(&reply), "12", 2) == 0);
    reply = grpc(call, edge, "Nope", empty, "");
    EXPECT(strncmp(grpc_status(&reply), "12", 2) == 0);
    reply = ask_bytes(call, edge, "POST", "/edge.Edge/Tell", empty,
                      "content-type: application/grpc-web");
    EXPECT(reply.status == 415);
}

TEST(grpc_methods_without_a_rule_are_not_served)
{
    edge_run(PLAIN, NULL, inside_only);
    edge_run(HEAD SERVICE "  routes:\n  - {name: all, paths: [/], protocols: [http, grpc]}\n", NULL,
             inside_only);
}

static void inside_only_without_transcoding(struct call *call, struct edge *edge)
{
    struct reply reply = grpc(call, edge, "Tell", (struct str)FRAME("\x04\x0a\x02hi"), "");

    EXPECT(strncmp(grpc_status(&reply), "0", 1) == 0);
    reply = grpc(call, edge, "Secret", (struct str)FRAME("\0"), "");
    EXPECT(strncmp(grpc_status(&reply), "12", 2) == 0);
}

TEST(an_internal_rpc_is_not_passed_on_by_a_route_without_grpc_gateway)
{
    edge_run("_format_version: \"3.0\"\nservices:\n- name: edge\n  url: argosy://edge\n  routes:\n"
             "  - name: all\n    protocols: [grpc]\n    paths: [/edge.Edge]\n",
             NULL, inside_only_without_transcoding);
}

static void under_plugins(struct call *call, struct edge *edge)
{
    struct str empty = FRAME("\0");
    struct reply reply = grpc(call, edge, "Tell", empty, "");

    EXPECT(strncmp(grpc_status(&reply), "16", 2) == 0);
    reply = grpc(call, edge, "Make", (struct str)FRAME("\x04\x0a\x02hi"), "");
    EXPECT(strncmp(grpc_status(&reply), "0", 1) == 0);
}

TEST(grpc_goes_through_the_plugins_of_its_rule)
{
    edge_run(HEAD SERVICE "  routes:\n  - {name: all, paths: [/]}\n"
                          "  - name: tell\n    paths: [/tell]\n    "
                          "plugins:\n    - name: auth-token-validator\n",
             NULL, under_plugins);
}

/* ---- methods and details unknown to the gateway ---- */

static void foreign_details(struct call *call, struct edge *edge)
{
    struct reply reply = grpc(call, edge, "Fail", (struct str)FRAME("\x02\x08\x0b"), "");
    struct str details = {0};

    EXPECT(strncmp(grpc_status(&reply), "11", 2) == 0);
    EXPECT(reply.trailers != NULL);
    if (reply.trailers) details = http_headers_get(reply.trailers, "grpc-status-details-bin");
    EXPECT(details.data && base64_decode(call->arena, details, &details));
    EXPECT(str_equal(details, str_sized(foreign_status, sizeof(foreign_status) - 1)));

    /* Initial metadata stay initial although there is no message. */
    EXPECT(is(header_of(call, &reply, "x-initial"), "1"));
    EXPECT(is(header_of(call, &reply, "x-trailing"), ""));
    if (reply.trailers) EXPECT(str_is(http_headers_get(reply.trailers, "x-trailing"), "2"));

    reply = ask(call, edge, "POST", "/fail/11", "", "");
    EXPECT(reply.status == 400);
    EXPECT(is(reply.body,
              "{\"success\":false,\"message\":\"as you asked\",\"status_code\":400,\"error\":{"
              "\"code\":\"OUT_OF_RANGE\",\"reason\":\"TOO_FAR\",\"field_violations\":[],"
              "\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","
              "\"reason\":\"TOO_FAR\",\"domain\":\"maps.example\",\"metadata\":{\"km\":\"7\"}},"
              "{\"@type\":\"x.example/maps.Place\",\"value\":\"CAU=\"}]}}\n"));
}

TEST(details_of_any_type_pass_through_the_gateway)
{
    edge_run(PLAIN, NULL, foreign_details);
}

static void other_media(struct call *call, struct edge *edge)
{
    struct str request = FRAME("\x04\x0a\x02hi");
    struct reply reply;

    reply = ask_bytes(call, edge, "POST", "/edge.Edge/Tell", request,
                      "content-type: APPLICATION/grpc+Proto;x=1");
    EXPECT(reply.status == 200 && strncmp(grpc_status(&reply), "0", 1) == 0);
    reply = ask_bytes(call, edge, "POST", "/edge.Edge/Tell", request,
                      "content-type: application/grpc+json");
    EXPECT(reply.status == 200 && strncmp(grpc_status(&reply), "12", 2) == 0);
    reply = ask_bytes(call, edge, "POST", "/edge.Edge/Tell", request, "content-type: image/png");
    EXPECT(reply.status == 415);
    EXPECT(is(header_of(call, &reply, "content-type"), "text/plain; charset=utf-8"));
    reply = ask_bytes(call, edge, "PUT", "/edge.Edge/Tell", request,
                      "content-type: application/grpc");
    EXPECT(reply.status == 405 && is(header_of(call, &reply, "allow"), "POST"));
}

TEST(only_protobuf_is_passed_through)
{
    edge_run(PLAIN, NULL, other_media);
}

/* ---- large messages ---- */

enum { LARGE = 64 * 1024 * 1024 };

/* A frame with an EchoRequest whose payload (an HttpBody with `data` only) fills it up. */
static struct str large_frame(void)
{
    size_t size = LARGE - 64, data = size - 5, payload = data + 5;
    uint8_t *frame = malloc(5 + LARGE), *at = frame;
    size_t lengths[] = {payload, data};

    memset(frame, 'x', 5 + LARGE);
    at += 5;
    for (int i = 0; i < 2; i++) {
        *at++ = 2 << 3 | 2;
        for (size_t rest = lengths[i]; rest >= 0x80 || (*at++ = (uint8_t)rest, false); rest >>= 7)
            *at++ = (uint8_t)(rest | 0x80);
    }
    size = (size_t)(at - frame) - 5 + data;
    frame[0] = 0;
    for (int i = 0; i < 4; i++) frame[1 + i] = (uint8_t)(size >> (24 - 8 * i));
    return str_sized(frame, 5 + size);
}

static void large_messages(struct call *call, struct edge *edge)
{
    struct str frame = large_frame();
    struct arena arenas[2];
    struct call one = *call, other = *call;
    struct reply reply;

    for (int i = 0; i < 2; i++) arena_init(&arenas[i], 8 * (size_t)LARGE);
    one.arena = &arenas[0];
    other.arena = &arenas[1];
    reply = grpc(&one, edge, "Echo", frame, "");
    EXPECT(reply.status == 200 && strncmp(grpc_status(&reply), "0", 1) == 0);
    EXPECT(str_equal(reply.bytes, frame));
    reply = ask_bytes(&other, edge, "POST", "/echo", str_sized(frame.data + 64, LARGE / 2),
                      "content-type: image/png");
    EXPECT(reply.status == 200 && reply.bytes.length == LARGE / 2);
    for (int i = 0; i < 2; i++) arena_release(&arenas[i]);
    free((void *)(uintptr_t)frame.data);
}

/* An unknown method is passed through as a stream. */
static void large_stream(struct call *call, struct edge *edge)
{
    struct str frame = large_frame();
    struct arena arena;
    struct call one = *call;

    arena_init(&arena, 8 * (size_t)LARGE);
    one.arena = &arena;
    struct reply reply = grpc(&one, edge, "Echo", frame, "");
    EXPECT(reply.status == 200 && strncmp(grpc_status(&reply), "0", 1) == 0);
    EXPECT(str_equal(reply.bytes, frame));
    arena_release(&arena);
    free((void *)(uintptr_t)frame.data);
}

TEST(large_messages_pass_where_the_limit_lets_them)
{
    static const char *const settings[] = {"GATEWAY_BODY_SIZE_MAX=128MiB", NULL};

    edge_run(PLAIN, settings, large_messages);
    edge_run(HEAD "services:\n- name: edge\n  url: argosy://edge\n  routes:\n"
                  "  - {name: all, paths: [/], strip_path: false, protocols: [http, grpc]}\n",
             settings, large_stream);
}

/* ---- services of the gateway itself ---- */

static struct reply own(struct call *call, struct edge *edge, const char *path, struct str frame)
{
    return ask_bytes(call, edge, "POST", path, frame, "content-type: application/grpc");
}

static bool tells(const struct reply *reply, const char *text)
{
    return memmem(reply->bytes.data, reply->bytes.length, text, strlen(text)) != NULL;
}

static void health_and_reflection(struct call *call, struct edge *edge)
{
    static const char check[] = "/grpc.health.v1.Health/Check";
    static const char info[] = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    static const char alpha[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
    struct str serving = FRAME("\x02\x08\x01"), list = FRAME("\x03\x3a\x01*"),
               nothing = FRAME("\0");
    struct reply reply = own(call, edge, check, nothing);

    EXPECT(str_equal(reply.bytes, serving) && strncmp(grpc_status(&reply), "0", 1) == 0);
    reply = own(call, edge, check,
                (struct str)FRAME("\x0b\x0a\x09"
                                  "edge.Edge"));
    EXPECT(str_equal(reply.bytes, serving));
    reply = own(call, edge, check,
                (struct str)FRAME("\x06\x0a\x04"
                                  "nope"));
    EXPECT(strncmp(grpc_status(&reply), "5", 1) == 0);

    reply = own(call, edge, info, list);
    EXPECT(tells(&reply, "edge.Edge") && tells(&reply, "grpc.health.v1.Health"));
    reply = own(call, edge, alpha, list);
    EXPECT(tells(&reply, "edge.Edge"));
    reply = own(call, edge, info,
                (struct str)FRAME("\x0b\x22\x09"
                                  "edge.Edge"));
    EXPECT(tells(&reply, "EchoStream"));
}

TEST(health_and_reflection_are_at_the_gateway)
{
    edge_run(PLAIN, NULL, health_and_reflection);
}
