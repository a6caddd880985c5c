/* SPDX-License-Identifier: Apache-2.0 */
/* Changes a product by a request: only the given fields, with checks against the present
 * product. */
#include "base/uuid.h"
#include "reasons.pb-c.h"
#include "services/product/product_fields.h"

static struct status patch_texts(struct arena *arena,
                                 const ProductService__UpdateProductRequest *request,
                                 struct product *product)
{
    struct status st = status_ok();

    if (request->name_given_case) {
        st = product_check_name(arena, request->name);
        product->name = arena_strdup(arena, request->name);
    }
    if (!failed(st) && request->new_category_given_case) {
        st = product_check_category(arena, "new_category", request->new_category);
        product->category = arena_strdup(arena, request->new_category);
    }
    if (!failed(st) && request->vendor_given_case) {
        st = product_check_line(arena, "vendor", request->vendor);
        product->vendor = arena_strdup(arena, request->vendor);
    }
    if (!failed(st) && request->created_by_given_case) {
        st = product_check_line(arena, "created_by", request->created_by);
        if (!*request->created_by)
            st = status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "created_by",
                              "must name a seller");
        product->created_by = arena_strdup(arena, request->created_by);
    }
    if (failed(st)) return st;
    if (request->description_given_case)
        product->description = arena_strdup(arena, request->description);
    if (request->is_featured_given_case) product->is_featured = request->is_featured;
    if (request->status_given_case && !product_status_parse(request->status, &product->status))
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "status",
                            "must be active, draft or archived");
    return status_ok();
}

static struct status patch_lists(struct arena *arena,
                                 const ProductService__UpdateProductRequest *request,
                                 struct product *product)
{
    struct status st = status_ok();

    for (size_t i = 0; i < request->n_clear; i++) {
        bool tags = strcmp(request->clear[i], "tags") == 0;
        if (tags ? request->n_tags > 0 : request->n_image_urls > 0)
            return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "clear",
                                "%s can't be both given and cleared", request->clear[i]);
        *(tags ? &product->tags : &product->image_urls) = (struct product_texts){0};
    }
    if (request->n_tags > 0)
        st = product_read_tags(arena, request->tags, request->n_tags, &product->tags);
    if (failed(st) || request->n_image_urls == 0) return st;
    return product_read_image_urls(arena, request->image_urls, request->n_image_urls,
                                   &product->image_urls);
}

static bool costs_differ(const struct product *product)
{
    for (size_t i = 1; i < product->variant_count; i++)
        if (product->variants[i].unit_amount != product->variants[0].unit_amount) return true;
    return false;
}

/* Changes price and SKU by a request without variants. */
static struct status patch_single(struct arena *arena,
                                  const ProductService__UpdateProductRequest *request,
                                  const struct product_pricing *pricing, struct product *product)
{
    struct status st;

    if (pricing->given && costs_differ(product))
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "price",
                            "the product's variants have different prices; give `variants`");
    for (size_t i = 0; pricing->given && i < product->variant_count; i++)
        product->variants[i].unit_amount = pricing->fallback;
    if (!request->sku_given_case) return status_ok();

    if (product->variant_count > 1)
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "sku",
                            "the product has several variants; give `variants`");
    st = product_check_line(arena, "sku", request->sku);
    if (failed(st)) return st;
    product->variants[0].sku = arena_strdup(arena, request->sku);
    return status_ok();
}

struct status product_check_removed(struct arena *arena, const struct product *before,
                                    const struct product *after)
{
    for (size_t i = 0; i < before->variant_count; i++) {
        const struct product_variant *variant = &before->variants[i];
        bool kept = false;
        for (size_t j = 0; j < after->variant_count; j++)
            kept = kept || strcmp(after->variants[j].variant_id, variant->variant_id) == 0;
        if (kept || variant->stock.reserved == 0) continue;
        return status_printf(
            arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STOCK_RESERVED,
            "orders have reserved %lld pieces of variant %s, so it cannot be removed yet",
            (long long)variant->stock.reserved, variant->variant_id);
    }
    return status_ok();
}

static bool is_given_earlier(const ProductService__UpdateProductRequest *request, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(request->variants[i]->variant_id, request->variants[index]->variant_id) == 0)
            return true;
    return false;
}

static struct status patch_variant(struct arena *arena, const struct product *before,
                                   const ProductService__UpdateProductRequest *request,
                                   size_t index, const struct product_pricing *pricing,
                                   struct product_variant *ret_variant)
{
    const ProductService__VariantInput *input = request->variants[index];
    const struct product_variant *current = 0;
    struct status st;

    if (*input->variant_id) {
        current = product_find_variant(before, input->variant_id);
        if (!current || is_given_earlier(request, index))
            return status_field(arena, ARGOSY__REASON__VARIANT_NOT_FOUND,
                                arena_printf(arena, "variants[%zu].variant_id", index),
                                current ? "is given twice" : "the product has no such variant");
    }
    st = product_read_variant(arena, input, index, pricing, current, ret_variant);
    if (failed(st)) return st;
    if (!current) ret_variant->variant_id = uuid_new(arena);
    return status_ok();
}

