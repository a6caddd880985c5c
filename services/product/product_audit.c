/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that a variant's stock figures must satisfy, and the sums that they compare. */
#include "services/product/product_audit.h"

size_t product_stock_audit(
    const struct product_stock_sums *sums,
    struct product_stock_difference ret_differences[static PRODUCT_STOCK_DIFFERENCES_MAX])
{
    const struct product_stock *stock = &sums->stock;
    const struct {
        const char *number, *against;
        int64_t recorded, expected;
    } rules[PRODUCT_STOCK_DIFFERENCES_MAX] = {
        {"received", "available + reserved + sold", stock->received,
         product_stock_available(stock) + stock->reserved + stock->sold},
        {"on_hand", "the ledger's sum", stock->on_hand, sums->entries_on_hand},
        {"reserved", "the ledger's sum", stock->reserved, sums->entries_reserved},
        {"reserved", "the sum of open reservations", stock->reserved, sums->open},
        {"sold", "the sum of committed reservations", stock->sold, sums->committed},
    };
    size_t count = 0;

    for (size_t i = 0; i < PRODUCT_STOCK_DIFFERENCES_MAX; i++) {
        if (rules[i].recorded == rules[i].expected) continue;
        ret_differences[count++] = (struct product_stock_difference){
            .product_id = sums->product_id,
            .variant_id = sums->variant_id,
            .number = rules[i].number,
            .against = rules[i].against,
            .recorded = rules[i].recorded,
            .expected = rules[i].expected,
        };
    }
    return count;
}

/* ---- sheets ---- */

enum {
    VARIANTS_FIRST = 16,
    NO_EPOCH = -1, /* of a variant that is gone: nothing records what was sold of it */
};

void product_audit_begin(struct product_audit_sheet *sheet, const char *product_id)
{
    sheet->product_id = product_id;
    sheet->count = 0;
}

static bool is_of(const struct product_stock_sums *sums, struct str variant_id)
{
    return str_is(variant_id, sums->variant_id);
}

static struct product_stock_sums *find_sums(struct arena *arena, struct product_audit_sheet *sheet,
                                            struct str variant_id)
{
    if (sheet->last < sheet->count && is_of(&sheet->sums[sheet->last], variant_id))
        return &sheet->sums[sheet->last];
    for (size_t i = 0; i < sheet->count; i++) {
        if (!is_of(&sheet->sums[i], variant_id)) continue;
        sheet->last = i;
        return &sheet->sums[i];
    }
    if (sheet->count == sheet->capacity) {
        size_t capacity = sheet->capacity ? 2 * sheet->capacity : VARIANTS_FIRST;
        struct product_stock_sums *larger = arena_array(arena, struct product_stock_sums, capacity);
        if (sheet->count) memcpy(larger, sheet->sums, sheet->count * sizeof(*larger));
        sheet->sums = larger;
        sheet->capacity = capacity;
    }
    sheet->last = sheet->count;
    sheet->sums[sheet->count] = (struct product_stock_sums){
        .product_id = sheet->product_id,
        .variant_id = str_dup(arena, variant_id),
        .stock.epoch = NO_EPOCH,
    };
    return &sheet->sums[sheet->count++];
}

void product_audit_add_stock(struct arena *arena, struct product_audit_sheet *sheet,
                             struct str variant_id, const struct product_stock *stock)
{
    struct product_stock_sums *sums = find_sums(arena, sheet, variant_id);

    sums->stock = *stock;
    sums->is_there = true;
}

void product_audit_add_entry(struct arena *arena, struct product_audit_sheet *sheet,
                             struct str variant_id, int64_t on_hand_delta, int64_t reserved_delta)
{
    struct product_stock_sums *sums = find_sums(arena, sheet, variant_id);

    sums->entries_on_hand += on_hand_delta;
    sums->entries_reserved += reserved_delta;
}

void product_audit_add_line(struct arena *arena, struct product_audit_sheet *sheet,
                            struct str variant_id, const struct product_reservation_line *line,
                            enum product_reservation_state state)
{
    struct product_stock_sums *sums = find_sums(arena, sheet, variant_id);

    if (!line->counted) return;
    if (state == RESERVATION_OPEN) sums->open += line->quantity;
    if (state == RESERVATION_COMMITTED && line->epoch == sums->stock.epoch)
        sums->committed += line->quantity;
}

void product_audit_compare(const struct product_audit_sheet *sheet, size_t max,
                           struct product_audit *audit)
{
    for (size_t i = 0; i < sheet->count; i++) {
        struct product_stock_difference differences[PRODUCT_STOCK_DIFFERENCES_MAX];
        size_t count = product_stock_audit(&sheet->sums[i], differences);
        audit->variant_count += sheet->sums[i].is_there;
        audit->difference_count += (int64_t)count;
        for (size_t j = 0; j < count && audit->named_count < max; j++)
            audit->differences[audit->named_count++] = differences[j];
    }
}
