/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the ledger, and what reconciliation finds after the files were tampered with. */
#include "order.rpc.h"
#include "services/payment/payment_testing.h"

#include <sqlite3.h>

#include "observe/metrics.h"

/* Runs SQL on a file of the stage directly; false if the database refuses. */
static bool meddle(const struct stage *stage, const char *file, const char *sql)
{
    char path[64];
    sqlite3 *db;

    snprintf(path, sizeof(path), "%s/%s", stage->folder, file);
    EXPECT(sqlite3_open(path, &db) == SQLITE_OK);
    bool done = sqlite3_exec(db, sql, 0, 0, 0) == SQLITE_OK;
    sqlite3_close(db);
    return done;
}

/* Three orders: one authorized, one captured and refunded in part, one cancelled. */
static void begin_with_three(struct call *call, struct stage *stage)
{
    PaymentService__StandardResponse *response = 0;

    order_validated(call, "held", 3000, "pm_card_visa");
    order_validated(call, "taken", 3000, "pm_card_visa");
    order_validated(call, "over", 3000, "pm_card_visa");
    payment_becomes(call, stage, "held", PAYMENT_AUTHORIZED);
    payment_becomes(call, stage, "taken", PAYMENT_AUTHORIZED);
    order_cancelled(call, "over");
    payment_becomes(call, stage, "over", PAYMENT_CANCELED);
    as_sam(call);
    const char *id = payment_of(call, stage, "taken").payment_id;
    EXPECT_OK(capture(call, stage, id, 2000, &response));
    EXPECT_OK(refund(call, stage, id, 500, 0, &response));
}

static const PaymentService__ListPostingsResponse *ledger_of(struct call *call, struct stage *stage,
                                                             const char *order_id)
{
    PaymentService__ListPostingsRequest request = PAYMENT_SERVICE__LIST_POSTINGS_REQUEST__INIT;
    PaymentService__ListPostingsResponse *response = 0;

    as_boss(call);
    request.payment_id = TEXT(payment_of(call, stage, order_id).payment_id);
    EXPECT_OK(payment_service_list_postings(call, stage->inside, &request, &response));
    return response;
}

static bool is_posting(const PaymentService__Posting *posting, const char *cause, size_t entries,
                       int64_t sum_minor)
{
    int64_t debit_minor = 0, credit_minor = 0;

    for (size_t i = 0; i < posting->n_entries; i++) {
        debit_minor += posting->entries[i]->debit_minor;
        credit_minor += posting->entries[i]->credit_minor;
    }
    return strcmp(posting->cause, cause) == 0 && posting->n_entries == entries &&
           debit_minor == sum_minor && credit_minor == sum_minor &&
           strcmp(posting->currency, "EUR") == 0 && posting->at;
}

static void keeps_books(struct call *call, struct stage *stage)
{
    begin_with_three(call, stage);
    const PaymentService__ListPostingsResponse *ledger = ledger_of(call, stage, "taken");
    EXPECT(ledger && ledger->n_postings == 4);
    if (!ledger || ledger->n_postings != 4) return;
    EXPECT(is_posting(ledger->postings[0], "authorize", 2, 3000));
    EXPECT(is_posting(ledger->postings[1], "capture", 4, 4000));
    EXPECT(is_posting(ledger->postings[2], "release", 2, 1000));
    EXPECT(is_posting(ledger->postings[3], "refund", 2, 500));
    EXPECT(strcmp(ledger->postings[3]->entries[0]->account, PAYMENT_ACCOUNT_REFUNDS) == 0);
    EXPECT(strcmp(ledger->postings[3]->entries[1]->account, PAYMENT_ACCOUNT_RECEIVABLE) == 0);
    ledger = ledger_of(call, stage, "over");
    EXPECT(ledger && ledger->n_postings == 2);
    if (!ledger || ledger->n_postings != 2) return;
    EXPECT(is_posting(ledger->postings[1], "void", 2, 3000));
}

TEST(every_movement_is_a_balanced_posting)
{
    payment_play(keeps_books);
}

