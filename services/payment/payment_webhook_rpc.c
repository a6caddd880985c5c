/* SPDX-License-Identifier: Apache-2.0 */
/* What the provider tells without being asked. A webhook is believed as far as its signature proves
 * it, and only as a hint: what has become of the payment is asked of the provider itself. */
#include <string.h>

#include "base/clock.h"
#include "services/payment/payment_metrics.h"
#include "services/payment/payment_service.h"

struct hint {
    struct payment_service *service;
    const struct provider_charge *charge;
    struct payment_input input;
    bool busy;        /* an operation is under way, which will find out by itself */
    int64_t asked_us; /* when the provider was asked */
};

/* A refund that was made at the provider's own desk. */
static bool refunded_elsewhere(const struct payment *payment, const struct provider_charge *charge,
                               int64_t *ret_amount_minor)
{
    int64_t known_minor = payment->refunded_minor + payment->refunding_minor;

    if (payment->state != PAYMENT_CAPTURED || charge->refunded_minor > payment->captured_minor)
        return false;
    *ret_amount_minor = charge->refunded_minor - known_minor;
    return *ret_amount_minor > 0;
}

/* Refunds that had succeeded and have failed: the provider has given back less than we know of. */
static bool failed_later(const struct payment *payment, const struct provider_charge *charge,
                         int64_t *ret_amount_minor)
{
    *ret_amount_minor = payment->refunded_minor - charge->refunded_minor;
    return payment->state == PAYMENT_CAPTURED && *ret_amount_minor > 0;
}

static struct status apply(const struct call *call, struct payment *payment,
                           const struct payment_operation *operation, struct payment_write *write,
                           void *data)
{
    struct hint *hint = data;
    const struct provider_charge *charge = hint->charge;
    enum payment_step step;
    int64_t amount_minor;

    if (payment->state == PAYMENT_ABSENT || payment->state == PAYMENT_BURIED) return status_ok();
    hint->busy = payment_is_busy(payment) || payment->refunding_minor > 0;
    if (hint->busy) return status_ok();
    if (payment->reference[0] && strcmp(payment->reference, charge->reference) != 0)
        return status_ok();
    payment->reference = charge->reference; /* kept with a change that follows from it */
    if (refunded_elsewhere(payment, charge, &amount_minor)) {
        payment->refunding_minor += amount_minor;
        hint->input.amount_minor = amount_minor;
        step = PAYMENT_GOT_REFUNDED;
    } else if (failed_later(payment, charge, &amount_minor)) {
        /* What the provider said may be older than a refund that has succeeded since. */
        if (payment->updated_us >= hint->asked_us)
            return status_make(STATUS_ABORTED, ARGOSY__REASON__PAYMENT_BUSY,
                               "the payment has changed meanwhile; send the webhook again");
        hint->input.amount_minor = amount_minor;
        hint->input.reason = ARGOSY__REASON__PAYMENT_REFUND_FAILED;
        hint->input.message = "a refund has failed after it had succeeded; it may be made again";
        step = PAYMENT_GOT_REFUND_REVERSED;
    } else if (!payment_compare(payment, charge, &step, &hint->input)) {
        return status_ok();
    }
    return payment_step(call, hint->service, payment, step, &hint->input, write);
}

/* The webhook as an event of its own, so that the inbox knows it when it comes again. */
static struct event event_of(const struct call *call, const struct payment_provider *provider,
                             const struct provider_event *told, const char *order_id)
{
    return (struct event){
        .id = arena_printf(call->arena, "%s:%s", provider->name, told->event_id),
        .topic = "webhooks",
        .key = order_id,
        .type = told->type,
        .time_us = clock_now_us(),
        .traceparent = "",
    };
}

static struct status bring_up_to_date(struct call *call, struct payment_service *service,
                                      const struct provider_event *told)
{
    struct payment_provider *provider = service->provider;
    struct hint *hint = arena_new(call->arena, struct hint);
    struct provider_charge charge;
    struct payment_outcome outcome;
    struct status st;

    hint->asked_us = clock_now_us();
    st = provider->find(call, provider, told->reference, &charge);
    if (failed(st) && st.code != STATUS_NOT_FOUND) return st;
    bool ours = !failed(st) && charge.order_id[0];
    payment_metrics_webhook(ours ? "taken" : "ignored");
    if (!ours) return status_ok();

    struct event event = event_of(call, provider, told, charge.order_id);
    hint->service = service;
    hint->charge = &charge;
    const struct payment_change change = {
        .order_id = charge.order_id, .cause = {.event = &event}, .apply = apply, .data = hint};
    st = payment_change_make(call, service, &change, 0, &outcome);
    if (failed(st) || !outcome.applied || !hint->busy) return st;
    return service->store->hasten(call, service->store, outcome.payment.payment_id, clock_now_us());
}

struct status payment_receive_webhook(struct call *call,
                                      const PaymentService__ReceiveWebhookRequest *request,
                                      PaymentService__ReceiveWebhookResponse *response)
{
    struct payment_service *service = call_service(call);
    struct payment_provider *provider = service->provider;
    struct provider_event told;
    struct str body = {0};
    struct status st;

    if (strcmp(request->provider, provider->name) != 0 || !provider->read_webhook)
        return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__PAYMENT_PROVIDER_UNKNOWN,
                           "no such provider sends webhooks here");
    if (request->payload) body = str_sized(request->payload->data.data, request->payload->data.len);

    const char *header = arena_printf(call->arena, "%s-signature", provider->name);
    st = provider->read_webhook(call, provider, call_metadata(call, header), body, &told);
    if (failed(st)) return st;

    if (told.known)
        st = bring_up_to_date(call, service, &told);
    else
        payment_metrics_webhook("ignored");
    response->received = !failed(st);
    return st;
}
