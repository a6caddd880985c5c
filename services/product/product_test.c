/* SPDX-License-Identifier: Apache-2.0 */
/* The domain: prices, making and changing products, who may do what, stock. */
#include "services/product/product.h"

#include "base/test.h"
#include "reasons.pb-c.h"

#define VARIANT(variable)                  \
    ProductService__VariantInput variable; \
    product_service__variant_input__init(&variable)
#define OPTION(variable, option_name, option_value)   \
    ProductService__VariantOption variable;           \
    product_service__variant_option__init(&variable); \
    variable.name = (char *)(option_name);            \
    variable.value = (char *)(option_value)

/* Never released: a leak sanitizer follows it from here. */
static struct arena arena = {.limit = ARENA_LIMIT_DEFAULT};

static const struct product_context context = {"USD", "seller@example.com", 1000};

static ProductService__CreateProductRequest shirt(void)
{
    ProductService__CreateProductRequest request = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__INIT;

    request.name = (char *)"T-Shirt";
    request.description = (char *)"100% cotton";
    request.category = (char *)"apparel";
    request.price_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    request.price = 19.99;
    return request;
}

static ProductService__UpdateProductRequest patch(void)
{
    ProductService__UpdateProductRequest request = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__INIT;

    return request;
}

static struct product made(const ProductService__CreateProductRequest *request)
{
    struct product product = {0};
    struct status st = product_draft(&arena, request, &context, &product);

    if (failed(st)) printf("  %s\n", st.message);
    CHECK(!failed(st));
    return product;
}

static void check_refused(struct status st, int reason, const char *field)
{
    CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(st.reason, ==, reason);
    CHECK(st.details && st.details->violation_count == 1);
    CHECK_STR(st.details->violations[0].field, field);
}

static void check_draft_refused(const ProductService__CreateProductRequest *request, int reason,
                                const char *field)
{
    struct product product;

    check_refused(product_draft(&arena, request, &context, &product), reason, field);
}

/* ---- making ---- */

TEST(a_product_without_variants_is_its_own_single_one)
{
    ProductService__CreateProductRequest request = shirt();
    struct product product;

    request.stock_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__STOCK_GIVEN_STOCK;
    request.stock = 12;
    request.sku = (char *)"TS-1";
    product = made(&request);
    CHECK_INT(product.variant_count, ==, 1);
    CHECK_STR(product.variants[0].variant_id, product.product_id);
    CHECK_STR(product.variants[0].sku, "TS-1");
    CHECK_INT(product.variants[0].unit_amount, ==, 1999);
    CHECK(product.variants[0].stock.tracked);
    CHECK_INT(product.variants[0].stock.on_hand, ==, 12);
    CHECK_INT(product.variants[0].stock.received, ==, 12);
    CHECK_INT(product.version, ==, 1);
    CHECK_STR(product.currency, "USD");
    CHECK_STR(product.handle, "t-shirt");
    CHECK_STR(product.created_by, "seller@example.com");
    CHECK_STR(product_status_name(product.status), "active");
}

TEST(prices_given_twice_must_agree)
{
    ProductService__CreateProductRequest request = shirt();

    request.unit_amount_given_case =
        PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__UNIT_AMOUNT_GIVEN_UNIT_AMOUNT;
    request.unit_amount = 1999;
    CHECK_INT(product_unit_amount(
                  &(struct product){.variants = made(&request).variants, .variant_count = 1}),
              ==, 1999);
    request.unit_amount = 1998;
    check_draft_refused(&request, ARGOSY__REASON__INVALID_FIELDS, "price");
}

TEST(a_price_with_too_many_decimals_is_refused)
{
    ProductService__CreateProductRequest request = shirt();

    request.price_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    request.price = 19.999;
    check_draft_refused(&request, ARGOSY__REASON__PRICE_TOO_PRECISE, "price");
    request.price_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    request.price = 19.5;
    request.currency = (char *)"JPY";
    check_draft_refused(&request, ARGOSY__REASON__PRICE_TOO_PRECISE, "price");
    request.currency = (char *)"XYZ";
    check_draft_refused(&request, ARGOSY__REASON__CURRENCY_UNKNOWN, "currency");
}

