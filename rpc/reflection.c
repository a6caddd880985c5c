/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.reflection.v1 and v1alpha. The two differ only in their package name, so v1alpha's messages
 * are read and written as v1's. */
#include "rpc/reflection.h"

#include <stdlib.h>

#include "rpc/rpc_arena.h"
#include "rpc/rpc_scope.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest ReflectionRequest;
typedef Grpc__Reflection__V1__ServerReflectionResponse ReflectionResponse;

#define CASE_OF(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define ANSWER_OF(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

struct listed_service {
    const char *name;
    bool everywhere;
};

struct rpc_reflection {
    const struct rpc_schema *schema;
    struct listed_service services[RPC_REFLECTION_SERVICES_MAX];
    size_t count;
};

struct rpc_reflection *rpc_reflection_new(const struct rpc_schema *schema)
{
    struct rpc_reflection *reflection = calloc(1, sizeof(*reflection));

    invariant(reflection != NULL);
    reflection->schema = schema;
    return reflection;
}

void rpc_reflection_free(struct rpc_reflection *reflection)
{
    free(reflection);
}

void rpc_reflection_add(struct rpc_reflection *reflection, const char *service_name,
                        bool everywhere)
{
    invariant(reflection->count < RPC_REFLECTION_SERVICES_MAX);
    reflection->services[reflection->count++] = (struct listed_service){service_name, everywhere};
}

/* ---- answers ---- */

