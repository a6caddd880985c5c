/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of a store: products to begin with, in `store`, which the harness has opened. */
#ifndef SERVICES_PRODUCT_PRODUCT_GOODS_TESTING_H
#define SERVICES_PRODUCT_PRODUCT_GOODS_TESTING_H

#include "services/product/product_store.h"
#include "services/product/product_testing.h"

static struct product_store *store;

/* ---- products to begin with ---- */

static inline struct product draft_of(struct arena *arena,
                                      const ProductService__CreateProductRequest *request)
{
    static _Atomic int64_t ticks = 1000000;
    struct product_context context = {"USD", "seller@example.com", atomic_fetch_add(&ticks, 1)};
    struct product product = {0};

    EXPECT_OK(product_draft(arena, request, &context, &product));
    return product;
}

/* As if a file had said all of it. */
static inline struct product_import import_made(struct arena *arena, const struct product *product)
{
    struct product_file *file = arena_new(arena, struct product_file);
    struct product_import import = {.product = *product};

    file->variants = arena_array(arena, struct product_file_variant, product->variant_count);
    import.product.file = file;
    return import;
}

static inline struct product keep(struct call *call,
                                  const ProductService__CreateProductRequest *request)
{
    struct product product = draft_of(call->arena, request);

    EXPECT_OK(store->insert(call, store, &product, NULL));
    return product;
}

static inline struct product keep_simple(struct call *call, const char *name, const char *category,
                                         double price)
{
    return keep(call, create_request(call->arena, name, category, price));
}

static inline struct product_key key_of(const struct product *product)
{
    return (struct product_key){product->category, product->product_id};
}

static inline struct product found(struct call *call, const struct product *product)
{
    struct product_key key = key_of(product);
    struct product again = {0};

    EXPECT_OK(store->find(call, store, &key, &again));
    return again;
}

/* A product with three variants, lists and stock. */
static inline struct product keep_rich(struct call *call)
{
    static const char *const sizes[] = {"S", "M", "L"};
    struct arena *arena = call->arena;
    ProductService__CreateProductRequest *request = create_request(arena, "Rich", "apparel", 10);
    char *urls[] = {(char *)"https://example.com/1.jpg", (char *)"/2.jpg"};
    char *tags[] = {(char *)"Summer", (char *)"cotton"};
    ProductService__VariantInput inputs[3], *variants[3];
    ProductService__VariantOption options[3], *option_lists[3];

    for (size_t i = 0; i < 3; i++) {
        product_service__variant_input__init(&inputs[i]);
        product_service__variant_option__init(&options[i]);
        variants[i] = &inputs[i];
        option_lists[i] = &options[i];
        options[i].name = (char *)"Size";
        options[i].value = (char *)sizes[i];
        inputs[i].n_options = 1;
        inputs[i].options = &option_lists[i];
        inputs[i].sku = arena_printf(arena, "R-%s", sizes[i]);
        inputs[i].barcode = (char *)"4006381333931";
        inputs[i].image_url = (char *)"https://example.com/v.jpg";
        inputs[i].grams = 150;
        inputs[i].compare_at_unit_amount = 2000;
        inputs[i].unit_amount_given_case =
            PRODUCT_SERVICE__VARIANT_INPUT__UNIT_AMOUNT_GIVEN_UNIT_AMOUNT;
        inputs[i].unit_amount = 1200 - (int64_t)i * 100;
        inputs[i].stock_given_case = i < 2 ? PRODUCT_SERVICE__VARIANT_INPUT__STOCK_GIVEN_STOCK
                                           : PRODUCT_SERVICE__VARIANT_INPUT__STOCK_GIVEN__NOT_SET;
        inputs[i].stock = i < 2 ? 5 : 0;
    }
    request->description = (char *)"Lines\nand \"quotes\" and <b>marks</b>, Ærø";
    request->vendor = (char *)"Vendor";
    request->is_featured = true;
    request->n_image_urls = request->n_tags = 2;
    request->image_urls = urls;
    request->tags = tags;
    request->n_variants = 3;
    request->variants = variants;
    return keep(call, request);
}

static inline struct product_query everything(void)
{
    return (struct product_query){.category = "",
                                  .search = "",
                                  .tag = "",
                                  .created_by = "",
                                  .unit_amount_max = INT64_MAX,
                                  .is_featured = -1,
                                  .sort = PRODUCT_SORT_CREATED,
                                  .descending = true,
                                  .limit = 50};
}

/* The names of all pages, joined by spaces. */
static inline const char *names(struct call *call, struct product_query query, int64_t total)
{
    const char *joined = "";

    for (int pages = 0; pages < 100; pages++) {
        struct product_page page = {0};
        EXPECT_OK(store->search->list(call, store->search, &query, &page));
        EXPECT_INT(page.total, total);
        EXPECT(page.count <= (size_t)query.limit);
        for (size_t i = 0; i < page.count; i++)
            joined = arena_printf(call->arena, "%s%s%s", joined, *joined ? " " : "",
                                  page.products[i].name);
        if (page.next.length == 0) break;
        EXPECT(page.count == (size_t)query.limit);
        query.after = page.next;
    }
    return joined;
}

/* The sums of the ledger are what is on hand and reserved. */
static inline void expect_ledger(struct call *call, const struct product *product)
{
    struct product now = found(call, product);

    for (size_t i = 0; i < now.variant_count; i++) {
        const struct product_variant *variant = &now.variants[i];
        struct product_stock_page page = {0};
        int64_t on_hand = 0, reserved = 0;
        EXPECT_OK(
            store->list_entries(call, store, now.product_id, variant->variant_id, 0, 200, &page));
        for (size_t entry = 0; entry < page.count; entry++) {
            on_hand += page.entries[entry].on_hand_delta;
            reserved += page.entries[entry].reserved_delta;
        }
        EXPECT_INT(on_hand, variant->stock.on_hand);
        EXPECT_INT(reserved, variant->stock.reserved);
        EXPECT(product_stock_is_sound(&variant->stock));
    }
}

/* Four active products and a draft. */
static inline void keep_catalogue(struct call *call)
{
    struct arena *arena = call->arena;
    ProductService__CreateProductRequest *request;

    keep_simple(call, "banana", "fruit", 3);
    keep_simple(call, "Apple", "fruit", 1);
    request = create_request(arena, "cherry", "fruit", 2);
    set_tag(arena, request, "Red");
    request->is_featured = true;
    keep(call, request);
    request = create_request(arena, "Beetroot", "vegetable", 1);
    set_tag(arena, request, "red");
    keep(call, request);
    request = create_request(arena, "durian", "fruit", 9);
    request->status = (char *)"draft";
    keep(call, request);
}

/* A change: another name. */
static inline struct status rename_to(const struct call *call, struct product *product, void *data)
{
    product->name = data;
    product->version++;
    return status_ok();
}

#endif