static void keeps_history(struct call *call, struct stage *stage)
{
    begin_with_three(call, stage);
    EXPECT(!meddle(stage, "payment.db", "UPDATE postings SET cause = 'gift'"));
    EXPECT(!meddle(stage, "payment.db", "DELETE FROM postings"));
    EXPECT(!meddle(stage, "payment.db", "UPDATE entries SET debit_minor = 1 WHERE line = 0"));
    EXPECT(!meddle(stage, "payment.db", "DELETE FROM entries"));
    EXPECT(!meddle(stage, "payment.db", "UPDATE payments SET captured_minor = 3001"));
    EXPECT(!meddle(stage, "payment.db", "UPDATE payments SET refunded_minor = 2001"));
    EXPECT(differences(call, stage, true) == 0);
}

TEST(the_ledger_cannot_be_rewritten)
{
    payment_play(keeps_history);
}

/* Changes the bank's books; its own writes may be in progress. */
static void meddle_with_bank(struct call *call, const struct stage *stage, const char *sql)
{
    for (int tries = 0; tries < 100; tries++) {
        if (meddle(stage, "bank.db", sql)) return;
        EXPECT_OK(fiber_sleep(call, 10000));
    }
    EXPECT(!"the bank's file is free");
}

/* Does reconciliation find this many differences, mend them all, and find none afterwards? */
static bool mends(struct call *call, struct stage *stage, size_t count)
{
    size_t mended, found = reconcile(call, stage, false, &mended);

    if (found != count || mended != count) printf("  %zu found, %zu mended\n", found, mended);
    return found == count && mended == count && differences(call, stage, true) == 0;
}

static void mends_what_was_missed(struct call *call, struct stage *stage)
{
    begin_with_three(call, stage);
    EXPECT(differences(call, stage, true) == 0);
    /* A refund that has failed after it had succeeded: it may be made again. */
    meddle_with_bank(call, stage,
                     "UPDATE charges SET refunded_minor = 0 WHERE reference = 'taken'");
    EXPECT(mends(call, stage, 1));
    EXPECT(payment_of(call, stage, "taken").refunded_minor == 0);
    EXPECT(payment_of(call, stage, "taken").reason == ARGOSY__REASON__PAYMENT_REFUND_FAILED);
    PaymentService__StandardResponse *response = 0;
    as_sam(call);
    const char *id = payment_of(call, stage, "taken").payment_id;
    EXPECT_OK(refund(call, stage, id, 2000, 0, &response));
    EXPECT(charged(call, stage, "taken", "captured", 2000, 2000));
    /* A refund made at the bank itself. */
    meddle_with_bank(call, stage,
                     "UPDATE charges SET refunded_minor = 700 WHERE reference = 'taken'");
    EXPECT(mends(call, stage, 1));
    meddle_with_bank(call, stage,
                     "UPDATE charges SET refunded_minor = 900 WHERE reference = 'taken'");
    EXPECT(mends(call, stage, 1));
    EXPECT(payment_of(call, stage, "taken").refunded_minor == 900);
    /* An authorization that the bank voided: the held amount and the status differ. */
    meddle_with_bank(call, stage, "UPDATE charges SET status = 5 WHERE reference = 'held'");
    EXPECT(mends(call, stage, 2));
    EXPECT(payment_of(call, stage, "held").state == PAYMENT_CANCELED);
}

TEST(reconciliation_mends_what_a_lost_webhook_would_have_told)
{
    payment_play(mends_what_was_missed);
}

/* The payment is cancelled after the provider has been asked. Were the old answer believed, an
 * authorization would be booked that no longer exists. */
static void asks_too_early(struct call *call, struct stage *stage)
{
    struct payment_service *service = stage->service;
    struct provider_charge charge;
    bool changed = false;

    order_validated(call, "o1", 3000, "pm_card_visa");
    struct payment payment = payment_becomes(call, stage, "o1", PAYMENT_AUTHORIZED);
    struct payment_hint hint = {.charge = &charge, .asked_us = clock_now_us()};
    EXPECT_OK(service->provider->find(call, service->provider, payment.reference, &charge));
    order_cancelled(call, "o1");
    payment_becomes(call, stage, "o1", PAYMENT_CANCELED);
    EXPECT_REFUSED(payment_catch_up(call, service, &hint, &changed), ABORTED, PAYMENT_BUSY);
    EXPECT(payment_of(call, stage, "o1").state == PAYMENT_CANCELED);
    const PaymentService__ListPostingsResponse *ledger = ledger_of(call, stage, "o1");
    EXPECT(ledger && ledger->n_postings == 2);
    EXPECT(differences(call, stage, true) == 0);
}

