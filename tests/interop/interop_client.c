/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the conformance cases of gRPC against a server (grpc/doc/interop-test-descriptions.md):
 *
 *     interop_client ADDRESS CASE...      "ok CASE" or "FAILED CASE: why" for each; exit 1 if any
 * failed interop_client --list               the names of the cases */
#include <stdio.h>

#include "fiber/fiber.h"
#include "grpc/testing/test.rpc.h"

typedef Grpc__Testing__SimpleRequest SimpleRequest;
typedef Grpc__Testing__SimpleResponse SimpleResponse;
typedef Grpc__Testing__StreamingInputCallRequest InputRequest;
typedef Grpc__Testing__StreamingInputCallResponse InputResponse;
typedef Grpc__Testing__StreamingOutputCallRequest OutputRequest;
typedef Grpc__Testing__StreamingOutputCallResponse OutputResponse;

enum {
    LARGE_REQUEST = 271828,
    LARGE_RESPONSE = 314159,
    STREAM_LENGTH = 4,
    CASE_TIMEOUT_MS = 20000
};

static const int request_sizes[STREAM_LENGTH] = {27182, 8, 1828, 45904};
static const int response_sizes[STREAM_LENGTH] = {31415, 9, 2653, 58979};

/* ---- helpers of the cases ---- */

static struct status wrong(const char *what)
{
    return status_make(STATUS_DATA_LOSS, 0, what);
}

/* OK if `st` is the failure that the case expects. */
static struct status expect(struct status st, enum status_code code, const char *message)
{
    if (st.code != code) return failed(st) ? st : wrong("the call succeeded");
    if (message && strcmp(st.message, message) != 0)
        return wrong("the status has a different message");
    return status_ok();
}

static Grpc__Testing__Payload *payload_of(const struct call *call, int size)
{
    Grpc__Testing__Payload *payload = arena_alloc(call->arena, sizeof(*payload));

    grpc__testing__payload__init(payload);
    payload->body.len = (size_t)size;
    payload->body.data = arena_calloc(call->arena, 1, (size_t)size);
    return payload;
}

static Grpc__Testing__BoolValue *flag(const struct call *call, bool value)
{
    Grpc__Testing__BoolValue *wrapped = arena_alloc(call->arena, sizeof(*wrapped));

    grpc__testing__bool_value__init(wrapped);
    wrapped->value = value;
    return wrapped;
}

/* A request for messages of these sizes. */
static OutputRequest *ask(const struct call *call, const int *sizes, int count)
{
    OutputRequest *request = arena_alloc(call->arena, sizeof(*request));

    grpc__testing__streaming_output_call_request__init(request);
    request->response_parameters = arena_array(call->arena, Grpc__Testing__ResponseParameters *,
                                               (size_t)count);
    for (int i = 0; i < count; i++) {
        Grpc__Testing__ResponseParameters *parameters = arena_alloc(call->arena,
                                                                    sizeof(*parameters));
        grpc__testing__response_parameters__init(parameters);
        parameters->size = sizes[i];
        request->response_parameters[request->n_response_parameters++] = parameters;
    }
    return request;
}

static struct status check_payload(const Grpc__Testing__Payload *payload, int size)
{
    if (!payload) return wrong("there is no payload");
    if (payload->body.len != (size_t)size) return wrong("the payload has the wrong size");
    for (size_t i = 0; i < payload->body.len; i++)
        if (payload->body.data[i] != 0) return wrong("the payload is not of zeros");
    return status_ok();
}

static struct status receive_sized(struct call *call, struct rpc_stream *stream, int size)
{
    ProtobufCMessage *message;
    struct status st;

    st = rpc_receive(call, stream, &message);
    if (failed(st)) return st;
    if (!message) {
        st = rpc_stream_finish(call, stream);
        return failed(st) ? st : wrong("the stream ended early");
    }
    return check_payload(((OutputResponse *)message)->payload, size);
}

/* Checks that the stream has ended and returns its status. */
static struct status receive_end(struct call *call, struct rpc_stream *stream)
{
    ProtobufCMessage *message;
    struct status st;

    st = rpc_receive(call, stream, &message);
    if (!failed(st) && message) return wrong("there is one message too many");
    return rpc_stream_finish(call, stream);
}

