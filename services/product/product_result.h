/* SPDX-License-Identifier: Apache-2.0 */
/* What became of an order's reservation, as the event that tells the order service. */
#ifndef SERVICES_PRODUCT_PRODUCT_RESULT_H
#define SERVICES_PRODUCT_PRODUCT_RESULT_H

#include "events/event.h"
#include "services/product/product_reservation.h"

#define PRODUCT_RESULTS_TOPIC "order-results"

/* Is there something to tell? Not of a release or a restocking. */
bool product_result_is_due(const struct product_reservation_outcome *outcome);

/* The event, in the call's arena: OrderValidationResultEvent of a new reservation or a refusal,
 * StockCommittedEvent of one that is sold, ReservationExpiredEvent of one that has ended. Allowed in
 * the job of a store. */
void product_result_make(const struct call *call, const struct product_reservation_outcome *outcome,
                         struct event *ret_event);

#endif
