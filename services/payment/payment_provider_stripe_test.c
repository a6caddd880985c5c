/* SPDX-License-Identifier: Apache-2.0 */
/* The provider against a server that answers as Stripe does when something goes wrong, which the
 * engines of tests/engines/stripe.sh can't simulate. Each test scripts the answers and checks the
 * requests. */
#include "services/payment/payment_stripe.h"

#include "base/clock.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "http/http_server.h"
#include "reasons.pb-c.h"

enum { SCRIPT_MAX = 8, DRAIN_MS = 50 };

struct scripted {
    int status; /* 0: it never answers */
    const char *body;
};

struct world {
    struct arena arena;
    struct config *config;
    struct shards *shards;
    struct http_server *server;
    struct payment_provider *provider;
    struct scripted script[SCRIPT_MAX];
    int scripted, asked;
    const char *requests[SCRIPT_MAX]; /* "POST /v1/... key=... body" */
    void (*play)(struct call *call);
};

static struct world world;

static const struct setting settings[] = {PAYMENT_STRIPE_SETTINGS, {0}};

static void handle(struct call *call, struct http_exchange *exchange, void *data)
{
    const struct http_request *request = http_request(exchange);
    struct str body;

    (void)data;
    EXPECT(!failed(http_read_body(call, exchange, 1 << 20, &body)));
    EXPECT(str_is(http_headers_get(&request->headers, "authorization"), "Bearer sk_test_1"));
    EXPECT(str_is(http_headers_get(&request->headers, "stripe-version"), "2024-06-20"));
    EXPECT(world.asked < world.scripted);
    if (world.asked >= world.scripted) return;
    const struct scripted *answer = &world.script[world.asked];
    world.requests[world.asked++] = arena_printf(
        &world.arena, "%.*s %.*s key=%.*s %.*s", STR_ARGS(request->method),
        STR_ARGS(request->target), STR_ARGS(http_headers_get(&request->headers, "idempotency-key")),
        STR_ARGS(body));
    if (answer->status)
        http_respond(call, exchange, answer->status, NULL, str_of(answer->body));
    else
        http_abort(exchange, 0);
}

static void must(struct status st)
{
    if (failed(st)) printf("  %s\n", st.message);
    invariant(!failed(st));
}

static struct status make_provider(const char *url, const char *key,
                                   struct payment_provider **ret_provider)
{
    const char *error;

    world.config = config_new();
    config_declare(world.config, settings);
    bool set =
        config_set(world.config, arena_printf(&world.arena, "STRIPE_API_URL=%s", url), &error) &&
        config_set(world.config, arena_printf(&world.arena, "STRIPE_API_KEY=%s", key), &error) &&
        config_check(world.config, &error);
    invariant(set);
    struct service_context context = {
        .arena = &world.arena, .config = world.config, .shards = world.shards};
    return payment_provider_stripe(&context, ret_provider);
}

static void on_drained(void *data)
{
    (void)data;
    shards_stop(world.shards);
}

static void play_fiber(struct call *call, void *data)
{
    (void)data;
    world.play(call);
    EXPECT(world.asked == world.scripted);
    http_server_drain(world.server, DRAIN_MS, on_drained, NULL);
}

static void run(void (*play)(struct call *call))
{
    struct http_server_options options = {.name = "stripe", .handler = handle};

    world = (struct world){.play = play};
    arena_init(&world.arena, 0);
    world.shards = shards_new(1);
    world.server = http_server_new(&options);
    must(http_server_listen(world.server, &world.arena, world.shards, "127.0.0.1:0"));
    must(make_provider(arena_printf(&world.arena, "http://%s/", http_server_address(world.server)),
                       "sk_test_1", &world.provider));
    fiber_post(shards_at(world.shards, 0), play_fiber, NULL, NULL);
    shards_run(world.shards);
    world.provider->close(world.provider);
    http_server_free(world.server);
    shards_free(world.shards);
    config_free(world.config);
    arena_release(&world.arena);
}

/* ---- what the tests say ---- */

static void answers(int status, const char *body)
{
    invariant(world.scripted < SCRIPT_MAX);
    world.script[world.scripted++] = (struct scripted){status, body};
}

static const struct provider_request request = {
    .idempotency_key = "key-1",
    .payment_id = "pay 1",
    .order_id = "order-1",
    .reference = "pi_1",
    .payment_method = "pm_card_visa",
    .amount_minor = 1999,
    .currency = "EUR",
};

