/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grpc.reflection: its answers, and both versions of its stream through a server's
 * in-process channel. */
#include "base/test.h"
#include "fiber/fiber.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "rpc/channel.h"
#include "rpc/reflection.h"

#define CASE_OF(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define ANSWER_OF(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

typedef Grpc__Reflection__V1__ServerReflectionRequest ReflectionRequest;
typedef Grpc__Reflection__V1__ServerReflectionResponse ReflectionResponse;

static const struct rpc_schema *load(struct arena *arena)
{
    const struct rpc_schema *schema = NULL;

    EXPECT(!failed(
        rpc_schema_new(arena, str_sized(proto_descriptors, proto_descriptors_size), &schema)));
    return schema;
}

/* A request with one of the oneof's text members. */
static ReflectionRequest ask(int which, const char *text)
{
    ReflectionRequest request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;

    request.message_request_case =
        (Grpc__Reflection__V1__ServerReflectionRequest__MessageRequestCase)which;
    request.list_services = (char *)text; /* all text members share one union */
    return request;
}

/* The name of the file in a response, or "" if it has none. */
static const char *file_in(struct arena *arena, const ReflectionResponse *response)
{
    Grpc__Reflection__V1__FileDescriptorResponse *files = response->file_descriptor_response;
    Google__Protobuf__FileDescriptorProto *file;
    const char *name;

    if (response->message_response_case != ANSWER_OF(FILE_DESCRIPTOR_RESPONSE)) return "";
    file = google__protobuf__file_descriptor_proto__unpack(
        NULL, files->file_descriptor_proto[0].len, files->file_descriptor_proto[0].data);
    name = file ? arena_strdup(arena, file->name) : "";
    if (file) google__protobuf__file_descriptor_proto__free_unpacked(file, NULL);
    return name;
}

TEST(files_are_found_by_name_symbol_and_extension)
{
    struct arena arena;
    struct rpc_reflection *reflection;
    ReflectionRequest request;
    ReflectionResponse response;
    Grpc__Reflection__V1__ExtensionRequest extension =
        GRPC__REFLECTION__V1__EXTENSION_REQUEST__INIT;

    arena_init(&arena, 0);
    reflection = rpc_reflection_new(load(&arena));
    request = ask(CASE_OF(FILE_BY_FILENAME), "cart.proto");
    rpc_reflection_answer(&arena, reflection, NULL, &request, &response);
    CHECK_STR(file_in(&arena, &response), "cart.proto");
    CHECK(response.original_request == &request);
    request = ask(CASE_OF(FILE_CONTAINING_SYMBOL), "cart_service.CartService.AddToCart");
    rpc_reflection_answer(&arena, reflection, NULL, &request, &response);
    CHECK_STR(file_in(&arena, &response), "cart.proto");
    request = ask(CASE_OF(FILE_CONTAINING_EXTENSION), NULL);
    request.file_containing_extension = &extension;
    extension.containing_type = (char *)"google.protobuf.MethodOptions";
    extension.extension_number = 72295728;
    rpc_reflection_answer(&arena, reflection, NULL, &request, &response);
    CHECK_STR(file_in(&arena, &response), "google/api/annotations.proto");
    request = ask(CASE_OF(ALL_EXTENSION_NUMBERS_OF_TYPE), "google.protobuf.MethodOptions");
    rpc_reflection_answer(&arena, reflection, NULL, &request, &response);
    CHECK_INT(response.message_response_case, ==, ANSWER_OF(ALL_EXTENSION_NUMBERS_RESPONSE));
    CHECK_INT(response.all_extension_numbers_response->n_extension_number, ==, 1);
    CHECK_INT(response.all_extension_numbers_response->extension_number[0], ==, 72295728);
    rpc_reflection_free(reflection);
    arena_release(&arena);
}

TEST(unknown_names_are_an_error_response_and_do_not_end_the_stream)
{
    static const struct {
        int which;
        const char *text;
        int code;
    } table[] = {
        {CASE_OF(FILE_BY_FILENAME), "none.proto", STATUS_NOT_FOUND},
        {CASE_OF(FILE_CONTAINING_SYMBOL), "none.Such", STATUS_NOT_FOUND},
        {CASE_OF(ALL_EXTENSION_NUMBERS_OF_TYPE), "none.Such", STATUS_NOT_FOUND},
        {GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST__NOT_SET, NULL,
         STATUS_INVALID_ARGUMENT},
    };
    struct arena arena;
    struct rpc_reflection *with_schema, *without;

    arena_init(&arena, 0);
    with_schema = rpc_reflection_new(load(&arena));
    without = rpc_reflection_new(NULL);
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        ReflectionRequest request = ask(table[i].which, table[i].text);
        ReflectionResponse response;
        rpc_reflection_answer(&arena, with_schema, NULL, &request, &response);
        CHECK_INT(response.message_response_case, ==, ANSWER_OF(ERROR_RESPONSE));
        CHECK_INT(response.error_response->error_code, ==, table[i].code);
        rpc_reflection_answer(&arena, without, NULL, &request, &response);
        CHECK_INT(response.error_response->error_code, ==, table[i].code);
    }
    rpc_reflection_free(with_schema);
    rpc_reflection_free(without);
    arena_release(&arena);
}

