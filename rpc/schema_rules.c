/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the rules of a field from its option buf.validate.field.
 *
 * They are read from the wire and not with protobuf-c: protoc writes `(…).string.min_len` and
 * `(…).string.max_len` as two occurrences of the option, and protobuf-c would keep one of the two.
 * A rule with an unknown number, or one that does not fit the field's type, makes the schema fail:
 * no rule is silently ignored. */
#include <math.h>

#include "buf/validate/validate.pb-c.h"
#include "rpc/schema_pattern.h"
#include "rpc/schema_pool.h"
#include "rpc/wire.h"

/* Field numbers of buf/validate/validate.proto. */
enum { FIELD_REQUIRED = 25, FIELD_IGNORE = 27 };
enum { NUMBER_LT = 2, NUMBER_LTE = 3, NUMBER_GT = 4, NUMBER_GTE = 5, NUMBER_FINITE = 8 };
enum { TEXT_MIN_LEN = 2, TEXT_MAX_LEN = 3, TEXT_MAX_BYTES = 5, TEXT_PATTERN = 6, TEXT_IN = 10 };
enum { TEXT_EMAIL = 12, TEXT_HOSTNAME = 13, TEXT_IP = 14, TEXT_URI = 17, TEXT_UUID = 22 };
enum { TEXT_FORM_RULE = 51159 }; /* of proto/text.proto */
enum { ENUM_DEFINED_ONLY = 2 };
enum { REPEATED_MIN_ITEMS = 1, REPEATED_MAX_ITEMS = 2, REPEATED_UNIQUE = 3, REPEATED_ITEMS = 4 };
enum { MAP_MIN_PAIRS = 1, MAP_MAX_PAIRS = 2, MAP_KEYS = 4, MAP_VALUES = 5 };

/* The target of the rules that are being read: a field, or each item of one. */
struct target {
    struct schema_builder *builder;
    const char *subject; /* for errors */
    const struct schema_field *field;
    bool item; /* of a repeated field or map: the field's type is the item's */
};

static struct status unknown_rule(const struct target *target, const char *kind,
                                  const struct wire_field *rule)
{
    return schema_wrong(
        target->builder,
        "%s: the %s rule number %u is not supported, or does not fit the field's type",
        target->subject, kind, rule->number);
}

/* Reads the rules of one kind, each with `read`, which returns false for an unknown one.
 */
static struct status read_each(const struct target *target, const char *kind, struct str encoded,
                               bool (*read)(const struct target *target,
                                            const struct wire_field *rule,
                                            struct schema_rules *rules),
                               struct schema_rules *rules)
{
    struct wire_field rule;
    enum wire_result result;

    while ((result = wire_next(&encoded, &rule)) == WIRE_FIELD)
        if (!read(target, &rule, rules)) return unknown_rule(target, kind, &rule);
    if (result == WIRE_BROKEN)
        return schema_wrong(target->builder, "%s: its rules are broken", target->subject);
    return status_ok();
}

/* ---- numbers ---- */

static bool read_integer(const struct target *target, const struct wire_field *rule,
                         struct schema_rules *rules)
{
    int64_t bound = (int64_t)rule->value;

    if (rule->type != WIRE_VARINT) return false;
    switch (rule->number) {
    case NUMBER_LT: rules->has_lt = true, rules->i_lt = bound; return true;
    case NUMBER_LTE: rules->has_lte = true, rules->i_lte = bound; return true;
    case NUMBER_GT: rules->has_gt = true, rules->i_gt = bound; return true;
    case NUMBER_GTE: rules->has_gte = true, rules->i_gte = bound; return true;
    default: return false;
    }
}

static bool read_unsigned(const struct target *target, const struct wire_field *rule,
                          struct schema_rules *rules)
{
    return rule->value <= INT64_MAX && read_integer(target, rule, rules);
}

static bool read_real(const struct wire_field *rule, double bound, struct schema_rules *rules)
{
    if (isnan(bound)) return false;
    switch (rule->number) {
    case NUMBER_LT: rules->has_lt = true, rules->lt = bound; return true;
    case NUMBER_LTE: rules->has_lte = true, rules->lte = bound; return true;
    case NUMBER_GT: rules->has_gt = true, rules->gt = bound; return true;
    case NUMBER_GTE: rules->has_gte = true, rules->gte = bound; return true;
    default: return false;
    }
}

static bool read_finite(const struct wire_field *rule, struct schema_rules *rules)
{
    if (rule->number != NUMBER_FINITE || rule->type != WIRE_VARINT) return false;
    rules->finite = rule->value != 0;
    return true;
}

static bool read_double(const struct target *target, const struct wire_field *rule,
                        struct schema_rules *rules)
{
    double bound;

