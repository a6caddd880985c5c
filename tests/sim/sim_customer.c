/* SPDX-License-Identifier: Apache-2.0 */
/* A customer: fills a cart, orders, pays or does not, changes their mind. One thing after another;
 * an unanswered request is repeated with the same key, also in the next life of the shop.
 *
 * Changes of the cart are made without keys, so an unanswered one is not repeated: it may have
 * happened, and is remembered as such. */
#include <stdio.h>
#include <string.h>

#include "cart.rpc.h"
#include "fiber/fiber.h"
#include "order.rpc.h"
#include "payment.rpc.h"
#include "tests/sim/sim.h"

enum { RETRY_US = 200000, QUANTITY_MAX = 3 };

/* ---- what an order is seen to be ---- */

static const struct {
    const char *from, *to;
} steps[] = {
    {"", "PENDING"},
    {"PENDING", "VALIDATED"},
    {"PENDING", "REJECTED"},
    {"PENDING", "CANCELLED"},
    {"VALIDATED", "CONFIRMED"},
    {"VALIDATED", "CANCELLED"},
    {"CONFIRMED", "CONFIRMED"}, /* its fulfilment is requested */
    {"CONFIRMED", "CANCELLED"},
    {"CONFIRMED", "FULFILLED"},
    {"CONFIRMED", "REFUNDED"},
    {"FULFILLED", "REFUNDED"},
};
enum { STEP_COUNT = sizeof(steps) / sizeof(steps[0]) };

bool sim_state_leads(const char *from, const char *to)
{
    for (size_t i = 0; i < STEP_COUNT; i++)
        if (strcmp(steps[i].from, from) == 0 && strcmp(steps[i].to, to) == 0) return true;
    return false;
}

/* In any number of steps. */
static bool reaches(const char *from, const char *to)
{
    if (strcmp(from, to) == 0) return true;
    for (size_t i = 0; i < STEP_COUNT; i++)
        if (strcmp(steps[i].from, from) == 0 && strcmp(steps[i].to, from) != 0 &&
            reaches(steps[i].to, to))
            return true;
    return false;
}

void sim_order_seen(struct sim *sim, struct sim_order *order, const char *state)
{
    if (!reaches(order->state, state))
        sim_fail(sim, "order %s was %s and is %s", order->order_id, order->state, state);
    snprintf(order->state, sizeof(order->state), "%s", state);
}

static bool is_in(const struct sim_order *order, const char *state)
{
    return strcmp(order->state, state) == 0;
}

/* ---- the cart ---- */

static void note_cart(struct sim_customer *customer, enum sim_answer answer)
{
    struct sim_todo *todo = &customer->todo;
    const struct sim_line *line = &todo->lines[0];

    if (answer == SIM_YES) {
        customer->in_cart[line->product] += line->quantity;
    } else if (answer == SIM_UNKNOWN) {
        invariant(customer->maybe_count < SIM_MAYBE_MAX);
        customer->maybe[customer->maybe_count++] = (struct sim_maybe){line->product,
                                                                      line->quantity};
    }
    todo->action = SIM_NOTHING;
}

static void add_to_cart(struct sim *sim, struct call *call, struct sim_customer *customer)
{
    CartService__AddToCartRequest request = CART_SERVICE__ADD_TO_CART_REQUEST__INIT;
    const struct sim_line *line = &customer->todo.lines[0];
    struct sim_product *product = &sim->catalogue[line->product];
    CartService__CartStandardResponse *response;
    struct sim_call asked;

    request.product_id = product->product_id;
    request.category = SIM_TEXT(product->category);
    request.quantity = line->quantity;
    sim_call_begin(&asked, call, customer->email, "customer", NULL);
    struct status st = cart_service_add_to_cart_with(&asked.call, sim->carts, &request,
                                                     &asked.options, &response);
    note_cart(customer, sim_call_end(sim, &asked, "AddToCart", st));
}

