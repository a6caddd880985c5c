/* SPDX-License-Identifier: Apache-2.0 */
/* Tests that the encoded bytes are always those that protobuf-c writes. */
#include <string.h>

#include "base/test.h"
#include "every_type.pb-c.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "product.pb-c.h"
#include "rpc/rpc_arena.h"
#include "rpc/rpc_encode.h"
#include "rpc/schema.h"

enum { ROOM = 5, LEVELS = 3, LIST_MAX = 4 };

static struct arena arena;

static void check_alike(const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *expected = arena_alloc(&arena, size);
    struct str encoded = rpc_encode(&arena, message, ROOM);

    protobuf_c_message_pack(message, expected);
    CHECK_INT(encoded.length, ==, size);
    CHECK(size == 0 || memcmp(encoded.data, expected, size) == 0);
    memset((char *)(uintptr_t)encoded.data - ROOM, 0, ROOM); /* the room is ours to write to */
}

/* The same numbers in every run. */
static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* Zero and the ends of the range as often as all other numbers. */
static uint64_t random_number(void)
{
    uint64_t number = next_random();

    switch (number % 5) {
    case 0: return 0;
    case 1: return UINT64_MAX;
    case 2: return 1u << (number >> 8) % 31;
    default: return number >> (number >> 8) % 64;
    }
}

static ProtobufCMessage *random_message(const ProtobufCMessageDescriptor *descriptor, int levels);

static size_t fill_value(const ProtobufCFieldDescriptor *field, void *member, int levels)
{
    uint64_t number = random_number();
    size_t length = number % 200;

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)member = levels > 0 ? random_message(field->descriptor, levels - 1)
                                                  : NULL;
        return sizeof(ProtobufCMessage *);
    case PROTOBUF_C_TYPE_STRING:
        *(char **)member = memset(arena_calloc(&arena, length + 1, 1), 'x', length);
        return sizeof(char *);
    case PROTOBUF_C_TYPE_BYTES:
        *(ProtobufCBinaryData *)member = (ProtobufCBinaryData){length,
                                                               arena_calloc(&arena, length + 1, 1)};
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL: *(protobuf_c_boolean *)member = number & 1; return 4;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: memcpy(member, &number, 8); return 8;
    default: memcpy(member, &number, 4); return 4;
    }
}

static void fill_list(const ProtobufCFieldDescriptor *field, char *message, int levels)
{
    size_t count = levels > 0 ? next_random() % LIST_MAX : 0;
    char *elements = arena_calloc(&arena, LIST_MAX, sizeof(ProtobufCBinaryData)), *at = elements;

    for (size_t i = 0; i < count; i++) at += fill_value(field, at, levels);
    memcpy(message + field->offset, &elements, sizeof(elements));
    memcpy(message + field->quantifier_offset, &count, sizeof(count));
}

static ProtobufCMessage *random_message(const ProtobufCMessageDescriptor *descriptor, int levels)
{
    ProtobufCMessage *message = rpc_message_new(&arena, descriptor);
    char *bytes = (char *)message;

    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            fill_list(field, bytes, levels);
            continue;
        }
        if (next_random() % 2) continue;
        (void)fill_value(field, bytes + field->offset, levels);
        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
            memcpy(bytes + field->quantifier_offset, &field->id, sizeof(field->id));
        else if (field->label == PROTOBUF_C_LABEL_OPTIONAL)
            memcpy(bytes + field->quantifier_offset, &(protobuf_c_boolean){1}, 4);
    }
    return message;
}

TEST(random_messages_of_every_type)
{
    for (int i = 0; i < 2000; i++) {
        arena_init(&arena, 0);
        check_alike(random_message(&every_type__every_type__descriptor, LEVELS));
        arena_release(&arena);
    }
}

TEST(random_products)
{
    for (int i = 0; i < 500; i++) {
        arena_init(&arena, 0);
        check_alike(random_message(&product_service__standard_response__descriptor, 6));
        arena_release(&arena);
    }
}

TEST(an_empty_message)
{
    arena_init(&arena, 0);
    check_alike(rpc_message_new(&arena, &every_type__every_type__descriptor));
    arena_release(&arena);
}

/* proto2's presence, deep nesting, and unknown fields: the options of our protos. */
TEST(descriptors_with_unknown_fields)
{
    ProtobufCMessage *set;

    arena_init(&arena, 0);
    CHECK_OK(rpc_unpack(&arena, &google__protobuf__file_descriptor_set__descriptor,
                        str_sized(proto_descriptors, proto_descriptors_size), &set));
    check_alike(set);
    arena_release(&arena);
}
