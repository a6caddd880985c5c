/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to wire bytes: one pass over the text, each value written as it is read. */
#include <stdarg.h>

#include "base/random.h"
#include "gateway/transcode_parts.h"
#include "reasons.pb-c.h"

/* ---- errors ---- */

/* The path of a place, such as `items[2].labels["a"]`. Only made for errors. */
static const char *place_path(struct arena *arena, const struct place *place)
{
    if (!place) return "";
    const char *up = place_path(arena, place->up);
    if (place->index >= 0) return arena_printf(arena, "%s[%lld]", up, (long long)place->index);
    if (place->key) return arena_printf(arena, "%s[\"%.*s\"]", up, STR_ARGS(place->name));
    return arena_printf(arena, "%s%s%.*s", up, up[0] ? "." : "", STR_ARGS(place->name));
}

bool reading_fail(struct reading *reading, int reason, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    const char *text = arena_vprintf(reading->arena, format, arguments);
    va_end(arguments);
    if (reading->place)
        reading->status = status_field(reading->arena, reason,
                                       place_path(reading->arena, reading->place), "%s", text);
    else
        reading->status = status_printf(reading->arena, STATUS_INVALID_ARGUMENT, reason,
                                        "the body %s", text);
    return false;
}

bool reading_fail_json(struct reading *reading)
{
    return reading_fail(reading, ARGOSY__REASON__MALFORMED_JSON,
                        "is malformed JSON at byte %zu: %s", json_offset(&reading->json),
                        reading->json.error);
}

bool reading_next(struct reading *reading, enum json_token *ret_token)
{
    *ret_token = json_next(&reading->json);
    return *ret_token != JSON_ERROR || reading_fail_json(reading);
}

bool reading_string(struct reading *reading, struct str *ret_text)
{
    *ret_text = json_string(&reading->json, reading->arena);
    /* JSON text itself has no NUL, so only an escape can produce one. */
    if (reading->json.escaped && memchr(ret_text->data, 0, ret_text->length))
        return reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS, "must not contain NUL");
    return true;
}

static bool fail_shape(struct reading *reading, const char *expected)
{
    return reading_fail(reading, ARGOSY__REASON__MALFORMED_JSON, "must be %s", expected);
}

/* ---- the set of keys ---- */

__extension__ typedef unsigned __int128 wide;

/* Keyed by the set's random seed, so that an attacker cannot choose colliding keys. */
static uint64_t hash_key(const struct key_set *set, struct str key)
{
    uint64_t hash = set->seed[0] ^ key.length;

    while (key.length > 0) {
        size_t size = key.length < 8 ? key.length : 8;
        uint64_t word = 0;
        memcpy(&word, key.data, size);
        key = str_sized(key.data + size, key.length - size);
        wide product = (wide)(hash ^ word) * (set->seed[1] | 1);
        hash = (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    return hash ^ hash >> 32;
}

static struct str *key_slot(const struct key_set *set, struct str key)
{
    size_t at = hash_key(set, key) & (set->capacity - 1);

    while (set->slots[at].data && !str_equal(set->slots[at], key))
        at = (at + 1) & (set->capacity - 1);
    return &set->slots[at];
}

bool key_set_add(struct arena *arena, struct key_set *set, struct str key)
{
    if (set->count * 2 >= set->capacity) {
        struct key_set old = *set;
        if (!old.capacity) random_bytes(set->seed, sizeof(set->seed));
        set->capacity = old.capacity ? old.capacity * 2 : 16;
        set->slots = arena_array(arena, struct str, set->capacity);
        for (size_t i = 0; i < old.capacity; i++)
            if (old.slots[i].data) *key_slot(set, old.slots[i]) = old.slots[i];
    }
    if (!key.data) key = STR("");
    struct str *slot = key_slot(set, key);
    if (slot->data) return false;
    *slot = key;
    set->count++;
    return true;
}

/* ---- scalars ---- */

/* A field without presence that has its default value is not written, so that the bytes are those
 * of other protobuf encoders. */
static bool is_omitted(const struct transcode_field *field)
{
    return !field->schema->presence && !field->schema->repeated;
}

static bool read_text(struct reading *reading, const struct transcode_field *field,
                      enum json_token token)
{
    struct str text;

    if (token != JSON_STRING)
        return fail_shape(reading,
                          field->schema->type == SCHEMA_BYTES ? "base64 in a string" : "a string");
    if (!reading_string(reading, &text)) return false;
    if (field->schema->type == SCHEMA_BYTES && !base64_decode(reading->arena, text, &text))
        return reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS, "must be base64");
    if (text.length == 0 && is_omitted(field)) return true;
    varint_put(reading->out, field->tag);
    varint_put(reading->out, text.length);
    output_str(reading->out, text);
    return true;
}

/* Reads the bits of the scalar at `token`. */
static bool read_bits(struct reading *reading, const struct schema_field *field,
                      enum json_token token, uint64_t *ret_bits)
{
    const char *error;
    struct str text;

    if (field->type == SCHEMA_BOOL) {
        *ret_bits = token == JSON_TRUE;
        return token == JSON_TRUE || token == JSON_FALSE || fail_shape(reading, "true or false");
    }
    if (token == JSON_NULL && field->enumeration && field->enumeration->null_value) {
        *ret_bits = 0;
        return true;
    }
    if (token == JSON_NUMBER)
        text = reading->json.raw;
    else if (token != JSON_STRING)
        return fail_shape(reading, field->enumeration ? "the name or number of an enum's value"
                                                      : "a number");
    else if (!reading_string(reading, &text))
        return false;
    if (!scalar_parse(field, text, ret_bits, &error))
        return reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS, "%s", error);
    return true;
}

