/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the fields of requests and checks what the field rules of the proto can't express: the
 * decimals of a currency, prices that must agree, options that must fit together. For
 * product_draft, product_patch and product_import.
 *
 * INVALID_ARGUMENT names the field. Values are copied into the arena. */
#ifndef SERVICES_PRODUCT_PRODUCT_FIELDS_H
#define SERVICES_PRODUCT_PRODUCT_FIELDS_H

#include "services/product/product.h"

/* How prices are read. */
struct product_pricing {
    int exponent;
    const char *currency;
    bool given; /* the request has a price for the whole product */
    bool known; /* `fallback` is a price for new variants that have none of their own */
    int64_t fallback;
};

/* A price may be given in minor units, in major ones, or in both if they agree. */
struct product_price_input {
    bool has_unit_amount, has_price;
    int64_t unit_amount;
    double price;
};

/* A text must be a single line, because line feeds separate items in the store. */
struct status product_check_line(struct arena *arena, const char *field, const char *text);
struct status product_check_name(struct arena *arena, const char *name);
/* A category is one segment of a path, and must not be mistaken for another. */
struct status product_check_category(struct arena *arena, const char *field, const char *category);

struct status product_read_image_urls(struct arena *arena, char *const *items, size_t count,
                                      struct product_texts *ret_texts);
/* Tags are a set that ignores case; the first spelling is kept. */
struct status product_read_tags(struct arena *arena, char *const *items, size_t count,
                                struct product_texts *ret_texts);

/* Fills in currency and exponent. CURRENCY_UNKNOWN. */
struct status product_read_currency(struct arena *arena, const char *currency,
                                    struct product_pricing *ret_pricing);
/* May new prices have this currency? CURRENCY_UNKNOWN for a withdrawn one; existing prices keep
 * it. */
struct status product_check_currency(struct arena *arena, const char *currency);
/* The same as in the field rules of unit_amount. */
#define PRODUCT_UNIT_AMOUNT_MAX 100000000000LL

/* PRICE_TOO_PRECISE. `prefix` goes before the field's name: "" or "variants[3].". */
struct status product_read_price(struct arena *arena, const struct product_price_input *input,
                                 const struct product_pricing *pricing, const char *prefix,
                                 int64_t *ret_amount);

/* The product of a request, as product_draft makes it, but active without a price if the request
 * says so, and with variants that product_check_variants is still to be asked about. */
struct status product_read_request(struct arena *arena,
                                   const ProductService__CreateProductRequest *request,
                                   const struct product_context *context,
                                   struct product *ret_product);

/* Is every variant of it free? */
bool product_is_free(const struct product *product);

/* The variant that variants[index] describes; `current` is the one that it changes, NULL for a new
 * one. */
struct status product_read_variant(struct arena *arena, const ProductService__VariantInput *input,
                                   size_t index, const struct product_pricing *pricing,
                                   const struct product_variant *current,
                                   struct product_variant *ret_variant);

/* The same names and values in the same order? */
bool product_same_options(const struct product_variant *a, const struct product_variant *b);
/* Checks variants against one another: all must have the same options, and no two the same values
 * or the same SKU. */
struct status product_check_variants(struct arena *arena, const struct product *product);
/* Every variant of `before` that is missing in `after` must have no reserved pieces. */
struct status product_check_removed(struct arena *arena, const struct product *before,
                                    const struct product *after);
/* VARIANTS_TOO_MANY. */
struct status product_check_variant_count(size_t count);

#endif
