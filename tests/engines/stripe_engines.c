/* SPDX-License-Identifier: Apache-2.0 */
/* Tests our Stripe provider with stripe-mock, which checks every request against Stripe's OpenAPI
 * description, and localstripe, which keeps state and sends signed webhooks. stripe.sh starts them
 * and passes their addresses in the environment. */
#include "base/clock.h"
#include "base/json.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "http/http_server.h"
#include "services/payment/payment_stripe.h"

enum { DRAIN_MS = 50, WEBHOOK_PATIENCE_MS = 10000 };

#define WEBHOOK_SECRET "whsec_engines"

struct world {
    struct arena arena;
    struct config *config;
    struct shards *shards;
    struct http_server *server; /* takes webhooks */
    struct payment_provider *provider;
    const char *url;
    void (*play)(struct call *call);
    const char *captured; /* the payment that the last webhook reported as captured */
    int webhooks;
    struct fiber_wait wait;
};

static struct world world;

static const struct setting settings[] = {PAYMENT_STRIPE_SETTINGS, {0}};

static void must(struct status st)
{
    if (failed(st)) printf("  %s\n", st.message);
    invariant(!failed(st));
}

static void on_webhook(struct call *call, struct http_exchange *exchange, void *data)
{
    const struct http_headers *headers = &http_request(exchange)->headers;
    struct provider_event event;
    struct str body;

    (void)data;
    must(http_read_body(call, exchange, 1 << 20, &body));
    struct status st = world.provider->read_webhook(
        call, world.provider, http_headers_get(headers, "stripe-signature"), body, &event);
    if (failed(st)) printf("  %s\n", st.message);
    EXPECT(!failed(st));
    if (!failed(st) && event.known && strcmp(event.type, "payment_intent.succeeded") == 0)
        world.captured = arena_strdup(&world.arena, event.reference);
    world.webhooks++;
    http_respond(call, exchange, 200, NULL, STR(""));
    fiber_wake(call->shard, &world.wait);
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
    http_server_drain(world.server, DRAIN_MS, on_drained, NULL);
}

static void set(const char *name, const char *value)
{
    const char *error;
    bool is_set = config_set(world.config, arena_printf(&world.arena, "%s=%s", name, value),
                             &error);

    invariant(is_set);
}

