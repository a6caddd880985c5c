/* SPDX-License-Identifier: Apache-2.0 */
/* What the catalogue wants kept: the port, a table of functions that each adapter fills.
 *
 *     st = store->find(call, store, &key, &product);
 *     st = store->update(call, store, &key, &change, &after);
 *
 * A change has a function that the store runs between reading a product and writing it, so that
 * nobody can lose an update: the store guarantees that nothing came in between. It may run more
 * than once and must not suspend. Every change of stock that it makes becomes an entry of the
 * ledger in the same transaction.
 *
 * What is answered is in the call's arena. A reader that starts after a change was answered sees
 * it. */
#ifndef SERVICES_PRODUCT_PRODUCT_STORE_H
#define SERVICES_PRODUCT_PRODUCT_STORE_H

#include "events/events_store.h"
#include "events/change.h"
#include "fiber/call.h"
#include "services/product/product_audit.h"
#include "services/product/product_reservation.h"
#include "services/product/product_search.h"

/* A change: `apply` reads `product` and writes what becomes of it. A failed status changes nothing
 * and becomes the answer. */
struct product_change {
    struct status (*apply)(struct arena *arena, const struct product *product, void *data,
                           struct product *ret_product);
    void *data;
    const char *created_by; /* who does it, for the ledger */
};

/* May this be done to the product as it is now? */
struct product_check {
    struct status (*allow)(struct arena *arena, const struct product *product, void *data);
    void *data;
    const char *created_by;
};

/* What causes a change, and the answer to keep for its request. */
struct product_request {
    struct change_cause cause;
    struct str (*answer)(struct arena *arena, const struct product *product); /* pure */
};

/* A change of the stock of one variant; "" names the only one. */
struct product_adjustment {
    const char *variant_id;
    const struct product_stock_change *change;
    const struct product_check *check;
    const struct product_request *request; /* NULL: nobody's that may come twice */
};

struct product_stock_page {
    struct product_stock_entry *entries; /* the newest first */
    size_t count;
    int64_t next; /* the next page's `before`; 0 on the last */
};

/* A product out of a file, and what became of it. */
struct product_import {
    struct product product; /* as product_import_draft made it */
    bool dry_run;
    ProductService__ImportProductResult__Outcome outcome; /* set by the store */
    struct status status;                                 /* why it was refused */
};

struct product_store {
    /* By its id, in whichever category. NOT_FOUND, PRODUCT_NOT_FOUND. */
    struct status (*find)(struct call *call, struct product_store *store,
                          const struct product_key *key, struct product *ret_product);

    /* Those that exist, in the order of the keys. */
    struct status (*find_many)(struct call *call, struct product_store *store,
                               const struct product_key *keys, size_t count,
                               struct product **ret_products, size_t *ret_count);

    /* Keeps a new product. A handle that is taken gets a suffix, which is written to
     * product->handle. `request` NULL: nobody's that may come twice. FAILED_PRECONDITION
     * (IDEMPOTENCY_KEY_REUSED). */
    struct status (*insert)(struct call *call, struct product_store *store, struct product *product,
                            const struct product_request *request);

    /* The answer to a request that was here before; data NULL if it is new or has no key.
     * FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED). */
    struct status (*replay)(struct call *call, struct product_store *store,
                            struct change_request *request);

    /* Changes a product; moving it to another category is one change like any other. */
    struct status (*update)(struct call *call, struct product_store *store,
                            const struct product_key *key, const struct product_change *change,
                            struct product *ret_product);

    /* Removes a product for which the check is OK; its ledger stays. */
    struct status (*remove)(struct call *call, struct product_store *store,
                            const struct product_key *key, const struct product_check *check,
                            struct product *ret_product);

    /* Changes the stock of a variant if the check is OK, unless an entry of this variant has the
     * change's reference already. VARIANT_NOT_FOUND, IDEMPOTENCY_KEY_REUSED. Answers the product as
     * it is then; *ret_product is unset if the request was here before. */
    struct status (*adjust_stock)(struct call *call, struct product_store *store,
                                  const struct product_key *key,
                                  const struct product_adjustment *adjustment,
                                  struct product *ret_product);

    /* The ledger of a product, or of one variant of it ("": all); entries older than `before` (0:
     * all). */
    struct status (*list_entries)(struct call *call, struct product_store *store,
                                  const char *product_id, const char *variant_id, int64_t before,
                                  int limit, struct product_stock_page *ret_page);

    /* Applies what an event asks of an order's reservation, once for each event: the stock of all
     * its lines or of none, their entries of the ledger, and the event that tells of it
     * (product_result.h). An event that was here before, or that changes nothing, has the outcome
     * RESERVATION_NONE. */
    struct status (*apply_order)(struct call *call, struct product_store *store,
                                 const struct event *event, const struct product_order *order,
                                 struct product_reservation_outcome *ret_outcome);

    /* Ends open reservations that were to be committed by `now_us`, the oldest first; fewer than
     * `limit` are all. */
    struct status (*expire_orders)(struct call *call, struct product_store *store, int64_t now_us,
                                   int limit, int *ret_count);

    /* How many reservations are open, and when the first of them ends; 0 if none is. */
    struct status (*open_orders)(struct call *call, struct product_store *store, int64_t *ret_count,
                                 int64_t *ret_first_us);

    /* Holds the numbers of some products' variants against the ledger and the reservations, each
     * product at one moment: those that come after `after` ("": the first). Names the first `max`
     * differences. */
    struct status (*audit)(struct call *call, struct product_store *store, const char *after,
                           size_t max, struct product_audit *ret_audit);

    /* Takes in products by their handles, each by itself all or nothing. A failed status is the
     * store's own trouble, and none of them is in. */
    struct status (*import)(struct call *call, struct product_store *store,
                            struct product_import *imports, size_t count);

    /* By category and id, after `after` (its product_id "" for the first); "" is every category.
     * Less than `limit` come at the end only. */
    struct status (*export)(struct call *call, struct product_store *store, const char *category,
                            const struct product_key *after, int limit,
                            struct product_page *ret_page);

    /* What was read under one number may be kept while the number stays; 0: never. On the shard,
     * never suspends. */
    uint64_t (*generation)(const struct call *call, struct product_store *store);

    /* After the shards have been joined. */
    void (*close)(struct product_store *store);

    /* Lists and searches of what the store keeps. */
    struct product_search *search;

    /* The log of what the store tells, and its dead letters. */
    struct events_store events;
};

#endif
