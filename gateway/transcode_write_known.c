/* SPDX-License-Identifier: Apache-2.0 */
/* Wire bytes to JSON: the well-known types. */
#include <math.h>

#include "base/time_text.h"
#include "gateway/transcode_parts.h"

/* The last value of a field of one of these types, found by number; false if it is missing. */
static bool find_value(struct str wire, uint32_t number, enum wire_type type,
                       struct wire_field *ret_value)
{
    struct wire_field value;
    bool found = false;

    while (wire_next(&wire, &value) == WIRE_FIELD) {
        if (value.number != number || value.type != type) continue;
        *ret_value = value;
        found = true;
    }
    return found;
}

static bool write_time(struct writer *writer, const struct transcode_type *type, struct str wire)
{
    struct wire_field seconds = {0}, nanos = {0};
    char text[TIME_TEXT_SIZE];

    find_value(wire, TIME_SECONDS, WIRE_VARINT, &seconds);
    find_value(wire, TIME_NANOS, WIRE_VARINT, &nanos);
    size_t length = type->schema->well_known == SCHEMA_TIMESTAMP
                        ? timestamp_format((int64_t)seconds.value, (int32_t)nanos.value, text)
                        : duration_format((int64_t)seconds.value, (int32_t)nanos.value, text);
    if (length == 0) return writer_fail(writer, type->schema, "out of range");
    output_byte(writer->out, '"');
    output_put(writer->out, text, length);
    output_byte(writer->out, '"');
    return true;
}

/* Writes snake_case as lowerCamelCase, followed by a comma. False for a path that could not be
 * converted back: with capitals, with underscores that are not followed by a lower-case letter, or
 * with characters that names cannot contain. */
static bool write_mask_path(struct output *out, struct str path)
{
    if (!is_mask_path(path)) return false;
    for (size_t i = 0; i < path.length; i++) {
        char byte = path.data[i];
        if (byte >= 'A' && byte <= 'Z') return false;
        if (byte == '_') byte = (char)(path.data[++i] & ~0x20);
        output_byte(out, byte);
    }
    output_byte(out, ',');
    return true;
}

static bool write_mask(struct writer *writer, const struct transcode_type *type, struct str wire)
{
    struct output paths;
    struct wire_field value;

    output_init(&paths, writer->arena, wire.length + 1);
    while (wire_next(&wire, &value) == WIRE_FIELD)
        if (value.number == FIELD_MASK_PATHS && value.type == WIRE_BYTES &&
            !write_mask_path(&paths, value.bytes))
            return writer_fail(writer, type->schema, "a path cannot be written as JSON");
    if (paths.length > 0) paths.length--;
    write_string(writer->out, output_view(&paths));
    return true;
}

static bool write_any_value(struct writer *writer, const struct transcode_type *type,
                            struct str wire)
{
    struct wire_field value, last = {0};
    double number;

    while (wire_next(&wire, &value) == WIRE_FIELD) {
        const struct schema_field *schema = schema_field_by_number(type->schema, value.number);
        if (schema && wire_fits(&type->fields[schema - type->schema->fields], value.type))
            last = value;
    }
    if (last.number == 0) {
        output_str(writer->out, STR("null"));
        return true;
    }
    memcpy(&number, &last.value, sizeof(number));
    if (last.number == VALUE_NUMBER && !isfinite(number))
        return writer_fail(writer, type->schema, "a number cannot be written as JSON");
    const struct schema_field *schema = schema_field_by_number(type->schema, last.number);
    return write_value(writer, &type->fields[schema - type->schema->fields], &last);
}

static bool write_wrapped(struct writer *writer, const struct transcode_type *type, struct str wire)
{
    const struct transcode_field *field = &type->fields[0];
    struct wire_field value = {.bytes = STR("")};

    find_value(wire, field->schema->number, field->tag & 7, &value);
    return write_value(writer, field, &value);
}

static bool write_any(struct writer *writer, const struct transcode_type *type, struct str wire)
{
    struct wire_field url = {0}, content = {.bytes = STR("")};
    struct output *out = writer->out;

    if (wire.length == 0) {
        output_str(out, STR("{}"));
        return true;
    }
    find_value(wire, ANY_URL, WIRE_BYTES, &url);
    find_value(wire, ANY_VALUE, WIRE_BYTES, &content);
    const struct transcode_type *held = transcode_any_type(writer->arena, type->types, url.bytes);
    if (!held) return writer_fail(writer, type->schema, "it holds an unknown type");

    output_str(out, STR("{\"@type\":"));
    write_string(out, url.bytes);
    output_byte(out, ',');
    if (held->schema->well_known == SCHEMA_ORDINARY) {
        if (!write_members(writer, held, content.bytes)) return false;
    } else {
        output_str(out, STR("\"value\":"));
        if (!write_message(writer, held, content.bytes)) return false;
    }
    output_close(out, '}');
    return true;
}

bool write_known(struct writer *writer, const struct transcode_type *type, struct str wire)
{
    struct str rest = wire;
    struct wire_field value;
    enum wire_result result;

    while ((result = wire_next(&rest, &value)) == WIRE_FIELD) {
    }
    if (result == WIRE_BROKEN) return writer_fail(writer, type->schema, "broken bytes");
    switch (type->schema->well_known) {
    case SCHEMA_TIMESTAMP:
    case SCHEMA_DURATION: return write_time(writer, type, wire);
    case SCHEMA_FIELD_MASK: return write_mask(writer, type, wire);
    case SCHEMA_STRUCT:
    case SCHEMA_LIST_VALUE: return write_repeated(writer, &type->fields[0], wire);
    case SCHEMA_VALUE: return write_any_value(writer, type, wire);
    case SCHEMA_WRAPPER: return write_wrapped(writer, type, wire);
    default: return write_any(writer, type, wire);
    }
}
