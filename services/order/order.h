/* SPDX-License-Identifier: Apache-2.0 */
/* The order: its lines, its money, and its states. Plain values, no I/O.
 *
 * An order is carried out by events, which may come twice, late, or out of order. What each of them
 * does in each state is one table (order.c) behind one function, order_apply; nothing else changes
 * a state. An order is delivered only once it knows two facts: its stock is committed, and its
 * payment is captured. */
#ifndef SERVICES_ORDER_ORDER_H
#define SERVICES_ORDER_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

/* Upper bounds of the settings; within them no sum over an order overflows. */
enum { ORDER_LINES_CAPACITY = 500, ORDER_QUANTITY_CAPACITY = 1000000 };
#define ORDER_TOTAL_MAX INT64_C(1000000000000000)

/* Stored, so the numbers must not change. States before ORDER_FULFILLED are open: such an order
 * still waits for something. */
enum order_state {
    ORDER_NONE, /* before it is created */
    ORDER_PENDING,
    ORDER_VALIDATED,
    ORDER_CONFIRMED,
    ORDER_FULFILLED,
    ORDER_REJECTED,
    ORDER_CANCELLED,
    ORDER_REFUNDED,
};
enum { ORDER_STATE_COUNT = ORDER_REFUNDED + 1 };

/* What may happen to an order. Stored in its history, so the numbers must not change. */
enum order_event {
    ORDER_CREATE,
    ORDER_STOCK_RESERVED,
    ORDER_STOCK_REFUSED,
    ORDER_RESERVATION_EXPIRED,
    ORDER_PAYMENT_AUTHORIZED,
    ORDER_PAYMENT_FAILED,
    ORDER_PAYMENT_REFUNDED, /* completely */
    ORDER_PAYMENT_SEEN,     /* any other event of the payment: its id is noted */
    ORDER_CANCEL,           /* a request */
    ORDER_FULFIL,           /* a request */
    ORDER_TIME_OUT,
    ORDER_PAYMENT_VOIDED,  /* the authorization has ended */
    ORDER_STOCK_COMMITTED, /* the pieces are sold to this order */
    ORDER_PAYMENT_CAPTURED,
    ORDER_CAPTURE_FAILED,  /* for good */
    ORDER_PAYMENT_DELAYED, /* the provider does not answer; the call is retried */
    ORDER_NOTHING_TO_PAY,
};
enum { ORDER_EVENT_COUNT = ORDER_NOTHING_TO_PAY + 1 };

/* What an order knows so far, as bits of `facts`. Stored, so the numbers must not change. */
enum order_fact {
    ORDER_HAS_STOCK = 1,
    ORDER_HAS_MONEY = 2,
    ORDER_FULFILMENT_REQUESTED = 4,
    ORDER_IS_FREE = 8, /* its total is 0; never stored */
};

/* Which event is published in the transaction of the change. */
enum order_notice {
    ORDER_TELLS_NOBODY,
    ORDER_TELLS_CREATED,
    ORDER_TELLS_VALIDATED,
    ORDER_TELLS_CONFIRMED,
    ORDER_TELLS_CANCELLED,
    ORDER_TELLS_FULFILMENT_REQUESTED,
    ORDER_TELLS_FULFILLED,
};

/* The most unpaid orders at a time, and the most lines and pieces in them. 0: no limit. */
struct order_bounds {
    int64_t orders, lines, pieces;
};

struct order_policy {
    int lines_max;                 /* at most ORDER_LINES_CAPACITY */
    int quantity_max;              /* of one line; at most ORDER_QUANTITY_CAPACITY */
    int64_t validation_timeout_us; /* how long an order waits for its stock */
    int64_t method_timeout_us;     /* then how long without a payment method */
    int64_t payment_timeout_us;    /* or, with one, for its payment */
    bool captures_on_confirm;      /* else on fulfilment */
    struct order_bounds of_customer, of_client;
};

/* A variant of a product, with name and price as they were when it was ordered. */
struct order_line {
    const char *product_id;
    const char *category;
    const char *variant_id;
    const char *product_name;
    const char *const *options; /* "Blue", "Large" */
    size_t option_count;
    const char *image_url;
    const char *seller; /* the address */
    int64_t unit_amount;
    int quantity;
};

struct order_address {
    const char *name, *line1, *line2, *city, *postal_code, *region, *country, *phone;
};

struct order {
    const char *order_id; /* UUIDv7 */
    int64_t number;       /* for people; 0: not stored yet */
    const char *user_id;  /* the customer's address */
    enum order_state state;
    unsigned facts; /* enum order_fact; use order_has, which handles free orders too */
    int steps;      /* entries of the history so far */

    struct order_line *lines;
    size_t line_count, line_capacity;
    int64_t total_minor;
    const char *currency; /* "" without lines */
    bool from_cart;
    const char *cart_state; /* the state of the cart that was ordered; "": no cart, or unknown, or
                               a store has dropped it because the order has failed */
    const char *client;     /* the network address of the request; "" if it does not count, and
                               once the order is paid or has ended */
    const struct order_address *address; /* NULL: none was given */
    const char *note;

    const char *payment_method; /* a token of the provider; "" */
    const char *payment_id;     /* "" until it is known */
    const char *reason;         /* why it ended or waits, enum argosy.Reason by name; "" */
    const char *message;        /* the same in words */
    const char *tracking_number;

