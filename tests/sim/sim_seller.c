/* SPDX-License-Identifier: Apache-2.0 */
/* A seller: makes products, fulfils orders, captures and refunds payments, adjusts stock, changes
 * prices. Like a customer, one thing after another, with the same key until it is answered. */
#include <stdio.h>
#include <string.h>

#include "fiber/fiber.h"
#include "order.rpc.h"
#include "payment.rpc.h"
#include "product.rpc.h"
#include "tests/sim/sim.h"

enum { RETRY_US = 200000 };

/* ---- the products ---- */

static void make_product(struct call *call, struct sim *sim, int number)
{
    ProductService__CreateProductRequest request = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__INIT;
    struct sim_product *product = &sim->catalogue[number];
    ProductService__StandardResponse *response;
    struct sim_call asked;

    product->seller = number % SIM_SELLERS;
    product->category = "things";
    sim_call_begin(&asked, call, sim->sellers[product->seller].email, "seller", NULL);
    request.name = arena_printf(&asked.arena, "Thing %d", number);
    request.category = SIM_TEXT(product->category);
    request.currency = SIM_TEXT("EUR");
    request.unit_amount_given_case =
        PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__UNIT_AMOUNT_GIVEN_UNIT_AMOUNT;
    request.unit_amount = 500 + 350 * number;
    request.stock_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__STOCK_GIVEN_STOCK;
    request.stock = sim->plan.stock;
    struct status st = product_service_create_product_with(&asked.call, sim->products, &request,
                                                           &asked.options, &response);
    if (!failed(st)) {
        snprintf(product->product_id, SIM_ID_SIZE, "%s", response->product_data->product_id);
        snprintf(product->variant_id, SIM_ID_SIZE, "%s",
                 response->product_data->variants[0]->variant_id);
    }
    sim_call_must(sim, &asked, "CreateProduct", st);
}

void sim_seller_open_shop(struct call *call, struct sim *sim)
{
    for (int i = 0; i < SIM_PRODUCTS; i++) make_product(call, sim, i);
}

static struct sim_product *own_product(struct sim_seller *seller)
{
    struct sim *sim = seller->sim;
    int number = (int)sim_draw(sim, SIM_PRODUCTS / SIM_SELLERS) * SIM_SELLERS + seller->number;

    return &sim->catalogue[number];
}

/* The key is the reference, under which a change of stock is made once. */
static void adjust_stock(struct sim *sim, struct call *call, struct sim_seller *seller)
{
    ProductService__AdjustStockRequest request = PRODUCT_SERVICE__ADJUST_STOCK_REQUEST__INIT;
    struct sim_product *product = &sim->catalogue[seller->todo.lines[0].product];
    ProductService__StandardResponse *response;
    struct sim_call asked;

    request.category = SIM_TEXT(product->category);
    request.product_id = product->product_id;
    request.change_case = PRODUCT_SERVICE__ADJUST_STOCK_REQUEST__CHANGE_DELTA;
    request.delta = seller->todo.lines[0].quantity;
    request.cause = SIM_TEXT(request.delta > 0 ? "received" : "correction");
    request.reference = seller->todo.key;
    sim_call_begin(&asked, call, seller->email, "seller", NULL);
    struct status st = product_service_adjust_stock_with(&asked.call, sim->products, &request,
                                                         &asked.options, &response);
    if (sim_call_end(sim, &asked, "AdjustStock", st) != SIM_UNKNOWN)
        seller->todo.action = SIM_NOTHING;
}

static void change_price(struct sim *sim, struct call *call, struct sim_seller *seller)
{
    ProductService__UpdateProductRequest request = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__INIT;
    struct sim_product *product = &sim->catalogue[seller->todo.lines[0].product];
    ProductService__StandardResponse *response;
    struct sim_call asked;

    request.category = SIM_TEXT(product->category);
    request.product_id = product->product_id;
    request.unit_amount_given_case =
        PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__UNIT_AMOUNT_GIVEN_UNIT_AMOUNT;
    request.unit_amount = seller->todo.amount;
    sim_call_begin(&asked, call, seller->email, "seller", NULL);
    struct status st = product_service_update_product_with(&asked.call, sim->products, &request,
                                                           &asked.options, &response);
    if (sim_call_end(sim, &asked, "UpdateProduct", st) != SIM_UNKNOWN)
        seller->todo.action = SIM_NOTHING;
}

