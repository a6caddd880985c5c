/* SPDX-License-Identifier: Apache-2.0 */
/* Refunds as we have them, and as the provider has them. Plain values, no I/O. */
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

/* What brings our books to the provider's, of one refund. */
struct payment_correction {
    enum payment_step step; /* PAYMENT_GOT_REFUNDED or PAYMENT_GOT_REFUND_REVERSED */
    int64_t amount_minor;   /* 0: nothing is to be corrected */
    const char *refund_id;  /* ours; NULL: it was made at the provider's own desk, and has no row */
    const char *reference;  /* the provider's */
};

/* The first refund that the provider has, of whose end we know another one: one that has failed
 * after it had succeeded, or that was made and we don't know of. *ret_correction: which, or an
 * amount of 0. The payment is captured, and no refund of it is under way. */
void payment_compare_refunds(const struct payment *payment, const struct payment_refunds *refunds,
                             struct payment_correction *ret_correction);

#endif
