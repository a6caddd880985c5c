/* SPDX-License-Identifier: Apache-2.0 */
/* The protoc plugin that makes x.rpc.h and x.rpc.c of x.proto, beside protobuf-c's x.pb-c.h and
 * x.pb-c.c.
 *
 * For each service it writes a table of handlers, a description (struct rpc_service of rpc/rpc.h),
 * and client functions; rpc/rpc.h and rpc/channel.h say how they are used. The client functions are
 * inline, so the generated code can be used without linking the rpc library. A file without
 * services gets both files too, nearly empty.
 *
 * The only input is the CodeGeneratorRequest on standard input, and names of C types are formed as
 * protobuf-c does. */
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "google/protobuf/compiler/plugin.pb-c.h"

typedef Google__Protobuf__FileDescriptorProto ProtoFile;
typedef Google__Protobuf__ServiceDescriptorProto ProtoService;
typedef Google__Protobuf__MethodDescriptorProto ProtoMethod;
typedef Google__Protobuf__SourceCodeInfo__Location ProtoLocation;
typedef Google__Protobuf__Compiler__CodeGeneratorRequest PluginRequest;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse PluginResponse;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse__File PluginFile;

enum { REQUEST_SIZE_MAX = 256 * 1024 * 1024 };

/* Field numbers in FileDescriptorProto and ServiceDescriptorProto, of which a location's path is
 * made. */
enum { FILE_SERVICE = 6, SERVICE_METHOD = 2 };

/* One rpc with everything that the templates below insert. */
struct rpc {
    char *name;                         /* AddToCart */
    char *path;                         /* /cart_service.CartService/AddToCart */
    char *function;                     /* add_to_cart */
    char *prefix;                       /* cart_service */
    char *request_type, *response_type; /* CartService__AddToCartRequest */
    char *request_descriptor,
        *response_descriptor; /* cart_service__add_to_cart_request__descriptor */
    const char *comment;      /* may be NULL */
    bool client_streaming, server_streaming, idempotent;
    size_t index;
};

/* ---- memory: everything is kept until the end of main ---- */

struct kept {
    struct kept *next;
    void *memory;
};

static struct kept *kept_list;

static void *must(void *memory)
{
    if (memory) return memory;
    fputs("protoc-gen-argosy: out of memory\n", stderr);
    exit(1);
}

static void *keep(void *memory)
{
    struct kept *kept = must(malloc(sizeof(*kept)));

    *kept = (struct kept){kept_list, must(memory)};
    kept_list = kept;
    return memory;
}

static void free_kept(void)
{
    while (kept_list) {
        struct kept *kept = kept_list;
        kept_list = kept->next;
        free(kept->memory);
        free(kept);
    }
}

/* Text that grows: written through `out`, there as `data` once it is closed. */
struct text {
    FILE *out;
    char *data;
    size_t size;
};

static void text_open(struct text *text)
{
    text->out = must(open_memstream(&text->data, &text->size));
}

static char *text_close(struct text *text)
{
    if (fclose(text->out) != 0) must(NULL);
    return keep(text->data);
}

