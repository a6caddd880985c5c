/* SPDX-License-Identifier: Apache-2.0 */
/* What a store writes for a change of a product: which stock, which entries of the ledger, which
 * answer. */
#include "services/product/product_writes.h"

#include "base/test.h"
#include "reasons.pb-c.h"

static struct arena arena = {.limit = ARENA_LIMIT_DEFAULT};
static const struct trace trace;
static const struct call call = {.arena = &arena, .trace = &trace};

static struct product_variant variant_of(const char *variant_id, bool tracked, int64_t pieces)
{
    return (struct product_variant){.variant_id = variant_id,
                                    .sku = "",
                                    .image_url = "",
                                    .barcode = "",
                                    .unit_amount = 100,
                                    .stock = product_stock_initial(tracked, pieces)};
}

/* Two variants: "v" with 10 pieces, and "w", which is not tracked. */
static struct product shirt(void)
{
    struct product product = {.product_id = "0190aaaa-0000-7000-8000-0000000000c0",
                              .category = "apparel",
                              .handle = "shirt",
                              .name = "Shirt",
                              .description = "",
                              .vendor = "",
                              .created_by = "seller@example.com",
                              .currency = "USD",
                              .variant_count = 2,
                              .version = 3};

    product.variants = arena_array(&arena, struct product_variant, 2);
    product.variants[0] = variant_of("v", true, 10);
    product.variants[1] = variant_of("w", false, 0);
    return product;
}

static void check_entry(const struct product_stock_write *stock, const char *variant_id,
                        const char *cause, int64_t on_hand_delta)
{
    CHECK_STR(stock->variant_id, variant_id);
    CHECK_STR(stock->entry.variant_id, variant_id);
    CHECK_STR(stock->entry.cause, cause);
    CHECK_INT(stock->entry.on_hand_delta, ==, on_hand_delta);
}

static struct str answer_handle(struct arena *memory, const struct product *product)
{
    return str_of(arena_printf(memory, "made %s", product->handle));
}

/* ---- products ---- */

TEST(a_new_product_writes_all_its_stock_and_entries_for_what_is_tracked)
{
    const struct product product = shirt();
    struct product_write write;

    CHECK_OK(product_decide_insert(&call, &product, NULL, 0, &write));
    CHECK_INT(write.kind, ==, PRODUCT_WRITE_NEW);
    CHECK(write.before == NULL && write.record.answer.data == NULL);
    CHECK_INT(write.stock_count, ==, 2);
    check_entry(&write.stocks[0], "v", "initial", 10);
    check_entry(&write.stocks[1], "w", "", 0);
    CHECK(write.stocks[0].before == NULL && write.stocks[0].after->on_hand == 10);
}

TEST(handles_that_are_taken_end_with_the_products_id)
{
    struct change_request once = {.idempotency = {.scope = "sam", .key = "k"}};
    const struct product_request request = {{.request = &once}, answer_handle};
    const struct product product = shirt();
    struct product_write write;

    CHECK_OK(product_decide_insert(&call, &product, &request, 0, &write));
    CHECK_STR(write.product.handle, "shirt");
    CHECK_OK(product_decide_insert(&call, &product, &request, 1, &write));
    CHECK_STR(write.product.handle, "shirt-0000c0");
    CHECK(str_is(write.record.answer, "made shirt-0000c0"));
    CHECK_OK(product_decide_insert(&call, &product, &request, 2, &write));
    CHECK_STR(write.product.handle, "shirt-0190aaaa-0000-7000-8000-0000000000c0");
    CHECK_INT(product_decide_insert(&call, &product, &request, 3, &write).reason, ==,
              ARGOSY__REASON__PRODUCT_EXISTS);
    CHECK_STR(product.handle, "shirt");
}

static struct status replace_first(const struct call *now, struct product *product, void *data)
{
    const struct product_variant *variants = product->variants;

    (void)data;
    product->variants = arena_memdup(now->arena, variants, 2 * sizeof(*variants));
    product->variants[0] = variant_of("x", true, 4);
    product->version++;
    return status_ok();
}

TEST(an_edit_writes_the_stock_of_variants_that_come_and_go_alone)
{
    const struct product product = shirt();
    const struct product_change change = {replace_first, NULL, "me"};
    struct product_write write;

    for (int turn = 0; turn < 2; turn++) { /* it may be decided again */
        CHECK_OK(product_decide_update(&call, &change, &product, &write));
        CHECK_INT(write.kind, ==, PRODUCT_WRITE_EDIT);
        CHECK_INT(write.product.version, ==, 4);
        CHECK_INT(write.before->version, ==, 3);
        CHECK_INT(write.stock_count, ==, 2);
        check_entry(&write.stocks[0], "x", "initial", 4);
        check_entry(&write.stocks[1], "v", "removed", -10);
        CHECK(write.stocks[1].after == NULL && write.stocks[1].before->on_hand == 10);
        CHECK_STR(write.stocks[1].entry.created_by, "me");
    }
    CHECK_STR(product.variants[0].variant_id, "v");
}

static struct status allow(const struct call *now, const struct product *product, void *data)
{
    (void)now;
    (void)product;
    return data ? *(struct status *)data : status_ok();
}

