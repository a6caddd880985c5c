/* SPDX-License-Identifier: Apache-2.0 */
/* The states of payments after events of orders, lost answers, and timeouts. */
#include "rpc/store_time_testing.h"
#include "services/payment/payment_testing.h"

static void play_on_engines(void (*play)(struct call *call, struct stage *stage))
{
    payment_play_on_engines(test_engine("ARGOSY_TEST_POSTGRES"), play);
    test_skipped = false; /* it has run on SQLite */
}

/* Lets time pass, and waiting fibers continue. */
static void pass(struct call *call, int seconds)
{
    stage_pass_at_rest_s(call, "payment", seconds);
    EXPECT_OK(fiber_sleep(call, 1000));
}

/* Waits like payment_becomes, and lets time pass meanwhile: an attempt that was in progress when
 * time passed, and so failed, is made again only after a pause. */
static struct payment becomes_in_time(struct call *call, struct stage *stage, const char *order_id,
                                      enum payment_state state)
{
    for (int i = 0; i < 300; i++) {
        struct payment payment = payment_of(call, stage, order_id);
        if (payment.state == state && payment.refunding_minor == 0) return payment;
        stage_pass_at_rest_s(call, "payment", 1);
        EXPECT_OK(fiber_sleep(call, 20000));
    }
    return payment_becomes(call, stage, order_id, state);
}

/* How many events of this type the service has published. */
static int count_sent(struct call *call, const ProtobufCMessageDescriptor *descriptor)
{
    const struct event *event;
    int64_t place = 0;
    int count = 0;

    while ((event = stage_sent(call, "payment-events", &place)))
        count += event_is(event, descriptor);
    return count;
}

/* Lets time pass until the delay of a payment is published, and then some more. */
static void passes_delay(struct call *call)
{
    for (int i = 0, more = 0; i < 600 && more < 10; i++) {
        more += count_sent(call, &events__payment_delayed_event__descriptor) > 0;
        stage_pass_at_rest_s(call, "payment", 10);
        EXPECT_OK(fiber_sleep(call, 30000));
    }
    EXPECT(count_sent(call, &events__payment_delayed_event__descriptor) == 1);
}

/* ---- orders ---- */

static void follows_order(struct call *call, struct stage *stage)
{
    order_validated(call, "o1", 3000, "pm_card_visa");
    struct payment payment = payment_becomes(call, stage, "o1", PAYMENT_AUTHORIZED);
    EXPECT(payment.authorized_minor == 3000);
    order_confirmed(call, "o1", false);
    EXPECT(payment_of(call, stage, "o1").state == PAYMENT_AUTHORIZED);
    order_fulfilled(call, "o1");
    payment_becomes(call, stage, "o1", PAYMENT_CAPTURED);
    order_fulfilled(call, "o1");
    EXPECT(charged(call, stage, "o1", "captured", 3000, 0));

    order_validated(call, "o2", 3000, "pm_card_visa");
    order_confirmed(call, "o2", true); /* before the bank has answered, maybe */
    payment_becomes(call, stage, "o2", PAYMENT_CAPTURED);
    EXPECT(count_sent(call, &events__payment_authorized_event__descriptor) == 2);
    EXPECT(count_sent(call, &events__payment_captured_event__descriptor) == 2);
    EXPECT(differences(call, stage, true) == 0);
}

TEST(a_payment_follows_its_order)
{
    play_on_engines(follows_order);
}

static void fails_order(struct call *call, struct stage *stage)
{
    order_validated(call, "o1", 3000, "pm_card_chargeDeclined");
    order_validated(call, "o2", 3000, "pm_none");
    payment_becomes(call, stage, "o1", PAYMENT_NEW);
    struct payment payment = payment_becomes(call, stage, "o2", PAYMENT_NEW);
    EXPECT(payment.reason == ARGOSY__REASON__PAYMENT_METHOD_UNKNOWN);
    EXPECT(count_sent(call, &events__payment_failed_event__descriptor) == 2);
    order_cancelled(call, "o1");
    payment_becomes(call, stage, "o1", PAYMENT_CANCELED);
    EXPECT(count_sent(call, &events__payment_failed_event__descriptor) == 2);
}

TEST(a_failed_method_is_published_to_its_order)
{
    play_on_engines(fails_order);
}

