/* SPDX-License-Identifier: Apache-2.0 */
/* Products from files: what a file has goes before what is there, and what it does not have stays.
 * Only the stock has a life of its own between two files (product_import_stock.c). */
#include "services/product/product_import.h"

#include "base/money.h"
#include "base/uuid.h"
#include "base/visible.h"
#include "reasons.pb-c.h"
#include "services/product/product_fields.h"

#define PART(name) PRODUCT_SERVICE__IMPORT_PRODUCT_REQUEST__PART__##name
#define STOCK(name) PRODUCT_SERVICE__IMPORT_PRODUCT_REQUEST__STOCK__##name

static bool keeps(const struct product *file, ProductService__ImportProductRequest__Part part)
{
    return (file->file->kept >> part & 1) != 0;
}

/* ---- reading ---- */

/* Handles stand in links: no white space, no slash, and nothing that makes two of them look
 * alike. */
static struct status check_handle(struct arena *arena, const char *handle)
{
    const char *objection;

    for (const char *next = handle; *next; next++) {
        if ((unsigned char)*next > 0x20 && *next != 0x7F && *next != '/') continue;
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "handle",
                            "must have no spaces, slashes or control characters");
    }
    objection = text_objection(str_of(handle), TEXT_LINE);
    if (objection)
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "handle", "%s", objection);
    if (*handle && strlen(handle) <= PRODUCT_HANDLE_MAX) return status_ok();
    return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "handle", "must have 1 to %d bytes",
                        PRODUCT_HANDLE_MAX);
}

static struct status check_parts(struct arena *arena,
                                 const ProductService__ImportProductRequest *request,
                                 size_t variant_count, uint32_t *ret_kept)
{
    uint32_t kept = 0;

    for (size_t i = 0; i < request->n_keep; i++) {
        int part = (int)request->keep[i];
        if (part <= 0 || part > PART(VARIANT_IMAGE_URL))
            return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "keep",
                                "has %d, which is no part of a product that this service knows",
                                part);
        kept |= UINT32_C(1) << part;
    }
    for (size_t i = 0; i < request->n_taken; i++)
        if (request->taken[i] < 0 || request->taken[i] > PRODUCT_STOCK_MAX)
            return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "taken",
                                "must be within 0 and %lld", (long long)PRODUCT_STOCK_MAX);
    const struct {
        const char *field;
        size_t count;
    } lists[] = {{"stock", request->n_stock},
                 {"taken", request->n_taken},
                 {"taken_from", request->n_taken_from}};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        if (lists[i].count > 0 && lists[i].count != variant_count)
            return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, lists[i].field,
                                "must have one item for each of the variants, or none");
    *ret_kept = kept;
    return status_ok();
}

/* What the request says of variants[index], besides what product_read_request reads. */
static struct product_file_variant file_variant(struct arena *arena,
                                                const ProductService__ImportProductRequest *request,
                                                const struct product *product, size_t index)
{
    const ProductService__VariantInput *input = index < request->product->n_variants
                                                    ? request->product->variants[index]
                                                    : NULL;
    bool priced = request->product->unit_amount_given_case || request->product->price_given_case ||
                  (input && (input->unit_amount_given_case || input->price_given_case));

    return (struct product_file_variant){
        .unpriced = !priced,
        .has_stock = product->variants[index].stock.tracked,
        .stock = index < request->n_stock ? request->stock[index] : STOCK(AVAILABLE),
        .taken = index < request->n_taken ? request->taken[index] : -1,
        .taken_from = index < request->n_taken_from
                          ? arena_strdup(arena, request->taken_from[index])
                          : "",
    };
}

struct status product_import_draft(struct arena *arena,
                                   const ProductService__ImportProductRequest *request,
                                   const struct product_context *context,
                                   struct product *ret_product)
{
    struct product_context partial = *context;
    struct product_file *file = arena_new(arena, struct product_file);
    struct product product;
    struct status st;

    if (!request->product)
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "product", "is required");
    st = check_handle(arena, request->handle);
    if (failed(st)) return st;
    partial.is_partial = true;
    st = product_read_request(arena, request->product, &partial, &product);
    if (failed(st)) return st;
    st = check_parts(arena, request, product.variant_count, &file->kept);
    if (failed(st)) return st;

    product.handle = arena_strdup(arena, request->handle);
    product.file = file;
    file->variants = arena_array(arena, struct product_file_variant, product.variant_count);
    for (size_t i = 0; i < product.variant_count; i++) {
        file->variants[i] = file_variant(arena, request, &product, i);
        product_import_stock_first(&file->variants[i], &product.variants[i].stock);
    }
    *ret_product = product;
    return status_ok();
}