TEST(an_answer_older_than_the_payment_changes_nothing)
{
    payment_play(asks_too_early);
}

static struct status (*audit_one)(struct call *call, struct payment_store *store, int64_t number,
                                  struct payment_audit *ret_audit);
static int disturbances;

/* An event of the order comes between the comparison and what follows from it. */
static struct status audit_disturbed(struct call *call, struct payment_store *store, int64_t number,
                                     struct payment_audit *ret_audit)
{
    struct status st = audit_one(call, store, number, ret_audit);

    if (disturbances-- > 0) order_confirmed(call, "held", false);
    return st;
}

static void is_disturbed(struct call *call, struct stage *stage)
{
    struct payment_store *store = ((struct payment_service *)stage->service)->store;

    begin_with_three(call, stage);
    audit_one = store->audit_one;
    store->audit_one = audit_disturbed;
    disturbances = 1;
    meddle_with_bank(call, stage, "UPDATE charges SET status = 5 WHERE reference = 'held'");
    EXPECT(mends(call, stage, 2));
    EXPECT(payment_of(call, stage, "held").state == PAYMENT_CANCELED);
}

TEST(reconciliation_compares_a_payment_again_that_changes_meanwhile)
{
    payment_play(is_disturbed);
}

static void finds_differences(struct call *call, struct stage *stage)
{
    begin_with_three(call, stage);
    EXPECT(differences(call, stage, true) == 0);
    /* Ours against the ledger and the bank. */
    EXPECT(meddle(stage, "payment.db",
                  "UPDATE payments SET refunded_minor = 501 WHERE order_id = 'taken'"));
    EXPECT(differences(call, stage, false) == 1);
    EXPECT(meddle(stage, "payment.db",
                  "UPDATE payments SET refunded_minor = 500 WHERE order_id = 'taken'"));
    /* The bank has captured more than was ever authorized, which is left to people. */
    EXPECT(meddle(stage, "bank.db",
                  "UPDATE charges SET status = 4, amount_minor = 4000, captured_minor = 4000"
                  " WHERE reference = 'held'"));
    EXPECT(differences(call, stage, false) == 3);
    EXPECT(differences(call, stage, false) == 3);
    EXPECT(meddle(stage, "bank.db",
                  "UPDATE charges SET status = 1, amount_minor = 3000, captured_minor = 0"
                  " WHERE reference = 'held'"));
    /* A charge without a payment, and a payment whose charge is missing. */
    EXPECT(meddle(stage, "bank.db",
                  "INSERT INTO charges SELECT 'ch_more', 1, amount_minor, 0, 0, currency,"
                  " reference, created_us FROM charges WHERE reference = 'held'"));
    EXPECT(differences(call, stage, false) == 1);
    EXPECT(meddle(stage, "bank.db", "DELETE FROM charges WHERE charge_id = 'ch_more'"));
    EXPECT(meddle(stage, "bank.db", "DELETE FROM charges WHERE reference = 'over'"));
    EXPECT(differences(call, stage, false) == 1);
    /* A posting that does not balance. */
    EXPECT(meddle(stage, "payment.db",
                  "INSERT INTO postings SELECT 1000, payment, 'gift', 'EUR', 0 FROM payments"
                  " WHERE order_id = 'held';"
                  "INSERT INTO entries VALUES (1000, 0, 'elsewhere', 5, 0)"));
    EXPECT(differences(call, stage, false) == 2);
}

TEST(reconciliation_finds_what_differs)
{
    payment_play(finds_differences);
}

/* ---- orders that contradict their payments ---- */

static const char *order_status; /* of every order */

static struct status fake_states(struct call *call,
                                 const OrderService__GetOrderStatesRequest *request,
                                 OrderService__GetOrderStatesResponse *response)
{
    response->states = arena_array(call->arena, OrderService__OrderState *, request->n_order_ids);
    for (size_t i = 0; i < request->n_order_ids; i++) {
        OrderService__OrderState *state = arena_new(call->arena, OrderService__OrderState);
        order_service__order_state__init(state);
        state->order_id = request->order_ids[i];
        state->status = TEXT(order_status);
        response->states[response->n_states++] = state;
    }
    return status_ok();
}

