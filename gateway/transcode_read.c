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

bool reader_fail(struct reader *reader, int reason, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    const char *text = arena_vprintf(reader->arena, format, arguments);
    va_end(arguments);
    if (reader->place)
        reader->status = status_field(reader->arena, reason,
                                      place_path(reader->arena, reader->place), "%s", text);
    else
        reader->status = status_printf(reader->arena, STATUS_INVALID_ARGUMENT, reason,
                                       "the body %s", text);
    return false;
}

bool reader_fail_json(struct reader *reader)
{
    return reader_fail(reader, ARGOSY__REASON__MALFORMED_JSON, "is malformed JSON at byte %zu: %s",
                       json_offset(&reader->json), reader->json.error);
}

bool reader_next(struct reader *reader, enum json_token *ret_token)
{
    *ret_token = json_next(&reader->json);
    return *ret_token != JSON_ERROR || reader_fail_json(reader);
}

bool reader_string(struct reader *reader, struct str *ret_text)
{
    *ret_text = json_string(&reader->json, reader->arena);
    /* JSON text itself has no NUL, so only an escape can produce one. */
    if (reader->json.escaped && memchr(ret_text->data, 0, ret_text->length))
        return reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS, "must not contain NUL");
    return true;
}

static bool fail_shape(struct reader *reader, const char *expected)
{
    return reader_fail(reader, ARGOSY__REASON__MALFORMED_JSON, "must be %s", expected);
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

static bool read_text(struct reader *reader, const struct transcode_field *field,
                      enum json_token token)
{
    struct str text;

    if (token != JSON_STRING)
        return fail_shape(reader,
                          field->schema->type == SCHEMA_BYTES ? "base64 in a string" : "a string");
    if (!reader_string(reader, &text)) return false;
    if (field->schema->type == SCHEMA_BYTES && !base64_decode(reader->arena, text, &text))
        return reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS, "must be base64");
    if (text.length == 0 && is_omitted(field)) return true;
    varint_put(reader->out, field->tag);
    varint_put(reader->out, text.length);
    output_str(reader->out, text);
    return true;
}

/* Reads the bits of the scalar at `token`. */
static bool read_bits(struct reader *reader, const struct schema_field *field,
                      enum json_token token, uint64_t *ret_bits)
{
    const char *error;
    struct str text;

    if (field->type == SCHEMA_BOOL) {
        *ret_bits = token == JSON_TRUE;
        return token == JSON_TRUE || token == JSON_FALSE || fail_shape(reader, "true or false");
    }
    if (token == JSON_NULL && field->enumeration && field->enumeration->null_value) {
        *ret_bits = 0;
        return true;
    }
    if (token == JSON_NUMBER)
        text = reader->json.raw;
    else if (token != JSON_STRING)
        return fail_shape(reader, field->enumeration ? "the name or number of an enum's value"
                                                     : "a number");
    else if (!reader_string(reader, &text))
        return false;
    if (!scalar_parse(field, text, ret_bits, &error))
        return reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS, "%s", error);
    return true;
}

static bool read_scalar(struct reader *reader, const struct transcode_field *field,
                        enum json_token token)
{
    uint64_t bits;

    if (!read_bits(reader, field->schema, token, &bits)) return false;
    if (bits == 0 && is_omitted(field)) return true;
    varint_put(reader->out, field->tag);
    scalar_put(reader->out, field->schema->type, bits);
    return true;
}

static bool read_embedded(struct reader *reader, const struct transcode_field *field,
                          enum json_token token)
{
    varint_put(reader->out, field->tag);
    size_t mark = length_open(reader->out);
    if (!read_message(reader, field->type, token)) return false;
    length_close(reader->out, mark);
    return true;
}

bool read_single(struct reader *reader, const struct transcode_field *field, enum json_token token)
{
    switch (field->schema->type) {
    case SCHEMA_MESSAGE: return read_embedded(reader, field, token);
    case SCHEMA_STRING:
    case SCHEMA_BYTES: return read_text(reader, field, token);
    default: return read_scalar(reader, field, token);
    }
}

/* ---- repeated fields and maps ---- */

/* Is null a value of this field, rather than the absence of one? */
static bool takes_null(const struct transcode_field *field)
{
    if (field->type) return field->type->schema->well_known == SCHEMA_VALUE;
    return field->schema->enumeration && field->schema->enumeration->null_value;
}

static bool read_packed(struct reader *reader, const struct transcode_field *field,
                        enum json_token token)
{
    uint64_t bits;

    if (!read_bits(reader, field->schema, token, &bits)) return false;
    scalar_put(reader->out, field->schema->type, bits);
    return true;
}

static bool read_elements(struct reader *reader, const struct transcode_field *field, bool packed)
{
    struct place place = {.up = reader->place, .index = 0};
    enum json_token token;
    bool fine = true;

    reader->place = &place;
    for (; fine && (fine = reader_next(reader, &token)) && token != JSON_ARRAY_END; place.index++) {
        if (token == JSON_NULL && !takes_null(field))
            fine = fail_shape(reader, "a value, not null");
        else if (packed)
            fine = read_packed(reader, field, token);
        else
            fine = read_single(reader, field, token);
    }
    reader->place = place.up;
    return fine;
}

