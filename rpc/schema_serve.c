/* SPDX-License-Identifier: Apache-2.0 */
/* The last step of making a schema: services, methods, and their HTTP mapping (google.api.http). */
#include "google/api/http.pb-c.h"
#include "rpc/rpc_arena.h"
#include "rpc/schema_pool.h"

typedef Google__Api__HttpRule ProtoHttp;

enum { OPTION_HTTP = 72295728 }; /* google.api.http's number in MethodOptions */

/* The method that is being read, and its name for errors. */
struct subject {
    const char *name;
    const struct schema_method *method;
};

static struct status read_pattern(struct schema_builder *builder, const struct subject *subject,
                                  const ProtoHttp *rule, struct schema_http *http)
{
    http->pattern = NULL;
    switch (rule->pattern_case) {
    case GOOGLE__API__HTTP_RULE__PATTERN_GET:
        http->method = "GET", http->pattern = rule->get;
        break;
    case GOOGLE__API__HTTP_RULE__PATTERN_PUT:
        http->method = "PUT", http->pattern = rule->put;
        break;
    case GOOGLE__API__HTTP_RULE__PATTERN_POST:
        http->method = "POST", http->pattern = rule->post;
        break;
    case GOOGLE__API__HTTP_RULE__PATTERN_DELETE:
        http->method = "DELETE", http->pattern = rule->delete_;
        break;
    case GOOGLE__API__HTTP_RULE__PATTERN_PATCH:
        http->method = "PATCH", http->pattern = rule->patch;
        break;
    case GOOGLE__API__HTTP_RULE__PATTERN_CUSTOM:
        if (rule->custom->base.n_unknown_fields > 0 || !*rule->custom->kind)
            return schema_wrong(builder,
                                "%s: a custom HTTP rule needs a kind and a path and nothing else",
                                subject->name);
        http->method = arena_strdup(builder->arena, rule->custom->kind);
        http->pattern = rule->custom->path;
        break;
    default: break;
    }
    if (!http->pattern || http->pattern[0] != '/')
        return schema_wrong(builder, "%s: its HTTP rule has no path that begins with a slash",
                            subject->name);
    http->pattern = arena_strdup(builder->arena, http->pattern);
    return status_ok();
}

static struct status check_body(struct schema_builder *builder, const struct subject *subject,
                                const char *what, const struct schema_message *message,
                                const char *field)
{
    if (!*field || schema_field_by_name(message, str_of(field))) return status_ok();
    return schema_wrong(builder, "%s: the %s of its HTTP rule, \"%s\", is not a field of %s",
                        subject->name, what, field, message->name);
}

static struct status read_rule(struct schema_builder *builder, const struct subject *subject,
                               const ProtoHttp *rule, struct schema_http *http)
{
    struct status st;

    if (rule->base.n_unknown_fields > 0 || *rule->selector)
        return schema_wrong(builder, "%s: its HTTP rule has unknown parts", subject->name);
    st = read_pattern(builder, subject, rule, http);
    if (failed(st)) return st;
    http->body = arena_strdup(builder->arena, rule->body);
    http->response_body = arena_strdup(builder->arena, rule->response_body);
    if (strcmp(http->body, "*") != 0) {
        st = check_body(builder, subject, "body", subject->method->request, http->body);
        if (failed(st)) return st;
    }
    return check_body(builder, subject, "response_body", subject->method->response,
                      http->response_body);
}