/* More than a page of orders: the fourth of each ten is free, the others' payments are those of
 * begin_with_three, or missing. */
enum { LISTED = 300 };
static int listed; /* 0: no orders at all */

static struct status fake_list(struct call *call,
                               const OrderService__ListOrderStatesRequest *request,
                               OrderService__ListOrderStatesResponse *response)
{
    static const char *const paid[] = {"held", "taken", "over"};

    response->states = arena_array(call->arena, OrderService__OrderState *, LISTED);
    for (int number = (int)request->after_number + 1;
         number <= listed && response->n_states < (size_t)request->limit; number++) {
        OrderService__OrderState *state = arena_new(call->arena, OrderService__OrderState);
        order_service__order_state__init(state);
        state->order_id = number <= 3 ? TEXT(paid[number - 1])
                                      : arena_printf(call->arena, "order-%d", number);
        state->status = TEXT(order_status);
        state->number = number;
        state->total_minor = number % 10 == 4 ? 0 : 100;
        response->states[response->n_states++] = state;
    }
    return status_ok();
}

static const struct order_service_handlers fake_orders = {.get_order_states = fake_states,
                                                          .list_order_states = fake_list};

/* How many of three are found: one is authorized, one has kept 1500 of 3000, one is canceled. */
static size_t contradictions(struct call *call, struct stage *stage, const char *status)
{
    order_status = status;
    return differences(call, stage, false);
}

static void contradicts(struct call *call, struct stage *stage)
{
    order_status = "";
    listed = 0;
    begin_with_three(call, stage);
    EXPECT(contradictions(call, stage, "FULFILLED") == 2); /* authorized, canceled */
    EXPECT(contradictions(call, stage, "CONFIRMED") == 1); /* canceled */
    EXPECT(contradictions(call, stage, "CANCELLED") == 2); /* authorized, captured */
    EXPECT(contradictions(call, stage, "REFUNDED") == 3);
    EXPECT(contradictions(call, stage, "VALIDATED") == 2);
    EXPECT(contradictions(call, stage, "") == 2); /* there is no such order */
}

TEST(reconciliation_names_orders_and_payments_that_contradict_each_other)
{
    static const struct stage_plan plan = {.module = &payment_service,
                                           .besides = &bank_service,
                                           .fakes = {{&order_service_rpc, &fake_orders, 0}},
                                           EVENTS_STAGE};

    stage_run(&plan, contradicts);
}

static void misses_payments(struct call *call, struct stage *stage)
{
    order_status = "";
    begin_with_three(call, stage);
    listed = LISTED;
    size_t missing = LISTED - 3 - LISTED / 10;
    EXPECT(contradictions(call, stage, "VALIDATED") == 2 + missing);
    EXPECT(contradictions(call, stage, "FULFILLED") == 2 + missing);
    EXPECT(contradictions(call, stage, "PENDING") == 2);
    EXPECT(contradictions(call, stage, "CANCELLED") == 2);
}

TEST(reconciliation_names_orders_that_are_to_be_paid_and_have_no_payment)
{
    static const struct stage_plan plan = {.module = &payment_service,
                                           .besides = &bank_service,
                                           .fakes = {{&order_service_rpc, &fake_orders, 0}},
                                           EVENTS_STAGE};

    stage_run(&plan, misses_payments);
}

static void keeps_to_provider(struct call *call, struct stage *stage)
{
    order_validated(call, "o1", 3000, "pm_card_visa");
    payment_becomes(call, stage, "o1", PAYMENT_AUTHORIZED);
    EXPECT(meddle(stage, "payment.db", "UPDATE payments SET provider = 'stripe'"));
    order_fulfilled(call, "o1");
    EXPECT_OK(fiber_sleep(call, 50000));
    EXPECT(payment_of(call, stage, "o1").state == PAYMENT_CAPTURING);
    EXPECT(charged(call, stage, "o1", "authorized", 0, 0));
    EXPECT(meddle(stage, "payment.db", "UPDATE payments SET provider = 'test'"));
    stage_pass_s(60);
    payment_becomes(call, stage, "o1", PAYMENT_CAPTURED);
    EXPECT(charged(call, stage, "o1", "captured", 3000, 0));
}

TEST(an_operation_waits_for_the_provider_that_has_its_payment)
{
    payment_play(keeps_to_provider);
}

