/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of payments. */
#ifndef SERVICES_PAYMENT_PAYMENT_METRICS_H
#define SERVICES_PAYMENT_PAYMENT_METRICS_H

#include "services/payment/payment_store.h"

/* Counts a change: the transition, the money that it moved, operations that began and ended. */
void payment_metrics_change(const struct payment_written *written);
/* Counts one call of the provider: "answered", "refused" or "unknown". */
void payment_metrics_attempt(enum payment_operation_kind kind, const char *outcome,
                             int64_t duration_us);
/* Counts a signed webhook: "taken", or "ignored" because it is not about a payment of ours. */
void payment_metrics_webhook(const char *outcome);
/* Sets the number of operations that were in progress when the process started. */
void payment_metrics_waiting(int64_t count);

#endif
