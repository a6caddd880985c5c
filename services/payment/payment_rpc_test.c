/* SPDX-License-Identifier: Apache-2.0 */
/* The payment service through the loopback: permissions and answers. Failures and timeouts are in
 * payment_flow_test.c. */
#include "services/payment/payment_testing.h"

#include "order.rpc.h"

static void play_on_engines(void (*play)(struct call *call, struct stage *stage))
{
    payment_play_on_engines(test_engine("ARGOSY_TEST_POSTGRES"), play);
    test_skipped = false; /* it has run on SQLite */
}

static bool is_status(const PaymentService__StandardResponse *response, int status_code,
                      const char *status)
{
    return response && response->success && response->status_code == status_code &&
           response->payment && strcmp(response->payment->status, status) == 0;
}

/* ---- the way of a payment ---- */

static void pays(struct call *call, struct stage *stage)
{
    PaymentService__StandardResponse *response = 0;
    int64_t place = 0;

    order_validated(call, "o1", 3000, "");
    as_ann(call);
    EXPECT(payment_of(call, stage, "o1").state == PAYMENT_NEW);
    EXPECT_OK(pay(call, stage, "o1", "pm_card_visa", 0, &response));
    EXPECT(is_status(response, 201, "requires_capture"));
    if (!response || !response->payment) return;
    const PaymentService__Payment *payment = response->payment;
    EXPECT(strcmp(payment->order_id, "o1") == 0 && payment->amount_minor == 3000);
    EXPECT(strcmp(payment->currency, "EUR") == 0 && strcmp(payment->provider, "test") == 0);
    EXPECT(strcmp(payment->user_id, "ann@example.com") == 0 && payment->provider_reference[0]);
    EXPECT(payment->expires_at && payment->created_at && payment->updated_at);
    EXPECT(charged(call, stage, "o1", "authorized", 0, 0));

    const Events__PaymentAuthorizedEvent *told = stage_sent_message(
        call, "payment-events", &place, &events__payment_authorized_event__descriptor);
    EXPECT(told && strcmp(told->payment_id, payment->payment_id) == 0);
    EXPECT(told && told->amount_minor == 3000 && strcmp(told->currency, "EUR") == 0);

    as_sam(call);
    const char *payment_id = payment->payment_id;
    EXPECT_FIELD(capture(call, stage, payment_id, -5, &response), "amount_minor");
    EXPECT_FIELD(refund(call, stage, payment_id, -5, 0, &response), "amount_minor");
    EXPECT_OK(capture(call, stage, payment_id, 2500, &response));
    EXPECT(is_status(response, 200, "succeeded") && response->payment->captured_minor == 2500);
    EXPECT_OK(refund(call, stage, payment->payment_id, 1000, 0, &response));
    EXPECT(response->status_code == 201 && response->refund);
    EXPECT(response->refund && strcmp(response->refund->status, "succeeded") == 0);
    EXPECT(response->refund && response->refund->amount_minor == 1000);
    EXPECT_REFUSED(refund(call, stage, payment->payment_id, 1501, 0, &response),
                   FAILED_PRECONDITION, PAYMENT_ABOVE_CAPTURED);
    EXPECT_OK(refund(call, stage, payment->payment_id, 0, 0, &response));
    EXPECT(charged(call, stage, "o1", "captured", 2500, 2500));
    EXPECT(differences(call, stage, true) == 0);
}

TEST(a_payment_is_authorized_captured_in_part_and_refunded)
{
    play_on_engines(pays);
}