static bool asked(int at, const char *wanted)
{
    if (at < world.asked && strcmp(world.requests[at], wanted) == 0) return true;
    printf("  asked  %s\n  wanted %s\n", at < world.asked ? world.requests[at] : "nothing", wanted);
    return false;
}

static bool fails(struct status st, enum status_code code, int reason)
{
    if (st.code == code && st.reason == reason) return true;
    printf("  code %d, reason %d: %s\n", st.code, st.reason, failed(st) ? st.message : "");
    return false;
}

static bool comes_to(struct status st, const struct provider_answer *answer,
                     enum provider_outcome outcome, const char *reference)
{
    if (failed(st)) printf("  %s\n", st.message);
    if (failed(st)) return false;
    if (answer->outcome == outcome && strcmp(answer->reference, reference) == 0) return true;
    printf("  outcome %d of %s\n", answer->outcome, answer->reference);
    return false;
}

#define OURS \
    "\"payment_id\":\"0190f5c2-7a10-7abc-8def-0123456789ab\"," /* in the metadata of our own payments */
#define INTENT(status) "{\"id\":\"pi_1\",\"status\":\"" status "\"}"
#define CAPTURED(amount)                                                              \
    "{\"id\":\"pi_1\",\"status\":\"succeeded\",\"currency\":\"eur\",\"amount\":1999," \
    "\"amount_received\":" amount "}"
#define ERROR(type, code, more) \
    "{\"error\":{\"type\":\"" type "\",\"code\":\"" code "\",\"message\":\"m\"" more "}}"

/* ---- authorize and confirm ---- */

static void authorizing(struct call *call)
{
    struct payment_provider *provider = world.provider;
    struct provider_answer answer;

    answers(200, INTENT("requires_capture"));
    EXPECT(comes_to(provider->authorize(call, provider, &request, &answer), &answer,
                    PROVIDER_AUTHORIZED, "pi_1"));
    EXPECT(asked(0, "POST /v1/payment_intents key=key-1 amount=1999&currency=eur&capture_method="
                    "manual&confirm=true&payment_method=pm_card_visa&payment_method_types%5B%5D="
                    "card&metadata%5Border_id%5D=order-1&metadata%5Bpayment_id%5D=pay%201"));
    answers(200, INTENT("requires_action"));
    EXPECT(comes_to(provider->authorize(call, provider, &request, &answer), &answer,
                    PROVIDER_REQUIRES_ACTION, "pi_1"));
    answers(402, ERROR("card_error", "card_declined",
                       ",\"decline_code\":\"lost_card\",\"payment_intent\":{\"id\":\"pi_9\"}"));
    EXPECT(comes_to(provider->authorize(call, provider, &request, &answer), &answer,
                    PROVIDER_DECLINED, "pi_9"));
    EXPECT(strcmp(answer.decline_code, "lost_card") == 0 && strcmp(answer.message, "m") == 0);
    answers(402, ERROR("card_error", "expired_card", ""));
    EXPECT(comes_to(provider->authorize(call, provider, &request, &answer), &answer,
                    PROVIDER_DECLINED, "pi_1"));
    EXPECT(strcmp(answer.decline_code, "expired_card") == 0);
    struct provider_request precise = request;
    precise.currency = "KWD";
    EXPECT(fails(provider->authorize(call, provider, &precise, &answer), STATUS_INVALID_ARGUMENT,
                 ARGOSY__REASON__PRICE_TOO_PRECISE));
}

TEST(an_authorization_is_an_intent_with_manual_capture)
{
    run(authorizing);
}

