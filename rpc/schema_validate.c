/* SPDX-License-Identifier: Apache-2.0 */
/* The validator: one walk over an encoded message.
 *
 * It works on the wire format and not on structs, because a C struct no longer shows what the peer
 * sent: text after a NUL, and invalid UTF-8. It reads the bytes as the decoder will: the last value
 * of a field counts, the last member of a oneof, and a message that comes in parts is merged.
 *
 * Absent fields are treated as protovalidate does: a field without presence has the zero value, and
 * its rules apply to that; of a field with presence only `required` is checked.
 *
 * Nothing is allocated for a valid message, except for messages in parts, very wide ones, and long
 * unique lists. */
#include <stdlib.h>

#include "reasons.pb-c.h"
#include "rpc/schema_check.h"
#include "rpc/schema_pool.h"
#include "rpc/wire.h"

/* Slots on the validator's own stack; deeper or wider messages take theirs from the arena. */
enum { SLOTS_INLINE = 96, UNIQUE_INLINE = 16 };

/* What is remembered of a field until the end of its message. A oneof's slot has the number of its
 * last member. */
struct slot {
    struct value value; /* the last one */
    size_t count;       /* occurrences, or items of a repeated field */
    bool broken_text;   /* has been reported; no other rule is checked */
};

struct validator {
    struct arena *arena;
    struct violations violations;
    struct status error; /* why the walk cannot go on */
    struct slot slots[SLOTS_INLINE];
    size_t slots_used;
    int ignoring; /* how many enclosing fields are ignored */
};

/* One message on the way down. */
struct frame {
    struct validator *validator;
    const struct schema_message *message;
    const struct place *above; /* where the message is; NULL at the top */
    struct str encoded;
    struct slot *slots; /* NULL: neither it nor anything in it has rules, or they are ignored */
    int depth;
};

/* All functions below return whether to continue: false after an error, or when the list of
 * violations is full. */
static bool walk(struct validator *validator, const struct schema_message *message,
                 const struct place *above, struct str encoded, int depth);

static bool go_on(const struct validator *validator)
{
    return validator->violations.count < SCHEMA_VIOLATIONS_MAX && !failed(validator->error);
}

static bool malformed(struct validator *validator, const struct place *place, const char *what)
{
    const char *path = place ? place_path(validator->arena, place) : "the message";

    validator->error = status_printf(validator->arena, STATUS_INVALID_ARGUMENT,
                                     ARGOSY__REASON__MALFORMED_MESSAGE, "%s %s", path, what);
    return false;
}

static struct place place_in(const struct frame *frame, const struct schema_field *field,
                             const char *item)
{
    return (struct place){frame->above, field, frame->encoded, item};
}

/* Descends into a message in a field, whose rules may have to be ignored. */
static bool walk_into(struct frame *frame, const struct schema_field *field,
                      const struct place *place, struct str encoded)
{
    struct validator *validator = frame->validator;
    bool ignored = field->rules && field->rules->ignored, result;

    validator->ignoring += ignored;
    result = walk(validator, field->message, place, encoded, frame->depth + 1);
    validator->ignoring -= ignored;
    return result;
}

static struct slot *slot_of(const struct frame *frame, const struct schema_field *field)
{
    uint16_t index;

    if (!frame->slots) return NULL;
    index = message_index(frame->message)->slots[field - frame->message->fields];
    return index == SLOT_NONE ? NULL : &frame->slots[index];
}

static struct slot *oneof_slot(const struct frame *frame, const struct schema_field *field)
{
    return &frame->slots[message_index(frame->message)->slot_field_count + (size_t)field->oneof];
}

/* ---- reading ---- */

static bool take_single(struct frame *frame, const struct schema_field *field,
                        const struct wire_field *wire)
{
    struct place place = place_in(frame, field, NULL);
    struct slot *slot = slot_of(frame, field);
    bool good_text = true;

    if (frame->slots && field->oneof >= 0) oneof_slot(frame, field)->value.number = field->number;
    if (field->type == SCHEMA_STRING)
        good_text = check_text(&frame->validator->violations, &place, wire->bytes);
    if (slot) {
        slot->value = value_of(field, wire);
        slot->count++;
        slot->broken_text = !good_text;
    } else if (field->type == SCHEMA_MESSAGE) {
        return walk_into(frame, field, &place, wire->bytes);
    }
    return go_on(frame->validator);
}