static void undoes(struct call *call, struct stage *stage)
{
    order_validated(call, "authorized", 3000, "pm_card_visa");
    order_validated(call, "captured", 3000, "pm_card_visa");
    order_validated(call, "action", 3000, "pm_card_authenticationRequired");
    order_validated(call, "new", 3000, "");
    payment_becomes(call, stage, "authorized", PAYMENT_AUTHORIZED);
    order_fulfilled(call, "captured");
    payment_becomes(call, stage, "captured", PAYMENT_CAPTURED);
    payment_becomes(call, stage, "action", PAYMENT_ACTION);
    order_cancelled(call, "authorized");
    order_cancelled(call, "captured");
    order_cancelled(call, "action");
    order_cancelled(call, "new");
    payment_becomes(call, stage, "authorized", PAYMENT_CANCELED);
    payment_becomes(call, stage, "action", PAYMENT_CANCELED);
    payment_becomes(call, stage, "new", PAYMENT_CANCELED);
    EXPECT(payment_becomes(call, stage, "captured", PAYMENT_CAPTURED).refunded_minor == 3000);
    EXPECT(charged(call, stage, "authorized", "voided", 0, 0));
    EXPECT(charged(call, stage, "captured", "captured", 3000, 3000));
    EXPECT(charged(call, stage, "action", "voided", 0, 0));
    EXPECT(charges_of(call, stage, "new", NULL) == 0);
    EXPECT(count_sent(call, &events__payment_failed_event__descriptor) == 0);
    EXPECT(differences(call, stage, true) == 0);
}

TEST(a_cancelled_order_gets_all_its_money_back)
{
    play_on_engines(undoes);
}

static void buries(struct call *call, struct stage *stage)
{
    PaymentService__StandardResponse *response;

    order_cancelled(call, "o1");
    order_cancelled(call, "o1");
    order_validated(call, "o1", 3000, "pm_card_visa");
    pass(call, 30);
    EXPECT(charges_of(call, stage, NULL, NULL) == 0 && operations_under_way(call, stage) == 0);
    as_ann(call);
    EXPECT_REFUSED(pay(call, stage, "o1", "pm_card_visa", 0, &response), NOT_FOUND,
                   PAYMENT_NOT_FOUND);
    /* Later events of an order that was cancelled first change nothing. */
    order_confirmed(call, "o2", true);
    order_fulfilled(call, "o2");
    EXPECT(payment_of(call, stage, "o2").state == PAYMENT_ABSENT);
}

TEST(an_order_that_was_cancelled_first_is_never_charged)
{
    play_on_engines(buries);
}

static void comes_twice(struct call *call, struct stage *stage)
{
    Events__OrderValidatedEvent validated = EVENTS__ORDER_VALIDATED_EVENT__INIT;
    struct event event;

    validated.order_id = TEXT("o1");
    validated.user_id = TEXT("ann@example.com");
    validated.amount_minor = 3000;
    validated.currency = TEXT("EUR");
    validated.payment_method = TEXT("pm_card_visa");
    event_make(call, "order-events", "o1", &validated.base, &event);
    EXPECT_OK(stage_hand_event(call, &event));
    EXPECT_OK(stage_hand_event(call, &event));
    order_validated(call, "o1", 3000, "pm_card_visa"); /* again, by another event */
    payment_becomes(call, stage, "o1", PAYMENT_AUTHORIZED);
    EXPECT(charged(call, stage, "o1", "authorized", 0, 0));
    validated.currency = TEXT("");
    EXPECT_REFUSED(stage_hand(call, "order-events", "o2", &validated.base), INVALID_ARGUMENT,
                   MALFORMED_MESSAGE);
}

TEST(an_event_takes_effect_once)
{
    play_on_engines(comes_twice);
}

/* ---- answers that are lost ---- */