static struct status open_duplex(struct call *call, struct rpc_channel *channel,
                                 const struct rpc_options *options, struct rpc_stream **ret_stream)
{
    return grpc_testing_test_service_full_duplex_call_open(call, channel, options, ret_stream);
}

/* ---- unary ---- */

static struct status empty_unary(struct call *call, struct rpc_channel *channel)
{
    Grpc__Testing__Empty request = GRPC__TESTING__EMPTY__INIT, *response;

    return grpc_testing_test_service_empty_call(call, channel, &request, &response);
}

static struct status large_unary(struct call *call, struct rpc_channel *channel)
{
    SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    SimpleResponse *response;
    struct status st;

    request.response_size = LARGE_RESPONSE;
    request.payload = payload_of(call, LARGE_REQUEST);
    st = grpc_testing_test_service_unary_call(call, channel, &request, &response);
    return failed(st) ? st : check_payload(response->payload, LARGE_RESPONSE);
}

static struct status client_compressed_unary(struct call *call, struct rpc_channel *channel)
{
    SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    struct rpc_options gzip = {.gzip = true};
    SimpleResponse *response;
    struct status st;

    request.response_size = LARGE_RESPONSE;
    request.payload = payload_of(call, LARGE_REQUEST);
    request.expect_compressed = flag(call, true);
    st = expect(grpc_testing_test_service_unary_call(call, channel, &request, &response),
                STATUS_INVALID_ARGUMENT, NULL);
    if (failed(st)) return st;
    st = grpc_testing_test_service_unary_call_with(call, channel, &request, &gzip, &response);
    if (!failed(st)) st = check_payload(response->payload, LARGE_RESPONSE);
    if (failed(st)) return st;
    request.expect_compressed = flag(call, false);
    st = grpc_testing_test_service_unary_call(call, channel, &request, &response);
    return failed(st) ? st : check_payload(response->payload, LARGE_RESPONSE);
}

/* As a stream, because that shows whether its message was compressed. */
static struct status unary_that_is_compressed(struct call *call, struct rpc_channel *channel,
                                              bool compressed)
{
    SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    ProtobufCMessage *message;
    struct rpc_stream *stream;
    struct status st;

    request.response_size = LARGE_RESPONSE;
    request.payload = payload_of(call, LARGE_REQUEST);
    request.response_compressed = flag(call, compressed);
    st = rpc_stream_open(call, channel, &grpc_testing_test_service_rpc.methods[1], NULL, &stream);
    if (!failed(st)) st = rpc_send(call, stream, &request.base);
    if (!failed(st)) st = rpc_send_end(call, stream);
    if (!failed(st)) st = rpc_receive(call, stream, &message);
    if (failed(st)) return st;
    if (!message) return wrong("there is no answer");
    if (rpc_received_gzip(stream) != compressed) return wrong("compression is not as requested");
    st = check_payload(((SimpleResponse *)message)->payload, LARGE_RESPONSE);
    return failed(st) ? st : receive_end(call, stream);
}

static struct status server_compressed_unary(struct call *call, struct rpc_channel *channel)
{
    struct status st;

    st = unary_that_is_compressed(call, channel, true);
    return failed(st) ? st : unary_that_is_compressed(call, channel, false);
}

/* ---- streams ---- */

static struct status send_payload(struct call *call, struct rpc_stream *stream, int size,
                                  Grpc__Testing__BoolValue *expect_compressed)
{
    InputRequest request = GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;

    request.payload = payload_of(call, size);
    request.expect_compressed = expect_compressed;
    return grpc_testing_test_service_streaming_input_call_send(call, stream, &request);
}

static struct status receive_sum(struct call *call, struct rpc_stream *stream, int sum)
{
    InputResponse *response;
    struct status st;

    st = rpc_send_end(call, stream);
    if (!failed(st))
        st = grpc_testing_test_service_streaming_input_call_receive(call, stream, &response);
    if (failed(st)) return st;
    if (!response) {
        st = rpc_stream_finish(call, stream);
        return failed(st) ? st : wrong("there is no answer");
    }
    if (response->aggregated_payload_size != sum) return wrong("the sum is wrong");
    return receive_end(call, stream);
}

static struct status client_streaming(struct call *call, struct rpc_channel *channel)
{
    struct rpc_stream *stream;
    struct status st;