static struct status patch_variants(struct arena *arena, const struct product *before,
                                    const ProductService__UpdateProductRequest *request,
                                    const struct product_pricing *pricing, struct product *product)
{
    struct status st;

    if (request->sku_given_case)
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "sku",
                            "must be given in the variants, if there are any");
    st = product_check_variant_count(request->n_variants);
    if (failed(st)) return st;
    product->variant_count = request->n_variants;
    product->variants = arena_array(arena, struct product_variant, request->n_variants);
    for (size_t i = 0; i < request->n_variants; i++) {
        st = patch_variant(arena, before, request, i, pricing, &product->variants[i]);
        if (failed(st)) return st;
    }
    st = product_check_variants(arena, product);
    if (failed(st)) return st;
    return product_check_removed(arena, before, product);
}

static bool all_priced(const ProductService__UpdateProductRequest *request)
{
    for (size_t i = 0; i < request->n_variants; i++)
        if (!request->variants[i]->unit_amount_given_case &&
            !request->variants[i]->price_given_case)
            return false;
    return request->n_variants > 0;
}

/* An amount has no meaning in another currency, so a new currency needs new prices. */
static struct status patch_currency(struct arena *arena,
                                    const ProductService__UpdateProductRequest *request,
                                    const struct product_pricing *pricing, struct product *product)
{
    if (strcmp(pricing->currency, product->currency) == 0) return status_ok();
    struct status st = product_check_currency(arena, pricing->currency);
    if (failed(st)) return st;
    if (!pricing->given && !all_priced(request))
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "currency",
                            "a new currency needs a new price; give `price` or `unit_amount` too");
    product->currency = pricing->currency;
    for (size_t i = 0; i < product->variant_count; i++)
        product->variants[i].compare_at_unit_amount = 0;
    return status_ok();
}

/* The prices of a patch: its price for the product if it gives one, else a default for new
 * variants. */
static struct status patch_pricing(struct arena *arena,
                                   const ProductService__UpdateProductRequest *request,
                                   const struct product *before,
                                   struct product_pricing *ret_pricing)
{
    struct product_price_input price = {
        .has_unit_amount = request->unit_amount_given_case != 0,
        .unit_amount = request->unit_amount_given_case != 0 ? request->unit_amount : 0,
        .has_price = request->price_given_case != 0,
        .price = request->price_given_case != 0 ? request->price : 0,
    };
    struct product_pricing pricing = {.given = price.has_unit_amount || price.has_price,
                                      .known = true,
                                      .fallback = product_unit_amount(before)};
    struct status st;

    st = product_read_currency(
        arena, request->currency_given_case ? request->currency : before->currency, &pricing);
    if (failed(st)) return st;
    if (pricing.given) st = product_read_price(arena, &price, &pricing, "", &pricing.fallback);
    if (failed(st)) return st;
    *ret_pricing = pricing;
    return status_ok();
}

bool product_is_free(const struct product *product)
{
    for (size_t i = 0; i < product->variant_count; i++)
        if (product->variants[i].unit_amount != 0) return false;
    return true;
}

/* A price of 0 may only mean that there was none yet, so activating such a product needs an
 * explicit price: nothing is given away by mistake. */
static struct status check_activation(struct arena *arena,
                                      const ProductService__UpdateProductRequest *request,
                                      const struct product *before, const struct product *after,
                                      const struct product_pricing *pricing)
{
    bool activated = before->status != PRODUCT_ACTIVE && after->status == PRODUCT_ACTIVE;

    if (!activated || !product_is_free(after) || pricing->given || all_priced(request))
        return status_ok();
    return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "price",
                        "must be given when a product without a price becomes active; 0 makes it "
                        "free");
}

/* Is there anything in the patched product that it did not have before? A patch gives stock to new
 * variants only, and these have new ids. */
static bool differs(const struct product *before, const struct product *after)
{
    if (!product_same_content(before, after)) return true;
    for (size_t i = 0; i < after->variant_count; i++)
        if (strcmp(before->variants[i].variant_id, after->variants[i].variant_id) != 0) return true;
    return strcmp(before->created_by, after->created_by) != 0;
}

struct status product_patch(struct arena *arena, const struct product *product,
                            const ProductService__UpdateProductRequest *request, int64_t now_us,
                            struct product *ret_product)
{
    struct product after = *product;
    struct product_pricing pricing;
    struct status st;

    after.variants = arena_memdup(arena, product->variants,
                                  product->variant_count * sizeof(*product->variants));
    st = patch_texts(arena, request, &after);
    if (failed(st)) return st;
    st = patch_lists(arena, request, &after);
    if (failed(st)) return st;
    st = patch_pricing(arena, request, product, &pricing);
    if (failed(st)) return st;
    st = patch_currency(arena, request, &pricing, &after);
    if (failed(st)) return st;
    st = request->n_variants > 0 ? patch_variants(arena, product, request, &pricing, &after)
                                 : patch_single(arena, request, &pricing, &after);
    if (failed(st)) return st;
    st = check_activation(arena, request, product, &after, &pricing);
    if (failed(st)) return st;

    /* A patch that changes nothing keeps the version, by which others would see a change. */
    if (differs(product, &after)) {
        after.version++;
        after.updated_us = now_us > product->updated_us ? now_us : product->updated_us;
    }
    *ret_product = after;
    return status_ok();
}
