/* SPDX-License-Identifier: Apache-2.0 */
/* Products from files: what a file has, what it does not have, and the stock between two files. */
#include "services/product/product.h"

#include "base/test.h"
#include "reasons.pb-c.h"

#define PART(name) PRODUCT_SERVICE__IMPORT_PRODUCT_REQUEST__PART__##name
#define STOCK(name) PRODUCT_SERVICE__IMPORT_PRODUCT_REQUEST__STOCK__##name

/* Never released: a leak sanitizer follows it from here. */
static struct arena arena = {.limit = ARENA_LIMIT_DEFAULT};

static const struct product_context context = {"USD", "seller@example.com", 1000};

/* A row of a file, in the making. */
struct row {
    ProductService__ImportProductRequest request;
    ProductService__CreateProductRequest product;
    ProductService__ImportProductRequest__Part keep[16];
    ProductService__ImportProductRequest__Stock stock[4];
    int64_t taken[4];
    char *taken_from[4];
};

static struct row *shirt(void)
{
    struct row *row = arena_new(&arena, struct row);

    product_service__import_product_request__init(&row->request);
    product_service__create_product_request__init(&row->product);
    row->request.handle = (char *)"shirt";
    row->request.product = &row->product;
    row->request.keep = row->keep;
    row->request.stock = row->stock;
    row->request.taken = row->taken;
    row->request.taken_from = row->taken_from;
    row->product.name = (char *)"T-Shirt";
    row->product.description = (char *)"100% cotton";
    row->product.vendor = (char *)"Mill";
    row->product.category = (char *)"apparel";
    row->product.status = (char *)"active";
    return row;
}

static void keep(struct row *row, ProductService__ImportProductRequest__Part part)
{
    row->keep[row->request.n_keep++] = part;
}

/* One more variant; amounts and pieces below 0 are not given, "" is no option. */
static ProductService__VariantInput *variant(struct row *row, const char *size, int64_t amount,
                                             int64_t pieces)
{
    ProductService__VariantInput *input = arena_new(&arena, ProductService__VariantInput);

    product_service__variant_input__init(input);
    if (*size) {
        input->options = arena_array(&arena, ProductService__VariantOption *, 1);
        input->options[0] = arena_new(&arena, ProductService__VariantOption);
        product_service__variant_option__init(input->options[0]);
        input->options[0]->name = (char *)"Size";
        input->options[0]->value = (char *)size;
        input->n_options = 1;
    }
    if (amount >= 0) {
        input->unit_amount_given_case =
            PRODUCT_SERVICE__VARIANT_INPUT__UNIT_AMOUNT_GIVEN_UNIT_AMOUNT;
        input->unit_amount = amount;
    }
    if (pieces >= 0) {
        input->stock_given_case = PRODUCT_SERVICE__VARIANT_INPUT__STOCK_GIVEN_STOCK;
        input->stock = pieces;
    }
    if (!row->product.variants)
        row->product.variants = arena_array(&arena, ProductService__VariantInput *, 4);
    row->product.variants[row->product.n_variants++] = input;
    return input;
}

static struct product read(struct row *row)
{
    struct product product = {0};

    CHECK_OK(product_import_draft(&arena, &row->request, &context, &product));
    return product;
}

static struct product kept(struct row *row)
{
    struct product product = read(row);

    CHECK_OK(product_import_first(&arena, &product));
    return product;
}

/* What the file makes of it; as it was if nothing changes. */
static struct product merged(const struct product *product, struct row *row,
                             enum product_import_effect expected)
{
    struct product file = read(row), after = *product;
    enum product_import_effect effect = PRODUCT_IMPORT_NOTHING;

    CHECK_OK(product_import_merge(&arena, product, &file, 5000, &after, &effect));
    CHECK_INT(effect, ==, expected);
    for (size_t i = 0; i < after.variant_count; i++)
        CHECK(product_stock_is_sound(&after.variants[i].stock));
    return after;
}

static struct status refusal(const struct product *product, struct row *row)
{
    struct product file = read(row), after;
    enum product_import_effect effect;
    struct status st = product_import_merge(&arena, product, &file, 5000, &after, &effect);

    CHECK(failed(st));
    return st;
}

static void check_field(struct status st, int reason, const char *field)
{
    CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(st.reason, ==, reason);
    CHECK(st.details && st.details->violation_count == 1);
    CHECK_STR(st.details->violations[0].field, field);
}