bool read_array(struct reader *reader, const struct transcode_field *field, enum json_token token)
{
    struct output *out = reader->out;
    size_t start = out->length;

    if (token != JSON_ARRAY) return fail_shape(reader, "an array");
    if (!field->schema->packed) return read_elements(reader, field, false);

    varint_put(out, field->tag_packed);
    size_t mark = length_open(out);
    if (!read_elements(reader, field, true)) return false;
    if (out->length == mark)
        out->length = start; /* without elements there is no field */
    else
        length_close(out, mark);
    return true;
}

/* Adds a map's key with its tag, and adds it to the set of keys. */
static bool read_map_key(struct reader *reader, const struct transcode_field *field,
                         struct str text, struct key_set *seen)
{
    const char *error;
    uint64_t bits;

    varint_put(reader->out, field->tag);
    if (field->schema->type == SCHEMA_STRING) {
        varint_put(reader->out, text.length);
        output_str(reader->out, text);
    } else {
        if (!scalar_parse(field->schema, text, &bits, &error))
            return reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS, "as a key %s", error);
        scalar_put(reader->out, field->schema->type, bits);
        text = str_sized(arena_memdup(reader->arena, &bits, sizeof(bits)), sizeof(bits));
    }
    if (!key_set_add(reader->arena, seen, text))
        return reader_fail(reader, ARGOSY__REASON__MALFORMED_JSON, "is given twice");
    return true;
}

/* Values of maps are always written, as in other protobuf encoders. */
static bool read_map_value(struct reader *reader, const struct transcode_field *field,
                           enum json_token token)
{
    size_t start = reader->out->length;

    if (token == JSON_NULL && !takes_null(field)) return fail_shape(reader, "a value, not null");
    if (!read_single(reader, field, token)) return false;
    if (reader->out->length > start) return true;
    varint_put(reader->out, field->tag);
    if (field->schema->type == SCHEMA_STRING || field->schema->type == SCHEMA_BYTES)
        varint_put(reader->out, 0);
    else
        scalar_put(reader->out, field->schema->type, 0);
    return true;
}

static bool read_entry(struct reader *reader, const struct transcode_field *field,
                       struct key_set *seen)
{
    struct place place = {.up = reader->place, .index = -1, .key = true};
    const struct transcode_field *key = &field->type->fields[0], *value = &field->type->fields[1];
    enum json_token token;
    struct str text;

    if (!reader_string(reader, &text)) return false;
    place.name = text;
    reader->place = &place;
    varint_put(reader->out, field->tag);
    size_t mark = length_open(reader->out);
    bool fine = read_map_key(reader, key, text, seen) && reader_next(reader, &token) &&
                read_map_value(reader, value, token);
    if (!fine) return false;
    length_close(reader->out, mark);
    reader->place = place.up;
    return true;
}

bool read_map(struct reader *reader, const struct transcode_field *field, enum json_token token)
{
    struct key_set seen = {0};

    if (token != JSON_OBJECT) return fail_shape(reader, "an object");
    for (;;) {
        if (!reader_next(reader, &token)) return false;
        if (token == JSON_OBJECT_END) return true;
        if (!read_entry(reader, field, &seen)) return false;
    }
}

static bool read_field(struct reader *reader, const struct transcode_field *field,
                       enum json_token token)
{
    if (token == JSON_NULL && (field->schema->repeated || !takes_null(field)))
        return true; /* treated as absent */
    if (field->schema->map) return read_map(reader, field, token);
    if (field->schema->repeated) return read_array(reader, field, token);
    return read_single(reader, field, token);
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

static bool read_member(struct reader *reader, const struct transcode_type *type,
                        const struct transcode_field *field, struct seen *seen)
{
    const struct schema_message *message = type->schema;
    enum json_token token;

    if (seen_set(seen, (size_t)(field->schema - message->fields)))
        return reader_fail(reader, ARGOSY__REASON__MALFORMED_JSON, "is given twice");
    if (!reader_next(reader, &token)) return false;
    int oneof = field->schema->oneof;
    bool set = oneof >= 0 && (token != JSON_NULL || takes_null(field));
    if (set && seen_set(seen, message->field_count + (size_t)oneof))
        return reader_fail(
            reader, ARGOSY__REASON__INVALID_FIELDS,
            "excludes another field that is given: only one member of `%s` can be set",
            message->oneofs[oneof]);
    return read_field(reader, field, token);
}

bool read_members(struct reader *reader, const struct transcode_type *type, bool any)
{
    struct place place = {.up = reader->place, .index = -1};
    enum json_token token;
    struct seen seen;

    seen_init(&seen, reader->arena, type->schema);
    for (;;) {
        if (!reader_next(reader, &token)) return false;
        if (token == JSON_OBJECT_END) return true;
        if (!reader_string(reader, &place.name)) return false;
        if (any && str_is(place.name, "@type")) {
            if (!json_skip(&reader->json, JSON_KEY)) return reader_fail_json(reader);
            continue;
        }
        reader->place = &place;
        const struct transcode_field *field = transcode_field(type, place.name);
        if (!field)
            return reader_fail(reader, ARGOSY__REASON__UNKNOWN_FIELD, "is not a field of %s",
                               type->schema->name);
        if (!read_member(reader, type, field, &seen)) return false;
        reader->place = place.up;
    }
}

bool read_message(struct reader *reader, const struct transcode_type *type, enum json_token token)
{
    enum schema_well_known kind = type->schema->well_known;

    if (kind != SCHEMA_ORDINARY && kind != SCHEMA_EMPTY) return read_known(reader, type, token);
    if (token != JSON_OBJECT) return fail_shape(reader, "an object");
    return read_members(reader, type, false);
}

/* ---- the calls ---- */

static void reader_init(struct reader *reader, struct arena *arena, struct str json,
                        struct output *out)
{
    *reader = (struct reader){.arena = arena, .out = out};
    json_reader_init(&reader->json, json, JSON_DEPTH_MAX);
}

/* Checks that nothing follows the value. */
static struct status reader_end(struct reader *reader, bool fine)
{
    enum json_token token;

