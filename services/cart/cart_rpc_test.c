/* SPDX-License-Identifier: Apache-2.0 */
/* The cart service through the loopback, beside a product service in memory. */
#include "events/idempotency_testing.h"
#include "product.rpc.h"
#include "rpc/rpc_testing.h"
#include "services/cart/cart_service.h"

extern const struct service_module cart_service;

#define TEXT(literal) ((char *)(uintptr_t)(literal))

/* ---- the product service ---- */

/* One product, "mug" in "mugs", as the fake answers it. */
static struct {
    const char *name, *status, *currency;
    bool gone, empty;
    int variants;          /* 0: as the existing system's product service */
    int64_t unit_amount;   /* of variant 0; each further costs 100 more */
    double price;          /* of a product without variants */
    int64_t available;     /* of every variant; -1: not tracked */
    enum status_code fail; /* the error to answer instead */
    bool hangs, no_batches;
    bool existing; /* as the existing system: failures are envelopes, no batches, no variants */
} mug;

static void mug_begins(void)
{
    memset(&mug, 0, sizeof(mug));
    mug.name = "Mug";
    mug.status = "active";
    mug.currency = "EUR";
    mug.variants = 1;
    mug.unit_amount = 1250;
    mug.available = -1;
}

static ProductService__Variant *fake_variant(const struct call *call, int number)
{
    ProductService__Variant *variant = arena_new(call->arena, ProductService__Variant);
    ProductService__VariantOption *option = arena_new(call->arena, ProductService__VariantOption);

    product_service__variant__init(variant);
    product_service__variant_option__init(option);
    variant->variant_id = arena_printf(call->arena, "v%d", number);
    variant->unit_amount = mug.unit_amount + 100 * number;
    if (mug.available >= 0) {
        variant->available_given_case = PRODUCT_SERVICE__VARIANT__AVAILABLE_GIVEN_AVAILABLE;
        variant->available = mug.available;
    }
    if (mug.variants < 2) return variant;
    option->name = TEXT("Size");
    option->value = number ? TEXT("L") : TEXT("S");
    variant->options = arena_array(call->arena, ProductService__VariantOption *, 1);
    variant->options[variant->n_options++] = option;
    return variant;
}

static ProductService__Product *fake_product(const struct call *call, const char *product_id)
{
    ProductService__Product *product = arena_new(call->arena, ProductService__Product);

    product_service__product__init(product);
    product->product_id = arena_printf(call->arena, "%s", product_id);
    product->category = TEXT("mugs");
    product->name = TEXT(mug.name);
    product->status = TEXT(mug.status);
    product->currency = TEXT(mug.currency);
    product->price = mug.price;
    product->image_urls = arena_array(call->arena, char *, 1);
    product->image_urls[product->n_image_urls++] = TEXT("https://example.com/mug.png");
    product->variants = arena_array(call->arena, ProductService__Variant *,
                                    (size_t)mug.variants + 1);
    for (int i = 0; i < mug.variants; i++)
        product->variants[product->n_variants++] = fake_variant(call, i);
    return product;
}

static struct status fake_get(struct call *call,
                              const ProductService__GetProductByIdRequest *request,
                              ProductService__StandardResponse *response)
{
    ProductService__OneProduct *one = arena_new(call->arena, ProductService__OneProduct);

    if (mug.fail) return status_make(mug.fail, 0, "the fake is told so");
    if (mug.existing && mug.gone) {
        response->message = TEXT("rpc error: code = Internal desc = product not found");
        response->status_code = 500;
        return status_ok();
    }
    response->success = true;
    if (mug.gone || strcmp(request->category, "mugs") != 0)
        return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__PRODUCT_NOT_FOUND, "no product");
    if (mug.empty) return status_ok();
    product_service__one_product__init(one);
    one->product = fake_product(call, request->product_id);
    response->result_case = PRODUCT_SERVICE__STANDARD_RESPONSE__RESULT_PRODUCT;
    response->product = one;
    return status_ok();
}

