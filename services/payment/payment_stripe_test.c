/* SPDX-License-Identifier: Apache-2.0 */
/* Stripe's forms, amounts, objects and signed webhooks. */
#include "services/payment/payment_stripe.h"

#include "base/test.h"
#include "reasons.pb-c.h"

static struct arena arena = {.limit = ARENA_LIMIT_DEFAULT};

/* ---- forms and amounts ---- */

TEST(a_form_is_encoded)
{
    struct stripe_form form;

    stripe_form_init(&form, &arena);
    CHECK_STR(form.text, "");
    stripe_form_add_number(&form, "amount", 1999);
    stripe_form_add(&form, "metadata[order_id]", "a b&c=d+é%");
    stripe_form_add(&form, "empty", "");
    CHECK_STR(form.text, "amount=1999&metadata%5Border_id%5D=a%20b%26c%3Dd%2B%C3%A9%25&empty=");
}

static void check_amount(const char *currency, int64_t minor, int64_t amount)
{
    int64_t got;

    CHECK(stripe_amount_from_minor(currency, minor, &got));
    CHECK_INT(got, ==, amount);
    CHECK(stripe_amount_to_minor(currency, amount, &got));
    CHECK_INT(got, ==, minor);
}

static void check_no_amount(const char *currency, int64_t minor)
{
    int64_t got;

    CHECK(!stripe_amount_from_minor(currency, minor, &got));
}

TEST(amounts_have_the_decimals_that_stripe_wants)
{
    check_amount("USD", 1999, 1999);
    check_amount("JPY", 500, 500);
    check_amount("KWD", 12340, 12340);
    check_amount("ISK", 500, 50000);
    check_amount("UGX", 5, 500);
    check_amount("MGA", 500, 5);
    check_no_amount("KWD", 12345);
    check_no_amount("MGA", 501);
    check_no_amount("ISK", INT64_MAX / 10);
    check_no_amount("XXQ", 100);
}

/* ---- JSON ---- */

TEST(an_intent_is_read)
{
    struct stripe_intent intent;

    CHECK(stripe_read_intent(
        &arena,
        STR("{\"id\":\"pi_1\",\"amount\":1999,\"amount_received\":1000,\"currency\":\"usd\","
            "\"new\":{\"id\":\"x\",\"deep\":[[{}]]},\"metadata\":{\"order_id\":\"o\\u0031\","
            "\"payment_id\":\"p1\"},"
            "\"last_payment_error\":{\"code\":\"card_declined\",\"decline_code\":\"lost_card\"},"
            "\"latest_charge\":{\"id\":\"ch_1\",\"amount_refunded\":40},\"status\":\"succeeded\"}"),
        &intent));
    CHECK_STR(intent.id, "pi_1");
    CHECK_STR(intent.status, "succeeded");
    CHECK_STR(intent.currency, "usd");
    CHECK_STR(intent.order_id, "o1");
    CHECK_STR(intent.payment_id, "p1");
    CHECK_STR(intent.failure.decline_code, "lost_card");
    CHECK_INT(intent.amount, ==, 1999);
    CHECK_INT(intent.received, ==, 1000);
    CHECK_INT(intent.refunded, ==, 40);
    /* Other shapes than expected are as if they were not there. */
    CHECK(stripe_read_intent(&arena,
                             STR("{\"id\":\"pi_1\",\"amount\":\"9\",\"latest_charge\":\"ch_1\","
                                 "\"metadata\":null,\"status\":[1]}"),
                             &intent));
    CHECK_STR(intent.status, "");
    CHECK_INT(intent.amount, ==, 0);
}

TEST(what_is_no_object_of_stripes_is_not_read)
{
    static const char *const texts[] = {"",        "[]",
                                        "{}",      "{\"id\":1}",
                                        "null",    "{\"id\":\"a\"",
                                        "{\"id\"", "{\"id\":\"a\"} x",
                                        "<html>",  "{\"id\":\"\\x\"}"};
    struct stripe_intent intent, one[1];
    struct stripe_refund refund;
    struct stripe_event event;
    struct stripe_error error;
    size_t count;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        CHECK(!stripe_read_intent(&arena, str_of(texts[i]), &intent));
        CHECK(!stripe_read_refund(&arena, str_of(texts[i]), &refund));
        CHECK(!stripe_read_event(&arena, str_of(texts[i]), &event));
        CHECK(!stripe_read_error(&arena, str_of(texts[i]), &error, &intent));
        CHECK(!stripe_read_list(&arena, str_of(texts[i]), 1, one, &count));
    }
}

TEST(an_error_is_read_with_the_payment_after_it)
{
    struct stripe_intent intent;
    struct stripe_error error;

    CHECK(stripe_read_error(
        &arena,
        STR("{\"error\":{\"type\":\"card_error\",\"code\":\"card_declined\",\"message\":\"No.\","
            "\"decline_code\":\"insufficient_funds\",\"payment_intent\":{\"id\":\"pi_2\","
            "\"status\":\"requires_payment_method\"}}}"),
        &error, &intent));
    CHECK_STR(error.type, "card_error");
    CHECK_STR(error.decline_code, "insufficient_funds");
    CHECK_STR(error.message, "No.");
    CHECK_STR(intent.id, "pi_2");
    CHECK_STR(intent.status, "requires_payment_method");
}

TEST(a_text_of_stripes_that_is_too_long_is_cut)
{
    struct stripe_intent intent;
    struct stripe_error error;
    struct buffer text;

    buffer_init(&text, 1 << 20);
    buffer_printf(&text, "{\"error\":{\"type\":\"t\",\"message\":\"x");
    for (int i = 0; i < 300000; i++) buffer_printf(&text, "\xc3\xa4");
    buffer_printf(&text, "\"}}");
    CHECK(stripe_read_error(&arena, buffer_str(&text), &error, &intent));
    CHECK_INT(strlen(error.message), ==, 1999);
    CHECK(str_is_utf8(str_of(error.message)));
    buffer_release(&text);
}

