/* SPDX-License-Identifier: Apache-2.0 */
/* The document that others read and write too: what the existing system has written is read, what
 * can't be sold is left out, and ours comes back exactly. */
#include "base/test.h"
#include "base/time_text.h"
#include "reasons.pb-c.h"
#include "services/cart/cart.h"

static struct arena arena;
static struct cart_marks marks;

static void read_cart(const char *text, struct cart *ret_cart)
{
    arena_release(&arena);
    arena_init(&arena, 0);
    CHECK_OK(cart_decode_shared(&arena, str_of(text), ret_cart, &marks));
}

TEST(a_cart_of_the_existing_system_is_read)
{
    struct cart cart;
    int64_t seconds;
    int32_t nanos;

    read_cart("{\"email\":\"Ann@X.com\",\"items\":[{\"product_id\":\"p1\",\"category\":\"mugs\","
              "\"product_name\":\"Mug \\u2615\",\"price\":19.99,\"quantity\":3,"
              "\"image_url\":\"https://x/m.png\",\"subtotal\":59.97},{\"product_id\":\"p2\","
              "\"category\":\"c\",\"product_name\":\"n\",\"price\":1e2,\"quantity\":1,"
              "\"image_url\":\"\",\"subtotal\":100}],\"total_items\":9,\"subtotal\":1,"
              "\"created_at\":\"0001-01-01T00:00:00Z\","
              "\"updated_at\":\"2026-10-04T12:00:00.123456789+02:00\"}",
              &cart);
    CHECK_STR(cart.email, "Ann@X.com");
    CHECK_INT(cart.line_count, ==, 2);
    CHECK_STR(cart.lines[0].product_id, "p1");
    CHECK_STR(cart.lines[0].variant_id, "p1");
    CHECK_STR(cart.lines[0].product_name, "Mug \xe2\x98\x95");
    CHECK_STR(cart.lines[0].currency, "USD");
    CHECK_INT(cart.lines[0].unit_amount, ==, 1999);
    CHECK_INT(cart.lines[0].quantity, ==, 3);
    CHECK_INT(cart.lines[1].unit_amount, ==, 10000);
    CHECK(timestamp_parse(STR("2026-10-04T10:00:00.123456Z"), &seconds, &nanos));
    CHECK_INT(cart.updated_us, ==, seconds * 1000000 + nanos / 1000);
    CHECK_INT(cart.created_us, ==, cart.updated_us);
    CHECK_INT(cart.version, ==, cart.updated_us); /* higher than any that was counted */
    CHECK_INT(marks.count, ==, 0);
    arena_release(&arena);
}

TEST(an_empty_cart_of_the_existing_system_is_read)
{
    struct cart cart;

    read_cart("{\"email\":\"a@x.com\",\"items\":null,\"total_items\":0,\"subtotal\":0,"
              "\"created_at\":\"0001-01-01T00:00:00Z\",\"updated_at\":\"0001-01-01T00:00:00Z\"}",
              &cart);
    CHECK_INT(cart.line_count, ==, 0);
    CHECK_INT(cart.version, ==, 1); /* it is stored */
    arena_release(&arena);
}

TEST(lines_that_cannot_be_sold_are_left_out)
{
    struct cart cart;

    read_cart("{\"items\":[{\"product_id\":\"a\",\"price\":-1,\"quantity\":1},"
              "{\"product_id\":\"b\",\"price\":1e300,\"quantity\":1},"
              "{\"product_id\":\"c\",\"price\":1,\"quantity\":0},"
              "{\"product_id\":\"d\",\"price\":0.125,\"quantity\":200000}]}",
              &cart);
    CHECK_INT(cart.line_count, ==, 1);
    CHECK_STR(cart.lines[0].product_id, "d");
    CHECK_INT(cart.lines[0].unit_amount, ==, 13);
    CHECK_INT(cart.lines[0].quantity, ==, CART_QUANTITY_CAPACITY);
    arena_release(&arena);
}

TEST(ours_comes_back_exactly)
{
    const struct cart_line line = {.product_id = "p",
                                   .variant_id = "v",
                                   .category = "c",
                                   .product_name = "a \"b\"",
                                   .options = "Blue / L",
                                   .image_url = "u",
                                   .currency = "KWD",
                                   .unit_amount = 12345678901,
                                   .quantity = 7};
    const struct cart_limits limits = {.lines_max = 10, .quantity_max = 10};
    struct cart cart, back;
    struct str document;

    arena_init(&arena, 0);
    marks.count = 0;
    for (int i = 0; i < 11; i++) cart_marks_add(&marks, arena_printf(&arena, "mark-%d", i));
    CHECK_INT(marks.count, ==, CART_MARKS_MAX);
    cart_init("ann@x.com", 1234567890123456, &cart);
    CHECK_OK(cart_add(&arena, &cart, &line, &limits));
    cart.updated_us = 1234567890999999;
    cart.version = 41;
    CHECK_OK(cart_encode_shared(&arena, &cart, &marks, &document));
    CHECK_OK(cart_decode_shared(&arena, document, &back, &marks));
    CHECK_INT(back.version, ==, 41);
    CHECK_INT(back.created_us, ==, cart.created_us);
    CHECK_INT(back.updated_us, ==, cart.updated_us);
    CHECK_INT(back.lines[0].unit_amount, ==, line.unit_amount);
    CHECK_INT(back.lines[0].since, ==, cart.lines[0].since);
    CHECK_STR(back.lines[0].variant_id, "v");
    CHECK_STR(back.lines[0].options, "Blue / L");
    CHECK_STR(back.lines[0].currency, "KWD");
    CHECK_INT(marks.count, ==, CART_MARKS_MAX);
    CHECK_STR(marks.marks[0], "mark-10");
    CHECK(cart_marks_have(&marks, "mark-3") && !cart_marks_have(&marks, "mark-2"));
    for (size_t length = 0; length < document.length; length++)
        CHECK(failed(cart_decode_shared(&arena, str_sized(document.data, length), &back, &marks)));
    arena_release(&arena);
}

TEST(what_is_no_cart_is_data_loss)
{
    static const char *const documents[] = {
        "",
        "[]",
        "{\"items\":7}",
        "{\"items\":[7]}",
        "{\"updated_at\":7}",
        "{\"updated_at\":\"yesterday\"}",
        "{\"version\":0}",
        "{\"version\":-3}",
        "{\"version\":\"1\"}",
        "{\"changes\":{}}",
        "{\"changes\":[1]}",
        "{\"items\":[{\"price\":\"1\"}]}",
        "{\"items\":[{\"price\":1e999}]}",
        "{\"items\":[{\"quantity\":1.5}]}",
        "{\"items\":[{\"unit_amount\":-1}]}",
    };
    struct cart cart;

    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        arena_init(&arena, 0);
        struct status st = cart_decode_shared(&arena, str_of(documents[i]), &cart, &marks);
        if (!failed(st)) printf("  %s\n", documents[i]);
        CHECK_INT(st.code, ==, STATUS_DATA_LOSS);
        CHECK_INT(st.reason, ==, ARGOSY__REASON__STORE_DAMAGED);
        arena_release(&arena);
    }
}
