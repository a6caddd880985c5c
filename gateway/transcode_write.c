/* SPDX-License-Identifier: Apache-2.0 */
/* Wire bytes to JSON.
 *
 * A first pass scans a message without descending into nested ones. Usually its fields are in the
 * order of the proto, because encoders write them so: then a second pass prints it from front to
 * back, with the defaults of missing fields in between. Otherwise the last occurrence of each field
 * is recorded, and they are printed in the proto's order. Either way the bytes of each level are
 * read twice, however deep it is nested. */
#include <math.h>

#include "base/json_scan.h"
#include "base/number.h"
#include "gateway/transcode_parts.h"

bool writer_fail(struct writer *writer, const struct schema_message *message, const char *what)
{
    writer->status = status_printf(writer->arena, STATUS_INTERNAL, 0,
                                   "the answer cannot be written as JSON: %s: %s", message->name,
                                   what);
    return false;
}

/* ---- scalars ---- */

/* Writes the character at `next`, which JSON must escape; returns the position behind it. */
static const char *write_odd(struct output *out, const char *next, const char *end)
{
    static const char letters[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    uint8_t byte = (uint8_t)*next;

    if (byte >= 0x80) {
        size_t length = str_utf8_length(str_sized(next, (size_t)(end - next)));
        output_str(out, length ? str_sized(next, length) : STR("\xef\xbf\xbd"));
        return next + (length ? length : 1);
    }
    output_byte(out, '\\');
    if (byte >= 0x20) {
        output_byte(out, (char)byte);
    } else if (letters[byte]) {
        output_byte(out, letters[byte]);
    } else {
        char text[5] = {'u', '0', '0', (char)('0' + (byte >> 4)), "0123456789abcdef"[byte & 15]};
        output_put(out, text, sizeof(text));
    }
    return next + 1;
}

void write_string(struct output *out, struct str text)
{
    const char *next = text.data, *end = text.data + text.length;

    output_byte(out, '"');
    while (next < end) {
        const char *plain = json_pass_plain(next, end);
        output_put(out, next, (size_t)(plain - next));
        next = plain < end ? write_odd(out, plain, end) : end;
    }
    output_byte(out, '"');
}

static void write_signed(struct output *out, int64_t value, bool quoted)
{
    char *to = output_reserve(out, NUMBER_TEXT_SIZE + 2), *next = to;

    if (quoted) *next++ = '"';
    next += number_format_i64(value, next);
    if (quoted) *next++ = '"';
    out->length += (size_t)(next - to);
}

static void write_unsigned(struct output *out, uint64_t value, bool quoted)
{
    char *to = output_reserve(out, NUMBER_TEXT_SIZE + 2), *next = to;

    if (quoted) *next++ = '"';
    next += number_format_u64(value, next);
    if (quoted) *next++ = '"';
    out->length += (size_t)(next - to);
}

/* Writes NaN or an infinity; false if the number is finite. */
static bool write_not_finite(struct output *out, double value)
{
    if (isfinite(value)) return false;
    output_str(out, isnan(value) ? STR("\"NaN\"")
                    : value > 0  ? STR("\"Infinity\"")
                                 : STR("\"-Infinity\""));
    return true;
}

static void write_double(struct output *out, uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof(value));
    if (!write_not_finite(out, value))
        out->length += number_format_double(value, output_reserve(out, NUMBER_TEXT_SIZE));
}

static void write_float(struct output *out, uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    if (!write_not_finite(out, (double)value))
        out->length += number_format_float(value, output_reserve(out, NUMBER_TEXT_SIZE));
}

static void write_enum(struct output *out, const struct schema_enum *enumeration, int32_t number)
{
    const struct schema_enum_value *value = schema_enum_by_number(enumeration, number);

    if (enumeration->null_value)
        output_str(out, STR("null"));
    else if (value)
        write_string(out, str_of(value->name));
    else
        write_signed(out, number, false);
}

