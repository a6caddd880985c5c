/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the cart service: reads its settings, opens its store, registers its handlers. */
#include "services/cart/cart_service.h"

#include <string.h>

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

static struct status start(const struct service_context *context, void **ret_service)
{
    struct cart_service *service = arena_new(context->arena, struct cart_service);
    int64_t ttl_us = config_duration_ms(context->config, "CART_TTL") * US_PER_MS;
    const char *path;

    struct status st = service_store_path(context, &cart_service, &path);
    if (failed(st)) return st;
    st = cart_store_sqlite(context, path, ttl_us, &service->store);
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
    .start = start,
    .stop = stop,
};