/* Stripe repeats its first answer to a key, so the present state must be read. */
static void processing(struct call *call)
{
    struct payment_provider *provider = world.provider;
    struct provider_answer answer;

    answers(200, INTENT("processing"));
    answers(200, INTENT("requires_capture"));
    EXPECT(comes_to(provider->authorize(call, provider, &request, &answer), &answer,
                    PROVIDER_AUTHORIZED, "pi_1"));
    EXPECT(asked(1, "GET /v1/payment_intents/pi_1?expand%5B%5D=latest_charge key= "));
    answers(200, "{\"id\":\"re_1\",\"status\":\"pending\"}");
    answers(200, "{\"id\":\"re_1\",\"status\":\"pending\"}");
    EXPECT(comes_to(provider->refund(call, provider, &request, &answer), &answer,
                    PROVIDER_PROCESSING, "pi_1"));
    answers(200, "{\"id\":\"re_1\",\"status\":\"pending\"}");
    answers(200, "{\"id\":\"re_1\",\"status\":\"failed\",\"failure_reason\":\"lost_card\"}");
    EXPECT(comes_to(provider->refund(call, provider, &request, &answer), &answer, PROVIDER_DECLINED,
                    "pi_1"));
    EXPECT(strcmp(answer.decline_code, "lost_card") == 0);
    EXPECT(asked(4, "POST /v1/refunds key=key-1 payment_intent=pi_1&amount=1999&metadata%5B"
                    "order_id%5D=order-1&metadata%5Bpayment_id%5D=pay%201&metadata%5B"
                    "operation_id%5D=key-1"));
    EXPECT(asked(5, "GET /v1/refunds/re_1 key= "));
}

TEST(a_payment_that_was_processing_is_read_again)
{
    run(processing);
}

static void confirming(struct call *call)
{
    struct payment_provider *provider = world.provider;
    struct provider_answer answer;

    answers(200, INTENT("requires_capture"));
    EXPECT(comes_to(provider->confirm(call, provider, &request, &answer), &answer,
                    PROVIDER_AUTHORIZED, "pi_1"));
    answers(200, INTENT("requires_confirmation"));
    answers(200, INTENT("requires_capture"));
    EXPECT(comes_to(provider->confirm(call, provider, &request, &answer), &answer,
                    PROVIDER_AUTHORIZED, "pi_1"));
    EXPECT(asked(2, "POST /v1/payment_intents/pi_1/confirm key=key-1 "));
    answers(200, "{\"id\":\"pi_1\",\"status\":\"requires_payment_method\",\"last_payment_error\":"
                 "{\"code\":\"payment_intent_authentication_failure\",\"message\":\"No.\"}}");
    EXPECT(comes_to(provider->confirm(call, provider, &request, &answer), &answer,
                    PROVIDER_DECLINED, "pi_1"));
    EXPECT(strcmp(answer.message, "No.") == 0);
}

TEST(a_confirmation_looks_first)
{
    run(confirming);
}

/* ---- what is asked for very long ---- */

static struct provider_request old_request(int hours)
{
    struct provider_request old = request;

    old.begun_us = clock_now_us() - hours * 3600 * INT64_C(1000000);
    return old;
}

#define REFUND(id, key, status)                          \
    "{\"data\":[{\"id\":\"" id "\",\"status\":\"" status \
    "\",\"metadata\":{\"operation_id\":\"" key "\"}}]}"

/* Stripe may have forgotten the key, and would refund once more. */
static void refunding_for_days(struct call *call)
{
    struct payment_provider *provider = world.provider;
    const struct provider_request old = old_request(30);
    struct provider_answer answer;

    answers(200, REFUND("re_1", "key-1", "pending"));
    EXPECT(comes_to(provider->refund(call, provider, &old, &answer), &answer, PROVIDER_PROCESSING,
                    "pi_1"));
    EXPECT(asked(0, "GET /v1/refunds?limit=100&payment_intent=pi_1 key= "));
    answers(200, REFUND("re_1", "key-1", "succeeded"));
    EXPECT(comes_to(provider->refund(call, provider, &old, &answer), &answer, PROVIDER_REFUNDED,
                    "pi_1"));
    answers(200, REFUND("re_2", "key-2", "succeeded"));
    answers(200, "{\"id\":\"re_1\",\"status\":\"succeeded\"}");
    EXPECT(comes_to(provider->refund(call, provider, &old, &answer), &answer, PROVIDER_REFUNDED,
                    "pi_1"));
    EXPECT(asked(3, "POST /v1/refunds key=key-1 payment_intent=pi_1&amount=1999&metadata%5B"
                    "order_id%5D=order-1&metadata%5Bpayment_id%5D=pay%201&metadata%5B"
                    "operation_id%5D=key-1"));
    answers(500, "");
    EXPECT(provider->refund(call, provider, &old, &answer).code == STATUS_UNAVAILABLE);
}

TEST(a_refund_whose_key_may_be_forgotten_is_looked_up_first)
{
    run(refunding_for_days);
}

