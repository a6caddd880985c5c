/* SPDX-License-Identifier: Apache-2.0 */
/* Orders as messages: answers to clients, the stored document, and the events that are
 * published. */
#include "services/order/order_message.h"

#include "events.pb-c.h"
#include "reasons.pb-c.h"
#include "rpc/rpc_arena.h"
#include "rpc/timestamp.h"

/* ---- answers ---- */

static OrderService__OrderLine *line_message(struct arena *arena, const struct order_line *line)
{
    OrderService__OrderLine *message = arena_new(arena, OrderService__OrderLine);

    order_service__order_line__init(message);
    message->product_id = (char *)line->product_id;
    message->category = (char *)line->category;
    message->variant_id = (char *)line->variant_id;
    message->product_name = (char *)line->product_name;
    message->options = (char **)line->options;
    message->n_options = line->option_count;
    message->image_url = (char *)line->image_url;
    message->unit_amount = line->unit_amount;
    message->quantity = line->quantity;
    message->total_minor = order_line_total(line);
    message->seller = (char *)line->seller;
    return message;
}

static OrderService__Address *address_message(struct arena *arena,
                                              const struct order_address *address)
{
    OrderService__Address *message;

    if (!address) return 0;
    message = arena_new(arena, OrderService__Address);
    order_service__address__init(message);
    message->name = (char *)address->name;
    message->line1 = (char *)address->line1;
    message->line2 = (char *)address->line2;
    message->city = (char *)address->city;
    message->postal_code = (char *)address->postal_code;
    message->region = (char *)address->region;
    message->country = (char *)address->country;
    message->phone = (char *)address->phone;
    return message;
}

const struct order_address *order_address_of(struct arena *arena,
                                             const OrderService__Address *message)
{
    struct order_address *address;

    if (!message) return 0;
    address = arena_new(arena, struct order_address);
    *address = (struct order_address){
        .name = message->name,
        .line1 = message->line1,
        .line2 = message->line2,
        .city = message->city,
        .postal_code = message->postal_code,
        .region = message->region,
        .country = message->country,
        .phone = message->phone,
    };
    return address;
}

/* The progress of a confirmed order's fulfilment; static. */
static const char *fulfilment_of(const struct order *order)
{
    if (order->state != ORDER_CONFIRMED) return "";
    if (order_has(order, ORDER_FULFILMENT_REQUESTED)) return "requested";
    return order_has(order, ORDER_HAS_STOCK) ? "ready" : "";
}

/* The fields that answers and documents have in common. */
static OrderService__Order *document_message(struct arena *arena, const struct order *order)
{
    OrderService__Order *message = arena_new(arena, OrderService__Order);

    order_service__order__init(message);
    message->items = arena_array(arena, OrderService__OrderLine *, order->line_count);
    for (size_t i = 0; i < order->line_count; i++)
        message->items[message->n_items++] = line_message(arena, &order->lines[i]);
    message->shipping_address = address_message(arena, order->address);
    message->note = (char *)order->note;
    return message;
}

OrderService__Order *order_message(struct arena *arena, const struct order *order)
{
    OrderService__Order *message = document_message(arena, order);

    message->order_id = (char *)order->order_id;
    message->number = (char *)order_number_text(arena, order->number);
    message->status = (char *)order_state_name(order->state);
    message->total_minor = order->total_minor;
    message->currency = (char *)order->currency;
    message->payment_id = (char *)order->payment_id;
    message->reason = (char *)order->reason;
    message->message = (char *)order->message;
    message->created_at = rpc_timestamp(arena, order->created_us);
    message->updated_at = rpc_timestamp(arena, order->updated_us);
    message->user_id = (char *)order->user_id;
    message->tracking_number = (char *)order->tracking_number;
    message->fulfilment = (char *)fulfilment_of(order);
    if (order->deadline_us) message->expires_at = rpc_timestamp(arena, order->deadline_us);
    return message;
}

void order_message_add_history(struct arena *arena, const struct order_transition *history,
                               size_t count, OrderService__Order *message)
{
    message->history = arena_array(arena, OrderService__Transition *, count);
    for (size_t i = 0; i < count; i++) {
        OrderService__Transition *entry = arena_new(arena, OrderService__Transition);
        order_service__transition__init(entry);
        entry->from = (char *)order_state_name(history[i].from);
        entry->to = (char *)order_state_name(history[i].to);
        entry->event = (char *)order_event_name(history[i].event);
        entry->cause = (char *)history[i].cause;
        entry->message = (char *)history[i].message;
        entry->at = rpc_timestamp(arena, history[i].at_us);
        message->history[message->n_history++] = entry;
    }
}

/* ---- the document ---- */

struct str order_document(struct arena *arena, const struct order *order)
{
    return rpc_pack(arena, &document_message(arena, order)->base);
}

static bool read_lines(struct arena *arena, const OrderService__Order *message, struct order *order)
{
    if (message->n_items > ORDER_LINES_CAPACITY) return false;
    for (size_t i = 0; i < message->n_items; i++) {
        const OrderService__OrderLine *item = message->items[i];
        struct order_line *line = order_append(arena, order);
        if (item->quantity < 1 || item->quantity > ORDER_QUANTITY_CAPACITY ||
            item->unit_amount < 0 || item->unit_amount > ORDER_TOTAL_MAX / item->quantity)
            return false;
        *line = (struct order_line){
            .product_id = item->product_id,
            .category = item->category,
            .variant_id = item->variant_id,
            .product_name = item->product_name,
            .options = (const char *const *)item->options,
            .option_count = item->n_options,
            .image_url = item->image_url,
            .seller = item->seller,
            .unit_amount = item->unit_amount,
            .quantity = item->quantity,
        };
    }
    return true;
}

