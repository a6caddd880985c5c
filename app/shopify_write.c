/* SPDX-License-Identifier: Apache-2.0 */
/* The writing side of shopify.h, in the classic template. */
#include "app/shopify.h"
#include "app/shopify_values.h"

#define CATEGORY_DEFAULT "uncategorized"

void shopify_write_header(struct buffer *out)
{
    for (int i = 0; i < SHOPIFY_COLUMNS; i++)
        csv_write(out, i == 0, str_of(shopify_column_name((enum shopify_column)i)));
    csv_write_end(out);
}

static void write_row(struct buffer *out, const struct str cells[SHOPIFY_COLUMNS])
{
    for (int i = 0; i < SHOPIFY_COLUMNS; i++) csv_write(out, i == 0, cells[i]);
    csv_write_end(out);
}

/* What can be bought, as Shopify's quantity is; and what orders have had of it, so that a file that
 * is read again later puts nothing back. */
static void fill_stock(struct arena *arena, const ProductService__Variant *variant,
                       struct str cells[SHOPIFY_COLUMNS])
{
    int64_t taken = variant->on_hand - variant->available + variant->sold;

    if (!variant->on_hand_given_case) return; /* not tracked */
    cells[SHOPIFY_TRACKER] = STR("shopify");
    cells[SHOPIFY_QUANTITY] = str_of(arena_printf(arena, "%lld", (long long)variant->available));
    if (!taken) return;
    bool named = *variant->stock_id; /* a service of an earlier release does not name it */
    cells[SHOPIFY_TAKEN] = str_of(arena_printf(arena, "%lld%s%s", (long long)taken,
                                               named ? SHOPIFY_TAKEN_OF : "", variant->stock_id));
}

/* A price of 0 that is not for sale may only mean that there was none yet: it is not said, so that
 * nobody gives the product away by making it active in a file. */
static bool is_unpriced(const ProductService__Product *product)
{
    for (size_t i = 0; i < product->n_variants; i++)
        if (product->variants[i]->unit_amount != 0) return false;
    return !str_is(str_of(product->status), "active");
}

static void fill_variant(struct arena *arena, const ProductService__Product *product,
                         const ProductService__Variant *variant, struct str cells[SHOPIFY_COLUMNS])
{
    for (size_t i = 0; i < variant->n_options && i < SHOPIFY_OPTIONS; i++) {
        cells[SHOPIFY_OPTION1_NAME + 2 * i] = str_of(variant->options[i]->name);
        cells[SHOPIFY_OPTION1_VALUE + 2 * i] = str_of(variant->options[i]->value);
    }
    if (variant->n_options == 0) {
        cells[SHOPIFY_OPTION1_NAME] = STR("Title");
        cells[SHOPIFY_OPTION1_VALUE] = STR("Default Title");
    }
    cells[SHOPIFY_SKU] = str_of(variant->sku);
    cells[SHOPIFY_GRAMS] = str_of(arena_printf(arena, "%d", variant->grams));
    cells[SHOPIFY_POLICY] = STR("deny");
    if (!is_unpriced(product))
        cells[SHOPIFY_PRICE] = str_of(
            shopify_amount_text(arena, variant->unit_amount, product->currency));
    if (variant->compare_at_unit_amount)
        cells[SHOPIFY_COMPARE_AT] = str_of(
            shopify_amount_text(arena, variant->compare_at_unit_amount, product->currency));
    cells[SHOPIFY_BARCODE] = str_of(variant->barcode);
    cells[SHOPIFY_VARIANT_IMAGE] = str_of(variant->image_url);
    fill_stock(arena, variant, cells);
}

static void fill_product(struct arena *arena, const ProductService__Product *product,
                         struct str cells[SHOPIFY_COLUMNS])
{
    bool uncategorized = str_is(str_of(product->category), CATEGORY_DEFAULT);
    bool active = str_is(str_of(product->status), "active");

    cells[SHOPIFY_TITLE] = str_of(product->name);
    cells[SHOPIFY_BODY] = str_of(product->description);
    cells[SHOPIFY_VENDOR] = str_of(product->vendor);
    cells[SHOPIFY_TYPE] = uncategorized ? STR("") : str_of(product->category);
    cells[SHOPIFY_TAGS] = str_of(shopify_tags_text(arena, product->tags, product->n_tags));
    cells[SHOPIFY_PUBLISHED] = active ? STR("true") : STR("false");
    cells[SHOPIFY_STATUS] = str_of(product->status);
    cells[SHOPIFY_CURRENCY] = str_of(product->currency);
    cells[SHOPIFY_FEATURED] = product->is_featured ? STR("true") : STR("false");
}

void shopify_write_product(struct arena *arena, struct buffer *out,
                           const ProductService__Product *product)
{
    size_t rows = product->n_variants > product->n_image_urls ? product->n_variants
                                                              : product->n_image_urls;

    for (size_t i = 0; i < rows; i++) {
        struct str cells[SHOPIFY_COLUMNS] = {0};
        cells[SHOPIFY_HANDLE] = str_of(product->handle);
        if (i == 0) fill_product(arena, product, cells);
        if (i < product->n_variants) fill_variant(arena, product, product->variants[i], cells);
        if (i < product->n_image_urls) {
            cells[SHOPIFY_IMAGE] = str_of(product->image_urls[i]);
            cells[SHOPIFY_IMAGE_POSITION] = str_of(arena_printf(arena, "%zu", i + 1));
        }
        write_row(out, cells);
    }
}
