/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the stock, of imports and exports, through the loopback. */
#include "services/product/product_loopback_testing.h"

/* ---- stock ---- */

static ProductService__AdjustStockRequest adjustment_of(const ProductService__ProductData *product,
                                                        int64_t delta)
{
    ProductService__AdjustStockRequest request = PRODUCT_SERVICE__ADJUST_STOCK_REQUEST__INIT;

    request.category = product->category;
    request.product_id = product->product_id;
    request.change_case = PRODUCT_SERVICE__ADJUST_STOCK_REQUEST__CHANGE_DELTA;
    request.delta = delta;
    return request;
}

static void check_stock(struct call *call)
{
    const ProductService__ProductData *product = shirt(call);
    ProductService__AdjustStockRequest request = adjustment_of(product, 10);
    ProductService__GetStockRequest asked = PRODUCT_SERVICE__GET_STOCK_REQUEST__INIT;
    ProductService__StandardResponse *response = 0;

    EXPECT(!read_back(call, product)->variants[0]->available_given_case);
    EXPECT_REASON(product_service_adjust_stock(as(call, &rival), channel, &request, &response),
                  ARGOSY__REASON__NOT_OWNER);
    request.cause = (char *)"received";
    request.reference = (char *)"note 1";
    for (int i = 0; i < 2; i++) { /* the second time it is known already, and answers the same */
        EXPECT_OK(product_service_adjust_stock(as(call, &seller), channel, &request, &response));
        EXPECT_INT(response->stock->variants[0]->on_hand, 10);
        EXPECT_INT(response->stock->variants[0]->received, 10);
    }
    EXPECT_INT(read_back(call, product)->variants[0]->available, 10);
    EXPECT_INT(read_back(call, product)->version, 1);
    request = adjustment_of(product, -11);
    EXPECT_REASON(product_service_adjust_stock(as(call, &seller), channel, &request, &response),
                  ARGOSY__REASON__STOCK_INSUFFICIENT);
    request.change_case = PRODUCT_SERVICE__ADJUST_STOCK_REQUEST__CHANGE__NOT_SET;
    EXPECT_REASON(product_service_adjust_stock(as(call, &seller), channel, &request, &response),
                  ARGOSY__REASON__INVALID_FIELDS);

    asked.category = product->category;
    asked.product_id = product->product_id;
    EXPECT_OK(product_service_get_stock(as(call, &seller), channel, &asked, &response));
    EXPECT_INT(response->stock->variants[0]->on_hand, 10);
    EXPECT_OK(product_service_get_stock(as(call, 0), channel, &asked, &response));
    EXPECT_INT(response->stock->variants[0]->available, 10);
    EXPECT_INT(response->stock->variants[0]->on_hand, 0); /* not for customers */
}

TEST(stock_is_adjusted_by_its_seller)
{
    on_both(check_stock);
}

static void check_entries(struct call *call)
{
    const ProductService__ProductData *product = shirt(call);
    ProductService__ListStockEntriesRequest request =
        PRODUCT_SERVICE__LIST_STOCK_ENTRIES_REQUEST__INIT;
    ProductService__StandardResponse *response = 0;
    int64_t sum = 0;
    int pages = 0;

    for (int i = 1; i <= 5; i++) {
        ProductService__AdjustStockRequest adjustment = adjustment_of(product, i);
        EXPECT_OK(product_service_adjust_stock(as(call, &seller), channel, &adjustment, &response));
    }
    request.category = product->category;
    request.product_id = product->product_id;
    request.page_size = 2;
    EXPECT_REASON(product_service_list_stock_entries(as(call, 0), channel, &request, &response),
                  ARGOSY__REASON__LOGIN_REQUIRED);
    EXPECT_REASON(
        product_service_list_stock_entries(as(call, &rival), channel, &request, &response),
        ARGOSY__REASON__NOT_OWNER);
    for (; pages < 10; pages++) {
        EXPECT_OK(
            product_service_list_stock_entries(as(call, &seller), channel, &request, &response));
        for (size_t i = 0; i < response->stock_entries->n_entries; i++)
            sum += response->stock_entries->entries[i]->on_hand_delta;
        request.cursor = response->stock_entries->next_cursor;
        if (!*request.cursor) break;
    }
    EXPECT_INT(pages, 2);
    EXPECT_INT(sum, 15);
    EXPECT_STR(response->stock_entries->entries[0]->cause, "correction");
    request.cursor = (char *)"AAAAAAAAAAAAAAAA";
    EXPECT_REASON(
        product_service_list_stock_entries(as(call, &seller), channel, &request, &response),
        ARGOSY__REASON__PAGE_CURSOR_INVALID);
}

TEST(the_ledger_is_listed_in_pages)
{
    on_both(check_entries);
}

/* ---- imports ---- */

#define OUTCOME(name) PRODUCT_SERVICE__IMPORT_PRODUCT_RESULT__OUTCOME__##name

