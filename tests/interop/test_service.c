/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of grpc.testing.TestService. */
#include "tests/interop/test_service.h"

#include <limits.h>

#include "fiber/fiber.h"

#define ECHO_INITIAL "x-grpc-test-echo-initial"
#define ECHO_TRAILING "x-grpc-test-echo-trailing-bin"

enum { HALF_DUPLEX_MAX = 100 };

/* All payloads are zeros. */
static uint8_t zeros[64 * 1024 * 1024];

static struct status fill_payload(const struct call *call, int32_t size,
                                  Grpc__Testing__Payload **ret_payload)
{
    Grpc__Testing__Payload *payload;

    if (size < 0 || size > (int32_t)sizeof(zeros))
        return status_printf(call->arena, STATUS_INVALID_ARGUMENT, 0, "no payload has %d bytes",
                             size);
    payload = arena_alloc(call->arena, sizeof(*payload));
    grpc__testing__payload__init(payload);
    payload->body = (ProtobufCBinaryData){(size_t)size, zeros};
    *ret_payload = payload;
    return status_ok();
}

static struct status echo_metadata(const struct call *call)
{
    struct str initial = call_metadata(call, ECHO_INITIAL);
    struct str trailing = call_metadata(call, ECHO_TRAILING);
    struct status st = status_ok();

    if (initial.data) st = call_reply_metadata(call, STR(ECHO_INITIAL), initial);
    if (!failed(st) && trailing.data) st = call_reply_trailer(call, STR(ECHO_TRAILING), trailing);
    return st;
}

static struct status wanted_status(const struct call *call, const Grpc__Testing__EchoStatus *wanted)
{
    if (!wanted || wanted->code == 0) return status_ok();
    return status_make((enum status_code)wanted->code, 0,
                       arena_strdup(call->arena, wanted->message));
}

static struct status check_compressed(const Grpc__Testing__BoolValue *expected, bool compressed)
{
    if (!expected || expected->value == compressed) return status_ok();
    return status_make(STATUS_INVALID_ARGUMENT, 0, "the request is not compressed as expected");
}

static struct status empty_call(struct call *call, const Grpc__Testing__Empty *request,
                                Grpc__Testing__Empty *response)
{
    return echo_metadata(call);
}

/* Records the call's identity, metadata and deadline for the test. */
static struct status observe(struct call *call)
{
    struct test_service *service = call_service(call);

    if (!service) return status_ok();
    service->calls++;
    call_user_optional(call, &service->user);
    snprintf(service->email, sizeof(service->email), "%s", service->user.email);
    snprintf(service->role, sizeof(service->role), "%s", service->user.role);
    snprintf(service->peer, sizeof(service->peer), "%s", call_peer(call));
    service->is_peer = !failed(call_require_peer(call));
    service->remaining_us = call_remaining_us(call);
    if (service->fail_unavailable == 0) return status_ok();
    service->fail_unavailable--;
    return status_make(STATUS_UNAVAILABLE, service->fail_reason, "told to be unavailable");
}

static struct status unary_call(struct call *call, const Grpc__Testing__SimpleRequest *request,
                                Grpc__Testing__SimpleResponse *response)
{
    struct status st;

    st = observe(call);
    if (failed(st)) return st;
    st = echo_metadata(call);
    if (failed(st)) return st;
    st = wanted_status(call, request->response_status);
    if (failed(st)) return st;
    st = check_compressed(request->expect_compressed, call_request_gzip(call));
    if (failed(st)) return st;
    call_reply_gzip(call, request->response_compressed && request->response_compressed->value);
    return fill_payload(call, request->response_size, &response->payload);
}

/* Is any of the requested messages to be compressed? */
static bool wants_gzip(const Grpc__Testing__StreamingOutputCallRequest *request)
{
    for (size_t i = 0; i < request->n_response_parameters; i++)
        if (request->response_parameters[i]->compressed &&
            request->response_parameters[i]->compressed->value)
            return true;
    return false;
}

/* Sends the messages that a request asks for. */
static struct status send_all(struct call *call,
                              const Grpc__Testing__StreamingOutputCallRequest *request,
                              struct rpc_stream *stream)
{
    struct status st;

