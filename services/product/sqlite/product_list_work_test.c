/* SPDX-License-Identifier: Apache-2.0 */
/* How far lists walk along an index, wherever their products are in its order. */
#include "services/product/sqlite/product_postings_sqlite.h"
#include "services/product/sqlite/product_sqlite_testing.h"

enum {
    BATCH = 256,
    PRODUCTS = 24 * BATCH,
    PAGE = 20,
    SHARES = 6,
    WALKED_MAX = 64, /* entries in a catalogue of one chunk, where looking at all costs less */
};

/* A half has the tag "of-2", a quarter "of-4" and so on: the first ones by name and by price, and a
 * few at the very end. */
static struct product made_product(struct arena *arena, size_t number)
{
    struct product product = draft_of(arena, create_request(arena, "x", "home", 1));
    const char **tags = arena_array(arena, const char *, SHARES);

    for (size_t i = 0; i < SHARES; i++)
        if (number < (size_t)PRODUCTS >> (i + 1) || number >= PRODUCTS - PAGE)
            tags[product.tags.count++] = arena_printf(arena, "of-%d", 2 << i);
    product.tags.items = tags;
    product.status = PRODUCT_ACTIVE;
    product.name = arena_printf(arena, "name %06zu", number);
    product.handle = arena_printf(arena, "product-%zu", number);
    product.variants[0].unit_amount = (int64_t)number;
    return product;
}

static void fill(struct call *call)
{
    for (size_t done = 0; done < PRODUCTS; done += BATCH) {
        struct product_import imports[BATCH];
        for (size_t i = 0; i < BATCH; i++) {
            struct product product = made_product(call->arena, done + i);
            imports[i] = import_made(call->arena, &product);
        }
        EXPECT_OK(store->import(call, store, imports, BATCH));
        for (size_t i = 0; i < BATCH; i++) EXPECT_OK(imports[i].status);
    }
}

static void expect_page(struct call *call, struct product_query *query)
{
    int64_t before = product_list_walked(store->search);
    struct product_page page = {0};

    EXPECT_OK(store->search->list(call, store->search, query, &page));
    EXPECT_INT(page.count, PAGE);
    EXPECT(product_list_walked(store->search) - before <= WALKED_MAX);
    query->after = page.next;
}

/* Two pages from either end. From the dear end on, only the first one's products are near. */
static void check_walks(struct call *call, int number)
{
    (void)number;
    fill(call);
    for (int i = 0; i < SHARES; i++) {
        for (int turn = 0; turn < 4; turn++) {
            struct product_query query = everything();
            query.tag = arena_printf(call->arena, "of-%d", 2 << i);
            query.limit = PAGE;
            query.sort = turn & 1 ? PRODUCT_SORT_NAME : PRODUCT_SORT_PRICE;
            query.descending = (turn & 2) != 0;
            expect_page(call, &query);
            expect_page(call, &query);
        }
    }
}

TEST(lists_walk_no_further_along_an_index_than_looking_at_all_members_would_cost)
{
    on_sqlite(check_walks);
}
