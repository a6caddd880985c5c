/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the product service: reads its settings, opens its store, registers its handlers, and
 * completes the search index of an older store. */
#include "services/product/product_service.h"

#include "base/clock.h"
#include "base/money.h"
#include "fiber/fiber.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "services/product/product_events.h"

enum { US_PER_MS = 1000 };

extern const struct service_module product_service;

static const struct setting settings[] = {
    {"PRODUCT_CURRENCY", SETTING_TEXT, "USD", "The currency (ISO 4217) of products that name none.",
     0, 0},
    {"PRODUCT_CACHE_SIZE", SETTING_INTEGER, "1024", "Products in each shard's cache; 0: no cache.",
     0, 1 << 20},
    {"PRODUCT_INDEX_CACHE", SETTING_SIZE, "16MiB",
     "Memory for the parts of the search index that lists use most.", 0, 1ll << 40},
    {"PRODUCT_RESERVATION_GRACE", SETTING_DURATION, "1h",
     "How long pieces stay reserved after the time by which their order must be paid.", 0,
     2592000000},
    {0},
};

/* ---- what an older program has left: products that are not in the index, and old tables ---- */

enum { INDEX_STEP = 256, INDEX_PAUSE_MS = 1, INDEX_RETRY_MS = 1000, TIDY_EVERY_MS = 1000 };
enum { INDEX_LOG_EVERY_US = 5000000 };

/* One step; *ret_wait_ms is the pause until the next. */
static void index_step(struct call *call, struct product_service *service, int64_t *ret_left,
                       int *ret_wait_ms)
{
    struct arena arena;
    struct call step;
    struct status st;

    arena_init(&arena, 0);
    call_init_child(&step, call, 0);
    step.arena = &arena;
    st = service->store->search->index(&step, service->store->search, INDEX_STEP, ret_left);
    *ret_wait_ms = failed(st) ? INDEX_RETRY_MS : INDEX_PAUSE_MS;
    if (failed(st) && !call_is_cancelled(call))
        log_warn(call->trace, "product: the search index could not be extended; retrying",
                 LOG_STR("error", st.message));
    arena_release(&arena);
}

/* A slice a second, so that nobody waits for it. */
static void tidy_up(struct call *call, struct product_service *service)
{
    bool more = true, told = false; /* a failure is said once, until a step succeeds */
    struct status st = fiber_sleep(call, (int64_t)TIDY_EVERY_MS * US_PER_MS);

    while (more && !failed(st)) {
        struct arena arena;
        struct call step;
        arena_init(&arena, 0);
        call_init_child(&step, call, 0);
        step.arena = &arena;
        st = service->store->search->tidy(&step, service->store->search, &more);
        if (failed(st) && !told && !call_is_cancelled(call))
            log_warn(call->trace,
                     "product: tables of an older program could not be removed;"
                     " retrying",
                     LOG_STR("error", st.message));
        told = failed(st);
        arena_release(&arena);
        st = more ? fiber_sleep(call, (int64_t)TIDY_EVERY_MS * US_PER_MS) : status_ok();
    }
}

/* Ends when nothing is left, or when the shard stops, which cancels its sleep. */
static void index_fiber(struct call *call, void *data)
{
    struct product_service *service = data;
    int64_t left = 1, said_us = 0;
    struct status st = status_ok();
    int wait_ms;

    while (!failed(st)) {
        index_step(call, service, &left, &wait_ms);
        if (left == 0) break;
        if (clock_monotonic_us() - said_us >= INDEX_LOG_EVERY_US) {
            log_info(call->trace, "product: building the search index", LOG_INT("left", left));
            said_us = clock_monotonic_us();
        }
        st = fiber_sleep(call, (int64_t)wait_ms * US_PER_MS);
    }
    if (left == 0 && said_us > 0) log_info(call->trace, "product: the search index is built");
    if (left == 0) tidy_up(call, service);
}

static void start_indexing(struct shard *shard, void *data)
{
    struct status st = fiber_start(shard, 0, index_fiber, data);

    if (failed(st))
        log_error(0, "product: no fiber could be started to build the search index",
                  LOG_STR("error", st.message));
}

static struct status make_store(const struct service_context *context,
                                struct product_store **ret_store)
{
    size_t cache_bytes = (size_t)config_size(context->config, "PRODUCT_INDEX_CACHE");
    const char *path;
    struct status st = service_store_path(context, &product_service, &path);

    return failed(st) ? st : product_store_sqlite(context, path, cache_bytes, ret_store);
}

static struct status start(const struct service_context *context, void **ret_service)
{
    struct product_service *service = arena_new(context->arena, struct product_service);
    size_t cache_size = (size_t)config_integer(context->config, "PRODUCT_CACHE_SIZE");
    struct status st;
    int exponent;

    service->currency = config_text(context->config, "PRODUCT_CURRENCY");
    if (!money_exponent(service->currency, &exponent))
        return status_printf(
            context->arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
            "PRODUCT_CURRENCY=%s is not a currency of ISO 4217; use a code such as EUR",
            service->currency);
    if (money_successor(service->currency))
        return status_printf(context->arena, STATUS_INVALID_ARGUMENT,
                             ARGOSY__REASON__SETTING_INVALID,
                             "PRODUCT_CURRENCY=%s was withdrawn from ISO 4217; set %s instead "
                             "(existing prices keep their currency)",
                             service->currency, money_successor(service->currency));
    service->create_rules = schema_message_by_name(context->schema,
                                                   STR("product_service.CreateProductRequest"));
    invariant(service->create_rules != 0);
    st = make_store(context, &service->store);
    if (failed(st)) return st;

    service->shard_count = shards_count(context->shards);
    service->caches = arena_array(context->arena, struct product_cache *,
                                  (size_t)service->shard_count);
    for (int i = 0; i < service->shard_count; i++)
        service->caches[i] = product_cache_new(cache_size, service->store->cache_us);
    service->reservation_grace_us =
        config_duration_ms(context->config, "PRODUCT_RESERVATION_GRACE") * US_PER_MS;
    product_events_start(context, service);
    service->indexing = (struct shard_message){.fn = start_indexing, .data = service};
    shard_post_message(shards_at(context->shards, 0), &service->indexing);
    rpc_server_add(context->server, &product_service_rpc, &product_handlers, service);
    *ret_service = service;
    return status_ok();
}

static struct status open_store(struct call *call, void *data)
{
    struct product_store *store = ((struct product_service *)data)->store;

    return store->open ? store->open(call, store) : status_ok();
}

static struct status check_store(struct call *call, void *data, struct store_findings *findings)
{
    struct product_store *store = ((struct product_service *)data)->store;

    return store->check ? store->check(call, store, findings) : status_ok();
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
    .open = open_store,
    .check = check_store,
    .stop = stop,
};