/* ---- stock ---- */

static struct row *counted(int64_t pieces)
{
    struct row *row = shirt();

    variant(row, "", 1999, pieces);
    return row;
}

TEST(the_same_file_changes_nothing_even_after_sales)
{
    struct product stored = kept(counted(10));

    merged(&stored, counted(10), PRODUCT_IMPORT_NOTHING);
    stored.variants[0].stock.on_hand = 7;
    stored.variants[0].stock.sold = 3;
    merged(&stored, counted(10), PRODUCT_IMPORT_NOTHING);

    struct product after = merged(&stored, counted(20), PRODUCT_IMPORT_CHANGE);
    CHECK_INT(after.variants[0].stock.on_hand, ==, 20);
    CHECK_INT(after.variants[0].stock.received, ==, 23);
    CHECK_INT(after.variants[0].stock.sold, ==, 3);
    CHECK_STR(after.product_id, stored.product_id);
    CHECK_STR(after.variants[0].variant_id, stored.variants[0].variant_id);
    CHECK_INT(after.version, ==, 2);
}

TEST(a_quantity_is_what_can_be_bought_besides_what_is_reserved)
{
    struct product stored = kept(counted(10));

    stored.variants[0].stock.reserved = 6;
    struct product after = merged(&stored, counted(5), PRODUCT_IMPORT_CHANGE);
    CHECK_INT(after.variants[0].stock.on_hand, ==, 11);
    CHECK_INT(product_stock_available(&after.variants[0].stock), ==, 5);
}

TEST(an_older_export_puts_nothing_back_that_was_taken_since)
{
    struct row *old = counted(10), *edited = counted(12);
    struct product stored = kept(counted(10)), after;
    struct product_stock *stock = &stored.variants[0].stock;

    old->request.n_taken = edited->request.n_taken = 1; /* nothing was taken then */
    *stock = (struct product_stock){
        .tracked = true, .on_hand = 7, .reserved = 2, .received = 10, .sold = 3, .imported = -1};
    after = merged(&stored, old, PRODUCT_IMPORT_NOTHING);
    CHECK_INT(after.variants[0].stock.on_hand, ==, 7);
    CHECK_INT(after.version, ==, 1);
    CHECK_INT(after.updated_us, ==, stored.updated_us);
    /* Two more came, and five were taken since. */
    after = merged(&stored, edited, PRODUCT_IMPORT_CHANGE);
    CHECK_INT(product_stock_available(&after.variants[0].stock), ==, 7);
    CHECK_INT(after.variants[0].stock.received, ==, 12);
    /* Fewer than were taken: none are left, and what is reserved stays. */
    edited->product.variants[0]->stock = 1;
    after = merged(&stored, edited, PRODUCT_IMPORT_CHANGE);
    CHECK_INT(after.variants[0].stock.on_hand, ==, 2);
    CHECK_INT(after.variants[0].stock.received, ==, 5);
}

/* An export of ten pieces, when five had been taken from this stock. */
static struct row *exported_from(const char *stock_id)
{
    struct row *row = counted(10);

    row->taken[0] = 5;
    row->taken_from[0] = (char *)stock_id;
    row->request.n_taken = row->request.n_taken_from = 1;
    return row;
}

TEST(an_export_puts_nothing_back_after_tracking_began_again)
{
    struct product stored = kept(counted(20)), after;
    struct product_stock *stock = &stored.variants[0].stock;
    struct row *older = exported_from(product_stock_id(&arena, &stored.variants[0]));

    *stock = (struct product_stock){.tracked = true,
                                    .on_hand = 4,
                                    .received = 10,
                                    .sold = 6,
                                    .imported = PRODUCT_IMPORTED_NEVER,
                                    .epoch = 1};
    after = merged(&stored, older, PRODUCT_IMPORT_NOTHING);
    CHECK_INT(after.variants[0].stock.on_hand, ==, 4);
    /* One from this stock still counts what had been taken by then. */
    after = merged(&stored, exported_from(product_stock_id(&arena, &stored.variants[0])),
                   PRODUCT_IMPORT_CHANGE);
    CHECK_INT(after.variants[0].stock.on_hand, ==, 9);
    CHECK(product_stock_is_sound(&after.variants[0].stock));
}