static struct status fake_batch(struct call *call,
                                const ProductService__BatchGetProductsRequest *request,
                                ProductService__BatchGetProductsResponse *response)
{
    if (mug.hangs) return fiber_sleep(call, 60 * 1000000);
    if (mug.fail) return status_make(mug.fail, 0, "the fake is told so");
    if (mug.no_batches) return status_make(STATUS_UNIMPLEMENTED, 0, "no batches here");
    if (mug.gone) return status_ok();
    response->products = arena_array(call->arena, ProductService__Product *, request->n_products);
    for (size_t i = 0; i < request->n_products; i++)
        response->products[response->n_products++] = fake_product(call,
                                                                  request->products[i]->product_id);
    return status_ok();
}

static const struct product_service_handlers fake_products = {
    .get_product_by_id = fake_get,
    .batch_get_products = fake_batch,
};

static const char *const small_limits[] = {"CART_LINES_MAX=3", "CART_QUANTITY_MAX=2000", 0};

/* Plays as ann. */
static void cart_play(void (*play)(struct call *call, struct stage *stage))
{
    static const struct stage_plan plan = {
        .module = &cart_service,
        .settings = small_limits,
        .fakes = {{&product_service_rpc, &fake_products, 0}},
    };

    mug_begins();
    stage_run(&plan, play);
}

/* ---- calls ---- */

static struct status add(struct call *call, struct stage *stage, const char *product_id,
                         const char *variant_id, int quantity)
{
    CartService__AddToCartRequest request = CART_SERVICE__ADD_TO_CART_REQUEST__INIT;
    CartService__CartStandardResponse *response;

    request.product_id = TEXT(product_id);
    request.category = TEXT("mugs");
    request.variant_id = TEXT(variant_id);
    request.quantity = quantity;
    return cart_service_add_to_cart(call, stage->inside, &request, &response);
}

static struct status update(struct call *call, struct stage *stage, const char *product_id,
                            const char *variant_id, int quantity)
{
    CartService__UpdateCartItemRequest request = CART_SERVICE__UPDATE_CART_ITEM_REQUEST__INIT;
    CartService__CartStandardResponse *response;

    request.product_id = TEXT(product_id);
    request.variant_id = TEXT(variant_id);
    request.quantity = quantity;
    return cart_service_update_cart_item(call, stage->inside, &request, &response);
}

static struct status remove_line(struct call *call, struct stage *stage, const char *product_id)
{
    CartService__RemoveFromCartRequest request = CART_SERVICE__REMOVE_FROM_CART_REQUEST__INIT;
    CartService__CartStandardResponse *response;

    request.product_id = TEXT(product_id);
    return cart_service_remove_from_cart(call, stage->inside, &request, &response);
}

static struct status clear(struct call *call, struct stage *stage)
{
    CartService__ClearCartRequest request = CART_SERVICE__CLEAR_CART_REQUEST__INIT;
    CartService__CartStandardResponse *response;

    return cart_service_clear_cart(call, stage->inside, &request, &response);
}

/* Never NULL, so that a test may read its members. */
static CartService__CartData *get(struct call *call, struct stage *stage)
{
    CartService__GetCartRequest request = CART_SERVICE__GET_CART_REQUEST__INIT;
    CartService__CartStandardResponse *response = 0;

    EXPECT_OK(cart_service_get_cart(call, stage->inside, &request, &response));
    if (response && response->cart_data) return response->cart_data;
    CartService__CartData *none = arena_new(call->arena, CartService__CartData);
    cart_service__cart_data__init(none);
    return none;
}

static void as_ann(struct call *call)
{
    stage_as(call, "Ann@example.com", "customer", "phone");
}

/* ---- what a cart says ---- */

