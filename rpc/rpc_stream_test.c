/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of streams in all three shapes, in process and over the network: both must behave alike.
 */
#include "base/budget.h"
#include "base/clock.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "tests/interop/loopback.h"

typedef struct status channel_test(struct call *call, struct loopback *loopback,
                                   struct rpc_channel *channel);

static channel_test *on_channel;

static void run_on_both(struct call *call, struct loopback *loopback)
{
    struct rpc_channel *channels[] = {loopback->local, loopback->network};

    for (int i = 0; i < 2; i++) {
        struct status st = on_channel(call, loopback, channels[i]);
        if (failed(st))
            printf("  %s: %s: %s\n", i ? "network" : "in process", status_code_name(st.code),
                   st.message);
        EXPECT(!failed(st));
    }
}

static void on_both(channel_test *fn)
{
    on_channel = fn;
    loopback_run(NULL, run_on_both);
}

/* ---- requests ---- */

/* A request for messages of these sizes (ended by -1), one every `interval_us`. */
static Grpc__Testing__StreamingOutputCallRequest *ask(struct call *call, const int *sizes,
                                                      int interval_us)
{
    Grpc__Testing__StreamingOutputCallRequest *request = arena_alloc(call->arena, sizeof(*request));

    grpc__testing__streaming_output_call_request__init(request);
    request->response_parameters = arena_array(call->arena, Grpc__Testing__ResponseParameters *,
                                               1024);
    for (; *sizes >= 0; sizes++) {
        Grpc__Testing__ResponseParameters *parameters = arena_alloc(call->arena,
                                                                    sizeof(*parameters));
        grpc__testing__response_parameters__init(parameters);
        parameters->size = *sizes;
        parameters->interval_us = interval_us;
        request->response_parameters[request->n_response_parameters++] = parameters;
    }
    return request;
}

static size_t body_size(const Grpc__Testing__StreamingOutputCallResponse *response)
{
    return response && response->payload ? response->payload->body.len : (size_t)-1;
}

/* ---- server streaming ---- */

static struct status server_streaming(struct call *call, struct loopback *loopback,
                                      struct rpc_channel *channel)
{
    static const int sizes[] = {31415, 9, 2653, 58979, 0, 300000, -1};
    Grpc__Testing__StreamingOutputCallResponse *response;
    struct rpc_stream *stream;
    struct status st;

    st = grpc_testing_test_service_streaming_output_call_open(call, channel, ask(call, sizes, 0),
                                                              NULL, &stream);
    if (failed(st)) return st;
    for (int i = 0; sizes[i] >= 0; i++) {
        st = grpc_testing_test_service_streaming_output_call_receive(call, stream, &response);
        if (failed(st)) return st;
        EXPECT(body_size(response) == (size_t)sizes[i]);
    }
    st = grpc_testing_test_service_streaming_output_call_receive(call, stream, &response);
    EXPECT(failed(st) || response == NULL);
    return rpc_stream_finish(call, stream);
}

TEST(a_server_streams)
{
    on_both(server_streaming);
}

/* ---- client streaming ---- */

static struct status send_payload(struct call *call, struct rpc_stream *stream, size_t size)
{
    Grpc__Testing__StreamingInputCallRequest request =
        GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;
    Grpc__Testing__Payload payload = GRPC__TESTING__PAYLOAD__INIT;
    static uint8_t zeros[100000];

    payload.body = (ProtobufCBinaryData){size, zeros};
    request.payload = &payload;
    return grpc_testing_test_service_streaming_input_call_send(call, stream, &request);
}

static struct status client_streaming(struct call *call, struct loopback *loopback,
                                      struct rpc_channel *channel)
{
    static const size_t sizes[] = {27182, 8, 1828, 45904, 0};
    Grpc__Testing__StreamingInputCallResponse *response = NULL;
    struct rpc_stream *stream;
    struct status st;

