/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to wire bytes: the well-known types, each with a JSON form of its own. */
#include "gateway/time_text.h"
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
static bool put_mask_path(struct reading *reading, struct str path)
{
    struct output *out = reading->out;

    if (!is_mask_path(path))
        return reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS,
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

static bool put_mask(struct reading *reading, struct str text)
{
    struct str part;

    if (text.length == 0) return true;
    while (str_split(&text, ',', &part))
        if (!put_mask_path(reading, part)) return false;
    return true;
}

bool read_known_text(struct reading *reading, enum schema_well_known kind, struct str text)
{
    int64_t seconds;
    int32_t nanos;

    if (kind == SCHEMA_FIELD_MASK) return put_mask(reading, text);
    if (kind == SCHEMA_TIMESTAMP && !timestamp_parse(text, &seconds, &nanos))
        return reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS,
                            "must be a time such as 2026-11-24T18:40:36.120Z");
    if (kind == SCHEMA_DURATION && !duration_parse(text, &seconds, &nanos))
        return reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS,
                            "must be a duration such as 1.5s");
    if (seconds != 0) put_varint_field(reading->out, TIME_SECONDS, (uint64_t)seconds);
    if (nanos != 0) put_varint_field(reading->out, TIME_NANOS, (uint64_t)(int64_t)nanos);
    return true;
}

/* ---- Struct, Value, ListValue ---- */

/* Reads a member of Value that is a message; `number` is its field number. */
static bool read_value_part(struct reading *reading, const struct transcode_type *type,
                            uint32_t number, enum json_token token)
{
    const struct schema_field *schema = schema_field_by_number(type->schema, number);
    const struct transcode_type *part = type->fields[schema - type->schema->fields].type;

    varint_put(reading->out, number << 3 | WIRE_BYTES);
    size_t mark = length_open(reading->out);
    bool fine = read_known(reading, part, token);
    if (fine) length_close(reading->out, mark);
    return fine;
}

static bool read_value_number(struct reading *reading)
{
    uint64_t bits;
    double value;

    if (!str_to_double(reading->json.raw, &value))
        return reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS,
                            "must be a number within the range of a double");
    memcpy(&bits, &value, sizeof(bits));
    varint_put(reading->out, VALUE_NUMBER << 3 | WIRE_FIXED64);
    scalar_put(reading->out, SCHEMA_DOUBLE, bits);
    return true;
}

static bool read_any_value(struct reading *reading, const struct transcode_type *type,
                           enum json_token token)
{
    struct str text;

    switch (token) {
    case JSON_NULL: put_varint_field(reading->out, VALUE_NULL, 0); return true;
    case JSON_TRUE: put_varint_field(reading->out, VALUE_BOOL, 1); return true;
    case JSON_FALSE: put_varint_field(reading->out, VALUE_BOOL, 0); return true;
    case JSON_NUMBER: return read_value_number(reading);
    case JSON_OBJECT: return read_value_part(reading, type, VALUE_STRUCT, token);
    case JSON_ARRAY: return read_value_part(reading, type, VALUE_LIST, token);
    default:
        if (!reading_string(reading, &text)) return false;
        put_bytes_field(reading->out, VALUE_STRING, text);
        return true;
    }
}

/* ---- Any ---- */

/* Finds the "@type" of the object that the reader has just entered, at any position; does not move
 * the reader. */
static bool find_type_url(struct reading *reading, struct str *ret_url)
{
    struct reading ahead = *reading;
    enum json_token token;
    struct str key;

    *ret_url = (struct str){0};
    for (;;) {
        if (!reading_next(&ahead, &token)) break;
        if (token == JSON_OBJECT_END) {
            if (ret_url->data) return true;
            return reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS,
                                "must have its type in \"@type\"");
        }
        if (!reading_string(&ahead, &key) || !reading_next(&ahead, &token)) break;
        if (!str_is(key, "@type")) {
            if (json_skip(&ahead.json, token)) continue;
            reading_fail_json(&ahead);
            break;
        }
        if (token != JSON_STRING || ret_url->data)
            return reading_fail(reading, ARGOSY__REASON__MALFORMED_JSON,
                                "must have exactly one \"@type\", which is a string");
        if (!reading_string(&ahead, ret_url)) break;
    }
    reading->status = ahead.status;
    return false;
}

/* Reads the members "@type" and "value" of an Any that holds a well-known type. */
static bool read_any_known(struct reading *reading, const struct transcode_type *type)
{
    struct place place = {.up = reading->place, .name = STR("value"), .index = -1};
    enum json_token token;
    struct str key;
    bool seen = false;

    for (;;) {
        if (!reading_next(reading, &token)) return false;
        if (token == JSON_OBJECT_END) break;
        if (!reading_string(reading, &key) || !reading_next(reading, &token)) return false;
        if (str_is(key, "@type")) continue;
        if (!str_is(key, "value") || seen)
            return reading_fail(reading, ARGOSY__REASON__MALFORMED_JSON,
                                "must have \"@type\" and \"value\" once each, and nothing else");
        seen = true;
        reading->place = &place;
        if (!read_message(reading, type, token)) return false;
        reading->place = place.up;
    }
    return seen || reading_fail(reading, ARGOSY__REASON__MALFORMED_JSON, "must have \"value\"");
}

static bool read_any(struct reading *reading, const struct transcode_type *type,
                     enum json_token token)
{
    struct str url;

    if (token != JSON_OBJECT)
        return reading_fail(reading, ARGOSY__REASON__MALFORMED_JSON, "must be an object");
    struct json_reader start = reading->json;
    if (json_next(&start) == JSON_OBJECT_END) { /* {} is an empty Any */
        reading->json = start;
        return true;
    }
    if (!find_type_url(reading, &url)) return false;
    const struct transcode_type *content = transcode_any_type(reading->arena, type->types, url);
    if (!content)
        return reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS, "has an unknown type: %.*s",
                            STR_ARGS(url));

    put_bytes_field(reading->out, ANY_URL, url);
    varint_put(reading->out, ANY_VALUE << 3 | WIRE_BYTES);
    size_t mark = length_open(reading->out);
    bool fine = content->schema->well_known == SCHEMA_ORDINARY
                    ? read_members(reading, content, true)
                    : read_any_known(reading, content);
    if (fine) length_close(reading->out, mark);
    return fine;
}

bool read_known(struct reading *reading, const struct transcode_type *type, enum json_token token)
{
    enum schema_well_known kind = type->schema->well_known;
    struct str text;

    switch (kind) {
    case SCHEMA_STRUCT: return read_map(reading, &type->fields[0], token);
    case SCHEMA_LIST_VALUE: return read_array(reading, &type->fields[0], token);
    case SCHEMA_VALUE: return read_any_value(reading, type, token);
    case SCHEMA_WRAPPER: return read_single(reading, &type->fields[0], token);
    case SCHEMA_ANY: return read_any(reading, type, token);
    default:
        if (token != JSON_STRING)
            return reading_fail(reading, ARGOSY__REASON__MALFORMED_JSON, "must be a string");
        return reading_string(reading, &text) && read_known_text(reading, kind, text);
    }
}