static void loses_answer(struct call *call, struct stage *stage)
{
    order_validated(call, "o1", 3000, "pm_test_timeout");
    EXPECT(payment_of(call, stage, "o1").state == PAYMENT_AUTHORIZING);
    while (charges_of(call, stage, "o1", NULL) == 0) EXPECT_OK(fiber_sleep(call, 1000));
    pass(call, 11);
    payment_becomes(call, stage, "o1", PAYMENT_AUTHORIZED);
    EXPECT(charged(call, stage, "o1", "authorized", 0, 0));

    /* If the order is cancelled meanwhile, an authorization that turns up is voided. */
    order_validated(call, "o2", 3000, "pm_test_timeout");
    while (charges_of(call, stage, "o2", NULL) == 0) EXPECT_OK(fiber_sleep(call, 1000));
    order_cancelled(call, "o2");
    EXPECT(payment_of(call, stage, "o2").state == PAYMENT_AUTHORIZING);
    pass(call, 11);
    payment_becomes(call, stage, "o2", PAYMENT_CANCELED);
    EXPECT(charged(call, stage, "o2", "voided", 0, 0));
    EXPECT(operations_under_way(call, stage) == 0);
    EXPECT(count_sent(call, &events__payment_authorized_event__descriptor) == 1);
    EXPECT(differences(call, stage, true) == 0);
}

TEST(a_call_whose_answer_was_lost_is_repeated_and_charges_once)
{
    play_on_engines(loses_answer);
}

struct wait_result {
    struct stage *stage;
    struct status status;
    PaymentService__StandardResponse *response;
};

static void pays_slowly(struct call *call, void *data)
{
    struct wait_result *result = data;

    result->status = pay(call, result->stage, "o1", "pm_test_timeout", with_key(call, "k"),
                         &result->response);
}

static void answers_in_time(struct call *call, struct stage *stage)
{
    struct wait_result result = {.stage = stage};
    struct fiber_group group = {0};
    PaymentService__StandardResponse *response = 0;

    order_validated(call, "o1", 3000, "");
    as_ann(call);
    EXPECT_OK(fiber_group_start(call, &group, pays_slowly, &result));
    while (charges_of(call, stage, "o1", NULL) == 0) EXPECT_OK(fiber_sleep(call, 1000));
    pass(call, 9);
    fiber_group_wait(call, &group);
    EXPECT_OK(result.status);
    EXPECT(result.response && result.response->status_code == 202);
    EXPECT(result.response && strcmp(result.response->payment->status, "processing") == 0);
    EXPECT_REFUSED(pay(call, stage, "o1", "pm_test_timeout", with_key(call, "k"), &response),
                   ABORTED, IDEMPOTENCY_KEY_RUNNING);
    pass(call, 2);
    payment_becomes(call, stage, "o1", PAYMENT_AUTHORIZED);
    EXPECT_OK(pay(call, stage, "o1", "pm_test_timeout", with_key(call, "k"), &response));
    EXPECT(response && response->status_code == 201);
    EXPECT(response && strcmp(response->payment->status, "requires_capture") == 0);
}

TEST(a_request_that_takes_too_long_is_answered_202_and_gets_the_answer_by_its_key)
{
    play_on_engines(answers_in_time);
}

static void cannot_connect(struct call *call, struct stage *stage)
{
    order_validated(call, "o1", 3000, "pm_test_unavailable");
    passes_delay(call);
    struct payment payment = payment_of(call, stage, "o1");
    EXPECT(payment.state == PAYMENT_AUTHORIZING);
    EXPECT(payment.reason == ARGOSY__REASON__PAYMENT_PROVIDER_DOWN);
    EXPECT(count_sent(call, &events__payment_failed_event__descriptor) == 0);
    order_cancelled(call, "o1"); /* its pay-by time has passed */
    becomes_in_time(call, stage, "o1", PAYMENT_CANCELED);
    EXPECT(operations_under_way(call, stage) == 0);
    EXPECT(charges_of(call, stage, NULL, NULL) == 0);
    EXPECT(differences(call, stage, true) == 0);
}

TEST(a_provider_that_cannot_be_reached_is_called_until_the_order_ends)
{
    play_on_engines(cannot_connect);
}

/* ---- a provider in bad times ---- */

/* A provider in front of the real one, which loses requests and answers as a test sets it. */
static struct {
    struct payment_provider real;
    uint64_t seed;
    bool silent; /* loses every answer, and look-ups fail too */
    bool bad;    /* loses three in four */
    bool slow;   /* answers that it does not know yet */
    bool locked; /* refuses our secret key */
} weather;

