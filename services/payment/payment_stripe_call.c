/* SPDX-License-Identifier: Apache-2.0 */
/* A request to Stripe, and the meaning of its failures (docs.stripe.com/api/errors). */
#include "reasons.pb-c.h"
#include "services/payment/payment_stripe.h"

/* The version of the API that payment_stripe_answer.c reads; the account's own default may differ.
 * Stripe may take a minute for a card, and itself gives up after 80 seconds. */
#define STRIPE_VERSION "2024-06-20"

enum { ANSWER_MAX = 4 * 1024 * 1024, TIMEOUT_MS = 80000 };

static struct status make_headers(struct arena *arena, const struct stripe *stripe,
                                  const struct stripe_request *request,
                                  struct http_headers *headers)
{
    const char *bearer = arena_printf(arena, "Bearer %s", stripe->key);
    struct status st = http_headers_add(arena, headers, STR("authorization"), str_of(bearer));

    if (!failed(st))
        st = http_headers_add(arena, headers, STR("stripe-version"), STR(STRIPE_VERSION));
    if (failed(st) || !request->form) return st;
    st = http_headers_add(arena, headers, STR("content-type"),
                          STR("application/x-www-form-urlencoded"));
    if (!failed(st))
        st = http_headers_add(arena, headers, STR("idempotency-key"),
                              str_of(request->idempotency_key));
    return st;
}

/* ---- failures ---- */

static bool is_one_of(const char *text, const char *const *list)
{
    while (*list && strcmp(*list, text) != 0) list++;
    return *list != NULL;
}

/* Stripe understood the request and refuses it. */
static struct status refusal(struct arena *arena, const struct stripe_error *error)
{
    static const char *const above_captured[] = {"charge_already_refunded", NULL};
    static const char *const expired[] = {"charge_expired_for_capture",
                                          "capture_charge_authorization_expired", NULL};
    static const char *const above_authorized[] = {"amount_too_large", NULL};
    static const char *const state[] = {"payment_intent_unexpected_state",
                                        "charge_already_captured", "charge_not_refundable",
                                        "charge_disputed", NULL};
    int reason = 0;

    if (is_one_of(error->code, above_captured)) reason = ARGOSY__REASON__PAYMENT_ABOVE_CAPTURED;
    if (is_one_of(error->code, expired)) reason = ARGOSY__REASON__PAYMENT_EXPIRED;
    if (is_one_of(error->code, above_authorized)) reason = ARGOSY__REASON__PAYMENT_ABOVE_AUTHORIZED;
    if (is_one_of(error->code, state)) reason = ARGOSY__REASON__PAYMENT_STATE;
    if (reason)
        return status_printf(arena, STATUS_FAILED_PRECONDITION, reason, "Stripe: %s",
                             error->message);
    /* Our key was used with other values before, which a client can't correct. */
    if (strcmp(error->type, "idempotency_error") == 0)
        return status_printf(arena, STATUS_INTERNAL, 0, "Stripe: %s", error->message);
    if (strcmp(error->param, "payment_method") == 0)
        reason = ARGOSY__REASON__PAYMENT_METHOD_UNKNOWN;
    return status_printf(arena, STATUS_INVALID_ARGUMENT, reason, "Stripe: %s", error->message);
}

static struct status translate(struct arena *arena, int http_status,
                               const struct stripe_error *error)
{
    const char *text = error->message[0] ? error->message : "no reason given";

    switch (http_status) {
    case 400: return refusal(arena, error);
    case 401:
    case 403:
        return status_printf(arena, STATUS_INTERNAL, 0,
                             "Stripe refuses STRIPE_API_KEY (HTTP %d); check it: %s", http_status,
                             text);
    case 404:
        if (strcmp(error->param, "payment_method") == 0) return refusal(arena, error);
        return status_printf(arena, STATUS_NOT_FOUND, ARGOSY__REASON__CHARGE_NOT_FOUND,
                             "Stripe: %s", text);
    case 409: /* the first request with this key is still running, or an object is locked */
    case 429:
        return status_printf(arena, STATUS_UNAVAILABLE, ARGOSY__REASON__PAYMENT_PROVIDER_DOWN,
                             "Stripe is busy (HTTP %d): %s", http_status, text);
    default:
        if (http_status >= 500)
            return status_printf(arena, STATUS_UNAVAILABLE, ARGOSY__REASON__PAYMENT_PROVIDER_DOWN,
                                 "Stripe fails (HTTP %d): %s", http_status, text);
        return status_printf(arena, STATUS_INTERNAL, 0, "Stripe answers HTTP %d: %s", http_status,
                             text);
    }
}

/* ---- the call ---- */

static struct status take_failure(const struct call *call, int http_status, struct str body,
                                  struct stripe_answer *answer)
{
    if (!stripe_read_error(call->arena, body, &answer->error, &answer->intent)) {
        answer->error = (struct stripe_error){"", "", "", "", ""};
        if (http_status == 402)
            http_status = 500; /* without an error object it is no refusal of Stripe's */
    }
    answer->refused = http_status == 402;
    if (answer->refused) return status_ok();
    return translate(call->arena, http_status, &answer->error);
}

struct status stripe_call(struct call *call, const struct stripe *stripe,
                          const struct stripe_request *request, struct stripe_answer *ret_answer)
{
    struct https_request http = {
        .method = request->form ? "POST" : "GET",
        .url = arena_printf(call->arena, "%s%s", stripe->url, request->path),
        .body = request->form ? str_of(request->form->text) : STR(""),
        .answer_max = ANSWER_MAX,
        .timeout_ms = TIMEOUT_MS,
    };
    struct stripe_answer answer = {.refused = false};
    struct http_headers headers = {0};
    struct https_answer got;
    struct status st = make_headers(call->arena, stripe, request, &headers);

    if (failed(st)) return st;
    http.headers = &headers;
    st = https_call(call, stripe->client, &http, &got);
    if (failed(st)) return st;
    if (got.status >= 200 && got.status <= 299)
        answer.body = got.body;
    else
        st = take_failure(call, got.status, got.body, &answer);
    *ret_answer = answer;
    return st;
}