    memcpy(&bound, &rule->value, sizeof(bound));
    return rule->type == WIRE_FIXED64 ? read_real(rule, bound, rules) : read_finite(rule, rules);
}

static bool read_float(const struct target *target, const struct wire_field *rule,
                       struct schema_rules *rules)
{
    uint32_t bits = (uint32_t)rule->value;
    float bound;

    memcpy(&bound, &bits, sizeof(bound));
    return rule->type == WIRE_FIXED32 ? read_real(rule, bound, rules) : read_finite(rule, rules);
}

/* Bounds that no value satisfies are a mistake; protovalidate reads them as "outside of", which we
 * do not support. */
static struct status check_bounds(const struct target *target, const struct schema_rules *rules)
{
    bool real = target->field->type == SCHEMA_DOUBLE || target->field->type == SCHEMA_FLOAT;
    bool possible = true;

    if (real) {
        double low = rules->has_gt ? rules->gt : rules->gte,
               high = rules->has_lt ? rules->lt : rules->lte;
        possible = rules->has_gt || rules->has_lt ? low < high : low <= high;
    } else {
        int64_t low = rules->has_gt ? rules->i_gt : rules->i_gte,
                high = rules->has_lt ? rules->i_lt : rules->i_lte;
        possible = rules->has_gt || rules->has_lt ? low < high : low <= high;
    }
    if ((rules->has_gt && rules->has_gte) || (rules->has_lt && rules->has_lte))
        return schema_wrong(target->builder,
                            "%s: use only one of gt and gte, and only one of lt and lte",
                            target->subject);
    if ((rules->has_gt || rules->has_gte) && (rules->has_lt || rules->has_lte) && !possible)
        return schema_wrong(target->builder, "%s: no number is within its bounds", target->subject);
    return status_ok();
}

/* ---- text, bytes, enums ---- */

static bool read_size(const struct wire_field *rule, int64_t *ret_size)
{
    if (rule->type != WIRE_VARINT || rule->value > INT32_MAX) return false;
    *ret_size = (int64_t)rule->value;
    return true;
}

static bool read_flag(const struct wire_field *rule, bool *ret_flag)
{
    if (rule->type != WIRE_VARINT) return false;
    *ret_flag = rule->value != 0;
    return true;
}

static bool add_choice(const struct target *target, const struct wire_field *rule,
                       struct schema_rules *rules)
{
    struct arena *arena = target->builder->arena;
    const char **choices = arena_array(arena, const char *, rules->in_count + 1);

    if (rule->type != WIRE_BYTES) return false;
    if (rules->in_count) memcpy(choices, rules->in, rules->in_count * sizeof(*choices));
    choices[rules->in_count++] = str_dup(arena, rule->bytes);
    rules->in = choices;
    return true;
}

static bool read_text(const struct target *target, const struct wire_field *rule,
                      struct schema_rules *rules)
{
    switch (rule->number) {
    case TEXT_MIN_LEN: return read_size(rule, &rules->len_min);
    case TEXT_MAX_LEN: return read_size(rule, &rules->len_max);
    case TEXT_MAX_BYTES: return read_size(rule, &rules->bytes_max);
    case TEXT_IN: return add_choice(target, rule, rules);
    case TEXT_EMAIL: return read_flag(rule, &rules->email);
    case TEXT_HOSTNAME: return read_flag(rule, &rules->hostname);
    case TEXT_IP: return read_flag(rule, &rules->ip);
    case TEXT_URI: return read_flag(rule, &rules->uri);
    case TEXT_UUID: return read_flag(rule, &rules->uuid);
    case TEXT_FORM_RULE:
        if (rule->type != WIRE_VARINT || rule->value > TEXT_ANY) return false;
        rules->form = (enum text_form)rule->value;
        return true;
    case TEXT_PATTERN:
        if (rule->type != WIRE_BYTES) return false;
        rules->pattern = str_dup(target->builder->arena, rule->bytes);
        return true;
    default: return false;
    }
}

static bool read_bytes(const struct target *target, const struct wire_field *rule,
                       struct schema_rules *rules)
{
    switch (rule->number) {
    case TEXT_MIN_LEN: return read_size(rule, &rules->len_min);
    case TEXT_MAX_LEN: return read_size(rule, &rules->len_max);
    default: return false;
    }
}

static bool read_enum(const struct target *target, const struct wire_field *rule,
                      struct schema_rules *rules)
{
    return rule->number == ENUM_DEFINED_ONLY && read_flag(rule, &rules->defined_only);
}

static struct status check_text(const struct target *target, struct schema_rules *rules)
{
    const char *error;

