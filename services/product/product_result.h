/* SPDX-License-Identifier: Apache-2.0 */
/* The event about a change of an order's reservation, for the order service. */
#ifndef SERVICES_PRODUCT_PRODUCT_RESULT_H
#define SERVICES_PRODUCT_PRODUCT_RESULT_H

#include "events/event.h"
#include "services/product/product_reservation.h"

#define PRODUCT_RESULTS_TOPIC "order-results"

/* Is there an event to publish? Not for a release or a restocking. */
bool product_result_is_due(const struct product_reservation_outcome *outcome);

/* Makes the event, in the call's arena: OrderValidationResultEvent for a new reservation or a
 * refusal, StockCommittedEvent for a committed one, ReservationExpiredEvent for an expired one. May
 * be called in a store's job. */
void product_result_make(const struct call *call, const struct product_reservation_outcome *outcome,
                         struct event *ret_event);

#endif
