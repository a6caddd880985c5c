/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from a change of one product: the product, the stock of its variants with the
 * ledger's entries, and the answer to the request; for the store of any engine. */
#include "services/product/product_writes.h"

#include "base/clock.h"
#include "reasons.pb-c.h"

/* ---- the stock that a change leaves ---- */

/* Who changes it and why, for the ledger. */
struct origin {
    const char *cause;
    const char *created_by;
    int64_t now_us;
};

static const struct product_stock none;

static bool same_stock(const struct product_stock *a, const struct product_stock *b)
{
    return a->tracked == b->tracked && a->on_hand == b->on_hand && a->reserved == b->reserved &&
           a->received == b->received && a->sold == b->sold && a->imported == b->imported &&
           a->epoch == b->epoch;
}

/* Adds a variant's stock with the ledger's entry, which a variant that comes or goes without any
 * stock does not have. */
static void add_stock(struct product_write *write, const struct origin *origin,
                      const struct product_stock_write *stock)
{
    const struct product_stock *before = stock->before ? stock->before : &none;
    const struct product_stock *after = stock->after ? stock->after : &none;
    struct product_stock_write *added = &write->stocks[write->stock_count++];

    *added = *stock;
    added->entry = (struct product_stock_entry){
        .variant_id = stock->variant_id,
        .cause = "",
        .on_hand_delta = after->on_hand - before->on_hand,
        .reserved_delta = after->reserved - before->reserved,
        .reference = "",
        .created_by = origin->created_by,
        .created_us = origin->now_us,
    };
    if (before->tracked != after->tracked || added->entry.on_hand_delta != 0 ||
        added->entry.reserved_delta != 0)
        added->entry.cause = origin->cause;
}

static void add_stocks_after(struct product_write *write, const struct product *before,
                             const struct product *after, const struct origin *origin)
{
    for (size_t i = 0; i < after->variant_count; i++) {
        const struct product_variant *variant = &after->variants[i], *old = NULL;
        if (before) old = product_find_variant(before, variant->variant_id);
        if (old && same_stock(&old->stock, &variant->stock)) continue;
        const struct product_stock_write stock = {.variant_id = variant->variant_id,
                                                  .position = i,
                                                  .before = old ? &old->stock : NULL,
                                                  .after = &variant->stock};
        add_stock(write, origin, &stock);
    }
}

static void add_stocks_removed(struct product_write *write, const struct product *before,
                               const struct product *after, const char *created_by, int64_t now_us)
{
    const struct origin removed = {"removed", created_by, now_us};

    for (size_t i = 0; i < before->variant_count; i++) {
        const struct product_variant *variant = &before->variants[i];
        if (after && product_find_variant(after, variant->variant_id)) continue;
        const struct product_stock_write stock = {
            .variant_id = variant->variant_id, .position = i, .before = &variant->stock};
        add_stock(write, &removed, &stock);
    }
}

/* Fills in the stock of all variants that differ; `after` is NULL for a removed product. */
static void find_stocks(struct arena *arena, struct product_write *write,
                        const struct product *after, const struct origin *origin)
{
    const struct product *before = write->before;
    size_t max = (before ? before->variant_count : 0) + (after ? after->variant_count : 0);

    write->stocks = arena_array(arena, struct product_stock_write, max);
    if (after) add_stocks_after(write, before, after, origin);
    if (before) add_stocks_removed(write, before, after, origin->created_by, origin->now_us);
}

static void answer(struct arena *arena, const struct product_request *request,
                   struct product_write *write)
{
    if (request && change_wants_answer(&request->cause))
        write->record.answer = request->answer(arena, &write->product);
}

/* ---- products ---- */

/* The handle for a product whose first `taken` ones are: its own, then with the random end of the
 * product's id, six digits of it or all; NULL: there are no more. */
static const char *free_handle(struct arena *arena, const struct product *product, size_t taken)
{
    static const size_t suffixes[] = {0, 6, 36};
    size_t length = strlen(product->product_id);

    if (taken == 0) return product->handle;
    if (taken >= sizeof(suffixes) / sizeof(suffixes[0])) return NULL;
    size_t start = suffixes[taken] < length ? length - suffixes[taken] : 0;
    return arena_printf(arena, "%s-%s", product->handle, product->product_id + start);
}

struct status product_decide_insert(const struct call *call, const struct product *product,
                                    const struct product_request *request, size_t taken,
                                    struct product_write *ret_write)
{
    const struct origin origin = {"initial", product->created_by, clock_now_us()};
    const char *handle = free_handle(call->arena, product, taken);

    if (!handle)
        return status_make(STATUS_ALREADY_EXISTS, ARGOSY__REASON__PRODUCT_EXISTS,
                           "the product already exists");
    *ret_write = (struct product_write){.kind = PRODUCT_WRITE_NEW, .product = *product};
    ret_write->product.handle = handle;
    find_stocks(call->arena, ret_write, &ret_write->product, &origin);
    answer(call->arena, request, ret_write);
    return status_ok();
}

