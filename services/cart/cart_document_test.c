/* SPDX-License-Identifier: Apache-2.0 */
/* The cart's document: written and read back, and refused when it is damaged or too large. */
#include "base/test.h"
#include "reasons.pb-c.h"
#include "services/cart/cart.h"

static const struct cart_limits limits = {.lines_max = CART_LINES_CAPACITY, .quantity_max = 1000};

static const struct cart_line mug = {
    .product_id = "0190-a",
    .variant_id = "0190-b",
    .category = "mugs & cups",
    .product_name = "A \"big\" mug \\ \n ☕ 😀",
    .options = "Blue / Large",
    .image_url = "https://example.com/mug.png?a=1&b=2",
    .currency = "EUR",
    .unit_amount = CART_UNIT_AMOUNT_MAX,
    .quantity = 999,
};

static void check_line(const struct cart_line *got, const struct cart_line *wanted)
{
    CHECK_STR(got->product_id, wanted->product_id);
    CHECK_STR(got->variant_id, wanted->variant_id);
    CHECK_STR(got->category, wanted->category);
    CHECK_STR(got->product_name, wanted->product_name);
    CHECK_STR(got->options, wanted->options);
    CHECK_STR(got->image_url, wanted->image_url);
    CHECK_STR(got->currency, wanted->currency);
    CHECK_INT(got->unit_amount, ==, wanted->unit_amount);
    CHECK_INT(got->quantity, ==, wanted->quantity);
}

TEST(a_cart_comes_back_as_it_was)
{
    struct cart cart, back;
    struct arena arena;
    struct str document;

    arena_init(&arena, 0);
    cart_init("Ann@example.com", 1234567890123456, &cart);
    cart.updated_us = cart.created_us + 1;
    CHECK_OK(cart_encode(&arena, &cart, &document));
    CHECK_OK(cart_decode(&arena, document, &back));
    CHECK_INT(back.line_count, ==, 0);

    for (int i = 0; i < 20; i++) {
        struct cart_line line = mug;
        line.variant_id = arena_printf(&arena, "%d", i);
        line.quantity = i + 1;
        CHECK_OK(cart_add(&arena, &cart, &line, &limits));
    }
    CHECK_OK(cart_encode(&arena, &cart, &document));
    CHECK_OK(cart_decode(&arena, document, &back));
    CHECK_STR(back.email, "Ann@example.com");
    CHECK_INT(back.created_us, ==, cart.created_us);
    CHECK_INT(back.updated_us, ==, cart.updated_us);
    CHECK_INT(back.line_count, ==, 20);
    for (size_t i = 0; i < back.line_count; i++) check_line(&back.lines[i], &cart.lines[i]);
    arena_release(&arena);
}

TEST(members_of_a_newer_program_are_skipped)
{
    struct cart cart;
    struct arena arena;

    arena_init(&arena, 0);
    CHECK_OK(
        cart_decode(&arena,
                    STR("{\"v\":{\"a\":[1,{}]},\"email\":\"a@b.c\",\"items\":[{\"gift\":[true],"
                        "\"product_id\":\"p\",\"quantity\":2}],\"note\":null}"),
                    &cart));
    CHECK_INT(cart.line_count, ==, 1);
    CHECK_STR(cart.lines[0].product_id, "p");
    CHECK_STR(cart.lines[0].variant_id, "");
    CHECK_INT(cart.lines[0].quantity, ==, 2);
    arena_release(&arena);
}

TEST(what_is_not_a_cart_is_data_loss)
{
    static const char *const documents[] = {
        "",
        "null",
        "[]",
        "{",
        "{}}",
        "{} {}",
        "{\"email\":1}",
        "{\"email\":\"a\"",
        "{\"created_us\":\"1\"}",
        "{\"created_us\":1.5}",
        "{\"created_us\":99999999999999999999}",
        "{\"items\":{}}",
        "{\"items\":[1]}",
        "{\"items\":[{]}",
        "{\"items\":[{}",
        "{\"items\":[{\"quantity\":0}]}",
        "{\"items\":[{\"quantity\":-1}]}",
        "{\"items\":[{\"quantity\":100001}]}",
        "{\"items\":[{\"quantity\":1e2}]}",
        "{\"items\":[{\"quantity\":\"2\"}]}",
        "{\"items\":[{\"unit_amount\":-1}]}",
        "{\"items\":[{\"unit_amount\":100000000001}]}",
        "{\"items\":[{\"unit_amount\":9223372036854775807}]}",
        "{\"items\":[{\"product_id\":7}]}",
        "{\"email\":\"\\ud800\"}",
        "{\"email\":\"\xff\"}",
        "{\"x\":[[[[[[[[[[[[]]]]]]]]]]]]}",
    };
    struct arena arena;
    struct cart cart;

    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        arena_init(&arena, 0);
        struct status st = cart_decode(&arena, str_of(documents[i]), &cart);
        if (!failed(st)) printf("  %s\n", documents[i]);
        CHECK_INT(st.code, ==, STATUS_DATA_LOSS);
        CHECK_INT(st.reason, ==, ARGOSY__REASON__STORE_DAMAGED);
        arena_release(&arena);
    }
}

TEST(every_truncated_document_is_data_loss)
{
    struct cart cart, back;
    struct arena arena;
    struct str document;

    arena_init(&arena, 0);
    cart_init("a@b.c", 1, &cart);
    CHECK_OK(cart_add(&arena, &cart, &mug, &limits));
    CHECK_OK(cart_encode(&arena, &cart, &document));
    for (size_t length = 0; length < document.length; length++)
        CHECK(failed(cart_decode(&arena, str_sized(document.data, length), &back)));
    arena_release(&arena);
}

TEST(a_document_with_too_many_lines_is_data_loss)
{
    struct arena arena;
    struct cart cart;
    const char *items = "{}";

    arena_init(&arena, 0);
    for (int i = 1; i < CART_LINES_CAPACITY; i++) items = arena_printf(&arena, "%s,{}", items);
    CHECK_OK(cart_decode(&arena, str_of(arena_printf(&arena, "{\"items\":[%s]}", items)), &cart));
    CHECK_INT(cart.line_count, ==, CART_LINES_CAPACITY);
    CHECK(failed(
        cart_decode(&arena, str_of(arena_printf(&arena, "{\"items\":[%s,{}]}", items)), &cart)));
    arena_release(&arena);
}

TEST(a_cart_whose_document_would_be_too_large_is_full)
{
    enum { NAME_SIZE = 8192 };
    struct arena arena;
    struct cart cart;
    struct str document;
    char *name;

    arena_init(&arena, 0);
    cart_init("a@b.c", 1, &cart);
    name = arena_alloc(&arena, NAME_SIZE);
    memset(name, 1, NAME_SIZE - 1); /* each becomes six bytes */
    name[NAME_SIZE - 1] = 0;
    for (int i = 0; i < 50; i++) {
        struct cart_line line = mug;
        line.variant_id = arena_printf(&arena, "%d", i);
        line.product_name = name;
        CHECK_OK(cart_add(&arena, &cart, &line, &limits));
    }
    struct status st = cart_encode(&arena, &cart, &document);
    CHECK_INT(st.code, ==, STATUS_FAILED_PRECONDITION);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__CART_LINES_MAX);
    arena_release(&arena);
}
