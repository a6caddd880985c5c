/* SPDX-License-Identifier: Apache-2.0 */
/* The order: what was ordered, for how much, and what becomes of it. Plain values, no I/O.
 *
 * An order is carried out by events, which come twice, late, and out of order. What each of them
 * does in each state is one table (order.c) behind one function, order_apply; nothing else changes
 * a state. An order is delivered only once it has heard two facts: its stock is committed, and its
 * money is taken. */
#ifndef SERVICES_ORDER_ORDER_H
#define SERVICES_ORDER_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

/* What no setting goes past, and with it no sum over any order. */
enum { ORDER_LINES_CAPACITY = 500, ORDER_QUANTITY_CAPACITY = 1000000 };
#define ORDER_TOTAL_MAX INT64_C(1000000000000000)

/* Stored, so the numbers stay. Those before ORDER_FULFILLED are open: somebody waits for them. */
enum order_state {
    ORDER_NONE, /* before it is made */
    ORDER_PENDING,
    ORDER_VALIDATED,
    ORDER_CONFIRMED,
    ORDER_FULFILLED,
    ORDER_REJECTED,
    ORDER_CANCELLED,
    ORDER_REFUNDED,
};
enum { ORDER_STATE_COUNT = ORDER_REFUNDED + 1 };

/* What may happen to an order. Stored in its history, so the numbers stay. */
enum order_event {
    ORDER_CREATE,
    ORDER_STOCK_RESERVED,
    ORDER_STOCK_REFUSED,
    ORDER_RESERVATION_EXPIRED,
    ORDER_PAYMENT_AUTHORIZED,
    ORDER_PAYMENT_FAILED,
    ORDER_PAYMENT_REFUNDED, /* all of it */
    ORDER_PAYMENT_SEEN,     /* anything else that tells of the payment: its id is noted */
    ORDER_CANCEL,           /* somebody asks for it */
    ORDER_FULFIL,           /* likewise */
    ORDER_TIME_OUT,
    ORDER_PAYMENT_VOIDED,  /* what was authorized is gone */
    ORDER_STOCK_COMMITTED, /* the pieces are this order's */
    ORDER_PAYMENT_CAPTURED,
    ORDER_CAPTURE_FAILED,  /* for good */
    ORDER_PAYMENT_DELAYED, /* the provider does not answer; it is asked again */
    ORDER_NOTHING_TO_PAY,
};
enum { ORDER_EVENT_COUNT = ORDER_NOTHING_TO_PAY + 1 };

/* What an order has heard so far, bits of `facts`. Stored, so the numbers stay. */
enum order_fact {
    ORDER_HAS_STOCK = 1,
    ORDER_HAS_MONEY = 2,
    ORDER_FULFILMENT_REQUESTED = 4,
    ORDER_IS_FREE = 8, /* its total is 0; never stored */
};

/* What the others are told, in the transaction of the change. */
enum order_notice {
    ORDER_TELLS_NOBODY,
    ORDER_TELLS_CREATED,
    ORDER_TELLS_VALIDATED,
    ORDER_TELLS_CONFIRMED,
    ORDER_TELLS_CANCELLED,
    ORDER_TELLS_FULFILMENT_REQUESTED,
    ORDER_TELLS_FULFILLED,
};

/* What may be held unpaid at a time: the orders, their lines, and their pieces. 0: no bound. */
struct order_bounds {
    int64_t orders, lines, pieces;
};

struct order_policy {
    int lines_max;                 /* at most ORDER_LINES_CAPACITY */
    int quantity_max;              /* of one line; at most ORDER_QUANTITY_CAPACITY */
    int64_t validation_timeout_us; /* how long an order waits for its stock */
    int64_t method_timeout_us;     /* then for somebody who wants to pay it */
    int64_t payment_timeout_us;    /* and for its payment, if somebody does */
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
    int64_t number;       /* for people; 0: not kept yet */
    const char *user_id;  /* the customer's address */
    enum order_state state;
    unsigned facts; /* enum order_fact; ask order_has, which knows of free orders too */
    int steps;      /* entries of the history so far */

    struct order_line *lines;
    size_t line_count, line_capacity;
    int64_t total_minor;
    const char *currency; /* "" without lines */
    bool from_cart;
    const char *cart_state; /* which state of the cart it is; "": of no cart, or unknown */
    const char *client;     /* the network address that asked for it; "" if it does not count, and
                               once it is paid */
    const struct order_address *address; /* NULL: none was given */
    const char *note;

