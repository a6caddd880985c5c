/* SPDX-License-Identifier: Apache-2.0 */
/* The payment service with Stripe, which is a server with the test's scripted answers: customers
 * who have to confirm, and who may see the client secret. */
#include "services/payment/payment_testing.h"

#include <sqlite3.h>

enum { SCRIPT_MAX = 32, DRAIN_MS = 50 };

static struct {
    struct http_server *server;
    const char *answers[SCRIPT_MAX]; /* to come, in their order */
    int scripted;
    _Atomic int asked;
    char requests[SCRIPT_MAX][128]; /* "POST /v1/..." */
} stripe;

static void handle(struct call *call, struct http_exchange *exchange, void *data)
{
    const struct http_request *request = http_request(exchange);
    int at = stripe.asked;
    struct str body;

    (void)data;
    EXPECT(!failed(http_read_body(call, exchange, 1 << 20, &body)));
    EXPECT(at < stripe.scripted);
    if (at >= stripe.scripted) return;
    snprintf(stripe.requests[at], sizeof(stripe.requests[at]), "%.*s %.*s",
             STR_ARGS(request->method), STR_ARGS(request->target));
    http_respond(call, exchange, 200, NULL, str_of(stripe.answers[at]));
    stripe.asked++;
}

static void answers(const char *body)
{
    invariant(stripe.scripted < SCRIPT_MAX);
    stripe.answers[stripe.scripted++] = body;
}

static bool asked(int at, const char *wanted)
{
    bool so = at < stripe.asked && str_starts_with(str_of(stripe.requests[at]), str_of(wanted));

    if (!so) printf("  asked %s, not %s\n", at < stripe.asked ? stripe.requests[at] : "-", wanted);
    return so;
}

static void set_up(struct stage *stage)
{
    struct http_server_options options = {.name = "stripe", .handler = handle};
    const char *error;

    stripe.scripted = 0;
    stripe.asked = 0;
    stripe.server = http_server_new(&options);
    stage_must(http_server_listen(stripe.server, &stage->arena, stage->shards, "127.0.0.1:0"));
    const char *url = arena_printf(&stage->arena, "STRIPE_API_URL=http://%s",
                                   http_server_address(stripe.server));
    invariant(config_set(stage->config, url, &error) && config_check(stage->config, &error));
    stage_make_events(stage);
}

static void tear_down(struct stage *stage)
{
    stage_free_events(stage);
    http_server_free(stripe.server);
}

static void ignore(void *data)
{
    (void)data;
}

static void stripe_play(void (*play)(struct call *call, struct stage *stage))
{
    static const char *const settings[] = {"PAYMENT_PROVIDER=stripe", "STRIPE_API_KEY=sk_test_1",
                                           0};
    static const struct stage_plan plan = {.module = &payment_service,
                                           .settings = settings,
                                           .more_settings = events_settings,
                                           .set_up = set_up,
                                           .tear_down = tear_down};

    stage_run(&plan, play);
}

/* ---- what is seen ---- */

#define SECRET "pi_1_secret_x"
#define INTENT(status, more) \
    "{\"id\":\"pi_1\",\"currency\":\"eur\",\"status\":\"" status "\"" more "}"
#define ACTION INTENT("requires_action", ",\"client_secret\":\"" SECRET "\"")

static bool is_payment(const PaymentService__StandardResponse *response, const char *status,
                       const char *secret)
{
    return response && response->payment && strcmp(response->payment->status, status) == 0 &&
           strcmp(response->payment->client_secret, secret) == 0;
}

static bool reads(struct call *call, struct stage *stage, const char *secret)
{
    PaymentService__GetPaymentRequest get = PAYMENT_SERVICE__GET_PAYMENT_REQUEST__INIT;
    PaymentService__ListPaymentsRequest list = PAYMENT_SERVICE__LIST_PAYMENTS_REQUEST__INIT;
    PaymentService__StandardResponse *got = 0, *listed = 0;

    get.payment_id = TEXT(payment_of(call, stage, "o1").payment_id);
    list.order_id = TEXT("o1");
    EXPECT_OK(payment_service_get_payment(call, stage->inside, &get, &got));
    EXPECT_OK(payment_service_list_payments(call, stage->inside, &list, &listed));
    return is_payment(got, "requires_action", secret) && listed &&
           listed->payments->n_payments == 1 &&
           strcmp(listed->payments->payments[0]->client_secret, secret) == 0;
}

