/* SPDX-License-Identifier: Apache-2.0 */
/* A projection: what it keeps of its feed, and the pages of a store that has run ahead of it. */
#include "services/product/product_followed_testing.h"

#include "rpc/rpc_testing.h"
#include "services/product/product_goods_testing.h"

static struct followed *followed;

static struct status start(const struct service_context *context, void **ret_service)
{
    *ret_service = NULL;
    struct status st = open_followed(context, &store);
    followed = followed_of(store);
    return st;
}

static void stop(void *service)
{
    (void)service;
    store->close(store);
}

static const struct setting no_settings[] = {{0}};
static const struct service_module module = {
    .name = "product", .settings = no_settings, .store_default = "", .start = start, .stop = stop};
static const struct stage_plan plan = {.module = &module};

static struct status follow(struct call *call, const char *product_id,
                            const struct product *product, const char *position)
{
    const struct product_news news = {product_id, product};

    return followed->projection->follow(call, followed->projection, &news, 1, position);
}

static const char *position(struct call *call)
{
    const char *position = "?";

    EXPECT_OK(followed->projection->position(call, followed->projection, &position));
    return position;
}

/* ---- the feed ---- */

static void check_positions(struct call *call, struct stage *stage)
{
    struct product product = draft_of(call->arena, create_request(call->arena, "Mug", "one", 1));

    EXPECT_STR(position(call), "");
    EXPECT_OK(follow(call, product.product_id, &product, "a-1"));
    EXPECT_STR(position(call), "a-1");
    EXPECT_OK(followed->projection->follow(call, followed->projection, NULL, 0, "a-2"));
    EXPECT_STR(position(call), "a-2");
}

TEST(a_feed_goes_on_where_it_was)
{
    stage_run(&plan, check_positions);
}

static const char *copies(struct call *call)
{
    struct product_query query = everything();
    struct product_page page = {0};
    const char *joined = "";

    EXPECT_OK(
        followed->projection->search->list(call, followed->projection->search, &query, &page));
    for (size_t i = 0; i < page.count; i++)
        joined = arena_printf(call->arena, "%s%s,", joined, page.products[i].name);
    return joined;
}

static void check_older(struct call *call, struct stage *stage)
{
    struct product old = draft_of(call->arena, create_request(call->arena, "Mug", "one", 1));
    struct product new = old;

    new.name = "Cup";
    new.version++;
    EXPECT_OK(follow(call, old.product_id, &old, "1"));
    EXPECT_OK(follow(call, old.product_id, &new, "2"));
    EXPECT_OK(follow(call, old.product_id, &old, "1"));
    EXPECT_STR(copies(call), "Cup,");
    EXPECT_OK(follow(call, old.product_id, NULL, "3"));
    EXPECT_OK(follow(call, old.product_id, NULL, "3"));
    EXPECT_STR(copies(call), "");
}

TEST(news_that_are_older_than_the_copy_change_nothing)
{
    stage_run(&plan, check_older);
}

/* The product whose handle it was has gone, but its news come later. */
static void check_handles(struct call *call, struct stage *stage)
{
    struct product first = draft_of(call->arena, create_request(call->arena, "Mug", "one", 1)),
                   second = draft_of(call->arena, create_request(call->arena, "Mug", "one", 1));

    EXPECT_STR(first.handle, second.handle);
    EXPECT_OK(follow(call, first.product_id, &first, "1"));
    EXPECT_OK(follow(call, second.product_id, &second, "2"));
    EXPECT_STR(copies(call), "Mug,Mug,");
    EXPECT_OK(follow(call, first.product_id, NULL, "3"));
    EXPECT_STR(copies(call), "Mug,");
}

TEST(a_handle_may_be_anothers_before_the_news_of_its_first_product)
{
    stage_run(&plan, check_handles);
}

/* ---- pages ---- */

static struct status make_draft(const struct call *call, struct product *product, void *data)
{
    product->status = PRODUCT_DRAFT;
    product->version++;
    return status_ok();
}

static struct status allow(const struct call *call, const struct product *product, void *data)
{
    return status_ok();
}

static void check_ahead(struct call *call, struct stage *stage)
{
    struct product gone = keep_simple(call, "Gone", "one", 1),
                   hidden = keep_simple(call, "Hidden", "one", 1);
    struct product sold = keep_simple(call, "Sold", "one", 1), after;
    const struct product_key gone_key = key_of(&gone), hidden_key = key_of(&hidden),
                             sold_key = key_of(&sold);
    const struct product_check check = {allow, NULL, "me"};
    const struct product_change change = {make_draft, NULL, "me"};
    const struct product_stock_change delivered = {STOCK_DELTA, 5, "", "", "me", 7};
    const struct product_adjustment adjustment = {"", &delivered, &check, NULL};
    struct product_store *inner = followed->inner;
    struct product_query query = everything();
    struct product_page page = {0};

    EXPECT_OK(inner->remove(call, inner, &gone_key, &check, &after));
    EXPECT_OK(inner->update(call, inner, &hidden_key, &change, &after));
    EXPECT_OK(inner->adjust_stock(call, inner, &sold_key, &adjustment, &after));
    EXPECT_STR(copies(call), "Sold,Hidden,Gone,");
    EXPECT_OK(store->search->list(call, store->search, &query, &page));
    EXPECT_INT(page.total, 3);
    EXPECT_INT(page.count, 1);
    EXPECT_STR(page.products[0].name, "Sold");
    EXPECT_INT(page.products[0].variants[0].stock.on_hand, 5);
}

TEST(a_page_shows_products_as_they_are_and_none_that_may_not_be_seen)
{
    stage_run(&plan, check_ahead);
}