TEST(an_export_from_another_shop_changes_nothing_the_second_time)
{
    struct row *other = exported_from("01970000-0000-7000-8000-000000000000.0");
    struct product stored = kept(other), after;
    struct product_stock *stock = &stored.variants[0].stock;

    CHECK_INT(stock->on_hand, ==, 10);
    after = merged(&stored, other, PRODUCT_IMPORT_NOTHING);
    CHECK_INT(after.variants[0].stock.on_hand, ==, 10);
    stock->on_hand = 4;
    stock->sold = 6;
    after = merged(&stored, other, PRODUCT_IMPORT_NOTHING);
    CHECK_INT(after.variants[0].stock.on_hand, ==, 4);
}

TEST(what_was_taken_is_of_one_stock_for_each_variant)
{
    struct row *file = exported_from("");

    file->request.n_taken_from = 2;
    file->taken_from[1] = (char *)"";
    struct product product;
    check_field(product_import_draft(&arena, &file->request, &context, &product),
                ARGOSY__REASON__INVALID_FIELDS, "taken_from");
}

static struct row *said(ProductService__ImportProductRequest__Stock stock, int64_t pieces)
{
    struct row *row = counted(pieces);

    row->stock[0] = stock;
    row->request.n_stock = 1;
    return row;
}

TEST(a_file_makes_no_more_pieces_than_can_be_on_hand)
{
    struct product stored = kept(counted(10));
    struct row *file = counted(1000);

    file->request.n_taken = 1;
    file->taken[0] = PRODUCT_STOCK_MAX - 1000;
    CHECK_INT(merged(&stored, file, PRODUCT_IMPORT_CHANGE).variants[0].stock.on_hand, ==,
              PRODUCT_STOCK_MAX);
    file->taken[0]++;
    check_field(refusal(&stored, file), ARGOSY__REASON__INVALID_FIELDS, "taken");
}

TEST(a_file_ends_tracking_once_and_not_while_orders_hold_pieces)
{
    struct product stored = kept(counted(10)), after;

    stored.variants[0].stock.reserved = 1;
    CHECK_INT(refusal(&stored, said(STOCK(UNTRACKED), -1)).reason, ==,
              ARGOSY__REASON__STOCK_RESERVED);
    stored.variants[0].stock.reserved = 0;
    after = merged(&stored, said(STOCK(UNTRACKED), -1), PRODUCT_IMPORT_CHANGE);
    CHECK(!after.variants[0].stock.tracked);
    merged(&after, said(STOCK(UNTRACKED), -1), PRODUCT_IMPORT_NOTHING);
    /* Tracking that begins afterwards is not ended by the same file. */
    after.variants[0].stock.tracked = true;
    after.variants[0].stock.on_hand = after.variants[0].stock.received = 4;
    merged(&after, said(STOCK(UNTRACKED), -1), PRODUCT_IMPORT_NOTHING);
    CHECK_INT(kept(said(STOCK(UNTRACKED), -1)).variants[0].stock.imported, ==,
              PRODUCT_IMPORTED_UNTRACKED);
}

TEST(stock_that_a_file_does_not_name_stays)
{
    struct product tracked = kept(counted(10)), untracked = kept(counted(-1)), after;

    CHECK(!untracked.variants[0].stock.tracked);
    merged(&tracked, counted(-1), PRODUCT_IMPORT_NOTHING);
    merged(&tracked, said(STOCK(TRACKED), -1), PRODUCT_IMPORT_NOTHING);
    after = merged(&untracked, said(STOCK(TRACKED), -1), PRODUCT_IMPORT_CHANGE);
    CHECK(after.variants[0].stock.tracked && after.variants[0].stock.on_hand == 0);
    merged(&untracked, said(STOCK(AVAILABLE_IF_TRACKED), 5), PRODUCT_IMPORT_NOTHING);
    after = merged(&tracked, said(STOCK(AVAILABLE_IF_TRACKED), 5), PRODUCT_IMPORT_CHANGE);
    CHECK_INT(after.variants[0].stock.on_hand, ==, 5);
    CHECK(!kept(said(STOCK(AVAILABLE_IF_TRACKED), 5)).variants[0].stock.tracked);
    CHECK(kept(said(STOCK(TRACKED), -1)).variants[0].stock.tracked);
}

TEST(an_export_in_between_makes_an_older_file_count_no_second_time)
{
    struct row *foreign = counted(3), *exported = counted(2);
    struct product stored = kept(foreign), after;

    stored.variants[0].stock.reserved = 1;
    exported->taken[0] = exported->request.n_taken = 1;
    after = merged(&stored, exported, PRODUCT_IMPORT_NOTHING);
    merged(&after, foreign, PRODUCT_IMPORT_NOTHING);
}

