/* SPDX-License-Identifier: Apache-2.0 */
/* Checks values against rules, and reports where and how they break them. */
#include "rpc/schema_check.h"

#include <inttypes.h>
#include <math.h>

#include "reasons.pb-c.h"
#include "rpc/schema_format.h"
#include "rpc/schema_pattern.h"
#include "rpc/wire.h"

enum {
    PATH_KEY_MAX = 64,
    PATH_MAX_SIZE = 1024
}; /* bytes of a map's key shown in a path; bytes of a whole path */

/* ---- values ---- */

int value_wire_type(enum schema_type type)
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
    case SCHEMA_GROUP:
    case SCHEMA_MESSAGE: return WIRE_BYTES;
    default: return WIRE_VARINT;
    }
}

/* A varint may have more bits than its type; readers drop the extra bits, so we must do so before
 * comparing.
 */
static uint64_t narrow(enum schema_type type, uint64_t number)
{
    switch (type) {
    case SCHEMA_INT32:
    case SCHEMA_ENUM: return (uint64_t)(int64_t)(int32_t)(uint32_t)number;
    case SCHEMA_UINT32: return (uint32_t)number;
    case SCHEMA_SINT32: return (uint64_t)wire_zigzag((uint32_t)number);
    case SCHEMA_SINT64: return (uint64_t)wire_zigzag(number);
    case SCHEMA_BOOL: return number != 0;
    default: return number;
    }
}

bool value_take(const struct schema_field *field, struct str *rest, struct value *ret_value)
{
    uint64_t number;

    if (!wire_take_value(rest, (enum wire_type)value_wire_type(field->type), &number)) return false;
    *ret_value = (struct value){.number = narrow(field->type, number)};
    return true;
}

struct value value_of(const struct schema_field *field, const struct wire_field *wire)
{
    return (struct value){narrow(field->type, wire->value), wire->bytes};
}

bool value_is_zero(const struct value *value)
{
    return value->number == 0 && value->bytes.length == 0;
}

/* ---- places ---- */

/* Counts the items of a repeated field before the one that ends at `place->item`. */
static size_t item_index(const struct place *place)
{
    bool packable = value_wire_type(place->field->type) != WIRE_BYTES;
    struct str rest = place->message;
    struct wire_field wire;
    struct value value;
    size_t index = 0;

    while (wire_next(&rest, &wire) == WIRE_FIELD) {
        if (wire.number != place->field->number) continue;
        if (wire.type != WIRE_BYTES || !packable) {
            if (rest.data == place->item) return index;
            index++;
            continue;
        }
        while (value_take(place->field, &wire.bytes, &value)) {
            if (wire.bytes.data == place->item) return index;
            index++;
        }
    }
    return index;
}

/* Prints the key of the map entry that ends at `place->item` into the path. */
static void print_key(const struct place *place, struct buffer *path)
{
    const struct schema_field *key = &place->field->message->fields[0];
    struct str rest = place->message;
    struct wire_field wire = {0}, inner;
    struct value value = {0};

    while (wire_next(&rest, &wire) == WIRE_FIELD && rest.data != place->item) continue;
    for (rest = wire.bytes; wire_next(&rest, &inner) == WIRE_FIELD;)
        if (inner.number == key->number) value = value_of(key, &inner);
    if (key->type != SCHEMA_STRING) {
        buffer_printf(path, "[%" PRId64 "]", (int64_t)value.number);
        return;
    }
    buffer_append_str(path, STR("[\""));
    for (size_t i = 0; i < value.bytes.length && i < PATH_KEY_MAX; i++) {
        char c = value.bytes.data[i];
        buffer_append_byte(path, c >= ' ' && c <= '~' && c != '"' ? c : '?');
    }
    buffer_append_str(path, STR("\"]"));
}

static void print_place(const struct place *place, struct buffer *path)
{
    if (place->above) print_place(place->above, path);
    /* A map entry is named by its key, without the names of its fields. */
    if (place->above && place->above->field->map) return;
    if (place->above) buffer_append_byte(path, '.');
    buffer_append_str(path, str_of(place->field->name));
    if (!place->item) return;
    if (place->field->map)
        print_key(place, path);
    else
        buffer_printf(path, "[%zu]", item_index(place));
}