/* Done again until it is answered: setting twice is setting once. */
static void set_in_cart(struct sim *sim, struct call *call, struct sim_customer *customer)
{
    CartService__UpdateCartItemRequest request = CART_SERVICE__UPDATE_CART_ITEM_REQUEST__INIT;
    const struct sim_line *line = &customer->todo.lines[0];
    CartService__CartStandardResponse *response;
    enum sim_answer answer;
    struct sim_call asked;
    int kept = 0;

    request.product_id = sim->catalogue[line->product].product_id;
    request.quantity = line->quantity;
    sim_call_begin(&asked, call, customer->email, "customer", NULL);
    struct status st = cart_service_update_cart_item_with(&asked.call, sim->carts, &request,
                                                          &asked.options, &response);
    answer = sim_call_end(sim, &asked, "UpdateCartItem", st);
    if (answer == SIM_UNKNOWN) return;
    customer->todo.action = SIM_NOTHING;
    /* Refused: there is no such line. Either way nothing of before is left. */
    customer->in_cart[line->product] = answer == SIM_YES ? line->quantity : 0;
    for (int i = 0; i < customer->maybe_count; i++)
        if (customer->maybe[i].product != line->product)
            customer->maybe[kept++] = customer->maybe[i];
    customer->maybe_count = kept;
}

/* ---- orders ---- */

static int find_order(const struct sim *sim, const char *order_id)
{
    for (int i = 0; i < sim->order_count; i++)
        if (strcmp(sim->orders[i].order_id, order_id) == 0) return i;
    return -1;
}

static int seller_of(const struct sim *sim, const struct sim_todo *todo)
{
    int seller = -1;

    for (int i = 0; i < todo->line_count; i++) {
        int of_line = sim->catalogue[todo->lines[i].product].seller;
        if (i > 0 && of_line != seller) return -1;
        seller = of_line;
    }
    return seller;
}

static void keep_order(struct sim_customer *customer, const OrderService__OrderCreateData *data)
{
    struct sim *sim = customer->sim;
    struct sim_todo *todo = &customer->todo;
    struct sim_order *order;

    if (find_order(sim, data->order_id) >= 0) {
        sim_fail(sim, "order %s is the answer to two keys", data->order_id);
        return;
    }
    invariant(sim->order_count < SIM_ORDERS_MAX);
    order = &sim->orders[sim->order_count];
    memset(order, 0, sizeof(*order));
    snprintf(order->order_id, sizeof(order->order_id), "%s", data->order_id);
    order->customer = customer->number;
    order->seller = todo->from_cart ? -1 : seller_of(sim, todo);
    order->request = *todo;
    order->total = data->total_minor;
    if (todo->from_cart) {
        customer->cart_order = sim->order_count;
        customer->cart_order_made = true;
    }
    sim->order_count++;
    sim_order_seen(sim, order, data->status);
}

static void fill_request(struct sim *sim, struct sim_call *asked, const struct sim_todo *todo,
                         OrderService__CreateOrderRequest *request)
{
    request->payment_method = SIM_TEXT(todo->method);
    if (todo->line_count == 0) return;
    request->n_items = (size_t)todo->line_count;
    request->items = arena_array(&asked->arena, OrderService__OrderItemInput *, request->n_items);
    for (int i = 0; i < todo->line_count; i++) {
        OrderService__OrderItemInput *item = arena_new(&asked->arena, OrderService__OrderItemInput);
        struct sim_product *product = &sim->catalogue[todo->lines[i].product];

        order_service__order_item_input__init(item);
        item->product_id = product->product_id;
        item->category = SIM_TEXT(product->category);
        item->quantity = todo->lines[i].quantity;
        request->items[i] = item;
    }
}

/* One request; *ret_data is in the memory of `asked`, which is still to be ended. */
static struct status send_order(struct sim_customer *customer, struct call *call,
                                const struct sim_todo *todo, struct sim_call *asked,
                                OrderService__OrderCreateData *ret_data)
{
    OrderService__CreateOrderRequest request = ORDER_SERVICE__CREATE_ORDER_REQUEST__INIT;
    OrderService__StandardResponse *response;
    struct sim *sim = customer->sim;
    struct status st;

    sim_call_begin(asked, call, customer->email, "customer", todo->key);
    fill_request(sim, asked, todo, &request);
    st = order_service_create_order_with(&asked->call, sim->orders_at, &request, &asked->options,
                                         &response);
    if (failed(st)) return st;
    if (!response->order_create_data) {
        sim_fail(sim, "CreateOrder answers no order");
        return status_make(STATUS_CANCELLED, 0, "no order");
    }
    *ret_data = *response->order_create_data;
    return st;
}