    const char *payment_method; /* a token of the provider; "" */
    const char *payment_id;     /* "" until it is known */
    const char *reason;         /* why it ended or still waits, enum argosy.Reason by name; "" */
    const char *message;        /* the same in words */
    const char *tracking_number;

    int64_t created_us;
    int64_t updated_us;
    int64_t deadline_us; /* when it ends by itself; 0: never */
};

/* One entry of an order's history; mostly it leads to another state. */
struct order_transition {
    enum order_state from, to;
    enum order_event event;
    const char *cause; /* an address, or an event's id */
    const char *message;
    int64_t at_us;
};

/* ---- making one ---- */

/* An order of nothing, with a new id, in no state. */
void order_init(struct arena *arena, const char *user_id, int64_t now_us, struct order *ret_order);

/* Room for one line more, at the end; below ORDER_LINES_CAPACITY. */
struct order_line *order_append(struct arena *arena, struct order *order);

/* Adds a line, or its quantity to that of the same variant. ORDER_CURRENCY_MIXED, ORDER_TOO_LARGE;
 * INTERNAL for a price that no shop of ours has. */
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
const char *order_client_of(struct arena *arena, const char *ip);

/* What somebody holds. */
struct order_held {
    int64_t orders, lines, pieces;
    int64_t until_us; /* when the first of the orders ends by itself; 0: there is none */
};

/* May a new order be held besides? `whose`: "you have", for the message. RESOURCE_EXHAUSTED
 * (ORDER_UNPAID_MAX) with the time to try again; FAILED_PRECONDITION (ORDER_TOO_LARGE) if the order
 * alone is over a bound. */
struct status order_check_held(struct arena *arena, const struct order *order,
                               const struct order_held *held, const struct order_bounds *bounds,
                               const char *whose);

/* "100042": of the row's sequence. */
const char *order_number_text(struct arena *arena, int64_t number);

/* ---- what happens to it ---- */

struct order_step {
    enum order_event event;
    const char *cause;
    const char *reason;          /* of what ends the order: by name; NULL: the event's own */
    const char *message;         /* in words; NULL: the event's own */
    const char *payment_id;      /* NULL: it says none */
    const char *tracking_number; /* likewise */
    int64_t now_us;
};

/* One move of a step: an entry of the history, and what the others are told. */
struct order_move {
    struct order_transition transition;
    enum order_notice tells;
};

/* A free order is validated and confirmed in one step. */
enum { ORDER_MOVES_MAX = 2 };

/* What a step has done. */
struct order_turn {
    bool changed; /* the order is another one now, and to be kept */
    struct order_move moves[ORDER_MOVES_MAX];
    int move_count;           /* 0: at most a fact or a reason was noted */
    int64_t reserve_until_us; /* of ORDER_TELLS_CREATED */
    int64_t pay_until_us;     /* of ORDER_TELLS_VALIDATED */
    bool captures;            /* of ORDER_TELLS_CONFIRMED: now, and not on fulfilment */
};

/* Applies an event to the order. What does not fit its state changes nothing, and that is fine for
 * what the machine tells, which may come late or twice; what somebody asks for (ORDER_CANCEL,
 * ORDER_FULFIL) is refused: FAILED_PRECONDITION, with ORDER_STATE and the states that it could go
 * to, or with ORDER_STOCK_PENDING if it can be fulfilled once its stock is committed.
 * ORDER_TIME_OUT counts only once the deadline has passed. */
struct status order_apply(struct arena *arena, struct order *order, const struct order_step *step,
                          const struct order_policy *policy, struct order_turn *ret_turn);

/* Does the table lead from one state to the other, in one step? */
bool order_leads(enum order_state from, enum order_state to);

/* Has the order heard all of these facts (enum order_fact)? Nothing is to be paid for a free one. */
bool order_has(const struct order *order, unsigned facts);

/* Nothing leads out of it. */
bool order_is_final(enum order_state state);

/* "PENDING", and ORDER_NONE for what is none; "" for ORDER_NONE. */
const char *order_state_name(enum order_state state);
enum order_state order_state_by_name(const char *name);

/* "OrderValidationResult". */
const char *order_event_name(enum order_event event);

/* ---- whose it is; addresses are compared whatever their case ---- */

bool order_is_of(const struct order *order, const char *email);
/* Does it have a line of this seller? */
bool order_has_seller(const struct order *order, const char *email);
/* Are all lines this seller's? */
bool order_is_sold_by(const struct order *order, const char *email);

/* The distinct sellers of the lines, as first written; an array in the arena. */
const char **order_sellers(struct arena *arena, const struct order *order, size_t *ret_count);

#endif