static unsigned roll(unsigned bound)
{
    uint64_t seed = __atomic_fetch_add(&weather.seed, 0x9e3779b97f4a7c15, __ATOMIC_RELAXED);

    seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
    seed = (seed ^ (seed >> 27)) * 0x94d049bb133111eb;
    return (unsigned)((seed ^ (seed >> 31)) % bound);
}

static struct status lost(void)
{
    return status_make(STATUS_UNAVAILABLE, 0, "bad weather");
}

#define IN_BAD_WEATHER(name)                                                                       \
    static struct status weather_##name(struct call *call, struct payment_provider *provider,      \
                                        const struct provider_request *request,                    \
                                        struct provider_answer *ret_answer)                        \
    {                                                                                              \
        bool bad = __atomic_load_n(&weather.bad, __ATOMIC_RELAXED);                                \
        if (__atomic_load_n(&weather.locked, __ATOMIC_RELAXED))                                    \
            return status_make(STATUS_INTERNAL, 0, "your key is wrong");                           \
        if (bad && roll(4) == 0) return lost();                                                    \
        struct status st = weather.real.name(call, provider, request, ret_answer);                 \
        if (__atomic_load_n(&weather.silent, __ATOMIC_RELAXED) || (bad && roll(2))) return lost(); \
        if (weather.slow && !failed(st)) ret_answer->outcome = PROVIDER_PROCESSING;                \
        return st;                                                                                 \
    }
IN_BAD_WEATHER(authorize)
IN_BAD_WEATHER(confirm)
IN_BAD_WEATHER(capture)
IN_BAD_WEATHER(void_)
IN_BAD_WEATHER(refund)

static struct status weather_find_by_key(struct call *call, struct payment_provider *provider,
                                         const char *key, struct provider_charge *ret_charge)
{
    if (__atomic_load_n(&weather.silent, __ATOMIC_RELAXED)) return lost();
    return weather.real.find_by_key(call, provider, key, ret_charge);
}

static void weather_begins(struct stage *stage)
{
    struct payment_provider *provider = ((struct payment_service *)stage->service)->provider;

    weather.real = *provider;
    weather.seed = 7;
    provider->authorize = weather_authorize;
    provider->confirm = weather_confirm;
    provider->capture = weather_capture;
    provider->void_ = weather_void_;
    provider->refund = weather_refund;
    provider->find_by_key = weather_find_by_key;
}

/* Runs with this provider, on SQLite only: an attempt must have ended before the next leap in time,
 * or it fails by that. */
static void weather_play(bool silent, bool bad,
                         void (*play)(struct call *call, struct stage *stage))
{
    static const struct stage_plan plan = {.module = &payment_service,
                                           .besides = &bank_service,
                                           EVENTS_STAGE,
                                           .started = weather_begins};

    weather.silent = silent;
    weather.bad = bad;
    stage_run(&plan, play);
}

static void waits_no_longer(struct call *call, struct stage *stage)
{
    order_validated(call, "o1", 3000, "pm_card_visa");
    while (charges_of(call, stage, "o1", NULL) == 0) EXPECT_OK(fiber_sleep(call, 1000));
    passes_delay(call);
    EXPECT(payment_of(call, stage, "o1").state == PAYMENT_AUTHORIZING);
    order_cancelled(call, "o1"); /* its pay-by time has passed */

    __atomic_store_n(&weather.silent, false, __ATOMIC_RELAXED);
    becomes_in_time(call, stage, "o1", PAYMENT_CANCELED);
    EXPECT(charged(call, stage, "o1", "voided", 0, 0));
    EXPECT(count_sent(call, &events__payment_failed_event__descriptor) == 0);
    EXPECT(count_sent(call, &events__payment_authorized_event__descriptor) == 0);
    EXPECT(differences(call, stage, true) == 0);
}

TEST(an_order_does_not_wait_for_ever_and_what_turns_up_later_is_let_go)
{
    weather_play(true, false, waits_no_longer);
}

static void refunds(struct call *call, void *data)
{
    struct wait_result *result = data;
    const char *id = payment_of(call, result->stage, "o1").payment_id;

    result->status = refund(call, result->stage, id, 1000, 0, &result->response);
}