static void answer_error(struct arena *arena, enum status_code code, const char *message,
                         ReflectionResponse *response)
{
    Grpc__Reflection__V1__ErrorResponse *error = arena_new(arena,
                                                           Grpc__Reflection__V1__ErrorResponse);

    grpc__reflection__v1__error_response__init(error);
    error->error_code = (int32_t)code;
    error->error_message = (char *)message;
    response->message_response_case = ANSWER_OF(ERROR_RESPONSE);
    response->error_response = error;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The services of an endpoint, sorted. */
static const char **list_names(struct arena *arena, const struct rpc_reflection *reflection,
                               const struct rpc_endpoint *endpoint, size_t *ret_count)
{
    const char *only = endpoint ? endpoint->service_name : NULL, **names;
    const char *const *passed_on = endpoint ? endpoint->passed_on : NULL;
    size_t passed_count = 0, count = 0;

    while (passed_on && passed_on[passed_count]) passed_count++;
    names = arena_array(arena, const char *, reflection->count + passed_count);
    for (size_t i = 0; i < reflection->count; i++) {
        const struct listed_service *service = &reflection->services[i];
        if (!only || service->everywhere || strcmp(only, service->name) == 0)
            names[count++] = service->name;
    }
    for (size_t i = 0; i < passed_count; i++) names[count++] = passed_on[i];
    qsort(names, count, sizeof(*names), by_name);
    *ret_count = count;
    return names;
}

static void answer_services(struct arena *arena, const struct rpc_reflection *reflection,
                            const struct rpc_endpoint *endpoint, ReflectionResponse *response)
{
    size_t count;
    const char **names = list_names(arena, reflection, endpoint, &count);
    Grpc__Reflection__V1__ListServiceResponse *list = arena_new(
        arena, Grpc__Reflection__V1__ListServiceResponse);
    Grpc__Reflection__V1__ServiceResponse *items = arena_array(
        arena, Grpc__Reflection__V1__ServiceResponse, count);

    grpc__reflection__v1__list_service_response__init(list);
    list->service = arena_array(arena, Grpc__Reflection__V1__ServiceResponse *, count);
    list->n_service = count;
    for (size_t i = 0; i < count; i++) {
        grpc__reflection__v1__service_response__init(&items[i]);
        items[i].name = (char *)(uintptr_t)names[i];
        list->service[i] = &items[i];
    }
    response->message_response_case = ANSWER_OF(LIST_SERVICES_RESPONSE);
    response->list_services_response = list;
}

static void answer_numbers(struct arena *arena, const struct rpc_reflection *reflection,
                           const char *type, ReflectionResponse *response)
{
    Grpc__Reflection__V1__ExtensionNumberResponse *answer = arena_new(
        arena, Grpc__Reflection__V1__ExtensionNumberResponse);
    const uint32_t *numbers;
    size_t count;

    if (!reflection->schema || !schema_message_by_name(reflection->schema, str_of(type))) {
        answer_error(arena, STATUS_NOT_FOUND, "there is no such message", response);
        return;
    }
    numbers = schema_extension_numbers(reflection->schema, str_of(type), &count);
    grpc__reflection__v1__extension_number_response__init(answer);
    answer->base_type_name = (char *)type;
    answer->extension_number = arena_array(arena, int32_t, count);
    answer->n_extension_number = count;
    for (size_t i = 0; i < count; i++) answer->extension_number[i] = (int32_t)numbers[i];
    response->message_response_case = ANSWER_OF(ALL_EXTENSION_NUMBERS_RESPONSE);
    response->all_extension_numbers_response = answer;
}

/* ---- files ---- */

/* Only the requested file: clients ask for its imports if they need them. */
static void answer_file(struct arena *arena, struct str file, ReflectionResponse *response)
{
    Grpc__Reflection__V1__FileDescriptorResponse *answer = arena_new(
        arena, Grpc__Reflection__V1__FileDescriptorResponse);

    if (!file.data) {
        answer_error(arena, STATUS_NOT_FOUND, "there is no such file, symbol or extension",
                     response);
        return;
    }
    grpc__reflection__v1__file_descriptor_response__init(answer);
    answer->file_descriptor_proto = arena_new(arena, ProtobufCBinaryData);
    answer->file_descriptor_proto[0] = (ProtobufCBinaryData){file.length,
                                                             (uint8_t *)(uintptr_t)file.data};
    answer->n_file_descriptor_proto = 1;
    response->message_response_case = ANSWER_OF(FILE_DESCRIPTOR_RESPONSE);
    response->file_descriptor_response = answer;
}

static struct str find_file(const struct rpc_schema *schema, const ReflectionRequest *request)
{
    if (!schema) return (struct str){0};
    switch (request->message_request_case) {
    case CASE_OF(FILE_BY_FILENAME):
        return schema_file_by_name(schema, str_of(request->file_by_filename));
    case CASE_OF(FILE_CONTAINING_SYMBOL):
        return schema_file_by_symbol(schema, str_of(request->file_containing_symbol));
    case CASE_OF(FILE_CONTAINING_EXTENSION):
        return schema_file_by_extension(
            schema, str_of(request->file_containing_extension->containing_type),
            (uint32_t)request->file_containing_extension->extension_number);
    default: return (struct str){0};
    }
}

void rpc_reflection_answer(struct arena *arena, const struct rpc_reflection *reflection,
                           const struct rpc_endpoint *endpoint, ReflectionRequest *request,
                           ReflectionResponse *ret_response)
{
    grpc__reflection__v1__server_reflection_response__init(ret_response);
    ret_response->valid_host = request->host;
    ret_response->original_request = request;
    switch (request->message_request_case) {
    case CASE_OF(LIST_SERVICES): answer_services(arena, reflection, endpoint, ret_response); break;
    case CASE_OF(ALL_EXTENSION_NUMBERS_OF_TYPE):
        answer_numbers(arena, reflection, request->all_extension_numbers_of_type, ret_response);
        break;
    case CASE_OF(FILE_BY_FILENAME):
    case CASE_OF(FILE_CONTAINING_SYMBOL):
    case CASE_OF(FILE_CONTAINING_EXTENSION):
        answer_file(arena, find_file(reflection->schema, request), ret_response);
        break;
    default:
        answer_error(arena, STATUS_INVALID_ARGUMENT, "the request is empty; set one of its fields",
                     ret_response);
        break;
    }
}

/* ---- streams ---- */

static struct status server_reflection_info(struct call *call, struct rpc_stream *stream)
{
    const struct rpc_reflection *reflection = call_service(call);
    ReflectionRequest *request;
    ReflectionResponse response;
    struct arena arena; /* of one answer, because a stream may have any number of them */
    struct status st;

    for (;;) {
        st = grpc_reflection_v1_server_reflection_server_reflection_info_next(call, stream,
                                                                              &request);
        if (failed(st) || !request) return st;
        arena_init(&arena, 0);
        call_arena_reset(call, &arena);
        rpc_reflection_answer(&arena, reflection, call->scope->endpoint, request, &response);
        st = grpc_reflection_v1_server_reflection_server_reflection_info_reply(call, stream,
                                                                               &response);
        arena_release(&arena);
        if (failed(st)) return st;
    }
}

/* Answers one request of v1alpha by converting it to v1. */
static struct status answer_alpha(struct call *call, struct arena *arena,
                                  const Grpc__Reflection__V1alpha__ServerReflectionRequest *request,
                                  struct rpc_stream *stream)
{
    ReflectionResponse response;
    ProtobufCMessage *message;
    struct status st = rpc_unpack(arena,
                                  &grpc__reflection__v1__server_reflection_request__descriptor,
                                  rpc_pack(arena, &request->base), &message);

    if (failed(st)) return st;
    rpc_reflection_answer(arena, call_service(call), call->scope->endpoint,
                          (ReflectionRequest *)message, &response);
    st = rpc_unpack(arena, &grpc__reflection__v1alpha__server_reflection_response__descriptor,
                    rpc_pack(arena, &response.base), &message);
    if (failed(st)) return st;
    return rpc_send(call, stream, message);
}

static struct status server_reflection_info_alpha(struct call *call, struct rpc_stream *stream)
{
    Grpc__Reflection__V1alpha__ServerReflectionRequest *request;
    struct arena arena;
    struct status st;

    for (;;) {
        st = grpc_reflection_v1alpha_server_reflection_server_reflection_info_next(call, stream,
                                                                                   &request);
        if (failed(st) || !request) return st;
        arena_init(&arena, 0);
        call_arena_reset(call, &arena);
        st = answer_alpha(call, &arena, request, stream);
        if (failed(st)) st = status_dup(call->arena, st);
        arena_release(&arena);
        if (failed(st)) return st;
    }
}

const struct grpc_reflection_v1_server_reflection_handlers rpc_reflection_v1_handlers = {
    .server_reflection_info = server_reflection_info,
};
const struct grpc_reflection_v1alpha_server_reflection_handlers rpc_reflection_v1alpha_handlers = {
    .server_reflection_info = server_reflection_info_alpha,
};
