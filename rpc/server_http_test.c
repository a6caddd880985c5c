/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the server with malformed requests, and with false claims of identity. */
#include "base/clock.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "http/http_client.h"
#include "rpc/rpc_status.h"
#include "tests/interop/loopback.h"

#define UNARY_CALL "/grpc.testing.TestService/UnaryCall"

/* A request in parts; the defaults make a valid empty call. */
struct attempt {
    const char *method, *path, *type;
    struct http_header extra[8];
    struct str body;
};

struct answer {
    int http_status;
    struct status st;
    struct http_headers headers;
    struct str body;
};

static const char *or_else(const char *text, const char *fallback)
{
    return text ? text : fallback;
}

static struct http_request request_of(struct call *call, const struct attempt *attempt)
{
    struct http_request request = {.version = HTTP_2, .scheme = STR("http")};

    request.method = str_of(or_else(attempt->method, "POST"));
    request.path = request.target = str_of(or_else(attempt->path, UNARY_CALL));
    request.authority = STR("test");
    EXPECT(!failed(http_headers_add(call->arena, &request.headers, STR("content-type"),
                                    str_of(or_else(attempt->type, "application/grpc")))));
    for (int i = 0; attempt->extra[i].name.data; i++)
        EXPECT(!failed(http_headers_add(call->arena, &request.headers, attempt->extra[i].name,
                                        attempt->extra[i].value)));
    return request;
}

static struct status read_answer(struct call *call, struct http_exchange *exchange,
                                 struct answer *answer)
{
    const struct http_headers *headers;
    struct status st;

    st = http_read_head(call, exchange, &answer->http_status, &headers);
    if (!failed(st)) st = http_read_body(call, exchange, 1 << 20, &answer->body);
    if (failed(st)) return st;
    answer->headers = *headers;
    if (!rpc_status_read(call->arena, headers, &answer->st) && http_trailers(exchange))
        (void)rpc_status_read(call->arena, http_trailers(exchange), &answer->st);
    return st;
}

static void perform_over(struct call *call, struct http_client *client,
                         const struct attempt *attempt, struct answer *ret_answer)
{
    static const char empty_message[] = {0, 0, 0, 0, 0};
    struct http_request request = request_of(call, attempt);
    struct str body = attempt->body.data ? attempt->body : str_sized(empty_message, 5);
    struct http_exchange *exchange;
    struct answer answer = {0};

    answer.st = http_client_open(call, client, &request, false, &exchange);
    EXPECT(!failed(answer.st));
    if (!failed(answer.st)) {
        EXPECT(body.length == 0 || !failed(http_write(call, exchange, body)));
        http_finish(call, exchange, NULL);
        EXPECT(!failed(read_answer(call, exchange, &answer)));
        http_client_close(exchange);
    }
    *ret_answer = answer;
}

static void perform(struct call *call, struct loopback *loopback, const struct attempt *attempt,
                    struct answer *ret_answer)
{
    struct http_client *client = http_client_new(call->shard, loopback->address);

    perform_over(call, client, attempt, ret_answer);
    http_client_free(client);
}

/* The gRPC status of an attempt, which HTTP must carry with a 200. */
static struct status try(struct call *call, struct loopback *loopback, struct attempt attempt)
{
    struct answer answer;

    perform(call, loopback, &attempt, &answer);
    EXPECT(answer.http_status == 200);
    return answer.st;
}

#define HEADER(name, value)         \
    {                               \
        {(name), sizeof(name) - 1}, \
        {                           \
            (value), strlen(value)  \
        }                           \
    }

/* ---- a connection in memory ---- */

static void in_memory(struct call *call, struct loopback *loopback)
{
    struct attempt attempt = {0};
    struct stream *ends[2];
    struct http_client *client;
    struct answer answer;

    stream_pair(call->shard, ends);
    http_server_accept(loopback->http, ends[0]);
    client = http_client_over(call->shard, ends[1]);
    for (int i = 1; i <= 3; i++) {
        perform_over(call, client, &attempt, &answer);
        EXPECT(answer.http_status == 200 && !failed(answer.st));
        EXPECT(answer.body.length == 7); /* a payload without bytes, and its frame's head */
        EXPECT(loopback->service.calls == i);
    }
    http_client_free(client);
}

