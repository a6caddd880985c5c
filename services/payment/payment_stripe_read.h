/* SPDX-License-Identifier: Apache-2.0 */
/* Reads payments and refunds from Stripe, and says what a payment is in our words. For
 * payment_provider_stripe.c.
 *
 * Every function is UNAVAILABLE (PAYMENT_PROVIDER_DOWN) if Stripe cannot be reached or its answer
 * cannot be read. */
#ifndef SERVICES_PAYMENT_PAYMENT_STRIPE_READ_H
#define SERVICES_PAYMENT_PAYMENT_STRIPE_READ_H

#include "services/payment/payment_stripe.h"

/* Stripe's limit of a page. */
enum { STRIPE_PAGE_MAX = 100 };

/* The status for an answer that cannot be read. */
struct status stripe_unreadable(void);

/* The path of a payment, followed by `rest`; in the arena. */
const char *stripe_intent_path(struct arena *arena, const char *reference, const char *rest);

struct status stripe_get_intent(struct call *call, const struct stripe *stripe,
                                const char *reference, struct stripe_intent *ret_intent);
/* The payments behind `after` ("": from the newest on), of at most STRIPE_PAGE_MAX. */
struct status stripe_get_page(struct call *call, const struct stripe *stripe, const char *after,
                              size_t max, struct stripe_intent *intents, size_t *ret_count);
/* The payment with our id in its metadata; NOT_FOUND (CHARGE_NOT_FOUND), also while Stripe's search
 * is behind. */
struct status stripe_search_intent(struct call *call, const struct stripe *stripe,
                                   const char *payment_id, struct stripe_intent *ret_intent);

/* What reconciliation compares. NOT_FOUND (CHARGE_NOT_FOUND) for a payment that belongs to another
 * application on the same account. */
struct status stripe_make_charge(struct arena *arena, const struct stripe_intent *intent,
                                 struct provider_charge *ret_charge);

struct status stripe_get_refund(struct call *call, const struct stripe *stripe, const char *id,
                                struct stripe_refund *ret_refund);
/* The refunds of a payment behind `after` ("": from the newest on); at most STRIPE_PAGE_MAX. */
struct status stripe_get_refunds(struct call *call, const struct stripe *stripe,
                                 const char *reference, const char *after,
                                 struct stripe_refund *refunds, size_t *ret_count);

#endif
