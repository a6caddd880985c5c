/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of unary calls, in process and over the network: both must behave alike. */
#include "base/clock.h"
#include "base/status_testing.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "observe/metrics.h"
#include "rpc/client_call.h"
#include "tests/interop/loopback.h"

/* The test function, run on both channels. */
static void (*on_channel)(struct call *call, struct loopback *loopback,
                          struct rpc_channel *channel);

static void run_on_both(struct call *call, struct loopback *loopback)
{
    on_channel(call, loopback, loopback->local);
    on_channel(call, loopback, loopback->network);
}

static void on_both(void (*fn)(struct call *call, struct loopback *loopback,
                               struct rpc_channel *channel))
{
    on_channel = fn;
    loopback_run(NULL, run_on_both);
}

static struct status unary(struct call *call, struct rpc_channel *channel,
                           const Grpc__Testing__SimpleRequest *request,
                           const struct rpc_options *options,
                           Grpc__Testing__SimpleResponse **ret_response)
{
    return grpc_testing_test_service_unary_call_with(call, channel, request, options, ret_response);
}

/* ---- messages ---- */

static void small_call(struct call *call, struct loopback *loopback, struct rpc_channel *channel)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__SimpleResponse *response = NULL;

    request.response_size = 17;
    EXPECT_OK(unary(call, channel, &request, NULL, &response));
    EXPECT(response && response->payload && response->payload->body.len == 17);
}

TEST(unary_call_answers)
{
    on_both(small_call);
}

static void large_call(struct call *call, struct loopback *loopback, struct rpc_channel *channel)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__Payload payload = GRPC__TESTING__PAYLOAD__INIT;
    Grpc__Testing__SimpleResponse *response = NULL;

    payload.body.len = 1024 * 1024;
    payload.body.data = arena_calloc(call->arena, 1, payload.body.len);
    request.payload = &payload;
    request.response_size = 1024 * 1024 + 5;
    EXPECT_OK(unary(call, channel, &request, NULL, &response));
    EXPECT(response && response->payload->body.len == 1024 * 1024 + 5);
}

TEST(a_megabyte_each_way)
{
    on_both(large_call);
}

/* The limit holds for requests and responses alike, and no other limit is smaller. */
static void largest_messages(struct call *call, struct loopback *loopback)
{
    struct rpc_channel *channels[] = {loopback->local, loopback->network};
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__Payload payload = GRPC__TESTING__PAYLOAD__INIT;
    size_t size = 64 * 1024 * 1024 - 64;

    payload.body.len = size;
    payload.body.data = calloc(1, size);
    request.payload = &payload;
    request.response_size = (int32_t)size;
    for (int i = 0; i < 2; i++) {
        Grpc__Testing__SimpleResponse *response = NULL;
        struct call one;
        struct arena arena;
        call_init_child(&one, call, 0);
        arena_init(&arena, 0);
        one.arena = &arena;
        EXPECT_OK(unary(&one, channels[i], &request, NULL, &response));
        EXPECT(response && response->payload->body.len == size);
        arena_release(&arena);
    }
    free(payload.body.data);
}

TEST(messages_as_large_as_the_limit_pass)
{
    static const struct loopback_options options = {.message_size_max = 64 * 1024 * 1024};

    loopback_run(&options, largest_messages);
}

static void over_the_limit(struct call *call, struct loopback *loopback)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__Payload payload = GRPC__TESTING__PAYLOAD__INIT;
    Grpc__Testing__SimpleResponse *response = NULL;
    struct rpc_options gzip = {.gzip = true};
    struct status st;

    payload.body.len = 2000;
    payload.body.data = arena_calloc(call->arena, 1, payload.body.len);
    request.payload = &payload;
    st = unary(call, loopback->network, &request, NULL, &response);
    EXPECT(st.code == STATUS_RESOURCE_EXHAUSTED && st.reason == ARGOSY__REASON__BODY_TOO_LARGE);
    /* Small on the wire, but large when decompressed. */
    st = unary(call, loopback->network, &request, &gzip, &response);
    EXPECT(st.code == STATUS_RESOURCE_EXHAUSTED && st.reason == ARGOSY__REASON__BODY_TOO_LARGE);

    request.payload = NULL;
    request.response_size = 2000;
    st = unary(call, loopback->network, &request, NULL, &response);
    EXPECT(st.code == STATUS_RESOURCE_EXHAUSTED && st.reason == ARGOSY__REASON__RESPONSE_TOO_LARGE);
    request.response_size = 900;
    EXPECT_OK(unary(call, loopback->network, &request, NULL, &response));
}