TEST(serves_a_connection_in_memory)
{
    loopback_run(NULL, in_memory);
}

/* ---- requests that are not gRPC ---- */

static void no_grpc(struct call *call, struct loopback *loopback)
{
    const struct attempt attempts[] = {
        {.type = "application/json"},
        {.type = "application/grpc-web"},
        {.type = "application/grpc+json"},
        {.type = "text/plain"},
        {.method = "PUT"},
        {.method = "GET"},
    };
    struct answer answer;

    for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
        perform(call, loopback, &attempts[i], &answer);
        EXPECT(answer.http_status == (attempts[i].method ? 405 : 415));
    }
    EXPECT(!failed(try(call, loopback, (struct attempt){.type = "application/grpc+proto"})));
    EXPECT(
        !failed(try(call, loopback, (struct attempt){.type = "application/grpc;charset=utf-8"})));
}

TEST(other_requests_are_415_or_405)
{
    loopback_run(NULL, no_grpc);
}

static void paths(struct call *call, struct loopback *loopback)
{
    const char *unknown[] = {"/",
                             "/grpc.testing.TestService",
                             "/grpc.testing.TestService/",
                             "/grpc.testing.TestService/unarycall",
                             "//UnaryCall",
                             "/grpc.testing.TestService/UnaryCall/"};

    for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
        EXPECT(try(call, loopback, (struct attempt){.path = unknown[i]}).code ==
               STATUS_UNIMPLEMENTED);
}

TEST(unknown_paths_are_unimplemented)
{
    loopback_run(NULL, paths);
}

/* ---- frames ---- */