static bool read_scalar(struct reading *reading, const struct transcode_field *field,
                        enum json_token token)
{
    uint64_t bits;

    if (!read_bits(reading, field->schema, token, &bits)) return false;
    if (bits == 0 && is_omitted(field)) return true;
    varint_put(reading->out, field->tag);
    scalar_put(reading->out, field->schema->type, bits);
    return true;
}

static bool read_embedded(struct reading *reading, const struct transcode_field *field,
                          enum json_token token)
{
    varint_put(reading->out, field->tag);
    size_t mark = length_open(reading->out);
    if (!read_message(reading, field->type, token)) return false;
    length_close(reading->out, mark);
    return true;
}

bool read_single(struct reading *reading, const struct transcode_field *field,
                 enum json_token token)
{
    switch (field->schema->type) {
    case SCHEMA_MESSAGE: return read_embedded(reading, field, token);
    case SCHEMA_STRING:
    case SCHEMA_BYTES: return read_text(reading, field, token);
    default: return read_scalar(reading, field, token);
    }
}

/* ---- repeated fields and maps ---- */

/* Is null a value of this field, rather than the absence of one? */
static bool takes_null(const struct transcode_field *field)
{
    if (field->type) return field->type->schema->well_known == SCHEMA_VALUE;
    return field->schema->enumeration && field->schema->enumeration->null_value;
}

static bool read_packed(struct reading *reading, const struct transcode_field *field,
                        enum json_token token)
{
    uint64_t bits;

    if (!read_bits(reading, field->schema, token, &bits)) return false;
    scalar_put(reading->out, field->schema->type, bits);
    return true;
}

static bool read_elements(struct reading *reading, const struct transcode_field *field, bool packed)
{
    struct place place = {.up = reading->place, .index = 0};
    enum json_token token;
    bool fine = true;

    reading->place = &place;
    for (; fine && (fine = reading_next(reading, &token)) && token != JSON_ARRAY_END;
         place.index++) {
        if (token == JSON_NULL && !takes_null(field))
            fine = fail_shape(reading, "a value, not null");
        else if (packed)
            fine = read_packed(reading, field, token);
        else
            fine = read_single(reading, field, token);
    }
    reading->place = place.up;
    return fine;
}

bool read_array(struct reading *reading, const struct transcode_field *field, enum json_token token)
{
    struct output *out = reading->out;
    size_t start = out->length;

    if (token != JSON_ARRAY) return fail_shape(reading, "an array");
    if (!field->schema->packed) return read_elements(reading, field, false);

    varint_put(out, field->tag_packed);
    size_t mark = length_open(out);
    if (!read_elements(reading, field, true)) return false;
    if (out->length == mark)
        out->length = start; /* without elements there is no field */
    else
        length_close(out, mark);
    return true;
}

/* Adds a map's key with its tag, and adds it to the set of keys. */
static bool read_map_key(struct reading *reading, const struct transcode_field *field,
                         struct str text, struct key_set *seen)
{
    const char *error;
    uint64_t bits;

    varint_put(reading->out, field->tag);
    if (field->schema->type == SCHEMA_STRING) {
        varint_put(reading->out, text.length);
        output_str(reading->out, text);
    } else {
        if (!scalar_parse(field->schema, text, &bits, &error))
            return reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS, "as a key %s", error);
        scalar_put(reading->out, field->schema->type, bits);
        text = str_sized(arena_memdup(reading->arena, &bits, sizeof(bits)), sizeof(bits));
    }
    if (!key_set_add(reading->arena, seen, text))
        return reading_fail(reading, ARGOSY__REASON__MALFORMED_JSON, "is given twice");
    return true;
}

