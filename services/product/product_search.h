/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and searches of the catalogue: the port, a table of functions that each adapter fills.
 *
 *     st = store->search->list(call, store->search, &query, &page);
 *
 * It is apart from the port of single products (product_store.h) because the two need not be of one
 * engine. An index that shares the store's database is written in the transaction of the change,
 * and a list then knows all that was answered before it began. An engine that only finds by key is
 * followed by an index of another one (product_projection.h). What products are found by is the
 * same for all of them (product_terms.h).
 *
 * What is answered is in the call's arena. */
#ifndef SERVICES_PRODUCT_PRODUCT_SEARCH_H
#define SERVICES_PRODUCT_PRODUCT_SEARCH_H

#include "fiber/call.h"
#include "services/product/product.h"

enum product_sort {
    PRODUCT_SORT_CREATED,
    PRODUCT_SORT_NAME, /* without regard to (ASCII) case */
    PRODUCT_SORT_PRICE,
    PRODUCT_SORT_RELEVANCE, /* of a search only */
};
enum { PRODUCT_SORT_COUNT = PRODUCT_SORT_RELEVANCE + 1 };

/* What a list is asked for. Texts "" are no filter. */
struct product_query {
    const char *category;
    const char *search; /* words; all must be found, the last may be begun only */
    const char *tag;
    const char *created_by;
    enum product_status status;
    int64_t unit_amount_min, unit_amount_max; /* 0, INT64_MAX: no filter */
    int is_featured;                          /* 0, 1; -1: no filter */
    enum product_sort sort;
    bool descending;
    int limit;
    struct str after; /* the `next` of the page before; empty for the first */
};

struct product_page {
    struct product *products;
    size_t count;
    int64_t total;          /* of all pages */
    bool total_is_at_least; /* there may be more */
    struct str next; /* where the next page begins, in the adapter's own form; empty on the last */
};

struct product_search {
    /* One page, for a bounded amount of work. PAGE_CURSOR_INVALID if `after` is none of the
     * adapter's, LIST_TOO_BROAD for a combination that would take more work, LIST_INDEX_BUILDING
     * while `index` has something left. */
    struct status (*list)(struct call *call, struct product_search *search,
                          const struct product_query *query, struct product_page *ret_page);

    /* Indexes up to `limit` products that an older program has left without the index of today, and
     * says how many are left. */
    struct status (*index)(struct call *call, struct product_search *search, int limit,
                           int64_t *ret_left);

    /* Removes a part of what an older program has left and nothing uses any more; *ret_more is
     * false once nothing is left. */
    struct status (*tidy)(struct call *call, struct product_search *search, bool *ret_more);
};

#endif
