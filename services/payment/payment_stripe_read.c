/* SPDX-License-Identifier: Apache-2.0 */
/* Reads payments and refunds from Stripe. See services/payment/payment_stripe_read.h. */
#include "services/payment/payment_stripe_read.h"

#include "base/encode.h"
#include "base/uuid.h"
#include "reasons.pb-c.h"

struct status stripe_unreadable(void)
{
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__PAYMENT_PROVIDER_DOWN,
                       "Stripe's answer cannot be read");
}

const char *stripe_intent_path(struct arena *arena, const char *reference, const char *rest)
{
    struct str id = percent_encode(arena, str_of(reference));

    return arena_printf(arena, "/v1/payment_intents/%.*s%s", STR_ARGS(id), rest);
}

/* ---- a payment as we see it ---- */

/* Other applications on the same account note their orders' ids under the same name, so a payment is
 * ours only if it has one of our own payments' ids too. */
static bool is_ours(const struct stripe_intent *intent)
{
    return uuid_is_valid(str_of(intent->payment_id));
}

static const char *charge_status(const char *status)
{
    static const char *const names[][2] = {
        {"requires_capture", "authorized"},
        {"requires_action", "requires_action"},
        {"requires_confirmation", "requires_action"},
        {"requires_payment_method", "declined"},
        {"succeeded", "captured"},
        {"canceled", "voided"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(names[i][0], status) == 0) return names[i][1];
    return "processing";
}

static char *upper(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);

    for (char *at = copy; *at; at++)
        if (*at >= 'a' && *at <= 'z') *at -= 'a' - 'A';
    return copy;
}

/* The refunded part of the captured amount. Stripe also counts as refunded what it never took: the
 * rest after a partial capture, and all of a voided authorization. */
static int64_t refunded_of(const struct stripe_intent *intent)
{
    if (strcmp(intent->status, "succeeded") != 0 || intent->refunded < intent->released) return 0;
    return intent->refunded - intent->released;
}

struct status stripe_make_charge(struct arena *arena, const struct stripe_intent *intent,
                                 struct provider_charge *ret_charge)
{
    struct provider_charge charge = {
        .reference = intent->id,
        .order_id = is_ours(intent) ? intent->order_id : "",
        .status = charge_status(intent->status),
        .currency = upper(arena, intent->currency),
        .client_secret = intent->client_secret,
    };

    if (!stripe_amount_to_minor(charge.currency, intent->amount, &charge.amount_minor) ||
        !stripe_amount_to_minor(charge.currency, intent->received, &charge.captured_minor) ||
        !stripe_amount_to_minor(charge.currency, refunded_of(intent), &charge.refunded_minor))
        return status_printf(arena, STATUS_NOT_FOUND, ARGOSY__REASON__CHARGE_NOT_FOUND,
                             "Stripe's payment %s has an amount of %s that we never request; it "
                             "belongs to another application",
                             intent->id, charge.currency);
    *ret_charge = charge;
    return status_ok();
}

/* ---- reading ---- */

struct status stripe_get_intent(struct call *call, const struct stripe *stripe,
                                const char *reference, struct stripe_intent *ret_intent)
{
    struct stripe_request request = {
        .path = stripe_intent_path(call->arena, reference, "?expand%5B%5D=latest_charge")};
    struct stripe_answer answer;
    struct status st = stripe_call(call, stripe, &request, &answer);

    if (failed(st)) return st;
    if (answer.refused || !stripe_read_intent(call->arena, answer.body, ret_intent))
        return stripe_unreadable();
    return st;
}

/* Reads the page after `after`, of at most STRIPE_PAGE_MAX. */
struct status stripe_get_page(struct call *call, const struct stripe *stripe, const char *after,
                              size_t max, struct stripe_intent *intents, size_t *ret_count)
{
    struct str encoded = percent_encode(call->arena, str_of(after));
    struct stripe_request request = {
        .path = arena_printf(
            call->arena, "/v1/payment_intents?limit=%zu&expand%%5B%%5D=data.latest_charge%s%.*s",
            max, after[0] ? "&starting_after=" : "", STR_ARGS(encoded))};
    struct stripe_answer answer;
    struct status st = stripe_call(call, stripe, &request, &answer);

    if (failed(st)) return st;
    if (answer.refused || !stripe_read_list(call->arena, answer.body, max, intents, ret_count))
        return stripe_unreadable();
    return st;
}

struct status stripe_search_intent(struct call *call, const struct stripe *stripe,
                                   const char *payment_id, struct stripe_intent *ret_intent)
{
    const char *query = arena_printf(call->arena, "metadata[\"payment_id\"]:\"%s\"", payment_id);
    struct str encoded = percent_encode(call->arena, str_of(query));
    struct stripe_request get = {
        .path = arena_printf(call->arena, "/v1/payment_intents/search?limit=1&query=%.*s",
                             STR_ARGS(encoded))};
    struct stripe_answer answer;
    size_t count;
    struct status st = stripe_call(call, stripe, &get, &answer);

    if (failed(st)) return st;
    if (answer.refused || !stripe_read_list(call->arena, answer.body, 1, ret_intent, &count))
        return stripe_unreadable();
    if (count > 0) return st;
    return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__CHARGE_NOT_FOUND,
                       "Stripe does not know this payment");
}

/* ---- refunds ---- */

/* Reads the present state of a refund that was pending when its key was first used. */
struct status stripe_get_refund(struct call *call, const struct stripe *stripe, const char *id,
                                struct stripe_refund *ret_refund)
{
    struct str encoded = percent_encode(call->arena, str_of(id));
    struct stripe_request request = {
        .path = arena_printf(call->arena, "/v1/refunds/%.*s", STR_ARGS(encoded))};
    struct stripe_answer answer;
    struct status st = stripe_call(call, stripe, &request, &answer);

    if (failed(st)) return st;
    if (answer.refused || !stripe_read_refund(call->arena, answer.body, ret_refund))
        return stripe_unreadable();
    return st;
}

/* The refunds of a payment behind `after` ("": from the newest on); at most STRIPE_PAGE_MAX. */
struct status stripe_get_refunds(struct call *call, const struct stripe *stripe,
                                 const char *reference, const char *after,
                                 struct stripe_refund *refunds, size_t *ret_count)
{
    struct str encoded = percent_encode(call->arena, str_of(reference));
    struct str start = percent_encode(call->arena, str_of(after));
    struct stripe_request get = {
        .path = arena_printf(call->arena, "/v1/refunds?limit=%d&payment_intent=%.*s%s%.*s",
                             STRIPE_PAGE_MAX, STR_ARGS(encoded), after[0] ? "&starting_after=" : "",
                             STR_ARGS(start))};
    struct stripe_answer answer;
    struct status st = stripe_call(call, stripe, &get, &answer);

    if (failed(st)) return st;
    if (answer.refused ||
        !stripe_read_refunds(call->arena, answer.body, STRIPE_PAGE_MAX, refunds, ret_count))
        return stripe_unreadable();
    return st;
}