TEST(a_product_without_any_price_is_a_draft_and_zero_is_said)
{
    ProductService__CreateProductRequest request = shirt();
    struct product product;

    request.price = 0; /* said */
    product = made(&request);
    CHECK(product.status == PRODUCT_ACTIVE && product_unit_amount(&product) == 0);
    request.price_given_case = 0;
    product = made(&request);
    CHECK(product.status == PRODUCT_DRAFT && product.is_unpriced);
    request.status = (char *)"archived";
    CHECK(made(&request).status == PRODUCT_ARCHIVED);
    request.status = (char *)"active";
    check_draft_refused(&request, ARGOSY__REASON__INVALID_FIELDS, "price");
    request.unit_amount_given_case =
        PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__UNIT_AMOUNT_GIVEN_UNIT_AMOUNT;
    request.unit_amount = 0; /* said likewise */
    CHECK(made(&request).status == PRODUCT_ACTIVE);
}

TEST(variants_without_any_price_make_a_draft)
{
    ProductService__CreateProductRequest request = shirt();
    VARIANT(small);
    VARIANT(large);
    OPTION(size_small, "Size", "S");
    OPTION(size_large, "Size", "L");
    ProductService__VariantOption *small_options[] = {&size_small},
                                  *large_options[] = {&size_large};
    ProductService__VariantInput *variants[] = {&small, &large};
    struct product product;

    small.n_options = large.n_options = 1;
    small.options = small_options;
    large.options = large_options;
    request.n_variants = 2;
    request.variants = variants;
    request.price_given_case = 0;
    product = made(&request);
    CHECK(product.status == PRODUCT_DRAFT && product.is_unpriced);

    small.unit_amount_given_case =
        PRODUCT_SERVICE__VARIANT_INPUT__UNIT_AMOUNT_GIVEN_UNIT_AMOUNT; /* free, and it says so */
    check_draft_refused(&request, ARGOSY__REASON__INVALID_FIELDS, "variants[1].price");
    large.price_given_case = PRODUCT_SERVICE__VARIANT_INPUT__PRICE_GIVEN_PRICE;
    large.price = 3;
    product = made(&request);
    CHECK(product.status == PRODUCT_ACTIVE && product.variants[0].unit_amount == 0);
}

TEST(texts_that_would_mislead_are_refused)
{
    ProductService__CreateProductRequest request = shirt();
    char *urls[] = {(char *)"javascript:alert(1)"}, *tags[] = {(char *)"a\nb"};

    request.category = (char *)"a/b";
    check_draft_refused(&request, ARGOSY__REASON__CATEGORY_INVALID, "category");
    request.category = (char *)" apparel";
    check_draft_refused(&request, ARGOSY__REASON__CATEGORY_INVALID, "category");
    request.category = (char *)"..";
    check_draft_refused(&request, ARGOSY__REASON__CATEGORY_INVALID, "category");
    request = shirt();
    request.name = (char *)"  ";
    check_draft_refused(&request, ARGOSY__REASON__INVALID_FIELDS, "name");
    request.name = (char *)"two\nlines";
    check_draft_refused(&request, ARGOSY__REASON__INVALID_FIELDS, "name");
    request = shirt();
    request.n_image_urls = 1;
    request.image_urls = urls;
    check_draft_refused(&request, ARGOSY__REASON__INVALID_FIELDS, "image_urls[0]");
    request = shirt();
    request.n_tags = 1;
    request.tags = tags;
    check_draft_refused(&request, ARGOSY__REASON__INVALID_FIELDS, "tags[0]");
}

TEST(tags_are_a_set)
{
    ProductService__CreateProductRequest request = shirt();
    char *tags[] = {(char *)"Summer", (char *)" summer ", (char *)" sale ", (char *)"  "};
    struct product product;

    request.n_tags = 4;
    request.tags = tags;
    product = made(&request);
    CHECK_INT(product.tags.count, ==, 2);
    CHECK_STR(product.tags.items[0], "Summer");
    CHECK_STR(product.tags.items[1], "sale");
}

TEST(slugs_are_plain_words)
{
    CHECK_STR(product_slug(&arena, "Blue  T-Shirt (XL)!"), "blue-t-shirt-xl");
    CHECK_STR(product_slug(&arena, "--"), "product");
    CHECK_STR(product_slug(&arena, "\xc3\xa4"), "product");
    CHECK_INT(strlen(product_slug(&arena, "01234567890123456789012345678901234567890123456789"
                                          "01234567890123456789012345678901234567890123456789")),
              ==, 80);
}