static void create_order(struct sim *sim, struct call *call, struct sim_customer *customer)
{
    OrderService__OrderCreateData data;
    char order_id[SIM_ID_SIZE] = "", status[16] = "";
    struct sim_call asked;
    struct status st;

    st = send_order(customer, call, &customer->todo, &asked, &data);
    if (!failed(st)) {
        snprintf(order_id, sizeof(order_id), "%s", data.order_id);
        snprintf(status, sizeof(status), "%s", data.status);
        data.order_id = order_id;
        data.status = status;
    }
    enum sim_answer answer = sim_call_end(sim, &asked, "CreateOrder", st);
    if (answer == SIM_UNKNOWN) return;
    if (answer == SIM_YES) {
        sim_note(sim, "order %s", order_id);
        keep_order(customer, &data);
    } else if (customer->todo.from_cart) {
        customer->cart_order = -1;
    }
    customer->todo.action = SIM_NOTHING;
}

/* The same key again has the same answer; and with another request, none. */
static void repeat_order(struct sim *sim, struct call *call, struct sim_customer *customer)
{
    struct sim_order *order = &sim->orders[customer->todo.order];
    bool misused = customer->todo.action == SIM_MISUSE_KEY;
    struct sim_todo request = order->request;
    OrderService__OrderCreateData data;
    char order_id[SIM_ID_SIZE] = "";
    struct sim_call asked;
    struct status st;

    if (misused) request.method = strcmp(request.method, "pm_card_visa") == 0 ? "" : "pm_card_visa";
    st = send_order(customer, call, &request, &asked, &data);
    if (!failed(st)) snprintf(order_id, sizeof(order_id), "%s", data.order_id);
    enum sim_answer answer = sim_call_end(sim, &asked, "CreateOrder again", st);
    if (answer == SIM_UNKNOWN) return;
    customer->todo.action = SIM_NOTHING;
    if (misused ? answer != SIM_NO : answer != SIM_YES)
        sim_fail(sim, "key %s of order %s, used again, is answered with %s", request.key,
                 order->order_id, status_code_name(st.code));
    else if (!misused && strcmp(order_id, order->order_id) != 0)
        sim_fail(sim, "key %s has made orders %s and %s", request.key, order->order_id, order_id);
}

static void look(struct sim *sim, struct call *call, struct sim_customer *customer)
{
    OrderService__GetOrderRequest request = ORDER_SERVICE__GET_ORDER_REQUEST__INIT;
    struct sim_order *order = &sim->orders[customer->todo.order];
    OrderService__StandardResponse *response;
    struct sim_call asked;
    char state[16] = "";

    request.order_id = order->order_id;
    sim_call_begin(&asked, call, customer->email, "customer", NULL);
    struct status st = order_service_get_order_with(&asked.call, sim->orders_at, &request,
                                                    &asked.options, &response);
    if (!failed(st)) snprintf(state, sizeof(state), "%s", response->order->status);
    enum sim_answer answer = sim_call_end(sim, &asked, "GetOrder", st);
    customer->todo.action = SIM_NOTHING;
    if (answer == SIM_NO)
        sim_fail(sim, "order %s was acknowledged, and is answered with %s", order->order_id,
                 status_code_name(st.code));
    if (answer == SIM_YES) sim_order_seen(sim, order, state);
}

static void cancel(struct sim *sim, struct call *call, struct sim_customer *customer)
{
    OrderService__CancelOrderRequest request = ORDER_SERVICE__CANCEL_ORDER_REQUEST__INIT;
    struct sim_order *order = &sim->orders[customer->todo.order];
    OrderService__StandardResponse *response;
    struct sim_call asked;

    request.order_id = order->order_id;
    sim_call_begin(&asked, call, customer->email, "customer", customer->todo.key);
    struct status st = order_service_cancel_order_with(&asked.call, sim->orders_at, &request,
                                                       &asked.options, &response);
    enum sim_answer answer = sim_call_end(sim, &asked, "CancelOrder", st);
    if (answer == SIM_UNKNOWN) return;
    customer->todo.action = SIM_NOTHING;
    if (answer == SIM_YES) order->cancelled = true;
}

/* ---- paying ---- */

