/* SPDX-License-Identifier: Apache-2.0 */
/* Stripe as a payment provider: each of our payments is a PaymentIntent with manual capture.
 *
 *     authorize   POST /v1/payment_intents, confirmed at once     requires_capture, requires_action
 *     confirm     reads the state after the customer has acted; confirms if still needed
 *     capture     POST /v1/payment_intents/ID/capture             succeeded
 *     void        POST /v1/payment_intents/ID/cancel              canceled
 *     refund      POST /v1/refunds                                succeeded, pending
 *
 * Stripe repeats the first answer to an idempotency key as long as it knows the key, so for a
 * payment that was processing then, the present state is read. It knows a key for at least a day:
 * an older operation is looked up instead, or it would take effect a second time. */
#include "base/clock.h"
#include "base/encode.h"
#include "reasons.pb-c.h"
#include "services/payment/payment_stripe_read.h"

/* An older key may soon be forgotten. */
#define KEY_KEPT_US (20 * 3600 * INT64_C(1000000))
/* How far Stripe's search may be behind; an hour in bad times. */
#define SEARCH_LAG_US (2 * 3600 * INT64_C(1000000))

static const struct stripe *stripe_of(const struct payment_provider *provider)
{
    return (const struct stripe *)provider;
}

/* ---- outcomes ---- */

static struct status outcome_of(struct arena *arena, const struct stripe_intent *intent,
                                struct provider_answer *ret_answer)
{
    static const struct {
        const char *status;
        enum provider_outcome outcome;
    } outcomes[] = {
        {"requires_capture", PROVIDER_AUTHORIZED},
        {"requires_action", PROVIDER_REQUIRES_ACTION},
        {"requires_confirmation", PROVIDER_REQUIRES_ACTION},
        {"requires_payment_method", PROVIDER_DECLINED},
        {"processing", PROVIDER_PROCESSING},
        {"succeeded", PROVIDER_CAPTURED},
        {"canceled", PROVIDER_VOIDED},
    };
    const struct stripe_error *failure = &intent->failure;

    for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++) {
        if (strcmp(outcomes[i].status, intent->status) != 0) continue;
        bool declined = outcomes[i].outcome == PROVIDER_DECLINED;
        const char *code = failure->decline_code[0] ? failure->decline_code : failure->code;
        *ret_answer = (struct provider_answer){
            .outcome = outcomes[i].outcome,
            .reference = intent->id,
            .decline_code = declined ? code : "",
            .message = declined ? failure->message : "",
            .client_secret = intent->client_secret,
        };
        return status_ok();
    }
    return status_printf(arena, STATUS_INTERNAL, 0,
                         "Stripe's payment %s has the unknown state \"%s\"", intent->id,
                         intent->status);
}

static void declined(const struct stripe_answer *answer, const char *reference,
                     struct provider_answer *ret_answer)
{
    const struct stripe_error *error = &answer->error;

    *ret_answer = (struct provider_answer){
        .outcome = PROVIDER_DECLINED,
        .reference = answer->intent.id[0] ? answer->intent.id : reference,
        .decline_code = error->decline_code[0] ? error->decline_code : error->code,
        .message = error->message,
    };
}

/* ---- payments ---- */

/* Sends a request whose answer is a payment. */
static struct status post_intent(struct call *call, const struct stripe *stripe,
                                 const struct provider_request *request,
                                 const struct stripe_request *post,
                                 struct provider_answer *ret_answer)
{
    struct stripe_intent intent;
    struct stripe_answer answer;
    struct status st = stripe_call(call, stripe, post, &answer);

    if (failed(st)) return st;
    if (answer.refused) {
        declined(&answer, request->reference, ret_answer);
        return st;
    }
    if (!stripe_read_intent(call->arena, answer.body, &intent)) return stripe_unreadable();
    if (strcmp(intent.status, "processing") == 0)
        st = stripe_get_intent(call, stripe, intent.id, &intent);
    if (failed(st)) return st;
    return outcome_of(call->arena, &intent, ret_answer);
}

