/* SPDX-License-Identifier: Apache-2.0 */
/* argosy stock check: prints where the stock and its ledger contradict each other. */
#include <stdio.h>

#include "app/commands.h"
#include "app/shop.h"
#include "product.rpc.h"

/* Enough for a large shop, at the lowest priority. */
enum { CHECK_TIMEOUT_MS = 3600 * 1000 };

static void print_difference(const ProductService__StockDifference *difference)
{
    command_print("product %s, variant %s: %s is %lld, but %s says %lld", difference->product_id,
                  difference->variant_id, difference->number, (long long)difference->recorded,
                  difference->against, (long long)difference->expected);
}

static struct status check(struct call *call, struct shop *shop, void *data)
{
    ProductService__CheckStockRequest request = PRODUCT_SERVICE__CHECK_STOCK_REQUEST__INIT;
    ProductService__CheckStockResponse *answer;
    const struct rpc_options options = {.timeout_ms = CHECK_TIMEOUT_MS};
    int64_t *differences = data;

    struct status st = product_service_check_stock_with(call, shop_channel(shop, "product"),
                                                        &request, &options, &answer);
    if (failed(st)) return st;
    for (size_t i = 0; i < answer->n_differences; i++) print_difference(answer->differences[i]);
    if ((size_t)answer->difference_count > answer->n_differences)
        printf("and %lld more\n",
               (long long)answer->difference_count - (long long)answer->n_differences);
    printf("%lld variants checked, %lld differences\n", (long long)answer->variant_count,
           (long long)answer->difference_count);
    *differences = answer->difference_count;
    return st;
}

static int stock_check(const struct command_line *line)
{
    struct shop_options options = {.only = "product", .existing = true, .shards = 1};
    int64_t differences = 0;
    struct shop *shop;

    struct status st = shop_new(line->arena, line->config, &options, &shop);
    if (!failed(st)) {
        st = shop_call(shop, check, &differences);
        shop_free(shop);
    }
    if (failed(st)) command_error("%s", st.message);
    return failed(st) || differences > 0 ? EXIT_FAILED : EXIT_OK;
}

const struct command command_stock_check = {
    .name = "stock check",
    .arguments = "",
    .summary = "Check that the stock adds up.",
    .description =
        "Checks the stock figures of every variant: received must equal available, reserved "
        "and sold together; on hand and reserved must be the sums of the ledger's entries; "
        "reserved must be what open reservations hold, and sold what committed ones have "
        "taken. Prints each difference; the exit status is then 1.\n"
        "\n"
        "The shop may be running. Reads the store named by PRODUCT_STORE, or asks the service "
        "at PRODUCT_URL.",
    .run = stock_check,
};
