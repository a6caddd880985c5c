/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that a variant's stock figures must satisfy. */
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