TEST(a_removal_takes_everything_off_the_books_or_is_refused)
{
    struct status no = status_make(STATUS_ABORTED, ARGOSY__REASON__VERSION_STALE, "no");
    const struct product_check allowed = {allow, NULL, "me"}, refused = {allow, &no, "me"};
    const struct product product = shirt();
    struct product_write write;

    CHECK_OK(product_decide_removal(&call, &allowed, &product, &write));
    CHECK_INT(write.kind, ==, PRODUCT_WRITE_REMOVAL);
    CHECK_INT(write.stock_count, ==, 2);
    check_entry(&write.stocks[0], "v", "removed", -10);
    check_entry(&write.stocks[1], "w", "", 0);
    CHECK_INT(product_decide_removal(&call, &refused, &product, &write).reason, ==,
              ARGOSY__REASON__VERSION_STALE);
}

/* ---- stock ---- */

TEST(an_adjustment_writes_one_stock_and_a_known_reference_none)
{
    struct change_request once = {.idempotency = {.scope = "sam", .key = "k"}};
    const struct product_request request = {{.request = &once}, answer_handle};
    const struct product_check check = {allow, NULL, "me"};
    const struct product_stock_change sale = {STOCK_DELTA, -3, "", "note", "me", 7};
    const struct product_adjustment adjustment = {"v", &sale, &check, &request};
    const struct product product = shirt();
    struct product_write write;

    CHECK_OK(product_decide_adjustment(&call, &adjustment, &product, false, &write));
    CHECK_INT(write.kind, ==, PRODUCT_WRITE_STOCK);
    CHECK_INT(write.stock_count, ==, 1);
    check_entry(&write.stocks[0], "v", "correction", -3);
    CHECK_INT(write.stocks[0].position, ==, 0);
    CHECK_INT(write.stocks[0].before->on_hand, ==, 10);
    CHECK_INT(write.stocks[0].after->on_hand, ==, 7);
    CHECK_INT(write.product.variants[0].stock.on_hand, ==, 7);
    CHECK(str_is(write.record.answer, "made shirt"));

    CHECK_OK(product_decide_adjustment(&call, &adjustment, &product, true, &write));
    CHECK_INT(write.kind, ==, PRODUCT_WRITE_NONE);
    CHECK_INT(write.stock_count, ==, 0);
    CHECK(str_is(write.record.answer, "made shirt"));
}

TEST(an_adjustment_names_a_variant_that_there_is)
{
    const struct product_check check = {allow, NULL, "me"};
    const struct product_stock_change more = {STOCK_DELTA, 1, "", "", "me", 7};
    const struct product_adjustment any = {"", &more, &check, NULL},
                                    other = {"none", &more, &check, NULL};
    const struct product product = shirt();
    struct product_write write;

    CHECK_INT(product_decide_adjustment(&call, &any, &product, false, &write).code, ==,
              STATUS_INVALID_ARGUMENT);
    CHECK_INT(product_decide_adjustment(&call, &other, &product, false, &write).code, ==,
              STATUS_NOT_FOUND);
}

/* ---- imports ---- */

#define OUTCOME(name) PRODUCT_SERVICE__IMPORT_PRODUCT_RESULT__OUTCOME__##name

static struct product_import import_of(const struct product *product)
{
    struct product_file *file = arena_new(&arena, struct product_file);
    struct product_import import = {.product = *product};

    file->variants = arena_array(&arena, struct product_file_variant, product->variant_count);
    import.product.file = file;
    return import;
}

TEST(an_import_is_new_or_an_edit_or_nothing)
{
    const struct product product = shirt();
    struct product_import import = import_of(&product);
    struct product_write write;

    import.product.variant_count = 1;
    product_decide_import(&call, &import, NULL, &write);
    CHECK_INT(import.outcome, ==, OUTCOME(CREATED));
    CHECK_INT(write.kind, ==, PRODUCT_WRITE_NEW);
    check_entry(&write.stocks[0], "v", "import", 10);

    const struct product kept = write.product;
    product_decide_import(&call, &import, &kept, &write);
    CHECK_INT(import.outcome, ==, OUTCOME(UNCHANGED));
    CHECK(write.kind == PRODUCT_WRITE_NONE || write.kind == PRODUCT_WRITE_STOCK);

    import.product.name = "Another";
    product_decide_import(&call, &import, &kept, &write);
    CHECK_INT(import.outcome, ==, OUTCOME(UPDATED));
    CHECK_INT(write.kind, ==, PRODUCT_WRITE_EDIT);
    CHECK_INT(write.product.version, ==, 4);

    import.dry_run = true;
    product_decide_import(&call, &import, &kept, &write);
    CHECK_INT(import.outcome, ==, OUTCOME(UPDATED));
    CHECK_INT(write.kind, ==, PRODUCT_WRITE_NONE);
}

TEST(a_refused_import_writes_nothing)
{
    const struct product product = shirt();
    struct product_import import = import_of(&product);
    struct product_write write;

    import.product.currency = "DEM";
    product_decide_import(&call, &import, NULL, &write);
    CHECK(failed(import.status));
    CHECK_INT(import.outcome, ==, OUTCOME(REFUSED));
    CHECK_INT(write.kind, ==, PRODUCT_WRITE_NONE);
    CHECK_INT(write.stock_count, ==, 0);
}