    st = grpc_testing_test_service_streaming_input_call_open(call, channel, NULL, &stream);
    for (int i = 0; i < 5 && !failed(st); i++) st = send_payload(call, stream, sizes[i]);
    if (!failed(st)) st = rpc_send_end(call, stream);
    if (!failed(st))
        st = grpc_testing_test_service_streaming_input_call_receive(call, stream, &response);
    if (failed(st)) return st;
    EXPECT(response && response->aggregated_payload_size == 74922);
    return rpc_stream_finish(call, stream);
}

TEST(a_client_streams)
{
    on_both(client_streaming);
}

/* The last message may be held by either side, so the caller's budget pays for it, until the stream
 * ends. */
static struct status charged_stream(struct call *call, struct loopback *loopback,
                                    struct rpc_channel *channel)
{
    struct budget_root *root = arena_new(&loopback->arena, struct budget_root);
    struct budget *connection = arena_new(&loopback->arena, struct budget);
    struct rpc_stream *stream;
    struct status st;

    budget_open(root, connection, 1);
    arena_set_budget(call->arena, connection);
    st = grpc_testing_test_service_streaming_input_call_open(call, channel, NULL, &stream);
    if (!failed(st)) st = send_payload(call, stream, 100000);
    EXPECT(!failed(st) && connection->used >= 100000);
    st = rpc_stream_finish(call, stream);
    EXPECT(st.code == STATUS_CANCELLED);
    EXPECT(connection->used == call->arena->charged);
    arena_set_budget(call->arena, NULL);
    budget_close(root, connection);
    return status_ok();
}

TEST(a_streams_messages_are_charged_to_the_callers_budget_until_it_ends)
{
    on_both(charged_stream);
}

/* Far more than any window or queue holds, so both sides must wait for each other. */
static struct status long_stream(struct call *call, struct loopback *loopback,
                                 struct rpc_channel *channel)
{
    Grpc__Testing__StreamingInputCallResponse *response = NULL;
    struct rpc_stream *stream;
    struct status st;
    size_t before;

    st = grpc_testing_test_service_streaming_input_call_open(call, channel, NULL, &stream);
    before = call->arena->size;
    for (int i = 0; i < 300 && !failed(st); i++) st = send_payload(call, stream, 100000);
    if (!failed(st)) st = rpc_send_end(call, stream);
    if (!failed(st))
        st = grpc_testing_test_service_streaming_input_call_receive(call, stream, &response);
    if (failed(st)) return st;
    EXPECT(response && response->aggregated_payload_size == 30000000);
    EXPECT(call->arena->size - before < 1000000);
    return rpc_stream_finish(call, stream);
}

TEST(a_long_stream_needs_no_more_memory_than_a_short_one)
{
    on_both(long_stream);
}

/* ---- both ---- */

static struct status ping_pong(struct call *call, struct loopback *loopback,
                               struct rpc_channel *channel)
{
    Grpc__Testing__StreamingOutputCallResponse *response = NULL;
    struct rpc_stream *stream;
    struct status st;

    st = grpc_testing_test_service_full_duplex_call_open(call, channel, NULL, &stream);
    for (int i = 0; i < 100 && !failed(st); i++) {
        st = grpc_testing_test_service_full_duplex_call_send(call, stream,
                                                             ask(call, (int[]){i * 100, -1}, 0));
        if (!failed(st))
            st = grpc_testing_test_service_full_duplex_call_receive(call, stream, &response);
        EXPECT(failed(st) || body_size(response) == (size_t)i * 100);
    }
    if (!failed(st)) st = rpc_send_end(call, stream);
    if (!failed(st))
        st = grpc_testing_test_service_full_duplex_call_receive(call, stream, &response);
    EXPECT(failed(st) || response == NULL);
    return failed(st) ? st : rpc_stream_finish(call, stream);
}

TEST(both_stream_in_turns)
{
    on_both(ping_pong);
}

static struct status empty_stream(struct call *call, struct loopback *loopback,
                                  struct rpc_channel *channel)
{
    Grpc__Testing__StreamingOutputCallResponse *response = NULL;
    struct rpc_stream *stream;
    struct status st;