/* ---- variants ---- */

TEST(variants_have_prices_of_their_own_or_the_products)
{
    ProductService__CreateProductRequest request = shirt();
    VARIANT(small);
    VARIANT(large);
    OPTION(size_small, "Size", "S");
    OPTION(size_large, "Size", "L");
    ProductService__VariantOption *small_options[] = {&size_small},
                                  *large_options[] = {&size_large};
    ProductService__VariantInput *variants[] = {&small, &large};
    struct product product;

    small.n_options = large.n_options = 1;
    small.options = small_options;
    large.options = large_options;
    large.price_given_case = PRODUCT_SERVICE__VARIANT_INPUT__PRICE_GIVEN_PRICE;
    large.price = 24.5;
    request.n_variants = 2;
    request.variants = variants;
    product = made(&request);
    CHECK_INT(product.variants[0].unit_amount, ==, 1999);
    CHECK_INT(product.variants[1].unit_amount, ==, 2450);
    CHECK_INT(product_unit_amount(&product), ==, 1999);
    CHECK(strcmp(product.variants[0].variant_id, product.variants[1].variant_id) != 0);
    CHECK(product_find_variant(&product, product.variants[1].variant_id) == &product.variants[1]);
    CHECK(product_find_variant(&product, "") == NULL);

    request.price_given_case = 0; /* now one has no price at all */
    check_draft_refused(&request, ARGOSY__REASON__INVALID_FIELDS, "variants[0].price");
    request.price_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    request.price = 19.99;
    size_large.value = (char *)"S";
    check_draft_refused(&request, ARGOSY__REASON__INVALID_FIELDS, "variants[1].options");
    size_large.value = (char *)"L";
    size_large.name = (char *)"Colour";
    check_draft_refused(&request, ARGOSY__REASON__INVALID_FIELDS, "variants[1].options");
    size_large.name = (char *)"Size";
    small.sku = large.sku = (char *)"SAME";
    check_draft_refused(&request, ARGOSY__REASON__SKU_EXISTS, "variants[1].sku");
    small.sku = (char *)"";
    request.sku = (char *)"TS";
    check_draft_refused(&request, ARGOSY__REASON__INVALID_FIELDS, "sku");
    request.sku = (char *)"";
    large.variant_id = (char *)"mine";
    check_draft_refused(&request, ARGOSY__REASON__INVALID_FIELDS, "variants[1].variant_id");
}

/* Two sizes, at 19.99 and 24.50. */
static struct product two_sizes(void)
{
    ProductService__CreateProductRequest request = shirt();
    VARIANT(small);
    VARIANT(large);
    OPTION(size_small, "Size", "S");
    OPTION(size_large, "Size", "L");
    ProductService__VariantOption *small_options[] = {&size_small},
                                  *large_options[] = {&size_large};
    ProductService__VariantInput *variants[] = {&small, &large};

    small.n_options = large.n_options = 1;
    small.options = small_options;
    large.options = large_options;
    small.stock_given_case = large.stock_given_case =
        PRODUCT_SERVICE__VARIANT_INPUT__STOCK_GIVEN_STOCK;
    small.stock = 5;
    large.stock = 7;
    large.price_given_case = PRODUCT_SERVICE__VARIANT_INPUT__PRICE_GIVEN_PRICE;
    large.price = 24.5;
    request.n_variants = 2;
    request.variants = variants;
    return made(&request);
}

static struct status try_patch(const struct product *product,
                               const ProductService__UpdateProductRequest *request,
                               struct product *ret_product)
{
    return product_patch(&arena, product, request, 2000, ret_product);
}

TEST(a_patch_changes_what_it_gives_and_nothing_else)
{
    ProductService__CreateProductRequest request = shirt();
    ProductService__UpdateProductRequest change = patch();
    struct product before = made(&request), after = {0};

    change.name_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__NAME_GIVEN_NAME;
    change.name = (char *)"Shirt";
    change.price_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    change.price = 15;
    change.new_category_given_case =
        PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__NEW_CATEGORY_GIVEN_NEW_CATEGORY;
    change.new_category = (char *)"sale";
    CHECK_OK(try_patch(&before, &change, &after));
    CHECK_STR(after.name, "Shirt");
    CHECK_STR(after.category, "sale");
    CHECK_STR(after.product_id, before.product_id);
    CHECK_STR(after.description, "100% cotton");
    CHECK_STR(after.handle, "t-shirt");
    CHECK_INT(after.variants[0].unit_amount, ==, 1500);
    CHECK_INT(before.variants[0].unit_amount, ==, 1999);
    CHECK_INT(after.version, ==, 2);
    CHECK_INT(after.updated_us, ==, 2000);
    CHECK_INT(after.created_us, ==, 1000);
}

