/* SPDX-License-Identifier: Apache-2.0 */
/* Wiring: settings to adapters to handlers. */
#include "services/product/product_service.h"

#include "base/money.h"
#include "reasons.pb-c.h"
#include "services/product/product_events.h"
#include "services/product/product_store_sqlite.h"

enum { US_PER_MS = 1000 };

extern const struct service_module product_service;

static const struct setting settings[] = {
    {"PRODUCT_CURRENCY", SETTING_TEXT, "USD", "ISO 4217 code of products that name no currency.", 0,
     0},
    {"PRODUCT_CACHE_SIZE", SETTING_INTEGER, "1024",
     "Products that each shard keeps at hand; 0 keeps none.", 0, 1 << 20},
    {"PRODUCT_RESERVATION_GRACE", SETTING_DURATION, "1h",
     "How long pieces stay reserved after the time by which their order must be paid.", 0,
     2592000000},
    {0},
};

static struct status start(const struct service_context *context, void **ret_service)
{
    struct product_service *service = arena_new(context->arena, struct product_service);
    const char *path;
    size_t cache_size = (size_t)config_integer(context->config, "PRODUCT_CACHE_SIZE");
    struct status st;
    int exponent;

    service->currency = config_text(context->config, "PRODUCT_CURRENCY");
    if (!money_exponent(service->currency, &exponent))
        return status_printf(context->arena, STATUS_INVALID_ARGUMENT,
                             ARGOSY__REASON__SETTING_INVALID,
                             "PRODUCT_CURRENCY=%s is no currency of ISO 4217", service->currency);
    if (money_successor(service->currency))
        return status_printf(context->arena, STATUS_INVALID_ARGUMENT,
                             ARGOSY__REASON__SETTING_INVALID,
                             "PRODUCT_CURRENCY=%s was withdrawn from ISO 4217; %s took its place. "
                             "Prices that there are keep their currency",
                             service->currency, money_successor(service->currency));
    service->create_rules = schema_message_by_name(context->schema,
                                                   STR("product_service.CreateProductRequest"));
    invariant(service->create_rules != 0);
    st = service_store_path(context, &product_service, &path);
    if (failed(st)) return st;
    st = product_store_sqlite_open(context->arena, context->shards, path, &service->store);
    if (failed(st)) return st;

    service->shard_count = shards_count(context->shards);
    service->caches = arena_array(context->arena, struct product_cache *,
                                  (size_t)service->shard_count);
    for (int i = 0; i < service->shard_count; i++)
        service->caches[i] = product_cache_new(cache_size);
    service->reservation_grace_us =
        config_duration_ms(context->config, "PRODUCT_RESERVATION_GRACE") * US_PER_MS;
    product_events_start(context, service);
    rpc_server_add(context->server, &product_service_rpc, &product_handlers, service);
    *ret_service = service;
    return status_ok();
}

static void stop(void *data)
{
    struct product_service *service = data;

    for (int i = 0; i < service->shard_count; i++) product_cache_free(service->caches[i]);
    service->store->close(service->store);
}

const struct service_module product_service = {
    .name = "product",
    .rpc_name = "product_service.ProductService",
    .settings = settings,
    .store_default = "sqlite:{data}/product.db",
    .start = start,
    .stop = stop,
};