struct status product_import_first(struct arena *arena, struct product *product)
{
    struct status st;

    if (keeps(product, PART(OPTIONS)) && product->variant_count > 1)
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "variants[1].options",
                            "are not in the file, so nothing tells the variants of this new "
                            "product apart: add the columns Option1 Name and Option1 Value");
    st = product_check_variants(arena, product);
    if (failed(st)) return st;
    if (keeps(product, PART(NAME)))
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "name",
                            "is not in the file, but there is no product with this handle yet, and "
                            "a new one needs it");
    for (size_t i = 0; i < product->variant_count && !product->is_unpriced; i++)
        if (product->file->variants[i].unpriced)
            return status_field(arena, ARGOSY__REASON__INVALID_FIELDS,
                                arena_printf(arena, "variants[%zu].price", i),
                                "must be given, as other variants of this new product have one");
    if (product->is_unpriced && product->status == PRODUCT_ACTIVE) product->status = PRODUCT_DRAFT;
    return product_check_currency(arena, product->currency);
}

/* ---- which variant is which ---- */

enum { NO_MATCH = -1 };

/* The stored variant that each of the file's is, by index, and which of the stored are taken. */
struct matches {
    int of[PRODUCT_VARIANTS_MAX];
    bool used[PRODUCT_VARIANTS_MAX];
};

static bool same_trimmed(const char *a, const char *b)
{
    return str_equal(str_trim(str_of(a)), str_trim(str_of(b)));
}

static bool same_options_trimmed(const struct product_variant *a, const struct product_variant *b)
{
    if (a->option_count != b->option_count) return false;
    for (size_t i = 0; i < a->option_count; i++)
        if (!same_trimmed(a->options[i].name, b->options[i].name) ||
            !same_trimmed(a->options[i].value, b->options[i].value))
            return false;
    return true;
}

static bool same_sku(const struct product_variant *a, const struct product_variant *b)
{
    return *a->sku && strcmp(a->sku, b->sku) == 0;
}

/* Matches what `same` says of those that are not matched yet; the same place is tried first. */
static void match_by(const struct product *product, const struct product *file,
                     bool (*same)(const struct product_variant *a, const struct product_variant *b),
                     struct matches *matches)
{
    size_t count = product->variant_count;

    for (size_t i = 0; i < file->variant_count; i++) {
        for (size_t j = 0; j < count && matches->of[i] == NO_MATCH; j++) {
            size_t there = (i + j) % count;
            if (matches->used[there] || !same(&product->variants[there], &file->variants[i]))
                continue;
            matches->of[i] = (int)there;
            matches->used[there] = true;
        }
    }
}

static void match(const struct product *product, const struct product *file,
                  struct matches *ret_matches)
{
    *ret_matches = (struct matches){0};
    for (size_t i = 0; i < file->variant_count; i++) ret_matches->of[i] = NO_MATCH;
    if (product->variant_count == 1 && file->variant_count == 1) {
        ret_matches->of[0] = 0;
        return;
    }
    if (keeps(file, PART(OPTIONS))) {
        match_by(product, file, same_sku, ret_matches);
        return;
    }
    match_by(product, file, product_same_options, ret_matches);
    match_by(product, file, same_options_trimmed, ret_matches);
}

/* ---- merging ---- */

/* A product without options may be written as one with the option Title, and the value Default
 * Title: the format has no other way. */
static bool has_default_title(const struct product_variant *variant)
{
    return variant->option_count == 1 && strcmp(variant->options[0].name, "Title") == 0 &&
           strcmp(variant->options[0].value, "Default Title") == 0;
}

static void keep_options(const struct product_variant *current, struct product_variant *variant)
{
    memcpy(variant->options, current->options, sizeof(variant->options));
    variant->option_count = current->option_count;
}

static void keep_variant_parts(const struct product *file, const struct product_variant *current,
                               bool unpriced, struct product_variant *variant)
{
    variant->variant_id = current->variant_id;
    if (keeps(file, PART(OPTIONS)) || (variant->option_count == 0 && has_default_title(current)))
        keep_options(current, variant);
    if (keeps(file, PART(SKU))) variant->sku = current->sku;
    if (keeps(file, PART(BARCODE))) variant->barcode = current->barcode;
    if (keeps(file, PART(GRAMS))) variant->grams = current->grams;
    if (keeps(file, PART(VARIANT_IMAGE_URL))) variant->image_url = current->image_url;
    if (keeps(file, PART(COMPARE_AT)))
        variant->compare_at_unit_amount = current->compare_at_unit_amount;
    if (unpriced) variant->unit_amount = current->unit_amount;
}

