/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the fields of requests: what the field rules of the proto cannot say, such as the
 * decimals of a currency, prices that must agree, options that must fit together. For
 * product_draft, product_patch and product_import.
 *
 * INVALID_ARGUMENT names the field. What is read is copied into the arena. */
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

/* One line of text: what separates lines separates items in the store, and has no place in a name.
 */
struct status product_check_line(struct arena *arena, const char *field, const char *text);
struct status product_check_name(struct arena *arena, const char *name);
/* A category is one segment of a path, and no two of them should look alike. */
struct status product_check_category(struct arena *arena, const char *field, const char *category);

struct status product_read_image_urls(struct arena *arena, char *const *items, size_t count,
                                      struct product_texts *ret_texts);
/* Tags are a set in which case does not count; the first spelling stays. */
struct status product_read_tags(struct arena *arena, char *const *items, size_t count,
                                struct product_texts *ret_texts);

/* Fills in currency and exponent. CURRENCY_UNKNOWN. */
struct status product_read_currency(struct arena *arena, const char *currency,
                                    struct product_pricing *ret_pricing);
/* May a price be given in it from now on? CURRENCY_UNKNOWN for one that was withdrawn: what has a
 * price in it keeps that. */
struct status product_check_currency(struct arena *arena, const char *currency);
/* PRICE_TOO_PRECISE. `prefix` stands before the field's name: "" or "variants[3].". */
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
/* What variants must keep among themselves: the same options, no two with the same values or the
 * same SKU. */
struct status product_check_variants(struct arena *arena, const struct product *product);
/* Every variant of `before` that is not in `after` any more must be free of reservations. */
struct status product_check_removed(struct arena *arena, const struct product *before,
                                    const struct product *after);
/* VARIANTS_TOO_MANY. */
struct status product_check_variant_count(size_t count);

#endif