TEST(messages_over_the_limit_are_refused)
{
    struct loopback_options options = {.message_size_max = 1000};

    loopback_run(&options, over_the_limit);
}

static void compressed(struct call *call, struct loopback *loopback)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__BoolValue yes = GRPC__TESTING__BOOL_VALUE__INIT;
    Grpc__Testing__SimpleResponse *response = NULL;
    struct rpc_options gzip = {.gzip = true};

    yes.value = true;
    request.response_size = 5000;
    request.expect_compressed = &yes;
    EXPECT(unary(call, loopback->network, &request, NULL, &response).code ==
           STATUS_INVALID_ARGUMENT);
    EXPECT_OK(unary(call, loopback->network, &request, &gzip, &response));
    EXPECT(response && response->payload->body.len == 5000);

    request.expect_compressed = NULL;
    request.response_compressed = &yes;
    EXPECT_OK(unary(call, loopback->network, &request, NULL, &response));
    EXPECT(response && response->payload->body.len == 5000);
}

TEST(gzip_both_ways)
{
    loopback_run(NULL, compressed);
}

static void raw_call(struct call *call, struct loopback *loopback, struct rpc_channel *channel)
{
    struct str response;
    struct status st;

    /* response_size 3: a payload (field 1) with three bytes of body (field 2) */
    EXPECT_OK(rpc_call_raw(call, channel, "/grpc.testing.TestService/UnaryCall", STR("\x10\x03"),
                           NULL, &response));
    EXPECT(str_equal(response, str_sized("\x0a\x05\x12\x03\0\0\0", 7)));

    st = rpc_call_raw(call, channel, "/grpc.testing.TestService/UnaryCall", STR("\x10"), NULL,
                      &response);
    EXPECT(st.code == STATUS_INVALID_ARGUMENT && st.reason == ARGOSY__REASON__MALFORMED_MESSAGE);
    st = rpc_call_raw(call, channel, "/grpc.testing.TestService/None", STR(""), NULL, &response);
    EXPECT(st.code == STATUS_UNIMPLEMENTED);
}

TEST(encoded_messages_by_path)
{
    on_both(raw_call);
}

/* ---- metadata ---- */

static void metadata(struct call *call, struct loopback *loopback, struct rpc_channel *channel)
{
    Grpc__Testing__Empty request = GRPC__TESTING__EMPTY__INIT, *response;
    struct http_headers sent = {0}, got = {0}, trailers = {0};
    struct rpc_options options = {
        .metadata = &sent, .ret_metadata = &got, .ret_trailers = &trailers};

    EXPECT_OK(http_headers_add(call->arena, &sent, STR("x-grpc-test-echo-initial"), STR("value")));
    EXPECT_OK(http_headers_add(call->arena, &sent, STR("x-grpc-test-echo-trailing-bin"),
                               STR("CgsKCwoL")));
    EXPECT_OK(
        grpc_testing_test_service_empty_call_with(call, channel, &request, &options, &response));
    EXPECT(str_is(http_headers_get(&got, "x-grpc-test-echo-initial"), "value"));
    EXPECT(str_is(http_headers_get(&trailers, "x-grpc-test-echo-trailing-bin"), "CgsKCwoL"));
    EXPECT(!http_headers_get(&got, "content-type").data);
    EXPECT(!http_headers_get(&trailers, "grpc-status").data);
}

TEST(metadata_in_both_directions)
{
    on_both(metadata);
}

static void reserved(struct call *call, struct loopback *loopback, struct rpc_channel *channel)
{
    const char *names[] = {"grpc-timeout", "content-type", "x-user-email", "x-fleet-signature",
                           "x-request-id"};
    Grpc__Testing__Empty request = GRPC__TESTING__EMPTY__INIT, *response;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct http_headers sent = {0};
        struct rpc_options options = {.metadata = &sent};
        EXPECT_OK(http_headers_add(call->arena, &sent, str_of(names[i]), STR("1S")));
        EXPECT(
            grpc_testing_test_service_empty_call_with(call, channel, &request, &options, &response)
                .code == STATUS_INVALID_ARGUMENT);
    }
}

TEST(reserved_names_are_refused)
{
    on_both(reserved);
}

/* ---- errors ---- */