static void turns_strangers_away(struct call *call, struct stage *stage)
{
    PaymentService__ReconcilePaymentsRequest request =
        PAYMENT_SERVICE__RECONCILE_PAYMENTS_REQUEST__INIT;
    PaymentService__ReceiveWebhookRequest webhook = PAYMENT_SERVICE__RECEIVE_WEBHOOK_REQUEST__INIT;
    PaymentService__ReceiveWebhookResponse *received;
    PaymentService__Difference *difference;
    struct rpc_stream *stream;

    as_boss(call);
    EXPECT_OK(payment_service_reconcile_payments_open(call, stage->outside, &request, 0, &stream));
    struct status st = payment_service_reconcile_payments_receive(call, stream, &difference);
    EXPECT(failed(st) || !difference);
    EXPECT_REFUSED(rpc_stream_finish(call, stream), PERMISSION_DENIED, INTERNAL_ONLY);
    webhook.provider = TEXT("test");
    EXPECT_REFUSED(payment_service_receive_webhook(call, stage->outside, &webhook, &received),
                   NOT_FOUND, PAYMENT_PROVIDER_UNKNOWN);
}

TEST(only_the_shops_own_processes_reconcile_and_the_bank_has_no_webhooks)
{
    payment_play(turns_strangers_away);
}

/* ---- webhooks ---- */

/* The bank sends none; this provider reads "ID REFERENCE" as one, if it is signed "good". */
static struct status read_webhook(const struct call *call, struct payment_provider *provider,
                                  struct str signature, struct str body,
                                  struct provider_event *ret_event)
{
    struct str id;

    (void)provider;
    if (!str_is(signature, "good"))
        return status_make(STATUS_UNAUTHENTICATED, ARGOSY__REASON__WEBHOOK_SIGNATURE, "not good");
    str_split(&body, ' ', &id);
    *ret_event = (struct provider_event){.event_id = str_dup(call->arena, id),
                                         .reference = str_dup(call->arena, body),
                                         .type = "changed",
                                         .known = body.length > 0};
    return status_ok();
}

static void reads_webhooks(struct stage *stage)
{
    ((struct payment_service *)stage->service)->provider->read_webhook = read_webhook;
}

static struct status tell(struct call *call, struct stage *stage, const char *signature,
                          const char *body)
{
    PaymentService__ReceiveWebhookRequest request = PAYMENT_SERVICE__RECEIVE_WEBHOOK_REQUEST__INIT;
    PaymentService__ReceiveWebhookResponse *response;
    Google__Api__HttpBody payload = GOOGLE__API__HTTP_BODY__INIT;
    struct http_headers metadata = {0};
    const struct rpc_options options = {.metadata = &metadata};

    EXPECT_OK(http_headers_add(call->arena, &metadata, STR("test-signature"), str_of(signature)));
    payload.data.data = (uint8_t *)TEXT(body);
    payload.data.len = strlen(body);
    request.provider = TEXT("test");
    request.payload = &payload;
    return payment_service_receive_webhook_with(call, stage->outside, &request, &options,
                                                &response);
}

static struct status bank_refunds(struct call *call, struct stage *stage, const char *charge_id,
                                  const char *key)
{
    BankService__RefundChargeRequest request = BANK_SERVICE__REFUND_CHARGE_REQUEST__INIT;
    BankService__Charge *charge;

    request.idempotency_key = TEXT(key);
    request.charge_id = TEXT(charge_id);
    request.amount_minor = 300;
    return bank_service_refund_charge(call, stage->inside, &request, &charge);
}