TEST(a_patch_that_changes_nothing_keeps_the_version)
{
    ProductService__CreateProductRequest request = shirt();
    ProductService__UpdateProductRequest change = patch();
    struct product before = made(&request), after = {0};

    CHECK_OK(try_patch(&before, &change, &after));
    CHECK_INT(after.version, ==, 1);
    CHECK_INT(after.updated_us, ==, 1000);

    change.price_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    change.price = 19.99;
    change.created_by_given_case =
        PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__CREATED_BY_GIVEN_CREATED_BY;
    change.created_by = (char *)before.created_by;
    CHECK_OK(try_patch(&before, &change, &after));
    CHECK_INT(after.version, ==, 1);

    change.created_by = (char *)"other@example.com";
    CHECK_OK(try_patch(&before, &change, &after));
    CHECK_INT(after.version, ==, 2);
    CHECK_INT(after.updated_us, ==, 2000);
}

TEST(a_product_without_a_price_becomes_active_with_one_only)
{
    ProductService__CreateProductRequest request = shirt();
    ProductService__UpdateProductRequest change = patch();
    struct product before, after;

    request.price_given_case = 0;
    before = made(&request);
    change.name_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__NAME_GIVEN_NAME;
    change.name = (char *)"Shirt";
    CHECK_OK(try_patch(&before, &change, &after)); /* a draft it may stay */
    change.status_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__STATUS_GIVEN_STATUS;
    change.status = (char *)"active";
    check_refused(try_patch(&before, &change, &after), ARGOSY__REASON__INVALID_FIELDS, "price");
    change.price_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    change.price = 0;
    CHECK_OK(try_patch(&before, &change, &after));
    CHECK(after.status == PRODUCT_ACTIVE && product_unit_amount(&after) == 0);
    change.price = 7;
    CHECK_OK(try_patch(&before, &change, &after));
    CHECK_INT(product_unit_amount(&after), ==, 700);

    /* One that has a price needs none said again, and a free one that is active may change. */
    request.price_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    request.status = (char *)"draft";
    before = made(&request);
    change.price_given_case = 0;
    CHECK_OK(try_patch(&before, &change, &after));
    request.price = 0;
    request.status = (char *)"active";
    before = made(&request);
    CHECK_OK(try_patch(&before, &change, &after));
}

TEST(lists_are_replaced_or_cleared)
{
    ProductService__CreateProductRequest request = shirt();
    ProductService__UpdateProductRequest change = patch();
    char *tags[] = {(char *)"a", (char *)"b"}, *other[] = {(char *)"c"},
         *clear[] = {(char *)"tags"};
    struct product before, after;

    request.n_tags = 2;
    request.tags = tags;
    before = made(&request);
    CHECK_OK(try_patch(&before, &change, &after));
    CHECK_INT(after.tags.count, ==, 2);
    change.n_tags = 1;
    change.tags = other;
    CHECK_OK(try_patch(&before, &change, &after));
    CHECK_INT(after.tags.count, ==, 1);
    change.n_clear = 1;
    change.clear = clear;
    check_refused(try_patch(&before, &change, &after), ARGOSY__REASON__INVALID_FIELDS, "clear");
    change.n_tags = 0;
    CHECK_OK(try_patch(&before, &change, &after));
    CHECK_INT(after.tags.count, ==, 0);
}

TEST(one_price_does_not_flatten_different_prices)
{
    ProductService__UpdateProductRequest change = patch();
    struct product before = two_sizes(), after;

    change.unit_amount_given_case =
        PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__UNIT_AMOUNT_GIVEN_UNIT_AMOUNT;
    change.unit_amount = 100;
    check_refused(try_patch(&before, &change, &after), ARGOSY__REASON__INVALID_FIELDS, "price");
    before.variants[1].unit_amount = before.variants[0].unit_amount;
    CHECK_OK(try_patch(&before, &change, &after));
    CHECK_INT(after.variants[0].unit_amount, ==, 100);
    CHECK_INT(after.variants[1].unit_amount, ==, 100);
}

