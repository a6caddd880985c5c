/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep: cancels orders that have waited too long for their stock or their payment.
 *
 * A timer of shard 0 starts it on a fiber of its own, which finds orders whose deadline has passed,
 * cancels them, and sets the timer again. The transaction that cancels an order checks that it
 * still waits, so an event at the same moment or the sweep of another process does no harm. The
 * sweep does not delay a stopping shard. */
#include "base/clock.h"
#include "services/order/order_service.h"

enum {
    US_PER_S = 1000000,
    SWEEP_US = 1 * US_PER_S, /* from one sweep to the next */
    SWEEP_MAX = 64,          /* orders that are cancelled concurrently */
    COUNT_EVERY = 15,        /* sweeps */
};

/* One order that is due. */
struct due_order {
    struct order_service *service;
    const char *order_id;
    struct status status;
};

static struct status apply_timeout(const struct call *call, struct order_written *written,
                                   void *data)
{
    const struct order_service *service = data;
    struct order *order = &written->order;
    struct order_step step = {.event = ORDER_TIME_OUT, .cause = "order", .now_us = clock_now_us()};

    step.message = order->state == ORDER_PENDING ? "its stock was not reserved in time"
                                                 : "it was not paid in time";
    if (order->state == ORDER_VALIDATED && order->message[0])
        step.message = arena_printf(call->arena, "it was not paid in time: %s", order->message);
    return order_apply(call->arena, order, &step, &service->policy, &written->turn);
}

static void end_order(struct call *call, void *data)
{
    struct due_order *due = data;
    struct order_written *written = arena_new(call->arena, struct order_written);
    const struct order_change change = {
        .order_id = due->order_id, .apply = apply_timeout, .data = due->service};

    due->status = order_update(call, due->service, &change, written);
}

/* Cancels some of the orders that are due; *ret_more: there may be others. */
static struct status end_due(struct call *call, struct order_service *service, bool *ret_more)
{
    struct fiber_group group = {0};
    const char **order_ids;
    struct due_order *due_orders;
    size_t count, started = 0;
    struct status st;

    st = service->store->due(call, service->store, clock_now_us(), SWEEP_MAX, &order_ids, &count);
    if (failed(st)) return st;
    due_orders = arena_array(call->arena, struct due_order, count);
    while (started < count && !failed(st)) {
        due_orders[started] = (struct due_order){.service = service,
                                                 .order_id = order_ids[started]};
        st = fiber_group_start(call, &group, end_order, &due_orders[started]);
        if (!failed(st)) started++;
    }
    fiber_group_wait(call, &group);
    for (size_t i = 0; i < started && !failed(st); i++) st = due_orders[i].status;
    *ret_more = count == SWEEP_MAX;
    return st;
}

static void count_open(struct call *call, struct order_service *service)
{
    int64_t counts[ORDER_STATE_COUNT];

    if (!failed(service->store->count(call, service->store, counts)))
        order_metrics_set_open(counts);
}

static void start_sweep(void *data);

static void sweep(struct call *call, void *data)
{
    struct order_service *service = data;
    bool more = false;

    if (service->sweeps++ % COUNT_EVERY == 0) count_open(call, service);
    /* The next sweep tries again if the store is busy or full, which its driver has logged. */
    if (failed(end_due(call, service, &more))) more = false;
    if (shard_is_stopping(call->shard)) return;
    shard_timer_start(call->shard, &service->sweep_timer,
                      clock_monotonic_us() + (more ? 0 : SWEEP_US), start_sweep, service);
}

static void start_sweep(void *data)
{
    struct order_service *service = data;
    struct shard *shard = shards_at(service->shards, 0);

    if (!failed(fiber_start(shard, NULL, sweep, service))) return;
    shard_timer_start(shard, &service->sweep_timer, clock_monotonic_us() + SWEEP_US, start_sweep,
                      service);
}

static void start_on_shard(struct shard *shard, void *data)
{
    start_sweep(data);
}

void order_timeouts_start(struct order_service *service)
{
    shard_post(shards_at(service->shards, 0), start_on_shard, service);
}
