/* SPDX-License-Identifier: Apache-2.0 */
/* The order service's state and the functions that its files share. */
#ifndef SERVICES_ORDER_ORDER_SERVICE_H
#define SERVICES_ORDER_ORDER_SERVICE_H

#include "events/events.h"
#include "order.rpc.h"
#include "services/order/order_store.h"
#include "services/order/order_watchers.h"

struct order_service {
    struct order_store *store;
    struct rpc_channel *products, *carts;
    const struct rpc_server *server;
    struct shards *shards;
    struct order_policy policy;
    int64_t answer_within_ms; /* how long FulfilOrder waits for the stock, then for the capture */
    struct order_watchers *watchers;
    struct shard_timer sweep_timer; /* of shard 0 */
    unsigned sweeps;
};

extern const struct order_service_handlers order_handlers;

/* ---- writing: in order_writes.c ----
 *
 * All writes to the store go through these, which count the changes and wake watchers. */

struct status order_create(struct call *call, struct order_service *service,
                           const struct order_creation *creation,
                           struct order_written *ret_written);
struct status order_update(struct call *call, struct order_service *service,
                           const struct order_change *change, struct order_written *ret_written);

/* Creates the series, so that they are exported from the start. */
void order_metrics_init(void);
/* Sets the gauge of the orders in each open state. */
void order_metrics_set_open(const int64_t counts[ORDER_STATE_COUNT]);

/* ---- drafting: in order_draft.c ---- */

/* Drafts the order of a request, at the present prices, without storing it. *ret_made: there are no
 * such prices, but the state of the cart was ordered before. */
struct status order_draft(struct call *call, const OrderService__CreateOrderRequest *request,
                          const struct user *user, struct order *ret_order, bool *ret_made);

/* ---- background work ---- */

/* Offers the topic and subscribes; in order_events.c. */
void order_events_join(struct order_service *service, struct events *events);
/* Applies one event of order-results or payment-events; `data` is the service. */
struct status order_take_event(struct call *call, const struct event *event, void *data);

/* Cancels orders that have waited too long, every second until the shard stops; in
 * order_timeouts.c. */
void order_timeouts_start(struct order_service *service);

#endif