/* How many rows of the service's file this finds. */
static int count_rows(const struct stage *stage, const char *sql)
{
    sqlite3_stmt *statement;
    char path[64];
    sqlite3 *db;
    int count;

    snprintf(path, sizeof(path), "%s/payment.db", stage->folder);
    EXPECT(sqlite3_open(path, &db) == SQLITE_OK);
    EXPECT(sqlite3_prepare_v2(db, sql, -1, &statement, 0) == SQLITE_OK);
    EXPECT(sqlite3_step(statement) == SQLITE_ROW);
    count = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

static const char *begin_to_pay(struct call *call, struct stage *stage)
{
    PaymentService__StandardResponse *response = 0;

    order_validated(call, "o1", 3000, "");
    as_ann(call);
    answers(ACTION);
    EXPECT_OK(pay(call, stage, "o1", "pm_card_x", with_key(call, "k"), &response));
    EXPECT(is_payment(response, "requires_action", SECRET));
    EXPECT(asked(0, "POST /v1/payment_intents"));
    return payment_of(call, stage, "o1").payment_id;
}

/* ---- the tests ---- */

static void shows_secret(struct call *call, struct stage *stage)
{
    PaymentService__StandardResponse *response = 0;
    const char *id = begin_to_pay(call, stage);

    EXPECT(reads(call, stage, SECRET));
    EXPECT_OK(pay(call, stage, "o1", "pm_card_x", with_key(call, "k"), &response));
    EXPECT(is_payment(response, "requires_action", SECRET));
    as_sam(call);
    EXPECT(reads(call, stage, ""));
    as_boss(call);
    EXPECT(reads(call, stage, ""));
    EXPECT(count_rows(stage, "SELECT count(*) FROM idempotency WHERE instr(answer, 'secret')") ==
           0);
    EXPECT(count_rows(stage, "SELECT count(*) FROM outbox WHERE instr(payload, 'secret')") == 0);

    as_ann(call);
    answers(ACTION); /* not yet */
    EXPECT_OK(confirm(call, stage, id, &response));
    EXPECT(is_payment(response, "requires_action", SECRET));
    answers(INTENT("requires_capture", ",\"client_secret\":\"" SECRET "\""));
    EXPECT_OK(confirm(call, stage, id, &response));
    EXPECT(is_payment(response, "requires_capture", ""));
    EXPECT(count_rows(stage, "SELECT count(*) FROM payments WHERE client_secret <> ''") == 0);
    EXPECT_OK(pay(call, stage, "o1", "pm_card_x", with_key(call, "k"), &response));
    EXPECT(is_payment(response, "requires_action", ""));
    http_server_drain(stripe.server, DRAIN_MS, ignore, 0);
}

TEST(the_client_secret_is_for_the_customer_alone_and_for_as_long_as_it_is_needed)
{
    stripe_play(shows_secret);
}

static void closes(struct call *call, struct stage *stage)
{
    PaymentService__StandardResponse *response = 0;
    const char *id = begin_to_pay(call, stage);

    answers(INTENT("requires_payment_method", ",\"last_payment_error\":{\"message\":\"No.\"}"));
    answers(INTENT("canceled", ""));
    EXPECT_REFUSED(confirm(call, stage, id, &response), FAILED_PRECONDITION, PAYMENT_DECLINED);
    struct payment payment = payment_becomes(call, stage, "o1", PAYMENT_NEW);
    EXPECT(payment.reason == ARGOSY__REASON__PAYMENT_DECLINED && !payment.client_secret[0]);
    EXPECT(asked(2, "POST /v1/payment_intents/pi_1/cancel"));
    EXPECT(operations_under_way(call, stage) == 0);
    http_server_drain(stripe.server, DRAIN_MS, ignore, 0);
}

TEST(a_payment_whose_customer_fails_to_prove_themselves_is_closed_at_stripe)
{
    stripe_play(closes);
}

/* ---- refunds by their ids ---- */

#define REFUND(id, amount, status, key)                                                         \
    "{\"id\":\"" id "\",\"amount\":" amount ",\"payment_intent\":\"pi_1\",\"status\":\"" status \
    "\",\"metadata\":{\"operation_id\":\"" key "\"}}"
#define PAID(refunded)                                                                                                               \
    INTENT(                                                                                                                          \
        "succeeded",                                                                                                                 \
        ",\"amount\":3000,\"amount_received\":3000,\"metadata\":{\"payment_id\":"                                                    \
        "\"0190f5c2-7a10-7abc-8def-0123456789ab\",\"order_id\":\"o1\"},\"latest_charge\":{\"amount\":3000,\"amount_captured\":3000," \
        "\"amount_refunded\":" refunded "}")
#define LIST(refunds) "{\"data\":[" refunds "]}"

static bool is_refund(struct call *call, struct stage *stage, size_t at, int64_t amount_minor,
                      const char *status)
{
    PaymentService__GetPaymentRequest get = PAYMENT_SERVICE__GET_PAYMENT_REQUEST__INIT;
    PaymentService__StandardResponse *got = 0;

    get.payment_id = TEXT(payment_of(call, stage, "o1").payment_id);
    EXPECT_OK(payment_service_get_payment(call, stage->inside, &get, &got));
    if (!got || at >= got->payment->n_refunds) return false;
    return got->payment->refunds[at]->amount_minor == amount_minor &&
           strcmp(got->payment->refunds[at]->status, status) == 0;
}

/* Paid, and given back twice the same amount. */
static void refund_twice(struct call *call, struct stage *stage)
{
    PaymentService__StandardResponse *response = 0;

    order_validated(call, "o1", 3000, "");
    as_ann(call);
    answers(INTENT("requires_capture", ""));
    EXPECT_OK(pay(call, stage, "o1", "pm_card_x", 0, &response));
    as_sam(call);
    const char *id = payment_of(call, stage, "o1").payment_id;
    answers(PAID("0"));
    EXPECT_OK(capture(call, stage, id, 0, &response));
    answers(REFUND("re_1", "500", "succeeded", ""));
    EXPECT_OK(refund(call, stage, id, 500, 0, &response));
    answers(REFUND("re_2", "500", "succeeded", ""));
    EXPECT_OK(refund(call, stage, id, 500, 0, &response));
    EXPECT(payment_of(call, stage, "o1").refunded_minor == 1000);
}

static void finds_the_one_that_failed(struct call *call, struct stage *stage)
{
    size_t mended = 0;

    refund_twice(call, stage);
    /* The first of the two has failed, and one of the same amount was made at Stripe's own desk:
     * the sums are the same, so only the ids tell. */
#define NOW                                                 \
    LIST(REFUND("re_3", "500", "succeeded", "") "," REFUND( \
        "re_2", "500", "succeeded", "") "," REFUND("re_1", "500", "failed", ""))
    answers(PAID("1000")); /* found so, */
    answers(NOW);
    answers(NOW); /* mended in two steps, with a look after them, */
    answers(NOW);
    answers(NOW);
    answers(PAID("1000")); /* and right then */
    answers(NOW);
    answers(LIST(PAID("1000")));
    EXPECT(reconcile(call, stage, true, &mended) == 1 && mended == 1);
    EXPECT(payment_of(call, stage, "o1").refunded_minor == 1000);
    as_sam(call);
    EXPECT(is_refund(call, stage, 0, 500, "failed"));
    EXPECT(is_refund(call, stage, 1, 500, "succeeded"));
    EXPECT(is_refund(call, stage, 2, 500, "succeeded"));
    EXPECT(count_rows(stage, "SELECT count(*) FROM refunds WHERE reference = 're_3'") == 1);
    answers(PAID("1000"));
    answers(NOW);
    answers(LIST(PAID("1000")));
    EXPECT(differences(call, stage, true) == 0);
    EXPECT(stripe.asked == stripe.scripted);
    http_server_drain(stripe.server, DRAIN_MS, ignore, 0);
}

TEST(the_refund_that_failed_is_known_by_its_id_and_not_by_its_amount)
{
    stripe_play(finds_the_one_that_failed);
}
