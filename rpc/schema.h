/* SPDX-License-Identifier: Apache-2.0 */
/* The protos at run time: messages, fields, enums, services, HTTP rules and field rules, read from
 * a FileDescriptorSet. The transcoder, the validator and reflection use it; it is made once and
 * never changes.
 *
 *     rpc_schema_new(arena, str_sized(proto_descriptors, proto_descriptors_size), &schema)
 *
 * Everything is in the arena given to rpc_schema_new and lives as long as it. */
#ifndef RPC_SCHEMA_H
#define RPC_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"
#include "base/visible.h"

/* The descriptor set of proto/, compiled in. */
extern const unsigned char proto_descriptors[];
extern const size_t proto_descriptors_size;

/* FieldDescriptorProto.Type, by number. */
enum schema_type {
    SCHEMA_DOUBLE = 1,
    SCHEMA_FLOAT,
    SCHEMA_INT64,
    SCHEMA_UINT64,
    SCHEMA_INT32,
    SCHEMA_FIXED64,
    SCHEMA_FIXED32,
    SCHEMA_BOOL,
    SCHEMA_STRING,
    SCHEMA_GROUP,
    SCHEMA_MESSAGE,
    SCHEMA_BYTES,
    SCHEMA_UINT32,
    SCHEMA_ENUM,
    SCHEMA_SFIXED32,
    SCHEMA_SFIXED64,
    SCHEMA_SINT32,
    SCHEMA_SINT64,
};

/* Messages that have a JSON form of their own (proto3 JSON mapping). */
enum schema_well_known {
    SCHEMA_ORDINARY,
    SCHEMA_TIMESTAMP,
    SCHEMA_DURATION,
    SCHEMA_FIELD_MASK,
    SCHEMA_STRUCT,
    SCHEMA_VALUE,
    SCHEMA_LIST_VALUE,
    SCHEMA_WRAPPER,
    SCHEMA_ANY,
    SCHEMA_EMPTY,
};

struct schema_enum_value {
    const char *name;
    int32_t number;
};

struct schema_enum {
    const char *name; /* full */
    const struct schema_enum_value *values;
    size_t value_count;
    bool null_value;   /* google.protobuf.NullValue */
    const void *index; /* by name and number, private */
};

struct schema_message;
struct schema_pattern;

/* The rules of buf.validate for one field (the parts that proto/buf/validate/validate.proto
 * declares). A rule that is not known here, or that does not fit its field's type, is an error when
 * the schema is made. */
struct schema_rules {
    bool required;
    bool ignore_empty;
    bool ignored; /* of messages: the rules inside it are not checked, only that its text is
                   * valid */
    /* strings (lengths in code points) and bytes (in bytes); -1: no bound */
    int64_t len_min, len_max, bytes_max;
    bool email, uuid, uri, hostname, ip;
    enum text_form form; /* of strings; one line by default */
    const char *pattern; /* RE2's syntax, a subset (rpc/schema_pattern.h); NULL */
    const struct schema_pattern *pattern_compiled;
    const char *const *in; /* strings */
    size_t in_count;
    /* numbers; has_* say which bounds exist */
    bool has_gt, has_gte, has_lt, has_lte, finite;
    double gt, gte, lt, lte;          /* of double and float */
    int64_t i_gt, i_gte, i_lt, i_lte; /* of integers (uint64 above 2^63 is not bounded) */
    bool defined_only;                /* enums */
    /* repeated and map; -1: no bound */
    int64_t items_min, items_max;
    bool unique;
    const struct schema_rules *items; /* of each item, or of each value of a map; NULL: none */
    const struct schema_rules *keys;  /* of each key of a map; NULL: none */
};