    if (fine && reader_next(reader, &token)) return status_ok();
    return reader->status;
}

struct status transcode_to_wire(struct arena *arena, const struct transcode_type *type,
                                struct str json, struct output *out)
{
    struct reader reader;
    enum json_token token;

    reader_init(&reader, arena, json, out);
    bool fine = reader_next(&reader, &token) && read_message(&reader, type, token);
    return reader_end(&reader, fine);
}

struct status transcode_field_to_wire(struct arena *arena, const struct transcode_field *field,
                                      struct str json, struct output *out)
{
    struct place place = {.name = str_of(field->schema->name), .index = -1};
    struct reader reader;
    enum json_token token;

    reader_init(&reader, arena, json, out);
    reader.place = &place;
    bool fine = reader_next(&reader, &token) && read_field(&reader, field, token);
    return reader_end(&reader, fine);
}

/* ---- one value as plain text ---- */

static bool text_scalar(struct reader *reader, const struct transcode_field *field, struct str text)
{
    const char *error;
    uint64_t bits;

    if (!scalar_parse(field->schema, text, &bits, &error))
        return reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS, "%s", error);
    if (bits == 0 && is_omitted(field)) return true;
    varint_put(reader->out, field->tag);
    scalar_put(reader->out, field->schema->type, bits);
    return true;
}

static bool text_bytes(struct reader *reader, const struct transcode_field *field, struct str text)
{
    bool bytes = field->schema->type == SCHEMA_BYTES;

    if (bytes && !base64_decode(reader->arena, text, &text))
        return reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS, "must be base64");
    if (!bytes && memchr(text.length ? text.data : "", 0, text.length))
        return reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS, "must not contain NUL");
    if (!bytes && !str_is_utf8(text))
        return reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS, "must be UTF-8");
    if (text.length == 0 && is_omitted(field)) return true;
    varint_put(reader->out, field->tag);
    varint_put(reader->out, text.length);
    output_str(reader->out, text);
    return true;
}

static bool text_value(struct reader *reader, const struct transcode_field *field, struct str text);

static bool text_message(struct reader *reader, const struct transcode_field *field,
                         struct str text)
{
    enum schema_well_known kind = field->type->schema->well_known;
    bool fine;

    varint_put(reader->out, field->tag);
    size_t mark = length_open(reader->out);
    if (kind == SCHEMA_WRAPPER)
        fine = text_value(reader, &field->type->fields[0], text);
    else if (kind == SCHEMA_TIMESTAMP || kind == SCHEMA_DURATION || kind == SCHEMA_FIELD_MASK)
        fine = read_known_text(reader, kind, text);
    else
        fine = reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS,
                           "is a message and cannot be given as one parameter");
    if (fine) length_close(reader->out, mark);
    return fine;
}

static bool text_value(struct reader *reader, const struct transcode_field *field, struct str text)
{
    if (field->schema->map)
        return reader_fail(reader, ARGOSY__REASON__INVALID_FIELDS,
                           "is a map and cannot be given as a parameter");
    switch (field->schema->type) {
    case SCHEMA_MESSAGE: return text_message(reader, field, text);
    case SCHEMA_STRING:
    case SCHEMA_BYTES: return text_bytes(reader, field, text);
    default: return text_scalar(reader, field, text);
    }
}

struct status transcode_text_to_wire(struct arena *arena, const struct transcode_field *field,
                                     struct str name, struct str text, struct output *out)
{
    struct place place = {.name = name, .index = -1};
    struct reader reader = {.arena = arena, .out = out, .place = &place};

    return text_value(&reader, field, text) ? status_ok() : reader.status;
}
