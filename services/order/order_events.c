/* SPDX-License-Identifier: Apache-2.0 */
/* The order service's subscriptions: translates the events of the product and payment services into
 * steps of an order. */
#include "base/clock.h"
#include "events.pb-c.h"
#include "services/order/order_service.h"

enum { LINES_NAMED_MAX = 5 };

/* ---- events to steps ---- */

/* Names the lines that could not be reserved, for people. */
static const char *name_refused(struct arena *arena,
                                const Events__OrderValidationResultEvent *event)
{
    const char *text = "there is not enough stock:";

    if (event->error_message[0]) return event->error_message;
    if (event->n_refused == 0) return 0;
    for (size_t i = 0; i < event->n_refused && i < LINES_NAMED_MAX; i++) {
        const Events__RefusedItem *item = event->refused[i];
        text = arena_printf(arena, "%s %s%s (%d wanted, %lld available, %s)", text, i ? "and " : "",
                            item->product_id, item->quantity, (long long)item->available,
                            item->reason);
    }
    return text;
}

static void read_validation(struct arena *arena, const ProtobufCMessage *message,
                            struct order_step *step)
{
    const Events__OrderValidationResultEvent *event =
        (const Events__OrderValidationResultEvent *)message;

    step->event = event->is_valid ? ORDER_STOCK_RESERVED : ORDER_STOCK_REFUSED;
    if (event->is_valid) return;
    step->message = name_refused(arena, event);
    if (event->reason[0]) step->reason = event->reason;
}

static void read_expired(struct arena *arena, const ProtobufCMessage *message,
                         struct order_step *step)
{
    step->event = ORDER_RESERVATION_EXPIRED;
}

static void read_authorized(struct arena *arena, const ProtobufCMessage *message,
                            struct order_step *step)
{
    step->event = ORDER_PAYMENT_AUTHORIZED;
    step->payment_id = ((const Events__PaymentAuthorizedEvent *)message)->payment_id;
}

static void read_failed(struct arena *arena, const ProtobufCMessage *message,
                        struct order_step *step)
{
    const Events__PaymentFailedEvent *event = (const Events__PaymentFailedEvent *)message;

    step->event = ORDER_PAYMENT_FAILED;
    step->payment_id = event->payment_id;
    if (event->reason[0]) step->reason = event->reason;
    if (event->message[0]) step->message = event->message;
}

static void read_voided(struct arena *arena, const ProtobufCMessage *message,
                        struct order_step *step)
{
    const Events__PaymentVoidedEvent *event = (const Events__PaymentVoidedEvent *)message;

    step->event = ORDER_PAYMENT_VOIDED;
    step->payment_id = event->payment_id;
    if (event->reason[0]) step->reason = event->reason;
    if (event->message[0]) step->message = event->message;
}

static void read_stock_committed(struct arena *arena, const ProtobufCMessage *message,
                                 struct order_step *step)
{
    step->event = ORDER_STOCK_COMMITTED;
}

static void read_captured(struct arena *arena, const ProtobufCMessage *message,
                          struct order_step *step)
{
    step->event = ORDER_PAYMENT_CAPTURED;
    step->payment_id = ((const Events__PaymentCapturedEvent *)message)->payment_id;
}

static void read_capture_failed(struct arena *arena, const ProtobufCMessage *message,
                                struct order_step *step)
{
    const Events__PaymentCaptureFailedEvent *event =
        (const Events__PaymentCaptureFailedEvent *)message;

    step->event = ORDER_CAPTURE_FAILED;
    step->payment_id = event->payment_id;
    if (event->reason[0]) step->reason = event->reason;
    if (event->message[0]) step->message = event->message;
}

static void read_delayed(struct arena *arena, const ProtobufCMessage *message,
                         struct order_step *step)
{
    const Events__PaymentDelayedEvent *event = (const Events__PaymentDelayedEvent *)message;

    step->event = ORDER_PAYMENT_DELAYED;
    step->payment_id = event->payment_id;
    if (event->reason[0]) step->reason = event->reason;
    if (event->message[0]) step->message = event->message;
}