static void fills_cart(struct call *call, struct stage *stage)
{
    as_ann(call);
    CartService__CartData *cart = get(call, stage);
    EXPECT(cart->n_items == 0 && cart->version == 0 && strcmp(cart->email, "Ann@example.com") == 0);

    EXPECT_OK(add(call, stage, "mug", "", 2));
    mug.currency = "JPY";
    EXPECT_OK(add(call, stage, "sake", "v0", 1));
    mug.currency = "EUR";
    EXPECT_OK(add(call, stage, "mug", "v0", 1));
    cart = get(call, stage);
    EXPECT(cart->n_items == 2 && cart->total_items == 4 && cart->version == 3);
    EXPECT(cart->created_at && cart->updated_at);
    if (cart->n_items != 2) return;
    const CartService__CartItem *item = cart->items[0];
    EXPECT(strcmp(item->product_id, "mug") == 0 && strcmp(item->variant_id, "v0") == 0);
    EXPECT(strcmp(item->category, "mugs") == 0 && strcmp(item->product_name, "Mug") == 0);
    EXPECT(strcmp(item->image_url, "https://example.com/mug.png") == 0);
    EXPECT(strcmp(item->currency, "EUR") == 0 && item->unit_amount == 1250 && item->price == 12.5);
    EXPECT(item->quantity == 3 && item->subtotal_minor == 3750 && item->subtotal == 37.5);
    EXPECT(cart->items[1]->price == 1250 && cart->items[1]->subtotal_minor == 1250);
    EXPECT(cart->n_totals == 2 && cart->totals[0]->amount_minor == 3750);
    EXPECT(cart->n_totals == 2 && strcmp(cart->totals[1]->currency, "JPY") == 0);
    EXPECT(cart->subtotal == 37.5 + 1250);
}

TEST(lines_carry_the_shops_price_and_totals_their_currency)
{
    cart_play(fills_cart);
}

static void changes_cart(struct call *call, struct stage *stage)
{
    as_ann(call);
    EXPECT_OK(add(call, stage, "mug", "", 2));
    EXPECT_OK(add(call, stage, "cup", "", 1));
    EXPECT_OK(update(call, stage, "mug", "", 7));
    EXPECT(get(call, stage)->total_items == 8);
    EXPECT_OK(update(call, stage, "mug", "", 0));
    EXPECT(get(call, stage)->n_items == 1);
    EXPECT_REFUSED(update(call, stage, "mug", "", 1), NOT_FOUND, CART_LINE_NOT_FOUND);
    EXPECT_REFUSED(remove_line(call, stage, "mug"), NOT_FOUND, CART_LINE_NOT_FOUND);
    EXPECT_OK(remove_line(call, stage, "cup"));
    EXPECT(get(call, stage)->n_items == 0);
    EXPECT_OK(add(call, stage, "mug", "", 2));
    EXPECT_OK(clear(call, stage));
    EXPECT_OK(clear(call, stage));
    EXPECT(get(call, stage)->n_items == 0);
}

TEST(lines_are_set_removed_and_cleared)
{
    cart_play(changes_cart);
}

static void keeps_limits(struct call *call, struct stage *stage)
{
    as_ann(call);
    EXPECT_REFUSED(add(call, stage, "mug", "", 2001), FAILED_PRECONDITION, CART_QUANTITY_MAX);
    EXPECT_OK(add(call, stage, "mug", "", 2000));
    EXPECT_REFUSED(add(call, stage, "mug", "", 1), FAILED_PRECONDITION, CART_QUANTITY_MAX);
    EXPECT_REFUSED(update(call, stage, "mug", "", 2001), FAILED_PRECONDITION, CART_QUANTITY_MAX);
    EXPECT_OK(add(call, stage, "cup", "", 1));
    EXPECT_OK(add(call, stage, "jug", "", 1));
    EXPECT_REFUSED(add(call, stage, "pot", "", 1), FAILED_PRECONDITION, CART_LINES_MAX);
    EXPECT(get(call, stage)->total_items == 2002);
}

TEST(limits_are_named_and_change_nothing)
{
    cart_play(keeps_limits);
}

