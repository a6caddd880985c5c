/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of protoc-gen-argosy's output for tests/proto/odd_names.proto: it compiles with the
 * project's warnings together with protobuf-c's output, handlers are reached through the
 * description, and clients call the right methods. The runtime that clients call is a fake in this
 * file, so that nothing else is tested. */
#include "base/test.h"
#include "odd_names.rpc.h"
#include "rules.rpc.h"

/* ---- a runtime that only records its calls ---- */

static const struct rpc_method *called;
static const ProtobufCMessage *sent;
static const struct rpc_options *given;
static int opened, ended, finished;
static struct status send_result, finish_result;
static Odd__V1alpha2__HTTPRule__InNer2X answer = ODD__V1ALPHA_2__HTTPRULE__IN_NER2_X__INIT;

struct status rpc_call(struct call *call, struct rpc_channel *channel,
                       const struct rpc_method *method, const ProtobufCMessage *request,
                       const struct rpc_options *options, ProtobufCMessage **ret_response)
{
    called = method;
    sent = request;
    given = options;
    if (failed(send_result)) return send_result;
    *ret_response = &answer.base;
    return status_ok();
}

struct status rpc_stream_open(struct call *call, struct rpc_channel *channel,
                              const struct rpc_method *method, const struct rpc_options *options,
                              struct rpc_stream **ret_stream)
{
    called = method;
    opened++;
    *ret_stream = (struct rpc_stream *)(void *)&opened;
    return status_ok();
}

struct status rpc_send(struct call *call, struct rpc_stream *stream,
                       const ProtobufCMessage *message)
{
    sent = message;
    return send_result;
}

struct status rpc_receive(struct call *call, struct rpc_stream *stream,
                          ProtobufCMessage **ret_message)
{
    *ret_message = &answer.base;
    return status_ok();
}

struct status rpc_send_end(struct call *call, struct rpc_stream *stream)
{
    ended++;
    return status_ok();
}

struct status rpc_stream_finish(struct call *call, struct rpc_stream *stream)
{
    finished++;
    return finish_result;
}

/* ---- handlers ---- */

static struct status add_to_cart(struct call *call, const Odd__V1alpha2__HTTPRule *request,
                                 Odd__V1alpha2__HTTPRule__InNer2X *response)
{
    response->a1b = (int32_t)strlen(request->refreshtokendata);
    return status_ok();
}

static struct status double2(struct call *call, const Odd__V1alpha2__LowerCase2 *request,
                             Google__Protobuf__Timestamp *response)
{
    response->seconds = (int64_t)request->price;
    return status_ok();
}

static struct status get_urlmap2(struct call *call, const Rules__Item *request,
                                 struct rpc_stream *stream)
{
    static Rules__Texts texts = RULES__TEXTS__INIT; /* outlives us in `sent` */

    return odd_httpservice_get_urlmap2_reply(call, stream, &texts);
}

static struct status upload(struct call *call, struct rpc_stream *stream,
                            Odd__V1alpha2__HTTPRule *response)
{
    return stream ? status_ok() : (struct status){.code = STATUS_INTERNAL};
}

static struct status chat(struct call *call, struct rpc_stream *stream)
{
    return (struct status){.code = STATUS_ABORTED};
}

static const struct odd_httpservice_handlers handlers = {add_to_cart, double2, get_urlmap2, upload,
                                                         chat};

/* As the server does it. */
static struct status invoke(size_t index, const ProtobufCMessage *request,
                            ProtobufCMessage *response, struct rpc_stream *stream)
{
    const struct rpc_method *method = &odd_httpservice_rpc.methods[index];
    void (*handler)(void);

    memcpy(&handler, (const char *)&handlers + method->handler, sizeof(handler));
    return method->invoke(handler, NULL, request, response, stream);
}

TEST(a_service_is_described)
{
    const struct rpc_method *methods = odd_httpservice_rpc.methods;

    CHECK_STR(odd_httpservice_rpc.name, "odd.v1alpha_2.OddHTTPService");
    CHECK_INT(odd_httpservice_rpc.method_count, ==, 5);
    CHECK_STR(methods[0].name, "AddToCart");
    CHECK_STR(methods[0].path, "/odd.v1alpha_2.OddHTTPService/AddToCart");
    CHECK(methods[0].request == &odd__v1alpha_2__httprule__descriptor);
    CHECK(methods[0].response == &odd__v1alpha_2__httprule__in_ner2_x__descriptor);
    CHECK(methods[0].idempotent && !methods[1].idempotent);
    CHECK(!methods[0].client_streaming && !methods[0].server_streaming);
    CHECK(!methods[2].client_streaming && methods[2].server_streaming);
    CHECK(methods[3].client_streaming && !methods[3].server_streaming);
    CHECK(methods[4].client_streaming && methods[4].server_streaming);
}

