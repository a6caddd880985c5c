/* SPDX-License-Identifier: Apache-2.0 */
/* Writes orders to the store, counts the changes, and wakes watchers. */
#include "observe/metrics.h"
#include "services/order/order_service.h"

static struct metric transitions = METRIC_COUNTER(
    "argosy_orders_total", "Changes of orders' states, by the state before and after.", "from",
    "to");
static struct metric open_orders = METRIC_GAUGE(
    "argosy_orders_open", "Orders that still wait for something, by state; counted every 15 s.",
    "state");
static struct metric confirm_time = METRIC_DURATION(
    "argosy_order_confirm_seconds", "Time from an order's creation to its confirmation.");

static struct metric_series *transition_series[ORDER_STATE_COUNT][ORDER_STATE_COUNT];
static struct metric_series *open_series[ORDER_STATE_COUNT];
static struct metric_series *confirm_series;

void order_metrics_init(void)
{
    for (int from = 0; from < ORDER_STATE_COUNT; from++) {
        for (int to = 0; to < ORDER_STATE_COUNT; to++) {
            if (!order_leads((enum order_state)from, (enum order_state)to)) continue;
            transition_series[from][to] = metric_series(&transitions,
                                                        order_state_name((enum order_state)from),
                                                        order_state_name((enum order_state)to));
        }
    }
    for (int state = ORDER_PENDING; state < ORDER_FULFILLED; state++)
        open_series[state] = metric_series(&open_orders, order_state_name((enum order_state)state));
    confirm_series = metric_series(&confirm_time);
}

void order_metrics_set_open(const int64_t counts[ORDER_STATE_COUNT])
{
    for (int state = ORDER_PENDING; state < ORDER_FULFILLED; state++)
        metric_set(open_series[state], (double)counts[state]);
}

static void tell(struct order_service *service, const struct order_written *written)
{
    if (!written->turn.changed) return;
    order_watchers_notify(service->watchers, written->order.order_id);
    for (int i = 0; i < written->turn.move_count; i++) {
        const struct order_transition *made = &written->turn.moves[i].transition;
        if (made->from == made->to) continue;
        metric_add(transition_series[made->from][made->to], 1);
        if (made->to == ORDER_CONFIRMED)
            metric_observe_us(confirm_series, made->at_us - written->order.created_us);
    }
}

struct status order_create(struct call *call, struct order_service *service,
                           const struct order_creation *creation, struct order_written *ret_written)
{
    struct status st = service->store->create(call, service->store, creation, ret_written);

    if (!failed(st)) tell(service, ret_written);
    return st;
}

struct status order_update(struct call *call, struct order_service *service,
                           const struct order_change *change, struct order_written *ret_written)
{
    struct status st = service->store->update(call, service->store, change, ret_written);

    if (!failed(st)) tell(service, ret_written);
    return st;
}
