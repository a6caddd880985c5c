/* SPDX-License-Identifier: Apache-2.0 */
/* Compares our refunds with the provider's. Plain values, no I/O. */
#ifndef SERVICES_PAYMENT_PAYMENT_REFUNDS_H
#define SERVICES_PAYMENT_PAYMENT_REFUNDS_H

#include "services/payment/payment_provider.h"
#include "services/payment/payment_store.h"

/* All refunds of one payment. */
struct payment_refunds {
    struct payment_refund *ours;
    size_t our_count;
    struct provider_refund *theirs;
    size_t their_count;
};

/* The correction of our books for one refund. */
struct payment_correction {
    enum payment_step step; /* PAYMENT_GOT_REFUNDED or PAYMENT_GOT_REFUND_REVERSED */
    int64_t amount_minor;   /* 0: there is nothing to correct */
    const char *refund_id;  /* ours; NULL: made in the provider's own dashboard, without a row */
    const char *reference;  /* the provider's */
};

/* Finds the first of the provider's refunds whose outcome differs from ours: one that failed after
 * it had succeeded, or one that succeeded and we don't know of. The amount of *ret_correction is 0
 * if there is none. The payment must be captured, with no refund in progress. */
void payment_compare_refunds(const struct payment *payment, const struct payment_refunds *refunds,
                             struct payment_correction *ret_correction);

#endif
