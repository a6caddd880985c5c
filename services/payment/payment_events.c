/* SPDX-License-Identifier: Apache-2.0 */
/* The payment service's subscription to the order's events, and the events that it publishes. */
#include "events/events.h"

#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "events.pb-c.h"
#include "rpc/rpc_status.h"
#include "services/payment/payment_service.h"

/* ---- what we tell ---- */

static const ProtobufCMessage *authorized(const struct call *call, const struct payment *payment)
{
    Events__PaymentAuthorizedEvent *event = arena_new(call->arena, Events__PaymentAuthorizedEvent);

    events__payment_authorized_event__init(event);
    event->order_id = (char *)payment->order_id;
    event->payment_id = (char *)payment->payment_id;
    event->amount_minor = payment->amount_minor;
    event->currency = (char *)payment->currency;
    return &event->base;
}

static const ProtobufCMessage *payment_failed(const struct call *call,
                                              const struct payment *payment)
{
    Events__PaymentFailedEvent *event = arena_new(call->arena, Events__PaymentFailedEvent);

    events__payment_failed_event__init(event);
    event->order_id = (char *)payment->order_id;
    event->payment_id = (char *)payment->payment_id;
    event->reason = (char *)rpc_reason_name(payment->reason);
    event->message = (char *)payment->message;
    return &event->base;
}

static const ProtobufCMessage *requires_action(const struct call *call,
                                               const struct payment *payment)
{
    Events__PaymentRequiresActionEvent *event = arena_new(call->arena,
                                                          Events__PaymentRequiresActionEvent);

    events__payment_requires_action_event__init(event);
    event->order_id = (char *)payment->order_id;
    event->payment_id = (char *)payment->payment_id;
    return &event->base;
}

static const ProtobufCMessage *captured(const struct call *call, const struct payment *payment)
{
    Events__PaymentCapturedEvent *event = arena_new(call->arena, Events__PaymentCapturedEvent);

    events__payment_captured_event__init(event);
    event->order_id = (char *)payment->order_id;
    event->payment_id = (char *)payment->payment_id;
    event->captured_minor = payment->captured_minor;
    event->currency = (char *)payment->currency;
    return &event->base;
}

static const ProtobufCMessage *capture_failed(const struct call *call,
                                              const struct payment *payment)
{
    Events__PaymentCaptureFailedEvent *event = arena_new(call->arena,
                                                         Events__PaymentCaptureFailedEvent);

    events__payment_capture_failed_event__init(event);
    event->order_id = (char *)payment->order_id;
    event->payment_id = (char *)payment->payment_id;
    event->reason = (char *)rpc_reason_name(payment->reason);
    event->message = (char *)payment->message;
    return &event->base;
}

static const ProtobufCMessage *delayed(const struct call *call, const struct payment *payment)
{
    Events__PaymentDelayedEvent *event = arena_new(call->arena, Events__PaymentDelayedEvent);

    events__payment_delayed_event__init(event);
    event->order_id = (char *)payment->order_id;
    event->payment_id = (char *)payment->payment_id;
    event->reason = (char *)rpc_reason_name(payment->reason);
    event->message = (char *)payment->message;
    return &event->base;
}

static const ProtobufCMessage *voided(const struct call *call, const struct payment *payment)
{
    Events__PaymentVoidedEvent *event = arena_new(call->arena, Events__PaymentVoidedEvent);

    events__payment_voided_event__init(event);
    event->order_id = (char *)payment->order_id;
    event->payment_id = (char *)payment->payment_id;
    event->reason = (char *)rpc_reason_name(payment->reason);
    event->message = (char *)payment->message;
    return &event->base;
}

static const ProtobufCMessage *refunded(const struct call *call, const struct payment *payment,
                                        const struct payment_effects *effects)
{
    Events__PaymentRefundedEvent *event = arena_new(call->arena, Events__PaymentRefundedEvent);

    events__payment_refunded_event__init(event);
    event->order_id = (char *)payment->order_id;
    event->payment_id = (char *)payment->payment_id;
    event->amount_minor = effects->refunded_minor;
    event->refunded_minor = payment->refunded_minor;
    event->currency = (char *)payment->currency;
    event->complete = payment->refunded_minor == payment->captured_minor;
    return &event->base;
}

void payment_events_make(const struct call *call, const struct payment *payment,
                         enum payment_news news, const struct payment_effects *effects,
                         struct event *ret_event)
{
    const ProtobufCMessage *message = 0;

    switch (news) {
    case PAYMENT_NEWS_AUTHORIZED: message = authorized(call, payment); break;
    case PAYMENT_NEWS_FAILED: message = payment_failed(call, payment); break;
    case PAYMENT_NEWS_ACTION: message = requires_action(call, payment); break;
    case PAYMENT_NEWS_CAPTURED: message = captured(call, payment); break;
    case PAYMENT_NEWS_VOIDED: message = voided(call, payment); break;
    case PAYMENT_NEWS_CAPTURE_FAILED: message = capture_failed(call, payment); break;
    case PAYMENT_NEWS_DELAYED: message = delayed(call, payment); break;
    case PAYMENT_NEWS_REFUNDED: message = refunded(call, payment, effects); break;
    }
    event_make(call, "payment-events", payment->order_id, message, ret_event);
}

/* ---- what the order tells ---- */

struct order_event {
    struct payment_service *service;
    enum payment_step step;
    const char *user_id;
    const Events__OrderValidatedEvent *validated; /* NULL: it is another event */
    struct payment_input input;
};

