/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the gateway from its HTTP side: routing, conditions, errors, streams, raw bodies,
 * headers, and refused configurations. */
#include "gateway/gateway_testing.h"

#define HEAD "_format_version: \"3.0\"\n"
#define SERVICE                                                                               \
    "services:\n- name: edge\n  url: argosy://edge\n  plugins:\n  - name: grpc-gateway\n    " \
    "config: {proto: /kong/edge.proto}\n"
#define ROUTE "  routes:\n  - {name: all, paths: [/]}\n"
#define PLAIN HEAD SERVICE ROUTE

static void calls(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "GET", "/tell/a%2Fb?tags=x&tags=y", "", "");

    EXPECT(reply.status == 200);
    EXPECT(is(reply.body,
              "{\"name\":\"a/"
              "b\",\"email\":\"\",\"role\":\"\",\"device_id\":\"\",\"client_ip\":\"127.0.0.1\","
              "\"metadata\":[],\"tags\":[\"x\",\"y\"]}\n"));
    EXPECT(is(header_of(call, &reply, "content-type"), "application/json"));
    EXPECT(is(header_of(call, &reply, "etag"), "\"v7\""));
    EXPECT(is(header_of(call, &reply, "x-inside"), ""));
    EXPECT(strlen(header_of(call, &reply, "x-request-id")) == 36);

    reply = ask(call, edge, "PUT", "/tell/n", "{\"tags\":[\"t\"]}", "x-request-id: mine-1");
    EXPECT(reply.status == 200 && has(reply.body, "\"tags\":[\"t\"]"));
    EXPECT(is(header_of(call, &reply, "x-request-id"), "mine-1"));

    reply = ask(call, edge, "POST", "/things", "{\"name\":\"ab\",\"count\":\"5\"}", "");
    EXPECT(reply.status == 201);
    EXPECT(is(reply.body, "{\"success\":true,\"message\":\"ab\",\"status_code\":201}\n"));

    reply = ask(call, edge, "GET", "/names?tags=a", "", "");
    EXPECT(is(reply.body, "[\"a\"]\n"));
    reply = ask(call, edge, "GET", "/tell?status=202", "", "");
    EXPECT(reply.status == 202);
}

TEST(json_requests_become_calls)
{
    edge_run(PLAIN, NULL, calls);
}

/* Percent-encoding unreserved characters does not change a path; an encoded slash does not separate
 * segments. */
static void spellings(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "GET", "/%74ell/%61%2Fb%7e", "", "");

    EXPECT(reply.status == 200 && has(reply.body, "\"name\":\"a/b~\""));
    reply = ask(call, edge, "GET", "/tell%2Fa", "", "");
    EXPECT(reply.status == 404);
    reply = ask(call, edge, "GET", "/tell/%2E%2E", "", "");
    EXPECT(reply.status == 200 && has(reply.body, "\"name\":\"..\""));
    reply = ask(call, edge, "GET", "/tell/%4", "", "");
    EXPECT(reply.status == 400);
    reply = ask(call, edge, "POST", "/things", "{\"name\":\"ab\",\"count\":\"5\"}",
                "content-type: Application/JSON;charset=utf-8");
    EXPECT(reply.status == 201);
    reply = ask(call, edge, "POST", "/things", "{\"name\":\"ab\",\"count\":\"5\"}",
                "content-encoding: identity");
    EXPECT(reply.status == 201);
    reply = ask(call, edge, "POST", "/things", "{\"name\":\"ab\",\"count\":\"5\"}",
                "content-encoding: identity\ncontent-encoding: GZIP");
    EXPECT(reply.status == 415 && is(header_of(call, &reply, "accept-encoding"), "identity"));
}

TEST(spellings_of_paths_and_bodies)
{
    edge_run(PLAIN, NULL, spellings);
}

/* Sends a byte every 20 ms, and never completes. */
static void drip(struct call *call, struct edge *edge)
{
    const char *address = http_server_address(edge->http);
    struct http_client *client = http_client_new(call->shard, address);
    struct http_request request = {.version = HTTP_2,
                                   .scheme = STR("http"),
                                   .authority = str_of(address),
                                   .method = STR("POST"),
                                   .target = STR("/things"),
                                   .path = STR("/things")};
    const struct http_headers *headers;
    struct http_exchange *exchange;
    int status = 0;

    add_headers(call, &request.headers, "content-type: application/json");
    EXPECT(!failed(http_client_open(call, client, &request, false, &exchange)));
    for (int i = 0; i < 50; i++) {
        struct status sent = http_write(call, exchange, STR(" "));
        if (failed(sent) || failed(fiber_sleep(call, 20000))) break;
    }
    EXPECT(!failed(http_read_head(call, exchange, &status, &headers)));
    EXPECT(status == 408);
    http_client_close(exchange);
    http_client_free(client);
}