static void breaks_rules(struct call *call, struct stage *stage)
{
    char long_id[66];

    memset(long_id, 'x', sizeof(long_id) - 1);
    long_id[sizeof(long_id) - 1] = 0;
    as_ann(call);
    EXPECT_FIELD(add(call, stage, "", "", 1), "product_id");
    EXPECT_FIELD(add(call, stage, long_id, "", 1), "product_id");
    EXPECT_FIELD(add(call, stage, "mug", long_id, 1), "variant_id");
    EXPECT_FIELD(add(call, stage, "mug", "", 0), "quantity");
    EXPECT_FIELD(add(call, stage, "mug", "", -1), "quantity");
    EXPECT_FIELD(add(call, stage, "mug", "", INT32_MAX), "quantity");
    EXPECT_FIELD(update(call, stage, "mug", "", -1), "quantity");
    EXPECT_FIELD(remove_line(call, stage, ""), "product_id");
    EXPECT(get(call, stage)->n_items == 0);
}

TEST(fields_that_break_their_rules_are_named)
{
    cart_play(breaks_rules);
}

/* ---- whose cart ---- */

static void belongs_to_its_owner(struct call *call, struct stage *stage)
{
    static const char *const roles[] = {"customer", "seller", "admin", "superAdmin"};

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        stage_as(call, arena_printf(call->arena, "%s@example.com", roles[i]), roles[i], "");
        EXPECT(get(call, stage)->n_items == 0);
        EXPECT_OK(add(call, stage, "mug", "", 1));
        EXPECT_OK(update(call, stage, "mug", "", 2));
        EXPECT(get(call, stage)->total_items == 2);
    }
    stage_as(call, "CUSTOMER@example.com", "customer", "");
    EXPECT_OK(remove_line(call, stage, "mug"));
    stage_as(call, "seller@example.com", "seller", "");
    EXPECT(get(call, stage)->total_items == 2);
}

TEST(every_role_has_a_cart_and_only_its_own)
{
    cart_play(belongs_to_its_owner);
}

static void sends_nobody_away(struct call *call, struct stage *stage)
{
    CartService__GetCartRequest request = CART_SERVICE__GET_CART_REQUEST__INIT;
    CartService__CartStandardResponse *response;

    EXPECT_REFUSED(cart_service_get_cart(call, stage->inside, &request, &response), UNAUTHENTICATED,
                   LOGIN_REQUIRED);
    EXPECT_REFUSED(add(call, stage, "mug", "", 1), UNAUTHENTICATED, LOGIN_REQUIRED);
    EXPECT_REFUSED(update(call, stage, "mug", "", 1), UNAUTHENTICATED, LOGIN_REQUIRED);
    EXPECT_REFUSED(remove_line(call, stage, "mug"), UNAUTHENTICATED, LOGIN_REQUIRED);
    EXPECT_REFUSED(clear(call, stage), UNAUTHENTICATED, LOGIN_REQUIRED);
    /* Nor is a stranger believed. */
    as_ann(call);
    EXPECT_REFUSED(cart_service_get_cart(call, stage->outside, &request, &response),
                   UNAUTHENTICATED, LOGIN_REQUIRED);
}

TEST(a_cart_takes_a_user)
{
    cart_play(sends_nobody_away);
}

enum { ADDS = 1000 };

static void race_to_add(struct call *call, struct stage *stage, int number)
{
    as_ann(call);
    EXPECT_OK(add(call, stage, "mug", "", 1));
}

static void races(struct call *call, struct stage *stage)
{
    stage_spread(call, stage, ADDS, race_to_add);
    as_ann(call);
    CartService__CartData *cart = get(call, stage);
    EXPECT(cart->total_items == ADDS && cart->n_items == 1 && cart->version == ADDS);
}

TEST(a_thousand_concurrent_adds_to_one_cart_lose_none)
{
    cart_play(races);
}

/* ---- the same request twice ---- */

