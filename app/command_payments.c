/* SPDX-License-Identifier: Apache-2.0 */
/* argosy payments reconcile: prints where payments, ledger, provider and orders contradict one
 * another. */
#include <stdio.h>
#include <string.h>

#include "app/commands.h"
#include "app/shop.h"
#include "base/json.h"
#include "payment.rpc.h"
#include "rpc/service.h"

enum { LINE_MAX_SIZE = 8192 };

struct reconciliation {
    bool json;
    size_t differences, mended;
};

static void print_json(const PaymentService__Difference *difference)
{
    struct buffer line;
    struct json_writer json;

    buffer_init(&line, LINE_MAX_SIZE);
    json_writer_init(&json, &line);
    json_object(&json);
    json_member(&json, "payment_id", str_of(difference->payment_id));
    json_member(&json, "order_id", str_of(difference->order_id));
    json_member(&json, "what", str_of(difference->what));
    json_member(&json, "ours", str_of(difference->ours));
    json_member(&json, "ledger", str_of(difference->ledger));
    json_member(&json, "provider", str_of(difference->provider));
    json_member(&json, "order", str_of(difference->order));
    json_key(&json, STR("mended"));
    json_value_bool(&json, difference->mended);
    json_object_end(&json);
    command_print("%.*s", STR_ARGS(buffer_str(&line)));
    buffer_release(&line);
}

static const char *shown(const char *text)
{
    return text[0] ? text : "-";
}

static void print(const struct reconciliation *reconciliation,
                  const PaymentService__Difference *difference)
{
    if (reconciliation->json) {
        print_json(difference);
        return;
    }
    if (reconciliation->differences == 1)
        printf("%-36s  %-36s  %-10s  %-24s  %-12s  %-12s  %-10s  %s\n", "PAYMENT", "ORDER", "WHAT",
               "OURS", "LEDGER", "PROVIDER", "STATE", "MENDED");
    command_print("%-36s  %-36s  %-10s  %-24s  %-12s  %-12s  %-10s  %s",
                  shown(difference->payment_id), shown(difference->order_id), difference->what,
                  shown(difference->ours), shown(difference->ledger), shown(difference->provider),
                  shown(difference->order), difference->mended ? "yes" : "no");
}

static struct status reconcile(struct call *call, struct shop *shop, void *data)
{
    PaymentService__ReconcilePaymentsRequest request =
        PAYMENT_SERVICE__RECONCILE_PAYMENTS_REQUEST__INIT;
    struct reconciliation *reconciliation = data;
    PaymentService__Difference *difference;
    struct rpc_stream *stream;
    struct status st;

    st = payment_service_reconcile_payments_open(call, shop_channel(shop, "payment"), &request, 0,
                                                 &stream);
    if (failed(st)) return st;
    for (;;) {
        st = payment_service_reconcile_payments_receive(call, stream, &difference);
        if (failed(st) || !difference) break;
        reconciliation->differences++;
        reconciliation->mended += difference->mended != 0;
        print(reconciliation, difference);
    }
    struct status final = rpc_stream_finish(call, stream);
    return failed(final) ? final : st;
}

/* The names of the services to compare, as far as this program has them. */
static const char *compared(struct arena *arena)
{
    const char *names = "payment";

    for (size_t i = 0; services_registry[i]; i++) {
        const char *name = services_registry[i]->name;
        if (strcmp(name, "bank") == 0 || strcmp(name, "order") == 0)
            names = arena_printf(arena, "%s,%s", names, name);
    }
    return names;
}

static int payments_reconcile(const struct command_line *line)
{
    struct shop_options options = {.only = compared(line->arena), .existing = true, .shards = 1};
    struct reconciliation reconciliation = {.json = command_option(line, "json") != 0};
    struct shop *shop;

    struct status st = shop_new(line->arena, line->config, &options, &shop);
    if (!failed(st)) {
        st = shop_call(shop, reconcile, &reconciliation);
        shop_free(shop);
    }
    if (failed(st)) {
        command_error("%s", st.message);
        return EXIT_FAILED;
    }
    if (!reconciliation.json && reconciliation.mended > 0)
        printf("%zu differences, %zu of them mended\n", reconciliation.differences,
               reconciliation.mended);
    else if (!reconciliation.json)
        printf("%zu differences\n", reconciliation.differences);
    return reconciliation.differences > reconciliation.mended ? EXIT_FAILED : EXIT_OK;
}

const struct command command_payments_reconcile = {
    .name = "payments reconcile",
    .arguments = "",
    .summary = "Compare payments, orders, ledger and provider.",
    .description =
        "Compares every payment with the ledger's postings, its order and the payment "
        "provider, every charge of the provider with our payments, and every order that must "
        "be paid with its payment. What the provider has and we missed (a lost webhook, a "
        "refund that failed later or was made in the provider's own dashboard) is booked. "
        "Prints each difference and whether it was mended; the exit status is 1 if any was "
        "not. An order whose payment is 'none' has lost an event; see `argosy dlq list`.\n"
        "\n"
        "The shop may be running. Reads the store named by PAYMENT_STORE, or asks the service "
        "at PAYMENT_URL. Payments with an operation in progress are compared with the ledger "
        "only.",
    .options = {{"json", 0, "Print each difference as one line of JSON."}},
    .run = payments_reconcile,
};
