/* SPDX-License-Identifier: Apache-2.0 */
/* The port: what the cart service needs of its storage. An adapter fills the table;
 * cart_store_test.c holds each adapter to it.
 *
 * A cart is one document at `cart:{email}` (the address in lower case) with a version and a time to
 * live. */
#ifndef SERVICES_CART_CART_STORE_H
#define SERVICES_CART_CART_STORE_H

#include "events/change.h"
#include "events/events_store.h"
#include "fiber/call.h"
#include "rpc/service.h"
#include "services/cart/cart.h"

struct cart_store;

/* A change of a cart that was just read, or of a new one (version 0). A failed status leaves the
 * stored one as it was. May run more than once, and on another thread while the call waits. */
struct cart_change {
    struct status (*apply)(const struct call *call, struct cart *cart, void *data);
    void *data;
    struct change_cause cause;
    /* Makes the answer to store for a request with a key; NULL: the change takes no key. */
    struct str (*answer)(const struct call *call, const struct cart *cart);
};

/* What an adapter writes. */
struct cart_write {
    struct cart cart;
    bool keeps; /* the cart must be stored, with a new time to live; false: only the record */
    struct change_record record;
};

/* Applies a change to the cart that was read into write->cart, and fills in the rest of the write.
 * Pure; for adapters, which may call it more than once. */
struct status cart_decide(const struct call *call, const struct cart_change *change, int64_t now_us,
                          struct cart_write *write);

struct cart_store {
    /* Connects a store whose engine is another process (rpc/service.h); NULL: it is embedded. */
    struct status (*open)(struct call *call, struct cart_store *store);
    /* Likewise, service_module.check; NULL: there is nothing to say. */
    struct status (*check)(struct call *call, struct cart_store *store,
                           struct store_findings *findings);
    /* The cart, or an empty one with version 0. */
    struct status (*load)(struct call *call, struct cart_store *store, const char *email,
                          struct cart *ret_cart);
    /* Reads, changes and saves without losing anybody's change; a changed cart (cart.changed) gets
     * the next version. *ret_cart stays unset if the cause took effect before. ABORTED
     * (CART_CONTENDED) after too many lost races, FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED). */
    struct status (*update)(struct call *call, struct cart_store *store, const char *email,
                            const struct cart_change *change, struct cart *ret_cart);
    /* Sets request->replayed: the first answer to a repeated request; its data stays NULL if the
     * request is new or has no key. FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED). */
    struct status (*replay)(struct call *call, struct cart_store *store,
                            struct change_request *request);
    void (*close)(struct cart_store *store);

    /* Its inbox and dead letters are for the events that the service consumes. */
    struct events_store events;
};

/* Opens the embedded adapter on a file; carts live for ttl_us after their last change. */
struct status cart_store_sqlite(const struct service_context *context, const char *path,
                                int64_t ttl_us, struct cart_store **ret_store);

/* The adapter for a Redis server at a URL (store/redis/redis_url.h); its `open` connects. Marks of
 * events that were applied are kept for marks_ttl_us. */
struct status cart_store_redis(const struct service_context *context, const char *url,
                               int64_t ttl_us, int64_t marks_ttl_us, struct cart_store **ret_store);

#endif
