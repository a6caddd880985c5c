/* SPDX-License-Identifier: Apache-2.0 */
/* Receives the provider's webhooks. A webhook with a valid signature counts as a hint only: the
 * payment's state is read from the provider itself. */
#include <string.h>

#include "base/clock.h"
#include "services/payment/payment_metrics.h"
#include "services/payment/payment_service.h"

enum { TRIES_MAX = 3 };

/* The webhook as an event, so that the inbox recognizes it when it is sent again. */
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

static struct status bring_up_to_date_once(struct call *call, struct payment_service *service,
                                           const struct provider_event *told)
{
    struct payment_provider *provider = service->provider;
    struct provider_charge charge;
    struct payment_hint hint = {.charge = &charge, .asked_us = clock_now_us()};
    struct status st;
    bool changed;

    st = provider->find(call, provider, told->reference, &charge);
    if (failed(st) && st.code != STATUS_NOT_FOUND) return st;
    bool ours = !failed(st) && charge.order_id[0];
    payment_metrics_webhook(ours ? "taken" : "ignored");
    if (!ours) return status_ok();

    struct event event = event_of(call, provider, told, charge.order_id);
    hint.event = &event;
    return payment_catch_up(call, service, &hint, &changed);
}

/* If the payment changes while the provider is asked, the provider is asked again. If it changes
 * each time, the webhook fails, and the provider sends it again. */
static struct status bring_up_to_date(struct call *call, struct payment_service *service,
                                      const struct provider_event *told)
{
    struct status st = status_ok();

    for (int tries = 0; tries < TRIES_MAX; tries++) {
        st = bring_up_to_date_once(call, service, told);
        if (st.code != STATUS_ABORTED) break;
    }
    return st;
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
                           "this shop takes no webhooks of this provider; see PAYMENT_PROVIDER");
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