    st = grpc_testing_test_service_full_duplex_call_open(call, channel, NULL, &stream);
    if (!failed(st)) st = rpc_send_end(call, stream);
    if (!failed(st))
        st = grpc_testing_test_service_full_duplex_call_receive(call, stream, &response);
    EXPECT(!response);
    return failed(st) ? st : rpc_stream_finish(call, stream);
}

TEST(an_empty_stream_is_fine)
{
    on_both(empty_stream);
}

/* One fiber sends while another receives. */
struct sender {
    struct rpc_stream *stream;
    struct status st;
};

static void send_many(struct call *call, void *data)
{
    struct sender *sender = data;

    for (int i = 0; i < 50 && !failed(sender->st); i++)
        sender->st = grpc_testing_test_service_full_duplex_call_send(
            call, sender->stream, ask(call, (int[]){40000, 40000, -1}, 0));
    if (!failed(sender->st)) sender->st = rpc_send_end(call, sender->stream);
}

static struct status both_at_once(struct call *call, struct loopback *loopback,
                                  struct rpc_channel *channel)
{
    Grpc__Testing__StreamingOutputCallResponse *response = NULL;
    struct fiber_group group = {0};
    struct sender sender = {0};
    int received = 0;
    struct status st;

    st = grpc_testing_test_service_full_duplex_call_open(call, channel, NULL, &sender.stream);
    if (!failed(st)) st = fiber_group_start(call, &group, send_many, &sender);
    for (; !failed(st); received++) {
        st = grpc_testing_test_service_full_duplex_call_receive(call, sender.stream, &response);
        if (!failed(st) && !response) break;
        EXPECT(failed(st) || body_size(response) == 40000);
    }
    fiber_group_wait(call, &group);
    EXPECT(received == 100);
    EXPECT(!failed(sender.st));
    return failed(st) ? st : rpc_stream_finish(call, sender.stream);
}

TEST(two_fibers_share_a_stream)
{
    on_both(both_at_once);
}

/* ---- errors, cancellation, deadlines ---- */

static struct status error_at_the_end(struct call *call, struct loopback *loopback,
                                      struct rpc_channel *channel)
{
    Grpc__Testing__EchoStatus wanted = GRPC__TESTING__ECHO_STATUS__INIT;
    Grpc__Testing__StreamingOutputCallResponse *response = NULL;
    Grpc__Testing__StreamingOutputCallRequest *request = ask(call, (int[]){5, -1}, 0);
    struct rpc_stream *stream;
    struct status st;

    wanted.code = STATUS_FAILED_PRECONDITION;
    wanted.message = (char *)(uintptr_t) "not now";
    st = grpc_testing_test_service_full_duplex_call_open(call, channel, NULL, &stream);
    if (!failed(st)) st = grpc_testing_test_service_full_duplex_call_send(call, stream, request);
    if (!failed(st))
        st = grpc_testing_test_service_full_duplex_call_receive(call, stream, &response);
    if (failed(st)) return st;
    EXPECT(body_size(response) == 5);
    request->response_status = &wanted;
    st = grpc_testing_test_service_full_duplex_call_send(call, stream, request);
    if (!failed(st))
        st = grpc_testing_test_service_full_duplex_call_receive(call, stream, &response);
    if (failed(st)) return st;
    EXPECT(!response);
    st = rpc_stream_finish(call, stream);
    EXPECT(st.code == STATUS_FAILED_PRECONDITION && strcmp(st.message, "not now") == 0);
    return status_ok();
}

TEST(a_stream_ends_with_an_error)
{
    on_both(error_at_the_end);
}

static void wait_for_cancelled(struct call *call, const struct loopback *loopback, int count)
{
    for (int i = 0; i < 200 && loopback->service.cancelled < count; i++)
        if (failed(fiber_sleep(call, 5000))) return;
    EXPECT(loopback->service.cancelled == count);
}

static struct status cancel_after_begin(struct call *call, struct loopback *loopback,
                                        struct rpc_channel *channel)
{
    int before = loopback->service.cancelled;
    struct rpc_stream *stream;
    struct status st;

