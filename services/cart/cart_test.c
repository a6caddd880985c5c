/* SPDX-License-Identifier: Apache-2.0 */
/* The changes of a cart, their limits, and what an order takes out of it. */
#include "services/cart/cart.h"

#include "base/test.h"
#include "reasons.pb-c.h"

static const struct cart_limits limits = {.lines_max = 3, .quantity_max = 10};

static struct arena arena;

static void set_up(struct cart *cart)
{
    arena_release(&arena);
    arena_init(&arena, 0);
    cart_init("ann@example.com", 7, cart);
}

static struct cart_line line_of(const char *product_id, const char *variant_id, int quantity)
{
    return (struct cart_line){
        .product_id = product_id,
        .variant_id = variant_id,
        .category = "mugs",
        .product_name = "Mug",
        .options = "",
        .image_url = "",
        .currency = "USD",
        .unit_amount = 1250,
        .quantity = quantity,
    };
}

static struct status add(struct cart *cart, const char *product_id, const char *variant_id,
                         int quantity)
{
    struct cart_line line = line_of(product_id, variant_id, quantity);

    return cart_add(&arena, cart, &line, &limits);
}

#define CHECK_REASON(expression, wanted)                         \
    do {                                                         \
        struct status answer_ = (expression);                    \
        CHECK_INT(answer_.reason, ==, ARGOSY__REASON__##wanted); \
        CHECK(failed(answer_));                                  \
    } while (0)

TEST(a_new_cart_is_empty)
{
    struct cart cart;

    set_up(&cart);
    CHECK_INT(cart.line_count, ==, 0);
    CHECK_INT(cart.version, ==, 0);
    CHECK_INT(cart.created_us, ==, 7);
    CHECK_INT(cart_total_items(&cart), ==, 0);
}

TEST(a_copy_shares_nothing_with_its_cart)
{
    char name[] = "p";
    struct cart cart, copy;

    set_up(&cart);
    CHECK(!failed(add(&cart, name, "", 2)));
    cart_copy(&arena, &cart, &copy);
    name[0] = 'q';
    cart.lines[0].quantity = 7;
    CHECK_INT(copy.line_count, ==, 1);
    CHECK_INT(copy.lines[0].quantity, ==, 2);
    CHECK(strcmp(copy.lines[0].product_id, "p") == 0);
    CHECK(!failed(add(&copy, "r", "", 1)) && !failed(add(&copy, "s", "", 1)));
    CHECK_INT(copy.line_count, ==, 3);
    CHECK_INT(cart.line_count, ==, 1);
}

TEST(adding_sums_quantities_and_takes_the_new_price)
{
    struct cart cart;

    set_up(&cart);
    CHECK_OK(add(&cart, "p", "v", 2));
    struct cart_line dearer = line_of("p", "v", 3);
    dearer.unit_amount = 1300;
    dearer.product_name = "Big mug";
    CHECK_OK(cart_add(&arena, &cart, &dearer, &limits));
    CHECK_INT(cart.line_count, ==, 1);
    CHECK_INT(cart.lines[0].quantity, ==, 5);
    CHECK_INT(cart.lines[0].unit_amount, ==, 1300);
    CHECK_STR(cart.lines[0].product_name, "Big mug");
    CHECK_INT(cart_line_total(&cart.lines[0]), ==, 6500);
    CHECK_OK(add(&cart, "p", "w", 1));
    CHECK_INT(cart.line_count, ==, 2);
    CHECK_INT(cart_total_items(&cart), ==, 6);
}

TEST(beyond_a_limit_nothing_changes_and_the_limit_is_named)
{
    struct cart cart;

    set_up(&cart);
    CHECK_REASON(add(&cart, "p", "v", 11), CART_QUANTITY_MAX);
    CHECK_INT(cart.line_count, ==, 0);
    CHECK_OK(add(&cart, "p", "v", 10));
    struct status st = add(&cart, "p", "v", 1);
    CHECK_INT(st.code, ==, STATUS_FAILED_PRECONDITION);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__CART_QUANTITY_MAX);
    CHECK(strstr(st.message, "at most 10") != 0);
    CHECK_INT(cart.lines[0].quantity, ==, 10);
    CHECK_REASON(add(&cart, "p", "v", INT32_MAX), CART_QUANTITY_MAX);

    CHECK_OK(add(&cart, "q", "v", 1));
    CHECK_OK(add(&cart, "r", "v", 1));
    st = add(&cart, "s", "v", 1);
    CHECK_INT(st.code, ==, STATUS_FAILED_PRECONDITION);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__CART_LINES_MAX);
    CHECK(strstr(st.message, "at most 3") != 0);
    CHECK_INT(cart.line_count, ==, 3);
    CHECK_OK(add(&cart, "r", "v", 1));
}

