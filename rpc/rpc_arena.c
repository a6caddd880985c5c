/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes and encodes protobuf messages in an arena, with limits on nesting and memory. */
#include "rpc/rpc_arena.h"

#include "reasons.pb-c.h"
#include "rpc/rpc_encode.h"
#include "rpc/wire.h"

static void *arena_allocate(void *data, size_t size)
{
    struct arena *arena = data;

    /* protobuf-c fails cleanly on NULL; the arena itself would continue from its reserve. */
    return arena->exhausted ? NULL : arena_alloc(arena, size);
}

static void arena_free_nothing(void *data, void *memory)
{
}

void rpc_allocator_init(ProtobufCAllocator *allocator, struct arena *arena)
{
    *allocator = (ProtobufCAllocator){arena_allocate, arena_free_nothing, arena};
}

/* Can messages of this type nest to a depth that the peer chooses? */
static bool nests_deeper(const ProtobufCMessageDescriptor *descriptor, int levels)
{
    if (levels == 0) return true;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->type == PROTOBUF_C_TYPE_MESSAGE && nests_deeper(field->descriptor, levels - 1))
            return true;
    }
    return false;
}

/* Does the encoded message nest at most `levels` deep? Malformed bytes are left to the decoder. */
static bool nesting_fits(const ProtobufCMessageDescriptor *descriptor, struct str encoded,
                         int levels)
{
    struct wire_field field;

    if (levels == 0) return false;
    while (wire_next(&encoded, &field) == WIRE_FIELD) {
        const ProtobufCFieldDescriptor *known;

        if (field.type != WIRE_BYTES) continue;
        known = protobuf_c_message_descriptor_get_field(descriptor, field.number);
        if (known && known->type == PROTOBUF_C_TYPE_MESSAGE &&
            !nesting_fits(known->descriptor, field.bytes, levels - 1))
            return false;
    }
    return true;
}

/* A larger message is not searched for groups, because it is copied once for each level. */
enum { GROUPS_DROPPED_MAX = 256 * 1024 };

static char *put_varint(char *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) *to++ = (char)(value | 0x80);
    *to++ = (char)value;
    return to;
}

static char *put_fixed(char *to, uint64_t value, int size)
{
    for (int i = 0; i < size; i++) *to++ = (char)(value >> (8 * i));
    return to;
}

/* The message without its groups and those of nested messages, down to `levels`. Groups are unknown
 * fields to us, but protobuf-c would refuse the message. The result is never longer than the
 * input. */
static struct str drop_groups(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                              struct str encoded, int levels)
{
    char *copy = arena_alloc(arena, encoded.length + 1), *to = copy;
    struct wire_field field;
    enum wire_result result;

    while ((result = wire_next(&encoded, &field)) == WIRE_FIELD) {
        const ProtobufCFieldDescriptor *known;

        to = put_varint(to, (uint64_t)field.number << 3 | field.type);
        if (field.type == WIRE_VARINT) to = put_varint(to, field.value);
        if (field.type == WIRE_FIXED64) to = put_fixed(to, field.value, 8);
        if (field.type == WIRE_FIXED32) to = put_fixed(to, field.value, 4);
        if (field.type != WIRE_BYTES) continue;
        known = protobuf_c_message_descriptor_get_field(descriptor, field.number);
        if (known && known->type == PROTOBUF_C_TYPE_MESSAGE && levels > 1)
            field.bytes = drop_groups(arena, known->descriptor, field.bytes, levels - 1);
        to = put_varint(to, field.bytes.length);
        if (field.bytes.length > 0) memcpy(to, field.bytes.data, field.bytes.length);
        to += field.bytes.length;
    }
    if (result == WIRE_BROKEN) return STR("\xff"); /* not a valid message either */
    return str_sized(copy, (size_t)(to - copy));
}

static ProtobufCMessage *unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                                struct str encoded)
{
    ProtobufCAllocator allocator;

    rpc_allocator_init(&allocator, arena);
    return protobuf_c_message_unpack(descriptor, &allocator, encoded.length,
                                     (const uint8_t *)encoded.data);
}

struct status rpc_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                         struct str encoded, ProtobufCMessage **ret_message)
{
    ProtobufCMessage *message;

    if (nests_deeper(descriptor, RPC_NESTING_MAX) &&
        !nesting_fits(descriptor, encoded, RPC_NESTING_MAX))
        return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MALFORMED_MESSAGE,
                             "a %s nests deeper than %d messages", descriptor->name,
                             RPC_NESTING_MAX);

    arena_expect(arena, encoded.length);
    message = unpack(arena, descriptor, encoded);
    if (!message && !arena->exhausted && encoded.length <= GROUPS_DROPPED_MAX)
        message = unpack(arena, descriptor,
                         drop_groups(arena, descriptor, encoded, RPC_NESTING_MAX));
    if (arena->exhausted)
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__MEMORY_LIMIT,
                           "the message needs more memory than one call may have");
    if (!message)
        return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MALFORMED_MESSAGE,
                             "the bytes are not a valid %s", descriptor->name);
    *ret_message = message;
    return status_ok();
}

struct str rpc_pack(struct arena *arena, const ProtobufCMessage *message)
{
    return rpc_encode(arena, message, 0);
}

ProtobufCMessage *rpc_message_new(struct arena *arena, const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message = arena_alloc(arena, descriptor->sizeof_message);

    protobuf_c_message_init(descriptor, message);
    return message;
}