static void declines(struct call *call, struct stage *stage)
{
    PaymentService__StandardResponse *response = 0;
    struct keyed *keyed = with_key(call, "k");
    int64_t place = 0;

    order_validated(call, "o1", 3000, "");
    as_ann(call);
    EXPECT_REFUSED(pay(call, stage, "o1", "pm_card_chargeDeclined", keyed, &response),
                   FAILED_PRECONDITION, PAYMENT_DECLINED);
    EXPECT(str_is(http_headers_get(&keyed->answer, "x-http-status"), "402"));
    keyed = with_key(call, "k");
    EXPECT_REFUSED(pay(call, stage, "o1", "pm_card_chargeDeclined", keyed, &response),
                   FAILED_PRECONDITION, PAYMENT_DECLINED);
    EXPECT(is_replayed(keyed));
    struct payment payment = payment_of(call, stage, "o1");
    EXPECT(payment.state == PAYMENT_NEW);
    EXPECT(payment.reason == ARGOSY__REASON__PAYMENT_DECLINED);
    const Events__PaymentFailedEvent *told = stage_sent_message(
        call, "payment-events", &place, &events__payment_failed_event__descriptor);
    EXPECT(told && strcmp(told->reason, "PAYMENT_DECLINED") == 0 && told->message[0]);
    EXPECT(!stage_sent(call, "payment-events", &place));
    /* Another card pays. */
    EXPECT_OK(pay(call, stage, "o1", "pm_card_visa", with_key(call, "k2"), &response));
    EXPECT(is_status(response, 201, "requires_capture"));
    EXPECT(charges_of(call, stage, "o1", NULL) == 2);
    EXPECT(differences(call, stage, true) == 0);
}

TEST(a_decline_is_an_error_and_another_method_may_be_tried)
{
    play_on_engines(declines);
}

/* ---- how often somebody may try ---- */

static void play_with_bounds(void (*play)(struct call *call, struct stage *stage))
{
    static const char *const settings[] = {"PAYMENT_TRIES_MAX=3", "PAYMENT_ACCOUNT_TRIES_MAX=5", 0};
    static const struct stage_plan plan = {
        .module = &payment_service, .besides = &bank_service, .settings = settings, EVENTS_STAGE};

    stage_run(&plan, play);
}

/* How many declines it takes until the answer is another one, which is *ret_st. */
static int decline_until(struct call *call, struct stage *stage, const char *order_id,
                         struct status *ret_st)
{
    PaymentService__StandardResponse *response = 0;

    for (int tries = 0;; tries++) {
        *ret_st = pay(call, stage, order_id, "pm_card_chargeDeclined", 0, &response);
        if (ret_st->reason != ARGOSY__REASON__PAYMENT_DECLINED || tries == 20) return tries;
    }
}

static void tries_cards_out(struct call *call, struct stage *stage)
{
    PaymentService__StandardResponse *response = 0;
    int64_t place = 0;
    struct status st;

    order_validated(call, "o1", 3000, "");
    order_validated(call, "o2", 3000, "");
    as_ann(call);
    EXPECT(decline_until(call, stage, "o1", &st) == 3);
    EXPECT_REFUSED(st, FAILED_PRECONDITION, PAYMENT_TRIES_MAX);
    EXPECT(decline_until(call, stage, "o2", &st) == 2);
    EXPECT_REFUSED(st, RESOURCE_EXHAUSTED, PAYMENT_TRIES_RATE);
    EXPECT(st.details && st.details->retry_after_ms > 3500000);
    EXPECT(st.details && st.details->retry_after_ms <= 3600001);
    EXPECT(charges_of(call, stage, NULL, NULL) == 5);

    /* An order that brings its method along is not tried either, and hears why. */
    while (stage_sent(call, "payment-events", &place)) {
    }
    order_validated(call, "o3", 3000, "pm_card_visa");
    const Events__PaymentFailedEvent *told = stage_sent_message(
        call, "payment-events", &place, &events__payment_failed_event__descriptor);
    EXPECT(told && strcmp(told->reason, "PAYMENT_TRIES_RATE") == 0);
    EXPECT(payment_of(call, stage, "o3").state == PAYMENT_NEW);
    EXPECT(charges_of(call, stage, NULL, NULL) == 5 && operations_under_way(call, stage) == 0);

    order_cancelled(call, "o1");
    EXPECT(payment_of(call, stage, "o1").state == PAYMENT_CANCELED);
    EXPECT(pay(call, stage, "o2", "pm_card_visa", 0, &response).reason ==
           ARGOSY__REASON__PAYMENT_TRIES_RATE);
    EXPECT(differences(call, stage, true) == 0);
}