/* Values of maps are always written, as in other protobuf encoders. */
static bool read_map_value(struct reading *reading, const struct transcode_field *field,
                           enum json_token token)
{
    size_t start = reading->out->length;

    if (token == JSON_NULL && !takes_null(field)) return fail_shape(reading, "a value, not null");
    if (!read_single(reading, field, token)) return false;
    if (reading->out->length > start) return true;
    varint_put(reading->out, field->tag);
    if (field->schema->type == SCHEMA_STRING || field->schema->type == SCHEMA_BYTES)
        varint_put(reading->out, 0);
    else
        scalar_put(reading->out, field->schema->type, 0);
    return true;
}

static bool read_entry(struct reading *reading, const struct transcode_field *field,
                       struct key_set *seen)
{
    struct place place = {.up = reading->place, .index = -1, .key = true};
    const struct transcode_field *key = &field->type->fields[0], *value = &field->type->fields[1];
    enum json_token token;
    struct str text;

    if (!reading_string(reading, &text)) return false;
    place.name = text;
    reading->place = &place;
    varint_put(reading->out, field->tag);
    size_t mark = length_open(reading->out);
    bool fine = read_map_key(reading, key, text, seen) && reading_next(reading, &token) &&
                read_map_value(reading, value, token);
    if (!fine) return false;
    length_close(reading->out, mark);
    reading->place = place.up;
    return true;
}

bool read_map(struct reading *reading, const struct transcode_field *field, enum json_token token)
{
    struct key_set seen = {0};

    if (token != JSON_OBJECT) return fail_shape(reading, "an object");
    for (;;) {
        if (!reading_next(reading, &token)) return false;
        if (token == JSON_OBJECT_END) return true;
        if (!read_entry(reading, field, &seen)) return false;
    }
}

static bool read_field(struct reading *reading, const struct transcode_field *field,
                       enum json_token token)
{
    if (token == JSON_NULL && (field->schema->repeated || !takes_null(field)))
        return true; /* treated as absent */
    if (field->schema->map) return read_map(reading, field, token);
    if (field->schema->repeated) return read_array(reading, field, token);
    return read_single(reading, field, token);
}

/* ---- messages ---- */

enum { SEEN_WORDS = 2 };

/* Which fields and oneofs of a message were given: one bit each, fields first. */
struct seen {
    uint64_t small[SEEN_WORDS];
    uint64_t *bits;
};

static void seen_init(struct seen *seen, struct arena *arena, const struct schema_message *message)
{
    size_t words = (message->field_count + message->oneof_count + 63) / 64;

    memset(seen->small, 0, sizeof(seen->small));
    seen->bits = words <= SEEN_WORDS ? seen->small : arena_array(arena, uint64_t, words);
}

/* Marks it as seen; true if it was seen before. */
static bool seen_set(struct seen *seen, size_t index)
{
    uint64_t bit = UINT64_C(1) << (index & 63), *word = &seen->bits[index >> 6];
    bool before = *word & bit;

    *word |= bit;
    return before;
}

static bool read_member(struct reading *reading, const struct transcode_type *type,
                        const struct transcode_field *field, struct seen *seen)
{
    const struct schema_message *message = type->schema;
    enum json_token token;

    if (seen_set(seen, (size_t)(field->schema - message->fields)))
        return reading_fail(reading, ARGOSY__REASON__MALFORMED_JSON, "is given twice");
    if (!reading_next(reading, &token)) return false;
    int oneof = field->schema->oneof;
    bool set = oneof >= 0 && (token != JSON_NULL || takes_null(field));
    if (set && seen_set(seen, message->field_count + (size_t)oneof))
        return reading_fail(
            reading, ARGOSY__REASON__INVALID_FIELDS,
            "excludes another field that is given: only one member of `%s` can be set",
            message->oneofs[oneof]);
    return read_field(reading, field, token);
}

bool read_members(struct reading *reading, const struct transcode_type *type, bool any)
{
    struct place place = {.up = reading->place, .index = -1};
    enum json_token token;
    struct seen seen;

    seen_init(&seen, reading->arena, type->schema);
    for (;;) {
        if (!reading_next(reading, &token)) return false;
        if (token == JSON_OBJECT_END) return true;
        if (!reading_string(reading, &place.name)) return false;
        if (any && str_is(place.name, "@type")) {
            if (!json_skip(&reading->json, JSON_KEY)) return reading_fail_json(reading);
            continue;
        }
        reading->place = &place;
        const struct transcode_field *field = transcode_field(type, place.name);
        if (!field)
            return reading_fail(reading, ARGOSY__REASON__UNKNOWN_FIELD, "is not a field of %s",
                                type->schema->name);
        if (!read_member(reading, type, field, &seen)) return false;
        reading->place = place.up;
    }
}

