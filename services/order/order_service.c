/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the order service: reads its settings, opens its store, registers its handlers. */
#include "services/order/order_service.h"

enum { US_PER_MS = 1000 };

extern const struct service_module order_service;

static const struct setting settings[] = {
    {"ORDER_VALIDATION_TIMEOUT", SETTING_DURATION, "5m",
     "How long an order waits for its stock before it is cancelled.", 1000, 86400000},
    {"ORDER_PAYMENT_TIMEOUT", SETTING_DURATION, "15m",
     "How long an order waits for its payment before it is cancelled.", 1000, 2592000000},
    {"ORDER_METHOD_TIMEOUT", SETTING_DURATION, "5m",
     "How long an order without a payment method waits for one before it is cancelled.", 1000,
     2592000000},
    {"ORDER_UNPAID_MAX", SETTING_INTEGER, "10", "Most unpaid orders of one customer; 0: no limit.",
     0, 1000000},
    {"ORDER_UNPAID_LINES_MAX", SETTING_INTEGER, "500",
     "Most lines in one customer's unpaid orders; 0: no limit.", 0, 1000000000},
    {"ORDER_UNPAID_PIECES_MAX", SETTING_INTEGER, "10000",
     "Most pieces in one customer's unpaid orders; 0: no limit.", 0, 1000000000000},
    {"ORDER_ADDRESS_UNPAID_MAX", SETTING_INTEGER, "100",
     "Most unpaid orders of all customers at one network address; 0: no limit.", 0, 1000000},
    {"ORDER_ADDRESS_UNPAID_LINES_MAX", SETTING_INTEGER, "1000",
     "Most lines in the unpaid orders of one network address; 0: no limit.", 0, 1000000000},
    {"ORDER_ADDRESS_UNPAID_PIECES_MAX", SETTING_INTEGER, "50000",
     "Most pieces in the unpaid orders of one network address; 0: no limit.", 0, 1000000000000},
    {"ORDER_CAPTURE", SETTING_TEXT, "fulfil",
     "When payments are captured: fulfil (when the goods leave) or confirm (at once).", 0, 0},
    {"ORDER_ANSWER_WITHIN", SETTING_DURATION, "5s",
     "How long FulfilOrder waits for the order's stock before it is refused, and then for the "
     "capture before it answers 202.",
     1, 60000},
    {"ORDER_LINES_MAX", SETTING_INTEGER, "500", "Most lines in one order.", 1,
     ORDER_LINES_CAPACITY},
    {"ORDER_QUANTITY_MAX", SETTING_INTEGER, "10000", "Most pieces of one variant in one order.", 1,
     ORDER_QUANTITY_CAPACITY},
    {"ORDER_WATCHERS_MAX", SETTING_INTEGER, "10000",
     "Most orders that are watched at the same time in this process.", 1, 1000000},
    {0},
};

static struct status read_policy(const struct service_context *context, struct order_policy *policy)
{
    const struct config *config = context->config;
    const char *capture = config_text(config, "ORDER_CAPTURE");

    *policy = (struct order_policy){
        .lines_max = (int)config_integer(config, "ORDER_LINES_MAX"),
        .quantity_max = (int)config_integer(config, "ORDER_QUANTITY_MAX"),
        .validation_timeout_us = config_duration_ms(config, "ORDER_VALIDATION_TIMEOUT") * US_PER_MS,
        .payment_timeout_us = config_duration_ms(config, "ORDER_PAYMENT_TIMEOUT") * US_PER_MS,
        .method_timeout_us = config_duration_ms(config, "ORDER_METHOD_TIMEOUT") * US_PER_MS,
        .captures_on_confirm = strcmp(capture, "confirm") == 0,
        .of_customer = {config_integer(config, "ORDER_UNPAID_MAX"),
                        config_integer(config, "ORDER_UNPAID_LINES_MAX"),
                        config_integer(config, "ORDER_UNPAID_PIECES_MAX")},
        .of_client = {config_integer(config, "ORDER_ADDRESS_UNPAID_MAX"),
                      config_integer(config, "ORDER_ADDRESS_UNPAID_LINES_MAX"),
                      config_integer(config, "ORDER_ADDRESS_UNPAID_PIECES_MAX")},
    };
    if (policy->captures_on_confirm || strcmp(capture, "fulfil") == 0) return status_ok();
    return status_printf(context->arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                         "ORDER_CAPTURE=%s: must be confirm or fulfil", capture);
}

static struct status make_store(const struct service_context *context,
                                struct order_store **ret_store)
{
    const char *scheme, *path;

    struct status st = service_store_scheme(context, &order_service, &scheme);
    if (failed(st)) return st;
    if (strcmp(scheme, "sqlite") != 0)
        return order_store_postgres(context, service_store_url(context, &order_service), ret_store);
    st = service_store_path(context, &order_service, &path);
    return failed(st) ? st : order_store_sqlite(context, path, ret_store);
}

static struct status start(const struct service_context *context, void **ret_service)
{
    struct order_service *service = arena_new(context->arena, struct order_service);

    struct status st = read_policy(context, &service->policy);
    if (failed(st)) return st;
    st = make_store(context, &service->store);
    if (failed(st)) return st;
    service->answer_within_ms = config_duration_ms(context->config, "ORDER_ANSWER_WITHIN");
    service->products = context->channel(context, "product");
    service->carts = context->channel(context, "cart");
    service->server = context->server;
    service->shards = context->shards;
    service->watchers = order_watchers_new(
        context->arena, context->shards,
        (int)config_integer(context->config, "ORDER_WATCHERS_MAX"));
    order_metrics_init();
    rpc_server_add(context->server, &order_service_rpc, &order_handlers, service);
    order_events_join(service, context->events);
    order_timeouts_start(service);
    *ret_service = service;
    return status_ok();
}

static struct status open_store(struct call *call, void *data)
{
    struct order_service *service = data;

    if (!service->store->open) return status_ok();
    return service->store->open(call, service->store);
}

static struct status check_store(struct call *call, void *data, struct store_findings *findings)
{
    struct order_service *service = data;

    if (!service->store->check) return status_ok();
    return service->store->check(call, service->store, findings);
}

static void stop(void *data)
{
    struct order_service *service = data;

    service->store->close(service->store);
}

static const char *const store_schemes[] = {"sqlite", "postgres", "postgresql", NULL};

const struct service_module order_service = {
    .name = "order",
    .rpc_name = "order_service.OrderService",
    .settings = settings,
    .store_default = "sqlite:{data}/order.db",
    .store_schemes = store_schemes,
    .start = start,
    .open = open_store,
    .check = check_store,
    .stop = stop,
};
