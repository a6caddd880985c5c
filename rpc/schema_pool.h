/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a schema, and the steps of making one. Private to rpc/schema*.c.
 *
 *     schema_declare      files, messages and enums get their names            (schema_declare.c)
 *     schema_link         fields get their types, messages their indexes       (schema_link.c)
 *     schema_rules_read   fields get their rules                               (schema_rules.c)
 *     schema_serve        services, methods and their HTTP rules               (schema_serve.c) */
#ifndef RPC_SCHEMA_POOL_H
#define RPC_SCHEMA_POOL_H

#include "google/protobuf/descriptor.pb-c.h"
#include "rpc/name_table.h"
#include "rpc/schema.h"

enum schema_symbol_kind { SYMBOL_MESSAGE, SYMBOL_ENUM, SYMBOL_SERVICE, SYMBOL_OTHER };

struct schema_symbol {
    enum schema_symbol_kind kind;
    const struct schema_file *file;
    const void
        *object; /* by kind; NULL for OTHER (a method, field, enum value, oneof or extension) */
};

struct schema_file {
    struct str name;
    struct str encoded;         /* the FileDescriptorProto; a view of the set */
    struct schema_symbol other; /* every symbol of the kind OTHER in it, of which there are many */
};

struct schema_extension {
    const char *message; /* full name of the extended message */
    uint32_t number;
    const struct schema_file *file;
};

struct rpc_schema {
    struct name_table files;   /* struct schema_file */
    struct name_table symbols; /* struct schema_symbol, by full name */
    struct name_table methods; /* struct schema_method, by path */
    const struct schema_service *services;
    size_t service_count;
    const struct schema_extension *extensions; /* by message, then number */
    const uint32_t *extension_numbers;         /* of each of them */
    size_t extension_count;
};

/* The validator keeps the last value of some fields until it has read the whole message: of fields
 * with rules, and of single messages with rules, which may come in several parts. A message has one
 * slot for each of these, then one for each oneof. */
enum { SLOT_NONE = UINT16_MAX };

/* struct schema_message's index. */
struct message_index {
    struct name_table by_name;                /* both names of a field */
    const struct schema_field *const *direct; /* by number, 0 to direct_max */
    uint32_t direct_max;
    const struct schema_field *const *sorted; /* all, by number */
    const uint16_t *slots; /* by the field's place in the message; or SLOT_NONE */
    const struct schema_field *const *slot_fields;
    size_t slot_field_count;
};

/* struct schema_enum's index. */
struct enum_index {
    struct name_table by_name;
    const struct schema_enum_value *const *sorted; /* by number */
};

static inline const struct message_index *message_index(const struct schema_message *message)
{
    return message->index;
}

/* ---- making one ---- */

/* Short names for the types that protobuf-c generates from descriptor.proto. */
typedef Google__Protobuf__FileDescriptorProto ProtoFile;
typedef Google__Protobuf__DescriptorProto ProtoMessage;
typedef Google__Protobuf__FieldDescriptorProto ProtoField;
typedef Google__Protobuf__EnumDescriptorProto ProtoEnum;
typedef Google__Protobuf__ServiceDescriptorProto ProtoService;
typedef Google__Protobuf__MethodDescriptorProto ProtoMethod;

/* A message that is being made, and its descriptor. */
struct message_draft {
    struct message_draft *next;
    struct schema_message *message;
    struct schema_field *fields; /* message->fields */
    const ProtoMessage *proto;
    const struct schema_field *map; /* of an entry: the field that it is an entry of */
    bool proto3;
};

struct schema_builder {
    struct arena *arena;   /* the schema's */
    struct arena *scratch; /* released when the schema is complete */
    struct rpc_schema *schema;
    const ProtoFile **protos;
    struct schema_file *files;
    size_t file_count;
    struct message_draft *drafts, **drafts_end;
};

/* INVALID_ARGUMENT with a message about the descriptor set. */
struct status schema_wrong(const struct schema_builder *builder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct status schema_declare(struct schema_builder *builder);
struct status schema_link(struct schema_builder *builder);
struct status schema_serve(struct schema_builder *builder);

/* Adds a full name; fails if it exists already. */
struct status schema_symbol_add(struct schema_builder *builder, enum schema_symbol_kind kind,
                                const struct schema_file *file, const char *name,
                                const void *object);

/* The object that a type name (".cart_service.CartData") refers to, or NULL. */
const void *schema_object(const struct rpc_schema *schema, enum schema_symbol_kind kind,
                          const char *type_name);

/* An option that is an extension: its occurrences, merged; data NULL if it is not set. `options`
 * may be NULL. */
struct str schema_option(const struct schema_builder *builder, const ProtobufCMessage *options,
                         uint32_t number);

/* Decodes a buf.validate.FieldRules. `subject` names the field in errors. *ret_rules becomes NULL
 * if it contains no rules. */
struct status schema_rules_read(struct schema_builder *builder, const char *subject,
                                const struct schema_field *field, struct str encoded,
                                const struct schema_rules **ret_rules);

#endif