    for (size_t i = 0; i < request->n_response_parameters; i++) {
        const Grpc__Testing__ResponseParameters *parameters = request->response_parameters[i];
        Grpc__Testing__StreamingOutputCallResponse response =
            GRPC__TESTING__STREAMING_OUTPUT_CALL_RESPONSE__INIT;

        if (parameters->interval_us > 0) {
            st = fiber_sleep(call, parameters->interval_us);
            if (failed(st)) return st;
        }
        st = fill_payload(call, parameters->size, &response.payload);
        if (failed(st)) return st;
        call_reply_gzip(call, parameters->compressed && parameters->compressed->value);
        st = rpc_send(call, stream, &response.base);
        if (failed(st)) return st;
    }
    return status_ok();
}

/* Counts the handlers that were cancelled. */
static struct status note_end(const struct call *call, struct status st)
{
    struct test_service *service = call_service(call);

    if (service && st.code == STATUS_CANCELLED) service->cancelled++;
    return st;
}

static struct status streaming_output_call(struct call *call,
                                           const Grpc__Testing__StreamingOutputCallRequest *request,
                                           struct rpc_stream *stream)
{
    struct status st;

    st = echo_metadata(call);
    if (failed(st)) return st;
    st = wanted_status(call, request->response_status);
    if (failed(st)) return st;
    /* The head says whether any message may be compressed. */
    call_reply_gzip(call, wants_gzip(request));
    st = rpc_send_head(call, stream);
    if (!failed(st)) st = send_all(call, request, stream);
    return note_end(call, st);
}

static struct status streaming_input_call(struct call *call, struct rpc_stream *stream,
                                          Grpc__Testing__StreamingInputCallResponse *response)
{
    Grpc__Testing__StreamingInputCallRequest *request;
    size_t size = 0;
    struct status st;

    for (;;) {
        st = grpc_testing_test_service_streaming_input_call_next(call, stream, &request);
        if (failed(st)) return note_end(call, st);
        if (!request) break;
        st = check_compressed(request->expect_compressed, rpc_received_gzip(stream));
        if (failed(st)) return st;
        if (request->payload) size += request->payload->body.len;
    }
    response->aggregated_payload_size = size < INT_MAX ? (int32_t)size : INT_MAX;
    return status_ok();
}

static struct status full_duplex_call(struct call *call, struct rpc_stream *stream)
{
    Grpc__Testing__StreamingOutputCallRequest *request;
    struct status st;

    st = echo_metadata(call);
    while (!failed(st)) {
        st = grpc_testing_test_service_full_duplex_call_next(call, stream, &request);
        if (failed(st) || !request) break;
        st = wanted_status(call, request->response_status);
        if (!failed(st)) st = send_all(call, request, stream);
    }
    return note_end(call, st);
}

static struct status half_duplex_call(struct call *call, struct rpc_stream *stream)
{
    int32_t sizes[HALF_DUPLEX_MAX];
    Grpc__Testing__StreamingOutputCallRequest *request;
    size_t count = 0;
    struct status st;

    for (;;) {
        st = grpc_testing_test_service_half_duplex_call_next(call, stream, &request);
        if (failed(st)) return note_end(call, st);
        if (!request) break;
        for (size_t i = 0; i < request->n_response_parameters && count < HALF_DUPLEX_MAX; i++)
            sizes[count++] = request->response_parameters[i]->size;
    }
    for (size_t i = 0; i < count; i++) {
        Grpc__Testing__StreamingOutputCallResponse response =
            GRPC__TESTING__STREAMING_OUTPUT_CALL_RESPONSE__INIT;
        st = fill_payload(call, sizes[i], &response.payload);
        if (!failed(st)) st = rpc_send(call, stream, &response.base);
        if (failed(st)) return st;
    }
    return status_ok();
}

const struct grpc_testing_test_service_handlers test_service_handlers = {
    .empty_call = empty_call,
    .unary_call = unary_call,
    .cacheable_unary_call = unary_call,
    .streaming_output_call = streaming_output_call,
    .streaming_input_call = streaming_input_call,
    .full_duplex_call = full_duplex_call,
    .half_duplex_call = half_duplex_call,
};
