/* SPDX-License-Identifier: Apache-2.0 */
/* The test bank through the loopback. */
#include "rpc/rpc_testing.h"
#include "services/bank/bank_service.h"

extern const struct service_module bank_service;

#define TEXT(literal) ((char *)(uintptr_t)(literal))

static void bank_play(void (*play)(struct call *call, struct stage *stage))
{
    static const struct stage_plan plan = {.module = &bank_service};

    stage_run(&plan, play);
}

/* ---- calls ---- */

static struct status authorize(struct call *call, struct rpc_channel *channel, const char *key,
                               int64_t amount_minor, const char *method,
                               BankService__Charge **ret_charge)
{
    BankService__AuthorizeChargeRequest request = BANK_SERVICE__AUTHORIZE_CHARGE_REQUEST__INIT;
    const struct rpc_options options = {.timeout_ms = 5000};

    request.idempotency_key = TEXT(key);
    request.amount_minor = amount_minor;
    request.currency = TEXT("EUR");
    request.payment_method = TEXT(method);
    request.reference = TEXT("order-1");
    return bank_service_authorize_charge_with(call, channel, &request, &options, ret_charge);
}

static struct status confirm(struct call *call, struct stage *stage, const char *key,
                             const char *charge_id, BankService__Charge **ret_charge)
{
    BankService__ConfirmChargeRequest request = BANK_SERVICE__CONFIRM_CHARGE_REQUEST__INIT;

    request.idempotency_key = TEXT(key);
    request.charge_id = TEXT(charge_id);
    return bank_service_confirm_charge(call, stage->inside, &request, ret_charge);
}

static struct status capture(struct call *call, struct stage *stage, const char *key,
                             const char *charge_id, int64_t amount_minor,
                             BankService__Charge **ret_charge)
{
    BankService__CaptureChargeRequest request = BANK_SERVICE__CAPTURE_CHARGE_REQUEST__INIT;

    request.idempotency_key = TEXT(key);
    request.charge_id = TEXT(charge_id);
    request.amount_minor = amount_minor;
    return bank_service_capture_charge(call, stage->inside, &request, ret_charge);
}

static struct status cancel(struct call *call, struct stage *stage, const char *key,
                            const char *charge_id, BankService__Charge **ret_charge)
{
    BankService__VoidChargeRequest request = BANK_SERVICE__VOID_CHARGE_REQUEST__INIT;

    request.idempotency_key = TEXT(key);
    request.charge_id = TEXT(charge_id);
    return bank_service_void_charge(call, stage->inside, &request, ret_charge);
}

static struct status refund(struct call *call, struct stage *stage, const char *key,
                            const char *charge_id, int64_t amount_minor,
                            BankService__Charge **ret_charge)
{
    BankService__RefundChargeRequest request = BANK_SERVICE__REFUND_CHARGE_REQUEST__INIT;

    request.idempotency_key = TEXT(key);
    request.charge_id = TEXT(charge_id);
    request.amount_minor = amount_minor;
    return bank_service_refund_charge(call, stage->inside, &request, ret_charge);
}

static struct status get(struct call *call, struct stage *stage, const char *charge_id,
                         const char *key, BankService__Charge **ret_charge)
{
    BankService__GetChargeRequest request = BANK_SERVICE__GET_CHARGE_REQUEST__INIT;

    request.charge_id = TEXT(charge_id);
    request.idempotency_key = TEXT(key);
    return bank_service_get_charge(call, stage->inside, &request, ret_charge);
}

static size_t count_charges(struct call *call, struct stage *stage)
{
    BankService__ListChargesRequest request = BANK_SERVICE__LIST_CHARGES_REQUEST__INIT;
    BankService__ListChargesResponse *page = 0;
    size_t count = 0;

    request.limit = 7;
    do {
        EXPECT_OK(bank_service_list_charges(call, stage->inside, &request, &page));
        if (!page) return 0;
        count += page->n_charges;
        if (page->n_charges > 0)
            request.after_charge_id = page->charges[page->n_charges - 1]->charge_id;
    } while (page->n_charges == 7);
    return count;
}

static bool is(const BankService__Charge *charge, const char *status, int64_t captured_minor,
               int64_t refunded_minor)
{
    return charge && strcmp(charge->status, status) == 0 &&
           charge->captured_minor == captured_minor && charge->refunded_minor == refunded_minor;
}

/* ---- tests ---- */