    st = grpc_testing_test_service_streaming_input_call_open(call, channel, NULL, &stream);
    if (!failed(st)) st = send_payload(call, stream, 10);
    if (!failed(st)) st = fiber_sleep(call, 50000);
    if (failed(st)) return st;
    rpc_stream_cancel(stream);
    st = rpc_stream_finish(call, stream);
    EXPECT(st.code == STATUS_CANCELLED);
    wait_for_cancelled(call, loopback, before + 1);
    return status_ok();
}

TEST(a_client_cancels)
{
    on_both(cancel_after_begin);
}

static struct status finish_early(struct call *call, struct loopback *loopback,
                                  struct rpc_channel *channel)
{
    Grpc__Testing__StreamingOutputCallResponse *response = NULL;
    int before = loopback->service.cancelled;
    struct rpc_stream *stream;
    struct status st;

    st = grpc_testing_test_service_full_duplex_call_open(call, channel, NULL, &stream);
    if (!failed(st))
        st = grpc_testing_test_service_full_duplex_call_send(call, stream,
                                                             ask(call, (int[]){31415, -1}, 0));
    if (!failed(st))
        st = grpc_testing_test_service_full_duplex_call_receive(call, stream, &response);
    if (failed(st)) return st;
    st = rpc_stream_finish(call, stream);
    EXPECT(st.code == STATUS_CANCELLED);
    wait_for_cancelled(call, loopback, before + 1);
    return status_ok();
}

TEST(finishing_early_cancels)
{
    on_both(finish_early);
}

/* A fiber that ends without finishing its stream must not leave the callee running. */
static void forget_stream(struct call *call, void *data)
{
    struct rpc_stream *stream;

    EXPECT(!failed(grpc_testing_test_service_full_duplex_call_open(call, data, NULL, &stream)));
    EXPECT(!failed(fiber_sleep(call, 20000)));
}

static struct status forgotten(struct call *call, struct loopback *loopback,
                               struct rpc_channel *channel)
{
    int before = loopback->service.cancelled;
    struct status st;

    st = fiber_start(call->shard, NULL, forget_stream, channel);
    if (failed(st)) return st;
    wait_for_cancelled(call, loopback, before + 1);
    return status_ok();
}

TEST(a_forgotten_stream_is_cancelled)
{
    on_both(forgotten);
}

static struct status deadline(struct call *call, struct loopback *loopback,
                              struct rpc_channel *channel)
{
    Grpc__Testing__StreamingOutputCallResponse *response = NULL;
    struct rpc_options options = {.timeout_ms = 60};
    int64_t start_us = clock_monotonic_us();
    struct rpc_stream *stream;
    struct status st;

    st = grpc_testing_test_service_streaming_output_call_open(
        call, channel, ask(call, (int[]){5, 5, -1}, 10000000), &options, &stream);
    if (failed(st)) return st;
    st = grpc_testing_test_service_streaming_output_call_receive(call, stream, &response);
    EXPECT(st.code == STATUS_DEADLINE_EXCEEDED ||
           (!failed(st) && !response)); /* the callee's response may come first */
    st = rpc_stream_finish(call, stream);
    EXPECT(st.code == STATUS_DEADLINE_EXCEEDED);
    EXPECT(clock_monotonic_us() - start_us < 2000000);
    return status_ok();
}

TEST(a_stream_has_a_deadline)
{
    on_both(deadline);
}

static struct status head_and_trailers(struct call *call, struct loopback *loopback,
                                       struct rpc_channel *channel)
{
    Grpc__Testing__StreamingOutputCallResponse *response = NULL;
    struct http_headers sent = {0}, trailers = {0};
    struct rpc_options options = {.metadata = &sent, .ret_trailers = &trailers};
    const struct http_headers *head = NULL;
    struct rpc_stream *stream;
    struct status st;

