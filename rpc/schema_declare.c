/* SPDX-License-Identifier: Apache-2.0 */
/* The first step of making a schema: enters everything by its name, so that the next step can
 * resolve references in any order. Enums are complete after it. */
#include <stdlib.h>

#include "rpc/schema_pool.h"

/* The scope in which names are being declared. */
struct scope {
    const struct schema_file *file;
    const char *name; /* of the enclosing package or message; "" at the top */
    bool proto3;
};

static const char *full_name(const struct schema_builder *builder, const struct scope *scope,
                             const char *name)
{
    if (!*scope->name) return arena_strdup(builder->arena, name);
    return arena_printf(builder->arena, "%s.%s", scope->name, name);
}

struct status schema_symbol_add(struct schema_builder *builder, enum schema_symbol_kind kind,
                                const struct schema_file *file, const char *name,
                                const void *object)
{
    const struct schema_symbol *symbol = &file->other;

    if (kind != SYMBOL_OTHER) {
        struct schema_symbol *own = arena_new(builder->arena, struct schema_symbol);
        *own = (struct schema_symbol){kind, file, object};
        symbol = own;
    }
    if (!name_table_add(&builder->schema->symbols, str_of(name), symbol))
        return schema_wrong(builder, "%s is declared twice", name);
    return status_ok();
}

static struct status declare_other(struct schema_builder *builder, const struct scope *scope,
                                   const char *name)
{
    if (!name) return schema_wrong(builder, "something in \"%s\" has no name", scope->name);
    return schema_symbol_add(builder, SYMBOL_OTHER, scope->file, full_name(builder, scope, name),
                             NULL);
}

/* ---- enums ---- */

static int compare_values(const void *a, const void *b)
{
    const struct schema_enum_value *left = *(const struct schema_enum_value *const *)a;
    const struct schema_enum_value *right = *(const struct schema_enum_value *const *)b;

    if (left->number != right->number) return left->number < right->number ? -1 : 1;
    return left < right ? -1 : left > right; /* if two names have one number, the first counts */
}

static void index_enum(struct schema_builder *builder, struct schema_enum *enumeration)
{
    struct enum_index *index = arena_new(builder->arena, struct enum_index);
    const struct schema_enum_value **sorted = arena_array(
        builder->arena, const struct schema_enum_value *, enumeration->value_count);

    name_table_init(builder->arena, &index->by_name, enumeration->value_count);
    for (size_t i = 0; i < enumeration->value_count; i++) {
        sorted[i] = &enumeration->values[i];
        name_table_add(&index->by_name, str_of(sorted[i]->name), sorted[i]);
    }
    qsort(sorted, enumeration->value_count, sizeof(*sorted), compare_values);
    index->sorted = sorted;
    enumeration->index = index;
}

static struct status declare_enum(struct schema_builder *builder, const struct scope *scope,
                                  const ProtoEnum *proto)
{
    struct schema_enum *enumeration = arena_new(builder->arena, struct schema_enum);
    struct schema_enum_value *values = arena_array(builder->arena, struct schema_enum_value,
                                                   proto->n_value);
    struct status st;

    if (!proto->name) return schema_wrong(builder, "an enum in \"%s\" has no name", scope->name);
    enumeration->name = full_name(builder, scope, proto->name);
    st = schema_symbol_add(builder, SYMBOL_ENUM, scope->file, enumeration->name, enumeration);
    /* An enum's values are declared beside it, not inside it. */
    for (size_t i = 0; i < proto->n_value && !failed(st); i++) {
        st = declare_other(builder, scope, proto->value[i]->name);
        if (failed(st)) break;
        values[i].name = arena_strdup(builder->arena, proto->value[i]->name);
        values[i].number = proto->value[i]->number;
    }
    if (failed(st)) return st;
    enumeration->values = values;
    enumeration->value_count = proto->n_value;
    enumeration->null_value = strcmp(enumeration->name, "google.protobuf.NullValue") == 0;
    index_enum(builder, enumeration);
    return status_ok();
}

/* ---- messages ---- */

