/* SPDX-License-Identifier: Apache-2.0 */
/* The port: what the order service wants kept. An adapter fills the table; order_store_test.c holds
 * each one to it.
 *
 * Every change is one transaction of the order, its history, the event that tells of it (topic
 * ORDER_TOPIC, key the order's id), the record of the event that caused it or of the request that
 * asked for it. */
#ifndef SERVICES_ORDER_ORDER_STORE_H
#define SERVICES_ORDER_ORDER_STORE_H

#include "events/change.h"
#include "events/events_store.h"
#include "rpc/service.h"
#include "services/order/order.h"

#define ORDER_TOPIC "order-events"

/* Bytes of documents after which a page ends early. */
enum { ORDER_PAGE_BYTES_MAX = 1024 * 1024 };

struct order_store;

/* What comes of a write: what an adapter has to keep, and what its caller is told. */
struct order_written {
    struct order order;
    enum order_state before; /* the order's, before the turn; ORDER_NONE: it is a new one */
    struct order_turn turn;  /* all zeros: nothing of the order is changed */
    /* The transitions with this one, of a change that has an `answer`. */
    const struct order_transition *history;
    size_t history_count;
    bool is_earlier; /* the state of the cart had been ordered: `order` is that one, as it is now,
                        and nothing is changed */
    struct change_record record;
};

/* What is kept as the answer to a request with a key. Pure. */
typedef struct str order_answer(struct arena *arena, const struct order_written *written);

/* A new order, and the turn that has made it (ORDER_CREATE). */
struct order_creation {
    const struct order *order;
    const struct order_turn *turn;
    struct change_cause cause;
    order_answer *answer; /* with an idempotency key */
    /* What its customer and its client may hold unpaid, with this order; NULL: without bounds. */
    const struct order_policy *bounds;
    /* The state of the cart was an order already: that is answered, and nothing is made. */
    bool is_made;
};

/* A change of an order that was just read. */
struct order_change {
    const char *order_id;
    /* A failed status leaves everything as it was. May run more than once, and on another thread
     * while the call waits. */
    struct status (*apply)(const struct call *call, struct order *order, void *data,
                           struct order_turn *ret_turn);
    void *data;
    struct change_cause cause;
    order_answer *answer; /* of a change that somebody asks for, who is told the history, too */
};

/* ---- for adapters ----
 *
 * An adapter reads, has one of these decide, and writes: the order's row, the rows of its sellers
 * when the state is another one, an entry of the history for each move of the turn, and the record.
 * They are pure and may be called more than once. */

/* What is kept already, and matters to a new order. */
struct order_creation_found {
    const struct order *earlier; /* the order that the state of the cart is, unless it failed; NULL:
                                    there is none */
    /* Without an earlier one: */
    int64_t number;                           /* the new order's, if it is made */
    struct order_held of_customer, of_client; /* if the creation has bounds */
};

struct status order_decide_creation(const struct call *call, const struct order_creation *creation,
                                    const struct order_creation_found *found,
                                    struct order_written *ret_written);

/* `order` was read; `history` is its own if the change has an `answer`, else NULL. */
struct status order_decide_change(const struct call *call, const struct order_change *change,
                                  const struct order *order, const struct order_transition *history,
                                  struct order_written *ret_written);

/* The number in the history, from 1, of the first move of the turn. */
int order_first_step(const struct order_written *written);

struct order_query {
    const char *user_id;    /* of this customer, or else */
    const char *seller;     /* with products of this seller */
    enum order_state state; /* ORDER_NONE: in any */
    struct str after;       /* the position where the page before ended; empty: the first */
    int limit;
};

/* What others' books are compared with. */
struct order_brief {
    int64_t number;
    const char *order_id;
    enum order_state state;
    int64_t total_minor;
};

struct order_page {
    struct order *orders; /* newest first */
    size_t count;
    struct str next; /* where the next page begins; empty: there is none */
};

struct order_store {
    /* Keeps a new order; its number is filled in. A state of a cart that is an order which did not
     * fail (it is not REJECTED or CANCELLED) is answered with that order if both are alike, else
     * ALREADY_EXISTS (CART_ORDERED). ABORTED (CART_CONTENDED) if `is_made` is not true any more.
     * RESOURCE_EXHAUSTED (ORDER_UNPAID_MAX), FAILED_PRECONDITION (ORDER_TOO_LARGE). */
    struct status (*create)(struct call *call, struct order_store *store,
                            const struct order_creation *creation,
                            struct order_written *ret_written);
    /* Reads, changes and saves, losing nobody's change. ORDER_NOT_FOUND. */
    struct status (*update)(struct call *call, struct order_store *store,
                            const struct order_change *change, struct order_written *ret_written);
    /* Was the request here before? Sets request->replayed, with no data if it is new or has no key.
     * FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED). */
    struct status (*replay)(struct call *call, struct order_store *store,
                            struct change_request *request);

    /* ORDER_NOT_FOUND. */
    struct status (*find)(struct call *call, struct order_store *store, const char *order_id,
                          struct order *ret_order);
    /* The order that a state of the customer's cart is, unless it failed. ORDER_NOT_FOUND. */
    struct status (*find_of_cart)(struct call *call, struct order_store *store, const char *user_id,
                                  const char *cart_state, struct order *ret_order);
    /* The transitions of an order that was read, the oldest first. */
    struct status (*history)(struct call *call, struct order_store *store,
                             const struct order *order, struct order_transition **ret_history,
                             size_t *ret_count);
    /* PAGE_CURSOR_INVALID. */
    struct status (*list)(struct call *call, struct order_store *store,
                          const struct order_query *query, struct order_page *ret_page);

    /* At most `max` orders whose deadline has passed. */
    struct status (*due)(struct call *call, struct order_store *store, int64_t now_us, size_t max,
                         const char ***ret_order_ids, size_t *ret_count);
    /* How many are in each open state. */
    struct status (*count)(struct call *call, struct order_store *store,
                           int64_t ret_counts[ORDER_STATE_COUNT]);

    /* For audits, which give way to everybody else: these orders (ORDER_NONE for one that is not
     * here), and at most `max` after a number, in their order. */
    struct status (*states)(struct call *call, struct order_store *store,
                            const char *const *order_ids, size_t count,
                            enum order_state **ret_states);
    struct status (*briefs)(struct call *call, struct order_store *store, int64_t after, size_t max,
                            struct order_brief **ret_briefs, size_t *ret_count);

    struct events_store events; /* its log and dead letters */
    void (*close)(struct order_store *store);
};

/* Opens the embedded adapter on a file. */
struct status order_store_sqlite(const struct service_context *context, const char *path,
                                 struct order_store **ret_store);

struct status order_not_found(void);

#endif