/* ---- deliveries and money ---- */

static void fulfil(struct sim *sim, struct call *call, struct sim_seller *seller)
{
    OrderService__FulfilOrderRequest request = ORDER_SERVICE__FULFIL_ORDER_REQUEST__INIT;
    struct sim_order *order = &sim->orders[seller->todo.order];
    OrderService__StandardResponse *response;
    struct sim_call asked;
    bool delivered = false;

    request.order_id = order->order_id;
    request.tracking_number = SIM_TEXT("1Z999");
    sim_call_begin(&asked, call, seller->email, "seller", seller->todo.key);
    struct status st = order_service_fulfil_order_with(&asked.call, sim->orders_at, &request,
                                                       &asked.options, &response);
    if (!failed(st) && response->order) {
        /* An answer that is repeated says what has become of the order since. */
        delivered = strcmp(response->order->status, "FULFILLED") == 0 ||
                    strcmp(response->order->status, "REFUNDED") == 0;
        if (!delivered && response->status_code != 202)
            sim_fail(sim, "FulfilOrder of %s answers %d, %s", order->order_id,
                     response->status_code, response->order->status);
    }
    enum sim_answer answer = sim_call_end(sim, &asked, "FulfilOrder", st);
    if (answer == SIM_UNKNOWN) return;
    seller->todo.action = SIM_NOTHING;
    if (answer == SIM_YES && delivered) order->fulfilled = true;
}

/* Which payment it is, and how much may be moved; done once it is known. */
static void find_payment(struct sim *sim, struct call *call, struct sim_seller *seller)
{
    PaymentService__ListPaymentsRequest request = PAYMENT_SERVICE__LIST_PAYMENTS_REQUEST__INIT;
    struct sim_todo *todo = &seller->todo;
    PaymentService__StandardResponse *response;
    struct sim_call asked;

    request.order_id = sim->orders[todo->order].order_id;
    sim_call_begin(&asked, call, seller->email, "seller", NULL);
    struct status st = payment_service_list_payments_with(&asked.call, sim->payments, &request,
                                                          &asked.options, &response);
    if (!failed(st) && response->payments && response->payments->n_payments > 0) {
        const PaymentService__Payment *payment = response->payments->payments[0];
        snprintf(todo->payment_id, sizeof(todo->payment_id), "%s", payment->payment_id);
        /* A part of it, all of it, or sometimes more than there is. */
        if (sim_chance(sim, 2))
            todo->amount = 1 + (int64_t)sim_draw(sim, (uint64_t)payment->amount_minor * 5 / 4 + 1);
    }
    if (sim_call_end(sim, &asked, "ListPayments", st) != SIM_UNKNOWN && !todo->payment_id[0])
        todo->action = SIM_NOTHING;
}

static void capture(struct sim *sim, struct call *call, struct sim_seller *seller)
{
    PaymentService__CapturePaymentRequest request = PAYMENT_SERVICE__CAPTURE_PAYMENT_REQUEST__INIT;
    PaymentService__StandardResponse *response;
    struct sim_call asked;

    request.payment_id = seller->todo.payment_id;
    if (seller->todo.amount > 0) {
        request.amount_minor_given_case =
            PAYMENT_SERVICE__CAPTURE_PAYMENT_REQUEST__AMOUNT_MINOR_GIVEN_AMOUNT_MINOR;
        request.amount_minor = seller->todo.amount;
    }
    sim_call_begin(&asked, call, seller->email, "seller", seller->todo.key);
    struct status st = payment_service_capture_payment_with(&asked.call, sim->payments, &request,
                                                            &asked.options, &response);
    if (sim_call_end(sim, &asked, "CapturePayment", st) != SIM_UNKNOWN)
        seller->todo.action = SIM_NOTHING;
}

static void keep_refund(struct sim *sim, struct sim_order *order, const struct sim_refund *refund)
{
    for (int i = 0; i < order->refund_count; i++)
        if (strcmp(order->refunds[i].refund_id, refund->refund_id) == 0)
            sim_fail(sim, "refund %s is the answer to two keys", refund->refund_id);
    invariant(order->refund_count < SIM_MONEY_MAX);
    order->refunds[order->refund_count++] = *refund;
}