TEST(a_body_that_arrives_too_slowly_is_refused)
{
    static const char *const settings[] = {"GATEWAY_TIMEOUT=200ms", NULL};

    edge_run(PLAIN, settings, drip);
}

static void heads(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "HEAD", "/tell/a", "", "");

    EXPECT(reply.status == 200 && reply.body[0] == '\0');
    EXPECT(is(header_of(call, &reply, "etag"), "\"v7\""));
    reply = ask(call, edge, "GET", "/tell/a", "", "if-none-match: \"v6\", W/\"v7\"");
    EXPECT(reply.status == 304 && reply.body[0] == '\0');
    EXPECT(is(header_of(call, &reply, "etag"), "\"v7\""));
    reply = ask(call, edge, "GET", "/tell/a", "", "if-none-match: \"v6\"");
    EXPECT(reply.status == 200);
    reply = ask(call, edge, "GET", "/tell/a", "", "if-none-match: *");
    EXPECT(reply.status == 304);
    reply = ask(call, edge, "PUT", "/tell/a", "{}", "if-none-match: *");
    EXPECT(reply.status == 200);
}

/* RFC 9110, sections 13.1 and 13.2.2. */
static void conditions(struct call *call, struct edge *edge)
{
    static const struct {
        const char *method, *headers;
        int status;
    } cases[] = {
        {"GET", "if-match: \"v7\"", 200},
        {"GET", "if-match: *", 200},
        {"GET", "if-match: \"v6\"\nif-match: \"v7\"", 200},
        {"GET", "if-match: W/\"v7\"", 412},
        {"GET", "if-match: \"v6\"", 412},
        {"GET", "if-match: v7", 400},
        {"GET", "if-match: \"v6\"\nif-none-match: \"v7\"", 412},
        {"GET", "if-match: \"v7\"\nif-none-match: \"v7\"", 304},
        {"GET", "if-none-match: \"v6\"\nif-none-match: \"v7\"", 304},
        {"GET", "if-none-match: \"a,b\", \"v7\"", 304},
        {"GET", "if-none-match: \"v6,\"\"v7\"", 200},
        {"GET", "if-none-match: v7", 200},
        {"HEAD", "if-none-match: *", 304},
        {"PUT", "if-match: \"v7\"", 412}, /* its rpc does not support versions */
        {"PUT", "if-match: *", 200},
        {"PUT", "if-match: 7", 400},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *body = strcmp(cases[i].method, "PUT") == 0 ? "{}" : "";
        struct reply reply = ask(call, edge, cases[i].method, "/tell/a", body, cases[i].headers);
        if (reply.status != cases[i].status) printf("  %s %d\n", cases[i].headers, reply.status);
        EXPECT(reply.status == cases[i].status);
    }
    struct reply reply = ask(call, edge, "POST", "/fail/10", "", "if-match: *");
    EXPECT(reply.status == 412 && has(reply.body, "\"code\":\"ABORTED\""));
    reply = ask(call, edge, "POST", "/fail/10", "", "");
    EXPECT(reply.status == 409);
}

TEST(conditional_requests)
{
    edge_run(PLAIN, NULL, conditions);
}

TEST(head_and_etag)
{
    edge_run(PLAIN, NULL, heads);
}

/* Checks the error envelope that the contract defines. */
static void expect_error(const struct reply *reply, int status, const char *code,
                         const char *reason)
{
    char part[256];

    EXPECT(reply->status == status);
    snprintf(
        part, sizeof(part),
        "\"status_code\":%d,\"error\":{\"code\":\"%s\",\"reason\":\"%s\",\"field_violations\":[",
        status, code, reason);
    EXPECT(has(reply->body, "{\"success\":false,\"message\":\""));
    EXPECT(has(reply->body, part));
}

