/* SPDX-License-Identifier: Apache-2.0 */
/* The port: what the cart service needs of its storage. An adapter fills the table;
 * cart_store_test.c holds each adapter to it.
 *
 * A cart is one document at `cart:{email}` (the address in lower case) with a version and a time to
 * live. */
#ifndef SERVICES_CART_CART_STORE_H
#define SERVICES_CART_CART_STORE_H

#include "events/events_store.h"
#include "events/idempotency.h"
#include "fiber/call.h"
#include "rpc/service.h"
#include "services/cart/cart.h"

struct cart_store;

/* A request that may be repeated: its idempotency record is written with its change. */
struct cart_request {
    struct idempotency idempotency;
    /* Makes the answer to keep, if there is a key. Runs on another thread. */
    struct str (*answer)(const struct call *call, const struct cart *cart);
    struct str replayed; /* set by the store for a repeated request: its first answer (nothing was
                            changed); else data is NULL */
};

/* A change of a cart that was just read, or of a new one (version 0). A failed status leaves the
 * stored one as it was. May run more than once, and on another thread while the call waits. */
struct cart_change {
    struct status (*apply)(const struct call *call, struct cart *cart, void *data);
    void *data;
    struct cart_request *request; /* NULL: a change that takes no key */
};

/* What was ordered from a cart. */
struct cart_order {
    const char *email;
    const char *state; /* of the cart that was ordered (cart_state); "": unknown */
    const struct cart_ordered *items;
    size_t count;
};

struct cart_store {
    /* The cart, or an empty one with version 0. */
    struct status (*load)(struct call *call, struct cart_store *store, const char *email,
                          struct cart *ret_cart);
    /* Reads, changes and saves without losing anybody's change; a changed cart (cart.changed) gets
     * the next version. *ret_cart stays unset for a repeated request. ABORTED (CART_CONTENDED)
     * after too many lost races, FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED). */
    struct status (*update)(struct call *call, struct cart_store *store, const char *email,
                            const struct cart_change *change, struct cart *ret_cart);
    /* The first answer to a repeated request; data NULL if the request is new or has no key.
     * FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED). */
    struct status (*replay)(struct call *call, struct cart_store *store,
                            const struct idempotency *idempotency, struct str *ret_answer);
    /* Takes what was ordered out of a cart (cart_take_ordered), once for each event. A cart that no
     * longer exists is not created. */
    struct status (*take_ordered)(struct call *call, struct cart_store *store,
                                  const struct event *event, const struct cart_order *order);
    void (*close)(struct cart_store *store);

    /* Its inbox and dead letters are for the events that the service consumes. */
    struct events_store events;
};

/* Opens the embedded adapter on a file; carts live for ttl_us after their last change. */
struct status cart_store_sqlite(const struct service_context *context, const char *path,
                                int64_t ttl_us, struct cart_store **ret_store);

#endif
