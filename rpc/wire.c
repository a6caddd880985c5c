/* SPDX-License-Identifier: Apache-2.0 */
/* The protobuf wire format, read field by field. */
#include "rpc/wire.h"

#include <string.h>

static void advance(struct str *rest, size_t size)
{
    rest->data += size;
    rest->length -= size;
}

static bool take_varint(struct str *rest, uint64_t *ret_value)
{
    const uint8_t *bytes = (const uint8_t *)rest->data;
    size_t size_max = rest->length < 10 ? rest->length : 10;
    uint64_t value = 0;

    for (size_t i = 0; i < size_max; i++) {
        if (i == 9 && bytes[i] > 1) return false;
        value |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
        if (bytes[i] & 0x80) continue;
        advance(rest, i + 1);
        *ret_value = value;
        return true;
    }
    return false;
}

static bool take_fixed(struct str *rest, size_t size, uint64_t *ret_value)
{
    const uint8_t *bytes = (const uint8_t *)rest->data;
    uint64_t value = 0;

    if (rest->length < size) return false;
    for (size_t i = 0; i < size; i++) value |= (uint64_t)bytes[i] << (8 * i);
    advance(rest, size);
    *ret_value = value;
    return true;
}

bool wire_take_value(struct str *rest, enum wire_type type, uint64_t *ret_value)
{
    switch (type) {
    case WIRE_VARINT: return take_varint(rest, ret_value);
    case WIRE_FIXED64: return take_fixed(rest, 8, ret_value);
    case WIRE_FIXED32: return take_fixed(rest, 4, ret_value);
    case WIRE_BYTES:
    case WIRE_GROUP:
    case WIRE_GROUP_END: break;
    }
    return false;
}

/* Reads one field, or the start or end of a group. */
static bool take_field(struct str *rest, struct wire_field *field)
{
    uint64_t tag, length;

    if (!take_varint(rest, &tag) || tag >> 3 == 0 || tag >> 3 > WIRE_NUMBER_MAX) return false;
    field->number = (uint32_t)(tag >> 3);
    field->type = (enum wire_type)(tag & 7);
    field->value = 0;
    field->bytes = (struct str){0};
    if (field->type == WIRE_GROUP || field->type == WIRE_GROUP_END) return true;
    if (field->type != WIRE_BYTES) return wire_take_value(rest, field->type, &field->value);

    if (!take_varint(rest, &length) || length > rest->length) return false;
    field->bytes = str_sized(rest->data, (size_t)length);
    advance(rest, (size_t)length);
    return true;
}

/* Skips the rest of a group. */
static bool skip_group(struct str *rest, uint32_t number)
{
    uint32_t open[WIRE_GROUPS_MAX] = {number};
    struct wire_field field;
    int depth = 1;

    while (depth > 0) {
        if (!take_field(rest, &field)) return false;
        if (field.type == WIRE_GROUP) {
            if (depth == WIRE_GROUPS_MAX) return false;
            open[depth++] = field.number;
        } else if (field.type == WIRE_GROUP_END && open[--depth] != field.number) {
            return false;
        }
    }
    return true;
}

enum wire_result wire_next(struct str *rest, struct wire_field *ret_field)
{
    while (rest->length > 0) {
        if (!take_field(rest, ret_field) || ret_field->type == WIRE_GROUP_END) return WIRE_BROKEN;
        if (ret_field->type != WIRE_GROUP) return WIRE_FIELD;
        if (!skip_group(rest, ret_field->number)) return WIRE_BROKEN;
    }
    return WIRE_END;
}

struct str wire_merge(struct arena *arena, struct str message, uint32_t number)
{
    struct str rest = message, merged = {0};
    struct wire_field field;
    size_t total = 0, count = 0;
    char *copy;

    while (wire_next(&rest, &field) == WIRE_FIELD) {
        if (field.number != number || field.type != WIRE_BYTES) continue;
        merged = field.bytes;
        total += field.bytes.length;
        count++;
    }
    if (count < 2) return merged;

    copy = arena_alloc(arena, total);
    merged = str_sized(copy, total);
    for (rest = message; wire_next(&rest, &field) == WIRE_FIELD;) {
        if (field.number != number || field.type != WIRE_BYTES) continue;
        memcpy(copy, field.bytes.data, field.bytes.length);
        copy += field.bytes.length;
    }
    return merged;
}