/* One item; `end` is where it ends. */
static bool take_item(struct frame *frame, const struct schema_field *field,
                      const struct value *value, const char *end)
{
    struct place place = place_in(frame, field, end);
    struct violations *violations = &frame->validator->violations;
    bool good_text = true;

    if (field->type == SCHEMA_STRING) good_text = check_text(violations, &place, value->bytes);
    if (good_text && frame->slots && field->rules && field->rules->items && !field->map)
        check_value(violations, &place, field->rules->items, value);
    if (field->type == SCHEMA_MESSAGE) return walk_into(frame, field, &place, value->bytes);
    return go_on(frame->validator);
}

static bool take_packed(struct frame *frame, const struct schema_field *field, struct str packed)
{
    struct slot *slot = slot_of(frame, field);
    struct place place = place_in(frame, field, NULL);
    struct value value;

    while (packed.length > 0) {
        if (!value_take(field, &packed, &value))
            return malformed(frame->validator, &place, "has a malformed packed value");
        if (slot) slot->count++;
        if (!take_item(frame, field, &value, packed.data)) return false;
    }
    return true;
}

/* `rest` is the input behind the field: where it begins, the field ends. */
static bool take(struct frame *frame, const struct schema_field *field,
                 const struct wire_field *wire, const char *rest)
{
    struct place place = place_in(frame, field, NULL);
    int expected = value_wire_type(field->type);
    struct slot *slot;
    struct value value;

    if (field->repeated && wire->type == WIRE_BYTES && expected != WIRE_BYTES)
        return take_packed(frame, field, wire->bytes);
    if ((int)wire->type != expected)
        return malformed(frame->validator, &place, "is encoded as another type");
    if (!field->repeated) return take_single(frame, field, wire);
    slot = slot_of(frame, field);
    if (slot) slot->count++;
    value = value_of(field, wire);
    return take_item(frame, field, &value, rest);
}

static bool read_fields(struct frame *frame)
{
    struct str rest = frame->encoded;
    struct wire_field wire;
    enum wire_result result;

    while ((result = wire_next(&rest, &wire)) == WIRE_FIELD) {
        const struct schema_field *field = schema_field_by_number(frame->message, wire.number);
        if (field && !take(frame, field, &wire, rest.data)) return false;
    }
    if (result == WIRE_BROKEN)
        return malformed(frame->validator, frame->above, "is not encoded as protobuf");
    return true;
}

/* ---- checking rules, at the end of a message ---- */

static int compare_values(const void *a, const void *b)
{
    const struct value *left = a, *right = b;

    if (left->number != right->number) return left->number < right->number ? -1 : 1;
    return str_compare(left->bytes, right->bytes);
}

static void collect_items(const struct frame *frame, const struct schema_field *field,
                          struct value *items, size_t max)
{
    struct str rest = frame->encoded;
    struct wire_field wire;
    size_t count = 0;

    while (count < max && wire_next(&rest, &wire) == WIRE_FIELD) {
        if (wire.number != field->number) continue;
        if (wire.type != WIRE_BYTES || value_wire_type(field->type) == WIRE_BYTES)
            items[count++] = value_of(field, &wire);
        else
            while (count < max && value_take(field, &wire.bytes, &items[count])) count++;
    }
}

static void check_unique(const struct frame *frame, const struct place *place, size_t count)
{
    struct value inline_items[UNIQUE_INLINE], *items = inline_items;

    if (count > UNIQUE_INLINE) items = arena_array(frame->validator->arena, struct value, count);
    if (frame->validator->arena->exhausted) return;
    collect_items(frame, place->field, items, count);
    qsort(items, count, sizeof(*items), compare_values);
    for (size_t i = 1; i < count; i++) {
        if (compare_values(&items[i - 1], &items[i]) != 0) continue;
        violation_add(&frame->validator->violations, place, "must not have the same item twice");
        return;
    }
}