static void authorizing_for_days(struct call *call)
{
    struct payment_provider *provider = world.provider;
    struct provider_request old = old_request(21), older = old_request(23);
    struct provider_answer answer;

    old.reference = older.reference = "";
    answers(200, "{\"data\":[" INTENT("requires_capture") "]}");
    EXPECT(comes_to(provider->authorize(call, provider, &old, &answer), &answer,
                    PROVIDER_AUTHORIZED, "pi_1"));
    EXPECT(asked(0, "GET /v1/payment_intents/search?limit=1&query=metadata%5B%22payment_id%22%5D"
                    "%3A%22pay%201%22 key= "));
    answers(200, "{\"data\":[]}");
    EXPECT(fails(provider->authorize(call, provider, &old, &answer), STATUS_UNAVAILABLE,
                 ARGOSY__REASON__PAYMENT_PROVIDER_DOWN));
    answers(200, "{\"data\":[]}");
    EXPECT(fails(provider->authorize(call, provider, &older, &answer), STATUS_NOT_FOUND,
                 ARGOSY__REASON__CHARGE_NOT_FOUND));
    old.reference = "pi_1";
    answers(200, INTENT("canceled"));
    EXPECT(comes_to(provider->authorize(call, provider, &old, &answer), &answer, PROVIDER_VOIDED,
                    "pi_1"));
}

TEST(an_authorization_whose_key_may_be_forgotten_is_not_requested_again)
{
    run(authorizing_for_days);
}

/* ---- what went wrong ---- */

#define STATE ERROR("invalid_request_error", "payment_intent_unexpected_state", "")

static void done_already(struct call *call)
{
    struct payment_provider *provider = world.provider;
    struct provider_answer answer;

    answers(400, STATE);
    answers(200, "{\"id\":\"pi_1\",\"status\":\"canceled\",\"currency\":\"eur\"}");
    EXPECT(comes_to(provider->void_(call, provider, &request, &answer), &answer, PROVIDER_VOIDED,
                    "pi_1"));
    EXPECT(asked(0, "POST /v1/payment_intents/pi_1/cancel key=key-1 "));
    answers(400, STATE);
    answers(200, CAPTURED("1999"));
    EXPECT(comes_to(provider->capture(call, provider, &request, &answer), &answer,
                    PROVIDER_CAPTURED, "pi_1"));
    EXPECT(asked(2, "POST /v1/payment_intents/pi_1/capture key=key-1 amount_to_capture=1999"));
    answers(400, STATE);
    answers(200, CAPTURED("1000"));
    EXPECT(fails(provider->capture(call, provider, &request, &answer), STATUS_FAILED_PRECONDITION,
                 ARGOSY__REASON__PAYMENT_STATE));
    answers(400, STATE);
    answers(500, "");
    EXPECT(fails(provider->void_(call, provider, &request, &answer), STATUS_FAILED_PRECONDITION,
                 ARGOSY__REASON__PAYMENT_STATE));
}

TEST(a_payment_that_already_has_the_requested_state_is_a_success)
{
    run(done_already);
}

static void failures(struct call *call)
{
    static const struct {
        int status;
        const char *body;
        enum status_code code;
        int reason;
    } cases[] = {
        {409, ERROR("idempotency_error", "idempotency_key_in_use", ""), STATUS_UNAVAILABLE,
         ARGOSY__REASON__PAYMENT_PROVIDER_DOWN},
        {429, ERROR("invalid_request_error", "lock_timeout", ""), STATUS_UNAVAILABLE,
         ARGOSY__REASON__PAYMENT_PROVIDER_DOWN},
        {500, ERROR("api_error", "", ""), STATUS_UNAVAILABLE,
         ARGOSY__REASON__PAYMENT_PROVIDER_DOWN},
        {503, "<html>", STATUS_UNAVAILABLE, ARGOSY__REASON__PAYMENT_PROVIDER_DOWN},
        {402, "<html>", STATUS_UNAVAILABLE, ARGOSY__REASON__PAYMENT_PROVIDER_DOWN},
        {200, "<html>", STATUS_UNAVAILABLE, ARGOSY__REASON__PAYMENT_PROVIDER_DOWN},
        {0, "", STATUS_UNAVAILABLE, ARGOSY__REASON__SERVICE_UNREACHABLE},
        {401, ERROR("invalid_request_error", "", ""), STATUS_INTERNAL, 0},
        {403, ERROR("invalid_request_error", "", ""), STATUS_INTERNAL, 0},
        {302, "", STATUS_INTERNAL, 0},
        {400, ERROR("idempotency_error", "", ""), STATUS_INTERNAL, 0},
        {400, ERROR("invalid_request_error", "", ""), STATUS_INVALID_ARGUMENT, 0},
        {400, ERROR("invalid_request_error", "resource_missing", ",\"param\":\"payment_method\""),
         STATUS_INVALID_ARGUMENT, ARGOSY__REASON__PAYMENT_METHOD_UNKNOWN},
        {404, ERROR("invalid_request_error", "resource_missing", ""), STATUS_NOT_FOUND,
         ARGOSY__REASON__CHARGE_NOT_FOUND},
    };
    struct payment_provider *provider = world.provider;
    struct provider_answer answer;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        world.scripted = world.asked = 0;
        answers(cases[i].status, cases[i].body);
        /* A reused connection may have been closed, so the request is sent once more. */
        if (cases[i].status == 0) answers(0, "");
        EXPECT(fails(provider->authorize(call, provider, &request, &answer), cases[i].code,
                     cases[i].reason));
    }
}

