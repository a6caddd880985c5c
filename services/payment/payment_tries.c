/* SPDX-License-Identifier: Apache-2.0 */
/* The limits on failed attempts to pay. */
#include "reasons.pb-c.h"
#include "services/payment/payment.h"

enum { US_PER_MS = 1000 };

static struct status check_payer(struct arena *arena, const struct payment_input *input,
                                 int failures)
{
    int64_t first_us = input->payer_failures > 0 ? input->payer_first_us : input->now_us;
    int64_t wait_us = first_us + input->payer_within_us - input->now_us;
    int64_t count = input->payer_failures + failures;
    struct status_details *details;
    struct status st;

    if (input->payer_failures_max == 0 || count < input->payer_failures_max) return status_ok();
    details = arena_new(arena, struct status_details);
    details->retry_after_ms = wait_us > 0 ? wait_us / US_PER_MS + 1 : 1;
    st = status_printf(arena, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__PAYMENT_TRIES_RATE,
                       "%lld attempts of this account to pay have failed recently, and no more are "
                       "allowed for a while; try again later",
                       (long long)count);
    st.details = details;
    return st;
}

struct status payment_check_tries(struct arena *arena, const struct payment *payment,
                                  const struct payment_input *input, int failures)
{
    if (input->failures_max == 0 || payment->failures < input->failures_max)
        return check_payer(arena, input, failures);
    return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__PAYMENT_TRIES_MAX,
                         "%d attempts to pay this order have failed, and no more are allowed; "
                         "cancel it and order again, or contact the shop",
                         payment->failures);
}