static struct status read_http(struct schema_builder *builder, const struct subject *subject,
                               const ProtoMethod *proto, struct schema_method *method)
{
    struct str encoded = schema_option(builder, proto->options ? &proto->options->base : NULL,
                                       OPTION_HTTP);
    ProtobufCMessage *message;
    const ProtoHttp *rule;
    struct schema_http *http;
    struct status st;

    if (!encoded.data) return status_ok();
    st = rpc_unpack(builder->scratch, &google__api__http_rule__descriptor, encoded, &message);
    if (failed(st)) return schema_wrong(builder, "%s: %s", subject->name, st.message);
    rule = (const ProtoHttp *)message;

    http = arena_array(builder->arena, struct schema_http, 1 + rule->n_additional_bindings);
    st = read_rule(builder, subject, rule, &http[0]);
    for (size_t i = 0; i < rule->n_additional_bindings && !failed(st); i++) {
        if (rule->additional_bindings[i]->n_additional_bindings > 0)
            return schema_wrong(builder, "%s: an additional binding has bindings of its own",
                                subject->name);
        st = read_rule(builder, subject, rule->additional_bindings[i], &http[1 + i]);
    }
    method->http = http;
    method->http_count = 1 + rule->n_additional_bindings;
    return st;
}

static struct status read_method(struct schema_builder *builder, const struct schema_file *file,
                                 const char *service_name, const ProtoMethod *proto,
                                 struct schema_method *method)
{
    struct subject subject = {.method = method};
    struct status st;

    if (!proto->name) return schema_wrong(builder, "a method of %s has no name", service_name);
    subject.name = arena_printf(builder->arena, "%s.%s", service_name, proto->name);
    st = schema_symbol_add(builder, SYMBOL_OTHER, file, subject.name, NULL);
    if (failed(st)) return st;
    method->name = arena_strdup(builder->arena, proto->name);
    method->path = arena_printf(builder->arena, "/%s/%s", service_name, proto->name);
    method->request = schema_object(builder->schema, SYMBOL_MESSAGE, proto->input_type);
    method->response = schema_object(builder->schema, SYMBOL_MESSAGE, proto->output_type);
    if (!method->request || !method->response)
        return schema_wrong(builder, "%s: its request's or response's type is not in the set",
                            subject.name);
    method->client_streaming = proto->client_streaming;
    method->server_streaming = proto->server_streaming;
    method->idempotent =
        proto->options && proto->options->has_idempotency_level &&
        proto->options->idempotency_level !=
            GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__IDEMPOTENCY_UNKNOWN;
    name_table_add(&builder->schema->methods, str_of(method->path), method);
    return read_http(builder, &subject, proto, method);
}

static struct status read_service(struct schema_builder *builder, size_t file_index,
                                  const ProtoService *proto, struct schema_service *service)
{
    const struct schema_file *file = &builder->files[file_index];
    const char *package = builder->protos[file_index]->package;
    struct schema_method *methods = arena_array(builder->arena, struct schema_method,
                                                proto->n_method);
    struct status st;

    if (!proto->name) return schema_wrong(builder, "a service of %s has no name", file->name.data);
    service->name = package && *package
                        ? arena_printf(builder->arena, "%s.%s", package, proto->name)
                        : arena_strdup(builder->arena, proto->name);
    service->methods = methods;
    service->method_count = proto->n_method;
    st = schema_symbol_add(builder, SYMBOL_SERVICE, file, service->name, service);
    for (size_t i = 0; i < proto->n_method && !failed(st); i++)
        st = read_method(builder, file, service->name, proto->method[i], &methods[i]);
    return st;
}

struct status schema_serve(struct schema_builder *builder)
{
    size_t service_count = 0, method_count = 0, next = 0;
    struct schema_service *services;
    struct status st = status_ok();

    for (size_t i = 0; i < builder->file_count; i++) {
        service_count += builder->protos[i]->n_service;
        for (size_t s = 0; s < builder->protos[i]->n_service; s++)
            method_count += builder->protos[i]->service[s]->n_method;
    }
    services = arena_array(builder->arena, struct schema_service, service_count);
    name_table_init(builder->arena, &builder->schema->methods, method_count);
    for (size_t i = 0; i < builder->file_count && !failed(st); i++)
        for (size_t s = 0; s < builder->protos[i]->n_service && !failed(st); s++)
            st = read_service(builder, i, builder->protos[i]->service[s], &services[next++]);
    builder->schema->services = services;
    builder->schema->service_count = service_count;
    return st;
}