static void errors(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "POST", "/things", "{\"name\":\"a\",\"count\":101}", "");

    expect_error(&reply, 400, "INVALID_ARGUMENT", "INVALID_FIELDS");
    EXPECT(has(reply.body, "{\"field\":\"name\",\"description\":"));
    EXPECT(has(reply.body, "{\"field\":\"count\",\"description\":"));
    EXPECT(is(header_of(call, &reply, "content-type"), "application/json"));
    EXPECT(strlen(header_of(call, &reply, "x-request-id")) == 36);

    reply = ask(call, edge, "POST", "/things", "{\"nam\":\"a\"}", "");
    expect_error(&reply, 400, "INVALID_ARGUMENT", "UNKNOWN_FIELD");
    EXPECT(has(reply.body,
               "[{\"field\":\"nam\",\"description\":\"is not a field of edge.MakeRequest\"}]"));
    reply = ask(call, edge, "POST", "/things", "{\"name\":", "");
    expect_error(&reply, 400, "INVALID_ARGUMENT", "MALFORMED_JSON");
    reply = ask(call, edge, "GET", "/tell/a?nope=1", "", "");
    expect_error(&reply, 400, "INVALID_ARGUMENT", "UNKNOWN_FIELD");
    reply = ask(call, edge, "POST", "/things", "{}", "content-type: text/plain");
    expect_error(&reply, 415, "INVALID_ARGUMENT", "MEDIA_TYPE_UNSUPPORTED");
    reply = ask(call, edge, "POST", "/things", "{\"name\":\"ab\"}",
                "content-type: Application/JSON; charset=utf-8");
    EXPECT(reply.status == 201);
    reply = ask(call, edge, "GET", "/nope", "", "");
    expect_error(&reply, 404, "NOT_FOUND", "ROUTE_NOT_FOUND");
    reply = ask(call, edge, "DELETE", "/tell/a", "", "");
    expect_error(&reply, 405, "UNIMPLEMENTED", "METHOD_NOT_ALLOWED");
    EXPECT(is(header_of(call, &reply, "allow"), "GET, HEAD, PUT"));
    reply = ask(call, edge, "POST", "/upload", "{}", "");
    EXPECT(reply.status == 501);
}

TEST(errors_are_as_the_contract_has_them)
{
    edge_run(PLAIN, NULL, errors);
}

/* The message of a store's error names its file and must not reach clients. */
static void store_errors(struct call *call, struct edge *edge)
{
    static const struct {
        int code, reason, status;
        const char *name;
    } failures[] = {
        {STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_BUSY, 503, "STORE_BUSY"},
        {STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__STORE_FULL, 503, "STORE_FULL"},
        {STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED, 500, "STORE_DAMAGED"},
    };

    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        const char *path = arena_printf(call->arena, "/fail/%d?reason=%d", failures[i].code,
                                        failures[i].reason);
        struct reply reply = ask(call, edge, "POST", path, "", "");
        EXPECT(reply.status == failures[i].status);
        EXPECT(has(reply.body, failures[i].name));
        if (failures[i].reason == ARGOSY__REASON__STORE_FULL)
            EXPECT(is(header_of(call, &reply, "retry-after"), "10"));
        EXPECT(has(reply.body, "\"message\":\"the store ") && has(reply.body, "; request id "));
    }
}

TEST(messages_of_a_store_do_not_reach_clients)
{
    edge_run(PLAIN, NULL, store_errors);
}

/* The client decides whether to repeat the request, so nothing else does, and nothing suggests
 * it. */
static void outcome_unknown(struct call *call, struct edge *edge)
{
    const char *path = arena_printf(call->arena, "/fail/%d?reason=%d", STATUS_UNAVAILABLE,
                                    ARGOSY__REASON__STORE_OUTCOME_UNKNOWN);

    fails = 0;
    struct reply reply = ask(call, edge, "POST", path, "", "");
    expect_error(&reply, 503, "UNAVAILABLE", "STORE_OUTCOME_UNKNOWN");
    EXPECT(has(reply.body, "repeat the request with the same Idempotency-Key"));
    EXPECT(is(header_of(call, &reply, "retry-after"), ""));
    EXPECT(fails == 1);
}

TEST(an_unknown_outcome_is_told_and_not_tried_again)
{
    edge_run(PLAIN, NULL, outcome_unknown);
}

