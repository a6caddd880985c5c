/* SPDX-License-Identifier: Apache-2.0 */
/* The table of an order's states, the function that applies it, and an order's lines and sums. */
#include "services/order/order.h"

#include <string.h>

#include "base/uuid.h"
#include "reasons.pb-c.h"

enum { LINES_FIRST = 4, NUMBER_FIRST = 100000 };

/* ---- the table ---- */

enum {
    FREE = ORDER_IS_FREE,
    STOCK = ORDER_HAS_STOCK,
    MONEY = ORDER_HAS_MONEY,
    REQUESTED = ORDER_FULFILMENT_REQUESTED,
};

/* Each row: an event in a state, the next state, the fact that is noted, and the event that is
 * published. `has`: the row applies only if the order knows these facts. The first row that fits
 * counts; an event without a row changes nothing. */
static const struct rule {
    enum order_state from;
    unsigned has; /* enum order_fact */
    enum order_event event;
    enum order_state to;
    unsigned notes; /* enum order_fact */
    enum order_notice tells;
} rules[] = {
    {ORDER_NONE, 0, ORDER_CREATE, ORDER_PENDING, 0, ORDER_TELLS_CREATED},

    {ORDER_PENDING, 0, ORDER_STOCK_RESERVED, ORDER_VALIDATED, 0, ORDER_TELLS_VALIDATED},
    {ORDER_PENDING, 0, ORDER_STOCK_REFUSED, ORDER_REJECTED, 0, ORDER_TELLS_NOBODY},
    {ORDER_PENDING, 0, ORDER_RESERVATION_EXPIRED, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_PENDING, 0, ORDER_TIME_OUT, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_PENDING, 0, ORDER_CANCEL, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},

    {ORDER_VALIDATED, 0, ORDER_PAYMENT_AUTHORIZED, ORDER_CONFIRMED, 0, ORDER_TELLS_CONFIRMED},
    {ORDER_VALIDATED, FREE, ORDER_NOTHING_TO_PAY, ORDER_CONFIRMED, 0, ORDER_TELLS_CONFIRMED},
    {ORDER_VALIDATED, 0, ORDER_PAYMENT_FAILED, ORDER_VALIDATED, 0, ORDER_TELLS_NOBODY},
    {ORDER_VALIDATED, 0, ORDER_PAYMENT_DELAYED, ORDER_VALIDATED, 0, ORDER_TELLS_NOBODY},
    {ORDER_VALIDATED, 0, ORDER_PAYMENT_CAPTURED, ORDER_VALIDATED, MONEY, ORDER_TELLS_NOBODY},
    {ORDER_VALIDATED, 0, ORDER_RESERVATION_EXPIRED, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_VALIDATED, FREE, ORDER_TIME_OUT, ORDER_CONFIRMED, 0, ORDER_TELLS_CONFIRMED},
    {ORDER_VALIDATED, 0, ORDER_TIME_OUT, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_VALIDATED, 0, ORDER_CANCEL, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},

    {ORDER_CONFIRMED, 0, ORDER_STOCK_COMMITTED, ORDER_CONFIRMED, STOCK, ORDER_TELLS_NOBODY},
    {ORDER_CONFIRMED, STOCK | MONEY, ORDER_FULFIL, ORDER_FULFILLED, REQUESTED,
     ORDER_TELLS_FULFILLED},
    {ORDER_CONFIRMED, STOCK | REQUESTED, ORDER_FULFIL, ORDER_CONFIRMED, 0, ORDER_TELLS_NOBODY},
    {ORDER_CONFIRMED, STOCK, ORDER_FULFIL, ORDER_CONFIRMED, REQUESTED,
     ORDER_TELLS_FULFILMENT_REQUESTED},
    {ORDER_CONFIRMED, STOCK | REQUESTED, ORDER_PAYMENT_CAPTURED, ORDER_FULFILLED, MONEY,
     ORDER_TELLS_FULFILLED},
    {ORDER_CONFIRMED, 0, ORDER_PAYMENT_CAPTURED, ORDER_CONFIRMED, MONEY, ORDER_TELLS_NOBODY},
    {ORDER_CONFIRMED, 0, ORDER_PAYMENT_DELAYED, ORDER_CONFIRMED, 0, ORDER_TELLS_NOBODY},
    {ORDER_CONFIRMED, 0, ORDER_CAPTURE_FAILED, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_CONFIRMED, FREE, ORDER_PAYMENT_VOIDED, ORDER_CONFIRMED, 0, ORDER_TELLS_NOBODY},
    {ORDER_CONFIRMED, 0, ORDER_PAYMENT_VOIDED, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_CONFIRMED, 0, ORDER_RESERVATION_EXPIRED, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_CONFIRMED, 0, ORDER_CANCEL, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_CONFIRMED, 0, ORDER_PAYMENT_REFUNDED, ORDER_REFUNDED, 0, ORDER_TELLS_CANCELLED},

    {ORDER_FULFILLED, 0, ORDER_PAYMENT_REFUNDED, ORDER_REFUNDED, 0, ORDER_TELLS_NOBODY},
};
enum { RULE_COUNT = sizeof(rules) / sizeof(rules[0]) };