static void statuses(struct call *call, struct loopback *loopback, struct rpc_channel *channel)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__EchoStatus wanted = GRPC__TESTING__ECHO_STATUS__INIT;
    Grpc__Testing__SimpleResponse *response;
    struct status st;

    request.response_status = &wanted;
    wanted.message = (char *)(uintptr_t) "\t\ntest ☺ 😈\t\n";
    wanted.code = STATUS_NOT_FOUND;
    st = unary(call, channel, &request, NULL, &response);
    EXPECT(st.code == STATUS_NOT_FOUND && strcmp(st.message, wanted.message) == 0);

    /* Internal messages must not reach the caller. */
    wanted.message = (char *)(uintptr_t) "secret path";
    wanted.code = STATUS_INTERNAL;
    st = unary(call, channel, &request, NULL, &response);
    EXPECT(st.code == STATUS_INTERNAL);
    EXPECT(strstr(st.message, "secret") == NULL);
    EXPECT(strstr(st.message, call->trace->request_id) != NULL);
}

TEST(errors_come_back)
{
    on_both(statuses);
}

static void unimplemented(struct call *call, struct loopback *loopback, struct rpc_channel *channel)
{
    Grpc__Testing__Empty request = GRPC__TESTING__EMPTY__INIT, *response;

    EXPECT(grpc_testing_test_service_unimplemented_call(call, channel, &request, &response).code ==
           STATUS_UNIMPLEMENTED);
}

TEST(a_missing_handler_is_unimplemented)
{
    on_both(unimplemented);
}

static void absent(struct call *call, struct loopback *loopback)
{
    Grpc__Testing__Empty request = GRPC__TESTING__EMPTY__INIT, *response;
    struct rpc_channel *nowhere, *closed;
    struct status st;

    st = grpc_testing_unimplemented_service_unimplemented_call(call, loopback->local, &request,
                                                               &response);
    EXPECT(st.code == STATUS_UNAVAILABLE && st.reason == ARGOSY__REASON__SERVICE_ABSENT);
    st = grpc_testing_unimplemented_service_unimplemented_call(call, loopback->network, &request,
                                                               &response);
    EXPECT(st.code == STATUS_UNIMPLEMENTED);

    EXPECT_OK(rpc_channel_new(&loopback->arena, loopback->shards, NULL, "inproc:", &nowhere));
    st = grpc_testing_test_service_empty_call(call, nowhere, &request, &response);
    EXPECT(st.code == STATUS_UNAVAILABLE && st.reason == ARGOSY__REASON__SERVICE_ABSENT);
    rpc_channel_free(nowhere);

    EXPECT_OK(
        rpc_channel_new(&loopback->arena, loopback->shards, NULL, "grpc://127.0.0.1:1", &closed));
    st = grpc_testing_test_service_empty_call(call, closed, &request, &response);
    EXPECT(st.code == STATUS_UNAVAILABLE && st.reason == ARGOSY__REASON__SERVICE_UNREACHABLE);
    rpc_channel_free(closed);
}

TEST(an_absent_service_is_unavailable)
{
    loopback_run(NULL, absent);
}

TEST(urls_are_checked)
{
    const char *bad[] = {"",          "inproc",        "http://a:1",  "grpc://",
                         "grpc://a",  "grpc://a:0",    "grpc://a:1,", "grpc://a:1,b",
                         "grpc://:1", "grpc://a:70000"};
    struct shards *shards = shards_new(1);
    struct rpc_channel *channel;
    struct arena arena;

    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct status st = rpc_channel_new(&arena, shards, NULL, bad[i], &channel);
        if (!failed(st)) printf("  %s\n", bad[i]);
        CHECK(st.code == STATUS_INVALID_ARGUMENT);
    }
    CHECK_OK(rpc_channel_new(&arena, shards, NULL, "grpc://a:1,[::1]:65535", &channel));
    rpc_channel_free(channel);
    shards_free(shards);
    arena_release(&arena);
}

/* ---- deadlines ---- */

static void deadlines(struct call *call, struct loopback *loopback, struct rpc_channel *channel)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__SimpleResponse *response;
    struct rpc_options options = {.timeout_ms = 5000};
    struct call limited;

    EXPECT_OK(unary(call, channel, &request, &options, &response));
    EXPECT(loopback->service.remaining_us > 4000000 && loopback->service.remaining_us <= 5000000);
    EXPECT_OK(unary(call, channel, &request, NULL, &response));
    EXPECT(loopback->service.remaining_us > 20000000 && loopback->service.remaining_us <= 30000000);
    call_init_child(&limited, call, 2000);
    EXPECT_OK(unary(&limited, channel, &request, &options, &response));
    EXPECT(loopback->service.remaining_us > 1000000 && loopback->service.remaining_us <= 2000000);

    limited.deadline_us = clock_monotonic_us() - 1;
    EXPECT(unary(&limited, channel, &request, NULL, &response).code == STATUS_DEADLINE_EXCEEDED);
}

TEST(deadlines_are_passed_on)
{
    on_both(deadlines);
}

