/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a charge: what may be done in each, and the limits of its amounts. */
#include "services/bank/bank.h"

#include "base/test.h"
#include "reasons.pb-c.h"

static const enum charge_status all_statuses[] = {CHARGE_AUTHORIZED, CHARGE_REQUIRES_ACTION,
                                                  CHARGE_DECLINED, CHARGE_CAPTURED, CHARGE_VOIDED};

static struct charge charge_of(enum charge_status status)
{
    struct charge charge = {.status = status, .amount_minor = 100};

    if (status == CHARGE_CAPTURED) charge.captured_minor = 80;
    return charge;
}

/* Whether each act is allowed in each status, in the order of all_statuses. */
static void check_act(enum bank_act act, int64_t amount_minor, const enum charge_status to[5])
{
    struct arena arena;

    arena_init(&arena, 0);
    for (size_t i = 0; i < 5; i++) {
        struct charge charge = charge_of(all_statuses[i]);
        struct status st = bank_change(&arena, act, amount_minor, &charge);
        CHECK(failed(st) == (to[i] == 0));
        if (failed(st)) CHECK_INT(st.reason, ==, ARGOSY__REASON__PAYMENT_STATE);
        CHECK_INT(charge.status, ==, to[i] ? to[i] : all_statuses[i]);
    }
    arena_release(&arena);
}

TEST(each_act_is_allowed_in_its_states_only)
{
    check_act(BANK_CONFIRM, 0, (enum charge_status[]){0, CHARGE_AUTHORIZED, 0, 0, 0});
    check_act(BANK_CAPTURE, 100, (enum charge_status[]){CHARGE_CAPTURED, 0, 0, 0, 0});
    check_act(BANK_VOID, 0, (enum charge_status[]){CHARGE_VOIDED, CHARGE_VOIDED, 0, 0, 0});
    check_act(BANK_REFUND, 80, (enum charge_status[]){0, 0, 0, CHARGE_CAPTURED, 0});
}

TEST(captures_are_at_most_what_was_authorized_and_refunds_at_most_what_was_captured)
{
    struct charge charge = charge_of(CHARGE_AUTHORIZED);
    struct arena arena;

    arena_init(&arena, 0);
    CHECK_INT(bank_change(&arena, BANK_CAPTURE, 101, &charge).reason, ==,
              ARGOSY__REASON__PAYMENT_ABOVE_AUTHORIZED);
    CHECK(charge.status == CHARGE_AUTHORIZED && charge.captured_minor == 0);
    CHECK_OK(bank_change(&arena, BANK_CAPTURE, 60, &charge));
    CHECK_INT(charge.captured_minor, ==, 60);
    CHECK_OK(bank_change(&arena, BANK_REFUND, 50, &charge));
    CHECK_INT(bank_change(&arena, BANK_REFUND, 11, &charge).reason, ==,
              ARGOSY__REASON__PAYMENT_ABOVE_CAPTURED);
    CHECK_OK(bank_change(&arena, BANK_REFUND, 10, &charge));
    CHECK_INT(charge.refunded_minor, ==, 60);
    CHECK(failed(bank_change(&arena, BANK_REFUND, 1, &charge)));
    arena_release(&arena);
}

TEST(methods_are_known_by_their_tokens)
{
    CHECK(bank_authorize(bank_method_of("pm_card_visa")) == CHARGE_AUTHORIZED);
    CHECK(bank_authorize(bank_method_of("pm_card_chargeDeclined")) == CHARGE_DECLINED);
    CHECK(bank_authorize(bank_method_of("pm_card_authenticationRequired")) ==
          CHARGE_REQUIRES_ACTION);
    CHECK(bank_authorize(bank_method_of("pm_test_timeout")) == CHARGE_AUTHORIZED);
    CHECK(bank_method_of("pm_test_unavailable") == BANK_METHOD_UNAVAILABLE);
    CHECK(bank_method_of("4242424242424242") == BANK_METHOD_UNKNOWN);
}
