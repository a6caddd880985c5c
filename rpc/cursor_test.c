/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of cursors. */
#include "rpc/cursor.h"

#include "base/test.h"
#include "order.pb-c.h"
#include "reasons.pb-c.h"

static struct arena arena;

static uint64_t fingerprint_of(const char *status)
{
    OrderService__ListOrdersRequest request = ORDER_SERVICE__LIST_ORDERS_REQUEST__INIT;

    request.status = (char *)(uintptr_t)status;
    return rpc_cursor_fingerprint(&arena, &request.base);
}

TEST(a_cursor_decodes_to_its_position)
{
    struct str position;

    arena_init(&arena, 0);
    CHECK(fingerprint_of("PENDING") == fingerprint_of("PENDING"));
    CHECK(fingerprint_of("PENDING") != fingerprint_of(""));
    const char *cursor = rpc_cursor_encode(&arena, 7, STR("\0a/?\xff"));
    CHECK(strspn(cursor, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
          strlen(cursor));
    CHECK_OK(rpc_cursor_decode(&arena, 7, cursor, &position));
    CHECK(str_equal(position, STR("\0a/?\xff")));
    CHECK_OK(rpc_cursor_decode(&arena, 7, "", &position));
    CHECK_INT(position.length, ==, 0);
    arena_release(&arena);
}

TEST(a_cursor_of_another_list_is_refused)
{
    struct str position;

    arena_init(&arena, 0);
    const char *const wrong[] = {rpc_cursor_encode(&arena, 8, STR("a")),
                                 rpc_cursor_encode(&arena, 7, STR("")), "nonsense", "!", "AAAA"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        CHECK_INT(rpc_cursor_decode(&arena, 7, wrong[i], &position).reason, ==,
                  ARGOSY__REASON__PAGE_CURSOR_INVALID);
    arena_release(&arena);
}