TEST(an_impossible_price_is_refused)
{
    static const int64_t prices[] = {-1, CART_UNIT_AMOUNT_MAX + 1, INT64_MAX, INT64_MIN};
    struct cart cart;

    set_up(&cart);
    for (size_t i = 0; i < sizeof(prices) / sizeof(prices[0]); i++) {
        struct cart_line line = line_of("p", "v", 1);
        line.unit_amount = prices[i];
        CHECK_INT(cart_add(&arena, &cart, &line, &limits).code, ==, STATUS_INTERNAL);
    }
    CHECK_INT(cart.line_count, ==, 0);
}

TEST(setting_replaces_and_zero_removes)
{
    struct cart cart;

    set_up(&cart);
    CHECK_OK(add(&cart, "p", "v", 2));
    CHECK_OK(add(&cart, "q", "v", 3));
    CHECK_OK(cart_set(&arena, &cart, "p", "v", 9, &limits));
    CHECK_INT(cart.lines[0].quantity, ==, 9);
    CHECK_REASON(cart_set(&arena, &cart, "p", "v", 11, &limits), CART_QUANTITY_MAX);
    CHECK_INT(cart.lines[0].quantity, ==, 9);
    CHECK_REASON(cart_set(&arena, &cart, "x", "v", 1, &limits), CART_LINE_NOT_FOUND);
    CHECK_REASON(cart_set(&arena, &cart, "p", "x", 1, &limits), CART_LINE_NOT_FOUND);
    CHECK_OK(cart_set(&arena, &cart, "p", "", 0, &limits));
    CHECK_INT(cart.line_count, ==, 1);
    CHECK_STR(cart.lines[0].product_id, "q");
}

TEST(a_variant_must_be_named_where_there_are_several)
{
    struct cart cart;

    set_up(&cart);
    CHECK_OK(add(&cart, "p", "v", 2));
    CHECK_OK(cart_set(&arena, &cart, "p", "", 4, &limits));
    CHECK_OK(add(&cart, "p", "w", 3));
    struct status st = cart_set(&arena, &cart, "p", "", 1, &limits);
    CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__INVALID_FIELDS);
    CHECK_STR(st.details->violations[0].field, "variant_id");
    CHECK_OK(cart_set(&arena, &cart, "p", "w", 1, &limits));
    CHECK_INT(cart.lines[0].quantity, ==, 4);
    CHECK_INT(cart.lines[1].quantity, ==, 1);
}

TEST(removing_takes_one_variant_or_all)
{
    struct cart cart;

    set_up(&cart);
    CHECK_OK(add(&cart, "p", "v", 1));
    CHECK_OK(add(&cart, "q", "v", 1));
    CHECK_OK(add(&cart, "p", "w", 1));
    CHECK_REASON(cart_remove(&arena, &cart, "x", ""), CART_LINE_NOT_FOUND);
    CHECK_REASON(cart_remove(&arena, &cart, "p", "x"), CART_LINE_NOT_FOUND);
    CHECK_OK(cart_remove(&arena, &cart, "p", "v"));
    CHECK_INT(cart.line_count, ==, 2);
    CHECK_OK(add(&cart, "p", "v", 1));
    CHECK_OK(cart_remove(&arena, &cart, "p", ""));
    CHECK_INT(cart.line_count, ==, 1);
    CHECK_STR(cart.lines[0].product_id, "q");
    cart_clear(&cart);
    CHECK_INT(cart.line_count, ==, 0);
}

/* ---- what was ordered ---- */

static bool take(struct cart *cart, const char *product_id, const char *variant_id, int quantity)
{
    struct cart_ordered item = {product_id, variant_id, quantity};

    cart->changed = false;
    cart_take_ordered(cart, "", &item, 1);
    return cart->changed;
}

TEST(an_order_takes_its_quantities_and_leaves_what_came_since)
{
    const struct cart_ordered items[] = {
        {"p", "v", 2}, {"q", "v", 5}, {"p", "w", 1}, {"p", "w", 1}};
    struct cart cart;

    set_up(&cart);
    CHECK_OK(add(&cart, "p", "v", 2)); /* as ordered */
    CHECK_OK(add(&cart, "q", "v", 8)); /* three more since */
    CHECK_OK(add(&cart, "p", "w", 3)); /* ordered in two lines */
    cart.changed = false;
    cart_take_ordered(&cart, "", items, 4);
    CHECK(cart.changed);
    CHECK_INT(cart.line_count, ==, 2);
    CHECK_STR(cart.lines[0].product_id, "q");
    CHECK_INT(cart.lines[0].quantity, ==, 3);
    CHECK_STR(cart.lines[1].variant_id, "w");
    CHECK_INT(cart.lines[1].quantity, ==, 1);
    CHECK_INT(cart.lines[0].unit_amount, ==, 1250);
}