TEST(a_quantity_that_is_so_already_is_remembered_and_changes_nothing)
{
    struct product stored = kept(counted(10)), after;

    stored.variants[0].stock.imported = PRODUCT_IMPORTED_NEVER;
    after = merged(&stored, counted(10), PRODUCT_IMPORT_NOTE);
    CHECK_INT(after.version, ==, 1);
    CHECK_INT(after.updated_us, ==, stored.updated_us);
    CHECK_INT(after.variants[0].stock.imported, ==, 10);
}

/* ---- what is not in the file ---- */

TEST(a_file_that_differs_in_anything_is_a_change)
{
    struct row *row = counted(-1);
    struct product stored = kept(row);

    row->product.is_featured = true;
    CHECK(merged(&stored, row, PRODUCT_IMPORT_CHANGE).is_featured);
    row->product.is_featured = false;
    row->product.variants[0]->unit_amount = 1998;
    CHECK_INT(merged(&stored, row, PRODUCT_IMPORT_CHANGE).variants[0].unit_amount, ==, 1998);
}

TEST(parts_that_a_file_does_not_have_stay)
{
    static const ProductService__ImportProductRequest__Part parts[] = {
        PART(NAME),     PART(DESCRIPTION), PART(CATEGORY), PART(IMAGE_URLS), PART(STATUS),
        PART(FEATURED), PART(TAGS),        PART(VENDOR),   PART(CURRENCY),   PART(VARIANTS)};
    static char *urls[] = {(char *)"https://x/1.jpg"}, *tags[] = {(char *)"soft"};
    struct row *full = shirt(), *bare = shirt();
    struct product stored;

    full->product.image_urls = urls;
    full->product.tags = tags;
    full->product.n_image_urls = full->product.n_tags = 1;
    full->product.is_featured = true;
    full->product.status = (char *)"archived";
    full->product.currency = (char *)"EUR";
    variant(full, "S", 100, 5);
    variant(full, "L", 200, 6);
    stored = kept(full);
    bare->product.name = (char *)"shirt";
    bare->product.description = bare->product.vendor = (char *)"";
    bare->product.category = (char *)"uncategorized";
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) keep(bare, parts[i]);
    merged(&stored, bare, PRODUCT_IMPORT_NOTHING);
    bare->request.n_keep = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i] != PART(DESCRIPTION)) keep(bare, parts[i]);
    CHECK_STR(merged(&stored, bare, PRODUCT_IMPORT_CHANGE).description, "");

    struct product new = read(bare);
    check_field(product_import_first(&arena, &new), ARGOSY__REASON__INVALID_FIELDS, "name");
    keep(bare, (ProductService__ImportProductRequest__Part)99);
    check_field(product_import_draft(&arena, &bare->request, &context, &new),
                ARGOSY__REASON__INVALID_FIELDS, "keep");
}

TEST(parts_of_variants_that_a_file_does_not_have_stay)
{
    static const ProductService__ImportProductRequest__Part parts[] = {
        PART(SKU), PART(BARCODE), PART(GRAMS), PART(COMPARE_AT), PART(VARIANT_IMAGE_URL)};
    struct row *full = shirt(), *bare = shirt();
    ProductService__VariantInput *input = variant(full, "S", 100, 5);
    struct product stored;

    input->sku = (char *)"SH-S";
    input->barcode = (char *)"400123";
    input->grams = 150;
    input->compare_at_unit_amount = 120;
    input->image_url = (char *)"https://x/s.jpg";
    variant(full, "L", 200, 6);
    stored = kept(full);
    variant(bare, "S", 100, -1);
    variant(bare, "L", 200, -1);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) keep(bare, parts[i]);
    merged(&stored, bare, PRODUCT_IMPORT_NOTHING);
    bare->request.n_keep = 0;
    CHECK_STR(merged(&stored, bare, PRODUCT_IMPORT_CHANGE).variants[0].sku, "");
}