/* grpc-go's server resets a call at its deadline, and the reset came before our own timer. */
static void reset_at_the_deadline(struct call *call, struct loopback *loopback)
{
    struct status reset = status_make(STATUS_CANCELLED, 0, "the peer cancelled the stream");
    struct call limited;

    call_init_child(&limited, call, 1000);
    EXPECT(client_call_failure(&limited, reset).code == STATUS_CANCELLED);
    limited.deadline_us = clock_monotonic_us() - 1;
    EXPECT(client_call_failure(&limited, reset).code == STATUS_DEADLINE_EXCEEDED);
    EXPECT(!failed(client_call_failure(&limited, status_ok())));
}

TEST(a_reset_at_the_deadline_is_the_deadline)
{
    loopback_run(NULL, reset_at_the_deadline);
}

/* ---- retries ---- */

static void retries(struct call *call, struct loopback *loopback)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    struct test_service *service = &loopback->service;
    Grpc__Testing__SimpleResponse *response;

    service->fail_unavailable = 2;
    EXPECT_OK(grpc_testing_test_service_cacheable_unary_call(call, loopback->network, &request,
                                                             &response));
    EXPECT(service->calls == 3);

    service->calls = 0;
    service->fail_unavailable = 3;
    EXPECT(
        grpc_testing_test_service_cacheable_unary_call(call, loopback->network, &request, &response)
            .code == STATUS_UNAVAILABLE);
    EXPECT(service->calls == 3);

    /* A method that is not marked idempotent may have taken effect before it failed, so it is not
     * retried. */
    service->calls = 0;
    service->fail_unavailable = 1;
    EXPECT(unary(call, loopback->network, &request, NULL, &response).code == STATUS_UNAVAILABLE);
    EXPECT(service->calls == 1);

    /* A service whose store is away has said all that there is to say. */
    service->calls = 0;
    service->fail_unavailable = 1;
    service->fail_reason = ARGOSY__REASON__STORE_UNREACHABLE;
    struct status st = grpc_testing_test_service_cacheable_unary_call(call, loopback->network,
                                                                      &request, &response);
    EXPECT(st.code == STATUS_UNAVAILABLE && st.reason == ARGOSY__REASON__STORE_UNREACHABLE);
    EXPECT(service->calls == 1);
}

TEST(only_idempotent_methods_are_retried)
{
    loopback_run(NULL, retries);
}

static void elsewhere(struct call *call, struct loopback *loopback)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__SimpleResponse *response;
    struct rpc_channel *both;
    const char *url = arena_printf(call->arena, "grpc://127.0.0.1:1,%s", loopback->address);

    EXPECT_OK(rpc_channel_new(&loopback->arena, loopback->shards, loopback->server, url, &both));
    for (int i = 0; i < 10; i++) EXPECT_OK(unary(call, both, &request, NULL, &response));
    EXPECT(loopback->service.calls == 10);
    rpc_channel_free(both);
}

TEST(an_address_that_is_down_is_skipped)
{
    loopback_run(NULL, elsewhere);
}

/* ---- many at once ---- */

enum { CALLERS = 200 };

static void one_of_many(struct call *call, void *data)
{
    struct loopback *loopback = data;
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__SimpleResponse *response = NULL;

    request.response_size = 3000;
    EXPECT_OK(unary(call, loopback->network, &request, NULL, &response));
    EXPECT(response && response->payload->body.len == 3000);
}

static void many(struct call *call, struct loopback *loopback)
{
    struct fiber_group group = {0};

    for (int i = 0; i < CALLERS; i++)
        EXPECT_OK(fiber_group_start(call, &group, one_of_many, loopback));
    fiber_group_wait(call, &group);
    EXPECT(loopback->service.calls == CALLERS);
}

TEST(many_calls_share_a_connection)
{
    loopback_run(NULL, many);
}

/* ---- what is counted ---- */

static void counted(struct call *call, struct loopback *loopback)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__SimpleResponse *response;
    struct buffer text;

    EXPECT_OK(unary(call, loopback->network, &request, NULL, &response));
    buffer_init(&text, 1 << 20);
    metrics_export(&text);
    buffer_append_byte(&text, 0);
    EXPECT(strstr(text.data, "argosy_rpc_finished_total{service=\"grpc.testing.TestService\","
                             "method=\"UnaryCall\",code=\"OK\"}") != NULL);
    EXPECT(strstr(text.data,
                  "argosy_rpc_duration_seconds_count{service=\"grpc.testing.TestService\","
                  "method=\"UnaryCall\"}") != NULL);
    buffer_release(&text);
}

TEST(calls_are_counted)
{
    loopback_run(NULL, counted);
}