/* The call takes effect, but its answer is lost; then the provider refuses our key. */
static void is_locked_out(struct call *call, struct stage *stage)
{
    struct wait_result result = {.stage = stage};
    struct fiber_group group = {0};

    order_validated(call, "o1", 3000, "pm_card_visa");
    while (charges_of(call, stage, "o1", NULL) == 0) EXPECT_OK(fiber_sleep(call, 1000));
    __atomic_store_n(&weather.locked, true, __ATOMIC_RELAXED);
    pass(call, 3);
    EXPECT_OK(fiber_sleep(call, 300000));
    EXPECT(payment_of(call, stage, "o1").state == PAYMENT_AUTHORIZING);
    __atomic_store_n(&weather.silent, false, __ATOMIC_RELAXED);
    __atomic_store_n(&weather.locked, false, __ATOMIC_RELAXED);
    becomes_in_time(call, stage, "o1", PAYMENT_AUTHORIZED);
    order_fulfilled(call, "o1");
    becomes_in_time(call, stage, "o1", PAYMENT_CAPTURED);

    __atomic_store_n(&weather.locked, true, __ATOMIC_RELAXED);
    as_sam(call);
    EXPECT_OK(fiber_group_start(call, &group, refunds, &result));
    while (payment_of(call, stage, "o1").refunding_minor == 0) EXPECT_OK(fiber_sleep(call, 1000));
    pass(call, 9); /* longer than a request waits for the provider */
    fiber_group_wait(call, &group);
    EXPECT_OK(result.status);
    EXPECT(result.response && result.response->status_code == 202);
    EXPECT(payment_of(call, stage, "o1").refunding_minor == 1000);
    __atomic_store_n(&weather.locked, false, __ATOMIC_RELAXED);
    EXPECT(becomes_in_time(call, stage, "o1", PAYMENT_CAPTURED).refunded_minor == 1000);
    EXPECT(charged(call, stage, "o1", "captured", 3000, 1000));
    EXPECT(differences(call, stage, true) == 0);
}

TEST(a_provider_that_refuses_our_key_has_refused_no_operation)
{
    weather_play(true, false, is_locked_out);
}

static void is_slow(struct call *call, struct stage *stage)
{
    weather.slow = true;
    order_validated(call, "o1", 3000, "pm_card_visa");
    for (int i = 0; i < 3; i++) {
        stage_pass_s(3);
        EXPECT_OK(fiber_sleep(call, 300000));
    }
    /* Although every call is answered so, its outcome can be looked up. */
    becomes_in_time(call, stage, "o1", PAYMENT_AUTHORIZED);
    order_fulfilled(call, "o1");
    becomes_in_time(call, stage, "o1", PAYMENT_CAPTURED);
    weather.slow = false;
    EXPECT(charged(call, stage, "o1", "captured", 3000, 0));
    EXPECT(differences(call, stage, true) == 0);
}

TEST(an_outcome_that_the_provider_does_not_know_yet_is_looked_up)
{
    weather_play(false, false, is_slow);
}

enum { ORDERS = 60, HAPPENINGS = 6 };

static const char *order_name(const struct call *call, int number)
{
    return arena_printf(call->arena, "order-%03d", number);
}

/* One order's life: its events come in any order and sometimes twice, sellers and customers make
 * requests, and in the end every third order is cancelled. */
static void live(struct call *call, struct stage *stage, int number)
{
    static const char *const methods[] = {"pm_card_visa", "pm_card_visa", "",
                                          "pm_card_authenticationRequired",
                                          "pm_card_chargeDeclined"};
    const char *order_id = order_name(call, number);
    PaymentService__StandardResponse *response;

    order_validated(call, order_id, 1000, methods[roll(5)]);
    for (int i = 0; i < HAPPENINGS; i++) {
        struct payment payment = payment_of(call, stage, order_id);
        unsigned what = roll(8);
        struct status st = status_ok();
        as_boss(call);
        if (what == 0) order_validated(call, order_id, 1000, "pm_card_visa");
        if (what == 1) order_confirmed(call, order_id, roll(2));
        if (what == 2) order_fulfilled(call, order_id);
        if (what == 3) st = pay(call, stage, order_id, "pm_card_visa", 0, &response);
        if (what == 4) st = confirm(call, stage, payment.payment_id, &response);
        if (what == 5) st = capture(call, stage, payment.payment_id, 1 + roll(1000), &response);
        if (what == 6) st = refund(call, stage, payment.payment_id, 1 + roll(600), 0, &response);
        if (what == 7 && roll(4) == 0) order_cancelled(call, order_id);
        EXPECT(st.code == STATUS_OK || st.code == STATUS_FAILED_PRECONDITION ||
               st.code == STATUS_ABORTED);
    }
    if (number % 3 == 0) order_cancelled(call, order_id);
}