const char *place_path(struct arena *arena, const struct place *place)
{
    struct buffer path;
    const char *text;

    buffer_init(&path, PATH_MAX_SIZE);
    print_place(place, &path);
    text = str_dup(arena, buffer_str(&path));
    buffer_release(&path);
    return text;
}

/* ---- violations ---- */

void violation_add(struct violations *violations, const struct place *place, const char *format,
                   ...)
{
    struct field_violation *violation;
    va_list arguments;

    if (violations->count == SCHEMA_VIOLATIONS_MAX) return;
    if (!violations->list)
        violations->list = arena_array(violations->arena, struct field_violation,
                                       SCHEMA_VIOLATIONS_MAX);
    violation = &violations->list[violations->count++];
    violation->field = place_path(violations->arena, place);
    va_start(arguments, format);
    violation->description = arena_vprintf(violations->arena, format, arguments);
    va_end(arguments);
}

struct status violations_status(const struct violations *violations)
{
    struct status_details *details;
    struct status st;

    if (violations->count == 0) return status_ok();
    details = arena_new(violations->arena, struct status_details);
    details->violations = violations->list;
    details->violation_count = violations->count;
    if (violations->count == 1)
        st = status_printf(violations->arena, STATUS_INVALID_ARGUMENT,
                           ARGOSY__REASON__INVALID_FIELDS, "`%s`: %s", violations->list[0].field,
                           violations->list[0].description);
    else
        st = status_printf(violations->arena, STATUS_INVALID_ARGUMENT,
                           ARGOSY__REASON__INVALID_FIELDS, "`%s`: %s; and %zu more",
                           violations->list[0].field, violations->list[0].description,
                           violations->count - 1);
    st.details = details;
    return st;
}

/* ---- text and bytes ---- */

