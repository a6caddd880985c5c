/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of messages in an arena, including hostile ones. */
#include "base/test.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "product.pb-c.h"
#include "reasons.pb-c.h"
#include "rpc/rpc_arena.h"

static struct arena arena;

TEST(packs_and_unpacks)
{
    arena_init(&arena, 0);
    ProductService__GetProductByIdRequest request =
        PRODUCT_SERVICE__GET_PRODUCT_BY_ID_REQUEST__INIT;
    ProtobufCMessage *back;

    request.category = (char *)(uintptr_t) "tools";
    request.product_id = (char *)(uintptr_t) "p-1";
    CHECK_OK(rpc_unpack(&arena, request.base.descriptor, rpc_pack(&arena, &request.base), &back));
    CHECK_STR(((ProductService__GetProductByIdRequest *)back)->product_id, "p-1");
    arena_release(&arena);
}

TEST(garbage_is_malformed)
{
    arena_init(&arena, 0);
    ProtobufCMessage *message;
    struct status st = rpc_unpack(&arena, &product_service__get_product_by_id_request__descriptor,
                                  STR("\x0a\xff"), &message);

    CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__MALFORMED_MESSAGE);
    arena_release(&arena);
}

TEST(unknown_groups_are_skipped)
{
    arena_init(&arena, 0);
    ProtobufCMessage *message;

    /* products [{product_id "p", group 100 {1: 5}, name "n"}], group 99 {group 2 {}} */
    CHECK_OK(rpc_unpack(&arena, &product_service__batch_get_products_response__descriptor,
                        STR("\x0a\x0c\x0a\x01p\xa3\x06\x08\x05\xa4\x06\x12\x01n"
                            "\x9b\x06\x13\x14\x9c\x06"),
                        &message));
    const ProductService__BatchGetProductsResponse *response =
        (ProductService__BatchGetProductsResponse *)message;
    CHECK_INT(response->n_products, ==, 1);
    CHECK_STR(response->products[0]->product_id, "p");
    CHECK_STR(response->products[0]->name, "n");
    CHECK_INT(rpc_unpack(&arena, &product_service__batch_get_products_response__descriptor,
                         STR("\x9b\x06\x13\x9c\x06"), &message)
                  .code,
              ==, STATUS_INVALID_ARGUMENT);
    arena_release(&arena);
}

/* Two bytes for each empty message in a list, and a hundred in memory. */
TEST(a_message_that_grows_in_memory_stops_at_the_limit)
{
    arena_init(&arena, 1024 * 1024);
    size_t size = 1000000;
    char *bytes = malloc(size);
    ProtobufCMessage *message;

    for (size_t i = 0; i < size; i += 2) {
        bytes[i] = 0x0a; /* BatchGetProductsResponse.products */
        bytes[i + 1] = 0;
    }
    struct status st = rpc_unpack(&arena, &product_service__batch_get_products_response__descriptor,
                                  str_sized(bytes, size), &message);
    CHECK_INT(st.code, ==, STATUS_RESOURCE_EXHAUSTED);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__MEMORY_LIMIT);
    free(bytes);
    arena_release(&arena);
}

/* A DescriptorProto can contain itself: each level costs the peer a few bytes, and us a stack
 * frame. */
static struct str nested(size_t levels)
{
    struct str inner = STR("");

    for (size_t i = 0; i < levels; i++) {
        uint8_t *outer = arena_alloc(&arena, inner.length + 12);
        size_t used = 0, rest = inner.length;
        outer[used++] = 0x1a; /* nested_type */
        for (; rest >= 0x80; rest >>= 7) outer[used++] = (uint8_t)(rest | 0x80);
        outer[used++] = (uint8_t)rest;
        if (inner.length > 0) memcpy(outer + used, inner.data, inner.length);
        inner = str_sized(outer, used + inner.length);
    }
    return inner;
}

TEST(deep_nesting_is_refused)
{
    arena_init(&arena, 0);
    const ProtobufCMessageDescriptor *descriptor = &google__protobuf__descriptor_proto__descriptor;
    ProtobufCMessage *message;

    CHECK_OK(rpc_unpack(&arena, descriptor, nested(RPC_NESTING_MAX - 1), &message));
    CHECK_INT(rpc_unpack(&arena, descriptor, nested(RPC_NESTING_MAX), &message).code, ==,
              STATUS_INVALID_ARGUMENT);
    CHECK_INT(rpc_unpack(&arena, descriptor, nested(2000), &message).code, ==,
              STATUS_INVALID_ARGUMENT);
    arena_release(&arena);
}