struct schema_field {
    const char *name;      /* as in the proto; used when writing JSON */
    const char *json_name; /* lowerCamelCase; accepted when reading JSON */
    uint32_t number;
    enum schema_type type;
    bool repeated;
    bool packed;
    bool presence; /* optional, member of a oneof, or a message */
    bool map;      /* repeated of a map entry message */
    int oneof;     /* index into the message's oneofs, -1 if none; synthetic ones are -1 */
    const struct schema_message *message;  /* of MESSAGE */
    const struct schema_enum *enumeration; /* of ENUM */
    const struct schema_rules *rules;      /* NULL if none */
};

struct schema_message {
    const char *name; /* full, without a leading dot: "cart_service.AddToCartRequest" */
    const struct schema_field *fields; /* in the order of the file */
    size_t field_count;
    const char *const *oneofs; /* names of the real ones */
    size_t oneof_count;
    enum schema_well_known well_known;
    bool has_rules;    /* it or a message inside it has rules */
    const void *index; /* by name and number, private */
};

/* One google.api.HttpRule (or an additional binding of one). */
struct schema_http {
    const char *method;        /* "GET"; of `custom`, its kind */
    const char *pattern;       /* "/products/{category}/{product_id}" */
    const char *body;          /* "", "*" or a field's name */
    const char *response_body; /* "" or a field's name */
};

struct schema_method {
    const char *name;
    const char *path; /* "/cart_service.CartService/AddToCart" */
    const struct schema_message *request, *response;
    bool client_streaming, server_streaming, idempotent;
    const struct schema_http *http; /* the rule and its additional bindings */
    size_t http_count;
};

struct schema_service {
    const char *name; /* full */
    const struct schema_method *methods;
    size_t method_count;
};

struct rpc_schema;

enum { SCHEMA_SIZE_MAX = 16 * 1024 * 1024 }; /* bytes of a descriptor set */

/* Reads an encoded FileDescriptorSet, as `protoc --include_imports --descriptor_set_out` makes it;
 * its bytes are borrowed for the schema's life. INVALID_ARGUMENT names the mistake. */
struct status rpc_schema_new(struct arena *arena, struct str descriptor_set,
                             const struct rpc_schema **ret_schema);

const struct schema_service *schema_services(const struct rpc_schema *schema, size_t *ret_count);
const struct schema_service *schema_service_by_name(const struct rpc_schema *schema,
                                                    struct str name);
const struct schema_method *schema_method_by_path(const struct rpc_schema *schema, struct str path);
const struct schema_message *schema_message_by_name(const struct rpc_schema *schema,
                                                    struct str name);
const struct schema_field *schema_field_by_name(const struct schema_message *message,
                                                struct str name); /* either name */
const struct schema_field *schema_field_by_number(const struct schema_message *message,
                                                  uint32_t number);
const struct schema_enum_value *schema_enum_by_name(const struct schema_enum *enumeration,
                                                    struct str name);
const struct schema_enum_value *schema_enum_by_number(const struct schema_enum *enumeration,
                                                      int32_t number);

/* For reflection: the encoded FileDescriptorProto of a file by its name, or of the file that
 * declares a symbol (service, method, message, enum, field), or that declares an extension of a
 * message; empty if there is none. */
struct str schema_file_by_name(const struct rpc_schema *schema, struct str name);
struct str schema_file_by_symbol(const struct rpc_schema *schema, struct str symbol);
struct str schema_file_by_extension(const struct rpc_schema *schema, struct str message,
                                    uint32_t number);
/* Numbers of all known extensions of a message. */
const uint32_t *schema_extension_numbers(const struct rpc_schema *schema, struct str message,
                                         size_t *ret_count);

enum { SCHEMA_DEPTH_MAX = 64, SCHEMA_VIOLATIONS_MAX = 32 };

/* Checks an encoded message against the rules of its fields, and that strings are UTF-8 without
 * NUL. INVALID_ARGUMENT: with reason INVALID_FIELDS and a violation for each broken rule, named by
 * its path (`items[2].quantity`), of which at most 32 are listed; with reason MALFORMED_MESSAGE
 * when the bytes are not such a message or nest too deeply. */
struct status schema_validate(struct arena *arena, const struct schema_message *message,
                              struct str encoded);

#endif