static struct status import_one(struct call *call, struct rpc_stream *stream, int64_t line,
                                const char *handle, ProductService__CreateProductRequest *product)
{
    ProductService__ImportProductRequest request = PRODUCT_SERVICE__IMPORT_PRODUCT_REQUEST__INIT;

    request.line = line;
    request.handle = (char *)handle;
    request.product = product;
    return product_service_import_products_send(call, stream, &request);
}

static void expect_result(struct call *call, struct rpc_stream *stream, int64_t line, int outcome,
                          const char *reason)
{
    ProductService__ImportProductResult *result = 0;

    EXPECT_OK(product_service_import_products_receive(call, stream, &result));
    EXPECT(result != 0);
    if (!result) return;
    EXPECT_INT(result->line, line);
    EXPECT_INT(result->outcome, outcome);
    EXPECT_STR(result->reason, reason);
    EXPECT((*result->message != 0) == (outcome == OUTCOME(REFUSED)));
}

static void check_import(struct call *call)
{
    struct call *boss = as(call, &admin);
    ProductService__CreateProductRequest *good = create_request(call->arena, "Imported", "imports",
                                                                2);
    ProductService__CreateProductRequest *bad = create_request(call->arena, "", "imports", 2);
    ProductService__CreateProductRequest *precise = create_request(call->arena, "P", "imports",
                                                                   2.005);
    const char *handle = channel == shop.local ? "local" : "network";
    ProductService__ImportProductResult *result = 0;
    struct rpc_stream *stream = 0;

    EXPECT_OK(product_service_import_products_open(boss, channel, 0, &stream));
    /* One at a time: each is answered before the next is sent. */
    EXPECT_OK(import_one(boss, stream, 2, handle, good));
    expect_result(boss, stream, 2, OUTCOME(CREATED), "");
    EXPECT_OK(import_one(boss, stream, 3, handle, good));
    expect_result(boss, stream, 3, OUTCOME(UNCHANGED), "");
    /* Several, good and bad. */
    EXPECT_OK(import_one(boss, stream, 4, "x", bad));
    EXPECT_OK(import_one(boss, stream, 5, "y", precise));
    EXPECT_OK(import_one(boss, stream, 6, "", good));
    EXPECT_OK(import_one(boss, stream, 7, "z", 0));
    good->is_featured = true;
    EXPECT_OK(import_one(boss, stream, 8, handle, good));
    EXPECT_OK(rpc_send_end(boss, stream));
    expect_result(boss, stream, 4, OUTCOME(REFUSED), "INVALID_FIELDS");
    expect_result(boss, stream, 5, OUTCOME(REFUSED), "PRICE_TOO_PRECISE");
    expect_result(boss, stream, 6, OUTCOME(REFUSED), "INVALID_FIELDS");
    expect_result(boss, stream, 7, OUTCOME(REFUSED), "INVALID_FIELDS");
    expect_result(boss, stream, 8, OUTCOME(UPDATED), "");
    EXPECT_OK(product_service_import_products_receive(boss, stream, &result));
    EXPECT(!result);
    EXPECT_OK(rpc_stream_finish(boss, stream));
}

TEST(an_import_answers_each_product_in_order)
{
    on_both(check_import);
}

static void check_import_roles(struct call *call)
{
    ProductService__ImportProductResult *result = 0;
    struct call *rogue = as(call, &seller);
    struct rpc_stream *stream = 0;

    EXPECT_OK(product_service_import_products_open(rogue, channel, 0, &stream));
    EXPECT_OK(rpc_send_end(rogue, stream));
    struct status st = product_service_import_products_receive(rogue, stream, &result);
    EXPECT(failed(st) || !result);
    EXPECT_REASON(rpc_stream_finish(rogue, stream), ARGOSY__REASON__ROLE_REQUIRED);
}