TEST(an_order_takes_only_what_is_there)
{
    struct cart cart;

    set_up(&cart);
    CHECK(!take(&cart, "p", "v", 1));
    CHECK_OK(add(&cart, "p", "v", 2));
    CHECK(!take(&cart, "q", "v", 1));
    CHECK(!take(&cart, "p", "w", 1));
    CHECK(!take(&cart, "p", "v", 0));
    CHECK(!take(&cart, "p", "v", -3));
    cart.changed = false;
    cart_take_ordered(&cart, "", 0, 0);
    CHECK(!cart.changed);
    CHECK_INT(cart.lines[0].quantity, ==, 2);
    CHECK(take(&cart, "p", "v", INT32_MAX));
    CHECK_INT(cart.line_count, ==, 0);
}

TEST(a_cart_that_was_cleared_and_filled_again_since_its_order_stays)
{
    const struct cart_ordered item = {"p", "v", 2};
    struct cart cart;
    const char *state;

    set_up(&cart);
    cart.created_us = 1000;
    CHECK_OK(add(&cart, "p", "v", 2));
    cart.version++;
    state = cart_state(&arena, &cart);
    CHECK_STR(state, "1000.1");
    cart_clear(&cart);
    cart.version++;
    CHECK_OK(add(&cart, "p", "v", 2));
    cart.version++;
    cart.changed = false;
    cart_take_ordered(&cart, state, &item, 1);
    CHECK(!cart.changed && cart.line_count == 1);

    /* Nor from a cart that was begun after the ordered one had expired. */
    cart_take_ordered(&cart, "999.7", &item, 1);
    CHECK_INT(cart.line_count, ==, 1);
    /* An order of the cart as it is now takes the line. */
    cart_take_ordered(&cart, "1000.3", &item, 1);
    CHECK(cart.changed && cart.line_count == 0);
}

TEST(a_request_that_leaves_the_cart_as_it_is_does_not_change_it)
{
    struct cart cart;

    set_up(&cart);
    CHECK_OK(add(&cart, "p", "v", 2));
    CHECK(cart.changed);
    cart.changed = false;
    CHECK_OK(cart_set(&arena, &cart, "p", "v", 2, &limits));
    CHECK(!cart.changed);
    CHECK_OK(cart_set(&arena, &cart, "p", "v", 3, &limits));
    CHECK(cart.changed);
    cart.changed = false;
    CHECK_OK(cart_set(&arena, &cart, "p", "v", 0, &limits));
    CHECK(cart.changed);
    cart.changed = false;
    cart_clear(&cart);
    CHECK(!cart.changed);
}

TEST(an_order_without_a_variant_means_the_only_one)
{
    struct cart cart;

    set_up(&cart);
    CHECK_OK(add(&cart, "p", "v", 3));
    CHECK(take(&cart, "p", "", 1));
    CHECK_INT(cart.lines[0].quantity, ==, 2);
    CHECK_OK(add(&cart, "p", "w", 3));
    CHECK(!take(&cart, "p", "", 1));
    CHECK_OK(add(&cart, "q", "", 3)); /* of a product without variants, to the cart */
    CHECK(take(&cart, "q", "v", 2));
    CHECK_INT(cart.lines[2].quantity, ==, 1);
}

TEST(the_largest_cart_does_not_overflow)
{
    const struct cart_limits largest = {CART_LINES_CAPACITY, CART_QUANTITY_CAPACITY};
    struct cart cart;
    int64_t total = 0;

    set_up(&cart);
    for (int i = 0; i < CART_LINES_CAPACITY; i++) {
        struct cart_line line = line_of(arena_printf(&arena, "p%d", i), "v",
                                        CART_QUANTITY_CAPACITY);
        line.unit_amount = CART_UNIT_AMOUNT_MAX;
        CHECK_OK(cart_add(&arena, &cart, &line, &largest));
    }
    for (size_t i = 0; i < cart.line_count; i++)
        CHECK(!__builtin_add_overflow(total, cart_line_total(&cart.lines[i]), &total));
    CHECK(total == CART_LINES_CAPACITY * CART_UNIT_AMOUNT_MAX * CART_QUANTITY_CAPACITY);
    CHECK_INT(cart_total_items(&cart), ==, CART_LINES_CAPACITY * CART_QUANTITY_CAPACITY);
    CHECK_REASON(
        cart_add(&arena, &cart, &(struct cart_line){"x", "v", "", "", "", "", "", 1, 1}, &largest),
        CART_LINES_MAX);
}
