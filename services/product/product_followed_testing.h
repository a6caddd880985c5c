/* SPDX-License-Identifier: Apache-2.0 */
/* For the suite of lists: an adapter whose own search is not used. It feeds a projection with each
 * change, and lists by that. Included before product_store_testing.h. */
#ifndef SERVICES_PRODUCT_PRODUCT_FOLLOWED_TESTING_H
#define SERVICES_PRODUCT_PRODUCT_FOLLOWED_TESTING_H

#include "base/test.h"
#include "services/product/product_projection.h"

struct followed {
    struct product_store port; /* first, so that it can be cast */
    struct product_search search;
    struct product_store *inner; /* where the products are */
    struct product_projection *projection;
    _Atomic int fed;
};

static inline struct followed *followed_of(struct product_store *port)
{
    return (struct followed *)port;
}

static inline struct followed *followed_by(struct product_search *search)
{
    return (struct followed *)((char *)search - offsetof(struct followed, search));
}

static inline struct status feed(struct call *call, struct followed *followed,
                                 const char *product_id)
{
    const struct product_key key = {"", product_id};
    struct product_news news[2] = {{.product_id = product_id}, {.product_id = product_id}};
    struct product product;
    struct status st = followed->inner->find(call, followed->inner, &key, &product);

    if (failed(st) && st.code != STATUS_NOT_FOUND) return st;
    if (!failed(st)) news[0].product = news[1].product = &product;
    /* Each twice, as a feed does that goes on from an earlier position. */
    return followed->projection->follow(call, followed->projection, news, 2,
                                        arena_printf(call->arena, "%d", ++followed->fed));
}

static inline struct status followed_insert(struct call *call, struct product_store *port,
                                            struct product *product,
                                            const struct product_request *request)
{
    struct followed *followed = followed_of(port);
    struct status st = followed->inner->insert(call, followed->inner, product, request);

    return failed(st) ? st : feed(call, followed, product->product_id);
}

static inline struct status followed_update(struct call *call, struct product_store *port,
                                            const struct product_key *key,
                                            const struct product_change *change,
                                            struct product *ret_product)
{
    struct followed *followed = followed_of(port);
    struct status st = followed->inner->update(call, followed->inner, key, change, ret_product);

    return failed(st) ? st : feed(call, followed, key->product_id);
}

static inline struct status followed_remove(struct call *call, struct product_store *port,
                                            const struct product_key *key,
                                            const struct product_check *check,
                                            struct product *ret_product)
{
    struct followed *followed = followed_of(port);
    struct status st = followed->inner->remove(call, followed->inner, key, check, ret_product);

    return failed(st) ? st : feed(call, followed, key->product_id);
}

/* Products that are new; of others the id is not known here. */
static inline struct status followed_import(struct call *call, struct product_store *port,
                                            struct product_import *imports, size_t count)
{
    struct followed *followed = followed_of(port);
    struct status st = followed->inner->import(call, followed->inner, imports, count);

    for (size_t i = 0; i < count && !failed(st); i++)
        st = feed(call, followed, imports[i].product.product_id);
    return st;
}

static inline struct status followed_find(struct call *call, struct product_store *port,
                                          const struct product_key *key,
                                          struct product *ret_product)
{
    struct product_store *inner = followed_of(port)->inner;

    return inner->find(call, inner, key, ret_product);
}

static inline struct status followed_find_many(struct call *call, struct product_store *port,
                                               const struct product_key *keys, size_t count,
                                               struct product **ret_products, size_t *ret_count)
{
    struct product_store *inner = followed_of(port)->inner;

    return inner->find_many(call, inner, keys, count, ret_products, ret_count);
}

static inline struct status followed_list(struct call *call, struct product_search *search,
                                          const struct product_query *query,
                                          struct product_page *ret_page)
{
    struct followed *followed = followed_by(search);

    return product_projection_list(call, followed->projection, &followed->port, query, ret_page);
}

static inline void followed_close(struct product_store *port)
{
    struct followed *followed = followed_of(port);

    followed->projection->close(followed->projection);
    followed->inner->close(followed->inner);
}

static inline struct status open_followed(const struct service_context *context,
                                          struct product_store **ret_store)
{
    struct arena *arena = context->arena;
    struct followed *followed = arena_new(arena, struct followed);
    const char *folder = context->data_dir;

    CHECK_OK(product_store_sqlite(context, arena_printf(arena, "%s/product.db", folder), 0,
                                  &followed->inner));
    CHECK_OK(product_projection_sqlite(context, arena_printf(arena, "%s/lists.db", folder),
                                       16 << 20, &followed->projection));
    followed->port = (struct product_store){
        .find = followed_find,
        .find_many = followed_find_many,
        .insert = followed_insert,
        .update = followed_update,
        .remove = followed_remove,
        .import = followed_import,
        .close = followed_close,
        .search = &followed->search,
    };
    followed->search.list = followed_list;
    *ret_store = &followed->port;
    return status_ok();
}

#define PRODUCT_MORE_ADAPTERS       \
    ,                               \
    {                               \
        "projection", open_followed \
    }

#endif