    if (rules->len_max >= 0 && rules->len_min > rules->len_max)
        return schema_wrong(target->builder, "%s: its minimum length is above its maximum",
                            target->subject);
    if (rules->pattern && !schema_pattern_compile(target->builder->arena, rules->pattern,
                                                  &rules->pattern_compiled, &error))
        return schema_wrong(target->builder, "%s: the pattern \"%s\" cannot be used: %s",
                            target->subject, rules->pattern, error);
    return status_ok();
}

/* ---- lists and maps ---- */

static bool read_repeated(const struct target *target, const struct wire_field *rule,
                          struct schema_rules *rules)
{
    switch (rule->number) {
    case REPEATED_MIN_ITEMS: return read_size(rule, &rules->items_min);
    case REPEATED_MAX_ITEMS: return read_size(rule, &rules->items_max);
    case REPEATED_UNIQUE: return read_flag(rule, &rules->unique);
    case REPEATED_ITEMS: return rule->type == WIRE_BYTES; /* read by read_inner */
    default: return false;
    }
}

static bool read_map(const struct target *target, const struct wire_field *rule,
                     struct schema_rules *rules)
{
    switch (rule->number) {
    case MAP_MIN_PAIRS: return read_size(rule, &rules->items_min);
    case MAP_MAX_PAIRS: return read_size(rule, &rules->items_max);
    case MAP_KEYS:
    case MAP_VALUES: return rule->type == WIRE_BYTES; /* read by read_inner */
    default: return false;
    }
}

static struct status read_field_rules(const struct target *target, struct str encoded,
                                      const struct schema_rules **ret_rules);

/* The rules of a list's items, or of a map's keys or values. */
static struct status read_inner(const struct target *target, const struct schema_field *field,
                                struct str encoded, uint32_t number,
                                const struct schema_rules **ret_rules)
{
    struct target inner = {
        target->builder, arena_printf(target->builder->scratch, "each item of %s", target->subject),
        field, true};
    struct str rules = wire_merge(target->builder->scratch, encoded, number);

    return rules.data ? read_field_rules(&inner, rules, ret_rules) : status_ok();
}

static struct status read_list(const struct target *target, struct str encoded,
                               struct schema_rules *rules)
{
    struct status st = read_each(target, "repeated", encoded, read_repeated, rules);

    if (!failed(st)) st = read_inner(target, target->field, encoded, REPEATED_ITEMS, &rules->items);
    if (!failed(st) && rules->unique && target->field->type == SCHEMA_MESSAGE)
        st = schema_wrong(target->builder, "%s: unique is not supported for messages",
                          target->subject);
    return st;
}

static struct status read_pairs(const struct target *target, struct str encoded,
                                struct schema_rules *rules)
{
    const struct schema_message *entry = target->field->message;
    struct status st = read_each(target, "map", encoded, read_map, rules);

    if (!failed(st)) st = read_inner(target, &entry->fields[0], encoded, MAP_KEYS, &rules->keys);
    if (!failed(st)) st = read_inner(target, &entry->fields[1], encoded, MAP_VALUES, &rules->items);
    return st;
}

static struct status check_items(const struct target *target, const struct schema_rules *rules)
{
    if (rules->items_max >= 0 && rules->items_min > rules->items_max)
        return schema_wrong(target->builder, "%s: its minimum number of items is above its maximum",
                            target->subject);
    return status_ok();
}

/* ---- one field ---- */

/* The kind of rules that fits the target; 0 if none does. */
static uint32_t fitting_kind(const struct target *target)
{
    if (!target->item && target->field->map) return BUF__VALIDATE__FIELD_RULES__TYPE_MAP;
    if (!target->item && target->field->repeated) return BUF__VALIDATE__FIELD_RULES__TYPE_REPEATED;
    switch (target->field->type) {
    case SCHEMA_FLOAT: return BUF__VALIDATE__FIELD_RULES__TYPE_FLOAT;
    case SCHEMA_DOUBLE: return BUF__VALIDATE__FIELD_RULES__TYPE_DOUBLE;
    case SCHEMA_INT32: return BUF__VALIDATE__FIELD_RULES__TYPE_INT32;
    case SCHEMA_INT64: return BUF__VALIDATE__FIELD_RULES__TYPE_INT64;
    case SCHEMA_UINT32: return BUF__VALIDATE__FIELD_RULES__TYPE_UINT32;
    case SCHEMA_UINT64: return BUF__VALIDATE__FIELD_RULES__TYPE_UINT64;
    case SCHEMA_STRING: return BUF__VALIDATE__FIELD_RULES__TYPE_STRING;
    case SCHEMA_BYTES: return BUF__VALIDATE__FIELD_RULES__TYPE_BYTES;
    case SCHEMA_ENUM: return BUF__VALIDATE__FIELD_RULES__TYPE_ENUM;
    default: return 0;
    }
}