bool check_text(struct violations *violations, const struct place *place, struct str text)
{
    if (text.length > 0 && memchr(text.data, '\0', text.length)) {
        violation_add(violations, place, "must not contain NUL");
        return false;
    }
    if (!str_is_utf8(text)) {
        violation_add(violations, place, "must be valid UTF-8");
        return false;
    }
    return true;
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

static void check_length(struct violations *violations, const struct place *place,
                         const struct schema_rules *rules, int64_t length)
{
    const char *unit = place->field->type == SCHEMA_STRING ? "character" : "byte";

    if (rules->len_min > 0 && length == 0)
        violation_add(violations, place, "must not be empty");
    else if (rules->len_min >= 0 && length < rules->len_min)
        violation_add(violations, place, "must have at least %" PRId64 " %s%s", rules->len_min,
                      unit, plural(rules->len_min));
    if (rules->len_max >= 0 && length > rules->len_max)
        violation_add(violations, place, "must have at most %" PRId64 " %s%s", rules->len_max, unit,
                      plural(rules->len_max));
}

static void check_choice(struct violations *violations, const struct place *place,
                         const struct schema_rules *rules, struct str text)
{
    struct buffer list;

    for (size_t i = 0; i < rules->in_count; i++)
        if (str_is(text, rules->in[i])) return;
    buffer_init(&list, PATH_MAX_SIZE);
    for (size_t i = 0; i < rules->in_count; i++)
        buffer_printf(&list, "%s\"%s\"", i > 0 ? ", " : "", rules->in[i]);
    violation_add(violations, place, "must be one of %.*s", STR_ARGS(buffer_str(&list)));
    buffer_release(&list);
}

static void check_string(struct violations *violations, const struct place *place,
                         const struct schema_rules *rules, struct str text)
{
    const char *objection = text_objection(text, rules->form);

    if (objection) violation_add(violations, place, "%s", objection);
    if (rules->len_min >= 0 || rules->len_max >= 0)
        check_length(violations, place, rules, (int64_t)str_code_points(text));
    if (rules->bytes_max >= 0 && text.length > (size_t)rules->bytes_max)
        violation_add(violations, place, "must have at most %" PRId64 " byte%s", rules->bytes_max,
                      plural(rules->bytes_max));
    if (rules->in_count > 0) check_choice(violations, place, rules, text);
    if (rules->email && !format_is_email(text))
        violation_add(violations, place, "must be an e-mail address");
    if (rules->hostname && !format_is_hostname(text))
        violation_add(violations, place, "must be a host name");
    if (rules->ip && !format_is_ip(text)) violation_add(violations, place, "must be an IP address");
    if (rules->uri && !format_is_uri(text))
        violation_add(violations, place, "must be an absolute URI");
    if (rules->uuid && !format_is_uuid(text)) violation_add(violations, place, "must be a UUID");
    if (rules->pattern_compiled && !schema_pattern_matches(rules->pattern_compiled, text))
        violation_add(violations, place, "must match the pattern %s", rules->pattern);
}

/* ---- numbers ---- */

static void check_integer(struct violations *violations, const struct place *place,
                          const struct schema_rules *rules, uint64_t number)
{
    bool is_unsigned = place->field->type == SCHEMA_UINT64 || place->field->type == SCHEMA_UINT32;
    /* No bound of an unsigned field is above INT64_MAX, so a larger value counts as INT64_MAX and
     * as above every bound. */
    bool huge = is_unsigned && number > INT64_MAX;
    int64_t value = huge ? INT64_MAX : (int64_t)number;

    if (rules->has_gt && value <= rules->i_gt && !huge)
        violation_add(violations, place, "must be greater than %" PRId64, rules->i_gt);
    if (rules->has_gte && value < rules->i_gte)
        violation_add(violations, place, "must be at least %" PRId64, rules->i_gte);
    if (rules->has_lt && value >= rules->i_lt)
        violation_add(violations, place, "must be less than %" PRId64, rules->i_lt);
    if (rules->has_lte && (huge || value > rules->i_lte))
        violation_add(violations, place, "must be at most %" PRId64, rules->i_lte);
}

/* NaN is within no bounds. */
static void check_real(struct violations *violations, const struct place *place,
                       const struct schema_rules *rules, double value)
{
    if (rules->finite && !isfinite(value)) {
        violation_add(violations, place, "must be a finite number");
        return;
    }
    if (rules->has_gt && !(value > rules->gt))
        violation_add(violations, place, "must be greater than %.15g", rules->gt);
    if (rules->has_gte && !(value >= rules->gte))
        violation_add(violations, place, "must be at least %.15g", rules->gte);
    if (rules->has_lt && !(value < rules->lt))
        violation_add(violations, place, "must be less than %.15g", rules->lt);
    if (rules->has_lte && !(value <= rules->lte))
        violation_add(violations, place, "must be at most %.15g", rules->lte);
}

static double real_of(enum schema_type type, uint64_t number)
{
    uint32_t bits = (uint32_t)number;
    float single;
    double value;

    memcpy(&single, &bits, sizeof(single));
    memcpy(&value, &number, sizeof(value));
    return type == SCHEMA_FLOAT ? (double)single : value;
}

/* ---- one value ---- */

void check_value(struct violations *violations, const struct place *place,
                 const struct schema_rules *rules, const struct value *value)
{
    const struct schema_field *field = place->field;

    if (rules->ignore_empty && value_is_zero(value)) return;
    switch (field->type) {
    case SCHEMA_STRING: check_string(violations, place, rules, value->bytes); break;
    case SCHEMA_BYTES: check_length(violations, place, rules, (int64_t)value->bytes.length); break;
    case SCHEMA_FLOAT:
    case SCHEMA_DOUBLE:
        check_real(violations, place, rules, real_of(field->type, value->number));
        break;
    case SCHEMA_ENUM:
        if (rules->defined_only &&
            !schema_enum_by_number(field->enumeration, (int32_t)(int64_t)value->number))
            violation_add(violations, place, "must be one of the values of %s",
                          field->enumeration->name);
        break;
    default: check_integer(violations, place, rules, value->number); break;
    }
}

void check_count(struct violations *violations, const struct place *place, size_t count)
{
    const struct schema_rules *rules = place->field->rules;
    const char *unit = place->field->map ? "pair" : "item";

    if (rules->ignore_empty && count == 0) return;
    if (rules->items_min > 0 && count < (size_t)rules->items_min)
        violation_add(violations, place, "must have at least %" PRId64 " %s%s", rules->items_min,
                      unit, plural(rules->items_min));
    if (rules->items_max >= 0 && count > (size_t)rules->items_max)
        violation_add(violations, place, "must have at most %" PRId64 " %s%s", rules->items_max,
                      unit, plural(rules->items_max));
}