static void frames(struct call *call, struct loopback *loopback)
{
    static const struct {
        struct str body;
        enum status_code code;
        int reason;
    } cases[] = {
        {{"\0\0\0\0", 4}, STATUS_INTERNAL, 0},
        {{"\0\0\0\0\5ab", 7}, STATUS_INTERNAL, 0},
        {{"\2\0\0\0\0", 5}, STATUS_INTERNAL, 0},
        {{"\1\0\0\0\1x", 6}, STATUS_INTERNAL, 0},
        {{"\0\377\377\377\377", 5}, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__BODY_TOO_LARGE},
        {{"\0\0\0\0\1\20", 6}, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MALFORMED_MESSAGE},
        {{"\0\0\0\0\0\0\0\0\0\0", 10}, STATUS_UNIMPLEMENTED, 0},
        {{"", 0}, STATUS_UNIMPLEMENTED, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct status st = try(call, loopback, (struct attempt){.body = cases[i].body});
        if (st.code != cases[i].code) printf("  case %zu: %s\n", i, status_code_name(st.code));
        EXPECT(st.code == cases[i].code && st.reason == cases[i].reason);
        if (i < 7) /* a client's stream ends in the middle of a message, or with a malformed one */
            EXPECT(
                failed(try(call, loopback,
                           (struct attempt){.path = "/grpc.testing.TestService/StreamingInputCall",
                                            .body = cases[i].body})) == (i != 6));
    }
    EXPECT(!failed(try(call, loopback, (struct attempt){0}))); /* and the server continues to
                                                                * serve */
}

TEST(broken_frames_end_their_call_only)
{
    loopback_run(NULL, frames);
}

/* ---- headers ---- */

static void encodings(struct call *call, struct loopback *loopback)
{
    struct attempt attempt = {.extra = {HEADER("grpc-encoding", "snappy")}};
    struct answer answer;

    perform(call, loopback, &attempt, &answer);
    EXPECT(answer.st.code == STATUS_UNIMPLEMENTED);
    EXPECT(str_is(http_headers_get(&answer.headers, "grpc-accept-encoding"), "identity,gzip"));
    attempt.extra[0] = (struct http_header)HEADER("grpc-encoding", "identity");
    EXPECT(!failed(try(call, loopback, attempt)));
}

TEST(an_unknown_encoding_is_named_and_refused)
{
    loopback_run(NULL, encodings);
}

static void timeouts(struct call *call, struct loopback *loopback)
{
    struct attempt attempt = {.extra = {HEADER("grpc-timeout", "soon")}};
    const char *path = "/grpc.testing.TestService/StreamingOutputCall";
    /* one message of no bytes after ten seconds: response_parameters {interval_us: 10000000} */
    struct str sleepy = {"\0\0\0\0\7\22\5\20\200\255\342\4", 12};
    int64_t start_us;

    EXPECT(try(call, loopback, attempt).code == STATUS_INVALID_ARGUMENT);
    attempt.extra[0] = (struct http_header)HEADER("grpc-timeout", "5S");
    EXPECT(!failed(try(call, loopback, attempt)));
    EXPECT(loopback->service.remaining_us > 4000000 && loopback->service.remaining_us <= 5000000);
    attempt.extra[0] = (struct http_header)HEADER("grpc-timeout", "99999999H");
    EXPECT(!failed(try(call, loopback, attempt)));
    EXPECT(loopback->service.remaining_us <= (int64_t)3600 * 1000000);

    start_us = clock_monotonic_us();
    attempt = (struct attempt){
        .path = path, .body = sleepy, .extra = {HEADER("grpc-timeout", "50m")}};
    EXPECT(try(call, loopback, attempt).code == STATUS_DEADLINE_EXCEEDED);
    EXPECT(clock_monotonic_us() - start_us < 5000000);
    EXPECT(!failed(try(call, loopback, (struct attempt){0})));
    EXPECT(loopback->service.remaining_us > 55000000 && loopback->service.remaining_us <= 60000000);
}

TEST(grpc_timeout_is_the_deadline)
{
    loopback_run(NULL, timeouts);
}

/* ---- identity ---- */

static void forged(struct call *call, struct loopback *loopback)
{
    struct attempt attempt = {
        .extra = {HEADER("x-user-email", "eve@example.com"), HEADER("x-user-role", "admin"),
                  HEADER("x-client-ip", "10.1.2.3"),
                  HEADER("x-fleet-signature",
                         "v1.1790000000000.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")}};

    EXPECT(!failed(try(call, loopback, attempt)));
    EXPECT(loopback->service.calls == 1);
    EXPECT(*loopback->service.email == 0 && *loopback->service.role == 0);
    EXPECT(!loopback->service.is_peer);
    EXPECT(strcmp(loopback->service.peer, "127.0.0.1") == 0);
}

TEST(unsigned_identity_is_dropped)
{
    loopback_run(NULL, forged);
}

TEST(identity_is_dropped_by_a_server_without_a_key)
{
    struct loopback_options options = {.no_identity = true};

    loopback_run(&options, forged);
}

static void signed_at(struct call *call, struct loopback *loopback, int64_t at_ms)
{
    struct http_headers headers = {0};
    struct attempt attempt = {0};

    EXPECT(!failed(
        http_headers_add(call->arena, &headers, STR("x-user-email"), STR("ann@example.com"))));
    EXPECT(!failed(http_headers_add(call->arena, &headers, STR("x-user-role"), STR("seller"))));
    EXPECT(!failed(http_headers_add(call->arena, &headers, STR("x-client-ip"), STR("10.1.2.3"))));
    EXPECT(!failed(
        rpc_identity_sign(call->arena, &loopback->identity, STR(UNARY_CALL), at_ms, &headers)));
    memcpy(attempt.extra, headers.items, headers.count * sizeof(*headers.items));
    EXPECT(!failed(try(call, loopback, attempt)));
}

static void replayed(struct call *call, struct loopback *loopback)
{
    int64_t now_ms = clock_now_us() / 1000;

    signed_at(call, loopback, now_ms);
    EXPECT(strcmp(loopback->service.email, "ann@example.com") == 0);
    EXPECT(strcmp(loopback->service.role, "seller") == 0);
    EXPECT(strcmp(loopback->service.peer, "10.1.2.3") == 0);
    EXPECT(loopback->service.is_peer);
    signed_at(call, loopback, now_ms - 61000);
    EXPECT(*loopback->service.email == 0 && !loopback->service.is_peer);
}

TEST(a_signature_older_than_a_minute_proves_nothing)
{
    loopback_run(NULL, replayed);
}

static void trusted(struct call *call, struct loopback *loopback)
{
    struct attempt attempt = {.extra = {HEADER("x-user-email", "bob@example.com")}};

    EXPECT(!failed(try(call, loopback, attempt)));
    EXPECT(strcmp(loopback->service.email, "bob@example.com") == 0);
    EXPECT(loopback->service.is_peer);
}

TEST(every_peer_is_trusted_where_that_is_set)
{
    struct loopback_options options = {.trust_everyone = true};

    loopback_run(&options, trusted);
}

/* Like the gateway, calls on behalf of a user; both channels must pass on the same identity. */
static void on_behalf(struct call *call, struct loopback *loopback)
{
    struct rpc_channel *channels[] = {loopback->local, loopback->network};
    struct user user = {"ann@example.com", "customer", "phone"};
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__SimpleResponse *response;
    struct http_headers metadata = {0}, got = {0};
    struct rpc_options options = {.ret_metadata = &got};

    EXPECT(!failed(
        http_headers_add(call->arena, &metadata, STR("x-grpc-test-echo-initial"), STR("mine"))));
    rpc_scope_new(call, &user, &metadata, "10.9.8.7");
    for (int i = 0; i < 2; i++) {
        got.count = 0;
        EXPECT(!failed(grpc_testing_test_service_unary_call_with(call, channels[i], &request,
                                                                 &options, &response)));
        EXPECT(strcmp(loopback->service.email, "ann@example.com") == 0);
        EXPECT(strcmp(loopback->service.role, "customer") == 0);
        EXPECT(strcmp(loopback->service.peer, "10.9.8.7") == 0);
        EXPECT(loopback->service.is_peer);
        EXPECT(str_is(http_headers_get(&got, "x-grpc-test-echo-initial"), "mine"));
    }
    rpc_scope_new(call, NULL, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        EXPECT(
            !failed(grpc_testing_test_service_unary_call(call, channels[i], &request, &response)));
        EXPECT(*loopback->service.email == 0 && loopback->service.is_peer);
    }
}

TEST(a_caller_acts_for_its_user)
{
    loopback_run(NULL, on_behalf);
}

/* ---- cancellation ---- */

static void reset(struct call *call, struct loopback *loopback)
{
    struct http_client *client = http_client_new(call->shard, loopback->address);
    struct http_request request = {.version = HTTP_2, .scheme = STR("http"), .method = STR("POST")};
    struct str sleepy = {"\0\0\0\0\7\22\5\20\200\255\342\4", 12};
    struct http_exchange *exchange;

    request.path = request.target = STR("/grpc.testing.TestService/StreamingOutputCall");
    request.authority = str_of(loopback->address);
    EXPECT(!failed(http_headers_add(call->arena, &request.headers, STR("content-type"),
                                    STR("application/grpc"))));
    EXPECT(!failed(http_client_open(call, client, &request, false, &exchange)));
    EXPECT(!failed(http_write(call, exchange, sleepy)));
    http_finish(call, exchange, NULL);
    EXPECT(!failed(fiber_sleep(call, 50000)));
    http_abort(exchange, 8);
    http_client_close(exchange);
    for (int i = 0; i < 200 && loopback->service.cancelled == 0; i++)
        EXPECT(!failed(fiber_sleep(call, 5000)));
    EXPECT(loopback->service.cancelled == 1);
    http_client_free(client);
}

TEST(a_reset_cancels_the_handler)
{
    loopback_run(NULL, reset);
}