    int64_t created_us;
    int64_t updated_us;
    int64_t deadline_us; /* when it is cancelled by the sweep; 0: never */
};

/* One entry of an order's history, mostly a change of its state. */
struct order_transition {
    enum order_state from, to;
    enum order_event event;
    const char *cause; /* an address, or an event's id */
    const char *message;
    int64_t at_us;
};

/* ---- creating ---- */

/* An empty order with a new id, in ORDER_NONE. */
void order_init(struct arena *arena, const char *user_id, int64_t now_us, struct order *ret_order);

/* Appends an empty line; the order must have fewer than ORDER_LINES_CAPACITY. */
struct order_line *order_append(struct arena *arena, struct order *order);

/* Adds a line, or adds its quantity to the line of the same variant. ORDER_CURRENCY_MIXED,
 * ORDER_TOO_LARGE; INTERNAL for an impossible price. */
struct status order_add(struct arena *arena, struct order *order, const struct order_line *line,
                        const char *currency, const struct order_policy *policy);

int64_t order_line_total(const struct order_line *line);

/* The pieces of all lines. */
int64_t order_pieces(const struct order *order);

/* Would the customer get the same by either: paid in the same way, sent to the same place, with the
 * same note? */
bool order_is_alike(const struct order *order, const struct order *other);

/* What a state of the cart is answered that is another order already: ALREADY_EXISTS
 * (CART_ORDERED). */
struct status order_cart_is_ordered(struct arena *arena, const struct order *order);

/* ---- what is held unpaid ---- */

/* The address as one that is counted: an IPv6 address counts as its /64, which is what one customer
 * of a provider has; an IPv4 address in IPv6 form as itself. "" for one that tells nothing of the
 * client: none, or this machine's own. */
const char *order_client_of(struct arena *arena, const char *address);

/* The unpaid orders of a customer or an address. */
struct order_held {
    int64_t orders, lines, pieces;
    int64_t until_us; /* when the first of the orders is cancelled by the sweep; 0: none */
};

/* Does a new order fit within the bounds, with the unpaid ones? `whose` begins the message: "you
 * have". RESOURCE_EXHAUSTED (ORDER_UNPAID_MAX) with the time to retry; FAILED_PRECONDITION
 * (ORDER_TOO_LARGE) if the order alone exceeds a bound. */
struct status order_check_held(struct arena *arena, const struct order *order,
                               const struct order_held *held, const struct order_bounds *bounds,
                               const char *whose);

/* "100042", from the row's number. */
const char *order_number_text(struct arena *arena, int64_t number);

/* ---- events ---- */

struct order_step {
    enum order_event event;
    const char *cause;
    const char *reason;          /* why the order ends or waits, by name; NULL: the default */
    const char *message;         /* the same in words; NULL: the default */
    const char *payment_id;      /* NULL: unknown */
    const char *tracking_number; /* NULL: none given */
    int64_t now_us;
};

/* One move of a step: an entry of the history, and the event that is published. */
struct order_move {
    struct order_transition transition;
    enum order_notice tells;
};

/* A free order is validated and confirmed in one step. */
enum { ORDER_MOVES_MAX = 2 };

/* The effect of a step. */
struct order_turn {
    bool changed; /* the order was changed and must be stored */
    struct order_move moves[ORDER_MOVES_MAX];
    int move_count;           /* 0: at most a fact or a reason was noted */
    int64_t reserve_until_us; /* for ORDER_TELLS_CREATED */
    int64_t pay_until_us;     /* for ORDER_TELLS_VALIDATED */
    bool captures;            /* for ORDER_TELLS_CONFIRMED: capture now rather than on fulfilment */
};

/* Applies an event to the order. An event that does not fit the state changes nothing: OK if it
 * comes from another service, as it may be late or repeated. A request (ORDER_CANCEL, ORDER_FULFIL)
 * is refused then: FAILED_PRECONDITION, with ORDER_STATE and the states that the order could go to,
 * or with ORDER_STOCK_PENDING if it can be fulfilled once its stock is committed. ORDER_TIME_OUT
 * takes effect only after the deadline. */
struct status order_apply(struct arena *arena, struct order *order, const struct order_step *step,
                          const struct order_policy *policy, struct order_turn *ret_turn);

/* Is there a rule from one state to the other? */
bool order_leads(enum order_state from, enum order_state to);

/* Does the order know all of these facts (enum order_fact)? A free order counts as paid. */
bool order_has(const struct order *order, unsigned facts);

/* Is there no rule out of this state? */
bool order_is_final(enum order_state state);

/* "PENDING"; "" for ORDER_NONE. The reverse answers ORDER_NONE for an unknown name. */
const char *order_state_name(enum order_state state);
enum order_state order_state_by_name(const char *name);

/* "OrderValidationResult". */
const char *order_event_name(enum order_event event);

/* ---- customer and sellers; addresses are compared without case ---- */

bool order_is_of(const struct order *order, const char *email);
/* Does it have a line of this seller? */
bool order_has_seller(const struct order *order, const char *email);
/* Are all lines this seller's? */
bool order_is_sold_by(const struct order *order, const char *email);

/* The distinct sellers of the lines, as first written; an array in the arena. */
const char **order_sellers(struct arena *arena, const struct order *order, size_t *ret_count);

#endif
