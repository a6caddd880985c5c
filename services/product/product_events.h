/* SPDX-License-Identifier: Apache-2.0 */
/* The product service's part in events: reservations by the events of orders, their results, and
 * the expiry of reservations that are not committed in time. */
#ifndef SERVICES_PRODUCT_PRODUCT_EVENTS_H
#define SERVICES_PRODUCT_PRODUCT_EVENTS_H

#include "rpc/service.h"
#include "services/product/product_service.h"

/* Subscribes to order-events, offers order-results, and starts a fiber on shard 0 that expires due
 * reservations until the shard stops. Does nothing without a bus: a command leaves all this to the
 * running shop. */
void product_events_start(const struct service_context *context, struct product_service *service);

/* Applies one event of order-events; `data` is the struct product_service. */
struct status product_events_handle(struct call *call, const struct event *event, void *data);

/* Expires all reservations that are due; *ret_next_us is when the next one is due, 0: none is
 * open. */
struct status product_events_expire(struct call *call, struct product_service *service,
                                    int64_t *ret_next_us);

#endif
