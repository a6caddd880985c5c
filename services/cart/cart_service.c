/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the cart service: reads its settings, opens its store, registers its handlers. */
#include "services/cart/cart_service.h"

#include <string.h>

#include "events/events.h"

enum { US_PER_MS = 1000 };

extern const struct service_module cart_service;

static const struct setting settings[] = {
    {"CART_TTL", SETTING_DURATION, "7d", "How long a cart lives after its last change.", 60000,
     31536000000},
    {"CART_LINES_MAX", SETTING_INTEGER, "100", "Most lines (different variants) in one cart.", 1,
     CART_LINES_CAPACITY},
    {"CART_QUANTITY_MAX", SETTING_INTEGER, "9999", "Most pieces of one variant in one cart.", 1,
     CART_QUANTITY_CAPACITY},
    {0},
};

static const char *const schemes[] = {"sqlite",         "redis",           "rediss",
                                      "redis+sentinel", "rediss+sentinel", NULL};

static struct status make_store(const struct service_context *context,
                                struct cart_store **ret_store)
{
    int64_t ttl_us = config_duration_ms(context->config, "CART_TTL") * US_PER_MS;
    const char *scheme, *path;

    struct status st = service_store_scheme(context, &cart_service, &scheme);
    if (failed(st)) return st;
    if (strcmp(scheme, "sqlite") != 0)
        return cart_store_redis(context, service_store_url(context, &cart_service), ttl_us,
                                events_retention_us(context->events), ret_store);
    st = service_store_path(context, &cart_service, &path);
    if (failed(st)) return st;
    return cart_store_sqlite(context, path, ttl_us, ret_store);
}

static struct status start(const struct service_context *context, void **ret_service)
{
    struct cart_service *service = arena_new(context->arena, struct cart_service);

    struct status st = make_store(context, &service->store);
    if (failed(st)) return st;
    service->products = context->channel(context, "product");
    service->limits = (struct cart_limits){
        .lines_max = (int)config_integer(context->config, "CART_LINES_MAX"),
        .quantity_max = (int)config_integer(context->config, "CART_QUANTITY_MAX"),
    };
    cart_events_start(context, service);
    rpc_server_add(context->server, &cart_service_rpc, &cart_handlers, service);
    *ret_service = service;
    return status_ok();
}

static struct status open_store(struct call *call, void *data)
{
    struct cart_store *store = ((struct cart_service *)data)->store;

    return store->open ? store->open(call, store) : status_ok();
}

static struct status check_store(struct call *call, void *data, struct store_findings *findings)
{
    struct cart_store *store = ((struct cart_service *)data)->store;

    return store->check ? store->check(call, store, findings) : status_ok();
}

static void stop(void *data)
{
    struct cart_service *service = data;

    service->store->close(service->store);
}

const struct service_module cart_service = {
    .name = "cart",
    .rpc_name = "cart_service.CartService",
    .settings = settings,
    .store_default = "sqlite:{data}/cart.db",
    .store_schemes = schemes,
    .start = start,
    .open = open_store,
    .check = check_store,
    .stop = stop,
};