static void codes(struct call *call, struct edge *edge)
{
    static const int statuses[] = {0,   499, 500, 400, 504, 404, 409, 403, 429,
                                   400, 409, 400, 501, 500, 503, 500, 401};

    for (int code = 1; code <= 16; code++) {
        struct reply reply = ask(call, edge, "POST", arena_printf(call->arena, "/fail/%d", code),
                                 "", "");
        EXPECT(reply.status == statuses[code]);
        bool inside = code == STATUS_INTERNAL || code == STATUS_UNKNOWN;
        EXPECT(has(reply.body, inside ? "\"internal error\"" : "\"as you asked\""));
        if (code == STATUS_UNAVAILABLE) EXPECT(is(header_of(call, &reply, "retry-after"), "2"));
    }
    struct reply reply = ask(call, edge, "POST",
                             arena_printf(call->arena, "/fail/%d?reason=%d",
                                          STATUS_INVALID_ARGUMENT,
                                          ARGOSY__REASON__IDEMPOTENCY_KEY_REUSED),
                             "", "");
    expect_error(&reply, 422, "INVALID_ARGUMENT", "IDEMPOTENCY_KEY_REUSED");
    reply = ask(call, edge, "POST",
                arena_printf(call->arena, "/fail/%d?reason=%d", STATUS_ABORTED,
                             ARGOSY__REASON__IDEMPOTENCY_KEY_RUNNING),
                "", "");
    expect_error(&reply, 409, "ABORTED", "IDEMPOTENCY_KEY_RUNNING");
}

TEST(codes_become_statuses)
{
    edge_run(PLAIN, NULL, codes);
}

static void slow(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "GET", "/wait/1", "", "");

    EXPECT(reply.status == 200);
    int64_t start_us = clock_monotonic_us();
    reply = ask(call, edge, "GET", "/wait/20000", "", "");
    expect_error(&reply, 504, "DEADLINE_EXCEEDED", "");
    reply = ask(call, edge, "GET", "/wait/20000", "", "grpc-timeout: 20m");
    EXPECT(reply.status == 504);
    reply = ask(call, edge, "GET", "/wait/1", "", "grpc-timeout: soon");
    EXPECT(reply.status == 400);
    EXPECT(clock_monotonic_us() - start_us < 5000000);
}

TEST(calls_have_a_deadline)
{
    static const char *const settings[] = {"GATEWAY_TIMEOUT=100ms", NULL};

    edge_run(PLAIN, settings, slow);
}

static void streams(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "GET", "/watch/3", "", "");

    EXPECT(reply.status == 200);
    EXPECT(is(header_of(call, &reply, "content-type"), "application/x-ndjson"));
    EXPECT(is(reply.body, "{\"number\":0,\"text\":\"x\"}\n{\"number\":1,\"text\":\"x\"}\n{"
                          "\"number\":2,\"text\":\"x\"}\n"));
    reply = ask(call, edge, "GET", "/watch/2", "", "accept: text/html, text/event-stream;q=0.5");
    EXPECT(is(header_of(call, &reply, "content-type"), "text/event-stream"));
    EXPECT(is(reply.body,
              "data: {\"number\":0,\"text\":\"x\"}\n\ndata: {\"number\":1,\"text\":\"x\"}\n\n"));
    reply = ask(call, edge, "GET", "/watch/0", "", "");
    EXPECT(reply.status == 200 && reply.body[0] == '\0');
    reply = ask(call, edge, "GET", "/watch/5?fail_after=1", "", "");
    expect_error(&reply, 409, "ABORTED", "VERSION_STALE");
    reply = ask(call, edge, "GET", "/watch/5?fail_after=2", "", "");
    EXPECT(reply.status == 200);
    EXPECT(has(reply.body,
               "{\"number\":0,\"text\":\"x\"}\n{\"success\":false,\"message\":\"enough\","));
    reply = ask(call, edge, "GET", "/watch/5?fail_after=2", "", "accept: text/event-stream");
    EXPECT(has(reply.body, "\n\nevent: error\ndata: {\"success\":false,"));
    reply = ask(call, edge, "GET", "/watch/20000", "", "");
    EXPECT(reply.bytes.length > 20000 * 20);
}

TEST(server_streams_are_lines_or_events)
{
    edge_run(PLAIN, NULL, streams);
}

static void head_of_stream(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "HEAD", "/watch/1000?pause_ms=100", "",
                             "accept: text/event-stream");

    EXPECT(reply.status == 200 && reply.body[0] == '\0');
    EXPECT(is(header_of(call, &reply, "content-type"), "text/event-stream"));
    reply = ask(call, edge, "HEAD", "/watch/5?fail_after=1", "", "");
    EXPECT(reply.status == 409);
}

