/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a schema from a descriptor set, and looks things up in it. */
#include "rpc/schema.h"

#include "reasons.pb-c.h"
#include "rpc/rpc_arena.h"
#include "rpc/schema_pool.h"
#include "rpc/wire.h"

enum { FILE_DESCRIPTOR_SET_FILE = 1 }; /* FileDescriptorSet.file */

struct status schema_wrong(const struct schema_builder *builder, const char *format, ...)
{
    va_list arguments;
    const char *text;

    va_start(arguments, format);
    text = arena_vprintf(builder->arena, format, arguments);
    va_end(arguments);
    return status_printf(builder->arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MALFORMED_MESSAGE,
                         "the descriptor set cannot be used: %s", text);
}

/* The set is split by hand, because reflection returns each file's original bytes. */
static struct status split_files(struct schema_builder *builder, struct str set)
{
    struct str rest = set;
    struct wire_field field;
    enum wire_result result;
    size_t count = 0;

    while ((result = wire_next(&rest, &field)) == WIRE_FIELD)
        if (field.number == FILE_DESCRIPTOR_SET_FILE && field.type == WIRE_BYTES) count++;
    if (result == WIRE_BROKEN)
        return schema_wrong(builder, "its bytes are not a FileDescriptorSet");

    builder->file_count = count;
    builder->files = arena_array(builder->arena, struct schema_file, count);
    builder->protos = arena_array(builder->scratch, const ProtoFile *, count);
    count = 0;
    for (rest = set; wire_next(&rest, &field) == WIRE_FIELD;)
        if (field.number == FILE_DESCRIPTOR_SET_FILE && field.type == WIRE_BYTES)
            builder->files[count++].encoded = field.bytes;
    return status_ok();
}

static struct status parse_file(struct schema_builder *builder, size_t index)
{
    struct schema_file *file = &builder->files[index];
    ProtobufCMessage *message;
    const ProtoFile *proto;
    struct status st = rpc_unpack(builder->scratch,
                                  &google__protobuf__file_descriptor_proto__descriptor,
                                  file->encoded, &message);

    if (failed(st)) return schema_wrong(builder, "file %zu: %s", index + 1, st.message);
    proto = (const ProtoFile *)message;
    builder->protos[index] = proto;
    if (!proto->name) return schema_wrong(builder, "file %zu has no name", index + 1);
    if (proto->syntax && strcmp(proto->syntax, "proto2") != 0 &&
        strcmp(proto->syntax, "proto3") != 0)
        return schema_wrong(builder, "%s: the syntax \"%s\" is unknown; use proto3 or proto2",
                            proto->name, proto->syntax);

    file->name = str_of(arena_strdup(builder->arena, proto->name));
    file->other = (struct schema_symbol){SYMBOL_OTHER, file, NULL};
    if (!name_table_add(&builder->schema->files, file->name, file))
        return schema_wrong(builder, "%s occurs twice", proto->name);
    return status_ok();
}

static struct status parse_files(struct schema_builder *builder)
{
    struct status st = status_ok();

    name_table_init(builder->arena, &builder->schema->files, builder->file_count);
    for (size_t i = 0; i < builder->file_count && !failed(st); i++) st = parse_file(builder, i);
    return st;
}

static struct status build(struct schema_builder *builder, struct str set)
{
    struct status st = split_files(builder, set);

    if (!failed(st)) st = parse_files(builder);
    if (!failed(st)) st = schema_declare(builder);
    if (!failed(st)) st = schema_link(builder);
    if (!failed(st)) st = schema_serve(builder);
    return st;
}

struct status rpc_schema_new(struct arena *arena, struct str descriptor_set,
                             const struct rpc_schema **ret_schema)
{
    struct arena scratch;
    struct schema_builder builder = {.arena = arena, .scratch = &scratch};
    struct status st;

    if (descriptor_set.length > SCHEMA_SIZE_MAX)
        return schema_wrong(&builder, "it has %zu bytes, more than %d", descriptor_set.length,
                            SCHEMA_SIZE_MAX);
    arena_init(&scratch, 16 * (size_t)SCHEMA_SIZE_MAX);
    builder.schema = arena_new(arena, struct rpc_schema);
    builder.drafts_end = &builder.drafts;
    st = build(&builder, descriptor_set);
    arena_release(&scratch);
    if (!failed(st) && arena->exhausted)
        st = status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__MEMORY_LIMIT,
                         "the descriptor set needs more memory than allowed");
    if (!failed(st)) *ret_schema = builder.schema;
    return st;
}

