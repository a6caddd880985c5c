/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of the stores on PostgreSQL. Each is two changes, as a checkout makes them:
 *
 * order      an order of two lines is created by a request with an Idempotency-Key, within limits of
 *            its customer's unpaid orders; then the event comes that its stock is reserved
 * payment    an order's event begins a payment and its operation; then the operation ends, the
 *            payment is authorized, posted in the ledger, and told */
#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "bench/engines/stores.h"
#include "events.pb-c.h"
#include "services/order/order_store.h"
#include "services/payment/payment_store.h"

enum { MANY = 1000000000 };
#define MINUTE_US INT64_C(60000000)

/* ---- orders ---- */

static struct order_store *orders;

static const struct order_policy policy = {
    .lines_max = 500,
    .quantity_max = 1000,
    .validation_timeout_us = 5 * MINUTE_US,
    .method_timeout_us = 5 * MINUTE_US,
    .payment_timeout_us = 15 * MINUTE_US,
    .of_customer = {.orders = MANY},
    .of_client = {.orders = MANY},
};

static struct status make_orders(const struct service_context *context, const char *url)
{
    return order_store_postgres(context, url, &orders);
}

static struct status open_orders(struct call *call)
{
    return orders->open(call, orders);
}

static void close_orders(void)
{
    orders->close(orders);
}

static struct status draft(struct arena *arena, const char *user_id, struct order *ret_order)
{
    static const char *const options[] = {"Blue", "Large"};
    static const struct order_address address = {"Ann", "1 Way", "", "Town", "1234", "", "DE", "5"};
    struct order_line line = {.product_id = "01900000-0000-7000-8000-000000000001",
                              .category = "mugs",
                              .variant_id = "01900000-0000-7000-8000-000000000002",
                              .product_name = "A mug of stoneware",
                              .options = options,
                              .option_count = 2,
                              .image_url = "https://example.com/mug.png",
                              .seller = "sam@example.com",
                              .unit_amount = 1250,
                              .quantity = 2};

    order_init(arena, user_id, clock_now_us(), ret_order);
    struct status st = order_add(arena, ret_order, &line, "EUR", &policy);
    if (failed(st)) return st;
    line.variant_id = "01900000-0000-7000-8000-000000000003";
    ret_order->address = &address;
    ret_order->note = "";
    ret_order->payment_method = "pm_card";
    ret_order->from_cart = true;
    ret_order->cart_state = uuid_new(arena);
    ret_order->client = uuid_new(arena); /* one address would make them wait for each other */
    return order_add(arena, ret_order, &line, "EUR", &policy);
}

static struct str answer(struct arena *arena, const struct order_written *written)
{
    return str_of(
        arena_printf(arena, "%s %lld", written->order.order_id, (long long)written->order.number));
}

static struct status reserve(const struct call *call, struct order_written *written, void *data)
{
    return order_apply(call->arena, &written->order, data, &policy, &written->turn);
}

static struct status run_order(struct call *call, struct caller *caller)
{
    /* A customer of its own for each order, as in a shop: nobody has a thousand unpaid ones. */
    const char *user_id = arena_printf(call->arena, "%s@example.com", uuid_new(call->arena));
    struct change_request request = {
        .idempotency = {.scope = user_id, .key = uuid_new(call->arena), .keys_max = MANY}};
    struct order_step step = {.event = ORDER_CREATE, .cause = user_id, .now_us = clock_now_us()};
    struct order_written written;
    struct order_turn turn;
    struct order order;
    struct status st;

    (void)caller;
    st = draft(call->arena, user_id, &order);
    if (!failed(st)) st = order_apply(call->arena, &order, &step, &policy, &turn);
    if (failed(st)) return st;
    const struct order_creation creation = {
        &order, &turn, {.request = &request}, answer, .bounds = &policy};
    st = orders->create(call, orders, &creation, &written);
    if (failed(st)) return st;

