/* SPDX-License-Identifier: Apache-2.0 */
/* See product_import.h. */
#include "services/product/product_import.h"

#include "reasons.pb-c.h"

#define STOCK(name) PRODUCT_SERVICE__IMPORT_PRODUCT_REQUEST__STOCK__##name

void product_import_stock_first(const struct product_file_variant *said,
                                struct product_stock *stock)
{
    int64_t pieces = stock->on_hand;

    *stock = product_stock_initial(false, 0);
    switch (said->stock) {
    case STOCK(UNTRACKED): stock->imported = PRODUCT_IMPORTED_UNTRACKED; break;
    case STOCK(TRACKED): *stock = product_stock_initial(true, 0); break;
    case STOCK(AVAILABLE_IF_TRACKED):
        /* Nothing is tracked by it, but the number is known for a merge. */
        if (said->has_stock) stock->imported = pieces;
        break;
    default:
        if (!said->has_stock) break;
        *stock = product_stock_initial(true, pieces);
        stock->imported = pieces;
    }
}

/* Tracking ends, unless it began after a file had said the same. */
static struct status untrack(struct arena *arena, struct product_stock *stock)
{
    if (stock->imported == PRODUCT_IMPORTED_UNTRACKED) return status_ok();
    if (!stock->tracked) {
        stock->imported = PRODUCT_IMPORTED_UNTRACKED;
        return status_ok();
    }
    if (stock->reserved > 0)
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STOCK_RESERVED,
                             "the file ends the tracking of the stock, but orders have reserved "
                             "%lld pieces; import it again when they are resolved",
                             (long long)stock->reserved);
    *stock = (struct product_stock){.imported = PRODUCT_IMPORTED_UNTRACKED,
                                    .epoch = stock->epoch + 1};
    return status_ok();
}

/* `pieces` can be bought now, besides what is reserved. */
static void count(int64_t pieces, struct product_stock *stock)
{
    int64_t on_hand = stock->reserved + (pieces > 0 ? pieces : 0);

    stock->received += on_hand - stock->on_hand;
    stock->on_hand = on_hand;
    stock->tracked = true;
}

/* Every piece that ever came can be bought, is reserved, or was sold. So the quantity and what had
 * been taken from this stock when it was written down make what came, whatever has been taken
 * since. */
static void count_since(int64_t pieces, int64_t taken, struct product_stock *stock)
{
    int64_t before = stock->received;

    count(pieces + taken - stock->reserved - stock->sold, stock);
    /* A file that says what is so already is not the last that gave a quantity: one from elsewhere,
     * which does not say what was taken, must not count again because of it. */
    if (stock->received != before) stock->imported = pieces;
}

static struct status check_on_hand(struct arena *arena, const struct product_stock *stock)
{
    if (stock->on_hand <= PRODUCT_STOCK_MAX) return status_ok();
    return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "taken",
                        "makes %lld pieces on hand, but there can be at most %lld",
                        (long long)stock->on_hand, (long long)PRODUCT_STOCK_MAX);
}

struct status product_import_stock_merge(struct arena *arena,
                                         const struct product_file_variant *said, int64_t pieces,
                                         struct product_stock *stock)
{
    if (said->stock == STOCK(UNTRACKED)) return untrack(arena, stock);
    if (said->stock == STOCK(TRACKED)) {
        stock->tracked = true;
        return status_ok();
    }
    if (!said->has_stock) return status_ok();
    if (said->stock == STOCK(AVAILABLE_IF_TRACKED) && !stock->tracked) return status_ok();
    if (said->taken >= 0 && stock->tracked) {
        count_since(pieces, said->taken, stock);
    } else if (pieces != stock->imported) {
        count(pieces, stock);
        stock->imported = pieces;
    }
    return check_on_hand(arena, stock);
}
