/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a shop that shop_new has made: until a signal ends it, which drains it, or for one call. */
#include <pthread.h>
#include <signal.h>

#include "app/shop_parts.h"
#include "fiber/fiber.h"
#include "observe/log.h"
#include "rpc/rpc_scope.h"

/* ---- serving and draining ---- */

static void stop_serving(struct shop *shop)
{
    shards_stop(shop->shards);
}

static void count_drained(struct shard *shard, void *data)
{
    struct shop *shop = data;

    if (--shop->draining == 0) stop_serving(shop);
}

/* Called on any thread; shard 0 keeps the count. */
static void on_drained(void *data)
{
    struct shop *shop = data;

    shard_post(shards_at(shop->shards, 0), count_drained, shop);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct shop *shop = signal->data;

    if (number == SIGHUP) {
        if (shop->on_hangup && shop->signals_seen == 0) shop->on_hangup(shop->hangup_data);
        return;
    }
    if (shop->signals_seen++ > 0) {
        stop_serving(shop);
        return;
    }
    int64_t timeout_ms = config_duration_ms(shop->config, "ARGOSY_DRAIN_TIMEOUT");
    log_info(0, "draining; a second signal stops at once", LOG_INT("signal", number),
             LOG_INT("timeout_ms", timeout_ms));
    rpc_server_set_serving(shop->server, "", false);
    events_drain(shop->events);
    shop->draining = shop->listener_count;
    if (shop->draining == 0) stop_serving(shop);
    for (size_t i = 0; i < shop->listener_count; i++)
        http_server_drain(shop->listeners[i], timeout_ms, on_drained, shop);
}

static struct status open_stores(struct call *call, struct shop *shop)
{
    return service_openings_run(call, &shop->openings,
                                config_duration_ms(shop->config, "STORE_START_TIMEOUT"));
}

/* What works by itself begins meanwhile; a store that is not open refuses it, and it tries again. */
static void get_ready(struct call *call, void *data)
{
    struct shop *shop = data;

    struct status st = open_stores(call, shop);
    if (failed(st)) {
        if (shop->signals_seen == 0) shop->failure = status_dup(shop->arena, st);
        stop_serving(shop);
        return;
    }
    if (shop->on_ready) shop->on_ready(call, shop->ready_data);
}

void shop_start_work(struct shop *shop)
{
    for (size_t i = 0; i < shop->member_count; i++)
        if (shop->members[i].here && shop->members[i].module->serve)
            shop->members[i].module->serve(shop->members[i].service);
    events_start(shop->events);
}

/* The loops have ended and the stores must still be closed, which a signal must not interrupt: from
 * here on signals are ignored. They are blocked meanwhile, because libuv restores their default
 * action. */
static void end_signals(struct shop *shop, const int numbers[SIGNALS])
{
    sigset_t all, before;

    sigemptyset(&all);
    for (size_t i = 0; i < SIGNALS; i++) sigaddset(&all, numbers[i]);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_close((uv_handle_t *)&shop->signals[i], 0);
        signal(numbers[i], SIG_IGN);
    }
    pthread_sigmask(SIG_SETMASK, &before, 0);
}

struct status shop_run(struct shop *shop, void (*on_ready)(struct call *call, void *data),
                       void *data)
{
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
    struct shard *first = shards_at(shop->shards, 0);

    for (size_t i = 0; i < SIGNALS; i++) {
        uv_signal_init(&first->loop, &shop->signals[i]);
        shop->signals[i].data = shop;
        uv_signal_start(&shop->signals[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&shop->signals[i]); /* must not keep the loop running */
    }
    shop->on_ready = on_ready;
    shop->ready_data = data;
    fiber_post(first, get_ready, 0, shop);
    shop_start_work(shop);
    shards_run(shop->shards);
    end_signals(shop, numbers);
    return shop->failure;
}

/* ---- SIGHUP ---- */

void shop_on_hangup(struct shop *shop, void (*fn)(void *data), void *data)
{
    shop->on_hangup = fn;
    shop->hangup_data = data;
}

struct status shop_change_take(struct shop *shop, struct arena *arena, struct config *config,
                               bool *ret_changed)
{
    if (!shop->gateway) {
        config_free(config);
        *ret_changed = false;
        return status_ok();
    }
    return gateway_door_change_take(shop->gateway, arena, config, ret_changed);
}

/* ---- one call, for the command line ---- */

struct one_call {
    struct shop *shop;
    struct status (*fn)(struct call *call, struct shop *shop, void *data);
    void *data;
    struct status status;
};

void shop_act_as_operator(struct call *call)
{
    static const struct user operator_user = {
        .email = "operator@localhost", .role = "superAdmin", .device_id = "command-line"};

    rpc_scope_new(call, &operator_user, 0, "127.0.0.1");
}

static void run_one_call(struct call *call, void *data)
{
    struct one_call *one = data;

    shop_act_as_operator(call);
    one->shop->openings.refusal_ends = true;
    struct status st = open_stores(call, one->shop);
    if (!failed(st)) st = one->fn(call, one->shop, one->data);
    one->status = status_dup(one->shop->arena, st);
    shards_stop(one->shop->shards);
}

struct status shop_call(struct shop *shop,
                        struct status (*fn)(struct call *call, struct shop *shop, void *data),
                        void *data)
{
    struct one_call one = {.shop = shop, .fn = fn, .data = data};

    fiber_post(shards_at(shop->shards, 0), run_one_call, 0, &one);
    shards_run(shop->shards);
    return one.status;
}