static const char *const state_names[ORDER_STATE_COUNT] = {
    [ORDER_NONE] = "",
    [ORDER_PENDING] = "PENDING",
    [ORDER_VALIDATED] = "VALIDATED",
    [ORDER_CONFIRMED] = "CONFIRMED",
    [ORDER_FULFILLED] = "FULFILLED",
    [ORDER_REJECTED] = "REJECTED",
    [ORDER_CANCELLED] = "CANCELLED",
    [ORDER_REFUNDED] = "REFUNDED",
};

/* An event's name in the history, and the reason and message of an order that it ends if the event
 * has none itself. */
static const struct {
    const char *name, *reason, *message;
} events[ORDER_EVENT_COUNT] = {
    [ORDER_CREATE] = {"CreateOrder", "", ""},
    [ORDER_STOCK_RESERVED] = {"OrderValidationResult", "", ""},
    [ORDER_STOCK_REFUSED] = {"OrderValidationResult", "STOCK_INSUFFICIENT",
                             "there is not enough stock"},
    [ORDER_RESERVATION_EXPIRED] = {"ReservationExpired", "RESERVATION_EXPIRED",
                                   "its reservation of stock expired"},
    [ORDER_PAYMENT_AUTHORIZED] = {"PaymentAuthorized", "", ""},
    [ORDER_PAYMENT_FAILED] = {"PaymentFailed", "PAYMENT_DECLINED", "the payment was declined"},
    [ORDER_PAYMENT_REFUNDED] = {"PaymentRefunded", "", "the payment was refunded"},
    [ORDER_PAYMENT_SEEN] = {"Payment", "", ""},
    [ORDER_CANCEL] = {"CancelOrder", "ORDER_CANCELLED", "it was cancelled"},
    [ORDER_FULFIL] = {"FulfilOrder", "", ""},
    [ORDER_TIME_OUT] = {"Timeout", "ORDER_TIMED_OUT", "it waited too long"},
    [ORDER_PAYMENT_VOIDED] = {"PaymentVoided", "PAYMENT_EXPIRED",
                              "the payment is no longer authorized"},
    [ORDER_STOCK_COMMITTED] = {"StockCommitted", "", ""},
    [ORDER_PAYMENT_CAPTURED] = {"PaymentCaptured", "", ""},
    [ORDER_CAPTURE_FAILED] = {"PaymentCaptureFailed", "PAYMENT_DECLINED",
                              "the payment could not be captured"},
    [ORDER_PAYMENT_DELAYED] = {"PaymentDelayed", "PAYMENT_PROVIDER_DOWN",
                               "the payment provider does not answer; the payment is retried"},
    [ORDER_NOTHING_TO_PAY] = {"NothingToPay", "", ""},
};

/* The first row that fits. */
static const struct rule *find_rule(enum order_state from, unsigned facts, enum order_event event)
{
    for (size_t i = 0; i < RULE_COUNT; i++)
        if (rules[i].from == from && rules[i].event == event && !(rules[i].has & ~facts))
            return &rules[i];
    return 0;
}

bool order_leads(enum order_state from, enum order_state to)
{
    for (size_t i = 0; i < RULE_COUNT && from != to; i++)
        if (rules[i].from == from && rules[i].to == to) return true;
    return false;
}

bool order_is_final(enum order_state state)
{
    for (size_t i = 0; i < RULE_COUNT; i++)
        if (rules[i].from == state) return false;
    return true;
}

static unsigned facts_of(const struct order *order)
{
    return order->facts | (order->total_minor == 0 ? ORDER_IS_FREE | ORDER_HAS_MONEY : 0);
}

bool order_has(const struct order *order, unsigned facts)
{
    return (facts_of(order) & facts) == facts;
}

const char *order_state_name(enum order_state state)
{
    return state_names[state];
}

enum order_state order_state_by_name(const char *name)
{
    for (int state = ORDER_PENDING; state < ORDER_STATE_COUNT; state++)
        if (strcmp(state_names[state], name) == 0) return (enum order_state)state;
    return ORDER_NONE;
}

const char *order_event_name(enum order_event event)
{
    return events[event].name;
}

/* ---- events ---- */

static struct status refuse(struct arena *arena, const struct order *order, enum order_event event)
{
    const char *could = "", *separator = "";