static char *print(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *print(const char *format, ...)
{
    va_list arguments;
    struct text text;

    text_open(&text);
    va_start(arguments, format);
    vfprintf(text.out, format, arguments);
    va_end(arguments);
    return text_close(&text);
}

/* ---- names ---- */

/* AddToCart is add_to_cart and HTTPRule is httprule: an underscore goes before a capital that
 * follows no capital. */
static void put_snake(FILE *out, const char *name, size_t length)
{
    bool was_upper = true;

    for (size_t i = 0; i < length; i++) {
        bool upper = isupper((unsigned char)name[i]);
        if (upper && !was_upper) fputc('_', out);
        fputc(tolower((unsigned char)name[i]), out);
        was_upper = upper;
    }
}

/* cart_service is CartService. */
static void put_camel(FILE *out, const char *name, size_t length)
{
    bool capital = true;

    for (size_t i = 0; i < length; i++) {
        if (name[i] == '_') {
            capital = true;
            continue;
        }
        fputc(capital ? toupper((unsigned char)name[i]) : name[i], out);
        capital = false;
    }
}

/* Converts each part of a full name (".cart_service.CartData") and joins them. */
static char *join_parts(const char *full_name, const char *joint,
                        void (*put)(FILE *out, const char *part, size_t length))
{
    struct text text;
    bool first = true;

    text_open(&text);
    while (*full_name) {
        size_t length = strcspn(full_name, ".");
        if (length > 0) {
            if (!first) fputs(joint, text.out);
            put(text.out, full_name, length);
            first = false;
        }
        full_name += length;
        if (*full_name == '.') full_name++;
    }
    return text_close(&text);
}

static char *type_name(const char *full_name)
{
    return join_parts(full_name, "__", put_camel);
}

static char *descriptor_name(const char *full_name)
{
    return print("%s__descriptor", join_parts(full_name, "__", put_snake));
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static char *full_service_name(const ProtoFile *file, const ProtoService *service)
{
    return file->package && *file->package ? print("%s.%s", file->package, service->name)
                                           : print("%s", service->name);
}

/* The shop's services go by their simple name. Those of gRPC and Google, of which one program may
 * have several of one name (reflection v1 and v1alpha), go by the full one. */
static char *service_prefix(const ProtoFile *file, const ProtoService *service)
{
    const char *package = file->package ? file->package : "";

    if (starts_with(package, "grpc.") || starts_with(package, "google."))
        return join_parts(full_service_name(file, service), "_", put_snake);
    return join_parts(service->name, "_", put_snake);
}

/* "a/cart.proto" without its ending. */
static char *file_stem(const char *name)
{
    size_t length = strlen(name);

    if (length > 6 && strcmp(name + length - 6, ".proto") == 0) length -= 6;
    return print("%.*s", (int)length, name);
}

static char *include_guard(const char *stem)
{
    char *guard = print("PROTO_%s_RPC_H", stem);

    for (char *c = guard; *c; c++)
        *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
    return guard;
}

/* ---- comments ---- */

static const char *comment_at(const ProtoFile *file, const int32_t *path, size_t depth)
{
    if (!file->source_code_info) return NULL;
    for (size_t i = 0; i < file->source_code_info->n_location; i++) {
        const ProtoLocation *location = file->source_code_info->location[i];
        if (location->n_path == depth && memcmp(location->path, path, depth * sizeof(*path)) == 0)
            return location->leading_comments;
    }
    return NULL;
}

/* Writes a proto's comment as a C comment; what would open or end one inside is pulled apart. */
static void put_comment(FILE *out, const char *indent, const char *comment)
{
    size_t length = comment ? strlen(comment) : 0;

    while (length > 0 && isspace((unsigned char)comment[length - 1])) length--;
    if (length == 0) return;
    fprintf(out, "%s/*", indent);
    if (!isspace((unsigned char)comment[0])) fputc(' ', out);
    for (size_t i = 0; i < length; i++) {
        char next = i + 1 < length ? comment[i + 1] : '\0';
        fputc(comment[i], out);
        if (comment[i] == '\n') fprintf(out, "%s *", indent);
        if ((comment[i] == '*' && next == '/') || (comment[i] == '/' && next == '*'))
            fputc(' ', out);
    }
    fputs(" */\n", out);
}

/* ---- the handlers' table ---- */

/* The parameters of a handler by the kind of its rpc. */
static char *handler_parameters(const struct rpc *rpc)
{
    if (rpc->client_streaming && rpc->server_streaming)
        return print("struct call *call, struct rpc_stream *stream");
    if (rpc->client_streaming)
        return print("struct call *call, struct rpc_stream *stream, %s *response",
                     rpc->response_type);
    if (rpc->server_streaming)
        return print("struct call *call, const %s *request, struct rpc_stream *stream",
                     rpc->request_type);
    return print("struct call *call, const %s *request,\n        %s *response", rpc->request_type,
                 rpc->response_type);
}

static void put_handlers(FILE *out, const char *prefix, const struct rpc *rpcs, size_t count)
{
    fprintf(out, "struct %s_handlers {\n", prefix);
    for (size_t i = 0; i < count; i++) {
        put_comment(out, "    ", rpcs[i].comment);
        fprintf(out, "    struct status (*%s)(%s);\n", rpcs[i].function,
                handler_parameters(&rpcs[i]));
    }
    fprintf(out, "};\n\nextern const struct rpc_service %s_rpc;\n", prefix);
}

/* ---- client functions ---- */

static void put_unary_client(FILE *out, const struct rpc *rpc)
{
    put_comment(out, "", rpc->comment);
    fprintf(out,
            "static inline struct status %s_%s_with(\n"
            "    struct call *call, struct rpc_channel *channel, const %s *request,\n"
            "    const struct rpc_options *options, %s **ret_response)\n"
            "{\n"
            "    ProtobufCMessage *response = NULL;\n"
            "    struct status st = rpc_call(call, channel, &%s_rpc.methods[%zu], &request->base, "
            "options, &response);\n"
            "    if (!failed(st)) *ret_response = (%s *)response;\n"
            "    return st;\n"
            "}\n\n",
            rpc->prefix, rpc->function, rpc->request_type, rpc->response_type, rpc->prefix,
            rpc->index, rpc->response_type);
    fprintf(out,
            "static inline struct status %s_%s(\n"
            "    struct call *call, struct rpc_channel *channel, const %s *request,\n"
            "    %s **ret_response)\n"
            "{\n"
            "    return %s_%s_with(call, channel, request, NULL, ret_response);\n"
            "}\n\n",
            rpc->prefix, rpc->function, rpc->request_type, rpc->response_type, rpc->prefix,
            rpc->function);
}

static void put_open_with_request(FILE *out, const struct rpc *rpc)
{
    fprintf(out,
            "/* Opens the call and sends its one request. When that fails there is no stream to "
            "finish. */\n"
            "static inline struct status %s_%s_open(\n"
            "    struct call *call, struct rpc_channel *channel, const %s *request,\n"
            "    const struct rpc_options *options, struct rpc_stream **ret_stream)\n"
            "{\n"
            "    struct rpc_stream *stream = NULL;\n"
            "    struct status st = rpc_stream_open(call, channel, &%s_rpc.methods[%zu], options, "
            "&stream);\n"
            "    if (failed(st)) return st;\n"
            "    st = rpc_send(call, stream, &request->base);\n"
            "    if (!failed(st)) st = rpc_send_end(call, stream);\n"
            "    if (failed(st)) {\n"
            "        struct status final = rpc_stream_finish(call, stream); /* the peer's own "
            "words, if it has any */\n"
            "        return failed(final) ? final : st;\n"
            "    }\n"
            "    *ret_stream = stream;\n"
            "    return st;\n"
            "}\n\n",
            rpc->prefix, rpc->function, rpc->request_type, rpc->prefix, rpc->index);
}

static void put_open_and_send(FILE *out, const struct rpc *rpc)
{
    fprintf(
        out,
        "static inline struct status %s_%s_open(\n"
        "    struct call *call, struct rpc_channel *channel, const struct rpc_options *options,\n"
        "    struct rpc_stream **ret_stream)\n"
        "{\n"
        "    return rpc_stream_open(call, channel, &%s_rpc.methods[%zu], options, ret_stream);\n"
        "}\n\n",
        rpc->prefix, rpc->function, rpc->prefix, rpc->index);
    fprintf(out,
            "static inline struct status %s_%s_send(\n"
            "    struct call *call, struct rpc_stream *stream, const %s *request)\n"
            "{\n"
            "    return rpc_send(call, stream, &request->base);\n"
            "}\n\n",
            rpc->prefix, rpc->function, rpc->request_type);
}

static void put_streaming_client(FILE *out, const struct rpc *rpc)
{
    put_comment(out, "", rpc->comment);
    if (rpc->client_streaming)
        put_open_and_send(out, rpc);
    else
        put_open_with_request(out, rpc);
    fprintf(out,
            "/* The next message, or NULL at the end. */\n"
            "static inline struct status %s_%s_receive(\n"
            "    struct call *call, struct rpc_stream *stream, %s **ret_response)\n"
            "{\n"
            "    ProtobufCMessage *response = NULL;\n"
            "    struct status st = rpc_receive(call, stream, &response);\n"
            "    if (!failed(st)) *ret_response = (%s *)response;\n"
            "    return st;\n"
            "}\n\n",
            rpc->prefix, rpc->function, rpc->response_type, rpc->response_type);
}

/* For handlers: their side of a stream with its right types. */
static void put_handler_streams(FILE *out, const struct rpc *rpc)
{
    if (rpc->client_streaming)
        fprintf(out,
                "/* For the handler: the next request, or NULL at the end. */\n"
                "static inline struct status %s_%s_next(\n"
                "    struct call *call, struct rpc_stream *stream, %s **ret_request)\n"
                "{\n"
                "    ProtobufCMessage *request = NULL;\n"
                "    struct status st = rpc_receive(call, stream, &request);\n"
                "    if (!failed(st)) *ret_request = (%s *)request;\n"
                "    return st;\n"
                "}\n\n",
                rpc->prefix, rpc->function, rpc->request_type, rpc->request_type);
    if (rpc->server_streaming)
        fprintf(out,
                "/* For the handler: sends one response. */\n"
                "static inline struct status %s_%s_reply(\n"
                "    struct call *call, struct rpc_stream *stream, const %s *response)\n"
                "{\n"
                "    return rpc_send(call, stream, &response->base);\n"
                "}\n\n",
                rpc->prefix, rpc->function, rpc->response_type);
}

/* ---- the description ---- */

/* The server knows handlers as `void (*)(void)`; the thunk gives its handler the real type back
 * before calling it. */
static void put_thunk(FILE *out, const struct rpc *rpc)
{
    const char *first = rpc->client_streaming ? "stream" : "(const void *)request";
    const char *second = rpc->server_streaming ? "stream" : "(void *)response";
    bool both = rpc->client_streaming && rpc->server_streaming;

    fprintf(out,
            "static struct status invoke_%s_%s(\n"
            "    void (*handler)(void), struct call *call, const ProtobufCMessage *request,\n"
            "    ProtobufCMessage *response, struct rpc_stream *stream)\n"
            "{\n"
            "    struct status (*typed)(%s) =\n"
            "        (struct status (*)(%s))handler;\n"
            "    (void)request;\n    (void)response;\n    (void)stream;\n"
            "    return typed(call, %s%s%s);\n"
            "}\n\n",
            rpc->prefix, rpc->function, handler_parameters(rpc), handler_parameters(rpc), first,
            both ? "" : ", ", both ? "" : second);
}

static const char *boolean(bool value)
{
    return value ? "true" : "false";
}

static void put_method(FILE *out, const struct rpc *rpc)
{
    fprintf(out,
            "    {\n"
            "        .name = \"%s\",\n"
            "        .path = \"%s\",\n"
            "        .request = &%s,\n"
            "        .response = &%s,\n"
            "        .client_streaming = %s,\n"
            "        .server_streaming = %s,\n"
            "        .idempotent = %s,\n"
            "        .handler = offsetof(struct %s_handlers, %s),\n"
            "        .invoke = invoke_%s_%s,\n"
            "    },\n",
            rpc->name, rpc->path, rpc->request_descriptor, rpc->response_descriptor,
            boolean(rpc->client_streaming), boolean(rpc->server_streaming),
            boolean(rpc->idempotent), rpc->prefix, rpc->function, rpc->prefix, rpc->function);
}

static void put_description(FILE *out, const char *prefix, const char *full_name,
                            const struct rpc *rpcs, size_t count)
{
    for (size_t i = 0; i < count; i++) put_thunk(out, &rpcs[i]);
    fprintf(out, "static const struct rpc_method %s_methods[] = {\n", prefix);
    for (size_t i = 0; i < count; i++) put_method(out, &rpcs[i]);
    fprintf(out, "};\n\nconst struct rpc_service %s_rpc = {\"%s\", %s_methods, %zu};\n", prefix,
            full_name, prefix, count);
}

/* ---- files ---- */

static struct rpc read_rpc(const ProtoFile *file, size_t service_index, size_t index)
{
    const ProtoService *service = file->service[service_index];
    const ProtoMethod *method = service->method[index];
    const int32_t path[] = {FILE_SERVICE, (int32_t)service_index, SERVICE_METHOD, (int32_t)index};
    bool idempotent = method->options && method->options->has_idempotency_level &&
                      method->options->idempotency_level !=
                          GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__IDEMPOTENCY_UNKNOWN;

    return (struct rpc){
        .name = method->name,
        .path = print("/%s/%s", full_service_name(file, service), method->name),
        .function = join_parts(method->name, "", put_snake),
        .prefix = service_prefix(file, service),
        .request_type = type_name(method->input_type),
        .response_type = type_name(method->output_type),
        .request_descriptor = descriptor_name(method->input_type),
        .response_descriptor = descriptor_name(method->output_type),
        .comment = comment_at(file, path, 4),
        .client_streaming = method->client_streaming,
        .server_streaming = method->server_streaming,
        .idempotent = idempotent,
        .index = index,
    };
}

static void put_service(FILE *header, FILE *source, const ProtoFile *file, size_t service_index)
{
    const ProtoService *service = file->service[service_index];
    const int32_t path[] = {FILE_SERVICE, (int32_t)service_index};
    const char *prefix = service_prefix(file, service);
    size_t count = service->n_method;
    struct rpc *rpcs = keep(calloc(count + 1, sizeof(*rpcs)));

    for (size_t i = 0; i < count; i++) rpcs[i] = read_rpc(file, service_index, i);

    fprintf(header, "\n/* ---- %s ---- */\n\n", full_service_name(file, service));
    put_comment(header, "", comment_at(file, path, 2));
    put_handlers(header, prefix, rpcs, count);
    fputc('\n', header);
    for (size_t i = 0; i < count; i++) {
        bool streaming = rpcs[i].client_streaming || rpcs[i].server_streaming;
        if (streaming)
            put_streaming_client(header, &rpcs[i]);
        else
            put_unary_client(header, &rpcs[i]);
        put_handler_streams(header, &rpcs[i]);
    }

    fputc('\n', source);
    put_description(source, prefix, full_service_name(file, service), rpcs, count);
}

static PluginFile *output_file(char *name, char *content)
{
    PluginFile *file = keep(malloc(sizeof(*file)));

    google__protobuf__compiler__code_generator_response__file__init(file);
    file->name = name;
    file->content = content;
    return file;
}

static void generate(const ProtoFile *file, PluginResponse *response)
{
    char *stem = file_stem(file->name);
    char *guard = include_guard(stem);
    struct text header, source;

    text_open(&header);
    text_open(&source);
    fprintf(header.out, "/* Made from %s by protoc-gen-argosy. */\n#ifndef %s\n#define %s\n\n",
            file->name, guard, guard);
    fprintf(header.out, "#include \"%s.pb-c.h\"\n", stem);
    if (file->n_service > 0) fputs("#include \"rpc/channel.h\"\n", header.out);
    fprintf(source.out, "/* Made from %s by protoc-gen-argosy. */\n", file->name);
    if (file->n_service > 0) fputs("#include <stddef.h>\n\n", source.out);
    fprintf(source.out, "#include \"%s.rpc.h\"\n", stem);
    for (size_t i = 0; i < file->n_service; i++) put_service(header.out, source.out, file, i);
    fputs("\n#endif\n", header.out);

    response->file[response->n_file++] = output_file(print("%s.rpc.h", stem), text_close(&header));
    response->file[response->n_file++] = output_file(print("%s.rpc.c", stem), text_close(&source));
}

static const ProtoFile *find_file(const PluginRequest *request, const char *name)
{
    for (size_t i = 0; i < request->n_proto_file; i++)
        if (strcmp(request->proto_file[i]->name, name) == 0) return request->proto_file[i];
    fprintf(stderr, "protoc-gen-argosy: the request asks for %s but does not hold it\n", name);
    exit(1);
}

static PluginRequest *read_request(void)
{
    char chunk[65536];
    struct text text;
    size_t got;
    char *data;
    PluginRequest *request = NULL;

    text_open(&text);
    while ((got = fread(chunk, 1, sizeof(chunk), stdin)) > 0) {
        fwrite(chunk, 1, got, text.out);
        if (ftell(text.out) > REQUEST_SIZE_MAX) break;
    }
    data = text_close(&text);
    if (text.size <= REQUEST_SIZE_MAX)
        request = google__protobuf__compiler__code_generator_request__unpack(NULL, text.size,
                                                                             (const uint8_t *)data);
    if (request) return request;
    fputs("protoc-gen-argosy: the standard input holds no CodeGeneratorRequest; protoc is to start "
          "this program\n",
          stderr);
    exit(1);
}

static bool write_response(const PluginResponse *response)
{
    size_t size = google__protobuf__compiler__code_generator_response__get_packed_size(response);
    uint8_t *packed = keep(malloc(size + 1));

    google__protobuf__compiler__code_generator_response__pack(response, packed);
    if (fwrite(packed, 1, size, stdout) == size && fflush(stdout) == 0) return true;
    perror("protoc-gen-argosy: cannot write the answer");
    return false;
}

int main(void)
{
    PluginRequest *request = read_request();
    PluginResponse response = GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__INIT;
    bool written;

    response.has_supported_features = true;
    response.supported_features =
        GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__FEATURE__FEATURE_PROTO3_OPTIONAL;
    response.file = keep(calloc(2 * request->n_file_to_generate + 1, sizeof(PluginFile *)));
    for (size_t i = 0; i < request->n_file_to_generate; i++)
        generate(find_file(request, request->file_to_generate[i]), &response);
    written = write_response(&response);

    google__protobuf__compiler__code_generator_request__free_unpacked(request, NULL);
    free_kept();
    return written ? 0 : 1;
}
