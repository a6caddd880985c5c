/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to wire bytes: the well-known types, each with a JSON form of its own. */
#include "base/time_text.h"
#include "gateway/transcode_parts.h"
#include "reasons.pb-c.h"

static void put_varint_field(struct output *out, uint32_t number, uint64_t value)
{
    varint_put(out, number << 3 | WIRE_VARINT);
    varint_put(out, value);
}

static void put_bytes_field(struct output *out, uint32_t number, struct str bytes)
{
    varint_put(out, number << 3 | WIRE_BYTES);
    varint_put(out, bytes.length);
    output_str(out, bytes);
}

/* ---- Timestamp, Duration, FieldMask ---- */

bool is_mask_path(struct str path)
{
    bool capitals = false, underscores = false;
    char before = '.';

    for (size_t i = 0; i < path.length; i++) {
        char byte = path.data[i];
        bool small = byte >= 'a' && byte <= 'z', capital = byte >= 'A' && byte <= 'Z';
        bool digit = byte >= '0' && byte <= '9';
        if (!small && !capital && !digit && byte != '_' && byte != '.') return false;
        if (before == '_' && !small) return false;
        if (before == '.' && (digit || byte == '.')) return false;
        capitals |= capital;
        underscores |= byte == '_';
        before = byte;
    }
    return path.length > 0 && before != '.' && before != '_' && !(capitals && underscores);
}

/* Field masks have lowerCamelCase in JSON and snake_case on the wire; snake_case is accepted too,
 * because our JSON uses it. */
static bool put_mask_path(struct reader *reader, struct str path)
{
    struct output *out = reader->out;

    if (!is_mask_path(path))
        return reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS,
                           "must be paths of fields separated by commas, such as "
                           "name,imageUrls");
    varint_put(out, FIELD_MASK_PATHS << 3 | WIRE_BYTES);
    size_t mark = length_open(out);
    for (size_t i = 0; i < path.length; i++) {
        char byte = path.data[i];
        bool upper = byte >= 'A' && byte <= 'Z';
        if (upper) output_byte(out, '_');
        output_byte(out, upper ? (char)(byte | 0x20) : byte);
    }
    length_close(out, mark);
    return true;
}

static bool put_mask(struct reader *reader, struct str text)
{
    struct str part;

    if (text.length == 0) return true;
    while (str_split(&text, ',', &part))
        if (!put_mask_path(reader, part)) return false;
    return true;
}

bool read_known_text(struct reader *reader, enum schema_well_known kind, struct str text)
{
    int64_t seconds;
    int32_t nanos;

    if (kind == SCHEMA_FIELD_MASK) return put_mask(reader, text);
    if (kind == SCHEMA_TIMESTAMP && !timestamp_parse(text, &seconds, &nanos))
        return reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS,
                           "must be a time such as 2026-11-24T18:40:36.120Z");
    if (kind == SCHEMA_DURATION && !duration_parse(text, &seconds, &nanos))
        return reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS,
                           "must be a duration such as 1.5s");
    if (seconds != 0) put_varint_field(reader->out, TIME_SECONDS, (uint64_t)seconds);
    if (nanos != 0) put_varint_field(reader->out, TIME_NANOS, (uint64_t)(int64_t)nanos);
    return true;
}

/* ---- Struct, Value, ListValue ---- */

/* Reads a member of Value that is a message; `number` is its field number. */
static bool read_value_part(struct reader *reader, const struct transcode_type *type,
                            uint32_t number, enum json_token token)
{
    const struct schema_field *schema = schema_field_by_number(type->schema, number);
    const struct transcode_type *part = type->fields[schema - type->schema->fields].type;

    varint_put(reader->out, number << 3 | WIRE_BYTES);
    size_t mark = length_open(reader->out);
    bool fine = read_known(reader, part, token);
    if (fine) length_close(reader->out, mark);
    return fine;
}

static bool read_value_number(struct reader *reader)
{
    uint64_t bits;
    double value;

    if (!str_to_double(reader->json.raw, &value))
        return reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS,
                           "must be a number within the range of a double");
    memcpy(&bits, &value, sizeof(bits));
    varint_put(reader->out, VALUE_NUMBER << 3 | WIRE_FIXED64);
    scalar_put(reader->out, SCHEMA_DOUBLE, bits);
    return true;
}

static bool read_any_value(struct reader *reader, const struct transcode_type *type,
                           enum json_token token)
{
    struct str text;