    if (event == ORDER_FULFIL && order->state == ORDER_CONFIRMED)
        return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__ORDER_STOCK_PENDING,
                           "the order's stock is not committed yet; try again in a moment");
    for (int to = ORDER_PENDING; to < ORDER_STATE_COUNT; to++) {
        if (!order_leads(order->state, (enum order_state)to)) continue;
        could = arena_printf(arena, "%s%s%s", could, separator, state_names[to]);
        separator = ", ";
    }
    if (!*could) could = "none, as this state is final";
    return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__ORDER_STATE,
                         "%s is not possible for an order that is %s; states it could go to: %s",
                         events[event].name, state_names[order->state], could);
}

/* Does the order know a payment method or a payment? */
static bool has_payer(const struct order *order)
{
    return order->payment_method[0] || order->payment_id[0];
}

/* How much longer an order with a payer may wait for its payment. */
static int64_t payer_time_us(const struct order_policy *policy)
{
    return policy->payment_timeout_us > policy->method_timeout_us
               ? policy->payment_timeout_us - policy->method_timeout_us
               : 0;
}

static int64_t deadline_of(const struct order *order, int64_t now_us,
                           const struct order_policy *policy)
{
    int64_t payer_us = has_payer(order) ? 0 : payer_time_us(policy);

    if (order->state == ORDER_PENDING) return now_us + policy->validation_timeout_us;
    if (order->state == ORDER_VALIDATED) return now_us + policy->payment_timeout_us - payer_us;
    return 0;
}

/* Adds an entry to the history, with the event to publish. */
static void record(struct order *order, const struct rule *rule, const struct order_step *step,
                   struct order_turn *turn)
{
    const char *message = step->message ? step->message : events[step->event].message;

    invariant(turn->move_count < ORDER_MOVES_MAX);
    turn->moves[turn->move_count++] = (struct order_move){
        {rule->from, rule->to, step->event, step->cause, message, step->now_us}, rule->tells};
    order->steps++;
}

/* Notes why the order has ended, or what it waits for. */
static void give_reason(struct order *order, const struct order_step *step)
{
    order->reason = step->reason ? step->reason : events[step->event].reason;
    order->message = step->message ? step->message : events[step->event].message;
}

/* Follows a rule: to another state, or to one more fact in the same state. */
static void follow(struct order *order, const struct rule *rule, const struct order_step *step,
                   const struct order_policy *policy, struct order_turn *turn)
{
    bool moves = rule->to != rule->from;
    bool waits = step->event == ORDER_PAYMENT_FAILED || step->event == ORDER_PAYMENT_DELAYED;

    turn->changed = true;
    turn->captures = policy->captures_on_confirm;
    if (moves || rule->tells != ORDER_TELLS_NOBODY) record(order, rule, step, turn);

    order->facts |= rule->notes;
    if (step->tracking_number) order->tracking_number = step->tracking_number;
    if (order_is_final(rule->to) || waits) {
        give_reason(order, step);
    } else if (moves || rule->notes & ORDER_HAS_MONEY) {
        order->reason = order->message = ""; /* it no longer waits */
    }
    if (!moves) return;
    order->state = rule->to;
    order->deadline_us = deadline_of(order, step->now_us, policy);
    turn->reserve_until_us = order->deadline_us + policy->payment_timeout_us;
    turn->pay_until_us = step->now_us + policy->payment_timeout_us;
}

static bool is_asked_for(enum order_event event)
{
    return event == ORDER_CANCEL || event == ORDER_FULFIL;
}

struct status order_apply(struct arena *arena, struct order *order, const struct order_step *step,
                          const struct order_policy *policy, struct order_turn *ret_turn)
{
    const struct rule *rule = find_rule(order->state, facts_of(order), step->event);
    struct order_step next = *step;
    struct order_turn turn = {0};

    if (!rule && is_asked_for(step->event)) return refuse(arena, order, step->event);
    if (rule && step->event == ORDER_TIME_OUT && step->now_us < order->deadline_us) rule = 0;

    if (step->payment_id && step->payment_id[0] && !order->payment_id[0]) {
        if (order->state == ORDER_VALIDATED && !has_payer(order))
            order->deadline_us += payer_time_us(policy);
        order->payment_id = step->payment_id;
        turn.changed = true;
    }
    if (rule) follow(order, rule, step, policy, &turn);
    /* A free order does not wait for a payment. */
    next.event = ORDER_NOTHING_TO_PAY;
    rule = turn.changed ? find_rule(order->state, facts_of(order), next.event) : 0;
    if (rule) follow(order, rule, &next, policy, &turn);

    if (turn.changed) order->updated_us = step->now_us;
    *ret_turn = turn;
    return status_ok();
}

/* ---- lines and sums ---- */