TEST(another_currency_needs_another_price)
{
    ProductService__CreateProductRequest request = shirt();
    ProductService__UpdateProductRequest change = patch();
    struct product before = made(&request), after;

    change.currency_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__CURRENCY_GIVEN_CURRENCY;
    change.currency = (char *)"JPY";
    check_refused(try_patch(&before, &change, &after), ARGOSY__REASON__INVALID_FIELDS, "currency");
    change.price_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    change.price = 2500;
    CHECK_OK(try_patch(&before, &change, &after));
    CHECK_STR(after.currency, "JPY");
    CHECK_INT(after.variants[0].unit_amount, ==, 2500);
}

TEST(a_withdrawn_currency_keeps_its_prices_and_takes_no_new_ones)
{
    ProductService__CreateProductRequest request = shirt();
    ProductService__UpdateProductRequest change = patch();
    struct product before, after;

    before = made(&request);
    before.currency = "BGN"; /* as it was made before 2026 */
    change.price_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    change.price = 15;
    CHECK_OK(try_patch(&before, &change, &after));
    CHECK_INT(product_unit_amount(&after), ==, 1500);
    change.currency_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__CURRENCY_GIVEN_CURRENCY;
    change.currency = (char *)"ANG";
    check_refused(try_patch(&before, &change, &after), ARGOSY__REASON__CURRENCY_UNKNOWN,
                  "currency");
    change.currency = (char *)"EUR";
    CHECK_OK(try_patch(&before, &change, &after));
    request.currency = (char *)"BGN";
    check_draft_refused(&request, ARGOSY__REASON__CURRENCY_UNKNOWN, "currency");
}

TEST(given_variants_change_add_and_remove)
{
    ProductService__UpdateProductRequest change = patch();
    VARIANT(kept);
    VARIANT(new);
    OPTION(large, "Size", "L");
    OPTION(huge, "Size", "XXL");
    ProductService__VariantOption *kept_options[] = {&large}, *new_options[] = {&huge};
    ProductService__VariantInput *variants[] = {&kept, &new};
    struct product before = two_sizes(), after;

    kept.variant_id = (char *)before.variants[1].variant_id;
    kept.n_options = new.n_options = 1;
    kept.options = kept_options;
    new.options = new_options;
    change.n_variants = 2;
    change.variants = variants;
    CHECK_OK(try_patch(&before, &change, &after));
    CHECK_INT(after.variant_count, ==, 2);
    CHECK_STR(after.variants[0].variant_id, before.variants[1].variant_id);
    CHECK_INT(after.variants[0].unit_amount, ==, 2450);
    CHECK_INT(after.variants[0].stock.on_hand, ==, 7);
    CHECK_INT(after.variants[1].unit_amount, ==, 1999); /* the product's */
    CHECK(!after.variants[1].stock.tracked);

    before.variants[0].stock.reserved = 1;
    CHECK_INT(try_patch(&before, &change, &after).reason, ==, ARGOSY__REASON__STOCK_RESERVED);
    before.variants[0].stock.reserved = 0;
    kept.stock_given_case = PRODUCT_SERVICE__VARIANT_INPUT__STOCK_GIVEN_STOCK;
    kept.stock = 9;
    check_refused(try_patch(&before, &change, &after), ARGOSY__REASON__INVALID_FIELDS,
                  "variants[0].stock");
    kept.stock_given_case = PRODUCT_SERVICE__VARIANT_INPUT__STOCK_GIVEN__NOT_SET;
    new.variant_id = kept.variant_id;
    check_refused(try_patch(&before, &change, &after), ARGOSY__REASON__VARIANT_NOT_FOUND,
                  "variants[1].variant_id");
    new.variant_id = (char *)"unknown";
    check_refused(try_patch(&before, &change, &after), ARGOSY__REASON__VARIANT_NOT_FOUND,
                  "variants[1].variant_id");
}

/* ---- who may ---- */

