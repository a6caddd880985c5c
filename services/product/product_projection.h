/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and searches for a store whose engine finds products by their keys alone: a projection, of
 * another engine, has copies of the products, and the store feeds it with its changes.
 *
 *     st = projection->position(call, projection, &position);     once, and then again and again
 *     st = projection->follow(call, projection, news, count, next);
 *
 *     st = product_projection_list(call, projection, store, &query, &page);   the store's `list`
 *
 * The copies tell which products are found and in what order, and are behind by as much as the feed
 * is. The products themselves are read from the store: their stock is always the present one, and
 * no list depends on it, so that sales need no feed. */
#ifndef SERVICES_PRODUCT_PRODUCT_PROJECTION_H
#define SERVICES_PRODUCT_PRODUCT_PROJECTION_H

#include "services/product/product_store.h"

/* A product that has come, gone, or changed in anything but its stock. */
struct product_news {
    const char *product_id;
    const struct product *product; /* as it is; NULL: it is gone */
};

struct product_projection {
    /* Of what has been followed so far. */
    struct product_search *search;

    /* Where the feed goes on, in its own form; "": at the beginning, with all products there are,
     * as nothing has been followed yet. */
    struct status (*position)(struct call *call, struct product_projection *projection,
                              const char **ret_position);
    /* Takes in the news, in their order, and where the feed goes on after them. What is older than
     * the copy changes nothing, so a feed may begin again at an earlier position, as long as it
     * goes on to the end. */
    struct status (*follow)(struct call *call, struct product_projection *projection,
                            const struct product_news *news, size_t count, const char *position);

    /* Called after the shards have been joined. */
    void (*close)(struct product_projection *projection);
};

/* A page as of the projection with the products as of the store, without those that are gone or
 * that the query's filters no longer admit. So a page that is not the last one may have fewer than
 * `limit`. */
struct status product_projection_list(struct call *call, struct product_projection *projection,
                                      struct product_store *store,
                                      const struct product_query *query,
                                      struct product_page *ret_page);

/* Opens or creates the projection's file; blocks. `cache_bytes` of the index are kept in memory.
 * Without its file it begins anew. */
struct status product_projection_sqlite(const struct service_context *context, const char *path,
                                        size_t cache_bytes,
                                        struct product_projection **ret_projection);

#endif