static bool judge_list(const struct frame *frame, const struct schema_field *field,
                       const struct slot *slot)
{
    struct place place = place_in(frame, field, NULL);
    const struct schema_rules *rules = field->rules;
    struct violations *violations = &frame->validator->violations;

    if (rules->required && slot->count == 0)
        violation_add(violations, &place, "is required");
    else
        check_count(violations, &place, slot->count);
    /* A list that is longer than allowed is refused anyway, so it is not sorted. */
    if (rules->unique && slot->count > 1 &&
        (rules->items_max < 0 || slot->count <= (size_t)rules->items_max))
        check_unique(frame, &place, slot->count);
    return go_on(frame->validator);
}

/* A message that came in parts is their concatenation; for a member of a oneof the decoder uses
 * only the last part. */
static bool judge_message(struct frame *frame, const struct schema_field *field,
                          const struct slot *slot)
{
    struct place place = place_in(frame, field, NULL);
    struct validator *validator = frame->validator;
    struct str encoded = slot->value.bytes;

    if (slot->count > 1 && field->oneof < 0) {
        encoded = wire_merge(validator->arena, frame->encoded, field->number);
        if (validator->arena->exhausted) {
            validator->error = status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__MEMORY_LIMIT,
                                           "the message needs more memory than one call may have");
            return false;
        }
    }
    return walk_into(frame, field, &place, encoded);
}

static bool judge(struct frame *frame, const struct schema_field *field)
{
    struct place place = place_in(frame, field, NULL);
    const struct slot *slot = slot_of(frame, field);
    const struct schema_rules *rules = field->rules;
    bool present = slot->count > 0;

    if (field->repeated) return judge_list(frame, field, slot);
    if (field->oneof >= 0 && oneof_slot(frame, field)->value.number != field->number)
        present = false;
    if (rules && rules->required && (field->presence ? !present : value_is_zero(&slot->value))) {
        violation_add(&frame->validator->violations, &place, "is required");
        return go_on(frame->validator);
    }
    if (field->presence && !present) return true;
    if (field->type == SCHEMA_MESSAGE) return judge_message(frame, field, slot);
    if (!slot->broken_text) check_value(&frame->validator->violations, &place, rules, &slot->value);
    return go_on(frame->validator);
}

static bool judge_fields(struct frame *frame)
{
    const struct message_index *index = message_index(frame->message);

    for (size_t i = 0; i < index->slot_field_count; i++)
        if (!judge(frame, index->slot_fields[i])) return false;
    return true;
}

/* ---- the walk ---- */

static bool walk_with_slots(struct frame *frame)
{
    struct validator *validator = frame->validator;
    size_t count = message_index(frame->message)->slot_field_count + frame->message->oneof_count;
    size_t used_before = validator->slots_used;
    bool result;

    if (count <= SLOTS_INLINE - used_before) {
        frame->slots = validator->slots + used_before;
        memset(frame->slots, 0, count * sizeof(*frame->slots));
        validator->slots_used += count;
    } else {
        frame->slots = arena_array(validator->arena, struct slot, count);
    }
    result = read_fields(frame) && judge_fields(frame);
    validator->slots_used = used_before;
    return result;
}

static bool walk(struct validator *validator, const struct schema_message *message,
                 const struct place *above, struct str encoded, int depth)
{
    struct frame frame = {validator, message, above, encoded, NULL, depth};

    if (depth > SCHEMA_DEPTH_MAX) return malformed(validator, above, "nests too deeply");
    return message->has_rules && validator->ignoring == 0 ? walk_with_slots(&frame)
                                                          : read_fields(&frame);
}

struct status schema_validate(struct arena *arena, const struct schema_message *message,
                              struct str encoded)
{
    struct validator validator;

    validator.arena = arena;
    validator.violations = (struct violations){.arena = arena};
    validator.error = status_ok();
    validator.slots_used = 0;
    validator.ignoring = 0;
    walk(&validator, message, NULL, encoded, 1);
    if (failed(validator.error)) return validator.error;
    return violations_status(&validator.violations);
}
