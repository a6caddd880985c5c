/* SPDX-License-Identifier: Apache-2.0 */
/* Checks orders and carts at the end: exactly the acknowledged orders exist, each has become final
 * by allowed steps, and the carts contain what was added and not bought. */
#include <string.h>

#include "cart.rpc.h"
#include "order.rpc.h"
#include "tests/sim/sim.h"

enum { PAGE_SIZE = 50, SUM_MAX = 512 };

static struct sim_order *find(struct sim *sim, const char *order_id)
{
    for (int i = 0; i < sim->order_count; i++)
        if (strcmp(sim->orders[i].order_id, order_id) == 0) return &sim->orders[i];
    return NULL;
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0) return true;
    return false;
}

/* ---- one order ---- */

static void check_history(struct sim *sim, struct sim_order *order,
                          const OrderService__Order *message)
{
    const char *state = "";

    for (size_t i = 0; i < message->n_history; i++) {
        const OrderService__Transition *step = message->history[i];
        if (strcmp(step->from, state) != 0 || !sim_state_leads(step->from, step->to))
            sim_fail(sim, "order %s: a step from %s to %s by %s, when it was %s", order->order_id,
                     step->from, step->to, step->event, state);
        state = step->to;
        if (strcmp(state, "CONFIRMED") == 0) order->was_confirmed = true;
        if (strcmp(state, "FULFILLED") == 0) order->was_fulfilled = true;
    }
    if (strcmp(state, message->status) != 0)
        sim_fail(sim, "order %s is %s, its history ends with %s", order->order_id, message->status,
                 state);
}

static void check_state(struct sim *sim, struct sim_order *order)
{
    static const char *const ends[] = {"CONFIRMED", "FULFILLED", "REJECTED",
                                       "CANCELLED", "REFUNDED",  NULL};
    static const char *const delivered[] = {"FULFILLED", "REFUNDED", NULL};

    if (!is_one_of(order->state, ends))
        sim_fail(sim, "order %s is stuck in %s", order->order_id, order->state);
    if (order->cancelled && strcmp(order->state, "CANCELLED") != 0)
        sim_fail(sim, "order %s was cancelled and is %s", order->order_id, order->state);
    if (order->fulfilled && !is_one_of(order->state, delivered))
        sim_fail(sim, "order %s was fulfilled and is %s", order->order_id, order->state);
}

/* A confirmed order has its pieces in the end, and none waits for ever to be delivered. */
static void check_fulfilment(struct sim *sim, const OrderService__Order *message)
{
    if (strcmp(message->status, "CONFIRMED") == 0 && strcmp(message->fulfilment, "ready") != 0)
        sim_fail(sim, "order %s is confirmed, and its fulfilment is \"%s\"", message->order_id,
                 message->fulfilment);
}

static void read_lines(struct sim *sim, struct sim_order *order, const OrderService__Order *message)
{
    int64_t total = 0;

    order->line_count = 0;
    for (size_t i = 0; i < message->n_items; i++) {
        const OrderService__OrderLine *line = message->items[i];
        int product = 0;
        while (product < SIM_PRODUCTS &&
               strcmp(sim->catalogue[product].product_id, line->product_id) != 0)
            product++;
        if (product == SIM_PRODUCTS || order->line_count == SIM_LINES_MAX) {
            sim_fail(sim, "order %s has lines that nobody ordered", order->order_id);
            return;
        }
        order->lines[order->line_count++] = (struct sim_line){product, line->quantity};
        total += line->unit_amount * line->quantity;
    }
    if (total != message->total_minor || total != order->total)
        sim_fail(sim, "order %s: its lines cost %lld, it says %lld, and said %lld", order->order_id,
                 (long long)total, (long long)message->total_minor, (long long)order->total);
}

static void check_order(struct call *call, struct sim *sim, struct sim_order *order)
{
    OrderService__GetOrderRequest request = ORDER_SERVICE__GET_ORDER_REQUEST__INIT;
    OrderService__StandardResponse *response;
    struct sim_call asked;

    request.order_id = order->order_id;
    sim_call_as_operator(&asked, call);
    struct status st = order_service_get_order(&asked.call, sim->orders_at, &request, &response);
    if (!failed(st)) {
        sim_order_seen(sim, order, response->order->status);
        check_history(sim, order, response->order);
        check_state(sim, order);
        check_fulfilment(sim, response->order);
        read_lines(sim, order, response->order);
        sim_note(sim, "order %s is %s", order->order_id, order->state);
    }
    sim_call_must(sim, &asked, "GetOrder", st);
}