static void check_charges(struct call *call, struct stage *stage, int number)
{
    BankService__ListChargesRequest request = BANK_SERVICE__LIST_CHARGES_REQUEST__INIT;
    struct payment payment = payment_of(call, stage, order_name(call, number));
    BankService__ListChargesResponse *page = 0;
    int live = 0;

    request.limit = 1000;
    EXPECT_OK(bank_service_list_charges(call, stage->inside, &request, &page));
    for (size_t i = 0; page && i < page->n_charges; i++) {
        const BankService__Charge *charge = page->charges[i];
        if (strcmp(charge->reference, payment.order_id) != 0) continue;
        bool holds = strcmp(charge->status, "authorized") == 0;
        live += holds || strcmp(charge->status, "captured") == 0;
        EXPECT(charge->captured_minor <= charge->amount_minor);
        EXPECT(charge->refunded_minor <= charge->captured_minor);
        if (!(payment.wishes & PAYMENT_WISH_UNDO)) continue;
        EXPECT(!holds && charge->refunded_minor == charge->captured_minor);
    }
    EXPECT(live <= 1);
}

static void weathers(struct call *call, struct stage *stage)
{
    stage_spread(call, stage, ORDERS, live);
    __atomic_store_n(&weather.bad, false, __ATOMIC_RELAXED);
    for (int i = 0; i < 200 && operations_under_way(call, stage) > 0; i++) {
        stage_pass_s(2);
        EXPECT_OK(fiber_sleep(call, 20000));
    }
    EXPECT(operations_under_way(call, stage) == 0);
    for (int i = 0; i < ORDERS; i++) check_charges(call, stage, i);
    EXPECT(differences(call, stage, true) == 0);
}

TEST(nothing_is_charged_twice_or_kept_for_cancelled_orders_when_half_of_all_answers_are_lost)
{
    weather_play(false, true, weathers);
}

/* ---- time ---- */

static void expires(struct call *call, struct stage *stage)
{
    order_validated(call, "waits", 3000, "pm_card_visa");
    order_validated(call, "confirmed", 3000, "pm_card_visa");
    payment_becomes(call, stage, "waits", PAYMENT_AUTHORIZED);
    payment_becomes(call, stage, "confirmed", PAYMENT_AUTHORIZED);
    order_confirmed(call, "confirmed", false);
    pass(call, 7 * 24 * 3600 - 60);
    EXPECT_OK(fiber_sleep(call, 300000));
    EXPECT(payment_of(call, stage, "waits").state == PAYMENT_AUTHORIZED);
    pass(call, 61);
    struct payment payment = payment_becomes(call, stage, "waits", PAYMENT_CANCELED);
    EXPECT(payment.reason == ARGOSY__REASON__PAYMENT_EXPIRED);
    payment_becomes(call, stage, "confirmed", PAYMENT_CANCELED);
    EXPECT(charged(call, stage, "waits", "voided", 0, 0));
    EXPECT(count_sent(call, &events__payment_voided_event__descriptor) == 2);
    EXPECT(count_sent(call, &events__payment_failed_event__descriptor) == 0);
    EXPECT(differences(call, stage, true) == 0);
}

TEST(an_authorization_is_voided_when_it_expires)
{
    play_on_engines(expires);
}

/* The bank does not answer, and meanwhile somebody sets the clock back by an hour. */
static void lives_earlier(struct call *call, struct stage *stage)
{
    order_validated(call, "o1", 3000, "pm_test_unavailable");
    EXPECT_OK(fiber_sleep(call, 500000));
    EXPECT(payment_of(call, stage, "o1").state == PAYMENT_AUTHORIZING);
    stage_set_back_s(3600);
    order_cancelled(call, "o1");
    becomes_in_time(call, stage, "o1", PAYMENT_CANCELED);
    EXPECT(operations_under_way(call, stage) == 0);
}

TEST(an_operation_does_not_wait_for_as_long_as_the_clock_was_set_back)
{
    play_on_engines(lives_earlier);
}