static void read_refunded(struct arena *arena, const ProtobufCMessage *message,
                          struct order_step *step)
{
    const Events__PaymentRefundedEvent *event = (const Events__PaymentRefundedEvent *)message;

    step->event = event->complete ? ORDER_PAYMENT_REFUNDED : ORDER_PAYMENT_SEEN;
    step->payment_id = event->payment_id;
}

/* Notes the payment's id, by which the customer finds the payment to confirm. */
static void read_requires_action(struct arena *arena, const ProtobufCMessage *message,
                                 struct order_step *step)
{
    step->event = ORDER_PAYMENT_SEEN;
    step->payment_id = ((const Events__PaymentRequiresActionEvent *)message)->payment_id;
}

static const struct {
    const ProtobufCMessageDescriptor *descriptor;
    void (*read)(struct arena *arena, const ProtobufCMessage *message, struct order_step *step);
} kinds[] = {
    {&events__order_validation_result_event__descriptor, read_validation},
    {&events__reservation_expired_event__descriptor, read_expired},
    {&events__payment_authorized_event__descriptor, read_authorized},
    {&events__payment_failed_event__descriptor, read_failed},
    {&events__payment_voided_event__descriptor, read_voided},
    {&events__payment_refunded_event__descriptor, read_refunded},
    {&events__payment_requires_action_event__descriptor, read_requires_action},
    {&events__stock_committed_event__descriptor, read_stock_committed},
    {&events__payment_captured_event__descriptor, read_captured},
    {&events__payment_capture_failed_event__descriptor, read_capture_failed},
    {&events__payment_delayed_event__descriptor, read_delayed},
};
enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

/* The types that the subscriptions want: the names of the above. */
static const char *const result_types[] = {"OrderValidationResultEvent", "ReservationExpiredEvent",
                                           "StockCommittedEvent", 0};
static const char *const payment_types[] = {
    "PaymentAuthorizedEvent", "PaymentFailedEvent",         "PaymentVoidedEvent",
    "PaymentRefundedEvent",   "PaymentRequiresActionEvent", "PaymentCapturedEvent",
    "PaymentDelayedEvent",    "PaymentCaptureFailedEvent",  0};

/* ---- applying ---- */

struct event_step {
    const struct order_policy *policy;
    struct order_step step;
};

static struct status apply_event(const struct call *call, struct order_written *written, void *data)
{
    const struct event_step *event_step = data;

    return order_apply(call->arena, &written->order, &event_step->step, event_step->policy,
                       &written->turn);
}

struct status order_take_event(struct call *call, const struct event *event, void *data)
{
    struct order_service *service = data;
    struct order_written *written = arena_new(call->arena, struct order_written);
    struct event_step event_step = {.policy = &service->policy};
    const struct order_change change = {.order_id = event->key,
                                        .apply = apply_event,
                                        .data = &event_step,
                                        .cause = {.event = event}};
    ProtobufCMessage *message;
    size_t kind = 0;
    struct status st;

    while (kind < KIND_COUNT && !event_is(event, kinds[kind].descriptor)) kind++;
    if (kind == KIND_COUNT) return status_ok();
    st = event_unpack(call->arena, event, kinds[kind].descriptor, &message);
    if (failed(st)) return st;

    event_step.step.cause = event->id;
    event_step.step.now_us = clock_now_us();
    kinds[kind].read(call->arena, message, &event_step.step);
    return order_update(call, service, &change, written);
}

void order_events_join(struct order_service *service, struct events *events)
{
    struct events_subscription subscription = {
        .group = "order",
        .handle = order_take_event,
        .data = service,
        .store = &service->store->events,
    };

    events_offer(events, ORDER_TOPIC, &service->store->events);
    subscription.topic = "order-results";
    subscription.producer = "product";
    subscription.types = result_types;
    events_subscribe(events, &subscription);
    subscription.topic = "payment-events";
    subscription.producer = "payment";
    subscription.types = payment_types;
    events_subscribe(events, &subscription);
}