TEST(handlers_are_reached_with_their_types)
{
    static Odd__V1alpha2__HTTPRule rule = ODD__V1ALPHA_2__HTTPRULE__INIT;
    Odd__V1alpha2__HTTPRule__InNer2X inner = ODD__V1ALPHA_2__HTTPRULE__IN_NER2_X__INIT;
    Odd__V1alpha2__LowerCase2 lower = ODD__V1ALPHA_2__LOWER_CASE_2__INIT;
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Rules__Item item = RULES__ITEM__INIT;
    struct rpc_stream *stream = (struct rpc_stream *)(void *)&opened;

    rule.refreshtokendata = (char *)"four";
    CHECK_OK(invoke(0, &rule.base, &inner.base, NULL));
    CHECK_INT(inner.a1b, ==, 4);
    lower.given_price_case = ODD__V1ALPHA_2__LOWER_CASE_2__GIVEN_PRICE_PRICE;
    lower.price = 17;
    CHECK_OK(invoke(1, &lower.base, &time.base, NULL));
    CHECK_INT(time.seconds, ==, 17);
    CHECK_OK(invoke(2, &item.base, NULL, stream));
    CHECK(sent->descriptor == &rules__texts__descriptor);
    CHECK_OK(invoke(3, NULL, &rule.base, stream));
    CHECK_INT(invoke(4, NULL, NULL, stream).code, ==, STATUS_ABORTED);
}

TEST(clients_call_their_methods)
{
    static Odd__V1alpha2__HTTPRule rule = ODD__V1ALPHA_2__HTTPRULE__INIT;
    Odd__V1alpha2__HTTPRule__InNer2X *response = NULL;
    struct rpc_options options = {.timeout_ms = 1};

    CHECK_OK(odd_httpservice_add_to_cart(NULL, NULL, &rule, &response));
    CHECK(called == &odd_httpservice_rpc.methods[0] && sent == &rule.base && !given &&
          response == &answer);
    CHECK_OK(odd_httpservice_add_to_cart_with(NULL, NULL, &rule, &options, &response));
    CHECK(given == &options);

    response = NULL;
    send_result.code = STATUS_UNAVAILABLE;
    CHECK_INT(odd_httpservice_add_to_cart(NULL, NULL, &rule, &response).code, ==,
              STATUS_UNAVAILABLE);
    CHECK(!response);
    send_result.code = STATUS_OK;
}

TEST(opening_a_server_stream_sends_the_request)
{
    Rules__Item item = RULES__ITEM__INIT;
    Rules__Texts *texts = NULL;
    struct rpc_stream *stream = NULL;

    opened = ended = finished = 0;
    CHECK_OK(odd_httpservice_get_urlmap2_open(NULL, NULL, &item, NULL, &stream));
    CHECK(stream && sent == &item.base && opened == 1 && ended == 1 && finished == 0);
    CHECK_OK(odd_httpservice_get_urlmap2_receive(NULL, stream, &texts));
    CHECK((void *)texts == (void *)&answer);
}

TEST(a_server_stream_that_cannot_be_opened_is_finished)
{
    Rules__Item item = RULES__ITEM__INIT;
    struct rpc_stream *stream = NULL;

    opened = ended = finished = 0;
    send_result.code = STATUS_UNAVAILABLE;
    CHECK_INT(odd_httpservice_get_urlmap2_open(NULL, NULL, &item, NULL, &stream).code, ==,
              STATUS_UNAVAILABLE);
    finish_result.code =
        STATUS_PERMISSION_DENIED; /* the peer's status matters more than the failure to send */
    CHECK_INT(odd_httpservice_get_urlmap2_open(NULL, NULL, &item, NULL, &stream).code, ==,
              STATUS_PERMISSION_DENIED);
    CHECK(!stream && opened == 2 && finished == 2);
    send_result.code = finish_result.code = STATUS_OK;
}

TEST(streams_have_typed_ends)
{
    static Odd__V1alpha2__HTTPRule rule = ODD__V1ALPHA_2__HTTPRULE__INIT, *received = NULL;
    struct rpc_stream *stream = NULL;

    CHECK_OK(odd_httpservice_chat_open(NULL, NULL, NULL, &stream));
    CHECK(called == &odd_httpservice_rpc.methods[4]);
    CHECK_OK(odd_httpservice_chat_send(NULL, stream, &rule));
    CHECK(sent == &rule.base);
    CHECK_OK(odd_httpservice_chat_receive(NULL, stream, &received));
    CHECK((void *)received == (void *)&answer);
    CHECK_OK(odd_httpservice_upload_next(NULL, stream, &received));
    CHECK_OK(odd_httpservice_chat_reply(NULL, stream, &rule));
}
