/* SPDX-License-Identifier: Apache-2.0 */
/* Encodes messages of protobuf-c from the last byte to the first. */
#include "rpc/rpc_encode.h"

#include <string.h>

#include "base/status.h"
#include "rpc/wire.h"

enum { SIZE_FIRST = 1024 };

/* The encoded bytes so far lie between next and end. */
struct emitter {
    struct arena *arena;
    uint8_t *begin, *next, *end;
};

/* Moves the bytes written so far to the end of a buffer of twice the size. */
static void grow(struct emitter *out, size_t size)
{
    size_t used = (size_t)(out->end - out->next);
    size_t capacity = 2 * (size_t)(out->end - out->begin);

    if (capacity < used + size) capacity = used + size;
    if (capacity < SIZE_FIRST) capacity = SIZE_FIRST;
    arena_expect(out->arena,
                 capacity); /* these bytes were charged already, with the message that they
                             * encode */
    uint8_t *memory = arena_alloc(out->arena, capacity);
    if (used > 0) memcpy(memory + capacity - used, out->next, used);
    out->begin = memory;
    out->end = memory + capacity;
    out->next = out->end - used;
}

/* Room for `size` bytes in front of those written so far. */
static inline uint8_t *make_room(struct emitter *out, size_t size)
{
    if ((size_t)(out->next - out->begin) < size) grow(out, size);
    out->next -= size;
    return out->next;
}

static void emit_bytes(struct emitter *out, const void *bytes, size_t size)
{
    if (size > 0) memcpy(make_room(out, size), bytes, size);
}

/* Seven bits per byte; zero takes one byte too. */
static size_t varint_size(uint64_t value)
{
    return (size_t)(63 - __builtin_clzll(value | 1)) / 7 + 1;
}

static inline void emit_varint(struct emitter *out, uint64_t value)
{
    uint8_t *byte = make_room(out, value < 0x80 ? 1 : varint_size(value));

    for (; value >= 0x80; value >>= 7) *byte++ = (uint8_t)(value | 0x80);
    *byte = (uint8_t)value;
}

/* Little-endian, as on the wire. */
static void emit_fixed(struct emitter *out, uint64_t value, size_t size)
{
    uint8_t *bytes = make_room(out, size);

    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t load32(const void *member)
{
    uint32_t value;

    memcpy(&value, member, sizeof(value));
    return value;
}

static uint64_t load64(const void *member)
{
    uint64_t value;

    memcpy(&value, member, sizeof(value));
    return value;
}

static const void *load_pointer(const void *member)
{
    const void *pointer;

    memcpy(&pointer, member, sizeof(pointer));
    return pointer;
}

static uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static void emit_message(struct emitter *out, const ProtobufCMessage *message);

static void emit_nested(struct emitter *out, const ProtobufCMessage *message)
{
    size_t before = (size_t)(out->end - out->next);

    if (message) emit_message(out, message);
    emit_varint(out, (size_t)(out->end - out->next) - before);
}

static void emit_text(struct emitter *out, const char *text)
{
    size_t length = text ? strlen(text) : 0;

    emit_bytes(out, text, length);
    emit_varint(out, length);
}

static void emit_data(struct emitter *out, const ProtobufCBinaryData *data)
{
    emit_bytes(out, data->data, data->len);
    emit_varint(out, data->len);
}

/* Writes one value without its tag and returns its wire type. */
static enum wire_type emit_value(struct emitter *out, const ProtobufCFieldDescriptor *field,
                                 const void *member)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        emit_varint(out, (uint64_t)(int64_t)(int32_t)load32(member));
        return WIRE_VARINT;
    case PROTOBUF_C_TYPE_UINT32: emit_varint(out, load32(member)); return WIRE_VARINT;
    case PROTOBUF_C_TYPE_SINT32:
        emit_varint(out, zigzag((int32_t)load32(member)));
        return WIRE_VARINT;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64: emit_varint(out, load64(member)); return WIRE_VARINT;
    case PROTOBUF_C_TYPE_SINT64:
        emit_varint(out, zigzag((int64_t)load64(member)));
        return WIRE_VARINT;
    case PROTOBUF_C_TYPE_BOOL: emit_varint(out, load32(member) != 0); return WIRE_VARINT;
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT: emit_fixed(out, load32(member), 4); return WIRE_FIXED32;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: emit_fixed(out, load64(member), 8); return WIRE_FIXED64;
    case PROTOBUF_C_TYPE_STRING: emit_text(out, load_pointer(member)); return WIRE_BYTES;
    case PROTOBUF_C_TYPE_BYTES: emit_data(out, member); return WIRE_BYTES;
    case PROTOBUF_C_TYPE_MESSAGE: emit_nested(out, load_pointer(member)); return WIRE_BYTES;
    }
    invariant(false);
}