static struct status add_with(struct call *call, struct stage *stage, int quantity,
                              struct keyed *keyed, CartService__CartData **ret_cart)
{
    CartService__AddToCartRequest request = CART_SERVICE__ADD_TO_CART_REQUEST__INIT;
    CartService__CartStandardResponse *response = 0;

    request.product_id = TEXT("mug");
    request.category = TEXT("mugs");
    request.quantity = quantity;
    struct status st = cart_service_add_to_cart_with(call, stage->inside, &request, &keyed->options,
                                                     &response);
    if (failed(st)) return st;
    EXPECT(response->status_code == 200 && response->success && response->cart_data);
    *ret_cart = response->cart_data;
    return st;
}

static void repeats(struct call *call, struct stage *stage)
{
    CartService__CartData *cart = 0;
    struct keyed keyed;

    as_ann(call);
    key_with(call, "k1", &keyed);
    mug.fail = STATUS_UNAVAILABLE; /* a request that failed may be repeated */
    EXPECT(add_with(call, stage, 2, &keyed, &cart).code == STATUS_UNAVAILABLE);
    mug.fail = STATUS_OK;
    EXPECT_OK(add_with(call, stage, 2, &keyed, &cart));
    EXPECT(!is_replayed(&keyed) && cart && cart->total_items == 2);
    EXPECT_OK(add(call, stage, "mug", "", 5));

    /* The first answer, even though the product is gone by now. */
    mug.gone = true;
    stage_as(call, "ANN@example.com", "customer", "laptop");
    EXPECT_OK(add_with(call, stage, 2, &keyed, &cart));
    EXPECT(is_replayed(&keyed) && cart && cart->total_items == 2 && cart->version == 1);
    EXPECT_REFUSED(add_with(call, stage, 3, &keyed, &cart), FAILED_PRECONDITION,
                   IDEMPOTENCY_KEY_REUSED);
    mug.gone = false;
    EXPECT(get(call, stage)->total_items == 7);
    key_with(call, "", &keyed);
    EXPECT_REFUSED(add_with(call, stage, 2, &keyed, &cart), INVALID_ARGUMENT,
                   IDEMPOTENCY_KEY_INVALID);

    /* The same key of another user is a different key. */
    stage_as(call, "bob@example.com", "customer", "phone");
    key_with(call, "k1", &keyed);
    EXPECT_OK(add_with(call, stage, 3, &keyed, &cart));
    EXPECT(!is_replayed(&keyed) && get(call, stage)->total_items == 3);
}

TEST(the_same_key_with_the_same_request_gets_the_same_answer)
{
    cart_play(repeats);
}

enum { REPEATS = 20 };
static _Atomic int replays;

static void repeats_at_once(struct call *call, struct stage *stage, int number)
{
    CartService__CartData *cart = 0;
    struct keyed keyed;

    as_ann(call);
    key_with(call, "k1", &keyed);
    EXPECT_OK(add_with(call, stage, 2, &keyed, &cart));
    EXPECT(cart && cart->total_items == 2);
    if (is_replayed(&keyed)) replays++;
}

static void adds_once(struct call *call, struct stage *stage)
{
    replays = 0;
    stage_spread(call, stage, REPEATS, repeats_at_once);
    as_ann(call);
    EXPECT(get(call, stage)->total_items == 2);
    EXPECT(replays == REPEATS - 1);
}

TEST(twenty_concurrent_adds_with_one_key_add_once)
{
    cart_play(adds_once);
}

static void lives_its_time(struct call *call, struct stage *stage)
{
    as_ann(call);
    EXPECT_OK(add(call, stage, "mug", "", 1));
    stage_pass_s(7 * 24 * 3600 - 60);
    EXPECT(get(call, stage)->n_items == 1);
    stage_pass_s(61);
    EXPECT(get(call, stage)->n_items == 0);
}

TEST(a_cart_lives_for_seven_days)
{
    cart_play(lives_its_time);
}

/* ---- the shop's side ---- */