TEST(services_are_listed_in_order)
{
    struct arena arena;
    struct rpc_reflection *reflection = rpc_reflection_new(NULL);
    ReflectionRequest request = ask(CASE_OF(LIST_SERVICES), "");
    ReflectionResponse response;
    Grpc__Reflection__V1__ListServiceResponse *list;

    arena_init(&arena, 0);
    rpc_reflection_add(reflection, "b.B", false);
    rpc_reflection_add(reflection, "c.C", true);
    rpc_reflection_add(reflection, "a.A", false);
    rpc_reflection_answer(&arena, reflection, NULL, &request, &response);
    list = response.list_services_response;
    CHECK_INT(list->n_service, ==, 3);
    CHECK_STR(list->service[0]->name, "a.A");
    CHECK_STR(list->service[1]->name, "b.B");
    CHECK_STR(list->service[2]->name, "c.C");

    /* A listener lists the services that it serves. */
    const struct rpc_endpoint port = {.service_name = "b.B"};
    rpc_reflection_answer(&arena, reflection, &port, &request, &response);
    list = response.list_services_response;
    CHECK_INT(list->n_service, ==, 2);
    CHECK_STR(list->service[0]->name, "b.B");
    CHECK_STR(list->service[1]->name, "c.C");
    const char *const passed_on[] = {"d.D", "b.E", NULL};
    const struct rpc_endpoint gateway = {.service_name = "", .passed_on = passed_on};
    rpc_reflection_answer(&arena, reflection, &gateway, &request, &response);
    list = response.list_services_response;
    CHECK_INT(list->n_service, ==, 3);
    CHECK_STR(list->service[0]->name, "b.E");
    CHECK_STR(list->service[2]->name, "d.D");
    rpc_reflection_free(reflection);
    arena_release(&arena);
}

/* ---- streams ---- */

struct bench {
    struct shards *shards;
    struct rpc_channel *channel;
};

static void talk(struct call *call, struct bench *bench)
{
    ReflectionRequest request = ask(CASE_OF(LIST_SERVICES), "");
    ReflectionResponse *response = NULL;
    struct rpc_stream *stream = NULL;

    EXPECT(!failed(grpc_reflection_v1_server_reflection_server_reflection_info_open(
        call, bench->channel, NULL, &stream)));
    EXPECT(!failed(rpc_send(call, stream, &request.base)));
    EXPECT(!failed(grpc_reflection_v1_server_reflection_server_reflection_info_receive(call, stream,
                                                                                       &response)));
    EXPECT(response && response->list_services_response->n_service == 3);
    request = ask(CASE_OF(FILE_CONTAINING_SYMBOL), "user_service.UserService");
    EXPECT(!failed(rpc_send(call, stream, &request.base)));
    EXPECT(!failed(grpc_reflection_v1_server_reflection_server_reflection_info_receive(call, stream,
                                                                                       &response)));
    EXPECT(response && strcmp(file_in(call->arena, response), "user.proto") == 0);
    EXPECT(!failed(rpc_send_end(call, stream)));
    EXPECT(!failed(grpc_reflection_v1_server_reflection_server_reflection_info_receive(call, stream,
                                                                                       &response)));
    EXPECT(!response);
    EXPECT(!failed(rpc_stream_finish(call, stream)));
}

static void talk_alpha(struct call *call, struct bench *bench)
{
    Grpc__Reflection__V1alpha__ServerReflectionRequest request =
        GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_REQUEST__INIT;
    Grpc__Reflection__V1alpha__ServerReflectionResponse *response = NULL;
    struct rpc_stream *stream = NULL;

    request.message_request_case =
        GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME;
    request.file_by_filename = (char *)"user.proto";
    request.host = (char *)"h";
    EXPECT(!failed(grpc_reflection_v1alpha_server_reflection_server_reflection_info_open(
        call, bench->channel, NULL, &stream)));
    EXPECT(!failed(rpc_send(call, stream, &request.base)));
    EXPECT(!failed(grpc_reflection_v1alpha_server_reflection_server_reflection_info_receive(
        call, stream, &response)));
    EXPECT(response && response->file_descriptor_response->n_file_descriptor_proto == 1);
    EXPECT(response && strcmp(response->valid_host, "h") == 0);
    EXPECT(response && strcmp(response->original_request->file_by_filename, "user.proto") == 0);
    EXPECT(!failed(rpc_send_end(call, stream)));
    EXPECT(!failed(grpc_reflection_v1alpha_server_reflection_server_reflection_info_receive(
        call, stream, &response)));
    EXPECT(!response);
    EXPECT(!failed(rpc_stream_finish(call, stream)));
}

static void run(struct call *call, void *data)
{
    struct bench *bench = data;

    talk(call, bench);
    talk_alpha(call, bench);
    shards_stop(bench->shards);
}

TEST(both_versions_answer_on_one_stream)
{
    struct rpc_server_options options = {0};
    struct bench bench = {.shards = shards_new(1)};
    struct rpc_server *server;
    struct arena arena;

    arena_init(&arena, 0);
    options.schema = load(&arena);
    server = rpc_server_new(&options);
    CHECK_OK(rpc_channel_new(&arena, bench.shards, server, "inproc:", &bench.channel));
    fiber_post(shards_at(bench.shards, 0), run, NULL, &bench);
    shards_run(bench.shards);
    rpc_channel_free(bench.channel);
    rpc_server_free(server);
    shards_free(bench.shards);
    arena_release(&arena);
}