/* ---- looking up ---- */

const struct schema_service *schema_services(const struct rpc_schema *schema, size_t *ret_count)
{
    *ret_count = schema->service_count;
    return schema->services;
}

static const void *symbol_object(const struct rpc_schema *schema, enum schema_symbol_kind kind,
                                 struct str name)
{
    const struct schema_symbol *symbol = name_table_get(&schema->symbols, name);

    return symbol && symbol->kind == kind ? symbol->object : NULL;
}

const void *schema_object(const struct rpc_schema *schema, enum schema_symbol_kind kind,
                          const char *type_name)
{
    if (!type_name || type_name[0] != '.') return NULL; /* protoc writes full names only */
    return symbol_object(schema, kind, str_of(type_name + 1));
}

const struct schema_service *schema_service_by_name(const struct rpc_schema *schema,
                                                    struct str name)
{
    return symbol_object(schema, SYMBOL_SERVICE, name);
}

const struct schema_method *schema_method_by_path(const struct rpc_schema *schema, struct str path)
{
    return name_table_get(&schema->methods, path);
}

const struct schema_message *schema_message_by_name(const struct rpc_schema *schema,
                                                    struct str name)
{
    return symbol_object(schema, SYMBOL_MESSAGE, name);
}

const struct schema_field *schema_field_by_name(const struct schema_message *message,
                                                struct str name)
{
    return name_table_get(&message_index(message)->by_name, name);
}

const struct schema_field *schema_field_by_number(const struct schema_message *message,
                                                  uint32_t number)
{
    const struct message_index *index = message_index(message);
    size_t low = 0, high = message->field_count;

    if (number <= index->direct_max) return index->direct[number];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->sorted[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < message->field_count && index->sorted[low]->number == number ? index->sorted[low]
                                                                              : NULL;
}

const struct schema_enum_value *schema_enum_by_name(const struct schema_enum *enumeration,
                                                    struct str name)
{
    const struct enum_index *index = enumeration->index;

    return name_table_get(&index->by_name, name);
}

const struct schema_enum_value *schema_enum_by_number(const struct schema_enum *enumeration,
                                                      int32_t number)
{
    const struct enum_index *index = enumeration->index;
    size_t low = 0, high = enumeration->value_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->sorted[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == enumeration->value_count || index->sorted[low]->number != number) return NULL;
    return index->sorted[low];
}

/* ---- for reflection ---- */

struct str schema_file_by_name(const struct rpc_schema *schema, struct str name)
{
    const struct schema_file *file = name_table_get(&schema->files, name);

    return file ? file->encoded : (struct str){0};
}

struct str schema_file_by_symbol(const struct rpc_schema *schema, struct str symbol)
{
    const struct schema_symbol *found = name_table_get(&schema->symbols, symbol);

    return found ? found->file->encoded : (struct str){0};
}

/* The range of a message's extensions: the index of the first one, and their number. */
static size_t extensions_of(const struct rpc_schema *schema, struct str message, size_t *ret_count)
{
    size_t first = 0, end;

    while (first < schema->extension_count && !str_is(message, schema->extensions[first].message))
        first++;
    for (end = first;
         end < schema->extension_count && str_is(message, schema->extensions[end].message);)
        end++;
    *ret_count = end - first;
    return first;
}

struct str schema_file_by_extension(const struct rpc_schema *schema, struct str message,
                                    uint32_t number)
{
    size_t count, first = extensions_of(schema, message, &count);

    for (size_t i = first; i < first + count; i++)
        if (schema->extension_numbers[i] == number) return schema->extensions[i].file->encoded;
    return (struct str){0};
}

const uint32_t *schema_extension_numbers(const struct rpc_schema *schema, struct str message,
                                         size_t *ret_count)
{
    size_t first = extensions_of(schema, message, ret_count);

    return schema->extension_numbers + first;
}