static void shows_changes(struct call *call, struct stage *stage)
{
    as_ann(call);
    EXPECT_OK(add(call, stage, "mug", "", 2));
    CartService__CartData *cart = get(call, stage);
    EXPECT(!cart->price_changed && !cart->items[0]->price_changed && !cart->items[0]->unavailable);

    mug.unit_amount = 1400;
    cart = get(call, stage);
    EXPECT(cart->price_changed && cart->items[0]->price_changed);
    EXPECT(cart->items[0]->unit_amount == 1250 && cart->items[0]->current_unit_amount == 1400);
    EXPECT(cart->items[0]->subtotal_minor == 2500);
    EXPECT_OK(add(call, stage, "mug", "", 1));
    cart = get(call, stage);
    EXPECT(!cart->price_changed && cart->items[0]->subtotal_minor == 4200);
    mug.currency = "USD";
    EXPECT(get(call, stage)->price_changed);
}

TEST(a_changed_price_shows_until_the_line_is_added_to)
{
    cart_play(shows_changes);
}

static void shows_unavailable(struct call *call, struct stage *stage)
{
    as_ann(call);
    EXPECT_OK(add(call, stage, "mug", "", 3));
    mug.available = 3;
    EXPECT(!get(call, stage)->items[0]->unavailable);
    mug.available = 2;
    EXPECT(get(call, stage)->items[0]->unavailable);
    mug.available = -1;
    mug.status = "draft";
    EXPECT(get(call, stage)->items[0]->unavailable);
    EXPECT_REFUSED(add(call, stage, "mug", "", 1), FAILED_PRECONDITION, PRODUCT_NOT_ACTIVE);
    mug.status = "active";
    mug.gone = true;
    EXPECT(get(call, stage)->items[0]->unavailable);
    EXPECT_REFUSED(add(call, stage, "mug", "", 1), NOT_FOUND, PRODUCT_NOT_FOUND);
    EXPECT_OK(update(call, stage, "mug", "", 1));
}

TEST(a_line_that_cannot_be_bought_shows_as_unavailable)
{
    cart_play(shows_unavailable);
}

static void chooses_variants(struct call *call, struct stage *stage)
{
    mug.variants = 2;
    as_ann(call);
    EXPECT_FIELD(add(call, stage, "mug", "", 1), "variant_id");
    EXPECT_REFUSED(add(call, stage, "mug", "v2", 1), NOT_FOUND, VARIANT_NOT_FOUND);
    EXPECT_OK(add(call, stage, "mug", "v0", 1));
    EXPECT_OK(add(call, stage, "mug", "v1", 1));
    EXPECT_FIELD(update(call, stage, "mug", "", 5), "variant_id");
    EXPECT_OK(update(call, stage, "mug", "v1", 5));
    CartService__CartData *cart = get(call, stage);
    EXPECT(cart->n_items == 2 && cart->items[1]->unit_amount == 1350);
    EXPECT(cart->items[1]->n_options == 1 && strcmp(cart->items[1]->options[0], "L") == 0);
    mug.variants = 1;
    cart = get(call, stage);
    EXPECT(!cart->items[0]->unavailable && cart->items[1]->unavailable);
    EXPECT_OK(remove_line(call, stage, "mug"));
    EXPECT(get(call, stage)->n_items == 0);
}

TEST(a_variant_is_named_where_there_are_several)
{
    cart_play(chooses_variants);
}

static void takes_other_makes(struct call *call, struct stage *stage)
{
    mug.variants = 0;
    mug.currency = mug.status = "";
    mug.price = 19.99;
    mug.no_batches = true;
    as_ann(call);
    EXPECT_OK(add(call, stage, "mug", "", 1));
    EXPECT_OK(add(call, stage, "mug", "mug", 1));
    CartService__CartData *cart = get(call, stage);
    EXPECT(cart->n_items == 1 && cart->items[0]->unit_amount == 1999);
    EXPECT(strcmp(cart->items[0]->currency, "USD") == 0 && !cart->items[0]->unavailable);
    mug.no_batches = false;
    cart = get(call, stage);
    EXPECT(!cart->items[0]->unavailable && !cart->price_changed);
    mug.price = 20.5;
    cart = get(call, stage);
    EXPECT(cart->price_changed && cart->items[0]->current_unit_amount == 2050);
}