/* Never on sale for a guess: only where the product has no price yet is one without a price new. */
static struct status check_new_variant(struct arena *arena, const struct product *product,
                                       const struct product *file, size_t index)
{
    if (keeps(file, PART(OPTIONS)))
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS,
                            arena_printf(arena, "variants[%zu].options", index),
                            "are not in the file, and the SKU is that of none of the product's "
                            "variants (%zu): add the columns Option1 Name and Option1 Value",
                            product->variant_count);
    if (!file->file->variants[index].unpriced ||
        (product_is_free(product) && product->status == PRODUCT_DRAFT))
        return status_ok();
    return status_field(arena, ARGOSY__REASON__INVALID_FIELDS,
                        arena_printf(arena, "variants[%zu].price", index),
                        "must be given, as the product has no such variant yet");
}

static struct status merge_variant(struct arena *arena, const struct product *product,
                                   const struct product *file, size_t index, int match,
                                   struct product_variant *variant)
{
    struct product_file_variant said = file->file->variants[index];

    if (match == NO_MATCH) {
        variant->variant_id = uuid_new(arena);
        return check_new_variant(arena, product, file, index);
    }
    const struct product_variant *current = &product->variants[match];
    int64_t pieces = variant->stock.imported;
    keep_variant_parts(file, current, said.unpriced, variant);
    variant->stock = current->stock;
    if (said.taken > 0 && *said.taken_from &&
        strcmp(said.taken_from, product_stock_id(arena, current)) != 0)
        said.taken = 0;
    return product_import_stock_merge(arena, &said, pieces, &variant->stock);
}

/* The file has its variants in its own order; where it has no options, it only adds to what the
 * product has. */
static struct status merge_variants(struct arena *arena, const struct product *product,
                                    const struct product *file, struct product *after)
{
    bool in_place = keeps(file, PART(OPTIONS));
    struct matches matches;
    struct status st;

    match(product, file, &matches);
    for (size_t i = 0; i < file->variant_count; i++) {
        st = merge_variant(arena, product, file, i, matches.of[i], &after->variants[i]);
        if (failed(st)) return st;
    }
    if (!in_place) return status_ok();

    struct product_variant *variants = arena_memdup(arena, product->variants,
                                                    product->variant_count * sizeof(*variants));
    for (size_t i = 0; i < file->variant_count; i++) variants[matches.of[i]] = after->variants[i];
    after->variants = variants;
    after->variant_count = product->variant_count;
    return status_ok();
}

static void keep_product_parts(const struct product *product, const struct product *file,
                               struct product *after)
{
    if (keeps(file, PART(NAME))) after->name = product->name;
    if (keeps(file, PART(DESCRIPTION))) after->description = product->description;
    if (keeps(file, PART(CATEGORY))) after->category = product->category;
    if (keeps(file, PART(IMAGE_URLS))) after->image_urls = product->image_urls;
    if (keeps(file, PART(FEATURED))) after->is_featured = product->is_featured;
    if (keeps(file, PART(TAGS))) after->tags = product->tags;
    if (keeps(file, PART(VENDOR))) after->vendor = product->vendor;
    if (keeps(file, PART(STATUS))) after->status = product->status;
    if (keeps(file, PART(ARCHIVED)) && product->status == PRODUCT_ARCHIVED)
        after->status = PRODUCT_ARCHIVED;
    /* What never had a price is not for sale because a file says nothing of prices. */
    if (file->is_unpriced && product_is_free(product) && after->status == PRODUCT_ACTIVE)
        after->status = product->status;
}

/* ---- currencies ---- */

static bool has_compare_at(const struct product *product)
{
    for (size_t i = 0; i < product->variant_count; i++)
        if (product->variants[i].compare_at_unit_amount != 0) return true;
    return false;
}

static bool has_kept_amounts(const struct product *product, const struct product *file)
{
    if (keeps(file, PART(VARIANTS)) || keeps(file, PART(OPTIONS))) return !product_is_free(product);
    for (size_t i = 0; i < file->variant_count; i++)
        if (file->file->variants[i].unpriced) return !product_is_free(product);
    return keeps(file, PART(COMPARE_AT)) && has_compare_at(product);
}