/* Runs a test with a provider for the Stripe at this URL. */
static void run(const char *url, void (*play)(struct call *call))
{
    struct http_server_options options = {.name = "webhooks", .handler = on_webhook};
    const char *errors;

    world = (struct world){.play = play, .url = url};
    arena_init(&world.arena, 0);
    world.shards = shards_new(1);
    world.config = config_new();
    config_declare(world.config, settings);
    set("STRIPE_API_URL", url);
    set("STRIPE_API_KEY", "sk_test_engines");
    set("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET);
    invariant(config_check(world.config, &errors));
    struct service_context context = {
        .arena = &world.arena, .config = world.config, .shards = world.shards};
    must(payment_provider_stripe(&context, &world.provider));
    world.server = http_server_new(&options);
    must(http_server_listen(world.server, &world.arena, world.shards, "127.0.0.1:0"));
    fiber_post(shards_at(world.shards, 0), play_fiber, NULL, NULL);
    shards_run(world.shards);
    world.provider->close(world.provider);
    http_server_free(world.server);
    shards_free(world.shards);
    config_free(world.config);
    arena_release(&world.arena);
}

static const char *where(const char *name)
{
    const char *value = getenv(name);

    return value ? value : "";
}

static struct provider_request request_of(struct call *call, const char *order_id)
{
    static int number;

    return (struct provider_request){
        .idempotency_key = arena_printf(call->arena, "%s-%d", order_id, number++),
        .payment_id = "0190f5c2-7a10-7abc-8def-0123456789ab",
        .order_id = order_id,
        .reference = "",
        .payment_method = "pm_card_visa",
        .amount_minor = 1999,
        .currency = "EUR",
    };
}

static bool fine(struct status st)
{
    if (failed(st)) printf("  %s\n", st.message);
    return !failed(st);
}

static bool comes_to(struct status st, const struct provider_answer *answer,
                     enum provider_outcome outcome)
{
    if (!fine(st)) return false;
    if (answer->outcome != outcome)
        printf("  outcome %d, \"%s\", \"%s\"\n", answer->outcome, answer->decline_code,
               answer->message);
    return answer->outcome == outcome;
}

/* ---- stripe-mock: is every request valid? ---- */

static void shapes(struct call *call)
{
    struct payment_provider *provider = world.provider;
    struct provider_request request = request_of(call, "order-1");
    struct provider_charge charge, *charges;
    struct provider_answer answer;
    size_t count;

    EXPECT(fine(provider->authorize(call, provider, &request, &answer)));
    EXPECT(strncmp(answer.reference, "pi_", 3) == 0);
    request.reference = answer.reference;
    EXPECT(fine(provider->confirm(call, provider, &request, &answer)));
    EXPECT(fine(provider->capture(call, provider, &request, &answer)));
    EXPECT(fine(provider->void_(call, provider, &request, &answer)));
    EXPECT(
        comes_to(provider->refund(call, provider, &request, &answer), &answer, PROVIDER_REFUNDED));
    EXPECT(fine(provider->find(call, provider, request.reference, &charge)));
    EXPECT(charge.amount_minor > 0);
    EXPECT(fine(provider->list(call, provider, request.reference, 3, &charges, &count)));
    EXPECT(count >= 1);
    /* A charge that must be searched for, because its idempotency key may have expired. */
    request.begun_us = clock_now_us() - 30 * 3600 * INT64_C(1000000);
    EXPECT(fine(provider->refund(call, provider, &request, &answer)));
    request.reference = "";
    EXPECT(fine(provider->authorize(call, provider, &request, &answer)));
}

TEST(stripe_mock_takes_every_request)
{
    if (!getenv("STRIPE_MOCK")) SKIP("STRIPE_MOCK is not set");
    run(where("STRIPE_MOCK"), shapes);
}

/* ---- TLS ---- */

static struct status get(struct call *call, const char *url, const char *ca_file)
{
    struct https_request request = {
        .method = "GET",
        .url = arena_printf(call->arena, "%s/v1/payment_intents/pi_1", url),
        .answer_max = 1 << 20,
    };
    struct http_headers headers = {0};
    struct https_client *client;
    struct https_answer answer;

    must(http_headers_add(call->arena, &headers, STR("authorization"), STR("Bearer sk_test_1")));
    request.headers = &headers;
    must(https_client_new(&world.arena, world.shards, ca_file, &client));
    struct status st = https_call(call, client, &request, &answer);
    EXPECT(failed(st) || answer.status == 200);
    return st;
}

static void certificates(struct call *call)
{
    const char *by_name = where("STRIPE_MOCK_TLS"), *ca_file = where("STRIPE_MOCK_CA");
    const char *by_number = arena_printf(call->arena, "https://127.0.0.1:%s",
                                         strrchr(by_name, ':') + 1);

    EXPECT(fine(get(call, by_name, ca_file)));
    struct status st = get(call, by_name, NULL);
    printf("  not trusted: %s\n", failed(st) ? st.message : "taken");
    EXPECT(st.code == STATUS_UNAVAILABLE);
    st = get(call, by_number, ca_file);
    printf("  another name: %s\n", failed(st) ? st.message : "taken");
    EXPECT(st.code == STATUS_UNAVAILABLE);
}

TEST(certificates_are_verified)
{
    if (!getenv("STRIPE_MOCK_TLS")) SKIP("STRIPE_MOCK_TLS is not set");
    run(where("STRIPE_MOCK_TLS"), certificates);
}

/* ---- localstripe: the course of a payment ---- */

/* A request that the provider does not make; form NULL: a GET. Returns the response's text member,
 * "" if it has none. */
static const char *ask(struct call *call, const char *path, const char *form, const char *member)
{
    struct https_request request = {
        .method = form ? "POST" : "GET",
        .url = arena_printf(call->arena, "%s%s", world.url, path),
        .body = str_of(form),
        .answer_max = 1 << 20,
    };
    struct http_headers headers = {0};
    struct json_reader reader;
    struct https_answer answer;
    enum json_token token;
    const char *found = "";

    must(http_headers_add(call->arena, &headers, STR("authorization"), STR("Bearer sk_test_1")));
    must(http_headers_add(call->arena, &headers, STR("content-type"),
                          STR("application/x-www-form-urlencoded")));
    request.headers = &headers;
    must(https_call(call, ((struct stripe *)world.provider)->client, &request, &answer));
    if (answer.status != 200)
        printf("  %s: HTTP %d: %.*s\n", path, answer.status, STR_ARGS(answer.body));
    EXPECT(answer.status == 200);
    json_reader_init(&reader, answer.body, JSON_DEPTH_MAX);
    while ((token = json_next(&reader)) != JSON_END && token != JSON_ERROR)
        if (token == JSON_KEY && reader.depth == 1 && str_is(reader.raw, member) &&
            json_next(&reader) == JSON_STRING)
            found = str_dup(call->arena, json_string(&reader, call->arena));
    return found;
}

static const char *card(struct call *call, const char *number)
{
    return ask(call, "/v1/payment_methods",
               arena_printf(call->arena,
                            "type=card&card[number]=%s&card[exp_month]=12&card[exp_year]=2030"
                            "&card[cvc]=123",
                            number),
               "id");
}

static void paying(struct call *call)
{
    struct payment_provider *provider = world.provider;
    struct provider_request request = request_of(call, "order-2");
    struct provider_charge charge;
    struct provider_answer answer;

    request.payment_method = card(call, "4242424242424242");
    EXPECT(comes_to(provider->authorize(call, provider, &request, &answer), &answer,
                    PROVIDER_AUTHORIZED));
    request.reference = answer.reference;
    EXPECT(fine(provider->find(call, provider, request.reference, &charge)));
    EXPECT(strcmp(charge.status, "authorized") == 0 && charge.amount_minor == 1999);
    EXPECT(strcmp(charge.order_id, "order-2") == 0 && strcmp(charge.currency, "EUR") == 0);
    EXPECT(
        comes_to(provider->capture(call, provider, &request, &answer), &answer, PROVIDER_CAPTURED));
    request.amount_minor = 500;
    EXPECT(
        comes_to(provider->refund(call, provider, &request, &answer), &answer, PROVIDER_REFUNDED));
    EXPECT(fine(provider->find(call, provider, request.reference, &charge)));
    EXPECT(strcmp(charge.status, "captured") == 0 && charge.refunded_minor == 500);
    struct status st = provider->find(call, provider, "pi_nowhere", &charge);
    EXPECT(st.code == STATUS_NOT_FOUND);
}

TEST(localstripe_captures_and_refunds)
{
    if (!getenv("LOCALSTRIPE")) SKIP("LOCALSTRIPE is not set");
    run(where("LOCALSTRIPE"), paying);
}

static void voiding(struct call *call)
{
    struct payment_provider *provider = world.provider;
    struct provider_request request = request_of(call, "order-3");
    struct provider_charge *charges;
    struct provider_answer answer;
    size_t count;

    request.payment_method = card(call, "4242424242424242");
    EXPECT(comes_to(provider->authorize(call, provider, &request, &answer), &answer,
                    PROVIDER_AUTHORIZED));
    request.reference = answer.reference;
    EXPECT(comes_to(provider->void_(call, provider, &request, &answer), &answer, PROVIDER_VOIDED));
    /* Repeating it changes nothing. */
    EXPECT(comes_to(provider->void_(call, provider, &request, &answer), &answer, PROVIDER_VOIDED));
    EXPECT(fine(provider->list(call, provider, "", 1, &charges, &count)));
    EXPECT(count == 1 && charges[0].reference[0]);
    EXPECT(fine(provider->list(call, provider, charges[0].reference, 100, &charges, &count)));
}

TEST(localstripe_lets_go)
{
    if (!getenv("LOCALSTRIPE")) SKIP("LOCALSTRIPE is not set");
    run(where("LOCALSTRIPE"), voiding);
}

static void declining(struct call *call)
{
    struct payment_provider *provider = world.provider;
    struct provider_request request = request_of(call, "order-4");
    struct provider_answer answer;

    request.payment_method = card(call, "4000000000000341");
    EXPECT(comes_to(provider->authorize(call, provider, &request, &answer), &answer,
                    PROVIDER_DECLINED));
    EXPECT(strcmp(answer.decline_code, "card_declined") == 0);
    EXPECT(answer.message[0]);
}

TEST(localstripe_declines)
{
    if (!getenv("LOCALSTRIPE")) SKIP("LOCALSTRIPE is not set");
    run(where("LOCALSTRIPE"), declining);
}

static void acting(struct call *call)
{
    struct payment_provider *provider = world.provider;
    struct provider_request request = request_of(call, "order-5");
    struct provider_answer answer;

    request.payment_method = card(call, "4000002500003155");
    EXPECT(comes_to(provider->authorize(call, provider, &request, &answer), &answer,
                    PROVIDER_REQUIRES_ACTION));
    request.reference = answer.reference;
    EXPECT(comes_to(provider->confirm(call, provider, &request, &answer), &answer,
                    PROVIDER_REQUIRES_ACTION));
    /* The customer confirms in the browser, with a secret that only Stripe's own script has. */
    const char *path = arena_printf(call->arena, "/v1/payment_intents/%s", request.reference);
    const char *client_secret = ask(call, path, NULL, "client_secret");
    ask(call, arena_printf(call->arena, "%s/_authenticate", path),
        arena_printf(call->arena, "client_secret=%s&success=true", client_secret), "id");
    EXPECT(comes_to(provider->confirm(call, provider, &request, &answer), &answer,
                    PROVIDER_AUTHORIZED));
}

TEST(localstripe_asks_the_customer)
{
    if (!getenv("LOCALSTRIPE")) SKIP("LOCALSTRIPE is not set");
    run(where("LOCALSTRIPE"), acting);
}

/* Webhooks of earlier payments may come late. */
static bool is_told(const char *reference)
{
    return world.captured && strcmp(world.captured, reference) == 0;
}

static void telling(struct call *call)
{
    struct payment_provider *provider = world.provider;
    struct provider_request request = request_of(call, "order-6");
    struct provider_answer answer;
    struct call patience;

    ask(call, "/_config/webhooks/argosy",
        arena_printf(call->arena, "url=http://%s/&secret=" WEBHOOK_SECRET,
                     http_server_address(world.server)),
        "");
    request.payment_method = card(call, "4242424242424242");
    EXPECT(comes_to(provider->authorize(call, provider, &request, &answer), &answer,
                    PROVIDER_AUTHORIZED));
    request.reference = answer.reference;
    EXPECT(
        comes_to(provider->capture(call, provider, &request, &answer), &answer, PROVIDER_CAPTURED));
    call_init_child(&patience, call, WEBHOOK_PATIENCE_MS);
    while (!is_told(request.reference) && !failed(fiber_suspend(&patience, &world.wait))) continue;
    EXPECT(is_told(request.reference));
    printf("  %d webhooks, all signed\n", world.webhooks);
}

TEST(localstripe_signs_its_webhooks)
{
    if (!getenv("LOCALSTRIPE")) SKIP("LOCALSTRIPE is not set");
    run(where("LOCALSTRIPE"), telling);
}