static void pay(struct sim *sim, struct call *call, struct sim_customer *customer)
{
    PaymentService__CreatePaymentRequest request = PAYMENT_SERVICE__CREATE_PAYMENT_REQUEST__INIT;
    PaymentService__StandardResponse *response;
    struct sim_call asked;

    request.order_id = sim->orders[customer->todo.order].order_id;
    request.payment_method = SIM_TEXT(customer->todo.method);
    sim_call_begin(&asked, call, customer->email, "customer", customer->todo.key);
    struct status st = payment_service_create_payment_with(&asked.call, sim->payments, &request,
                                                           &asked.options, &response);
    if (sim_call_end(sim, &asked, "CreatePayment", st) != SIM_UNKNOWN)
        customer->todo.action = SIM_NOTHING;
}

/* Which payment it is, is asked first. */
static void confirm(struct sim *sim, struct call *call, struct sim_customer *customer)
{
    PaymentService__ListPaymentsRequest which = PAYMENT_SERVICE__LIST_PAYMENTS_REQUEST__INIT;
    PaymentService__ConfirmPaymentRequest request = PAYMENT_SERVICE__CONFIRM_PAYMENT_REQUEST__INIT;
    PaymentService__StandardResponse *response;
    struct sim_todo *todo = &customer->todo;
    struct sim_call asked;
    struct status st;

    sim_call_begin(&asked, call, customer->email, "customer",
                   todo->payment_id[0] ? todo->key : NULL);
    if (todo->payment_id[0]) {
        request.payment_id = todo->payment_id;
        st = payment_service_confirm_payment_with(&asked.call, sim->payments, &request,
                                                  &asked.options, &response);
        if (sim_call_end(sim, &asked, "ConfirmPayment", st) != SIM_UNKNOWN)
            todo->action = SIM_NOTHING;
        return;
    }
    which.order_id = sim->orders[todo->order].order_id;
    st = payment_service_list_payments_with(&asked.call, sim->payments, &which, &asked.options,
                                            &response);
    if (!failed(st) && response->payments && response->payments->n_payments > 0 &&
        strcmp(response->payments->payments[0]->status, "requires_action") == 0)
        snprintf(todo->payment_id, sizeof(todo->payment_id), "%s",
                 response->payments->payments[0]->payment_id);
    if (sim_call_end(sim, &asked, "ListPayments", st) != SIM_UNKNOWN && !todo->payment_id[0])
        todo->action = SIM_NOTHING;
}

/* ---- what to do next ---- */

static const char *pick_method(struct sim *sim)
{
    static const char *const methods[] = {"pm_card_visa",
                                          "pm_card_visa",
                                          "pm_card_visa",
                                          "pm_card_chargeDeclined",
                                          "pm_test_timeout",
                                          "pm_card_authenticationRequired",
                                          "",
                                          "pm_test_unavailable"};
    size_t count = sizeof(methods) / sizeof(methods[0]);

    /* The last is rare: it is asked for again and again until the order's time is over. */
    return methods[sim_draw(sim, sim_chance(sim, 4) ? count : count - 1)];
}

static struct sim_line pick_line(struct sim *sim)
{
    /* Half of all pieces are of the first two products, so that people are in each other's way. */
    uint64_t product = sim_draw(sim, sim_chance(sim, 2) ? 2 : SIM_PRODUCTS);

    return (struct sim_line){(int)product, 1 + (int)sim_draw(sim, QUANTITY_MAX)};
}

static void pick_lines(struct sim *sim, struct sim_todo *todo)
{
    int wanted = 1 + (int)sim_draw(sim, 3);
    int seller = -1;

    for (int i = 0; i < wanted; i++) {
        struct sim_line line = pick_line(sim);
        /* Mostly of one seller, who then may deliver. */
        int of_line = sim->catalogue[line.product].seller;
        if (seller >= 0 && of_line != seller && !sim_chance(sim, 8)) continue;
        seller = of_line;
        todo->lines[todo->line_count++] = line;
    }
}

/* A cart is ordered once, and no second time until that order has ended without having taken
 * anything out of it: so what the cart has to hold at the end can be told. */
static bool may_order_cart(struct sim_customer *customer)
{
    const struct sim_order *order;

    if (customer->cart_order < 0) return true;
    if (!customer->cart_order_made) return false;
    order = &customer->sim->orders[customer->cart_order];
    return is_in(order, "REJECTED");
}