bool read_message(struct reading *reading, const struct transcode_type *type, enum json_token token)
{
    enum schema_well_known kind = type->schema->well_known;

    if (kind != SCHEMA_ORDINARY && kind != SCHEMA_EMPTY) return read_known(reading, type, token);
    if (token != JSON_OBJECT) return fail_shape(reading, "an object");
    return read_members(reading, type, false);
}

/* ---- the calls ---- */

static void reading_init(struct reading *reading, struct arena *arena, struct str json,
                         struct output *out)
{
    *reading = (struct reading){.arena = arena, .out = out};
    json_reader_init(&reading->json, json, JSON_DEPTH_MAX);
}

/* Checks that nothing follows the value. */
static struct status reading_end(struct reading *reading, bool fine)
{
    enum json_token token;

    if (fine && reading_next(reading, &token)) return status_ok();
    return reading->status;
}

struct status transcode_to_wire(struct arena *arena, const struct transcode_type *type,
                                struct str json, struct output *out)
{
    struct reading reading;
    enum json_token token;

    reading_init(&reading, arena, json, out);
    bool fine = reading_next(&reading, &token) && read_message(&reading, type, token);
    return reading_end(&reading, fine);
}

struct status transcode_field_to_wire(struct arena *arena, const struct transcode_field *field,
                                      struct str json, struct output *out)
{
    struct place place = {.name = str_of(field->schema->name), .index = -1};
    struct reading reading;
    enum json_token token;

    reading_init(&reading, arena, json, out);
    reading.place = &place;
    bool fine = reading_next(&reading, &token) && read_field(&reading, field, token);
    return reading_end(&reading, fine);
}

/* ---- one value as plain text ---- */

static bool text_scalar(struct reading *reading, const struct transcode_field *field,
                        struct str text)
{
    const char *error;
    uint64_t bits;

    if (!scalar_parse(field->schema, text, &bits, &error))
        return reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS, "%s", error);
    if (bits == 0 && is_omitted(field)) return true;
    varint_put(reading->out, field->tag);
    scalar_put(reading->out, field->schema->type, bits);
    return true;
}

static bool text_bytes(struct reading *reading, const struct transcode_field *field,
                       struct str text)
{
    bool bytes = field->schema->type == SCHEMA_BYTES;

    if (bytes && !base64_decode(reading->arena, text, &text))
        return reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS, "must be base64");
    if (!bytes && memchr(text.length ? text.data : "", 0, text.length))
        return reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS, "must not contain NUL");
    if (!bytes && !str_is_utf8(text))
        return reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS, "must be UTF-8");
    if (text.length == 0 && is_omitted(field)) return true;
    varint_put(reading->out, field->tag);
    varint_put(reading->out, text.length);
    output_str(reading->out, text);
    return true;
}

static bool text_value(struct reading *reading, const struct transcode_field *field,
                       struct str text);

static bool text_message(struct reading *reading, const struct transcode_field *field,
                         struct str text)
{
    enum schema_well_known kind = field->type->schema->well_known;
    bool fine;

    varint_put(reading->out, field->tag);
    size_t mark = length_open(reading->out);
    if (kind == SCHEMA_WRAPPER)
        fine = text_value(reading, &field->type->fields[0], text);
    else if (kind == SCHEMA_TIMESTAMP || kind == SCHEMA_DURATION || kind == SCHEMA_FIELD_MASK)
        fine = read_known_text(reading, kind, text);
    else
        fine = reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS,
                            "is a message and cannot be given as one parameter");
    if (fine) length_close(reading->out, mark);
    return fine;
}

static bool text_value(struct reading *reading, const struct transcode_field *field,
                       struct str text)
{
    if (field->schema->map)
        return reading_fail(reading, ARGOSY__REASON__INVALID_FIELDS,
                            "is a map and cannot be given as a parameter");
    switch (field->schema->type) {
    case SCHEMA_MESSAGE: return text_message(reading, field, text);
    case SCHEMA_STRING:
    case SCHEMA_BYTES: return text_bytes(reading, field, text);
    default: return text_scalar(reading, field, text);
    }
}

struct status transcode_text_to_wire(struct arena *arena, const struct transcode_field *field,
                                     struct str name, struct str text, struct output *out)
{
    struct place place = {.name = name, .index = -1};
    struct reading reading = {.arena = arena, .out = out, .place = &place};

    return text_value(&reading, field, text) ? status_ok() : reading.status;
}