/* ---- all orders of a customer: those that were acknowledged, no more and no fewer ---- */

static int count_page(struct sim *sim, const struct sim_customer *customer,
                      const OrderService__Orders *orders)
{
    for (size_t i = 0; i < orders->n_orders; i++) {
        const struct sim_order *order = find(sim, orders->orders[i]->order_id);
        if (!order || order->customer != customer->number)
            sim_fail(sim, "%s has an order %s (%s) that nobody was told of", customer->email,
                     orders->orders[i]->order_id, orders->orders[i]->status);
    }
    return (int)orders->n_orders;
}

static void check_list(struct call *call, struct sim *sim, struct sim_customer *customer)
{
    OrderService__ListOrdersRequest request = ORDER_SERVICE__LIST_ORDERS_REQUEST__INIT;
    OrderService__StandardResponse *response;
    struct sim_call asked;
    int listed = 0, known = 0;
    struct status st;

    request.user_id = customer->email;
    request.page_size = PAGE_SIZE;
    sim_call_as_operator(&asked, call);
    do {
        st = order_service_list_orders(&asked.call, sim->orders_at, &request, &response);
        if (failed(st)) break;
        listed += count_page(sim, customer, response->orders);
        request.cursor = response->orders->next_cursor;
    } while (request.cursor[0]);
    if (!sim_call_must(sim, &asked, "ListOrders", st)) return;
    for (int i = 0; i < sim->order_count; i++) known += sim->orders[i].customer == customer->number;
    if (listed != known)
        sim_fail(sim, "%s has %d orders and was told of %d", customer->email, listed, known);
}

void sim_check_orders(struct call *call, struct sim *sim)
{
    for (int i = 0; i < sim->order_count; i++) check_order(call, sim, &sim->orders[i]);
    for (int i = 0; i < sim->plan.customers; i++) check_list(call, sim, &sim->customers[i]);
}

/* ---- carts ---- */

/* What the customer's confirmed order from the cart took out of it. */
static int taken(const struct sim *sim, const struct sim_customer *customer, int product)
{
    int pieces = 0;

    for (int i = 0; i < sim->order_count; i++) {
        const struct sim_order *order = &sim->orders[i];
        if (order->customer != customer->number || !order->request.from_cart) continue;
        if (!order->was_confirmed) continue;
        for (int j = 0; j < order->line_count; j++)
            if (order->lines[j].product == product) pieces += order->lines[j].quantity;
    }
    return pieces;
}

/* Is `wanted` the sum of some of the changes that may have happened? */
static bool may_be(const struct sim_customer *customer, int product, int wanted)
{
    bool sums[SUM_MAX] = {true};

    if (wanted < 0 || wanted >= SUM_MAX) return false;
    for (int i = 0; i < customer->maybe_count; i++) {
        const struct sim_maybe *maybe = &customer->maybe[i];
        if (maybe->product != product) continue;
        for (int sum = SUM_MAX - 1; sum >= maybe->quantity; sum--)
            sums[sum] = sums[sum] || sums[sum - maybe->quantity];
    }
    return sums[wanted];
}

static void check_cart(struct call *call, struct sim *sim, struct sim_customer *customer)
{
    CartService__GetCartRequest request = CART_SERVICE__GET_CART_REQUEST__INIT;
    CartService__CartStandardResponse *response;
    int quantities[SIM_PRODUCTS] = {0};
    struct sim_call asked;

    sim_call_begin(&asked, call, customer->email, "customer", NULL);
    struct status st = cart_service_get_cart(&asked.call, sim->carts, &request, &response);
    for (size_t i = 0; !failed(st) && i < response->cart_data->n_items; i++)
        for (int j = 0; j < SIM_PRODUCTS; j++)
            if (strcmp(response->cart_data->items[i]->product_id, sim->catalogue[j].product_id) ==
                0)
                quantities[j] += response->cart_data->items[i]->quantity;
    if (!sim_call_must(sim, &asked, "GetCart", st)) return;
    for (int i = 0; i < SIM_PRODUCTS; i++) {
        int bought = taken(sim, customer, i);
        if (may_be(customer, i, quantities[i] + bought - customer->in_cart[i])) continue;
        sim_fail(sim, "cart of %s: %d of product %d, where %d were put in and %d bought",
                 customer->email, quantities[i], i, customer->in_cart[i], bought);
    }
}

void sim_check_carts(struct call *call, struct sim *sim)
{
    for (int i = 0; i < sim->plan.customers; i++) check_cart(call, sim, &sim->customers[i]);
}