static int pick_own_order(struct sim_customer *customer)
{
    struct sim *sim = customer->sim;
    int own = -1;
    uint64_t count = 0;

    for (int i = 0; i < sim->order_count; i++)
        if (sim->orders[i].customer == customer->number && sim_draw(sim, ++count) == 0) own = i;
    return own;
}

/* Something about an order that was made. */
static void go_on_with_order(struct sim_customer *customer, struct sim_todo *todo)
{
    struct sim *sim = customer->sim;
    const struct sim_order *order = &sim->orders[todo->order];

    todo->action = SIM_LOOK;
    if (sim_chance(sim, 8)) todo->action = sim_chance(sim, 3) ? SIM_MISUSE_KEY : SIM_REPEAT_ORDER;
    if (sim_chance(sim, 9)) todo->action = SIM_CANCEL;
    if (!is_in(order, "VALIDATED") || todo->action != SIM_LOOK) return;
    if (order->request.method[0] == 0 && sim_chance(sim, 2)) {
        todo->action = SIM_PAY;
        todo->method = pick_method(sim);
        if (!todo->method[0]) todo->method = "pm_card_visa";
    } else if (sim_chance(sim, 2)) {
        todo->action = SIM_CONFIRM;
    }
}

static void order_something(struct sim_customer *customer, struct sim_todo *todo)
{
    struct sim *sim = customer->sim;

    todo->action = SIM_ORDER;
    todo->method = pick_method(sim);
    if (may_order_cart(customer) && sim_chance(sim, 2)) {
        todo->from_cart = true;
        customer->cart_order = 0;
        customer->cart_order_made = false;
        return;
    }
    pick_lines(sim, todo);
}

static void choose(struct sim_customer *customer)
{
    struct sim *sim = customer->sim;
    struct sim_todo *todo = &customer->todo;
    uint64_t dice = sim_draw(sim, 100);

    *todo = (struct sim_todo){.method = "", .order = pick_own_order(customer)};
    customer->tries = 0;
    sim_make_key(sim, todo->key);
    if (dice < 25 && customer->maybe_count < SIM_MAYBE_MAX) {
        todo->action = SIM_ADD_TO_CART;
        todo->lines[0] = pick_line(sim);
    } else if (dice < 30 && customer->cart_order < 0) {
        todo->action = SIM_SET_IN_CART;
        todo->lines[0] = pick_line(sim);
        if (sim_chance(sim, 3)) todo->lines[0].quantity = 0;
    } else if (dice < 60 && todo->order >= 0) {
        go_on_with_order(customer, todo);
    } else {
        order_something(customer, todo);
    }
}

static void act(struct call *call, struct sim_customer *customer)
{
    struct sim *sim = customer->sim;

    customer->tries++;
    switch (customer->todo.action) {
    case SIM_ADD_TO_CART: add_to_cart(sim, call, customer); break;
    case SIM_SET_IN_CART: set_in_cart(sim, call, customer); break;
    case SIM_ORDER: create_order(sim, call, customer); break;
    case SIM_REPEAT_ORDER:
    case SIM_MISUSE_KEY: repeat_order(sim, call, customer); break;
    case SIM_LOOK: look(sim, call, customer); break;
    case SIM_PAY: pay(sim, call, customer); break;
    case SIM_CONFIRM: confirm(sim, call, customer); break;
    case SIM_CANCEL: cancel(sim, call, customer); break;
    default: customer->todo.action = SIM_NOTHING; break;
    }
}

void sim_customer_live(struct call *call, void *data)
{
    struct sim_customer *customer = data;
    struct sim *sim = customer->sim;

    while (!sim_is_over(sim, call)) {
        int64_t pause_us = (int64_t)sim_draw(sim, (uint64_t)sim->plan.think_us);

        if (customer->todo.action)
            pause_us = (int64_t)sim_draw(sim, RETRY_US) * customer->tries;
        else if (sim->closing || customer->turns_left == 0)
            return;
        if (failed(fiber_sleep(call, pause_us)) || sim_is_over(sim, call)) return;
        if (!customer->todo.action) {
            customer->turns_left--;
            choose(customer);
        }
        act(call, customer);
    }
}
