/* SPDX-License-Identifier: Apache-2.0 */
/* Permissions of products, changes of stock, and small questions about products. */
#include "services/product/product_fields.h"

#include "reasons.pb-c.h"

static const char *const status_names[] = {
    [PRODUCT_ACTIVE] = "active",
    [PRODUCT_DRAFT] = "draft",
    [PRODUCT_ARCHIVED] = "archived",
};

const char *product_status_name(enum product_status status)
{
    return status_names[status];
}

bool product_status_parse(const char *name, enum product_status *ret_status)
{
    if (!*name) {
        *ret_status = PRODUCT_ACTIVE;
        return true;
    }
    for (int status = PRODUCT_ACTIVE; status <= PRODUCT_ARCHIVED; status++) {
        if (strcmp(name, status_names[status]) != 0) continue;
        *ret_status = (enum product_status)status;
        return true;
    }
    return false;
}

/* ---- who may ---- */

bool product_is_owner(const struct product *product, const struct product_actor *actor)
{
    return *actor->email && str_equal_nocase(str_of(product->created_by), str_of(actor->email));
}

bool product_is_visible(const struct product *product, const struct product_actor *actor)
{
    return product->status == PRODUCT_ACTIVE || actor->is_admin || product_is_owner(product, actor);
}

struct status product_check_change(const struct product *product, const struct product_actor *actor)
{
    if (actor->is_admin || product_is_owner(product, actor)) return status_ok();
    if (!product_is_visible(product, actor)) return product_not_found();
    return status_make(STATUS_PERMISSION_DENIED, ARGOSY__REASON__NOT_OWNER,
                       "the product belongs to another seller");
}

struct status product_check_version(struct arena *arena, const struct product *product,
                                    int64_t version)
{
    if (version == 0 || version == product->version) return status_ok();
    return status_printf(
        arena, STATUS_ABORTED, ARGOSY__REASON__VERSION_STALE,
        "the product has been changed since; it is at version %lld, not %lld: read it again",
        (long long)product->version, (long long)version);
}

struct status product_check_unreserved(struct arena *arena, const struct product *product)
{
    for (size_t i = 0; i < product->variant_count; i++) {
        const struct product_variant *variant = &product->variants[i];
        if (variant->stock.reserved == 0) continue;
        return status_printf(
            arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STOCK_RESERVED,
            "orders have reserved %lld pieces of variant %s; archive the product instead",
            (long long)variant->stock.reserved, variant->variant_id);
    }
    return status_ok();
}

struct status product_not_found(void)
{
    return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__PRODUCT_NOT_FOUND,
                       "there is no such product in this category");
}

/* ---- small questions ---- */

static bool is_slug_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
}

char *product_slug(struct arena *arena, const char *name)
{
    enum { SLUG_MAX = 80 };
    const char *lower = str_lower(arena, str_of(name));
    char *slug = arena_alloc(arena, SLUG_MAX + 1);
    size_t length = 0;

    for (; *lower && length < SLUG_MAX; lower++) {
        if (is_slug_byte(*lower))
            slug[length++] = *lower;
        else if (length > 0 && slug[length - 1] != '-')
            slug[length++] = '-';
    }
    while (length > 0 && slug[length - 1] == '-') length--;
    slug[length] = 0;
    return length > 0 ? slug : arena_strdup(arena, "product");
}

int64_t product_unit_amount(const struct product *product)
{
    int64_t least = product->variants[0].unit_amount;

    for (size_t i = 1; i < product->variant_count; i++)
        if (product->variants[i].unit_amount < least) least = product->variants[i].unit_amount;
    return least;
}

static bool same_texts(const struct product_texts *a, const struct product_texts *b)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0) return false;
    return true;
}

static bool same_variant(const struct product_variant *a, const struct product_variant *b)
{
    if (!product_same_options(a, b)) return false;
    return strcmp(a->sku, b->sku) == 0 && strcmp(a->image_url, b->image_url) == 0 &&
           strcmp(a->barcode, b->barcode) == 0 && a->unit_amount == b->unit_amount &&
           a->compare_at_unit_amount == b->compare_at_unit_amount && a->grams == b->grams;
}

