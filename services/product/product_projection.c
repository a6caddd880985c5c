/* SPDX-License-Identifier: Apache-2.0 */
/* Lists by a projection, with products that are read from their store. */
#include "services/product/product_projection.h"

/* Do the filters that depend on single values admit the product as it is now? Its words and tags
 * are as of the projection. */
static bool admits(const struct product_query *query, const struct product *product)
{
    int64_t amount = product_unit_amount(product);

    if (product->status != query->status) return false;
    if (*query->category && strcmp(product->category, query->category) != 0) return false;
    if (*query->created_by &&
        !str_equal_nocase(str_of(product->created_by), str_of(query->created_by)))
        return false;
    if (query->is_featured >= 0 && product->is_featured != (query->is_featured != 0)) return false;
    return amount >= query->unit_amount_min && amount <= query->unit_amount_max;
}

struct status product_projection_list(struct call *call, struct product_projection *projection,
                                      struct product_store *store,
                                      const struct product_query *query,
                                      struct product_page *ret_page)
{
    struct product_page page;
    struct product_key *keys;
    struct product *products;
    size_t count;

    struct status st = projection->search->list(call, projection->search, query, &page);
    if (failed(st)) return st;
    keys = arena_array(call->arena, struct product_key, page.count);
    for (size_t i = 0; i < page.count; i++)
        keys[i] = (struct product_key){page.products[i].category, page.products[i].product_id};
    st = store->find_many(call, store, keys, page.count, &products, &count);
    if (failed(st)) return st;
    page.products = products;
    page.count = 0;
    for (size_t i = 0; i < count; i++)
        if (admits(query, &products[i])) page.products[page.count++] = products[i];
    *ret_page = page;
    return st;
}