static void charges(struct call *call, struct stage *stage)
{
    BankService__Charge *charge = 0, *again = 0;

    EXPECT_OK(authorize(call, stage->inside, "a", 1000, "pm_card_visa", &charge));
    if (!charge) return;
    EXPECT(is(charge, "authorized", 0, 0) && charge->amount_minor == 1000);
    EXPECT(strcmp(charge->reference, "order-1") == 0 && charge->created_at);
    EXPECT_OK(capture(call, stage, "c", charge->charge_id, 900, &again));
    EXPECT(is(again, "captured", 900, 0));
    EXPECT_OK(refund(call, stage, "r1", charge->charge_id, 400, &again));
    EXPECT_OK(refund(call, stage, "r2", charge->charge_id, 500, &again));
    EXPECT(is(again, "captured", 900, 900));
    EXPECT_REFUSED(refund(call, stage, "r3", charge->charge_id, 1, &again), FAILED_PRECONDITION,
                   PAYMENT_ABOVE_CAPTURED);
    EXPECT_OK(get(call, stage, "", "a", &again));
    EXPECT(is(again, "captured", 900, 900));
    EXPECT_REFUSED(get(call, stage, "", "c", &again), NOT_FOUND, CHARGE_NOT_FOUND);
    EXPECT_REFUSED(capture(call, stage, "x", "ch_none", 1, &again), NOT_FOUND, CHARGE_NOT_FOUND);
}

TEST(a_charge_is_authorized_captured_and_refunded)
{
    bank_play(charges);
}

static void repeats(struct call *call, struct stage *stage)
{
    BankService__Charge *charge = 0, *again = 0;

    EXPECT_OK(authorize(call, stage->inside, "a", 1000, "pm_card_visa", &charge));
    EXPECT_OK(authorize(call, stage->fleet, "a", 1000, "pm_card_visa", &again));
    if (!charge || !again) return;
    EXPECT(strcmp(charge->charge_id, again->charge_id) == 0);
    EXPECT_REFUSED(authorize(call, stage->inside, "a", 1001, "pm_card_visa", &again),
                   INVALID_ARGUMENT, IDEMPOTENCY_KEY_REUSED);
    EXPECT_REFUSED(cancel(call, stage, "a", charge->charge_id, &again), INVALID_ARGUMENT,
                   IDEMPOTENCY_KEY_REUSED);
    EXPECT_OK(capture(call, stage, "c", charge->charge_id, 1000, &again));
    EXPECT_OK(refund(call, stage, "r", charge->charge_id, 10, &again));
    EXPECT_OK(refund(call, stage, "r", charge->charge_id, 10, &again));
    EXPECT(is(again, "captured", 1000, 10));
    /* The first answer, although the charge has changed since. */
    EXPECT_OK(authorize(call, stage->inside, "a", 1000, "pm_card_visa", &again));
    EXPECT(is(again, "authorized", 0, 0));
    EXPECT(count_charges(call, stage) == 1);
}

TEST(a_key_takes_effect_once_and_gets_the_first_answer_again)
{
    bank_play(repeats);
}

static void refuses_for_good(struct call *call, struct stage *stage)
{
    BankService__Charge *charge = 0, *again = 0;

    EXPECT_OK(authorize(call, stage->inside, "a", 1000, "pm_card_authenticationRequired", &charge));
    if (!charge) return;
    EXPECT(is(charge, "requires_action", 0, 0));
    EXPECT_REFUSED(capture(call, stage, "c", charge->charge_id, 1000, &again), FAILED_PRECONDITION,
                   PAYMENT_STATE);
    EXPECT_OK(confirm(call, stage, "ok", charge->charge_id, &again));
    EXPECT(is(again, "authorized", 0, 0));
    EXPECT_REFUSED(capture(call, stage, "c", charge->charge_id, 1000, &again), FAILED_PRECONDITION,
                   PAYMENT_STATE);
    EXPECT_OK(cancel(call, stage, "v", charge->charge_id, &again));
    EXPECT(is(again, "voided", 0, 0));
}

TEST(a_request_that_was_refused_under_a_key_stays_refused)
{
    bank_play(refuses_for_good);
}

static void plays_methods(struct call *call, struct stage *stage)
{
    BankService__Charge *charge = 0;

    EXPECT_OK(authorize(call, stage->inside, "d", 1000, "pm_card_chargeDeclined", &charge));
    EXPECT(is(charge, "declined", 0, 0));
    EXPECT(charge && strcmp(charge->decline_code, "card_declined") == 0);
    EXPECT_REFUSED(authorize(call, stage->inside, "u", 1000, "pm_test_unavailable", &charge),
                   UNAVAILABLE, PAYMENT_PROVIDER_DOWN);
    EXPECT_REFUSED(get(call, stage, "", "u", &charge), NOT_FOUND, CHARGE_NOT_FOUND);
    EXPECT_REFUSED(authorize(call, stage->inside, "m", 1000, "pm_card_amex", &charge),
                   INVALID_ARGUMENT, PAYMENT_METHOD_UNKNOWN);
    EXPECT(count_charges(call, stage) == 1);
}

TEST(methods_decline_fail_to_connect_or_are_unknown)
{
    bank_play(plays_methods);
}