TEST(failures_say_whether_to_retry)
{
    run(failures);
}

static void without_reference(struct call *call)
{
    struct payment_provider *provider = world.provider;
    struct provider_request nothing = request;
    struct provider_charge charge;
    struct provider_answer answer;

    nothing.reference = "";
    EXPECT(fails(provider->capture(call, provider, &nothing, &answer), STATUS_NOT_FOUND,
                 ARGOSY__REASON__CHARGE_NOT_FOUND));
    EXPECT(fails(provider->void_(call, provider, &nothing, &answer), STATUS_NOT_FOUND,
                 ARGOSY__REASON__CHARGE_NOT_FOUND));
    EXPECT(fails(provider->refund(call, provider, &nothing, &answer), STATUS_NOT_FOUND,
                 ARGOSY__REASON__CHARGE_NOT_FOUND));
    EXPECT(fails(provider->find(call, provider, "", &charge), STATUS_NOT_FOUND,
                 ARGOSY__REASON__CHARGE_NOT_FOUND));
    /* A reference is one segment of the path, whatever it is. */
    answers(404, ERROR("invalid_request_error", "resource_missing", ""));
    EXPECT(fails(provider->find(call, provider, "../x?y", &charge), STATUS_NOT_FOUND,
                 ARGOSY__REASON__CHARGE_NOT_FOUND));
    EXPECT(asked(0, "GET /v1/payment_intents/..%2Fx%3Fy?expand%5B%5D=latest_charge key= "));
}

TEST(a_payment_without_a_reference_is_not_looked_up)
{
    run(without_reference);
}

/* ---- lists ---- */

static const char *page(struct call *call, int first, int count)
{
    const char *text = "{\"data\":[";

    for (int i = 0; i < count; i++)
        text = arena_printf(call->arena,
                            "%s%s{\"id\":\"pi_%d\",\"status\":\"requires_capture\",\"amount\":5,"
                            "\"currency\":\"jpy\",\"metadata\":{" OURS "\"order_id\":\"o%d\"}}",
                            text, i ? "," : "", first + i, first + i);
    return arena_printf(call->arena, "%s]}", text);
}

static void listing(struct call *call)
{
    struct payment_provider *provider = world.provider;
    struct provider_charge *charges;
    size_t count;

    answers(200, page(call, 0, 100));
    answers(200, page(call, 100, 50));
    EXPECT(!failed(provider->list(call, provider, "", 150, &charges, &count)));
    EXPECT(count == 150 && strcmp(charges[149].reference, "pi_149") == 0);
    EXPECT(strcmp(charges[7].order_id, "o7") == 0 && strcmp(charges[7].status, "authorized") == 0);
    EXPECT(strcmp(charges[7].currency, "JPY") == 0 && charges[7].amount_minor == 5);
    EXPECT(asked(0, "GET /v1/payment_intents?limit=100&expand%5B%5D=data.latest_charge key= "));
    EXPECT(asked(1, "GET /v1/payment_intents?limit=50&expand%5B%5D=data.latest_charge"
                    "&starting_after=pi_99 key= "));
    answers(200, page(call, 150, 3));
    EXPECT(!failed(provider->list(call, provider, "pi_149", 150, &charges, &count)));
    EXPECT(count == 3);
    answers(200, "{\"data\":[]}");
    EXPECT(!failed(provider->list(call, provider, "pi_152", 150, &charges, &count)));
    EXPECT(count == 0);
}