TEST(only_owner_and_admin_change_and_see_drafts)
{
    struct product product = {.created_by = "Seller@Example.com", .status = PRODUCT_DRAFT};
    struct product_actor owner = {"seller@example.com", false},
                         other = {"other@example.com", false};
    struct product_actor admin = {"admin@example.com", true}, nobody = {"", false};

    CHECK_OK(product_check_change(&product, &owner));
    CHECK_OK(product_check_change(&product, &admin));
    CHECK_INT(product_check_change(&product, &other).reason, ==, ARGOSY__REASON__PRODUCT_NOT_FOUND);
    CHECK(!product_is_visible(&product, &nobody));
    product.status = PRODUCT_ACTIVE;
    CHECK_INT(product_check_change(&product, &other).reason, ==, ARGOSY__REASON__NOT_OWNER);
    CHECK(product_is_visible(&product, &nobody));
    product.created_by = "";
    CHECK(!product_is_owner(&product, &nobody));
}

TEST(a_stale_version_is_refused)
{
    struct product product = {.version = 7};

    CHECK_OK(product_check_version(&arena, &product, 0));
    CHECK_OK(product_check_version(&arena, &product, 7));
    CHECK_INT(product_check_version(&arena, &product, 6).code, ==, STATUS_ABORTED);
    CHECK_INT(product_check_version(&arena, &product, 8).reason, ==, ARGOSY__REASON__VERSION_STALE);
}

/* ---- stock ---- */

static struct status change_stock(struct product_stock *stock, enum product_stock_change_kind kind,
                                  int64_t pieces, struct product_stock_entry *ret_entry)
{
    struct product_stock_change change = {kind, pieces, "", "", "me", 1};

    return product_stock_apply(&arena, &change, stock, ret_entry);
}

TEST(stock_never_falls_below_what_is_reserved)
{
    struct product_stock stock = {
        .tracked = true, .on_hand = 10, .reserved = 4, .received = 13, .sold = 3};
    struct product_stock_entry entry;

    CHECK_INT(change_stock(&stock, STOCK_DELTA, -7, &entry).reason, ==,
              ARGOSY__REASON__STOCK_INSUFFICIENT);
    CHECK_INT(change_stock(&stock, STOCK_COUNT, 3, &entry).reason, ==,
              ARGOSY__REASON__STOCK_INSUFFICIENT);
    CHECK_INT(change_stock(&stock, STOCK_UNTRACK, 0, &entry).reason, ==,
              ARGOSY__REASON__STOCK_RESERVED);
    CHECK_INT(stock.on_hand, ==, 10);
    CHECK_OK(change_stock(&stock, STOCK_DELTA, -6, &entry));
    CHECK_INT(stock.on_hand, ==, 4);
    CHECK_INT(entry.on_hand_delta, ==, -6);
    CHECK_INT(product_stock_available(&stock), ==, 0);
    CHECK_INT(stock.received, ==, product_stock_available(&stock) + stock.reserved + stock.sold);
    CHECK_OK(change_stock(&stock, STOCK_COUNT, 9, &entry));
    CHECK_INT(entry.on_hand_delta, ==, 5);
    CHECK_STR(entry.cause, "count");
    CHECK(product_stock_is_sound(&stock));
}

TEST(tracking_begins_with_the_first_change_and_can_end)
{
    struct product_stock stock = product_stock_initial(false, 0);
    struct product_stock_entry entry;

    CHECK_INT(change_stock(&stock, STOCK_UNTRACK, 0, &entry).reason, ==,
              ARGOSY__REASON__STOCK_NOT_TRACKED);
    CHECK_INT(change_stock(&stock, STOCK_DELTA, -1, &entry).reason, ==,
              ARGOSY__REASON__STOCK_INSUFFICIENT);
    CHECK_OK(change_stock(&stock, STOCK_DELTA, 3, &entry));
    CHECK(stock.tracked);
    CHECK_OK(change_stock(&stock, STOCK_UNTRACK, 0, &entry));
    CHECK_INT(entry.on_hand_delta, ==, -3);
    CHECK(!stock.tracked && product_stock_is_sound(&stock));
    CHECK_OK(change_stock(&stock, STOCK_COUNT, PRODUCT_STOCK_MAX, &entry));
    CHECK_INT(change_stock(&stock, STOCK_DELTA, 1, &entry).code, ==, STATUS_INVALID_ARGUMENT);
}