static void write_scalar(struct output *out, const struct schema_field *field, uint64_t bits)
{
    switch (field->type) {
    case SCHEMA_DOUBLE: write_double(out, bits); break;
    case SCHEMA_FLOAT: write_float(out, (uint32_t)bits); break;
    case SCHEMA_INT64:
    case SCHEMA_SFIXED64: write_signed(out, (int64_t)bits, true); break;
    case SCHEMA_SINT64: write_signed(out, wire_zigzag(bits), true); break;
    case SCHEMA_UINT64:
    case SCHEMA_FIXED64: write_unsigned(out, bits, true); break;
    case SCHEMA_SINT32: write_signed(out, (int32_t)wire_zigzag((uint32_t)bits), false); break;
    case SCHEMA_UINT32:
    case SCHEMA_FIXED32: write_unsigned(out, (uint32_t)bits, false); break;
    case SCHEMA_BOOL: output_str(out, bits ? STR("true") : STR("false")); break;
    case SCHEMA_ENUM: write_enum(out, field->enumeration, (int32_t)bits); break;
    default: write_signed(out, (int32_t)bits, false); break;
    }
}

bool wire_fits(const struct transcode_field *field, enum wire_type type)
{
    if (type == (field->tag & 7)) return true;
    /* Encoders may pack repeated scalars or not, whatever the proto says. */
    return field->schema->repeated && type == WIRE_BYTES;
}

bool write_value(struct writer *writer, const struct transcode_field *field,
                 const struct wire_field *value)
{
    struct output *out = writer->out;

    switch (field->schema->type) {
    case SCHEMA_STRING: write_string(out, value->bytes); return true;
    case SCHEMA_BYTES:
        output_byte(out, '"');
        output_str(out, base64_encode(writer->arena, value->bytes));
        output_byte(out, '"');
        return true;
    case SCHEMA_MESSAGE: return write_message(writer, field->type, value->bytes);
    default: write_scalar(out, field->schema, value->value); return true;
    }
}

/* ---- repeated fields and maps ---- */

static bool write_packed(struct writer *writer, const struct transcode_field *field,
                         struct str packed)
{
    uint64_t bits;

    while (packed.length > 0) {
        if (!wire_take_value(&packed, field->tag & 7, &bits)) return false;
        write_scalar(writer->out, field->schema, bits);
        output_byte(writer->out, ',');
    }
    return true;
}

/* Writes a map's key and value followed by a comma; a missing one has its default value. */
static bool write_entry(struct writer *writer, const struct transcode_type *entry, struct str wire)
{
    const struct transcode_field *key = &entry->fields[0], *value = &entry->fields[1];
    struct wire_field field, found[2] = {{.bytes = STR("")}, {.bytes = STR("")}};
    struct output *out = writer->out;

    while (wire_next(&wire, &field) == WIRE_FIELD) {
        if (field.number == key->schema->number && wire_fits(key, field.type)) found[0] = field;
        if (field.number == value->schema->number && wire_fits(value, field.type)) found[1] = field;
    }
    bool quoted = key->schema->type == SCHEMA_STRING;
    if (!quoted) output_byte(out, '"');
    size_t start = out->length;
    if (!write_value(writer, key, &found[0])) return false;
    /* 64-bit numbers are quoted already. */
    if (!quoted && out->data[start] == '"') {
        memmove(out->data + start, out->data + start + 1, out->length - start - 2);
        out->length -= 2;
    }
    if (!quoted) output_byte(out, '"');
    output_byte(out, ':');
    if (!write_value(writer, value, &found[1])) return false;
    output_byte(out, ',');
    return true;
}

/* The bytes of an entry's key, which identify it. */
static struct str entry_key(struct arena *arena, const struct transcode_type *entry,
                            struct str wire)
{
    struct wire_field field, found = {.bytes = STR("")};

    while (wire_next(&wire, &field) == WIRE_FIELD)
        if (field.number == entry->fields[0].schema->number) found = field;
    if (entry->fields[0].schema->type == SCHEMA_STRING) return found.bytes;
    return str_sized(arena_memdup(arena, &found.value, sizeof(found.value)), sizeof(found.value));
}

