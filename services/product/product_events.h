/* SPDX-License-Identifier: Apache-2.0 */
/* What the product service hears of orders, what it tells of them, and the end of reservations that
 * nobody has confirmed in time. */
#ifndef SERVICES_PRODUCT_PRODUCT_EVENTS_H
#define SERVICES_PRODUCT_PRODUCT_EVENTS_H

#include "rpc/service.h"
#include "services/product/product_service.h"

/* Subscribes to order-events, offers order-results, and lets a fiber of shard 0 end what is due
 * until the shard stops. Without a bus nothing of it happens: a tool beside the running shop leaves
 * this to the shop. */
void product_events_start(const struct service_context *context, struct product_service *service);

/* Applies one event of order-events; `data` is the struct product_service. */
struct status product_events_handle(struct call *call, const struct event *event, void *data);

/* Ends all reservations that are due; *ret_next_us is when the next one is, 0 if none is open. */
struct status product_events_expire(struct call *call, struct product_service *service,
                                    int64_t *ret_next_us);

#endif
