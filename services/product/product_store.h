/* SPDX-License-Identifier: Apache-2.0 */
/* The port: what the product service needs of its storage. An adapter fills the table;
 * product_store_test.c holds each adapter to it.
 *
 *     st = store->find(call, store, &key, &product);
 *     st = store->update(call, store, &key, &change, &after);
 *
 * A change has a function that is run between reading a product and writing it, and the store
 * guarantees that no other change comes between, so no update is lost. The function may run more
 * than once and must not suspend. What is written is decided by the functions of product_writes.h,
 * and written in one transaction: the product, its stock, the ledger's entries, the events, and the
 * answer to the request.
 *
 * Answers are in the call's arena. A read that starts after a change was answered sees the
 * change. */
#ifndef SERVICES_PRODUCT_PRODUCT_STORE_H
#define SERVICES_PRODUCT_PRODUCT_STORE_H

#include "events/events_store.h"
#include "rpc/service.h"
#include "services/product/product_audit.h"
#include "services/product/product_search.h"
#include "services/product/product_writes.h"

struct product_stock_page {
    struct product_stock_entry *entries; /* the newest first */
    size_t count;
    int64_t next; /* the next page's `before`; 0 on the last */
};

struct product_store {
    /* Connects to an engine that is another process, as struct service_module says of `open`; NULL
     * for the embedded store. */
    struct status (*open)(struct call *call, struct product_store *store);
    /* Likewise, of `check`; NULL: there is nothing to say. */
    struct status (*check)(struct call *call, struct product_store *store,
                           struct store_findings *findings);

    /* By its id, in whichever category: the key's is where it probably is. PRODUCT_NOT_FOUND. */
    struct status (*find)(struct call *call, struct product_store *store,
                          const struct product_key *key, struct product *ret_product);

    /* The products that exist, in the order of the keys. */
    struct status (*find_many)(struct call *call, struct product_store *store,
                               const struct product_key *keys, size_t count,
                               struct product **ret_products, size_t *ret_count);

    /* Stores a new product. A handle that is taken gets a suffix, which is written to
     * product->handle. `request` may be NULL: no idempotency. PRODUCT_EXISTS, FAILED_PRECONDITION
     * (IDEMPOTENCY_KEY_REUSED). */
    struct status (*insert)(struct call *call, struct product_store *store, struct product *product,
                            const struct product_request *request);

    /* The first answer to a repeated request; data NULL if the request is new or has no key.
     * FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED). */
    struct status (*replay)(struct call *call, struct product_store *store,
                            struct change_request *request);

    /* Changes a product; moving it to another category is a change like any other. */
    struct status (*update)(struct call *call, struct product_store *store,
                            const struct product_key *key, const struct product_change *change,
                            struct product *ret_product);

    /* Removes a product if the check is OK; its ledger stays. */
    struct status (*remove)(struct call *call, struct product_store *store,
                            const struct product_key *key, const struct product_check *check,
                            struct product *ret_product);

    /* Changes the stock of a variant if the check is OK, unless an entry of this variant already
     * has the change's reference. VARIANT_NOT_FOUND, IDEMPOTENCY_KEY_REUSED. Answers the product
     * after that; *ret_product stays unset for a repeated request. */
    struct status (*adjust_stock)(struct call *call, struct product_store *store,
                                  const struct product_key *key,
                                  const struct product_adjustment *adjustment,
                                  struct product *ret_product);

    /* The ledger of a product, or of one variant of it ("": all); entries whose ids are below
     * `before` (0: all). The ids of a variant's entries increase with time; whether those of
     * different variants do is up to the store. */
    struct status (*list_entries)(struct call *call, struct product_store *store,
                                  const char *product_id, const char *variant_id, int64_t before,
                                  int limit, struct product_stock_page *ret_page);

    /* Applies an event to an order's reservation, once for each event: changes the stock of all its
     * lines or of none, writes their entries of the ledger, and publishes the result
     * (product_result.h). A repeated event, or one that changes nothing, has the outcome
     * RESERVATION_NONE. A store whose transactions are too small for all lines takes several,
     * which it can go on with after a crash; until the last one nothing is told, and the pieces
     * that have been taken are not for sale. */
    struct status (*apply_order)(struct call *call, struct product_store *store,
                                 const struct event *event, const struct product_order *order,
                                 struct product_reservation_outcome *ret_outcome);

    /* Expires open reservations that are due at `now_us`, the oldest first, each whole or not at
     * all; if fewer than `limit`, no more are due. */
    struct status (*expire_orders)(struct call *call, struct product_store *store, int64_t now_us,
                                   int limit, int *ret_count);

    /* How many reservations are open, and when the first of them is due; 0 if none is open. May be
     * behind by a moment. */
    struct status (*open_orders)(struct call *call, struct product_store *store, int64_t *ret_count,
                                 int64_t *ret_first_us);

    /* Compares the stock figures of the next products with the ledger and the reservations, each
     * variant as of one moment. `after` is the `next` of the page before, in the store's own form;
     * "": from the start. Lists the first `max` differences. */
    struct status (*audit)(struct call *call, struct product_store *store, const char *after,
                           size_t max, struct product_audit *ret_audit);

    /* Imports products by their handles in their order, each all or nothing. A failed status is a
     * failure of the store: then some of them may have been imported. Repeated, an import changes
     * nothing more. */
    struct status (*import)(struct call *call, struct product_store *store,
                            struct product_import *imports, size_t count);

    /* Lists the products after `after` (its product_id "" for the first): those of a category
     * together, in the order of their ids, the categories ("" is each) in the store's own order.
     * Only the last page has fewer than `limit`. */
    struct status (*export)(struct call *call, struct product_store *store, const char *category,
                            const struct product_key *after, int limit,
                            struct product_page *ret_page);

    /* What is read of a product after asking may be kept as long as this number stays the same, but
     * no longer than `cache_us`; 0: it may not be kept. A store that one process alone writes
     * counts its commits, whatever product they change, and knows all of them; another one counts
     * what it writes and hears of, and may miss changes until `cache_us` has passed. On the shard,
     * never suspends. */
    uint64_t (*generation)(const struct call *call, struct product_store *store,
                           const struct product_key *key);
    int64_t cache_us; /* INT64_MAX: the number tells everything; 0: nothing may be kept */

    /* Called after the shards have been joined. */
    void (*close)(struct product_store *store);

    /* Lists and searches of the store's products. */
    struct product_search *search;

    /* The log of its events, and its dead letters. */
    struct events_store events;
};

/* Opens or creates the embedded adapter's file; blocks. `cache_bytes` of the index are kept in
 * memory. */
struct status product_store_sqlite(const struct service_context *context, const char *path,
                                   size_t cache_bytes, struct product_store **ret_store);

#endif