static struct status check_reference(const char *reference)
{
    if (reference[0]) return status_ok();
    return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__CHARGE_NOT_FOUND,
                       "Stripe does not know this payment yet");
}

/* Does the payment already have the requested state? It may come from a call whose key Stripe has
 * forgotten since, or from Stripe itself, which voids an authorization after a week. */
static bool is_done(struct call *call, const struct stripe *stripe,
                    const struct provider_request *request, enum provider_outcome wanted,
                    struct provider_answer *ret_answer)
{
    struct provider_charge charge;
    struct stripe_intent intent;

    return !failed(stripe_get_intent(call, stripe, request->reference, &intent)) &&
           !failed(stripe_make_charge(call->arena, &intent, &charge)) &&
           !failed(outcome_of(call->arena, &intent, ret_answer)) && ret_answer->outcome == wanted &&
           (wanted != PROVIDER_CAPTURED || charge.captured_minor == request->amount_minor);
}

/* Was the request refused for good, because of the payment's state or as invalid? */
static bool is_refused(struct status st)
{
    return st.code == STATUS_FAILED_PRECONDITION || st.code == STATUS_INVALID_ARGUMENT;
}

static struct status put_amount(const struct call *call, const struct provider_request *request,
                                struct stripe_form *form, const char *name)
{
    int64_t amount;

    if (!stripe_amount_from_minor(request->currency, request->amount_minor, &amount))
        return status_printf(call->arena, STATUS_INVALID_ARGUMENT,
                             ARGOSY__REASON__PRICE_TOO_PRECISE,
                             "Stripe cannot express %lld minor units of %s; its amounts of this "
                             "currency are coarser",
                             (long long)request->amount_minor, request->currency);
    stripe_form_add_number(form, name, amount);
    return status_ok();
}

static void put_metadata(const struct provider_request *request, struct stripe_form *form)
{
    stripe_form_add(form, "metadata[order_id]", request->order_id);
    stripe_form_add(form, "metadata[payment_id]", request->payment_id);
}

static int64_t age_us(const struct provider_request *request)
{
    return request->begun_us ? clock_now_us() - request->begun_us : 0;
}

/* Looks up a payment whose key may be forgotten, instead of requesting it again. */
static struct status find_old_intent(struct call *call, const struct stripe *stripe,
                                     const struct provider_request *request,
                                     struct provider_answer *ret_answer)
{
    struct stripe_intent intent;
    struct status st;

    if (request->reference[0])
        st = stripe_get_intent(call, stripe, request->reference, &intent);
    else
        st = stripe_search_intent(call, stripe, request->payment_id, &intent);
    if (st.reason == ARGOSY__REASON__CHARGE_NOT_FOUND && !request->reference[0] &&
        age_us(request) < KEY_KEPT_US + SEARCH_LAG_US)
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__PAYMENT_PROVIDER_DOWN,
                           "Stripe's search may not have the payment yet");
    return failed(st) ? st : outcome_of(call->arena, &intent, ret_answer);
}

static struct status authorize(struct call *call, struct payment_provider *provider,
                               const struct provider_request *request,
                               struct provider_answer *ret_answer)
{
    struct stripe_form form;
    struct stripe_request post = {
        .path = "/v1/payment_intents", .form = &form, .idempotency_key = request->idempotency_key};
    struct status st;

    if (age_us(request) > KEY_KEPT_US)
        return find_old_intent(call, stripe_of(provider), request, ret_answer);
    stripe_form_init(&form, call->arena);
    st = put_amount(call, request, &form, "amount");
    if (failed(st)) return st;
    stripe_form_add(&form, "currency", str_lower(call->arena, str_of(request->currency)));
    stripe_form_add(&form, "capture_method", "manual");
    stripe_form_add(&form, "confirm", "true");
    stripe_form_add(&form, "payment_method", request->payment_method);
    stripe_form_add(&form, "payment_method_types[]", "card");
    put_metadata(request, &form);
    return post_intent(call, stripe_of(provider), request, &post, ret_answer);
}