TEST(cards_are_not_tried_out_without_end_on_one_order_or_on_many)
{
    play_with_bounds(tries_cards_out);
}

static void keeps_confirmation(struct call *call, struct stage *stage)
{
    PaymentService__StandardResponse *response = 0;
    struct status st;

    order_validated(call, "o1", 3000, "");
    order_validated(call, "o2", 3000, "");
    as_ann(call);
    EXPECT(decline_until(call, stage, "o1", &st) == 3);
    EXPECT_OK(pay(call, stage, "o2", "pm_card_authenticationRequired", 0, &response));
    EXPECT(is_status(response, 201, "requires_action"));
    /* Another method instead is the fourth failure of the account; one more would be the fifth. */
    EXPECT_OK(pay(call, stage, "o2", "pm_card_authenticationRequired", 0, &response));
    EXPECT_REFUSED(pay(call, stage, "o2", "pm_card_chargeDeclined", 0, &response),
                   RESOURCE_EXHAUSTED, PAYMENT_TRIES_RATE);
    struct payment payment = payment_of(call, stage, "o2");
    EXPECT(payment.state == PAYMENT_ACTION);
    EXPECT_OK(confirm(call, stage, payment.payment_id, &response));
    EXPECT(is_status(response, 200, "requires_capture"));
}

TEST(another_method_than_the_one_to_confirm_is_bounded_too)
{
    play_with_bounds(keeps_confirmation);
}

static void mistypes(struct call *call, struct stage *stage)
{
    PaymentService__StandardResponse *response = 0;

    order_validated(call, "o1", 3000, "");
    as_ann(call);
    EXPECT_REFUSED(pay(call, stage, "o1", "pm_none", with_key(call, "k"), &response),
                   INVALID_ARGUMENT, PAYMENT_METHOD_UNKNOWN);
    EXPECT(payment_of(call, stage, "o1").state == PAYMENT_NEW);
    EXPECT_OK(pay(call, stage, "o1", "pm_card_visa", with_key(call, "k2"), &response));
    /* That request had no effect, so its key may be used again. */
    EXPECT_REFUSED(pay(call, stage, "o1", "pm_card_visa", with_key(call, "k"), &response),
                   FAILED_PRECONDITION, PAYMENT_STATE);
    EXPECT(charges_of(call, stage, NULL, NULL) == 1);
}

TEST(an_unknown_method_may_be_given_better)
{
    play_on_engines(mistypes);
}

static void gives_up(struct call *call, struct stage *stage)
{
    PaymentService__StandardResponse *response = 0;

    order_validated(call, "o1", 3000, "");
    as_ann(call);
    EXPECT_OK(
        pay(call, stage, "o1", "pm_card_authenticationRequired", with_key(call, "k"), &response));
    EXPECT(is_status(response, 201, "requires_action"));
    /* The same request again is answered as before, and gives nothing up. */
    EXPECT_OK(
        pay(call, stage, "o1", "pm_card_authenticationRequired", with_key(call, "k"), &response));
    EXPECT(payment_of(call, stage, "o1").state == PAYMENT_ACTION);
    EXPECT_OK(pay(call, stage, "o1", "pm_card_visa", with_key(call, "k2"), &response));
    EXPECT(is_status(response, 201, "requires_capture"));
    EXPECT(differences(call, stage, true) == 0);
}

TEST(who_gives_up_to_confirm_may_pay_with_another_method)
{
    play_on_engines(gives_up);
}