static void listens(struct call *call, struct stage *stage)
{
    begin_with_three(call, stage);
    const char *taken = payment_of(call, stage, "taken").reference;
    const char *held = payment_of(call, stage, "held").reference;

    EXPECT_REFUSED(tell(call, stage, "bad", "e1 x"), UNAUTHENTICATED, WEBHOOK_SIGNATURE);
    EXPECT_OK(tell(call, stage, "good", "e1"));
    EXPECT_OK(tell(call, stage, "good", "e2 ch_unknown"));
    /* A refund made at the bank itself. */
    EXPECT_OK(bank_refunds(call, stage, taken, "desk-1"));
    const char *body = arena_printf(call->arena, "e3 %s", taken);
    EXPECT_OK(tell(call, stage, "good", body));
    EXPECT(payment_of(call, stage, "taken").refunded_minor == 800);
    /* The same webhook again is known; another one about the same changes nothing. */
    EXPECT_OK(bank_refunds(call, stage, taken, "desk-2"));
    EXPECT_OK(tell(call, stage, "good", body));
    EXPECT(payment_of(call, stage, "taken").refunded_minor == 800);
    EXPECT_OK(tell(call, stage, "good", arena_printf(call->arena, "e4 %s", taken)));
    EXPECT_OK(tell(call, stage, "good", arena_printf(call->arena, "e5 %s", taken)));
    EXPECT(payment_of(call, stage, "taken").refunded_minor == 1100);
    EXPECT(differences(call, stage, true) == 0);
    /* The bank's refund of 500 failed afterwards. */
    EXPECT(meddle(stage, "bank.db",
                  "UPDATE charges SET refunded_minor = 600 WHERE reference = 'taken'"));
    EXPECT_OK(tell(call, stage, "good", arena_printf(call->arena, "e5b %s", taken)));
    EXPECT(payment_of(call, stage, "taken").refunded_minor == 600);
    EXPECT(payment_of(call, stage, "taken").reason == ARGOSY__REASON__PAYMENT_REFUND_FAILED);
    EXPECT(differences(call, stage, true) == 0);

    EXPECT(meddle(stage, "bank.db", "UPDATE charges SET status = 5 WHERE reference = 'held'"));
    EXPECT_OK(tell(call, stage, "good", arena_printf(call->arena, "e6 %s", held)));
    EXPECT(payment_of(call, stage, "held").state == PAYMENT_CANCELED);
    EXPECT(differences(call, stage, true) == 0);
}

/* A webhook without news changes no state. */
static void counts(struct call *call, struct stage *stage)
{
    struct buffer text;

    begin_with_three(call, stage);
    const char *taken = payment_of(call, stage, "taken").reference;
    EXPECT_OK(tell(call, stage, "good", arena_printf(call->arena, "e1 %s", taken)));
    buffer_init(&text, 1 << 20);
    metrics_export(&text);
    const char *exported = str_dup(call->arena, buffer_str(&text));
    buffer_release(&text);
    EXPECT(
        strstr(exported, "argosy_payment_transitions_total{from=\"capturing\",to=\"captured\"}"));
    EXPECT(!strstr(exported, "{from=\"absent\",to=\"captured\"}"));
}

static const struct stage_plan webhook_plan = {
    .module = &payment_service, .besides = &bank_service, EVENTS_STAGE, .started = reads_webhooks};

TEST(a_webhook_is_a_hint_to_ask_the_provider_and_takes_effect_once)
{
    stage_run(&webhook_plan, listens);
}

TEST(a_webhook_that_changes_nothing_is_not_counted_as_a_transition)
{
    stage_run(&webhook_plan, counts);
}

/* The payment counts as failed, and the provider's id was never received. */
static void hears_of_unknown(struct call *call, struct stage *stage)
{
    BankService__AuthorizeChargeRequest request = BANK_SERVICE__AUTHORIZE_CHARGE_REQUEST__INIT;
    BankService__Charge *charge = 0;

    order_validated(call, "o1", 3000, "pm_none");
    payment_becomes(call, stage, "o1", PAYMENT_NEW);
    order_cancelled(call, "o1");
    EXPECT(!payment_becomes(call, stage, "o1", PAYMENT_CANCELED).reference[0]);
    request.idempotency_key = TEXT("desk");
    request.amount_minor = 3000;
    request.currency = TEXT("EUR");
    request.payment_method = TEXT("pm_card_visa");
    request.reference = TEXT("o1");
    EXPECT_OK(bank_service_authorize_charge(call, stage->inside, &request, &charge));
    if (!charge) return;
    EXPECT_OK(tell(call, stage, "good", arena_printf(call->arena, "e1 %s", charge->charge_id)));
    payment_becomes(call, stage, "o1", PAYMENT_CANCELED);
    EXPECT(charged(call, stage, "o1", "voided", 0, 0));
    EXPECT(differences(call, stage, true) == 0);
}

TEST(an_authorization_known_from_a_webhook_alone_is_voided)
{
    stage_run(&webhook_plan, hears_of_unknown);
}