static enum schema_well_known well_known(const char *name)
{
    static const struct {
        const char *name;
        enum schema_well_known kind;
    } table[] = {
        {"Timestamp", SCHEMA_TIMESTAMP},  {"Duration", SCHEMA_DURATION},
        {"FieldMask", SCHEMA_FIELD_MASK}, {"Struct", SCHEMA_STRUCT},
        {"Value", SCHEMA_VALUE},          {"ListValue", SCHEMA_LIST_VALUE},
        {"DoubleValue", SCHEMA_WRAPPER},  {"FloatValue", SCHEMA_WRAPPER},
        {"Int64Value", SCHEMA_WRAPPER},   {"UInt64Value", SCHEMA_WRAPPER},
        {"Int32Value", SCHEMA_WRAPPER},   {"UInt32Value", SCHEMA_WRAPPER},
        {"BoolValue", SCHEMA_WRAPPER},    {"StringValue", SCHEMA_WRAPPER},
        {"BytesValue", SCHEMA_WRAPPER},   {"Any", SCHEMA_ANY},
        {"Empty", SCHEMA_EMPTY},
    };
    static const char package[] = "google.protobuf.";

    if (strncmp(name, package, sizeof(package) - 1) != 0) return SCHEMA_ORDINARY;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (strcmp(name + sizeof(package) - 1, table[i].name) == 0) return table[i].kind;
    return SCHEMA_ORDINARY;
}

static struct schema_message *add_draft(struct schema_builder *builder, const struct scope *scope,
                                        const ProtoMessage *proto)
{
    struct message_draft *draft = arena_new(builder->scratch, struct message_draft);
    struct schema_message *message = arena_new(builder->arena, struct schema_message);

    *draft = (struct message_draft){.message = message, .proto = proto, .proto3 = scope->proto3};
    *builder->drafts_end = draft;
    builder->drafts_end = &draft->next;
    return message;
}

static struct status declare_members(struct schema_builder *builder, const struct scope *scope,
                                     const ProtoMessage *proto)
{
    struct status st = status_ok();

    for (size_t i = 0; i < proto->n_field && !failed(st); i++)
        st = declare_other(builder, scope, proto->field[i]->name);
    for (size_t i = 0; i < proto->n_oneof_decl && !failed(st); i++)
        st = declare_other(builder, scope, proto->oneof_decl[i]->name);
    for (size_t i = 0; i < proto->n_enum_type && !failed(st); i++)
        st = declare_enum(builder, scope, proto->enum_type[i]);
    for (size_t i = 0; i < proto->n_extension && !failed(st); i++)
        st = declare_other(builder, scope, proto->extension[i]->name);
    return st;
}

/* How deep declarations nest is bounded by the decoder of the descriptors. */
static struct status declare_message(struct schema_builder *builder, const struct scope *around,
                                     const ProtoMessage *proto)
{
    struct scope scope = {.file = around->file, .proto3 = around->proto3};
    struct schema_message *message;
    struct status st;

    if (!proto->name) return schema_wrong(builder, "a message in \"%s\" has no name", around->name);
    message = add_draft(builder, around, proto);
    message->name = scope.name = full_name(builder, around, proto->name);
    message->well_known = well_known(message->name);
    st = schema_symbol_add(builder, SYMBOL_MESSAGE, scope.file, message->name, message);
    if (!failed(st)) st = declare_members(builder, &scope, proto);
    for (size_t i = 0; i < proto->n_nested_type && !failed(st); i++)
        st = declare_message(builder, &scope, proto->nested_type[i]);
    return st;
}

/* ---- files ---- */

static size_t count_enum(const ProtoEnum *proto)
{
    return 1 + proto->n_value;
}

static size_t count_message(const ProtoMessage *proto)
{
    size_t count = 1 + proto->n_field + proto->n_oneof_decl + proto->n_extension;

    for (size_t i = 0; i < proto->n_enum_type; i++) count += count_enum(proto->enum_type[i]);
    for (size_t i = 0; i < proto->n_nested_type; i++) count += count_message(proto->nested_type[i]);
    return count;
}