    st = http_headers_add(call->arena, &sent, STR("x-grpc-test-echo-initial"), STR("value"));
    if (!failed(st))
        st = http_headers_add(call->arena, &sent, STR("x-grpc-test-echo-trailing-bin"),
                              STR("q6ur"));
    if (!failed(st))
        st = grpc_testing_test_service_streaming_output_call_open(
            call, channel, ask(call, (int[]){5, -1}, 0), &options, &stream);
    if (!failed(st)) st = rpc_stream_head(call, stream, &head);
    if (failed(st)) return st;
    EXPECT(str_is(http_headers_get(head, "x-grpc-test-echo-initial"), "value"));
    do {
        st = grpc_testing_test_service_streaming_output_call_receive(call, stream, &response);
    } while (!failed(st) && response);
    if (!failed(st)) st = rpc_stream_finish(call, stream);
    EXPECT(str_is(http_headers_get(&trailers, "x-grpc-test-echo-trailing-bin"), "q6ur"));
    return st;
}

TEST(a_stream_has_metadata)
{
    on_both(head_and_trailers);
}

static struct status absent(struct call *call, struct loopback *loopback,
                            struct rpc_channel *channel)
{
    struct rpc_stream *stream;
    struct str message;
    struct status st;

    st = rpc_stream_open_raw(call, channel, "/grpc.testing.TestService/None", NULL, &stream);
    if (!failed(st)) {
        st = rpc_receive_raw(call, stream, &message);
        EXPECT(failed(st) || !message.data);
        st = rpc_stream_finish(call, stream);
    }
    EXPECT(st.code == STATUS_UNIMPLEMENTED);
    return status_ok();
}

TEST(an_unknown_stream_is_unimplemented)
{
    on_both(absent);
}

static struct status raw_stream(struct call *call, struct loopback *loopback,
                                struct rpc_channel *channel)
{
    struct rpc_stream *stream;
    struct str message = {0};
    struct status st;

    st = rpc_stream_open_raw(call, channel, "/grpc.testing.TestService/FullDuplexCall", NULL,
                             &stream);
    if (!failed(st)) st = rpc_send_raw(call, stream, STR("\x12\x02\x08\x03"));
    if (!failed(st)) st = rpc_receive_raw(call, stream, &message);
    EXPECT(str_equal(message, str_sized("\x0a\x05\x12\x03\0\0\0", 7)));
    if (!failed(st)) st = rpc_send_raw(call, stream, STR("\x12"));
    if (!failed(st)) st = rpc_receive_raw(call, stream, &message);
    if (failed(st)) return st;
    EXPECT(!message.data);
    st = rpc_stream_finish(call, stream);
    EXPECT(st.code == STATUS_INVALID_ARGUMENT && st.reason == ARGOSY__REASON__MALFORMED_MESSAGE);
    return status_ok();
}

TEST(encoded_messages_in_a_stream)
{
    on_both(raw_stream);
}

/* ---- gzip ---- */

static void compressed(struct call *call, struct loopback *loopback)
{
    Grpc__Testing__BoolValue yes = GRPC__TESTING__BOOL_VALUE__INIT;
    Grpc__Testing__StreamingOutputCallRequest *request = ask(call, (int[]){5000, 5000, -1}, 0);
    Grpc__Testing__StreamingOutputCallResponse *response = NULL;
    struct rpc_stream *stream;
    struct status st;

    yes.value = true;
    request->response_parameters[1]->compressed = &yes;
    st = grpc_testing_test_service_streaming_output_call_open(call, loopback->network, request,
                                                              NULL, &stream);
    for (int i = 0; i < 2 && !failed(st); i++) {
        st = grpc_testing_test_service_streaming_output_call_receive(call, stream, &response);
        EXPECT(body_size(response) == 5000);
        EXPECT(rpc_received_gzip(stream) == (i == 1));
    }
    if (!failed(st))
        st = grpc_testing_test_service_streaming_output_call_receive(call, stream, &response);
    if (!failed(st)) st = rpc_stream_finish(call, stream);
    EXPECT(!failed(st));
}

TEST(messages_of_a_stream_are_compressed_one_by_one)
{
    loopback_run(NULL, compressed);
}
