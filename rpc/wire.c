/* SPDX-License-Identifier: Apache-2.0 */
/* The protobuf wire format, read field by field. */
#include "rpc/wire.h"

#include <string.h>

static void advance(struct str *rest, size_t size)
{
    rest->data += size;
    rest->length -= size;
}

static bool take_long_varint(struct str *rest, uint64_t *ret_value)
{
    const uint8_t *bytes = (const uint8_t *)rest->data;
    size_t size_max = rest->length < 10 ? rest->length : 10, last = 0;
    uint64_t value = 0;

    while (last < size_max && bytes[last] >= 0x80) last++;
    if (last == size_max || (last == 9 && bytes[last] > 1)) return false;
    for (size_t i = last + 1; i > 0; i--) value = value << 7 | (bytes[i - 1] & 0x7f);
    advance(rest, last + 1);
    *ret_value = value;
    return true;
}

/* Most have one byte: tags, lengths and small numbers. Nearly all others have two. */
static inline bool take_varint(struct str *rest, uint64_t *ret_value)
{
    const uint8_t *bytes = (const uint8_t *)rest->data;

    if (rest->length > 0 && bytes[0] < 0x80) {
        *ret_value = bytes[0];
        advance(rest, 1);
        return true;
    }
    if (rest->length < 2 || bytes[1] >= 0x80) return take_long_varint(rest, ret_value);
    *ret_value = (uint64_t)(bytes[0] & 0x7f) | (uint64_t)bytes[1] << 7;
    advance(rest, 2);
    return true;
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