TEST(a_product_service_without_variants_works)
{
    cart_play(takes_other_makes);
}

static void understands_the_existing_system(struct call *call, struct stage *stage)
{
    mug.existing = mug.no_batches = true;
    mug.variants = 0;
    mug.currency = "";
    mug.price = 19.99;
    mug.status = "available";
    as_ann(call);
    EXPECT_OK(add(call, stage, "mug", "", 1));
    mug.status = "in_stock";
    EXPECT_OK(add(call, stage, "mug", "", 1));
    mug.status = "sold out";
    EXPECT_REFUSED(add(call, stage, "mug", "", 1), FAILED_PRECONDITION, PRODUCT_NOT_ACTIVE);
    mug.gone = true;
    EXPECT_REFUSED(add(call, stage, "mug", "", 1), NOT_FOUND, PRODUCT_NOT_FOUND);
}

TEST(the_existing_systems_product_service_is_understood)
{
    cart_play(understands_the_existing_system);
}

static void survives_odd_answers(struct call *call, struct stage *stage)
{
    static char name[3 * 1024 * 1024];

    as_ann(call);
    EXPECT_OK(add(call, stage, "mug", "", 1));
    mug.empty = true;
    EXPECT(add(call, stage, "mug", "", 1).code == STATUS_INTERNAL);
    mug.empty = false;
    mug.fail = STATUS_INVALID_ARGUMENT;
    EXPECT(add(call, stage, "mug", "", 1).code == STATUS_INTERNAL);
    mug.fail = STATUS_OK;
    mug.unit_amount = -1;
    EXPECT(add(call, stage, "mug", "", 1).code == STATUS_INTERNAL);
    mug.unit_amount = INT64_MAX;
    EXPECT(add(call, stage, "mug", "", 1).code == STATUS_INTERNAL);
    EXPECT(get(call, stage)->price_changed);
    mug.unit_amount = 1250;
    memset(name, 'x', sizeof(name) - 1);
    mug.name = name;
    EXPECT_REFUSED(add(call, stage, "cup", "", 1), FAILED_PRECONDITION, CART_LINES_MAX);
    EXPECT(get(call, stage)->total_items == 1);
}

TEST(odd_answers_of_the_product_service_change_nothing)
{
    cart_play(survives_odd_answers);
}

static void is_shown_unchecked(struct call *call, struct stage *stage)
{
    as_ann(call);
    EXPECT_OK(add(call, stage, "mug", "", 2));
    mug.unit_amount = 1;
    mug.fail = STATUS_UNAVAILABLE;
    CartService__CartData *cart = get(call, stage);
    EXPECT(cart->total_items == 2 && !cart->price_changed && !cart->items[0]->unavailable);
    EXPECT(add(call, stage, "mug", "", 1).code == STATUS_UNAVAILABLE);
    EXPECT_OK(update(call, stage, "mug", "", 3));

    mug.fail = STATUS_OK;
    mug.hangs = true;
    int64_t began_us = clock_monotonic_us();
    EXPECT(get(call, stage)->total_items == 3);
    EXPECT(clock_monotonic_us() - began_us < 20 * 1000000);
}

TEST(without_prices_the_cart_is_still_shown)
{
    cart_play(is_shown_unchecked);
}

static void is_shown_alone(struct call *call, struct stage *stage)
{
    as_ann(call);
    EXPECT(get(call, stage)->n_items == 0);
    EXPECT_REFUSED(add(call, stage, "mug", "", 1), UNAVAILABLE, SERVICE_ABSENT);
    EXPECT_OK(clear(call, stage));
}

TEST(without_a_product_service_nothing_is_added)
{
    static const struct stage_plan plan = {.module = &cart_service};

    stage_run(&plan, is_shown_alone);
}