TEST(without_options_variants_are_found_by_sku_and_none_is_deleted)
{
    struct row *full = shirt(), *prices = shirt();
    struct product stored, after;

    variant(full, "S", 100, 5)->sku = (char *)"SH-S";
    variant(full, "L", 200, 6)->sku = (char *)"SH-L";
    stored = kept(full);
    keep(prices, PART(OPTIONS));
    variant(prices, "", 250, -1)->sku = (char *)"SH-L";
    after = merged(&stored, prices, PRODUCT_IMPORT_CHANGE);
    CHECK_INT(after.variant_count, ==, 2);
    CHECK_INT(after.variants[0].unit_amount, ==, 100);
    CHECK_INT(after.variants[1].unit_amount, ==, 250);
    CHECK_STR(after.variants[1].options[0].value, "L");
    CHECK_STR(after.variants[1].variant_id, stored.variants[1].variant_id);
    variant(prices, "", 150, -1)->sku = (char *)"SH-S";
    after = merged(&stored, prices, PRODUCT_IMPORT_CHANGE);
    CHECK_INT(after.variants[0].unit_amount, ==, 150);
    CHECK_INT(after.variants[1].unit_amount, ==, 250);
    struct product new = read(prices);
    check_field(product_import_first(&arena, &new), ARGOSY__REASON__INVALID_FIELDS,
                "variants[1].options");
    prices->product.variants[0]->sku = (char *)"";
    check_field(refusal(&stored, prices), ARGOSY__REASON__INVALID_FIELDS, "variants[0].options");
}

TEST(white_space_around_an_option_makes_no_other_variant)
{
    struct row *spaced = shirt(), *plain = shirt();
    struct product stored, after;

    variant(spaced, " Large  size", 100, 5);
    variant(spaced, "S", 100, 5);
    stored = kept(spaced);
    merged(&stored, spaced, PRODUCT_IMPORT_NOTHING);
    variant(plain, "Large  size ", 100, 5);
    variant(plain, "S", 100, 5);
    after = merged(&stored, plain, PRODUCT_IMPORT_CHANGE);
    CHECK_STR(after.variants[0].variant_id, stored.variants[0].variant_id);
    CHECK_STR(after.variants[0].options[0].value, "Large  size ");
}

TEST(an_option_that_is_called_like_none_stays)
{
    struct row *titled = shirt();
    ProductService__VariantInput *input = variant(titled, "Default Title", 100, 5);

    input->options[0]->name = (char *)"Title";
    struct product stored = kept(titled);
    input->n_options = 0;
    merged(&stored, titled, PRODUCT_IMPORT_NOTHING);
}

/* ---- prices ---- */

TEST(a_file_without_a_price_makes_a_draft_or_leaves_the_price_as_it_is)
{
    struct row *priced = counted(-1), *unpriced = shirt();
    struct product stored = kept(priced), after;

    CHECK_INT(stored.status, ==, PRODUCT_ACTIVE);
    variant(unpriced, "", -1, -1);
    merged(&stored, unpriced, PRODUCT_IMPORT_NOTHING);
    unpriced->product.name = (char *)"Shirt";
    after = merged(&stored, unpriced, PRODUCT_IMPORT_CHANGE);
    CHECK_INT(product_unit_amount(&after), ==, 1999);
    CHECK_INT(after.status, ==, PRODUCT_ACTIVE);

    /* A new one is a draft, and stays it when the same file comes again. */
    stored = kept(unpriced);
    CHECK_INT(stored.status, ==, PRODUCT_DRAFT);
    merged(&stored, unpriced, PRODUCT_IMPORT_NOTHING);
}

TEST(a_blank_price_among_others_is_a_price_that_stays)
{
    struct row *row = shirt();
    struct product stored, after, new;

    variant(row, "S", 100, -1);
    variant(row, "L", 200, -1);
    stored = kept(row);
    row->product.variants[0]->unit_amount = 150;
    row->product.variants[1]->unit_amount_given_case = 0;
    after = merged(&stored, row, PRODUCT_IMPORT_CHANGE);
    CHECK_INT(after.variants[0].unit_amount, ==, 150);
    CHECK_INT(after.variants[1].unit_amount, ==, 200);
    /* Of a new product, or of a new variant, it is none. */
    new = read(row);
    check_field(product_import_first(&arena, &new), ARGOSY__REASON__INVALID_FIELDS,
                "variants[1].price");
    variant(row, "XL", -1, -1);
    check_field(refusal(&stored, row), ARGOSY__REASON__INVALID_FIELDS, "variants[2].price");
}