TEST(a_head_request_to_a_stream_does_not_wait_for_its_end)
{
    edge_run(PLAIN, NULL, head_of_stream);
}

static void event_streams(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "GET", "/watch/1", "", "accept: */*");

    EXPECT(is(header_of(call, &reply, "content-type"), "text/event-stream"));
    EXPECT(is(reply.body, "data: {\"number\":0,\"text\":\"x\"}\n\n"));
    reply = ask(call, edge, "GET", "/watch/1", "", "accept: application/x-ndjson");
    EXPECT(is(header_of(call, &reply, "content-type"), "application/x-ndjson"));
    reply = ask(call, edge, "GET", "/tell/n", "", "");
    EXPECT(is(header_of(call, &reply, "content-type"), "application/json"));
}

TEST(a_route_may_make_its_streams_events)
{
    edge_run(HEAD "services:\n- name: edge\n  url: argosy://edge\n  plugins:\n"
                  "  - name: grpc-gateway\n"
                  "    config: {proto: /kong/edge.proto, events: true}\n" ROUTE,
             NULL, event_streams);
}

/* Counts how often the text contains the part. */
static int count_of(const char *text, const char *part)
{
    int count = 0;

    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) count++;
    return count;
}

static void silent_streams(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "GET", "/watch/2?pause_ms=220", "",
                             "accept: text/event-stream");

    EXPECT(reply.status == 200);
    EXPECT(is(header_of(call, &reply, "content-type"), "text/event-stream"));
    EXPECT(strncmp(reply.body, ": keep-alive\n\n", 14) == 0);
    EXPECT(count_of(reply.body, ": keep-alive\n\n") >= 4);
    EXPECT(count_of(reply.body, "data: {") == 2);
    /* A failure after the first message can only be reported in the stream. */
    reply = ask(call, edge, "GET", "/watch/2?pause_ms=120&fail_after=2", "",
                "accept: text/event-stream");
    EXPECT(reply.status == 200 && count_of(reply.body, "event: error\ndata: {") == 1);
    reply = ask(call, edge, "GET", "/watch/1?pause_ms=120", "", "");
    EXPECT(is(reply.body, "{\"number\":0,\"text\":\"x\"}\n"));
}

TEST(silent_streams_of_events_are_kept_alive)
{
    static const char *const settings[] = {"GATEWAY_KEEP_ALIVE=50ms", NULL};

    edge_run(PLAIN, settings, silent_streams);
}

/* ---- bodies that are not JSON ---- */

static void raw_bodies(struct call *call, struct edge *edge)
{
    static const char bytes[] = " {\"id\": \"\xff\0x\" }\r\n ";
    struct str body = str_sized(bytes, sizeof(bytes) - 1);
    struct reply reply = ask_bytes(call, edge, "POST", "/echo/stripe", body,
                                   "content-type: application/x-thing; v=1");

    EXPECT(reply.status == 200 && str_equal(reply.bytes, body));
    EXPECT(is(header_of(call, &reply, "content-type"), "application/x-thing; v=1"));
    reply = ask_bytes(call, edge, "POST", "/echo", body, "content-type: text/plain");
    EXPECT(reply.status == 200 && str_equal(reply.bytes, body));
    EXPECT(is(header_of(call, &reply, "content-type"), "text/plain"));
    reply = ask_bytes(call, edge, "POST", "/echo", STR(" "), "content-type:");
    EXPECT(reply.status == 200 && str_is(reply.bytes, " "));
    EXPECT(is(header_of(call, &reply, "content-type"), "application/octet-stream"));
    reply = ask(call, edge, "POST", "/echo/stripe", "", "");
    EXPECT(reply.status == 200 && reply.bytes.length == 0);
    reply = ask(call, edge, "POST", "/echo/stripe", "x", "content-type: text/\xfc");
    expect_error(&reply, 415, "INVALID_ARGUMENT", "MEDIA_TYPE_UNSUPPORTED");
    reply = ask(call, edge, "POST", "/echo/stripe?payload.data=eA==", "x", "");
    expect_error(&reply, 400, "INVALID_ARGUMENT", "INVALID_FIELDS");
    char *large = arena_alloc(call->arena, 5000);
    memset(large, 'x', 5000);
    reply = ask_bytes(call, edge, "POST", "/echo", str_sized(large, 5000), "content-type: a/b");
    expect_error(&reply, 413, "RESOURCE_EXHAUSTED", "BODY_TOO_LARGE");
}