static void confirms(struct call *call, struct stage *stage)
{
    PaymentService__StandardResponse *response = 0;
    int64_t place = 0;

    order_validated(call, "o1", 3000, "");
    as_ann(call);
    EXPECT_OK(pay(call, stage, "o1", "pm_card_authenticationRequired", 0, &response));
    EXPECT(is_status(response, 201, "requires_action"));
    if (!response || !response->payment) return;
    EXPECT(stage_sent_message(call, "payment-events", &place,
                              &events__payment_requires_action_event__descriptor));
    const char *payment_id = response->payment->payment_id;
    EXPECT_OK(confirm(call, stage, payment_id, &response));
    EXPECT(is_status(response, 200, "requires_capture"));
    EXPECT_REFUSED(confirm(call, stage, payment_id, &response), FAILED_PRECONDITION, PAYMENT_STATE);
    EXPECT(stage_sent_message(call, "payment-events", &place,
                              &events__payment_authorized_event__descriptor));
    as_boss(call);
    EXPECT_OK(let_go(call, stage, payment_id, &response));
    EXPECT(is_status(response, 200, "canceled"));
    EXPECT(charged(call, stage, "o1", "voided", 0, 0));
    EXPECT(differences(call, stage, true) == 0);
}

TEST(a_customer_confirms_and_an_admin_lets_go)
{
    play_on_engines(confirms);
}

static void costs_nothing(struct call *call, struct stage *stage)
{
    PaymentService__StandardResponse *response = 0;

    order_validated(call, "o1", 0, "");
    as_ann(call);
    EXPECT_OK(pay(call, stage, "o1", "pm_card_visa", with_key(call, "k"), &response));
    EXPECT(is_status(response, 201, "succeeded"));
    EXPECT_OK(pay(call, stage, "o1", "pm_card_visa", with_key(call, "k"), &response));
    order_fulfilled(call, "o1");
    EXPECT(payment_of(call, stage, "o1").state == PAYMENT_CAPTURED);
    EXPECT(charges_of(call, stage, NULL, NULL) == 0);
    EXPECT(differences(call, stage, true) == 0);
}

TEST(an_order_that_costs_nothing_is_paid_without_a_provider)
{
    play_on_engines(costs_nothing);
}

/* ---- who may ---- */

static struct status get(struct call *call, struct rpc_channel *channel, const char *payment_id)
{
    PaymentService__GetPaymentRequest request = PAYMENT_SERVICE__GET_PAYMENT_REQUEST__INIT;
    PaymentService__StandardResponse *response;

    request.payment_id = TEXT(payment_id);
    return payment_service_get_payment(call, channel, &request, &response);
}

static struct status postings(struct call *call, struct rpc_channel *channel,
                              const char *payment_id,
                              PaymentService__ListPostingsResponse **ret_response)
{
    PaymentService__ListPostingsRequest request = PAYMENT_SERVICE__LIST_POSTINGS_REQUEST__INIT;

    request.payment_id = TEXT(payment_id);
    return payment_service_list_postings(call, channel, &request, ret_response);
}