bool product_same_content(const struct product *a, const struct product *b)
{
    if (strcmp(a->category, b->category) != 0 || strcmp(a->name, b->name) != 0 ||
        strcmp(a->description, b->description) != 0 || strcmp(a->vendor, b->vendor) != 0 ||
        strcmp(a->currency, b->currency) != 0)
        return false;
    if (a->status != b->status || a->is_featured != b->is_featured) return false;
    if (!same_texts(&a->image_urls, &b->image_urls) || !same_texts(&a->tags, &b->tags))
        return false;
    if (a->variant_count != b->variant_count) return false;
    for (size_t i = 0; i < a->variant_count; i++)
        if (!same_variant(&a->variants[i], &b->variants[i])) return false;
    return true;
}

struct product_variant *product_find_variant(const struct product *product, const char *variant_id)
{
    if (!*variant_id) return product->variant_count == 1 ? &product->variants[0] : 0;
    for (size_t i = 0; i < product->variant_count; i++)
        if (strcmp(product->variants[i].variant_id, variant_id) == 0) return &product->variants[i];
    return 0;
}

/* ---- stock ---- */

char *product_stock_id(struct arena *arena, const struct product_variant *variant)
{
    return arena_printf(arena, "%s.%lld", variant->variant_id, (long long)variant->stock.epoch);
}

struct product_stock product_stock_initial(bool tracked, int64_t pieces)
{
    if (!tracked) return (struct product_stock){.imported = PRODUCT_IMPORTED_NEVER};
    return (struct product_stock){
        .tracked = true,
        .on_hand = pieces,
        .received = pieces,
        .imported = PRODUCT_IMPORTED_NEVER,
    };
}

bool product_stock_is_sound(const struct product_stock *stock)
{
    if (stock->reserved < 0 || stock->on_hand < stock->reserved || stock->sold < 0) return false;
    if (stock->received != stock->on_hand + stock->sold) return false;
    return stock->tracked || (stock->on_hand == 0 && stock->sold == 0);
}

static const char *cause_of(const struct product_stock_change *change)
{
    static const char *const causes[] = {
        [STOCK_DELTA] = "correction", [STOCK_COUNT] = "count", [STOCK_UNTRACK] = "untracked"};

    return *change->cause ? change->cause : causes[change->kind];
}

static struct status check_untrack(struct arena *arena, const struct product_stock *stock)
{
    if (!stock->tracked)
        return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STOCK_NOT_TRACKED,
                           "the stock of this variant is not tracked");
    if (stock->reserved > 0)
        return status_printf(
            arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STOCK_RESERVED,
            "orders have reserved %lld pieces; tracking can end once these orders are resolved",
            (long long)stock->reserved);
    return status_ok();
}

static struct status check_on_hand(struct arena *arena, const struct product_stock *stock,
                                   int64_t on_hand)
{
    if (on_hand < stock->reserved)
        return status_printf(
            arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STOCK_INSUFFICIENT,
            "%lld pieces would be left on hand, but %lld are reserved; at most %lld can be removed",
            (long long)on_hand, (long long)stock->reserved,
            (long long)product_stock_available(stock));
    if (on_hand > PRODUCT_STOCK_MAX)
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "delta",
                            "at most %lld pieces can be on hand", (long long)PRODUCT_STOCK_MAX);
    return status_ok();
}

struct status product_stock_apply(struct arena *arena, const struct product_stock_change *change,
                                  struct product_stock *stock,
                                  struct product_stock_entry *ret_entry)
{
    struct product_stock after = *stock;
    struct status st;

    if (change->kind == STOCK_UNTRACK) {
        st = check_untrack(arena, stock);
        if (failed(st)) return st;
        after = (struct product_stock){.imported = stock->imported, .epoch = stock->epoch + 1};
    } else {
        after.tracked = true;
        after.on_hand = change->kind == STOCK_COUNT ? change->pieces
                                                    : stock->on_hand + change->pieces;
        st = check_on_hand(arena, stock, after.on_hand);
        if (failed(st)) return st;
        after.received += after.on_hand - stock->on_hand;
    }
    invariant(product_stock_is_sound(&after));

    *ret_entry = (struct product_stock_entry){
        .variant_id = "",
        .cause = cause_of(change),
        .on_hand_delta = after.on_hand - stock->on_hand,
        .reserved_delta = after.reserved - stock->reserved,
        .reference = change->reference,
        .created_by = change->created_by,
        .created_us = change->now_us,
    };
    *stock = after;
    return status_ok();
}
