/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a new product from a request. */
#include "base/uuid.h"
#include "reasons.pb-c.h"
#include "services/product/product_fields.h"

static struct status draft_texts(struct arena *arena,
                                 const ProductService__CreateProductRequest *request,
                                 struct product *product)
{
    struct status st;

    st = product_check_name(arena, request->name);
    if (failed(st)) return st;
    st = product_check_category(arena, "category", request->category);
    if (failed(st)) return st;
    st = product_check_line(arena, "vendor", request->vendor);
    if (failed(st)) return st;
    if (!product_status_parse(request->status, &product->status))
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "status",
                            "must be active, draft or archived");
    product->name = arena_strdup(arena, request->name);
    product->category = arena_strdup(arena, request->category);
    product->vendor = arena_strdup(arena, request->vendor);
    product->description = arena_strdup(arena, request->description);
    st = product_read_image_urls(arena, request->image_urls, request->n_image_urls,
                                 &product->image_urls);
    if (failed(st)) return st;
    return product_read_tags(arena, request->tags, request->n_tags, &product->tags);
}

/* A product without variants in the request is its own single variant. */
static struct status draft_single_variant(struct arena *arena,
                                          const ProductService__CreateProductRequest *request,
                                          const struct product_pricing *pricing,
                                          struct product *product)
{
    bool tracked = request->stock_given_case != 0;
    struct status st = product_check_line(arena, "sku", request->sku);

    if (failed(st)) return st;
    product->variant_count = 1;
    product->variants = arena_new(arena, struct product_variant);
    product->variants[0] = (struct product_variant){
        .variant_id = "",
        .sku = arena_strdup(arena, request->sku),
        .image_url = "",
        .barcode = "",
        .unit_amount = pricing->fallback,
        .stock = product_stock_initial(tracked, tracked ? request->stock : 0),
    };
    return status_ok();
}

static struct status draft_variants(struct arena *arena,
                                    const ProductService__CreateProductRequest *request,
                                    const struct product_pricing *pricing, struct product *product)
{
    struct status st;

    if (*request->sku || request->stock_given_case != 0)
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, *request->sku ? "sku" : "stock",
                            "must be given in the variants, if there are any");
    st = product_check_variant_count(request->n_variants);
    if (failed(st)) return st;
    product->variant_count = request->n_variants;
    product->variants = arena_array(arena, struct product_variant, request->n_variants);
    for (size_t i = 0; i < request->n_variants; i++) {
        const ProductService__VariantInput *input = request->variants[i];
        if (*input->variant_id)
            return status_field(arena, ARGOSY__REASON__INVALID_FIELDS,
                                arena_printf(arena, "variants[%zu].variant_id", i),
                                "must be left out of a new variant, which gets its id here");
        st = product_read_variant(arena, input, i, pricing, 0, &product->variants[i]);
        if (failed(st)) return st;
    }
    return status_ok();
}

/* The only variant of a new product has the product's id. */
static void draft_ids(struct arena *arena, struct product *product)
{
    product->product_id = uuid_new(arena);
    for (size_t i = 0; i < product->variant_count; i++)
        product->variants[i].variant_id = product->variant_count == 1 ? product->product_id
                                                                      : uuid_new(arena);
}

static bool has_priced_variant(const ProductService__CreateProductRequest *request)
{
    for (size_t i = 0; i < request->n_variants; i++)
        if (request->variants[i]->unit_amount_given_case || request->variants[i]->price_given_case)
            return true;
    return false;
}

struct status product_read_request(struct arena *arena,
                                   const ProductService__CreateProductRequest *request,
                                   const struct product_context *context,
                                   struct product *ret_product)
{
    struct product product = {
        .is_featured = request->is_featured,
        .created_by = arena_strdup(arena, context->created_by),
        .version = 1,
        .created_us = context->now_us,
        .updated_us = context->now_us,
    };
    struct product_price_input price = {
        .has_unit_amount = request->unit_amount_given_case != 0,
        .unit_amount = request->unit_amount_given_case != 0 ? request->unit_amount : 0,
        .has_price = request->price_given_case != 0,
        .price = request->price_given_case != 0 ? request->price : 0,
    };
    bool priced = price.has_unit_amount || price.has_price;
    struct product_pricing pricing = {.given = priced};
    struct status st;

    product.is_unpriced = !priced && !has_priced_variant(request);
    pricing.known = priced || product.is_unpriced || context->is_partial;
    st = draft_texts(arena, request, &product);
    if (failed(st)) return st;
    st = product_read_currency(arena, *request->currency ? request->currency : context->currency,
                               &pricing);
    if (failed(st)) return st;
    product.currency = pricing.currency;
    st = product_read_price(arena, &price, &pricing, "", &pricing.fallback);
    if (failed(st)) return st;
    st = request->n_variants > 0 ? draft_variants(arena, request, &pricing, &product)
                                 : draft_single_variant(arena, request, &pricing, &product);
    if (failed(st)) return st;

    draft_ids(arena, &product);
    product.handle = product_slug(arena, product.name);
    *ret_product = product;
    return status_ok();
}

struct status product_draft(struct arena *arena,
                            const ProductService__CreateProductRequest *request,
                            const struct product_context *context, struct product *ret_product)
{
    struct product product;
    struct status st = product_read_request(arena, request, context, &product);

    if (!failed(st)) st = product_check_variants(arena, &product);
    if (!failed(st)) st = product_check_currency(arena, product.currency);
    if (failed(st)) return st;
    if (product.is_unpriced && product.status == PRODUCT_ACTIVE) {
        if (*request->status)
            return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "price",
                                "must be given for an active product; 0 makes it free, and a draft "
                                "needs none");
        product.status = PRODUCT_DRAFT;
    }
    *ret_product = product;
    return status_ok();
}