static void give_back(struct sim *sim, struct call *call, struct sim_seller *seller)
{
    PaymentService__RefundPaymentRequest request = PAYMENT_SERVICE__REFUND_PAYMENT_REQUEST__INIT;
    PaymentService__StandardResponse *response;
    struct sim_refund refund = {0};
    struct sim_call asked;

    request.payment_id = seller->todo.payment_id;
    if (seller->todo.amount > 0) {
        request.amount_minor_given_case =
            PAYMENT_SERVICE__REFUND_PAYMENT_REQUEST__AMOUNT_MINOR_GIVEN_AMOUNT_MINOR;
        request.amount_minor = seller->todo.amount;
    }
    sim_call_begin(&asked, call, seller->email, "seller", seller->todo.key);
    struct status st = payment_service_refund_payment_with(&asked.call, sim->payments, &request,
                                                           &asked.options, &response);
    if (!failed(st) && response->refund) {
        snprintf(refund.refund_id, sizeof(refund.refund_id), "%s", response->refund->refund_id);
        refund.amount = response->refund->amount_minor;
    }
    enum sim_answer answer = sim_call_end(sim, &asked, "RefundPayment", st);
    if (answer == SIM_UNKNOWN) return;
    if (answer == SIM_YES) keep_refund(sim, &sim->orders[seller->todo.order], &refund);
    seller->todo.action = SIM_NOTHING;
}

/* ---- what to do next ---- */

static int pick_order(struct sim_seller *seller)
{
    struct sim *sim = seller->sim;
    int picked = -1;
    uint64_t count = 0;

    for (int i = 0; i < sim->order_count; i++)
        if (sim->orders[i].seller == seller->number && sim_draw(sim, ++count) == 0) picked = i;
    return picked;
}

static void choose(struct sim_seller *seller)
{
    struct sim *sim = seller->sim;
    struct sim_todo *todo = &seller->todo;
    uint64_t dice = sim_draw(sim, 100);

    *todo = (struct sim_todo){.method = "", .order = pick_order(seller)};
    seller->tries = 0;
    sim_make_key(sim, todo->key);
    todo->lines[0].product = (int)(own_product(seller) - sim->catalogue);
    if (dice < 15 || todo->order < 0) {
        todo->action = SIM_ADJUST_STOCK;
        todo->lines[0].quantity = (int)sim_draw(sim, 12) - 4;
        if (todo->lines[0].quantity == 0) todo->lines[0].quantity = 1;
    } else if (dice < 20) {
        todo->action = SIM_CHANGE_PRICE;
        todo->amount = 300 + (int64_t)sim_draw(sim, 3000);
    } else if (dice < 55) {
        todo->action = SIM_FULFIL;
    } else if (dice < 70) {
        todo->action = SIM_CAPTURE;
    } else {
        todo->action = SIM_REFUND;
    }
}

static void act(struct call *call, struct sim_seller *seller)
{
    struct sim *sim = seller->sim;
    bool moves_money = seller->todo.action == SIM_CAPTURE || seller->todo.action == SIM_REFUND;

    seller->tries++;
    if (moves_money && !seller->todo.payment_id[0]) {
        find_payment(sim, call, seller);
        return;
    }
    switch (seller->todo.action) {
    case SIM_ADJUST_STOCK: adjust_stock(sim, call, seller); break;
    case SIM_CHANGE_PRICE: change_price(sim, call, seller); break;
    case SIM_FULFIL: fulfil(sim, call, seller); break;
    case SIM_CAPTURE: capture(sim, call, seller); break;
    case SIM_REFUND: give_back(sim, call, seller); break;
    default: seller->todo.action = SIM_NOTHING; break;
    }
}

/* Sellers work as long as anybody buys. */
void sim_seller_live(struct call *call, void *data)
{
    struct sim_seller *seller = data;
    struct sim *sim = seller->sim;

    while (!sim_is_over(sim, call)) {
        int64_t pause_us = (int64_t)sim_draw(sim, (uint64_t)sim->plan.think_us / 4 + 1);

        if (seller->todo.action)
            pause_us = (int64_t)sim_draw(sim, RETRY_US) * seller->tries;
        else if (sim->closing)
            return;
        if (failed(fiber_sleep(call, pause_us)) || sim_is_over(sim, call)) return;
        if (!seller->todo.action) {
            if (sim->closing) return;
            choose(seller);
        }
        act(call, seller);
    }
}