static void keeps_roles(struct call *call, struct stage *stage)
{
    PaymentService__ListPostingsResponse *ledger;
    PaymentService__StandardResponse *response = 0;

    order_validated(call, "o1", 3000, "pm_card_visa");
    const char *id = payment_becomes(call, stage, "o1", PAYMENT_AUTHORIZED).payment_id;
    EXPECT_REFUSED(get(call, stage->inside, id), UNAUTHENTICATED, LOGIN_REQUIRED);
    EXPECT_REFUSED(pay(call, stage, "o1", "pm_card_visa", 0, &response), UNAUTHENTICATED,
                   LOGIN_REQUIRED);

    stage_as(call, "bob@example.com", "customer", "");
    EXPECT_REFUSED(get(call, stage->inside, id), PERMISSION_DENIED, NOT_OWNER);
    EXPECT_REFUSED(pay(call, stage, "o1", "pm_card_visa", 0, &response), PERMISSION_DENIED,
                   NOT_OWNER);
    EXPECT_REFUSED(confirm(call, stage, id, &response), PERMISSION_DENIED, NOT_OWNER);

    stage_as(call, "tom@example.com", "seller", "");
    EXPECT_REFUSED(get(call, stage->inside, id), PERMISSION_DENIED, NOT_OWNER);
    EXPECT_REFUSED(capture(call, stage, id, 0, &response), PERMISSION_DENIED, NOT_OWNER);
    EXPECT_REFUSED(refund(call, stage, id, 0, 0, &response), PERMISSION_DENIED, NOT_OWNER);

    as_ann(call);
    EXPECT_OK(get(call, stage->inside, id));
    EXPECT_REFUSED(get(call, stage->outside, id), UNAUTHENTICATED, LOGIN_REQUIRED);
    EXPECT_REFUSED(capture(call, stage, id, 0, &response), PERMISSION_DENIED, ROLE_REQUIRED);
    EXPECT_REFUSED(refund(call, stage, id, 0, 0, &response), PERMISSION_DENIED, ROLE_REQUIRED);
    EXPECT_REFUSED(let_go(call, stage, id, &response), PERMISSION_DENIED, ROLE_REQUIRED);
    EXPECT_REFUSED(postings(call, stage->inside, id, &ledger), PERMISSION_DENIED, ROLE_REQUIRED);

    as_sam(call);
    EXPECT_OK(get(call, stage->inside, id));
    EXPECT_REFUSED(let_go(call, stage, id, &response), PERMISSION_DENIED, ROLE_REQUIRED);
    EXPECT_OK(capture(call, stage, id, 0, &response));

    as_boss(call);
    EXPECT_OK(postings(call, stage->fleet, id, &ledger));
    EXPECT(ledger && ledger->n_postings == 2);
    EXPECT_OK(refund(call, stage, id, 0, 0, &response));
    stage_as(call, "", "", "");
    EXPECT_REFUSED(postings(call, stage->outside, id, &ledger), PERMISSION_DENIED, INTERNAL_ONLY);
    EXPECT_OK(postings(call, stage->inside, id, &ledger));
    EXPECT(ledger && ledger->n_postings == 3);
}

TEST(each_role_may_do_its_own)
{
    play_on_engines(keeps_roles);
}

static struct status list(struct call *call, struct stage *stage, const char *order_id,
                          int page_size, const char *cursor, PaymentService__Payments **ret_page)
{
    PaymentService__ListPaymentsRequest request = PAYMENT_SERVICE__LIST_PAYMENTS_REQUEST__INIT;
    PaymentService__StandardResponse *response;

    request.order_id = TEXT(order_id);
    request.page_size = page_size;
    request.cursor = TEXT(cursor);
    struct status st = payment_service_list_payments(call, stage->inside, &request, &response);
    if (!failed(st)) *ret_page = response->payments;
    return st;
}

static void lists(struct call *call, struct stage *stage)
{
    PaymentService__Payments *page = 0;

    for (int i = 0; i < 5; i++)
        order_validated(call, arena_printf(call->arena, "o%d", i), 100 + i, "");
    order_cancelled(call, "never-validated");
    as_ann(call);
    EXPECT_OK(list(call, stage, "", 3, "", &page));
    if (!page) return;
    EXPECT(page->n_payments == 3 && page->next_cursor[0]);
    EXPECT(page->payments[0]->amount_minor == 104);
    EXPECT_OK(list(call, stage, "", 3, page->next_cursor, &page));
    EXPECT(page->n_payments == 2 && !page->next_cursor[0]);
    EXPECT(page->payments[1]->amount_minor == 100);
    EXPECT_OK(list(call, stage, "o3", 0, "", &page));
    EXPECT(page->n_payments == 1 && page->payments[0]->amount_minor == 103);
    EXPECT_OK(list(call, stage, "never-validated", 0, "", &page));
    EXPECT(page->n_payments == 0);
    EXPECT_REFUSED(list(call, stage, "", 3, "nonsense", &page), INVALID_ARGUMENT,
                   PAGE_CURSOR_INVALID);
    stage_as(call, "bob@example.com", "customer", "");
    EXPECT_OK(list(call, stage, "", 3, "", &page));
    EXPECT(page->n_payments == 0);
    EXPECT_REFUSED(list(call, stage, "o3", 0, "", &page), PERMISSION_DENIED, NOT_OWNER);
    EXPECT_REFUSED(get(call, stage->inside, "none"), NOT_FOUND, PAYMENT_NOT_FOUND);
}