struct attempt {
    struct stage *stage;
    struct status status;
};

static void hears_nothing(struct call *call, void *data)
{
    struct attempt *attempt = data;
    BankService__Charge *charge;

    attempt->status = authorize(call, attempt->stage->inside, "t", 1000, "pm_test_timeout",
                                &charge);
}

static void loses_answers(struct call *call, struct stage *stage)
{
    struct attempt attempt = {.stage = stage};
    struct fiber_group group = {0};
    BankService__Charge *charge = 0;

    EXPECT_OK(fiber_group_start(call, &group, hears_nothing, &attempt));
    while (count_charges(call, stage) == 0) EXPECT_OK(fiber_sleep(call, 1000));
    stage_pass_s(6);
    EXPECT_OK(fiber_sleep(call, 1000));
    fiber_group_wait(call, &group);
    EXPECT(attempt.status.code == STATUS_DEADLINE_EXCEEDED);
    EXPECT_OK(authorize(call, stage->inside, "t", 1000, "pm_test_timeout", &charge));
    EXPECT(is(charge, "authorized", 0, 0));
    EXPECT_OK(capture(call, stage, "c", charge->charge_id, 1000, &charge));
    EXPECT(count_charges(call, stage) == 1);
}

TEST(an_answer_is_lost_once_and_there_is_one_charge)
{
    bank_play(loses_answers);
}

enum { RACERS = 40 };

static void refund_forty(struct call *call, struct stage *stage, int number)
{
    BankService__Charge *charge, *again;

    EXPECT_OK(get(call, stage, "", "a", &charge));
    struct status st = refund(call, stage, arena_printf(call->arena, "r%d", number),
                              charge->charge_id, 40, &again);
    EXPECT(!failed(st) || st.reason == ARGOSY__REASON__PAYMENT_ABOVE_CAPTURED);
}

static void races(struct call *call, struct stage *stage)
{
    BankService__Charge *charge = 0;

    EXPECT_OK(authorize(call, stage->inside, "a", 1000, "pm_card_visa", &charge));
    if (!charge) return;
    EXPECT_OK(capture(call, stage, "c", charge->charge_id, 990, &charge));
    stage_spread(call, stage, RACERS, refund_forty);
    EXPECT_OK(get(call, stage, charge->charge_id, "", &charge));
    EXPECT(is(charge, "captured", 990, 960));
}

TEST(concurrent_refunds_never_exceed_what_was_captured)
{
    bank_play(races);
}

static void finds_several(struct call *call, struct stage *stage)
{
    BankService__GetChargesRequest request = BANK_SERVICE__GET_CHARGES_REQUEST__INIT;
    BankService__Charge *first = 0, *second = 0;
    BankService__ListChargesResponse *found;

    EXPECT_OK(authorize(call, stage->inside, "a", 1000, "pm_card_visa", &first));
    EXPECT_OK(authorize(call, stage->inside, "b", 2000, "pm_card_visa", &second));
    if (!first || !second) return;
    char *ids[] = {second->charge_id, (char *)"ch_\"none\"", first->charge_id};
    request.charge_ids = ids;
    request.n_charge_ids = 3;
    EXPECT_OK(bank_service_get_charges(call, stage->inside, &request, &found));
    EXPECT(found->n_charges == 2 && found->charges[0]->amount_minor == 2000 &&
           found->charges[1]->amount_minor == 1000);
    EXPECT_REFUSED(bank_service_get_charges(call, stage->outside, &request, &found),
                   PERMISSION_DENIED, INTERNAL_ONLY);
}

TEST(several_charges_are_found_at_once_in_the_sequence_of_their_ids)
{
    bank_play(finds_several);
}

static void turns_away(struct call *call, struct stage *stage)
{
    BankService__ListChargesRequest request = BANK_SERVICE__LIST_CHARGES_REQUEST__INIT;
    BankService__ListChargesResponse *page;
    BankService__Charge *charge;

    stage_as(call, "root@example.com", "superAdmin", "");
    EXPECT_REFUSED(authorize(call, stage->outside, "a", 1, "pm_card_visa", &charge),
                   PERMISSION_DENIED, INTERNAL_ONLY);
    EXPECT_REFUSED(bank_service_list_charges(call, stage->outside, &request, &page),
                   PERMISSION_DENIED, INTERNAL_ONLY);
    EXPECT_FIELD(authorize(call, stage->inside, "", 1, "pm_card_visa", &charge), "idempotency_key");
    EXPECT_FIELD(authorize(call, stage->inside, "a", -1, "pm_card_visa", &charge), "amount_minor");
    EXPECT_FIELD(get(call, stage, "", "", &charge), "charge_id");
}

TEST(only_the_shops_own_processes_may_call)
{
    bank_play(turns_away);
}