/* The customer acts at Stripe itself, so mostly nothing is left to do. */
static struct status confirm(struct call *call, struct payment_provider *provider,
                             const struct provider_request *request,
                             struct provider_answer *ret_answer)
{
    struct stripe_form form;
    struct stripe_request post = {
        .path = stripe_intent_path(call->arena, request->reference, "/confirm"),
        .form = &form,
        .idempotency_key = request->idempotency_key};
    struct stripe_intent intent;
    struct status st = check_reference(request->reference);

    if (!failed(st)) st = stripe_get_intent(call, stripe_of(provider), request->reference, &intent);
    if (failed(st)) return st;
    if (strcmp(intent.status, "requires_confirmation") != 0)
        return outcome_of(call->arena, &intent, ret_answer);
    stripe_form_init(&form, call->arena);
    return post_intent(call, stripe_of(provider), request, &post, ret_answer);
}

static struct status capture(struct call *call, struct payment_provider *provider,
                             const struct provider_request *request,
                             struct provider_answer *ret_answer)
{
    struct stripe_form form;
    struct stripe_request post = {
        .path = stripe_intent_path(call->arena, request->reference, "/capture"),
        .form = &form,
        .idempotency_key = request->idempotency_key};
    struct provider_answer answer;
    struct status st = check_reference(request->reference);

    stripe_form_init(&form, call->arena);
    if (!failed(st)) st = put_amount(call, request, &form, "amount_to_capture");
    if (failed(st)) return st;
    st = post_intent(call, stripe_of(provider), request, &post, &answer);
    if (is_refused(st) && is_done(call, stripe_of(provider), request, PROVIDER_CAPTURED, &answer))
        st = status_ok();
    if (!failed(st)) *ret_answer = answer;
    return st;
}

static struct status void_(struct call *call, struct payment_provider *provider,
                           const struct provider_request *request,
                           struct provider_answer *ret_answer)
{
    struct stripe_form form;
    struct stripe_request post = {
        .path = stripe_intent_path(call->arena, request->reference, "/cancel"),
        .form = &form,
        .idempotency_key = request->idempotency_key};
    struct provider_answer answer;
    struct status st = check_reference(request->reference);

    if (failed(st)) return st;
    stripe_form_init(&form, call->arena);
    st = post_intent(call, stripe_of(provider), request, &post, &answer);
    if (is_refused(st) && is_done(call, stripe_of(provider), request, PROVIDER_VOIDED, &answer))
        st = status_ok();
    if (!failed(st)) *ret_answer = answer;
    return st;
}

/* ---- refunds ---- */

static bool is_pending(const struct stripe_refund *refund)
{
    return strcmp(refund->status, "pending") == 0 || strcmp(refund->status, "requires_action") == 0;
}

/* Looks up a refund whose key may be forgotten; its id is "" if Stripe has none. */
static struct status find_old_refund(struct call *call, const struct stripe *stripe,
                                     const struct provider_request *request,
                                     struct stripe_refund *ret_refund)
{
    struct stripe_refund *refunds = arena_array(call->arena, struct stripe_refund, STRIPE_PAGE_MAX);
    size_t count;
    struct status st = stripe_get_refunds(call, stripe, request->reference, "", refunds, &count);

    if (failed(st)) return st;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(refunds[i].operation_id, request->idempotency_key) != 0) continue;
        *ret_refund = refunds[i];
        return st;
    }
    if (count < (size_t)STRIPE_PAGE_MAX) return st;
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__PAYMENT_PROVIDER_DOWN,
                       "the payment has too many refunds to find this one; look it up at Stripe");
}

/* Requests a refund; its id is "" if Stripe refuses it, and then the refusal is the answer. */
static struct status post_refund(struct call *call, const struct stripe *stripe,
                                 const struct provider_request *request,
                                 struct stripe_refund *ret_refund,
                                 struct provider_answer *ret_answer)
{
    struct stripe_form form;
    struct stripe_request post = {
        .path = "/v1/refunds", .form = &form, .idempotency_key = request->idempotency_key};
    struct stripe_answer answer;
    struct status st;