/* Of several entries with one key the last counts, so the entries are searched backwards. */
static bool write_map(struct writer *writer, const struct transcode_field *field, struct str wire)
{
    struct str rest = wire, *entries;
    struct wire_field found;
    struct key_set seen = {0};
    size_t count = 0;

    while (wire_next(&rest, &found) == WIRE_FIELD) count += found.number == field->schema->number;
    entries = arena_array(writer->arena, struct str, count);
    count = 0;
    for (rest = wire; wire_next(&rest, &found) == WIRE_FIELD;)
        if (found.number == field->schema->number && found.type == WIRE_BYTES)
            entries[count++] = found.bytes;
    for (size_t i = count; count > 1 && i-- > 0;)
        if (!key_set_add(writer->arena, &seen, entry_key(writer->arena, field->type, entries[i])))
            entries[i].data = NULL;

    output_byte(writer->out, '{');
    for (size_t i = 0; i < count; i++)
        if (entries[i].data && !write_entry(writer, field->type, entries[i])) return false;
    output_close(writer->out, '}');
    return true;
}

bool write_repeated(struct writer *writer, const struct transcode_field *field, struct str wire)
{
    bool scalar = (field->tag & 7) != WIRE_BYTES;
    struct wire_field value;

    if (field->schema->map) return write_map(writer, field, wire);
    output_byte(writer->out, '[');
    while (wire_next(&wire, &value) == WIRE_FIELD) {
        if (value.number != field->schema->number || !wire_fits(field, value.type)) continue;
        if (scalar && value.type == WIRE_BYTES) {
            if (!write_packed(writer, field, value.bytes)) return false;
            continue;
        }
        if (!write_value(writer, field, &value)) return false;
        output_byte(writer->out, ',');
    }
    output_close(writer->out, ']');
    return true;
}

/* ---- messages whose fields are in order ---- */

enum order { ORDER_BROKEN, ORDER_KEPT, ORDER_MIXED };

enum { ONEOFS_FAST_MAX = 64 };

/* The field with a number, searched from `next` first; NULL if it is unknown or of another type. */
static const struct transcode_field *expect_field(const struct transcode_type *type, size_t next,
                                                  const struct wire_field *value)
{
    const struct transcode_field *field;

    if (next < type->schema->field_count && type->schema->fields[next].number == value->number) {
        field = &type->fields[next];
    } else {
        const struct schema_field *schema = schema_field_by_number(type->schema, value->number);
        if (!schema) return NULL;
        field = &type->fields[schema - type->schema->fields];
    }
    return wire_fits(field, value->type) ? field : NULL;
}

/* Are the known fields in the proto's order, each once (repeated ones in one run), with at most one
 * of each oneof? */
static enum order look_through(const struct transcode_type *type, struct str wire)
{
    const struct transcode_field *field, *last = NULL;
    enum wire_result result;
    struct wire_field value;
    uint64_t oneofs = 0;
    bool kept = true;

    while ((result = wire_next(&wire, &value)) == WIRE_FIELD) {
        field = expect_field(type, last ? (size_t)(last - type->fields) + 1 : 0, &value);
        if (!field) {
            kept = false; /* it may be inside a run */
            continue;
        }
        if (last && (field < last || (field == last && !field->schema->repeated))) kept = false;
        last = field;
        int oneof = field->schema->oneof;
        if (oneof < 0) continue;
        if (oneof >= ONEOFS_FAST_MAX || oneofs >> oneof & 1)
            kept = false;
        else
            oneofs |= UINT64_C(1) << oneof;
    }
    if (result == WIRE_BROKEN) return ORDER_BROKEN;
    return kept ? ORDER_KEPT : ORDER_MIXED;
}

/* Writes the defaults of the fields from `next` up to `end`, which are not on the wire. */
static void write_blanks(struct output *out, const struct transcode_field *next,
                         const struct transcode_field *end)
{
    for (; next < end; next++) output_str(out, next->blank);
}

/* Removes the run of a repeated field from *rest; its first value was read already, from
 * `start`. */
static struct str take_run(struct str *rest, const char *start, uint32_t number)
{
    struct str ahead = *rest;
    struct wire_field value;

    while (wire_next(&ahead, &value) == WIRE_FIELD && value.number == number) *rest = ahead;
    return str_sized(start, (size_t)(rest->data - start));
}

static bool write_in_order(struct writer *writer, const struct transcode_type *type,
                           struct str wire)
{
    const struct transcode_field *next = type->fields, *end = next + type->schema->field_count,
                                 *field;
    struct output *out = writer->out;
    struct wire_field value;
    const char *start;