    Events__OrderValidationResultEvent message = EVENTS__ORDER_VALIDATION_RESULT_EVENT__INIT;
    struct event event;
    message.order_id = (char *)(uintptr_t)order.order_id;
    event_make(call, "order-results", order.order_id, &message.base, &event);
    step.event = ORDER_STOCK_RESERVED;
    step.cause = event.id;
    const struct order_change change = {
        .order_id = order.order_id, .apply = reserve, .data = &step, .cause = {.event = &event}};
    return orders->update(call, orders, &change, &written);
}

const struct operation operation_order = {
    .name = "order",
    .make = make_orders,
    .open = open_orders,
    .run = run_order,
    .close = close_orders,
};

/* ---- payments ---- */

static struct payment_store *payments;

static struct status make_payments(const struct service_context *context, const char *url)
{
    return payment_store_postgres(context, url, &payments);
}

static struct status open_payments(struct call *call)
{
    return payments->open(call, payments);
}

static void close_payments(void)
{
    payments->close(payments);
}

static struct status begin_payment(const struct call *call, struct payment_turn *turn, void *data)
{
    struct payment *payment = &turn->payment;

    payment->payment_id = uuid_new(call->arena);
    payment->user_id = data;
    payment->sellers = "sam@example.com";
    payment->provider = "test";
    payment->reference = payment->message = payment->client_secret = "";
    payment->currency = "EUR";
    payment->amount_minor = 3000;
    payment->state = PAYMENT_AUTHORIZING;
    payment->created_us = payment->updated_us = clock_now_us();
    turn->effects.changed = true;
    turn->begun = (struct payment_operation){
        .operation_id = uuid_new(call->arena),
        .payment_id = payment->payment_id,
        .kind = PAYMENT_AUTHORIZE,
        .amount_minor = 3000,
        .method = "pm_card",
        .note = "",
        .next_us = clock_now_us(),
        .created_us = clock_now_us(),
        .scope = "",
        .key = "",
    };
    return status_ok();
}

static struct status end_authorization(const struct call *call, struct payment_turn *turn,
                                       void *data)
{
    Events__PaymentAuthorizedEvent message = EVENTS__PAYMENT_AUTHORIZED_EVENT__INIT;
    struct payment *payment = &turn->payment;

    (void)data;
    payment->state = PAYMENT_AUTHORIZED;
    payment->authorized_minor = payment->amount_minor;
    payment->reference = uuid_new(call->arena);
    payment->expires_us = clock_now_us() + 7 * 24 * 60 * MINUTE_US;
    turn->effects.changed = true;
    turn->ended = true;
    payment_post_authorize(payment->amount_minor, &turn->effects.postings[0]);
    turn->effects.posting_count = 1;
    message.order_id = (char *)(uintptr_t)payment->order_id;
    message.payment_id = (char *)(uintptr_t)payment->payment_id;
    change_tell(call, &turn->record, "payment-events", payment->order_id, &message.base);
    return status_ok();
}

static struct status run_payment(struct call *call, struct caller *caller)
{
    Events__OrderValidatedEvent message = EVENTS__ORDER_VALIDATED_EVENT__INIT;
    char *order_id = uuid_new(call->arena);
    struct payment_written written;
    struct event event;

    (void)caller;
    message.order_id = order_id;
    event_make(call, "order-events", order_id, &message.base, &event);
    const struct payment_change begins = {
        .order_id = order_id,
        .cause = {.event = &event},
        .apply = begin_payment,
        .data = (void *)(uintptr_t)arena_printf(call->arena, "%s@example.com", order_id),
    };
    struct status st = payments->update(call, payments, &begins, &written);
    if (failed(st)) return st;
    const struct payment_change ends = {.operation_id = written.turn.begun.operation_id,
                                        .apply = end_authorization};
    return payments->update(call, payments, &ends, &written);
}

const struct operation operation_payment = {
    .name = "payment",
    .make = make_payments,
    .open = open_payments,
    .run = run_payment,
    .close = close_payments,
};
