/* SPDX-License-Identifier: Apache-2.0 */
/* Checks stock: received = available + reserved + sold, the ledger accounts for every piece, and
 * the pieces sold are those of confirmed orders. */
#include <string.h>

#include "product.rpc.h"
#include "tests/sim/sim.h"

enum { PAGE_SIZE = 200 };

static bool read_stock(struct call *call, struct sim *sim, struct sim_product *product,
                       ProductService__VariantStock *ret_stock)
{
    ProductService__GetStockRequest request = PRODUCT_SERVICE__GET_STOCK_REQUEST__INIT;
    ProductService__StandardResponse *response;
    struct sim_call asked;

    request.category = SIM_TEXT(product->category);
    request.product_id = product->product_id;
    sim_call_as_operator(&asked, call);
    struct status st = product_service_get_stock(&asked.call, sim->products, &request, &response);
    if (!failed(st)) *ret_stock = *response->stock->variants[0];
    return sim_call_must(sim, &asked, "GetStock", st);
}

static void check_sum(struct sim *sim, int number, const ProductService__VariantStock *stock)
{
    if (stock->available >= 0 && stock->reserved >= 0 && stock->sold >= 0 &&
        stock->received == stock->available + stock->reserved + stock->sold &&
        stock->on_hand == stock->available + stock->reserved)
        return;
    sim_fail(sim,
             "product %d: %lld received, but %lld available, %lld reserved, %lld sold, %lld on "
             "hand",
             number, (long long)stock->received, (long long)stock->available,
             (long long)stock->reserved, (long long)stock->sold, (long long)stock->on_hand);
}

void sim_check_stock_now(struct call *call, struct sim *sim)
{
    ProductService__VariantStock stock;

    for (int i = 0; i < SIM_PRODUCTS; i++)
        if (read_stock(call, sim, &sim->catalogue[i], &stock)) check_sum(sim, i, &stock);
}

static void check_ledger(struct call *call, struct sim *sim, int number,
                         const ProductService__VariantStock *stock)
{
    ProductService__ListStockEntriesRequest request =
        PRODUCT_SERVICE__LIST_STOCK_ENTRIES_REQUEST__INIT;
    struct sim_product *product = &sim->catalogue[number];
    ProductService__StandardResponse *response;
    int64_t on_hand = 0, reserved = 0;
    struct sim_call asked;
    struct status st;

    request.category = SIM_TEXT(product->category);
    request.product_id = product->product_id;
    request.page_size = PAGE_SIZE;
    sim_call_as_operator(&asked, call);
    do {
        st = product_service_list_stock_entries(&asked.call, sim->products, &request, &response);
        if (failed(st)) break;
        for (size_t i = 0; i < response->stock_entries->n_entries; i++) {
            on_hand += response->stock_entries->entries[i]->on_hand_delta;
            reserved += response->stock_entries->entries[i]->reserved_delta;
        }
        request.cursor = response->stock_entries->next_cursor;
    } while (request.cursor[0]);
    if (!sim_call_must(sim, &asked, "ListStockEntries", st)) return;
    if (on_hand != stock->on_hand || reserved != stock->reserved)
        sim_fail(sim, "product %d: %lld on hand and %lld reserved, by the ledger %lld and %lld",
                 number, (long long)stock->on_hand, (long long)stock->reserved, (long long)on_hand,
                 (long long)reserved);
}

static bool keeps_its_pieces(const struct sim_order *order)
{
    return order->was_fulfilled || strcmp(order->state, "CONFIRMED") == 0;
}

/* By the orders that were confirmed, and neither cancelled nor refunded before they were fulfilled.
 */
static int64_t sold_by_orders(const struct sim *sim, int product)
{
    int64_t sold = 0;

    for (int i = 0; i < sim->order_count; i++) {
        const struct sim_order *order = &sim->orders[i];
        if (!keeps_its_pieces(order)) continue;
        for (int j = 0; j < order->line_count; j++)
            if (order->lines[j].product == product) sold += order->lines[j].quantity;
    }
    return sold;
}

void sim_check_stock(struct call *call, struct sim *sim)
{
    ProductService__VariantStock stock;

    for (int i = 0; i < SIM_PRODUCTS; i++) {
        if (!read_stock(call, sim, &sim->catalogue[i], &stock)) continue;
        check_sum(sim, i, &stock);
        check_ledger(call, sim, i, &stock);
        if (stock.sold != sold_by_orders(sim, i))
            sim_fail(sim, "product %d: %lld sold, by the orders %lld", i, (long long)stock.sold,
                     (long long)sold_by_orders(sim, i));
        if (stock.reserved != 0)
            sim_fail(sim, "product %d: %lld are reserved for nobody", i, (long long)stock.reserved);
        sim_note(sim, "product %d: %lld available, %lld sold", i, (long long)stock.available,
                 (long long)stock.sold);
    }
}