    while (start = wire.data, wire_next(&wire, &value) == WIRE_FIELD) {
        field = expect_field(type, (size_t)(next - type->fields), &value);
        if (!field) continue;
        write_blanks(out, next, field);
        next = field + 1;
        output_str(out, field->key);
        bool fine = field->schema->repeated
                        ? write_repeated(writer, field, take_run(&wire, start, value.number))
                        : write_value(writer, field, &value);
        if (!fine) return false;
        output_byte(out, ',');
    }
    write_blanks(out, next, end);
    return true;
}

/* ---- messages whose fields are not in order ---- */

/* The occurrences of a field in one message. */
struct occurrence {
    struct wire_field last;
    size_t count;
};

static bool write_mixed(struct writer *writer, const struct transcode_type *type, struct str wire)
{
    const struct schema_message *message = type->schema;
    struct occurrence *found = arena_array(writer->arena, struct occurrence, message->field_count);
    struct occurrence **members = arena_array(writer->arena, struct occurrence *,
                                              message->oneof_count);
    struct wire_field value;

    for (struct str rest = wire; wire_next(&rest, &value) == WIRE_FIELD;) {
        const struct transcode_field *field = expect_field(type, 0, &value);
        if (!field) continue;
        struct occurrence *occurrence = &found[field - type->fields];
        occurrence->last = value;
        occurrence->count++;
        if (field->schema->oneof < 0) continue;
        struct occurrence **member = &members[field->schema->oneof];
        if (*member && *member != occurrence) (*member)->count = 0;
        *member = occurrence;
    }
    for (size_t i = 0; i < message->field_count; i++) {
        const struct transcode_field *field = &type->fields[i];
        bool fine = true;
        if (found[i].count == 0) {
            output_str(writer->out, field->blank);
            continue;
        }
        output_str(writer->out, field->key);
        if (found[i].count > 1 && field->type)
            found[i].last.bytes = wire_merge(writer->arena, wire, field->schema->number);
        if (field->schema->repeated)
            fine = write_repeated(writer, field, wire);
        else
            fine = write_value(writer, field, &found[i].last);
        if (!fine) return false;
        output_byte(writer->out, ',');
    }
    return true;
}

bool write_members(struct writer *writer, const struct transcode_type *type, struct str wire)
{
    switch (look_through(type, wire)) {
    case ORDER_KEPT: return write_in_order(writer, type, wire);
    case ORDER_MIXED: return write_mixed(writer, type, wire);
    default: return writer_fail(writer, type->schema, "broken bytes");
    }
}

bool write_message(struct writer *writer, const struct transcode_type *type, struct str wire)
{
    enum schema_well_known kind = type->schema->well_known;

    if (writer->depth == SCHEMA_DEPTH_MAX)
        return writer_fail(writer, type->schema, "too many levels");
    writer->depth++;
    bool fine;
    if (kind != SCHEMA_ORDINARY && kind != SCHEMA_EMPTY) {
        fine = write_known(writer, type, wire);
    } else {
        output_byte(writer->out, '{');
        fine = write_members(writer, type, wire);
        output_close(writer->out, '}');
    }
    writer->depth--;
    return fine;
}

/* ---- the calls ---- */

struct status transcode_to_json(struct arena *arena, const struct transcode_type *type,
                                struct str wire, struct output *out)
{
    struct writer writer = {.arena = arena, .out = out};

    if (write_message(&writer, type, wire)) return status_ok();
    if (!failed(writer.status)) (void)writer_fail(&writer, type->schema, "broken bytes");
    return writer.status;
}

struct status transcode_field_to_json(struct arena *arena, const struct transcode_type *type,
                                      const struct transcode_field *field, struct str wire,
                                      struct output *out)
{
    struct writer writer = {.arena = arena, .out = out};
    struct wire_field value, last = {.bytes = STR("")};
    enum wire_result result;
    struct str rest = wire;
    size_t count = 0;

    while ((result = wire_next(&rest, &value)) == WIRE_FIELD) {
        if (value.number != field->schema->number || !wire_fits(field, value.type)) continue;
        last = value;
        count++;
    }
    if (count > 1 && field->type) last.bytes = wire_merge(arena, wire, field->schema->number);
    bool fine = result == WIRE_END &&
                (field->schema->repeated ? write_repeated(&writer, field, wire)
                                         : write_value(&writer, field, &last));
    if (fine) return status_ok();
    if (!failed(writer.status)) (void)writer_fail(&writer, type->schema, "broken bytes");
    return writer.status;
}