/* Creates the payment of an order. */
static struct status open_payment(const struct call *call, const struct order_event *order_event,
                                  struct payment *payment)
{
    const Events__OrderValidatedEvent *order = order_event->validated;
    struct buffer sellers;

    payment->payment_id = uuid_new(call->arena);
    payment->order_id = arena_strdup(call->arena, payment->order_id);
    payment->user_id = order_event->user_id;
    payment->provider = order_event->service->provider->name;
    payment->sellers = payment->reference = payment->currency = payment->message = "";
    payment->client_secret = "";
    payment->created_us = payment->updated_us = clock_now_us();
    if (!order) return status_ok();
    if (order->amount_minor < 0 || !order->currency[0])
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MALFORMED_MESSAGE,
                           "a validated order needs an amount and a currency");
    payment->amount_minor = order->amount_minor;
    payment->currency = order->currency;
    buffer_init(&sellers, EVENT_PAYLOAD_MAX);
    for (size_t i = 0; i < order->n_sellers; i++)
        buffer_printf(&sellers, "%s%s", i > 0 ? "\n" : "", order->sellers[i]);
    payment->sellers = str_dup(call->arena, buffer_str(&sellers));
    buffer_release(&sellers);
    return status_ok();
}

static struct status apply(const struct call *call, struct payment_turn *turn, void *data)
{
    struct order_event *order_event = data;
    struct payment *payment = &turn->payment;
    enum payment_state from = payment->state;
    struct status st;

    if (from == PAYMENT_ABSENT && order_event->step != PAYMENT_ORDER_VALIDATED &&
        order_event->step != PAYMENT_ORDER_CANCELLED)
        return status_ok();
    if (from == PAYMENT_ABSENT) {
        st = open_payment(call, order_event, payment);
        if (failed(st)) return st;
    }
    st = payment_step(call, order_event->service, order_event->step, &order_event->input, turn);
    if (failed(st) || from != PAYMENT_ABSENT) return st;
    if (payment->state != PAYMENT_NEW || !order_event->validated->payment_method[0]) return st;

    /* The order came with a payment method. */
    st = payment_step(call, order_event->service, PAYMENT_ASK_AUTHORIZE, &order_event->input, turn);
    if (st.reason == ARGOSY__REASON__PAYMENT_TRIES_RATE) {
        order_event->input.reason = st.reason;
        order_event->input.message = st.message;
        st = payment_step(call, order_event->service, PAYMENT_TRY_DENIED, &order_event->input,
                          turn);
    }
    turn->begun.method = order_event->validated->payment_method;
    return st;
}

static int reason_of(const char *name)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(
        &argosy__reason__descriptor, name);

    return value ? value->value : 0;
}

/* Translates the event into a step. */
static struct status read_event(struct arena *arena, const struct event *event,
                                struct order_event *order_event)
{
    ProtobufCMessage *message;
    struct status st = status_ok();

    if (event_is(event, &events__order_validated_event__descriptor)) {
        st = event_unpack(arena, event, &events__order_validated_event__descriptor, &message);
        if (failed(st)) return st;
        order_event->step = PAYMENT_ORDER_VALIDATED;
        order_event->validated = (Events__OrderValidatedEvent *)message;
        order_event->user_id = order_event->validated->user_id;
    } else if (event_is(event, &events__order_cancelled_event__descriptor)) {
        st = event_unpack(arena, event, &events__order_cancelled_event__descriptor, &message);
        if (failed(st)) return st;
        const Events__OrderCancelledEvent *cancelled = (Events__OrderCancelledEvent *)message;
        order_event->step = PAYMENT_ORDER_CANCELLED;
        order_event->user_id = cancelled->user_id;
        order_event->input.reason = reason_of(cancelled->reason);
        order_event->input.message = cancelled->message;
    } else if (event_is(event, &events__order_confirmed_event__descriptor)) {
        st = event_unpack(arena, event, &events__order_confirmed_event__descriptor, &message);
        if (failed(st)) return st;
        bool capture = ((Events__OrderConfirmedEvent *)message)->capture;
        order_event->step = capture ? PAYMENT_ORDER_TO_CAPTURE : PAYMENT_ORDER_CONFIRMED;
    } else if (event_is(event, &events__order_fulfilment_requested_event__descriptor)) {
        order_event->step = PAYMENT_ORDER_TO_DELIVER;
    } else {
        /* OrderFulfilled, from an order service that does not wait for the capture. */
        order_event->step = PAYMENT_ORDER_TO_CAPTURE;
    }
    return st;
}

struct status payment_events_handle(struct call *call, const struct event *event, void *data)
{
    struct order_event *order_event = arena_new(call->arena, struct order_event);
    struct payment_written written;
    struct status st;

    order_event->service = data;
    st = read_event(call->arena, event, order_event);
    if (failed(st)) return st;
    struct payment_change change = {
        .order_id = event->key, .cause = {.event = event}, .apply = apply, .data = order_event};
    if (order_event->validated)
        payment_count_payer(order_event->service, order_event->user_id, &change);
    return payment_change_make(call, order_event->service, &change, 0, &written);
}

void payment_events_start(const struct service_context *context, struct payment_service *service)
{
    static const char *const types[] = {"OrderValidatedEvent",           "OrderConfirmedEvent",
                                        "OrderFulfilmentRequestedEvent", "OrderFulfilledEvent",
                                        "OrderCancelledEvent",           0};
    const struct events_subscription subscription = {
        .group = "payment",
        .topic = "order-events",
        .producer = "order",
        .types = types,
        .handle = payment_events_handle,
        .data = service,
        .store = &service->store->events,
    };

    events_offer(context->events, "payment-events", &service->store->events);
    events_subscribe(context->events, &subscription);
}
