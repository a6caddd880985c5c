/* SPDX-License-Identifier: Apache-2.0 */
/* Products from files: a file says all of a product, so what it leaves out is empty afterwards;
 * only the stock has a life of its own between two files. */
#include "base/uuid.h"
#include "reasons.pb-c.h"
#include "services/product/product_fields.h"

/* Handles stand in links: no white space, no slash. */
static struct status check_handle(struct arena *arena, const char *handle)
{
    for (const char *next = handle; *next; next++) {
        if ((unsigned char)*next > 0x20 && *next != 0x7F && *next != '/') continue;
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "handle",
                            "must have no spaces, slashes or control characters");
    }
    if (*handle && strlen(handle) <= PRODUCT_HANDLE_MAX) return status_ok();
    return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "handle", "must have 1 to %d bytes",
                        PRODUCT_HANDLE_MAX);
}

struct status product_import_draft(struct arena *arena,
                                   const ProductService__ImportProductRequest *request,
                                   const struct product_context *context,
                                   struct product *ret_product)
{
    struct product product;
    struct status st;

    if (!request->product)
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "product", "is required");
    st = check_handle(arena, request->handle);
    if (failed(st)) return st;
    st = product_read_request(arena, request->product, context, &product);
    if (failed(st)) return st;

    product.handle = arena_strdup(arena, request->handle);
    for (size_t i = 0; i < product.variant_count; i++) {
        struct product_stock *stock = &product.variants[i].stock;
        if (stock->tracked) stock->imported = stock->on_hand;
    }
    *ret_product = product;
    return status_ok();
}

struct status product_import_first(struct arena *arena, struct product *product)
{
    if (product->is_unpriced && product->status == PRODUCT_ACTIVE) product->status = PRODUCT_DRAFT;
    return product_check_currency(arena, product->currency);
}

/* The stored variant that the file's variant is; NULL if it is new. */
static const struct product_variant *counterpart(const struct product *product,
                                                 const struct product *file,
                                                 const struct product_variant *variant)
{
    for (size_t i = 0; i < product->variant_count; i++)
        if (product_same_options(&product->variants[i], variant)) return &product->variants[i];
    return product->variant_count == 1 && file->variant_count == 1 ? &product->variants[0] : 0;
}

/* `file` is the stock as the file gives it, *stock as it is. */
static struct status merge_stock(struct arena *arena, const struct product_stock *file,
                                 struct product_stock *stock)
{
    if (!file->tracked || file->imported == stock->imported) return status_ok();
    if (file->on_hand < stock->reserved)
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STOCK_INSUFFICIENT,
                             "the file has %lld pieces on hand, but orders have reserved %lld",
                             (long long)file->on_hand, (long long)stock->reserved);
    stock->received += file->on_hand - stock->on_hand;
    stock->on_hand = file->on_hand;
    stock->imported = file->imported;
    stock->tracked = true;
    return status_ok();
}

static bool same_stock(const struct product_stock *a, const struct product_stock *b)
{
    return a->tracked == b->tracked && a->on_hand == b->on_hand && a->imported == b->imported;
}

/* What a file that names no price leaves as it is: prices, the currency that they are in, and that
 * a product which never had any is not for sale. */
static void keep_prices(const struct product *product, struct product *file)
{
    file->currency = product->currency;
    for (size_t i = 0; i < file->variant_count; i++) {
        const struct product_variant *current = counterpart(product, file, &file->variants[i]);
        file->variants[i].unit_amount = current ? current->unit_amount
                                                : product_unit_amount(product);
    }
    if (product_is_free(product) && file->status == PRODUCT_ACTIVE) file->status = product->status;
}

struct status product_import_merge(struct arena *arena, const struct product *product,
                                   const struct product *file, int64_t now_us,
                                   struct product *ret_product, bool *ret_changed)
{
    struct product after = *file;
    struct status st;
    bool changed;

    after.variants = arena_memdup(arena, file->variants,
                                  file->variant_count * sizeof(*file->variants));
    if (file->is_unpriced) keep_prices(product, &after);
    if (strcmp(after.currency, product->currency) != 0) {
        st = product_check_currency(arena, after.currency);
        if (failed(st)) return st;
    }
    changed = !product_same_content(product, &after);
    for (size_t i = 0; i < after.variant_count; i++) {
        struct product_variant *variant = &after.variants[i];
        const struct product_variant *current = counterpart(product, file, variant);
        struct product_stock given = variant->stock;
        if (!current) {
            variant->variant_id = uuid_new(arena);
            continue;
        }
        variant->variant_id = current->variant_id;
        variant->stock = current->stock;
        st = merge_stock(arena, &given, &variant->stock);
        if (failed(st)) return st;
        changed = changed || !same_stock(&variant->stock, &current->stock);
    }
    *ret_changed = changed;
    if (!changed) return status_ok();

    st = product_check_removed(arena, product, &after);
    if (failed(st)) return st;
    after.product_id = product->product_id;
    after.handle = product->handle;
    after.created_by = product->created_by;
    after.created_us = product->created_us;
    after.updated_us = now_us > product->updated_us ? now_us : product->updated_us;
    after.version = product->version + 1;
    *ret_product = after;
    return status_ok();
}