struct status product_decide_update(const struct call *call, const struct product_change *change,
                                    const struct product *product, struct product_write *ret_write)
{
    const struct origin origin = {"initial", change->created_by, clock_now_us()};
    struct status st;

    *ret_write = (struct product_write){
        .kind = PRODUCT_WRITE_EDIT, .before = product, .product = *product};
    st = change->apply(call, &ret_write->product, change->data);
    if (failed(st)) return st;
    find_stocks(call->arena, ret_write, &ret_write->product, &origin);
    return status_ok();
}

struct status product_decide_removal(const struct call *call, const struct product_check *check,
                                     const struct product *product, struct product_write *ret_write)
{
    const struct origin origin = {"removed", check->created_by, clock_now_us()};
    struct status st = check->allow(call, product, check->data);

    if (failed(st)) return st;
    *ret_write = (struct product_write){
        .kind = PRODUCT_WRITE_REMOVAL, .before = product, .product = *product};
    find_stocks(call->arena, ret_write, NULL, &origin);
    return status_ok();
}

/* ---- stock ---- */

struct status product_adjusted_variant(const struct call *call,
                                       const struct product_adjustment *adjustment,
                                       const struct product *product,
                                       struct product_variant **ret_variant)
{
    struct product_variant *variant = product_find_variant(product, adjustment->variant_id);
    struct status st = adjustment->check->allow(call, product, adjustment->check->data);

    if (failed(st)) return st;
    if (!variant && !*adjustment->variant_id)
        return status_field(call->arena, ARGOSY__REASON__VARIANT_NOT_FOUND, "variant_id",
                            "the product has several variants; name one");
    if (!variant)
        return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__VARIANT_NOT_FOUND,
                           "the product has no such variant");
    *ret_variant = variant;
    return st;
}

struct status product_decide_adjustment(const struct call *call,
                                        const struct product_adjustment *adjustment,
                                        const struct product *product, bool is_known,
                                        struct product_write *ret_write)
{
    struct arena *arena = call->arena;
    struct product_write write = {.before = product, .product = *product};
    struct product_variant *variant;
    struct status st = product_adjusted_variant(call, adjustment, product, &variant);

    if (failed(st)) return st;
    if (!is_known) {
        struct product_stock_write *stock = write.stocks = arena_new(arena,
                                                                     struct product_stock_write);
        write.kind = PRODUCT_WRITE_STOCK;
        write.stock_count = 1;
        stock->position = (size_t)(variant - product->variants);
        write.product.variants = arena_memdup(arena, product->variants,
                                              product->variant_count * sizeof(*variant));
        stock->before = &variant->stock;
        variant = &write.product.variants[stock->position];
        st = product_stock_apply(arena, adjustment->change, &variant->stock, &stock->entry);
        if (failed(st)) return st;
        stock->after = &variant->stock;
        stock->variant_id = stock->entry.variant_id = variant->variant_id;
    }
    answer(arena, adjustment->request, &write);
    *ret_write = write;
    return status_ok();
}

/* ---- imports ---- */

#define OUTCOME(name) PRODUCT_SERVICE__IMPORT_PRODUCT_RESULT__OUTCOME__##name

static void import_new(struct arena *arena, struct product_import *import,
                       struct product_write *write)
{
    write->product = import->product;
    write->kind = PRODUCT_WRITE_NEW;
    import->status = product_import_first(arena, &write->product);
    import->outcome = OUTCOME(CREATED);
}

static void import_existing(struct arena *arena, struct product_import *import, int64_t now_us,
                            struct product_write *write)
{
    enum product_import_effect effect = PRODUCT_IMPORT_NOTHING;

    write->product = *write->before;
    import->status = product_import_merge(arena, write->before, &import->product, now_us,
                                          &write->product, &effect);
    import->outcome = effect == PRODUCT_IMPORT_CHANGE ? OUTCOME(UPDATED) : OUTCOME(UNCHANGED);
    if (effect == PRODUCT_IMPORT_CHANGE) write->kind = PRODUCT_WRITE_EDIT;
    if (effect == PRODUCT_IMPORT_NOTE) write->kind = PRODUCT_WRITE_STOCK;
}

void product_decide_import(const struct call *call, struct product_import *import,
                           const struct product *product, struct product_write *ret_write)
{
    const struct origin origin = {"import", import->product.created_by, clock_now_us()};

    *ret_write = (struct product_write){.before = product};
    if (product)
        import_existing(call->arena, import, origin.now_us, ret_write);
    else
        import_new(call->arena, import, ret_write);
    if (failed(import->status)) import->outcome = OUTCOME(REFUSED);
    if (failed(import->status) || import->dry_run) ret_write->kind = PRODUCT_WRITE_NONE;
    if (ret_write->kind != PRODUCT_WRITE_NONE)
        find_stocks(call->arena, ret_write, &ret_write->product, &origin);
}
