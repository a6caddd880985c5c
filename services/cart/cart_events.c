/* SPDX-License-Identifier: Apache-2.0 */
/* The cart service's subscription to order-events: a confirmed order that was made from the cart
 * takes out of it what was bought. What the customer has added since stays. */
#include "events.pb-c.h"
#include "events/events.h"
#include "services/cart/cart_service.h"

/* What was ordered from a cart. */
struct order {
    const char *state; /* of the cart that was ordered (cart_state); "": unknown */
    const struct cart_ordered *items;
    size_t count;
};

/* A cart that is gone stays gone. */
static struct status take_ordered(const struct call *call, struct cart *cart, void *data)
{
    const struct order *order = data;

    cart_take_ordered(cart, order->state, order->items, order->count);
    return status_ok();
}

struct status cart_events_handle(struct call *call, const struct event *event, void *data)
{
    struct cart_service *service = data;
    const Events__OrderConfirmedEvent *confirmed;
    ProtobufCMessage *message;
    struct cart cart;
    struct status st;

    st = event_unpack(call->arena, event, &events__order_confirmed_event__descriptor, &message);
    if (failed(st)) return st;
    confirmed = (const Events__OrderConfirmedEvent *)message;
    if (!confirmed->from_cart) return st;

    struct cart_ordered *items = arena_array(call->arena, struct cart_ordered, confirmed->n_items);
    struct order order = {confirmed->cart_state, items, confirmed->n_items};
    for (size_t i = 0; i < confirmed->n_items; i++)
        items[i] = (struct cart_ordered){.product_id = confirmed->items[i]->product_id,
                                         .variant_id = confirmed->items[i]->variant_id,
                                         .quantity = confirmed->items[i]->quantity};
    const struct cart_change change = {
        .apply = take_ordered, .data = &order, .cause = {.event = event}};
    return service->store->update(call, service->store, confirmed->user_id, &change, &cart);
}

void cart_events_start(const struct service_context *context, struct cart_service *service)
{
    static const char *const types[] = {"OrderConfirmedEvent", 0};
    struct events_subscription subscription = {
        .group = "cart",
        .topic = "order-events",
        .producer = "order",
        .types = types,
        .handle = cart_events_handle,
        .data = service,
        .store = &service->store->events,
    };

    events_subscribe(context->events, &subscription);
}