static void emit_tag(struct emitter *out, uint32_t number, enum wire_type type)
{
    emit_varint(out, (uint64_t)number << 3 | type);
}

static void emit_field(struct emitter *out, const ProtobufCFieldDescriptor *field,
                       const void *member)
{
    enum wire_type type = emit_value(out, field, member);

    emit_tag(out, field->id, type);
}

static size_t element_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return 8;
    case PROTOBUF_C_TYPE_STRING: return sizeof(char *);
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(ProtobufCMessage *);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    default: return 4;
    }
}

static void emit_repeated(struct emitter *out, const ProtobufCFieldDescriptor *field, size_t count,
                          const char *elements)
{
    bool packed = (field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0;
    size_t size = element_size(field->type), before = (size_t)(out->end - out->next);

    if (count == 0) return;
    for (size_t i = count; i-- > 0;) {
        if (packed)
            (void)emit_value(out, field, elements + i * size);
        else
            emit_field(out, field, elements + i * size);
    }
    if (!packed) return;
    emit_varint(out, (size_t)(out->end - out->next) - before);
    emit_tag(out, field->id, WIRE_BYTES);
}

/* A field without presence is encoded if it is not zero; for bytes that is the length, the first
 * member of ProtobufCBinaryData. */
static bool is_zero(const ProtobufCFieldDescriptor *field, const void *member)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = load_pointer(member);
        return !text || !*text;
    }
    case PROTOBUF_C_TYPE_BYTES: return ((const ProtobufCBinaryData *)member)->len == 0;
    case PROTOBUF_C_TYPE_MESSAGE: return !load_pointer(member);
    case PROTOBUF_C_TYPE_FLOAT: {
        float value;
        memcpy(&value, member, sizeof(value));
        return value == 0;
    }
    case PROTOBUF_C_TYPE_DOUBLE: {
        double value;
        memcpy(&value, member, sizeof(value));
        return value == 0;
    }
    default: return element_size(field->type) == 8 ? load64(member) == 0 : load32(member) == 0;
    }
}

/* Is a field with presence set? A pointer is set if it is not NULL; for others the quantifier says
 * so, which in a oneof is the number of the field that is set. */
static bool is_present(const ProtobufCFieldDescriptor *field, uint32_t quantifier,
                       const void *member)
{
    bool oneof = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;

    if (oneof && quantifier != field->id) return false;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_STRING) {
        const void *pointer = load_pointer(member);
        return pointer && pointer != field->default_value;
    }
    return oneof || quantifier != 0;
}

static void emit_member(struct emitter *out, const ProtobufCFieldDescriptor *field,
                        const char *message)
{
    const char *member = message + field->offset;
    const char *quantifier = message + field->quantifier_offset;
    bool there = true;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count;
        memcpy(&count, quantifier, sizeof(count));
        emit_repeated(out, field, count, load_pointer(member));
        return;
    }
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL || (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
        there = is_present(field, load32(quantifier), member);
    else if (field->label == PROTOBUF_C_LABEL_NONE)
        there = !is_zero(field, member);
    if (there) emit_field(out, field, member);
}

static void emit_message(struct emitter *out, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;

    for (unsigned i = message->n_unknown_fields; i-- > 0;) {
        const ProtobufCMessageUnknownField *field = &message->unknown_fields[i];
        emit_bytes(out, field->data, field->len);
        emit_tag(out, field->tag, (enum wire_type)field->wire_type);
    }
    for (unsigned i = descriptor->n_fields; i-- > 0;)
        emit_member(out, &descriptor->fields[i], (const char *)message);
}

struct str rpc_encode(struct arena *arena, const ProtobufCMessage *message, size_t room)
{
    struct emitter out = {.arena = arena};

    grow(&out, SIZE_FIRST);
    emit_message(&out, message);
    size_t size = (size_t)(out.end - out.next);
    (void)make_room(&out, room);
    return str_sized(out.end - size, size);
}