    st = grpc_testing_test_service_streaming_input_call_open(call, channel, NULL, &stream);
    for (int i = 0; i < STREAM_LENGTH && !failed(st); i++)
        st = send_payload(call, stream, request_sizes[i], NULL);
    return failed(st) ? st : receive_sum(call, stream, 74922);
}

static struct status client_compressed_streaming(struct call *call, struct rpc_channel *channel)
{
    struct rpc_options gzip = {.gzip = true};
    struct rpc_stream *stream;
    struct status st;

    /* A message that should be compressed but is not must end the call. */
    st = grpc_testing_test_service_streaming_input_call_open(call, channel, NULL, &stream);
    if (!failed(st)) st = send_payload(call, stream, request_sizes[0], flag(call, true));
    if (failed(st)) return st;
    st = expect(receive_sum(call, stream, 0), STATUS_INVALID_ARGUMENT, NULL);
    if (failed(st)) return st;

    st = grpc_testing_test_service_streaming_input_call_open(call, channel, &gzip, &stream);
    if (!failed(st)) st = send_payload(call, stream, 27182, flag(call, true));
    if (failed(st)) return st;
    rpc_stream_gzip(stream, false);
    st = send_payload(call, stream, 45904, flag(call, false));
    return failed(st) ? st : receive_sum(call, stream, 73086);
}

static struct status server_streaming(struct call *call, struct rpc_channel *channel)
{
    struct rpc_stream *stream;
    struct status st;

    st = grpc_testing_test_service_streaming_output_call_open(
        call, channel, ask(call, response_sizes, STREAM_LENGTH), NULL, &stream);
    for (int i = 0; i < STREAM_LENGTH && !failed(st); i++)
        st = receive_sized(call, stream, response_sizes[i]);
    return failed(st) ? st : receive_end(call, stream);
}

static struct status server_compressed_streaming(struct call *call, struct rpc_channel *channel)
{
    static const int sizes[] = {31415, 92653};
    OutputRequest *request = ask(call, sizes, 2);
    struct rpc_stream *stream;
    struct status st;

    request->response_parameters[0]->compressed = flag(call, true);
    request->response_parameters[1]->compressed = flag(call, false);
    st = grpc_testing_test_service_streaming_output_call_open(call, channel, request, NULL,
                                                              &stream);
    for (int i = 0; i < 2 && !failed(st); i++) {
        st = receive_sized(call, stream, sizes[i]);
        if (!failed(st) && rpc_received_gzip(stream) != (i == 0))
            return wrong("compression is not as requested");
    }
    return failed(st) ? st : receive_end(call, stream);
}

static struct status ping_pong(struct call *call, struct rpc_channel *channel)
{
    struct rpc_stream *stream;
    struct status st;

    st = open_duplex(call, channel, NULL, &stream);
    for (int i = 0; i < STREAM_LENGTH && !failed(st); i++) {
        OutputRequest *request = ask(call, &response_sizes[i], 1);
        request->payload = payload_of(call, request_sizes[i]);
        st = rpc_send(call, stream, &request->base);
        if (!failed(st)) st = receive_sized(call, stream, response_sizes[i]);
    }
    if (!failed(st)) st = rpc_send_end(call, stream);
    return failed(st) ? st : receive_end(call, stream);
}

static struct status empty_stream(struct call *call, struct rpc_channel *channel)
{
    struct rpc_stream *stream;
    struct status st;

    st = open_duplex(call, channel, NULL, &stream);
    if (!failed(st)) st = rpc_send_end(call, stream);
    return failed(st) ? st : receive_end(call, stream);
}

/* ---- metadata and statuses ---- */

#define ECHO_INITIAL "x-grpc-test-echo-initial"
#define ECHO_TRAILING "x-grpc-test-echo-trailing-bin"

static struct status check_echo(const struct http_headers *metadata,
                                const struct http_headers *trailers)
{
    struct str trailing = http_headers_get(trailers, ECHO_TRAILING);

    if (!str_is(http_headers_get(metadata, ECHO_INITIAL), "test_initial_metadata_value"))
        return wrong("the initial metadata did not come back");
    return str_is(trailing, "CgsKCwoL") ? status_ok()
                                        : wrong("the trailing metadata did not come back");
}