void order_init(struct arena *arena, const char *user_id, int64_t now_us, struct order *ret_order)
{
    *ret_order = (struct order){
        .order_id = uuid_new(arena),
        .user_id = user_id,
        .currency = "",
        .cart_state = "",
        .client = "",
        .note = "",
        .payment_method = "",
        .payment_id = "",
        .reason = "",
        .message = "",
        .tracking_number = "",
        .created_us = now_us,
        .updated_us = now_us,
    };
}

struct order_line *order_append(struct arena *arena, struct order *order)
{
    invariant(order->line_count < ORDER_LINES_CAPACITY);
    if (order->line_count == order->line_capacity) {
        size_t capacity = order->line_capacity ? 2 * order->line_capacity : LINES_FIRST;
        struct order_line *lines = arena_array(arena, struct order_line, capacity);
        if (order->line_count) memcpy(lines, order->lines, order->line_count * sizeof(*lines));
        order->lines = lines;
        order->line_capacity = capacity;
    }
    return &order->lines[order->line_count++];
}

static struct order_line *find_line(struct order *order, const struct order_line *wanted)
{
    for (size_t i = 0; i < order->line_count; i++) {
        struct order_line *line = &order->lines[i];
        if (strcmp(line->variant_id, wanted->variant_id) == 0 &&
            strcmp(line->product_id, wanted->product_id) == 0)
            return line;
    }
    return 0;
}

static struct status too_large(struct arena *arena, const char *what, long long most)
{
    return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__ORDER_TOO_LARGE,
                         "an order takes at most %lld %s; split it into several orders", most,
                         what);
}

/* The total with `quantity` more of the line. */
static struct status add_total(struct arena *arena, const struct order *order,
                               const struct order_line *line, int64_t *ret_total)
{
    int64_t amount, total;

    if (line->unit_amount < 0)
        return status_printf(arena, STATUS_INTERNAL, 0, "product %s has the price %lld",
                             line->product_id, (long long)line->unit_amount);
    if (__builtin_mul_overflow(line->unit_amount, (int64_t)line->quantity, &amount) ||
        __builtin_add_overflow(order->total_minor, amount, &total) || total > ORDER_TOTAL_MAX)
        return too_large(arena, "minor units of money", ORDER_TOTAL_MAX);
    *ret_total = total;
    return status_ok();
}

struct status order_add(struct arena *arena, struct order *order, const struct order_line *added,
                        const char *currency, const struct order_policy *policy)
{
    struct order_line *line = find_line(order, added);
    int64_t quantity = (int64_t)added->quantity + (line ? line->quantity : 0), total;
    struct status st;

    if (order->line_count > 0 && strcmp(order->currency, currency) != 0)
        return status_printf(
            arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__ORDER_CURRENCY_MIXED,
            "an order has one currency, and this one has products in %s and in %s; "
            "order them separately",
            order->currency, currency);
    if (quantity > policy->quantity_max)
        return too_large(arena, "pieces of one product", policy->quantity_max);
    if (!line && order->line_count >= (size_t)policy->lines_max)
        return too_large(arena, "different products", policy->lines_max);
    st = add_total(arena, order, added, &total);
    if (failed(st)) return st;

    if (!line) {
        line = order_append(arena, order);
        *line = *added;
    }
    line->quantity = (int)quantity;
    order->total_minor = total;
    order->currency = currency;
    return status_ok();
}

int64_t order_line_total(const struct order_line *line)
{
    return line->unit_amount * line->quantity;
}

int64_t order_pieces(const struct order *order)
{
    int64_t pieces = 0;

    for (size_t i = 0; i < order->line_count; i++) pieces += order->lines[i].quantity;
    return pieces;
}

const char *order_number_text(struct arena *arena, int64_t number)
{
    number += NUMBER_FIRST;
    return arena_printf(arena, "%lld", (long long)number);
}

/* ---- customer and sellers ---- */

static bool is_same(const char *email, const char *other)
{
    return str_equal_nocase(str_of(email), str_of(other));
}

bool order_is_of(const struct order *order, const char *email)
{
    return is_same(order->user_id, email);
}

bool order_has_seller(const struct order *order, const char *email)
{
    for (size_t i = 0; i < order->line_count; i++)
        if (is_same(order->lines[i].seller, email)) return true;
    return false;
}

bool order_is_sold_by(const struct order *order, const char *email)
{
    for (size_t i = 0; i < order->line_count; i++)
        if (!is_same(order->lines[i].seller, email)) return false;
    return order->line_count > 0;
}

const char **order_sellers(struct arena *arena, const struct order *order, size_t *ret_count)
{
    const char **sellers = arena_array(arena, const char *, order->line_count + 1);
    size_t count = 0;

    for (size_t i = 0; i < order->line_count; i++) {
        size_t known = 0;
        while (known < count && !is_same(sellers[known], order->lines[i].seller)) known++;
        if (known == count) sellers[count++] = order->lines[i].seller;
    }
    *ret_count = count;
    return sellers;
}