TEST(payments_are_listed_in_pages_newest_first)
{
    play_on_engines(lists);
}

/* ---- the same request twice ---- */

static void repeats(struct call *call, struct stage *stage)
{
    PaymentService__StandardResponse *first = 0, *again = 0;
    struct keyed *keyed;

    order_validated(call, "o1", 3000, "");
    as_ann(call);
    EXPECT_OK(pay(call, stage, "o1", "pm_card_visa", with_key(call, "k"), &first));
    keyed = with_key(call, "k");
    EXPECT_OK(pay(call, stage, "o1", "pm_card_visa", keyed, &again));
    EXPECT(is_replayed(keyed) && again->status_code == 201);
    EXPECT(strcmp(first->payment->payment_id, again->payment->payment_id) == 0);
    EXPECT_REFUSED(pay(call, stage, "o1", "pm_card_chargeDeclined", with_key(call, "k"), &again),
                   FAILED_PRECONDITION, IDEMPOTENCY_KEY_REUSED);
    EXPECT_REFUSED(pay(call, stage, "o1", "pm_card_visa", 0, &again), FAILED_PRECONDITION,
                   PAYMENT_STATE);
    order_fulfilled(call, "o1");
    const char *id = payment_becomes(call, stage, "o1", PAYMENT_CAPTURED).payment_id;
    as_sam(call);
    EXPECT_OK(refund(call, stage, id, 700, with_key(call, "r"), &first));
    EXPECT_OK(refund(call, stage, id, 700, with_key(call, "r"), &again));
    EXPECT(strcmp(first->refund->refund_id, again->refund->refund_id) == 0);
    EXPECT(charged(call, stage, "o1", "captured", 3000, 700));
}

TEST(the_same_key_answers_the_first_answer_and_does_nothing_more)
{
    play_on_engines(repeats);
}

static _Atomic int paid, refused;

static void pay_with_one_key(struct call *call, struct stage *stage, int number)
{
    PaymentService__StandardResponse *response;

    as_ann(call);
    struct status st = pay(call, stage, "o1", "pm_card_visa", with_key(call, "k"), &response);
    if (failed(st)) EXPECT(st.reason == ARGOSY__REASON__IDEMPOTENCY_KEY_RUNNING);
    atomic_fetch_add(failed(st) ? &refused : &paid, 1);
}

static void races_with_one_key(struct call *call, struct stage *stage)
{
    paid = refused = 0;
    order_validated(call, "o1", 3000, "");
    stage_spread(call, stage, 20, pay_with_one_key);
    EXPECT(paid >= 1 && paid + refused == 20);
    EXPECT(charged(call, stage, "o1", "authorized", 0, 0));
}

TEST(one_key_at_the_same_time_charges_once)
{
    play_on_engines(races_with_one_key);
}

static void refund_forty(struct call *call, struct stage *stage, int number)
{
    PaymentService__StandardResponse *response;

    as_sam(call);
    struct status st = refund(call, stage, payment_of(call, stage, "o1").payment_id, 40, 0,
                              &response);
    if (failed(st)) EXPECT(st.reason == ARGOSY__REASON__PAYMENT_ABOVE_CAPTURED);
    atomic_fetch_add(failed(st) ? &refused : &paid, 1);
}