static struct status custom_metadata(struct call *call, struct rpc_channel *channel)
{
    struct http_headers sent = {0}, metadata = {0}, trailers = {0}, stream_trailers = {0};
    struct rpc_options options = {
        .metadata = &sent, .ret_metadata = &metadata, .ret_trailers = &trailers};
    SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    const struct http_headers *head;
    SimpleResponse *response;
    struct rpc_stream *stream;
    static const int one = 1;
    struct status st;

    st = http_headers_add(call->arena, &sent, STR(ECHO_INITIAL),
                          STR("test_initial_metadata_value"));
    if (!failed(st)) st = http_headers_add(call->arena, &sent, STR(ECHO_TRAILING), STR("CgsKCwoL"));
    request.response_size = 1;
    request.payload = payload_of(call, 1);
    if (!failed(st))
        st = grpc_testing_test_service_unary_call_with(call, channel, &request, &options,
                                                       &response);
    if (!failed(st)) st = check_echo(&metadata, &trailers);
    if (failed(st)) return st;

    options.ret_metadata = NULL;
    options.ret_trailers = &stream_trailers;
    st = open_duplex(call, channel, &options, &stream);
    if (!failed(st)) st = rpc_send(call, stream, &ask(call, &one, 1)->base);
    if (!failed(st)) st = rpc_stream_head(call, stream, &head);
    if (!failed(st)) st = receive_sized(call, stream, 1);
    if (!failed(st)) st = rpc_send_end(call, stream);
    if (!failed(st)) st = receive_end(call, stream);
    return failed(st) ? st : check_echo(head, &stream_trailers);
}

static Grpc__Testing__EchoStatus *wanted(const struct call *call, const char *message)
{
    Grpc__Testing__EchoStatus *status = arena_alloc(call->arena, sizeof(*status));

    grpc__testing__echo_status__init(status);
    status->code = STATUS_UNKNOWN;
    status->message = (char *)(uintptr_t)message;
    return status;
}

static struct status unary_status(struct call *call, struct rpc_channel *channel,
                                  const char *message)
{
    SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    SimpleResponse *response;

    request.response_status = wanted(call, message);
    return expect(grpc_testing_test_service_unary_call(call, channel, &request, &response),
                  STATUS_UNKNOWN, message);
}

static struct status status_code_and_message(struct call *call, struct rpc_channel *channel)
{
    static const char message[] = "test status message";
    OutputRequest *request = ask(call, NULL, 0);
    struct rpc_stream *stream;
    struct status st;

    st = unary_status(call, channel, message);
    if (failed(st)) return st;
    request->response_status = wanted(call, message);
    st = open_duplex(call, channel, NULL, &stream);
    if (!failed(st)) st = rpc_send(call, stream, &request->base);
    if (!failed(st)) st = rpc_send_end(call, stream);
    if (failed(st)) return st;
    return expect(receive_end(call, stream), STATUS_UNKNOWN, message);
}

static struct status special_status_message(struct call *call, struct rpc_channel *channel)
{
    return unary_status(call, channel,
                        "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n");
}

static struct status unimplemented_method(struct call *call, struct rpc_channel *channel)
{
    Grpc__Testing__Empty request = GRPC__TESTING__EMPTY__INIT, *response;

    return expect(grpc_testing_test_service_unimplemented_call(call, channel, &request, &response),
                  STATUS_UNIMPLEMENTED, NULL);
}

static struct status unimplemented_service(struct call *call, struct rpc_channel *channel)
{
    Grpc__Testing__Empty request = GRPC__TESTING__EMPTY__INIT, *response;

    return expect(
        grpc_testing_unimplemented_service_unimplemented_call(call, channel, &request, &response),
        STATUS_UNIMPLEMENTED, NULL);
}

/* ---- cancellation and deadlines ---- */

static struct status cancel_after_begin(struct call *call, struct rpc_channel *channel)
{
    struct rpc_stream *stream;
    struct status st;

    st = grpc_testing_test_service_streaming_input_call_open(call, channel, NULL, &stream);
    if (failed(st)) return st;
    rpc_stream_cancel(stream);
    return expect(rpc_stream_finish(call, stream), STATUS_CANCELLED, NULL);
}