TEST(a_list_is_read_as_far_as_there_is_room)
{
    struct str text = STR("{\"object\":\"list\",\"data\":[{\"id\":\"a\"},7,{\"id\":\"b\"},"
                          "{\"id\":\"c\"}],\"has_more\":true}");
    struct stripe_intent intents[2];
    size_t count;

    CHECK(stripe_read_list(&arena, text, 2, intents, &count));
    CHECK_INT(count, ==, 2);
    CHECK_STR(intents[1].id, "b");
    CHECK(stripe_read_list(&arena, STR("{\"data\":[]}"), 2, intents, &count));
    CHECK_INT(count, ==, 0);
}

/* ---- webhooks ---- */

#define SECRET "whsec_test_secret"
#define SIGNED_AT 1492774577
#define BODY                                                                                  \
    "{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"payment_intent.succeeded\",\"data\":{" \
    "\"object\":{\"id\":\"pi_1\",\"object\":\"payment_intent\"}}}"
/* printf '1492774577.%s' "$BODY" | openssl dgst -sha256 -hmac whsec_test_secret */
#define MAC "5666b79b71297a8b6d52f3b3ce34139290858e01a0fb527f8577d653607e6983"
/* The same without a body. */
#define MAC_EMPTY "0b143541b2e58bb8a2681ed7577ec944676988d66733d6a9d9cd6ccce1022353"

static struct status read_at(int64_t now_s, const char *signature, const char *body,
                             struct provider_event *ret_event)
{
    struct stripe_webhook webhook = {.secret = STR(SECRET), .tolerance_s = 300, .now_s = now_s};

    return stripe_webhook_read(&arena, &webhook, str_of(signature), str_of(body), ret_event);
}

static void check_refused(int64_t now_s, const char *signature, const char *body)
{
    struct provider_event event;
    struct status st = read_at(now_s, signature, body, &event);

    CHECK_INT(st.code, ==, STATUS_UNAUTHENTICATED);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__WEBHOOK_SIGNATURE);
}

TEST(a_signed_webhook_is_read)
{
    struct provider_event event;

    CHECK_OK(read_at(SIGNED_AT, "t=1492774577,v1=" MAC, BODY, &event));
    CHECK_STR(event.event_id, "evt_1");
    CHECK_STR(event.reference, "pi_1");
    CHECK_STR(event.type, "payment_intent.succeeded");
    CHECK(event.known);
    /* Several secrets, other schemes, spaces, another order. */
    CHECK_OK(read_at(SIGNED_AT, "v0=00, v1=00, v1=" MAC " , t=1492774577,v1=11", BODY, &event));
}

TEST(a_signature_holds_for_its_time_and_body_only)
{
    struct provider_event event;
    char wrong[] = "t=1492774577,v1=" MAC;

    CHECK_OK(read_at(SIGNED_AT + 300, "t=1492774577,v1=" MAC, BODY, &event));
    CHECK_OK(read_at(SIGNED_AT - 300, "t=1492774577,v1=" MAC, BODY, &event));
    check_refused(SIGNED_AT + 301, "t=1492774577,v1=" MAC, BODY);
    check_refused(SIGNED_AT - 301, "t=1492774577,v1=" MAC, BODY);
    check_refused(SIGNED_AT, "t=1492774578,v1=" MAC, BODY);
    check_refused(SIGNED_AT, "t=1492774577,v1=" MAC, BODY " ");
    check_refused(SIGNED_AT, "t=1492774577,v1=" MAC, "");
    wrong[sizeof(wrong) - 2] ^= 1;
    check_refused(SIGNED_AT, wrong, BODY);
}

TEST(what_is_no_signature_is_refused)
{
    static const char *const headers[] = {
        "",      "t=1492774577",  "v1=" MAC,         "t=,v1=" MAC,          "t=x,v1=" MAC,
        ",,,==", "t=1492774577,", "t=1492774577,v1", "t=1492774577,v0=" MAC};
    struct stripe_webhook no_secret = {.tolerance_s = 300, .now_s = SIGNED_AT};
    struct provider_event event;

    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
        check_refused(SIGNED_AT, headers[i], BODY);
    struct status st = stripe_webhook_read(&arena, &no_secret, STR("t=1492774577,v1=" MAC),
                                           STR(BODY), &event);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__WEBHOOK_SIGNATURE);
}

TEST(a_signed_body_must_be_an_event)
{
    struct provider_event event;
    struct status st = read_at(SIGNED_AT, "t=1492774577,v1=" MAC_EMPTY, "", &event);

    CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__MALFORMED_JSON);
}

static void check_event(const char *type, const char *object, const char *intent)
{
    struct stripe_event event;
    const char *json = arena_printf(
        &arena, "{\"type\":\"%s\",\"data\":{\"object\":%s},\"id\":\"evt\"}", type, object);

    CHECK(stripe_read_event(&arena, str_of(json), &event));
    CHECK_STR(event.type, type);
    CHECK_STR(event.intent, intent);
}

TEST(an_event_leads_to_its_payment)
{
    check_event("charge.refunded",
                "{\"object\":\"charge\",\"id\":\"ch\",\"payment_intent\":\"pi\"}", "pi");
    check_event("refund.failed", "{\"object\":\"refund\",\"id\":\"re\",\"payment_intent\":\"pi\"}",
                "pi");
    check_event("customer.created", "{\"object\":\"customer\",\"id\":\"cus\"}", "");
    check_event("payment_intent.canceled", "{\"id\":\"pi\",\"object\":\"payment_intent\"}", "pi");
}