/* The amount that has the same digits in another currency: 12.50 is 1250 with two decimals. */
static bool rescale(int from, int to, int64_t *amount)
{
    for (; from < to; from++)
        if (__builtin_mul_overflow(*amount, 10, amount)) return false;
    for (; from > to; from--) {
        if (*amount % 10 != 0) return false;
        *amount /= 10;
    }
    return true;
}

static struct status read_in_currency(struct arena *arena, const struct product *product,
                                      struct product *after)
{
    int from = 2, to = 2;

    money_exponent(after->currency, &from);
    money_exponent(product->currency, &to);
    for (size_t i = 0; i < after->variant_count; i++) {
        struct product_variant *variant = &after->variants[i];
        bool whole = rescale(from, to, &variant->unit_amount) &&
                     rescale(from, to, &variant->compare_at_unit_amount);
        if (whole && variant->unit_amount <= PRODUCT_UNIT_AMOUNT_MAX &&
            variant->compare_at_unit_amount <= PRODUCT_UNIT_AMOUNT_MAX)
            continue;
        if (whole)
            return status_field(arena, ARGOSY__REASON__INVALID_FIELDS,
                                arena_printf(arena, "variants[%zu].price", i),
                                "must be at most %lld in minor units of the product's currency %s",
                                PRODUCT_UNIT_AMOUNT_MAX, product->currency);
        return status_field(arena, ARGOSY__REASON__PRICE_TOO_PRECISE,
                            arena_printf(arena, "variants[%zu].price", i),
                            "has more decimals than the product's currency %s: give the file's "
                            "currency if it is another",
                            product->currency);
    }
    after->currency = product->currency;
    return status_ok();
}

/* Before prices are merged: those of the file. */
static struct status merge_currency(struct arena *arena, const struct product *product,
                                    const struct product *file, struct product *after)
{
    if (strcmp(after->currency, product->currency) == 0) return status_ok();
    if (keeps(file, PART(CURRENCY))) return read_in_currency(arena, product, after);
    if (has_kept_amounts(product, file))
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "currency",
                            "is %s, but the product has prices in %s that the file does not "
                            "replace: give all prices with a new currency",
                            after->currency, product->currency);
    return product_check_currency(arena, after->currency);
}

/* ---- the effect ---- */

static enum product_import_effect effect_on(const struct product *product,
                                            const struct product *after)
{
    enum product_import_effect effect = PRODUCT_IMPORT_NOTHING;

    if (!product_same_content(product, after)) return PRODUCT_IMPORT_CHANGE;
    for (size_t i = 0; i < after->variant_count; i++) {
        const struct product_stock *before = &product->variants[i].stock;
        const struct product_stock *stock = &after->variants[i].stock;
        if (strcmp(product->variants[i].variant_id, after->variants[i].variant_id) != 0)
            return PRODUCT_IMPORT_CHANGE;
        if (before->tracked != stock->tracked || before->on_hand != stock->on_hand)
            return PRODUCT_IMPORT_CHANGE;
        if (before->imported != stock->imported) effect = PRODUCT_IMPORT_NOTE;
    }
    return effect;
}

struct status product_import_merge(struct arena *arena, const struct product *product,
                                   const struct product *file, int64_t now_us,
                                   struct product *ret_product,
                                   enum product_import_effect *ret_effect)
{
    struct product after = *file;
    struct status st;

    after.variants = arena_memdup(arena, file->variants,
                                  file->variant_count * sizeof(*file->variants));
    st = merge_currency(arena, product, file, &after);
    if (failed(st)) return st;
    keep_product_parts(product, file, &after);
    if (keeps(file, PART(VARIANTS))) {
        after.variants = product->variants;
        after.variant_count = product->variant_count;
    } else {
        st = merge_variants(arena, product, file, &after);
        if (failed(st)) return st;
    }
    *ret_effect = effect_on(product, &after);
    if (*ret_effect == PRODUCT_IMPORT_NOTHING) return status_ok();

    st = product_check_variants(arena, &after);
    if (failed(st)) return st;
    st = product_check_removed(arena, product, &after);
    if (failed(st)) return st;
    after.product_id = product->product_id;
    after.handle = product->handle;
    after.created_by = product->created_by;
    after.created_us = product->created_us;
    after.updated_us = product->updated_us;
    after.version = product->version;
    if (*ret_effect == PRODUCT_IMPORT_CHANGE) {
        after.updated_us = now_us > product->updated_us ? now_us : product->updated_us;
        after.version++;
    }
    *ret_product = after;
    return status_ok();
}
