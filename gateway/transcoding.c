/* SPDX-License-Identifier: Apache-2.0 */
/* Collects the HTTP rules of a proto's services, and reads descriptor sets from files. */
#include "gateway/transcoding.h"

#include <errno.h>
#include <stdio.h>

#include "rpc/wire.h"

enum { FILE_NAME = 1 }; /* FileDescriptorProto.name */

/* ---- which services ---- */

/* The name of the file that declares a service. */
static struct str file_of(const struct rpc_schema *schema, const struct schema_service *service)
{
    struct str file = schema_file_by_symbol(schema, str_of(service->name));
    struct wire_field field;

    while (wire_next(&file, &field) == WIRE_FIELD)
        if (field.number == FILE_NAME && field.type == WIRE_BYTES) return field.bytes;
    return STR("");
}

static struct str base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return str_of(slash ? slash + 1 : path);
}

static struct status read_file(const struct plugin_context *context, const char *path,
                               struct str *ret_content)
{
    FILE *file = fopen(path, "rb");
    struct buffer content;
    char piece[16 * 1024];
    size_t size;

    if (!file)
        return plugin_error(context, &plugin_grpc_gateway, "%s cannot be read: %s", path,
                            strerror(errno));
    buffer_init(&content, SCHEMA_SIZE_MAX);
    while ((size = fread(piece, 1, sizeof(piece), file)) > 0) buffer_append(&content, piece, size);
    bool broken = ferror(file) != 0;
    fclose(file);
    bool overflow = content.overflow;
    *ret_content = str_sized(
        arena_memdup(context->arena, content.data ? content.data : "", content.length),
        content.length);
    buffer_release(&content);
    if (broken || overflow)
        return plugin_error(context, &plugin_grpc_gateway,
                            "%s cannot be read completely, or is too large", path);
    return status_ok();
}

static struct status load_set(const struct plugin_context *context, const char *path,
                              const struct rpc_schema **ret_schema)
{
    struct str content;
    struct status st = read_file(context, path, &content);

    if (failed(st)) return st;
    st = rpc_schema_new(context->arena, content, ret_schema);
    if (failed(st)) return plugin_error(context, &plugin_grpc_gateway, "%s: %s", path, st.message);
    return status_ok();
}

static struct status unknown_proto(const struct plugin_context *context, const char *proto)
{
    const char *known = "";
    size_t count;
    const struct schema_service *services = schema_services(context->schema, &count);

    for (size_t i = 0; i < count; i++) {
        struct str name = file_of(context->schema, &services[i]);
        if (i > 0 && str_equal(name, file_of(context->schema, &services[i - 1]))) continue;
        known = arena_printf(context->arena, "%s%s%.*s", known, known[0] ? ", " : "",
                             STR_ARGS(name));
    }
    return plugin_error(
        context, &plugin_grpc_gateway,
        "the proto %s is not compiled in; these are: %s; or name a descriptor set *.binpb", proto,
        known);
}

/* ---- their rules ---- */

struct build {
    const struct plugin_context *context;
    struct transcoding *transcoding;
    struct transcode_types *types;
    struct str file; /* only services of this file; data NULL: of all files */
};

static bool is_wanted(const struct build *build, const struct schema_service *service)
{
    return !build->file.data ||
           str_equal(file_of(build->transcoding->schema, service), build->file);
}

static const struct schema_field *find_status_code(const struct schema_message *response)
{
    const struct schema_field *field = schema_field_by_name(response, STR("status_code"));

    return field && field->type == SCHEMA_INT32 && !field->repeated ? field : NULL;
}

static struct status add_rule(struct build *build, const struct schema_service *service,
                              const struct schema_method *method, const struct schema_http *http)
{
    struct transcoding_route *route = &build->transcoding->routes[build->transcoding->count];
    struct binding *binding;
    const void *other;
    struct status st = binding_new(build->context->arena, build->types, method, http, &binding);

    if (failed(st)) return plugin_error(build->context, &plugin_grpc_gateway, "%s", st.message);
    route->binding = binding;
    route->service = service;
    route->traffic.route = http->pattern;
    route->traffic.method = http->method;
    if (!http->response_body[0]) route->status_code = find_status_code(method->response);
    if (!router_add(build->transcoding->router, http->method, &binding->template, route, &other)) {
        const struct transcoding_route *first = other;
        return plugin_error(build->context, &plugin_grpc_gateway,
                            "%s and %s have the same HTTP rule %s %s", first->binding->method->path,
                            method->path, http->method, http->pattern);
    }
    build->transcoding->count++;
    return status_ok();
}

static struct status add_service(struct build *build, const struct schema_service *service)
{
    struct status st = status_ok();

    for (size_t m = 0; m < service->method_count; m++)
        for (size_t h = 0; h < service->methods[m].http_count && !failed(st); h++)
            st = add_rule(build, service, &service->methods[m], &service->methods[m].http[h]);
    return st;
}

static size_t count_rules(const struct schema_service *services, size_t count)
{
    size_t rules = 0;

    for (size_t i = 0; i < count; i++)
        for (size_t m = 0; m < services[i].method_count; m++)
            rules += services[i].methods[m].http_count;
    return rules;
}

struct status transcoding_new(const struct plugin_context *context, const char *proto,
                              const struct transcoding **ret_transcoding)
{
    struct transcoding *transcoding = arena_new(context->arena, struct transcoding);
    struct build build = {.context = context, .transcoding = transcoding};
    struct status st = status_ok();
    size_t count;

    transcoding->schema = context->schema;
    if (str_ends_with(str_of(proto), STR(".binpb"))) {
        st = load_set(context, proto, &transcoding->schema);
        if (failed(st)) return st;
    } else {
        build.file = base_name(proto);
        if (!schema_file_by_name(context->schema, build.file).data)
            return unknown_proto(context, proto);
    }
    const struct schema_service *services = schema_services(transcoding->schema, &count);
    transcoding->router = router_new(context->arena);
    transcoding->routes = arena_array(context->arena, struct transcoding_route,
                                      count_rules(services, count));
    build.types = transcode_types_new(context->arena, transcoding->schema);
    for (size_t i = 0; i < count && !failed(st); i++)
        if (is_wanted(&build, &services[i])) st = add_service(&build, &services[i]);
    if (!failed(st)) *ret_transcoding = transcoding;
    return st;
}