TEST(an_http_body_passes_through_unchanged)
{
    static const char *const settings[] = {"GATEWAY_BODY_SIZE_MAX=4KiB", NULL};

    edge_run(PLAIN, settings, raw_bodies);
}

static void raw_streams(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "POST", "/echoes?times=3", "ab\n",
                             "content-type: text/csv\naccept: text/event-stream");

    EXPECT(reply.status == 200 && is(reply.body, "ab\nab\nab\n"));
    EXPECT(is(header_of(call, &reply, "content-type"), "text/csv"));
    reply = ask(call, edge, "POST", "/echoes", "ab", "content-type: text/csv");
    EXPECT(reply.status == 200 && reply.body[0] == '\0');
    reply = ask(call, edge, "POST", "/echoes?fail=true", "ab", "content-type: text/csv");
    expect_error(&reply, 409, "ABORTED", "");
}

TEST(a_stream_of_http_bodies_is_one_body)
{
    edge_run(PLAIN, NULL, raw_streams);
}

/* ---- headers passed to the service ---- */

static void metadata(struct call *call, struct edge *edge)
{
    struct reply reply = ask(
        call, edge, "GET", "/tell/a", "",
        "x-user-email: eve@x\nx-user-role: admin\nx-device-id: d\nx-client-ip: 9.9.9.9\n"
        "x-fleet-signature: v1.0.x\ngrpc-metadata-x-user-email: eve@x\ngrpc-metadata-x-mine: 1\n"
        "x-custom: 2\nidempotency-key: k\nif-match: \"v7\"\naccept-language: de\ncookie: "
        "refresh-token=r\n"
        "authorization: Basic x\ngrpc-metadata-authorization: x\nstripe-signature: t=1,v1=a");

    EXPECT(has(reply.body,
               "\"email\":\"\",\"role\":\"\",\"device_id\":\"\",\"client_ip\":\"127.0.0.1\""));
    EXPECT(has(reply.body, "\"metadata\":[\"idempotency-key: k\",\"if-match: "
                           "\\\"v7\\\"\",\"accept-language: de\",\"x-mine: 1\","
                           "\"stripe-signature: t=1,v1=a\"]"));
    EXPECT(is(header_of(call, &reply, "idempotent-replayed"), "true"));
    reply = ask(call, edge, "GET", "/tell/a", "", "x-forwarded-for: 1.2.3.4");
    EXPECT(has(reply.body, "\"client_ip\":\"127.0.0.1\""));
}

TEST(only_allowed_headers_reach_the_service)
{
    edge_run(PLAIN, NULL, metadata);
}

static void forwarded(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "GET", "/tell/a", "",
                             "x-forwarded-for: 6.6.6.6, 1.2.3.4, 10.9.9.9");

    EXPECT(has(reply.body, "\"client_ip\":\"1.2.3.4\""));
    reply = ask(call, edge, "GET", "/tell/a", "",
                "x-forwarded-for: 6.6.6.6\nx-forwarded-for: 1.2.3.4:4711");
    EXPECT(has(reply.body, "\"client_ip\":\"1.2.3.4\""));
    reply = ask(call, edge, "GET", "/tell/a", "", "x-forwarded-for: nonsense");
    EXPECT(has(reply.body, "\"client_ip\":\"127.0.0.1\""));
}

TEST(trusted_proxies_name_the_client)
{
    static const char *const settings[] = {"GATEWAY_TRUSTED_PROXIES=127.0.0.1, 10.0.0.0/8", NULL};

    edge_run(PLAIN, settings, forwarded);
}

/* ---- refused configurations ---- */

