/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the first refund that differs from the provider's. */
#include "services/payment/payment_refunds.h"

#include <string.h>

/* Finds our refund by the idempotency key of its request, which is its id, or by the provider's
 * id. */
static const struct payment_refund *find_ours(const struct payment_refunds *refunds,
                                              const struct provider_refund *theirs)
{
    for (size_t i = 0; i < refunds->our_count; i++) {
        const struct payment_refund *ours = &refunds->ours[i];
        if (strcmp(ours->refund_id, theirs->idempotency_key) == 0) return ours;
        if (ours->reference[0] && strcmp(ours->reference, theirs->reference) == 0) return ours;
    }
    return 0;
}

/* The sum of refunds made in the provider's own dashboard before such refunds had rows. */
static int64_t without_rows(const struct payment *payment, const struct payment_refunds *refunds)
{
    int64_t rest_minor = payment->refunded_minor;

    for (size_t i = 0; i < refunds->our_count; i++)
        if (strcmp(refunds->ours[i].status, "succeeded") == 0)
            rest_minor -= refunds->ours[i].amount_minor;
    return rest_minor;
}

void payment_compare_refunds(const struct payment *payment, const struct payment_refunds *refunds,
                             struct payment_correction *ret_correction)
{
    int64_t left_minor = payment->captured_minor - payment->refunded_minor;
    int64_t rest_minor = without_rows(payment, refunds);

    *ret_correction = (struct payment_correction){0};
    for (size_t i = 0; i < refunds->their_count; i++) {
        const struct provider_refund *theirs = &refunds->theirs[i];
        const struct payment_refund *ours = find_ours(refunds, theirs);
        int64_t amount_minor = theirs->amount_minor;
        bool counted = ours && strcmp(ours->status, "succeeded") == 0;

        if (amount_minor <= 0 || (ours && ours->amount_minor != amount_minor)) continue;
        if (!ours && !theirs->has_failed && amount_minor <= rest_minor) {
            rest_minor -= amount_minor;
            continue;
        }
        if (counted != theirs->has_failed) continue; /* both have it, or neither */
        if (!theirs->has_failed && amount_minor > left_minor) continue;
        *ret_correction = (struct payment_correction){
            .step = theirs->has_failed ? PAYMENT_GOT_REFUND_REVERSED : PAYMENT_GOT_REFUNDED,
            .amount_minor = amount_minor,
            .refund_id = ours ? ours->refund_id : 0,
            .reference = theirs->reference,
        };
        return;
    }
}
