/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the plans of the transcoder, once; every request reads them. */
#include "gateway/transcode_parts.h"

struct transcode_types *transcode_types_new(struct arena *arena, const struct rpc_schema *schema)
{
    struct transcode_types *types = arena_new(arena, struct transcode_types);

    types->arena = arena;
    types->schema = schema;
    return types;
}

static struct transcode_type **find_slot(const struct transcode_types *types,
                                         const struct schema_message *message)
{
    size_t at = ((uintptr_t)message >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20 &
                (types->capacity - 1);

    while (types->slots[at] && types->slots[at]->schema != message)
        at = (at + 1) & (types->capacity - 1);
    return &types->slots[at];
}

/* Keeps the table at most half full. */
static void make_room(struct transcode_types *types)
{
    struct transcode_type **old = types->slots;
    size_t old_capacity = types->capacity;

    if (types->count * 2 < types->capacity) return;
    types->capacity = old_capacity ? old_capacity * 2 : 64;
    types->slots = arena_array(types->arena, struct transcode_type *, types->capacity);
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i]) *find_slot(types, old[i]->schema) = old[i];
}

static uint32_t wire_type(enum schema_type type)
{
    switch (type) {
    case SCHEMA_DOUBLE:
    case SCHEMA_FIXED64:
    case SCHEMA_SFIXED64: return WIRE_FIXED64;
    case SCHEMA_FLOAT:
    case SCHEMA_FIXED32:
    case SCHEMA_SFIXED32: return WIRE_FIXED32;
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
    case SCHEMA_MESSAGE: return WIRE_BYTES;
    default: return WIRE_VARINT;
    }
}

/* The JSON for a field that is not on the wire; NULL: nothing. */
static const char *blank_value(struct arena *arena, const struct schema_field *field)
{
    if (field->map) return "{}";
    if (field->repeated) return "[]";
    if (field->presence) return NULL;
    switch (field->type) {
    case SCHEMA_STRING:
    case SCHEMA_BYTES: return "\"\"";
    case SCHEMA_BOOL: return "false";
    case SCHEMA_INT64:
    case SCHEMA_UINT64:
    case SCHEMA_FIXED64:
    case SCHEMA_SFIXED64:
    case SCHEMA_SINT64: return "\"0\"";
    case SCHEMA_ENUM: {
        if (field->enumeration->null_value) return "null";
        const struct schema_enum_value *value = schema_enum_by_number(field->enumeration, 0);
        return value ? arena_printf(arena, "\"%s\"", value->name) : "0";
    }
    default: return "0";
    }
}

static void plan_field(struct transcode_types *types, const struct schema_field *schema,
                       struct transcode_field *field)
{
    const char *blank = blank_value(types->arena, schema);

    field->schema = schema;
    field->key = str_of(arena_printf(types->arena, "\"%s\":", schema->name));
    field->tag = schema->number << 3 | wire_type(schema->type);
    field->tag_packed = schema->number << 3 | WIRE_BYTES;
    if (blank) field->blank = str_of(arena_printf(types->arena, "\"%s\":%s,", schema->name, blank));
    if (schema->type == SCHEMA_MESSAGE) field->type = transcode_type(types, schema->message);
}

const struct transcode_type *transcode_type(struct transcode_types *types,
                                            const struct schema_message *message)
{
    make_room(types);
    struct transcode_type **slot = find_slot(types, message);
    if (*slot) return *slot;

    /* It is in the table before its fields are planned, because these may contain the same type. */
    struct transcode_type *type = arena_new(types->arena, struct transcode_type);
    type->schema = message;
    type->types = types;
    type->fields = arena_array(types->arena, struct transcode_field, message->field_count);
    *slot = type;
    types->count++;
    for (size_t i = 0; i < message->field_count; i++)
        plan_field(types, &message->fields[i], &type->fields[i]);
    return type;
}

const struct transcode_field *transcode_field(const struct transcode_type *type, struct str name)
{
    const struct schema_field *field = schema_field_by_name(type->schema, name);

    return field ? &type->fields[field - type->schema->fields] : NULL;
}

const struct transcode_type *transcode_any_type(struct arena *arena,
                                                const struct transcode_types *types, struct str url)
{
    size_t slash = url.length;

    while (slash > 0 && url.data[slash - 1] != '/') slash--;
    if (slash == 0) return NULL;
    const struct schema_message *message = schema_message_by_name(
        types->schema, str_sized(url.data + slash, url.length - slash));
    if (!message) return NULL;

    /* The process's types must not change while it serves, so these go to the request's arena. */
    return transcode_type(transcode_types_new(arena, types->schema), message);
}