    switch (token) {
    case JSON_NULL: put_varint_field(reader->out, VALUE_NULL, 0); return true;
    case JSON_TRUE: put_varint_field(reader->out, VALUE_BOOL, 1); return true;
    case JSON_FALSE: put_varint_field(reader->out, VALUE_BOOL, 0); return true;
    case JSON_NUMBER: return read_value_number(reader);
    case JSON_OBJECT: return read_value_part(reader, type, VALUE_STRUCT, token);
    case JSON_ARRAY: return read_value_part(reader, type, VALUE_LIST, token);
    default:
        if (!reader_string(reader, &text)) return false;
        put_bytes_field(reader->out, VALUE_STRING, text);
        return true;
    }
}

/* ---- Any ---- */

/* Finds the "@type" of the object that the reader has just entered, at any position; does not move
 * the reader. */
static bool find_type_url(struct reader *reader, struct str *ret_url)
{
    struct reader ahead = *reader;
    enum json_token token;
    struct str key;

    *ret_url = (struct str){0};
    for (;;) {
        if (!reader_next(&ahead, &token)) break;
        if (token == JSON_OBJECT_END) {
            if (ret_url->data) return true;
            return reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS,
                               "must have its type in \"@type\"");
        }
        if (!reader_string(&ahead, &key) || !reader_next(&ahead, &token)) break;
        if (!str_is(key, "@type")) {
            if (json_skip(&ahead.json, token)) continue;
            reader_fail_json(&ahead);
            break;
        }
        if (token != JSON_STRING || ret_url->data)
            return reader_fail(reader, ARGOSY__REASON__MALFORMED_JSON,
                               "must have exactly one \"@type\", which is a string");
        if (!reader_string(&ahead, ret_url)) break;
    }
    reader->status = ahead.status;
    return false;
}

/* Reads the members "@type" and "value" of an Any that holds a well-known type. */
static bool read_any_known(struct reader *reader, const struct transcode_type *type)
{
    struct place place = {.up = reader->place, .name = STR("value"), .index = -1};
    enum json_token token;
    struct str key;
    bool seen = false;

    for (;;) {
        if (!reader_next(reader, &token)) return false;
        if (token == JSON_OBJECT_END) break;
        if (!reader_string(reader, &key) || !reader_next(reader, &token)) return false;
        if (str_is(key, "@type")) continue;
        if (!str_is(key, "value") || seen)
            return reader_fail(reader, ARGOSY__REASON__MALFORMED_JSON,
                               "must have \"@type\" and \"value\" once each, and nothing else");
        seen = true;
        reader->place = &place;
        if (!read_message(reader, type, token)) return false;
        reader->place = place.up;
    }
    return seen || reader_fail(reader, ARGOSY__REASON__MALFORMED_JSON, "must have \"value\"");
}

static bool read_any(struct reader *reader, const struct transcode_type *type,
                     enum json_token token)
{
    struct str url;

    if (token != JSON_OBJECT)
        return reader_fail(reader, ARGOSY__REASON__MALFORMED_JSON, "must be an object");
    struct json_reader start = reader->json;
    if (json_next(&start) == JSON_OBJECT_END) { /* {} is an empty Any */
        reader->json = start;
        return true;
    }
    if (!find_type_url(reader, &url)) return false;
    const struct transcode_type *content = transcode_any_type(reader->arena, type->types, url);
    if (!content)
        return reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS, "has an unknown type: %.*s",
                           STR_ARGS(url));

    put_bytes_field(reader->out, ANY_URL, url);
    varint_put(reader->out, ANY_VALUE << 3 | WIRE_BYTES);
    size_t mark = length_open(reader->out);
    bool fine = content->schema->well_known == SCHEMA_ORDINARY ? read_members(reader, content, true)
                                                               : read_any_known(reader, content);
    if (fine) length_close(reader->out, mark);
    return fine;
}

bool read_known(struct reader *reader, const struct transcode_type *type, enum json_token token)
{
    enum schema_well_known kind = type->schema->well_known;
    struct str text;

    switch (kind) {
    case SCHEMA_STRUCT: return read_map(reader, &type->fields[0], token);
    case SCHEMA_LIST_VALUE: return read_array(reader, &type->fields[0], token);
    case SCHEMA_VALUE: return read_any_value(reader, type, token);
    case SCHEMA_WRAPPER: return read_single(reader, &type->fields[0], token);
    case SCHEMA_ANY: return read_any(reader, type, token);
    default:
        if (token != JSON_STRING)
            return reader_fail(reader, ARGOSY__REASON__MALFORMED_JSON, "must be a string");
        return reader_string(reader, &text) && read_known_text(reader, kind, text);
    }
}
