/* SPDX-License-Identifier: Apache-2.0 */
/* The port: what the order service needs of its storage. An adapter fills the table;
 * order_store_test.c holds each adapter to it.
 *
 * Every change is one transaction of the order, its history, the event that it publishes (topic
 * ORDER_TOPIC, key the order's id), and the record of its cause: the event or the request. */
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

/* The result of a write: what an adapter must store, and what its caller gets. */
struct order_written {
    struct order order;
    enum order_state before; /* the order's state before the turn; ORDER_NONE: it is new */
    struct order_turn turn;  /* all zeros: nothing was changed */
    /* All transitions including this one, of a change that has an `answer`. */
    const struct order_transition *history;
    size_t history_count;
    bool is_earlier; /* the state of the cart was ordered before: `order` is that order as it is
                        now, and nothing was changed */
    struct change_record record;
};

/* Makes the answer to keep for a request with a key. Pure. */
typedef struct str order_answer(struct arena *arena, const struct order_written *written);

/* A new order, and the turn that created it (ORDER_CREATE). */
struct order_creation {
    const struct order *order;
    const struct order_turn *turn;
    struct change_cause cause;
    order_answer *answer; /* used if there is an idempotency key */
    /* The limits of its customer's and its address's unpaid orders; NULL: no limits. */
    const struct order_policy *bounds;
    /* The state of the cart was ordered before: answer that order and create none. */
    bool is_made;
};

/* A change of an order that was just read. */
struct order_change {
    const char *order_id;
    /* Changes written->order and fills in written->turn. A failed status leaves everything as it
     * was. May run more than once, and on another thread while the call waits. */
    struct status (*apply)(const struct call *call, struct order_written *written, void *data);
    void *data;
    struct change_cause cause;
    order_answer *answer; /* of a request, which is answered with the history too */
};

/* ---- for adapters ----
 *
 * An adapter reads, has one of these functions decide, and writes: the order's row, the rows of its
 * sellers if the state has changed, an entry of the history for each move of the turn, and the
 * record. The functions are pure and may be called more than once. */

/* What an adapter has read for a new order. */
struct order_creation_found {
    const struct order *earlier; /* the order of the same state of the cart that is not REJECTED or
                                    CANCELLED; NULL: none */
    /* Without an earlier one: */
    int64_t number;                           /* the new order's number */
    struct order_held of_customer, of_client; /* if the creation has bounds */
};

struct status order_decide_creation(const struct call *call, const struct order_creation *creation,
                                    const struct order_creation_found *found,
                                    struct order_written *ret_written);

/* `order` is as stored; `history` is its history if the change has an `answer`, else NULL. */
struct status order_decide_change(const struct call *call, const struct order_change *change,
                                  const struct order *order, const struct order_transition *history,
                                  struct order_written *ret_written);

/* The position in the history, from 1, of the turn's first move. */
int order_first_step(const struct order_written *written);

struct order_query {
    const char *user_id;    /* the orders of this customer, or else */
    const char *seller;     /* those with products of this seller */
    enum order_state state; /* ORDER_NONE: in any state */
    struct str after;       /* the position where the previous page ended; empty: the first page */
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
    struct str next; /* the position of the next page; empty: there is none */
};

struct order_store {
    /* Stores a new order and fills in its number. If the state of the cart was ordered before, and
     * that order is not REJECTED or CANCELLED, it is the result if both orders are alike, else
     * ALREADY_EXISTS (CART_ORDERED). ABORTED (CART_CONTENDED) if `is_made` is no longer true.
     * RESOURCE_EXHAUSTED (ORDER_UNPAID_MAX), FAILED_PRECONDITION (ORDER_TOO_LARGE). */
    struct status (*create)(struct call *call, struct order_store *store,
                            const struct order_creation *creation,
                            struct order_written *ret_written);
    /* Reads, changes and saves without losing anybody's change. ORDER_NOT_FOUND. */
    struct status (*update)(struct call *call, struct order_store *store,
                            const struct order_change *change, struct order_written *ret_written);
    /* Looks for the first answer to a repeated request. Sets request->replayed, with data NULL if
     * the request is new or has no key. FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED). */
    struct status (*replay)(struct call *call, struct order_store *store,
                            struct change_request *request);

    /* ORDER_NOT_FOUND. */
    struct status (*find)(struct call *call, struct order_store *store, const char *order_id,
                          struct order *ret_order);
    /* The order of a state of the customer's cart that is not REJECTED or CANCELLED.
     * ORDER_NOT_FOUND. */
    struct status (*find_of_cart)(struct call *call, struct order_store *store, const char *user_id,
                                  const char *cart_state, struct order *ret_order);
    /* The transitions of a stored order, the oldest first. */
    struct status (*history)(struct call *call, struct order_store *store,
                             const struct order *order, struct order_transition **ret_history,
                             size_t *ret_count);
    /* PAGE_CURSOR_INVALID. */
    struct status (*list)(struct call *call, struct order_store *store,
                          const struct order_query *query, struct order_page *ret_page);

    /* At most `max` orders whose deadline has passed. */
    struct status (*due)(struct call *call, struct order_store *store, int64_t now_us, size_t max,
                         const char ***ret_order_ids, size_t *ret_count);
    /* How many orders are in each open state. */
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
    /* Connects to an engine that is another process, as struct service_module says of `open`; NULL
     * for the embedded store. */
    struct status (*open)(struct call *call, struct order_store *store);
    /* Likewise, of `check`; NULL: there is nothing to say. */
    struct status (*check)(struct call *call, struct order_store *store,
                           struct store_findings *findings);
    void (*close)(struct order_store *store);
};

/* Opens the embedded adapter on a file. */
struct status order_store_sqlite(const struct service_context *context, const char *path,
                                 struct order_store **ret_store);
/* Makes the adapter on PostgreSQL; it reaches the server in `open`. */
struct status order_store_postgres(const struct service_context *context, const char *url,
                                   struct order_store **ret_store);

/* ---- for adapters ---- */

struct status order_not_found(void);

/* A page's position is the number of its last order, in bytes: the orders below it follow, and at
 * first all. PAGE_CURSOR_INVALID. */
struct status order_page_position(struct str position, int64_t *ret_before);

/* ORDER_NONE for a number that is no state. */
enum order_state order_state_of(int64_t stored);

/* The columns of `orders o` in the SQL stores, in the order in which their rows are read. */
#define ORDER_COLUMNS                                                               \
    "o.number, o.order_id, o.user_id, o.state, o.steps, o.total_minor, o.currency," \
    " o.from_cart, o.payment_method, o.payment_id, o.reason, o.message,"            \
    " o.tracking_number, o.created_us, o.updated_us, o.deadline_us, o.document,"    \
    " o.cart_state, o.client, o.facts"
enum { ORDER_COLUMN_COUNT = 20 };

#endif