TEST(bad_configurations_stop_the_start)
{
    static const char *const proxies[] = {"GATEWAY_TRUSTED_PROXIES=10.0.0.0/99", NULL};
    static const char *const file[] = {"GATEWAY_CONFIG=/nowhere/kong.yml", NULL};

    CHECK(has(edge_refusal(HEAD "plugins:\n- name: nope\n", NULL),
              "kong.yml:3: there is no plugin \"nope\""));
    CHECK(has(
        edge_refusal(HEAD "plugins:\n- name: grpc-gateway\n  config: {proto: nope.proto}\n", NULL),
        "kong.yml:3: plugin grpc-gateway: the proto nope.proto is not compiled in; these are: "));
    CHECK(has(edge_refusal(HEAD
                           "plugins:\n- name: grpc-gateway\n  config: {proto: /nowhere/x.binpb}\n",
                           NULL),
              "kong.yml:3: plugin grpc-gateway: /nowhere/x.binpb cannot be read"));
    CHECK(has(edge_refusal(HEAD
                           "plugins:\n- name: grpc-gateway\n  config: {proto: /dev/null.binpb}\n",
                           NULL),
              "cannot be read"));
    CHECK(has(edge_refusal(HEAD "plugins:\n- name: file-log\n  config: {path: /nowhere/x}\n", NULL),
              "kong.yml:3: plugin file-log: /nowhere/x cannot be written"));
    CHECK(has(edge_refusal(PLAIN, proxies),
              "GATEWAY_TRUSTED_PROXIES: \"10.0.0.0/99\" is not an address or network"));
    CHECK(has(edge_refusal(PLAIN, file), "GATEWAY_CONFIG=/nowhere/kong.yml cannot be read"));
}

TEST(routes_are_printed)
{
    struct edge edge = {0};
    const char *text = HEAD SERVICE "  routes:\n  - {name: all, paths: [/tell]}\n"
                                    "  - {name: raw, paths: [/x.Y/], protocols: [grpc]}\n"
                                    "plugins:\n- name: prometheus\n- name: correlation-id\n";
    struct service_context context = edge_prepare(&edge, text, NULL);
    char *printed = NULL;
    size_t size;
    FILE *out = open_memstream(&printed, &size);

    struct status st = gateway_print_routes(&edge.arena, edge.config, context.schema, out);
    fclose(out);
    if (failed(st)) printf("  %s\n", st.message);
    EXPECT(!failed(st));
    EXPECT(has(printed, "METHOD  PATH"));
    EXPECT(has(printed, "GET     /tell/{name}"));
    EXPECT(has(printed, "edge.Edge/Tell"));
    EXPECT(has(printed, "correlation-id, prometheus, grpc-gateway\n"));
    free(printed);
    edge_release(&edge);
}

static void not_stripped(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "GET", "/tell/x", "", "");

    EXPECT(reply.status == 200 && has(reply.body, "\"name\":\"x\""));
    reply = ask(call, edge, "GET", "/tell/tell/x", "", "");
    EXPECT(reply.status == 404);
}

TEST(grpc_gateway_compares_the_path_as_it_was_sent_whatever_strip_path_says)
{
    edge_run(HEAD SERVICE "  routes:\n  - {name: tell, paths: [/tell], strip_path: true}\n", NULL,
             not_stripped);
    edge_run(HEAD SERVICE "  routes:\n  - {name: tell, paths: ['~/tell/[^/]+']}\n", NULL,
             not_stripped);
}

/* ---- a clock that is set back ---- */

static _Atomic int64_t set_back_us, ahead_us;

static int64_t system_us(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000 + ahead_us;
}

static int64_t wall_us(void)
{
    return system_us(CLOCK_REALTIME) - set_back_us;
}

static int64_t steady_us(void)
{
    return system_us(CLOCK_MONOTONIC);
}

static void limited(struct call *call, struct edge *edge)
{
    int refused = 0;

    for (int i = 0; i < 5; i++) refused += ask(call, edge, "GET", "/tell/x", "", "").status == 429;
    EXPECT(refused >= 1); /* or two windows met */
    while (ask(call, edge, "GET", "/tell/x", "", "").status != 429) {
    }
    set_back_us += INT64_C(3600000000);
    ahead_us += 61 * INT64_C(1000000);
    EXPECT(ask(call, edge, "GET", "/tell/x", "", "").status == 200);
    /* Nor is a window new that is used up. */
    while (ask(call, edge, "GET", "/tell/x", "", "").status != 429) {
    }
    set_back_us -= INT64_C(3600000000);
    EXPECT(ask(call, edge, "GET", "/tell/x", "", "").status == 429);
}

TEST(a_clock_that_is_set_neither_freezes_nor_frees_a_rate_limit)
{
    clock_set_source(wall_us, steady_us);
    edge_run(HEAD SERVICE "  routes:\n  - {name: tell, paths: [/tell]}\n"
                          "plugins:\n- name: rate-limiting\n  config: {minute: 2}\n",
             NULL, limited);
    clock_set_source(0, 0);
}