static void races_to_refund(struct call *call, struct stage *stage)
{
    paid = refused = 0;
    order_validated(call, "o1", 500, "pm_card_visa");
    order_confirmed(call, "o1", true);
    payment_becomes(call, stage, "o1", PAYMENT_CAPTURED);
    stage_spread(call, stage, 20, refund_forty);
    EXPECT(paid == 12 && refused == 8);
    EXPECT(charged(call, stage, "o1", "captured", 500, 480));
    EXPECT(payment_of(call, stage, "o1").refunded_minor == 480);
    EXPECT(differences(call, stage, true) == 0);
}

TEST(twenty_refunds_at_once_never_exceed_what_was_captured)
{
    play_on_engines(races_to_refund);
}

/* ---- payments that are on their way ---- */

static struct status (*true_find)(struct call *call, struct payment_store *store,
                                  const char *order_id, struct payment *ret_payment);
static _Atomic int looks;

static struct status count_looks(struct call *call, struct payment_store *store,
                                 const char *order_id, struct payment *ret_payment)
{
    looks++;
    return true_find(call, store, order_id, ret_payment);
}

static void order_later(struct call *call, void *data)
{
    (void)data;
    EXPECT_OK(fiber_sleep(call, 300000));
    order_validated(call, "o1", 3000, "");
}

static void waits_for_payment(struct call *call, struct stage *stage)
{
    struct payment_service *service = stage->service;
    PaymentService__StandardResponse *response = 0;
    struct fiber_group group = {0};

    looks = 0;
    true_find = service->store->find_by_order;
    service->store->find_by_order = count_looks;
    as_ann(call);
    EXPECT_REFUSED(pay(call, stage, "o2", "pm_card_visa", 0, &response), NOT_FOUND,
                   PAYMENT_NOT_FOUND);
    EXPECT(looks == 2); /* at first and at last */
    looks = 0;
    EXPECT_OK(fiber_group_start(call, &group, order_later, 0));
    EXPECT_OK(pay(call, stage, "o1", "pm_card_visa", 0, &response));
    EXPECT(looks >= 2 && looks <= 4); /* and once for each change */
    fiber_group_wait(call, &group);
    service->store->find_by_order = true_find;
}

TEST(who_waits_for_a_payment_looks_only_when_it_has_changed)
{
    play_on_engines(waits_for_payment);
}

/* ---- orders that do not exist ---- */

static struct status find_states(struct call *call,
                                 const OrderService__GetOrderStatesRequest *request,
                                 OrderService__GetOrderStatesResponse *response)
{
    OrderService__OrderState *state = arena_new(call->arena, OrderService__OrderState);

    order_service__order_state__init(state);
    EXPECT(request->n_order_ids == 1);
    state->order_id = request->order_ids[0];
    state->status = strcmp(state->order_id, "o1") == 0 ? TEXT("PENDING") : TEXT("");
    response->states = arena_array(call->arena, OrderService__OrderState *, 1);
    response->states[response->n_states++] = state;
    return status_ok();
}

static void asks_for_order(struct call *call, struct stage *stage)
{
    struct payment_service *service = stage->service;
    PaymentService__StandardResponse *response = 0;

    looks = 0;
    true_find = service->store->find_by_order;
    service->store->find_by_order = count_looks;
    as_ann(call);
    EXPECT_REFUSED(pay(call, stage, "o2", "pm_card_visa", 0, &response), NOT_FOUND,
                   PAYMENT_NOT_FOUND);
    EXPECT(looks == 1);
    looks = 0;
    EXPECT_REFUSED(pay(call, stage, "o1", "pm_card_visa", 0, &response), NOT_FOUND,
                   PAYMENT_NOT_FOUND);
    EXPECT(looks == 2); /* at first, and after the wait */
    service->store->find_by_order = true_find;
}

TEST(who_pays_for_an_order_that_does_not_exist_learns_it_at_once)
{
    static const struct order_service_handlers orders = {.get_order_states = find_states};
    static const struct stage_plan plan = {.module = &payment_service,
                                           .besides = &bank_service,
                                           .fakes = {{&order_service_rpc, &orders, 0}},
                                           EVENTS_STAGE};

    stage_run(&plan, asks_for_order);
}