TEST(a_file_without_a_currency_is_read_in_the_products)
{
    struct row *yen = shirt(), *file = shirt();
    struct product stored, after;

    yen->product.currency = (char *)"JPY";
    variant(yen, "", 1000, -1);
    stored = kept(yen);
    keep(file, PART(CURRENCY));
    variant(file, "", 100000, -1); /* "1000" in dollars */
    merged(&stored, file, PRODUCT_IMPORT_NOTHING);
    file->product.variants[0]->unit_amount = 120000;
    after = merged(&stored, file, PRODUCT_IMPORT_CHANGE);
    CHECK_STR(after.currency, "JPY");
    CHECK_INT(after.variants[0].unit_amount, ==, 1200);
    file->product.variants[0]->unit_amount = 120050;
    check_field(refusal(&stored, file), ARGOSY__REASON__PRICE_TOO_PRECISE, "variants[0].price");

    /* One that is named goes with all of its prices. */
    file->request.n_keep = 0;
    CHECK_STR(merged(&stored, file, PRODUCT_IMPORT_CHANGE).currency, "USD");
    file->product.variants[0]->unit_amount_given_case = 0;
    check_field(refusal(&stored, file), ARGOSY__REASON__INVALID_FIELDS, "currency");
}

TEST(a_price_is_not_too_high_in_the_currency_of_the_product)
{
    struct row *dinar = shirt(), *file = shirt();

    dinar->product.currency = (char *)"KWD";
    variant(dinar, "", 1000, -1);
    keep(file, PART(CURRENCY));
    variant(file, "", INT64_C(10000000000), -1);
    struct product stored = kept(dinar);
    struct product after = merged(&stored, file, PRODUCT_IMPORT_CHANGE);
    CHECK_INT(after.variants[0].unit_amount, ==, INT64_C(100000000000));

    file->product.variants[0]->unit_amount++;
    check_field(refusal(&stored, file), ARGOSY__REASON__INVALID_FIELDS, "variants[0].price");
    file->product.variants[0]->unit_amount = 0;
    file->product.variants[0]->compare_at_unit_amount = INT64_C(100000000000);
    check_field(refusal(&stored, file), ARGOSY__REASON__INVALID_FIELDS, "variants[0].price");
}

TEST(a_withdrawn_currency_stays_and_takes_no_new_product)
{
    struct row *row = counted(-1);
    struct product stored, file;

    stored = kept(row);
    stored.currency = "BGN"; /* as it was made before 2026 */
    row->product.currency = (char *)"BGN";
    merged(&stored, row, PRODUCT_IMPORT_NOTHING);
    file = read(row);
    check_field(product_import_first(&arena, &file), ARGOSY__REASON__CURRENCY_UNKNOWN, "currency");
    stored.currency = "USD";
    check_field(refusal(&stored, row), ARGOSY__REASON__CURRENCY_UNKNOWN, "currency");
}

/* ---- status and handles ---- */

TEST(a_file_that_only_publishes_leaves_archived_products_archived)
{
    struct row *row = counted(-1);
    struct product stored = kept(row);

    keep(row, PART(ARCHIVED));
    stored.status = PRODUCT_ARCHIVED;
    merged(&stored, row, PRODUCT_IMPORT_NOTHING);
    stored.status = PRODUCT_DRAFT;
    CHECK_INT(merged(&stored, row, PRODUCT_IMPORT_CHANGE).status, ==, PRODUCT_ACTIVE);
}

TEST(handles_stand_in_links)
{
    static const char *const bad[] = {"", "a b", "a/b", "a\nb", "a\x7f"};
    struct row *row = counted(-1);
    struct product product;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        row->request.handle = (char *)bad[i];
        check_field(product_import_draft(&arena, &row->request, &context, &product),
                    ARGOSY__REASON__INVALID_FIELDS, "handle");
    }
    row->request.handle = (char *)"ok";
    row->request.product = NULL;
    check_field(product_import_draft(&arena, &row->request, &context, &product),
                ARGOSY__REASON__INVALID_FIELDS, "product");
}

TEST(handles_that_look_alike_are_refused)
{
    static const char *const bad[] = {"ab\u200b", "a\u202ecb", "ab\xc2\x85", "\u3164", "\ufeffab"};
    struct row *row = counted(-1);
    struct product product;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        row->request.handle = (char *)bad[i];
        check_field(product_import_draft(&arena, &row->request, &context, &product),
                    ARGOSY__REASON__INVALID_FIELDS, "handle");
    }
}