static struct status read_kind(const struct target *target, uint32_t kind, struct str encoded,
                               struct schema_rules *rules)
{
    struct status st;

    switch (kind) {
    case BUF__VALIDATE__FIELD_RULES__TYPE_MAP: st = read_pairs(target, encoded, rules); break;
    case BUF__VALIDATE__FIELD_RULES__TYPE_REPEATED: st = read_list(target, encoded, rules); break;
    case BUF__VALIDATE__FIELD_RULES__TYPE_FLOAT:
        st = read_each(target, "float", encoded, read_float, rules);
        break;
    case BUF__VALIDATE__FIELD_RULES__TYPE_DOUBLE:
        st = read_each(target, "double", encoded, read_double, rules);
        break;
    case BUF__VALIDATE__FIELD_RULES__TYPE_STRING:
        st = read_each(target, "string", encoded, read_text, rules);
        break;
    case BUF__VALIDATE__FIELD_RULES__TYPE_BYTES:
        st = read_each(target, "bytes", encoded, read_bytes, rules);
        break;
    case BUF__VALIDATE__FIELD_RULES__TYPE_ENUM:
        st = read_each(target, "enum", encoded, read_enum, rules);
        break;
    case BUF__VALIDATE__FIELD_RULES__TYPE_UINT32:
    case BUF__VALIDATE__FIELD_RULES__TYPE_UINT64:
        st = read_each(target, "unsigned", encoded, read_unsigned, rules);
        break;
    default: st = read_each(target, "integer", encoded, read_integer, rules); break;
    }
    if (!failed(st)) st = check_bounds(target, rules);
    if (!failed(st)) st = check_text(target, rules);
    if (!failed(st)) st = check_items(target, rules);
    return st;
}

static struct status read_ignore(const struct target *target, const struct wire_field *option,
                                 struct schema_rules *rules, bool *ret_ignore_always)
{
    if (option->type != WIRE_VARINT ||
        (option->value != BUF__VALIDATE__IGNORE__IGNORE_UNSPECIFIED &&
         option->value != BUF__VALIDATE__IGNORE__IGNORE_IF_ZERO_VALUE &&
         option->value != BUF__VALIDATE__IGNORE__IGNORE_ALWAYS))
        return unknown_rule(target, "ignore", option);
    *ret_ignore_always = option->value == BUF__VALIDATE__IGNORE__IGNORE_ALWAYS;
    rules->ignore_empty = option->value == BUF__VALIDATE__IGNORE__IGNORE_IF_ZERO_VALUE;
    return status_ok();
}

static struct status read_field_rules(const struct target *target, struct str encoded,
                                      const struct schema_rules **ret_rules)
{
    struct schema_rules *rules = arena_new(target->builder->arena, struct schema_rules);
    uint32_t kind = fitting_kind(target);
    struct str rest = encoded, merged;
    struct wire_field option;
    enum wire_result result;
    bool ignore_always = false;
    struct status st = status_ok();

    rules->len_max = rules->bytes_max = rules->items_max = -1;
    rules->len_min = rules->items_min = -1;
    while ((result = wire_next(&rest, &option)) == WIRE_FIELD && !failed(st)) {
        if (option.number == FIELD_REQUIRED && !target->item &&
            read_flag(&option, &rules->required))
            continue;
        if (option.number == FIELD_IGNORE)
            st = read_ignore(target, &option, rules, &ignore_always);
        else if (option.number != kind || option.type != WIRE_BYTES)
            st = unknown_rule(target, "field", &option);
    }
    if (failed(st)) return st;
    if (result == WIRE_BROKEN)
        return schema_wrong(target->builder, "%s: its rules are broken", target->subject);

    merged = wire_merge(target->builder->scratch, encoded, kind);
    if (merged.data) st = read_kind(target, kind, merged, rules);
    if (failed(st)) return st;
    if (ignore_always) {
        *rules = (struct schema_rules){.ignored = true,
                                       .len_min = -1,
                                       .len_max = -1,
                                       .bytes_max = -1,
                                       .items_min = -1,
                                       .items_max = -1};
        if (target->item || target->field->type != SCHEMA_MESSAGE) rules = NULL;
    }
    *ret_rules = rules;
    return st;
}

struct status schema_rules_read(struct schema_builder *builder, const char *subject,
                                const struct schema_field *field, struct str encoded,
                                const struct schema_rules **ret_rules)
{
    struct target target = {builder, subject, field, false};

    return read_field_rules(&target, encoded, ret_rules);
}