/* A product of two variants that have one SKU, in lines 11 and 12. */
static void check_refused_variant(struct call *call)
{
    struct call *boss = as(call, &admin);
    ProductService__ImportProductRequest request = PRODUCT_SERVICE__IMPORT_PRODUCT_REQUEST__INIT;
    ProductService__VariantOption sizes[2];
    ProductService__VariantOption *options[2] = {&sizes[0], &sizes[1]};
    ProductService__VariantInput inputs[2];
    ProductService__VariantInput *variants[2] = {&inputs[0], &inputs[1]};
    int64_t lines[2] = {11, 12};
    ProductService__ImportProductResult *result = 0;
    struct rpc_stream *stream = 0;

    for (int i = 0; i < 2; i++) {
        product_service__variant_option__init(&sizes[i]);
        product_service__variant_input__init(&inputs[i]);
        sizes[i].name = (char *)"Size";
        sizes[i].value = (char *)(i == 0 ? "S" : "L");
        inputs[i].options = &options[i];
        inputs[i].n_options = 1;
        inputs[i].sku = (char *)"SAME";
    }
    request.line = 10;
    request.handle = (char *)"sizes";
    request.product = create_request(call->arena, "Sizes", "imports", 2);
    request.product->variants = variants;
    request.product->n_variants = 2;
    request.variant_lines = lines;
    EXPECT_OK(product_service_import_products_open(boss, channel, 0, &stream));
    /* With lines; a rule of one field; without the second line; and not because of a variant. */
    request.n_variant_lines = 2;
    EXPECT_OK(product_service_import_products_send(boss, stream, &request));
    inputs[0].grams = -1;
    EXPECT_OK(product_service_import_products_send(boss, stream, &request));
    inputs[0].grams = 0;
    request.n_variant_lines = 1;
    EXPECT_OK(product_service_import_products_send(boss, stream, &request));
    request.n_variant_lines = 2;
    request.handle = (char *)"";
    EXPECT_OK(product_service_import_products_send(boss, stream, &request));
    EXPECT_OK(rpc_send_end(boss, stream));
    expect_result(boss, stream, 12, OUTCOME(REFUSED), "SKU_EXISTS");
    expect_result(boss, stream, 11, OUTCOME(REFUSED), "INVALID_FIELDS");
    expect_result(boss, stream, 10, OUTCOME(REFUSED), "SKU_EXISTS");
    expect_result(boss, stream, 10, OUTCOME(REFUSED), "INVALID_FIELDS");
    EXPECT_OK(product_service_import_products_receive(boss, stream, &result));
    EXPECT(!result);
    EXPECT_OK(rpc_stream_finish(boss, stream));
}

TEST(a_refusal_because_of_a_variant_names_its_line)
{
    on_both(check_refused_variant);
}

TEST(only_admins_import)
{
    on_both(check_import_roles);
}

enum { MANY = 700 };

static int import_many(struct call *call, int outcome)
{
    struct call *boss = as(call, &admin);
    ProductService__ImportProductResult *result = 0;
    struct rpc_stream *stream = 0;
    int count = 0;

    EXPECT_OK(product_service_import_products_open(boss, channel, 0, &stream));
    for (int i = 0; i < MANY; i++) {
        ProductService__CreateProductRequest *product = create_request(
            call->arena, arena_printf(call->arena, "Product %d", i), "many", 5);
        set_stock(product, i);
        EXPECT_OK(
            import_one(boss, stream, i + 2, arena_printf(call->arena, "many-%d", i), product));
        if (i % 100 != 99) continue;
        for (; count <= i; count++) expect_result(boss, stream, count + 2, outcome, "");
    }
    EXPECT_OK(rpc_send_end(boss, stream));
    EXPECT_OK(product_service_import_products_receive(boss, stream, &result));
    EXPECT(!result);
    EXPECT_OK(rpc_stream_finish(boss, stream));
    return count;
}

static int export_many(struct call *call, const char *category)
{
    ProductService__ExportProductsRequest request = PRODUCT_SERVICE__EXPORT_PRODUCTS_REQUEST__INIT;
    ProductService__Product *product = 0;
    struct call *boss = as(call, &admin);
    struct rpc_stream *stream = 0;
    int count = 0;

    request.category = (char *)category;
    EXPECT_OK(product_service_export_products_open(boss, channel, &request, 0, &stream));
    for (;; count++) {
        EXPECT_OK(product_service_export_products_receive(boss, stream, &product));
        if (!product) break;
        EXPECT(product->n_variants == 1);
    }
    EXPECT_OK(rpc_stream_finish(boss, stream));
    return count;
}

static void check_many(struct call *call)
{
    EXPECT_INT(import_many(call, channel == shop.local ? OUTCOME(CREATED) : OUTCOME(UNCHANGED)),
               MANY);
    EXPECT_INT(export_many(call, ""), MANY);
    EXPECT_INT(export_many(call, "many"), MANY);
    EXPECT_INT(export_many(call, "none"), 0);
}

TEST(a_long_import_comes_out_again_and_repeats_without_effect)
{
    on_both(check_many);
}

static void check_give_up(struct call *call)
{
    struct call *boss = as(call, &admin);
    ProductService__CreateProductRequest *good = create_request(call->arena, "Imported", "imports",
                                                                2);
    ProductService__StandardResponse *response = 0;
    struct rpc_stream *stream = 0;

    EXPECT_OK(product_service_import_products_open(boss, channel, 0, &stream));
    EXPECT_OK(import_one(boss, stream, 2, "one", good));
    rpc_stream_cancel(stream);
    EXPECT(failed(rpc_stream_finish(boss, stream)));
    EXPECT_REASON(get(as(call, 0), "imports", "none", &response),
                  ARGOSY__REASON__PRODUCT_NOT_FOUND);
}

TEST(an_import_that_is_given_up_ends)
{
    on_both(check_give_up);
}
