/* SPDX-License-Identifier: Apache-2.0 */
/* The limits on failed attempts to pay: of one payment, and of its customer. */
#include "base/test.h"
#include "reasons.pb-c.h"
#include "services/payment/payment.h"

static struct payment payment_in(enum payment_state state)
{
    return (struct payment){.payment_id = "p",
                            .order_id = "o",
                            .sellers = "sam@example.com",
                            .state = state,
                            .amount_minor = 1000,
                            .message = ""};
}

/* Takes a step that is allowed. */
static void take(struct payment *payment, enum payment_step step)
{
    struct payment_input input = {.now_us = 5, .expires_us = 9, .message = "why"};
    struct payment_effects effects;
    struct arena arena;

    arena_init(&arena, 0);
    CHECK_OK(payment_take(&arena, payment, step, &input, &effects));
    payment->message = ""; /* it may be the arena's */
    arena_release(&arena);
}

/* Attempts to pay, all declined, until no more are allowed. */
static int declines_until_refused(struct payment *payment, int failures_max)
{
    struct payment_input input = {.now_us = 7, .failures_max = failures_max, .message = "why"};
    struct payment_effects effects;
    struct arena arena;
    int tries = 0;

    arena_init(&arena, 0);
    for (;; tries++) {
        struct status st = payment_take(&arena, payment, PAYMENT_ASK_AUTHORIZE, &input, &effects);
        if (failed(st)) CHECK_INT(st.reason, ==, ARGOSY__REASON__PAYMENT_TRIES_MAX);
        if (failed(st) || tries == 20) break;
        CHECK_OK(payment_take(&arena, payment, PAYMENT_GOT_FAILED, &input, &effects));
    }
    arena_release(&arena);
    return tries;
}

TEST(an_orders_payment_may_fail_ten_times_and_then_waits_for_its_order_to_end)
{
    struct payment payment = payment_in(PAYMENT_NEW);

    CHECK_INT(declines_until_refused(&payment, 10), ==, 10);
    CHECK(payment.state == PAYMENT_NEW && payment.failures == 10 && payment.failed_us == 7);
    take(&payment, PAYMENT_ORDER_CANCELLED);
    CHECK_INT(payment.state, ==, PAYMENT_CANCELED);
    payment = payment_in(PAYMENT_NEW);
    CHECK_INT(declines_until_refused(&payment, 0), ==, 20);
}

TEST(every_way_to_fail_is_counted_once)
{
    struct payment payment = payment_in(PAYMENT_AUTHORIZING);

    take(&payment, PAYMENT_GOT_REFUSED);
    CHECK_INT(payment.failures, ==, 1);
    payment = payment_in(PAYMENT_CONFIRMING);
    take(&payment, PAYMENT_GOT_FAILED);
    take(&payment, PAYMENT_GOT_VOIDED);
    CHECK(payment.state == PAYMENT_NEW && payment.failures == 1);
    payment = payment_in(PAYMENT_ACTION);
    take(&payment, PAYMENT_ASK_ABANDON);
    take(&payment, PAYMENT_GOT_VOIDED);
    CHECK(payment.state == PAYMENT_NEW && payment.failures == 1);
    /* A success is no failure, and neither is an attempt that was not made. */
    payment = payment_in(PAYMENT_NEW);
    take(&payment, PAYMENT_TRY_DENIED);
    take(&payment, PAYMENT_ASK_AUTHORIZE);
    take(&payment, PAYMENT_GOT_AUTHORIZED);
    CHECK_INT(payment.failures, ==, 0);
}

TEST(a_confirmation_in_progress_is_not_abandoned_for_an_attempt_that_is_not_allowed)
{
    struct payment_input input = {.now_us = 7, .failures_max = 3, .message = ""};
    struct payment payment = payment_in(PAYMENT_ACTION);
    struct payment_effects effects;
    struct arena arena;

    payment.failures = 2;
    arena_init(&arena, 0);
    struct status st = payment_take(&arena, &payment, PAYMENT_ASK_ABANDON, &input, &effects);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__PAYMENT_TRIES_MAX);
    CHECK(payment.state == PAYMENT_ACTION && payment.failures == 2);
    arena_release(&arena);
}

TEST(a_customers_failed_attempts_on_other_payments_count_too)
{
    struct payment_input input = {.now_us = 7,
                                  .payer_failures_max = 5,
                                  .payer_failures = 4,
                                  .payer_first_us = 5,
                                  .payer_within_us = 2000002,
                                  .message = ""};
    struct payment payment = payment_in(PAYMENT_ACTION);
    struct payment_effects effects;
    struct arena arena;

    arena_init(&arena, 0);
    /* The abandoned attempt would be the fifth. */
    struct status st = payment_take(&arena, &payment, PAYMENT_ASK_ABANDON, &input, &effects);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__PAYMENT_TRIES_RATE);
    CHECK(st.details && st.details->retry_after_ms == 2001);
    CHECK(payment.state == PAYMENT_ACTION && payment.failures == 0);
    payment = payment_in(PAYMENT_NEW);
    CHECK_OK(payment_take(&arena, &payment, PAYMENT_ASK_AUTHORIZE, &input, &effects));
    payment = payment_in(PAYMENT_NEW);
    input.payer_failures = 5;
    st = payment_take(&arena, &payment, PAYMENT_ASK_AUTHORIZE, &input, &effects);
    CHECK_INT(st.code, ==, STATUS_RESOURCE_EXHAUSTED);
    CHECK_INT(payment.state, ==, PAYMENT_NEW);
    input.payer_failures_max = 0;
    CHECK_OK(payment_take(&arena, &payment, PAYMENT_ASK_AUTHORIZE, &input, &effects));
    arena_release(&arena);
}

/* It fails in the step itself, so it counts from now. */
TEST(a_customers_first_failure_tells_how_long_it_counts)
{
    struct payment_input input = {
        .now_us = 7, .payer_failures_max = 1, .payer_within_us = 2000000, .message = ""};
    struct payment payment = payment_in(PAYMENT_ACTION);
    struct payment_effects effects;
    struct arena arena;

    arena_init(&arena, 0);
    struct status st = payment_take(&arena, &payment, PAYMENT_ASK_ABANDON, &input, &effects);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__PAYMENT_TRIES_RATE);
    CHECK(st.details && st.details->retry_after_ms == 2001);
    arena_release(&arena);
}