static struct status cancel_after_first_response(struct call *call, struct rpc_channel *channel)
{
    OutputRequest *request = ask(call, response_sizes, 1);
    struct rpc_stream *stream;
    ProtobufCMessage *message;
    struct status st;

    request->payload = payload_of(call, request_sizes[0]);
    st = open_duplex(call, channel, NULL, &stream);
    if (!failed(st)) st = rpc_send(call, stream, &request->base);
    if (!failed(st)) st = receive_sized(call, stream, response_sizes[0]);
    if (failed(st)) return st;
    rpc_stream_cancel(stream);
    st = expect(rpc_receive(call, stream, &message), STATUS_CANCELLED, NULL);
    return failed(st) ? st : expect(rpc_stream_finish(call, stream), STATUS_CANCELLED, NULL);
}

static struct status timeout_on_sleeping_server(struct call *call, struct rpc_channel *channel)
{
    OutputRequest *request = ask(call, NULL, 0);
    struct rpc_options options = {.timeout_ms = 1};
    struct rpc_stream *stream;
    struct status st;

    request->payload = payload_of(call, 27182);
    st = open_duplex(call, channel, &options, &stream);
    if (failed(st)) return expect(st, STATUS_DEADLINE_EXCEEDED, NULL);
    /* The server may end the stream before this; only its final status matters. */
    struct status sent = rpc_send(call, stream, &request->base);
    (void)sent;
    return expect(receive_end(call, stream), STATUS_DEADLINE_EXCEEDED, NULL);
}

/* ---- running the cases ---- */

static const struct {
    const char *name;
    struct status (*run)(struct call *call, struct rpc_channel *channel);
} cases[] = {
#define CASE(name)  \
    {               \
#name, name \
    }
    CASE(empty_unary),
    CASE(large_unary),
    CASE(client_compressed_unary),
    CASE(server_compressed_unary),
    CASE(client_streaming),
    CASE(client_compressed_streaming),
    CASE(server_streaming),
    CASE(server_compressed_streaming),
    CASE(ping_pong),
    CASE(empty_stream),
    CASE(custom_metadata),
    CASE(status_code_and_message),
    CASE(special_status_message),
    CASE(unimplemented_method),
    CASE(unimplemented_service),
    CASE(cancel_after_begin),
    CASE(cancel_after_first_response),
    CASE(timeout_on_sleeping_server),
#undef CASE
};

enum { CASE_COUNT = sizeof(cases) / sizeof(*cases) };

struct job {
    struct shards *shards;
    struct rpc_channel *channel;
    char **names; /* ended by NULL */
    int failures;
};

static struct status run_case(struct call *call, struct rpc_channel *channel, const char *name)
{
    struct call limited;

    call_init_child(&limited, call, CASE_TIMEOUT_MS);
    for (int i = 0; i < CASE_COUNT; i++)
        if (strcmp(cases[i].name, name) == 0) return cases[i].run(&limited, channel);
    return wrong("there is no such case");
}

static void run(struct call *call, void *data)
{
    struct job *job = data;

    for (char **name = job->names; *name; name++) {
        struct status st = run_case(call, job->channel, *name);
        if (failed(st)) {
            printf("FAILED %s: %s: %s\n", *name, status_code_name(st.code), st.message);
            job->failures++;
        } else {
            printf("ok %s\n", *name);
        }
    }
    shards_stop(job->shards);
}

int main(int argc, char **argv)
{
    struct job job = {0};
    struct arena arena;
    struct status st;

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (int i = 0; i < CASE_COUNT; i++) puts(cases[i].name);
        return 0;
    }
    if (argc < 3) {
        fprintf(stderr, "usage: interop_client ADDRESS CASE...\n");
        return 2;
    }
    arena_init(&arena, 0);
    job.shards = shards_new(1);
    job.names = argv + 2;
    if (!job.shards) return 1;
    st = rpc_channel_new(&arena, job.shards, NULL, arena_printf(&arena, "grpc://%s", argv[1]),
                         &job.channel);
    if (failed(st)) {
        fprintf(stderr, "interop_client: %s\n", st.message);
        return 2;
    }
    fiber_post(shards_at(job.shards, 0), run, NULL, &job);
    shards_run(job.shards);
    shards_join(job.shards);
    rpc_channel_free(job.channel);
    shards_free(job.shards);
    arena_release(&arena);
    return job.failures > 0;
}