TEST(a_list_is_as_long_as_was_asked_for)
{
    run(listing);
}

/* Other applications use the same account, with currencies and amounts that we never request, and
 * with orders of their own. */
static void strangers(struct call *call)
{
    static const char intents[] =
        "{\"data\":[{\"id\":\"pi_1\",\"status\":\"succeeded\",\"amount\":7,\"currency\":\"usdc\"},"
        "{\"id\":\"pi_2\",\"status\":\"requires_capture\",\"amount\":5,\"currency\":\"jpy\","
        "\"metadata\":{" OURS "\"order_id\":\"o2\"}},"
        "{\"id\":\"pi_3\",\"status\":\"succeeded\",\"amount\":5,\"currency\":\"usd\","
        "\"metadata\":{\"order_id\":\"1001\",\"payment_id\":\"17\"}}]}";
    struct payment_provider *provider = world.provider;
    struct provider_charge *charges, charge;
    size_t count;

    answers(200, intents);
    EXPECT(!failed(provider->list(call, provider, "", 100, &charges, &count)));
    EXPECT(count == 3 && strcmp(charges[0].reference, "pi_1") == 0 && !charges[0].order_id[0]);
    EXPECT(strcmp(charges[1].order_id, "o2") == 0 && charges[1].amount_minor == 5);
    EXPECT(strcmp(charges[2].reference, "pi_3") == 0 && !charges[2].order_id[0]);
    answers(200, "{\"id\":\"pi_1\",\"status\":\"succeeded\",\"amount\":7,\"currency\":\"usdc\"}");
    EXPECT(fails(provider->find(call, provider, "pi_1", &charge), STATUS_NOT_FOUND,
                 ARGOSY__REASON__CHARGE_NOT_FOUND));
}

TEST(payments_of_other_applications_are_skipped)
{
    run(strangers);
}

static int64_t refunded_minor(struct call *call, const char *status, const char *charge)
{
    struct payment_provider *provider = world.provider;
    struct provider_charge found = {.refunded_minor = -1};

    answers(200, arena_printf(call->arena,
                              "{\"id\":\"pi_1\",\"status\":\"%s\",\"currency\":\"eur\","
                              "\"amount\":1999,\"latest_charge\":%s}",
                              status, charge));
    EXPECT(!failed(provider->find(call, provider, "pi_1", &found)));
    return found.refunded_minor;
}

static void refunds(struct call *call)
{
    EXPECT(refunded_minor(call, "succeeded",
                          "{\"amount\":1999,\"amount_captured\":1500,\"amount_refunded\":499}") ==
           0);
    EXPECT(refunded_minor(call, "succeeded",
                          "{\"amount\":1999,\"amount_captured\":1500,\"amount_refunded\":699}") ==
           200);
    EXPECT(refunded_minor(call, "succeeded",
                          "{\"amount\":1999,\"amount_captured\":1999,\"amount_refunded\":9}") == 9);
    EXPECT(refunded_minor(call, "canceled",
                          "{\"amount\":1999,\"amount_captured\":0,\"amount_refunded\":1999}") == 0);
    EXPECT(refunded_minor(call, "requires_capture", "\"ch_1\"") == 0);
}

TEST(what_was_never_captured_is_not_refunded)
{
    run(refunds);
}

/* ---- making one ---- */

static void check_not_made(const char *url, const char *key, const char *part)
{
    struct payment_provider *provider;

    world = (struct world){0};
    arena_init(&world.arena, 0);
    world.shards = shards_new(1);
    struct status st = make_provider(url, key, &provider);
    bool said = failed(st) && strstr(st.message, part);
    if (!said) printf("  %s\n", failed(st) ? st.message : "it was made");
    shards_free(world.shards);
    config_free(world.config);
    arena_release(&world.arena);
    CHECK(said);
}

TEST(settings_that_cannot_work_stop_the_start)
{
    check_not_made("https://api.stripe.com", "", "needs STRIPE_API_KEY");
    check_not_made("http://api.stripe.com", "sk", "STRIPE_API_URL: ");
    check_not_made("https://me@api.stripe.com", "sk", "STRIPE_API_URL: ");
}