static size_t count_symbols(const ProtoFile *proto)
{
    size_t count = proto->n_extension;

    for (size_t i = 0; i < proto->n_enum_type; i++) count += count_enum(proto->enum_type[i]);
    for (size_t i = 0; i < proto->n_message_type; i++)
        count += count_message(proto->message_type[i]);
    for (size_t i = 0; i < proto->n_service; i++) count += 1 + proto->service[i]->n_method;
    return count;
}

static struct status declare_file(struct schema_builder *builder, const struct schema_file *file,
                                  const ProtoFile *proto)
{
    struct scope scope = {file, proto->package ? arena_strdup(builder->arena, proto->package) : "",
                          proto->syntax && strcmp(proto->syntax, "proto3") == 0};
    struct status st = status_ok();

    for (size_t i = 0; i < proto->n_enum_type && !failed(st); i++)
        st = declare_enum(builder, &scope, proto->enum_type[i]);
    for (size_t i = 0; i < proto->n_message_type && !failed(st); i++)
        st = declare_message(builder, &scope, proto->message_type[i]);
    for (size_t i = 0; i < proto->n_extension && !failed(st); i++)
        st = declare_other(builder, &scope, proto->extension[i]->name);
    return st;
}

/* ---- extensions ---- */

struct extension_list {
    struct schema_extension *items;
    size_t count; /* without items: only counted */
};

static void list_extensions(const struct schema_file *file, ProtoField *const *protos, size_t count,
                            struct extension_list *list)
{
    for (size_t i = 0; i < count; i++) {
        if (!protos[i]->extendee || protos[i]->extendee[0] != '.') continue;
        if (list->items)
            list->items[list->count] = (struct schema_extension){protos[i]->extendee + 1,
                                                                 (uint32_t)protos[i]->number, file};
        list->count++;
    }
}

static void list_message_extensions(const struct schema_file *file, const ProtoMessage *proto,
                                    struct extension_list *list)
{
    list_extensions(file, proto->extension, proto->n_extension, list);
    for (size_t i = 0; i < proto->n_nested_type; i++)
        list_message_extensions(file, proto->nested_type[i], list);
}

static void list_all_extensions(const struct schema_builder *builder, struct extension_list *list)
{
    for (size_t i = 0; i < builder->file_count; i++) {
        const ProtoFile *proto = builder->protos[i];
        list_extensions(&builder->files[i], proto->extension, proto->n_extension, list);
        for (size_t m = 0; m < proto->n_message_type; m++)
            list_message_extensions(&builder->files[i], proto->message_type[m], list);
    }
}

static int compare_extensions(const void *a, const void *b)
{
    const struct schema_extension *left = a, *right = b;
    int order = strcmp(left->message, right->message);

    if (order != 0) return order;
    return left->number < right->number ? -1 : left->number > right->number;
}

static void declare_extensions(struct schema_builder *builder)
{
    struct extension_list list = {0};
    uint32_t *numbers;

    list_all_extensions(builder, &list);
    list.items = arena_array(builder->arena, struct schema_extension, list.count);
    numbers = arena_array(builder->arena, uint32_t, list.count);
    list.count = 0;
    list_all_extensions(builder, &list);
    qsort(list.items, list.count, sizeof(*list.items), compare_extensions);
    for (size_t i = 0; i < list.count; i++) {
        list.items[i].message = arena_strdup(builder->arena, list.items[i].message);
        numbers[i] = list.items[i].number;
    }
    builder->schema->extensions = list.items;
    builder->schema->extension_numbers = numbers;
    builder->schema->extension_count = list.count;
}

struct status schema_declare(struct schema_builder *builder)
{
    struct status st = status_ok();
    size_t count = 0;

    for (size_t i = 0; i < builder->file_count; i++) count += count_symbols(builder->protos[i]);
    name_table_init(builder->arena, &builder->schema->symbols, count);
    for (size_t i = 0; i < builder->file_count && !failed(st); i++)
        st = declare_file(builder, &builder->files[i], builder->protos[i]);
    declare_extensions(builder);
    return st;
}
