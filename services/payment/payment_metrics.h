/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of payments. */
#ifndef SERVICES_PAYMENT_PAYMENT_METRICS_H
#define SERVICES_PAYMENT_PAYMENT_METRICS_H

#include "services/payment/payment_store.h"

/* A change that was made: the transition, the money that it moved, operations that began and ended.
 */
void payment_metrics_change(const struct payment_outcome *outcome);
/* One call of the provider: "answered", "refused", "unknown". */
void payment_metrics_attempt(enum payment_operation_kind kind, const char *outcome,
                             int64_t duration_us);
/* A signed webhook: "taken", or "ignored" because it tells nothing of a payment of ours. */
void payment_metrics_webhook(const char *outcome);
/* Operations that were under way when the process started. */
void payment_metrics_waiting(int64_t count);

#endif