    stripe_form_init(&form, call->arena);
    stripe_form_add(&form, "payment_intent", request->reference);
    st = put_amount(call, request, &form, "amount");
    if (failed(st)) return st;
    put_metadata(request, &form);
    stripe_form_add(&form, "metadata[operation_id]", request->idempotency_key);
    st = stripe_call(call, stripe, &post, &answer);
    if (failed(st)) return st;
    if (answer.refused) {
        declined(&answer, request->reference, ret_answer);
        return st;
    }
    if (!stripe_read_refund(call->arena, answer.body, ret_refund)) return stripe_unreadable();
    return is_pending(ret_refund) ? stripe_get_refund(call, stripe, ret_refund->id, ret_refund)
                                  : st;
}

static struct status refund(struct call *call, struct payment_provider *provider,
                            const struct provider_request *request,
                            struct provider_answer *ret_answer)
{
    const struct stripe *stripe = stripe_of(provider);
    struct stripe_refund refund = {.id = ""};
    struct status st = check_reference(request->reference);

    if (!failed(st) && age_us(request) > KEY_KEPT_US)
        st = find_old_refund(call, stripe, request, &refund);
    if (!failed(st) && !refund.id[0]) st = post_refund(call, stripe, request, &refund, ret_answer);
    if (failed(st) || !refund.id[0]) return st;
    bool refunded = strcmp(refund.status, "succeeded") == 0;
    *ret_answer = (struct provider_answer){
        .outcome = refunded              ? PROVIDER_REFUNDED
                   : is_pending(&refund) ? PROVIDER_PROCESSING
                                         : PROVIDER_DECLINED,
        .reference = request->reference,
        .decline_code = refunded ? "" : refund.failure_reason,
        .message = "",
        .refund = refund.id,
    };
    return st;
}

/* ---- reconciliation ---- */

static struct status find(struct call *call, struct payment_provider *provider,
                          const char *reference, struct provider_charge *ret_charge)
{
    struct stripe_intent intent;
    struct status st = check_reference(reference);

    if (!failed(st)) st = stripe_get_intent(call, stripe_of(provider), reference, &intent);
    if (failed(st)) return st;
    return stripe_make_charge(call->arena, &intent, ret_charge);
}

/* Lists the refunds. A pending one counts as refunded, as in Stripe's own sums. A refund of an
 * amount that we could not have requested is left out; then the sums differ, and people must look
 * into it. */
static struct status list_refunds(struct call *call, struct payment_provider *provider,
                                  const struct provider_charge *charge, size_t max,
                                  struct provider_refund **ret_refunds, size_t *ret_count)
{
    struct stripe_refund *page = arena_array(call->arena, struct stripe_refund, STRIPE_PAGE_MAX);
    struct provider_refund *refunds = arena_array(call->arena, struct provider_refund, max);
    const char *after = "";
    size_t count = 0, found = STRIPE_PAGE_MAX;
    struct status st = check_reference(charge->reference);

    while (!failed(st) && found == (size_t)STRIPE_PAGE_MAX && count + STRIPE_PAGE_MAX <= max) {
        st = stripe_get_refunds(call, stripe_of(provider), charge->reference, after, page, &found);
        if (failed(st)) return st;
        for (size_t i = 0; i < found; i++) {
            struct provider_refund *refund = &refunds[count];
            *refund = (struct provider_refund){
                .reference = page[i].id,
                .idempotency_key = page[i].operation_id,
                .has_failed = strcmp(page[i].status, "failed") == 0 ||
                              strcmp(page[i].status, "canceled") == 0,
            };
            bool ours = strcmp(page[i].intent, charge->reference) == 0 || !page[i].intent[0];
            count += ours && stripe_amount_to_minor(charge->currency, page[i].amount,
                                                    &refund->amount_minor);
        }
        if (found > 0) after = page[found - 1].id;
    }
    if (failed(st)) return st;
    *ret_refunds = refunds;
    *ret_count = found == (size_t)STRIPE_PAGE_MAX ? max : count;
    return st;
}