struct status order_document_read(struct arena *arena, struct str document, struct order *order)
{
    ProtobufCMessage *unpacked;
    const OrderService__Order *message;
    struct status st = rpc_unpack(arena, &order_service__order__descriptor, document, &unpacked);

    if (st.code == STATUS_RESOURCE_EXHAUSTED) return st;
    message = (const OrderService__Order *)unpacked;
    if (failed(st) || !read_lines(arena, message, order))
        return status_printf(arena, STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED,
                             "the stored order %s cannot be read", order->order_id);
    order->address = order_address_of(arena, message->shipping_address);
    order->note = message->note;
    return status_ok();
}

/* ---- published events ---- */

static Events__OrderItem **item_messages(struct arena *arena, const struct order *order)
{
    Events__OrderItem **items = arena_array(arena, Events__OrderItem *, order->line_count);

    for (size_t i = 0; i < order->line_count; i++) {
        items[i] = arena_new(arena, Events__OrderItem);
        events__order_item__init(items[i]);
        items[i]->product_id = (char *)order->lines[i].product_id;
        items[i]->quantity = order->lines[i].quantity;
        items[i]->category = (char *)order->lines[i].category;
        items[i]->variant_id = (char *)order->lines[i].variant_id;
    }
    return items;
}

static const ProtobufCMessage *created(struct arena *arena, const struct order *order,
                                       const struct order_turn *turn)
{
    Events__OrderCreatedEvent *event = arena_new(arena, Events__OrderCreatedEvent);

    events__order_created_event__init(event);
    event->order_id = (char *)order->order_id;
    event->user_id = (char *)order->user_id;
    event->items = item_messages(arena, order);
    event->n_items = order->line_count;
    event->reserve_until = rpc_timestamp(arena, turn->reserve_until_us);
    return &event->base;
}

static const ProtobufCMessage *validated(struct arena *arena, const struct order *order,
                                         const struct order_turn *turn)
{
    Events__OrderValidatedEvent *event = arena_new(arena, Events__OrderValidatedEvent);

    events__order_validated_event__init(event);
    event->order_id = (char *)order->order_id;
    event->user_id = (char *)order->user_id;
    event->amount_minor = order->total_minor;
    event->currency = (char *)order->currency;
    event->payment_method = (char *)order->payment_method;
    event->sellers = (char **)order_sellers(arena, order, &event->n_sellers);
    event->pay_until = rpc_timestamp(arena, turn->pay_until_us);
    return &event->base;
}

static const ProtobufCMessage *confirmed(struct arena *arena, const struct order *order,
                                         const struct order_turn *turn)
{
    Events__OrderConfirmedEvent *event = arena_new(arena, Events__OrderConfirmedEvent);

    events__order_confirmed_event__init(event);
    event->order_id = (char *)order->order_id;
    event->user_id = (char *)order->user_id;
    event->payment_id = (char *)order->payment_id;
    event->items = item_messages(arena, order);
    event->n_items = order->line_count;
    event->from_cart = order->from_cart;
    event->cart_state = (char *)order->cart_state;
    event->capture = turn->captures;
    return &event->base;
}

static const ProtobufCMessage *cancelled(struct arena *arena, const struct order *order)
{
    Events__OrderCancelledEvent *event = arena_new(arena, Events__OrderCancelledEvent);

    events__order_cancelled_event__init(event);
    event->order_id = (char *)order->order_id;
    event->user_id = (char *)order->user_id;
    event->reason = (char *)order->reason;
    event->message = (char *)order->message;
    return &event->base;
}

static const ProtobufCMessage *fulfilled(struct arena *arena, const struct order *order)
{
    Events__OrderFulfilledEvent *event = arena_new(arena, Events__OrderFulfilledEvent);

    events__order_fulfilled_event__init(event);
    event->order_id = (char *)order->order_id;
    event->user_id = (char *)order->user_id;
    return &event->base;
}

static const ProtobufCMessage *fulfilment_requested(struct arena *arena, const struct order *order)
{
    Events__OrderFulfilmentRequestedEvent *event = arena_new(arena,
                                                             Events__OrderFulfilmentRequestedEvent);

    events__order_fulfilment_requested_event__init(event);
    event->order_id = (char *)order->order_id;
    event->user_id = (char *)order->user_id;
    return &event->base;
}

const ProtobufCMessage *order_notice(struct arena *arena, const struct order *order,
                                     const struct order_turn *turn, enum order_notice notice)
{
    switch (notice) {
    case ORDER_TELLS_NOBODY: break;
    case ORDER_TELLS_CREATED: return created(arena, order, turn);
    case ORDER_TELLS_VALIDATED: return validated(arena, order, turn);
    case ORDER_TELLS_CONFIRMED: return confirmed(arena, order, turn);
    case ORDER_TELLS_CANCELLED: return cancelled(arena, order);
    case ORDER_TELLS_FULFILMENT_REQUESTED: return fulfilment_requested(arena, order);
    case ORDER_TELLS_FULFILLED: return fulfilled(arena, order);
    }
    return 0;
}