/* A payment of another application on the same account gets its reference alone, and no order. */
static void keep_charge(struct arena *arena, const struct stripe_intent *intent,
                        struct provider_charge *ret_charge)
{
    if (!failed(stripe_make_charge(arena, intent, ret_charge))) return;
    *ret_charge = (struct provider_charge){
        .reference = intent->id, .order_id = "", .status = "", .currency = "", .client_secret = ""};
}

/* Lists payments newest first, as Stripe does. */
static struct status list(struct call *call, struct payment_provider *provider, const char *after,
                          size_t max, struct provider_charge **ret_charges, size_t *ret_count)
{
    struct stripe_intent *intents = arena_array(call->arena, struct stripe_intent, STRIPE_PAGE_MAX);
    struct provider_charge *charges = arena_array(call->arena, struct provider_charge, max);
    size_t count = 0, page, wanted;
    struct status st;

    do {
        wanted = max - count < STRIPE_PAGE_MAX ? max - count : STRIPE_PAGE_MAX;
        st = stripe_get_page(call, stripe_of(provider), after, wanted, intents, &page);
        for (size_t i = 0; i < page && !failed(st); i++)
            keep_charge(call->arena, &intents[i], &charges[count++]);
        if (failed(st)) return st;
        if (page > 0) after = intents[page - 1].id;
    } while (page == wanted && count < max);
    *ret_charges = charges;
    *ret_count = count;
    return st;
}

/* ---- webhooks ---- */

static struct status read_webhook(const struct call *call, struct payment_provider *provider,
                                  struct str signature, struct str body,
                                  struct provider_event *ret_event)
{
    const struct stripe *stripe = stripe_of(provider);
    struct stripe_webhook webhook = {
        .secret = str_of(stripe->webhook_secret),
        .tolerance_s = stripe->webhook_tolerance_s,
        .now_s = clock_now_us() / 1000000,
    };

    return stripe_webhook_read(call->arena, &webhook, signature, body, ret_event);
}

/* ---- from start to end ---- */

static void close_provider(struct payment_provider *provider)
{
    https_client_free(((struct stripe *)provider)->client);
}

static const struct payment_provider functions = {
    .name = "stripe",
    .authorize = authorize,
    .confirm = confirm,
    .capture = capture,
    .void_ = void_,
    .refund = refund,
    .find = find,
    .list = list,
    .list_refunds = list_refunds,
    .read_webhook = read_webhook,
    .close = close_provider,
};

struct status payment_provider_stripe(const struct service_context *context,
                                      struct payment_provider **ret_provider)
{
    const struct config *config = context->config;
    const char *url = config_text(config, "STRIPE_API_URL");
    struct stripe *stripe = arena_new(context->arena, struct stripe);
    struct status st = https_url_check(context->arena, url);
    size_t length = strlen(url);

    if (failed(st))
        return status_printf(context->arena, st.code, st.reason, "STRIPE_API_URL: %s", st.message);
    while (url[length - 1] == '/') length--;
    stripe->provider = functions;
    stripe->url = arena_strndup(context->arena, url, length);
    stripe->key = config_text(config, "STRIPE_API_KEY");
    stripe->webhook_secret = config_text(config, "STRIPE_WEBHOOK_SECRET");
    stripe->webhook_tolerance_s = config_duration_ms(config, "STRIPE_WEBHOOK_TOLERANCE") / 1000;
    if (!stripe->key[0])
        return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                           "PAYMENT_PROVIDER=stripe needs STRIPE_API_KEY; set it");
    st = https_client_new(context->arena, context->shards, NULL, &stripe->client);
    if (failed(st)) return st;
    *ret_provider = &stripe->provider;
    return st;
}
