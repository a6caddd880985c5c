/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of the port, continued: writes whose answer was lost. Each is repeated, and takes
 * effect once. Each test runs against each adapter. */
#include "services/product/product_store_testing.h"

/* ---- products ---- */

static struct str answer_handle(struct arena *arena, const struct product *product)
{
    return str_of(arena_printf(arena, "made %s", product->handle));
}

static struct product_request request_with(struct change_request *once)
{
    return (struct product_request){.cause = {.request = once}, .answer = answer_handle};
}

static void check_insert(struct call *call, int number)
{
    struct change_request once = {.idempotency = {.scope = "sam", .key = "k"}};
    const struct product_request request = request_with(&once);
    struct product mug = draft_of(call->arena, create_request(call->arena, "Mug", "one", 1)),
                   cup = draft_of(call->arena, create_request(call->arena, "Cup", "one", 1));

    EXPECT_LOST(store->insert(call, store, &mug, &request));
    EXPECT_OK(store->insert(call, store, &mug, &request));
    EXPECT(str_is(once.replayed, "made mug"));
    /* Without a key its id tells that it is there now. */
    EXPECT_LOST(store->insert(call, store, &cup, NULL));
    EXPECT_REASON(store->insert(call, store, &cup, NULL), ARGOSY__REASON__PRODUCT_EXISTS);
    EXPECT_STR(names(call, everything(), 2), "Cup Mug");
}

TEST(a_product_whose_answer_was_lost_is_created_once)
{
    on_every_store(1, check_insert);
}

/* A client that names the version which it has read. */
static struct status rename_first(const struct call *call, struct product *product, void *data)
{
    if (product->version != 1)
        return status_make(STATUS_ABORTED, ARGOSY__REASON__VERSION_STALE, "read it again");
    return rename_to(call, product, data);
}

static struct status allow(const struct call *call, const struct product *product, void *data)
{
    return status_ok();
}

static void check_change(struct call *call, int number)
{
    struct product product = keep_simple(call, "Mug", "one", 1), after;
    struct product_key key = key_of(&product);
    const struct product_change change = {rename_first, (void *)(uintptr_t) "Cup", "me"};
    const struct product_check check = {allow, 0, "me"};

    EXPECT_LOST(store->update(call, store, &key, &change, &after));
    EXPECT_REASON(store->update(call, store, &key, &change, &after), ARGOSY__REASON__VERSION_STALE);
    EXPECT_STR(found(call, &product).name, "Cup");
    EXPECT_INT(found(call, &product).version, 2);
    EXPECT_LOST(store->remove(call, store, &key, &check, &after));
    EXPECT_REASON(store->remove(call, store, &key, &check, &after),
                  ARGOSY__REASON__PRODUCT_NOT_FOUND);
    EXPECT_STR(names(call, everything(), 0), "");
}

TEST(a_change_whose_answer_was_lost_is_made_once)
{
    on_every_store(1, check_change);
}

static void check_import(struct call *call, int number)
{
    struct product mug = draft_of(call->arena, create_request(call->arena, "Mug", "one", 1));
    struct product_import import = import_made(call->arena, &mug), again = import;

    EXPECT_LOST(store->import(call, store, &import, 1));
    EXPECT_OK(store->import(call, store, &again, 1));
    EXPECT_STR(names(call, everything(), 1), "Mug");
}

TEST(an_import_whose_answer_was_lost_may_be_repeated)
{
    on_every_store(1, check_import);
}

/* ---- stock ---- */

static struct product keep_stocked(struct call *call, int64_t pieces)
{
    ProductService__CreateProductRequest *request = create_request(call->arena, "Mug", "one", 1);

    set_stock(request, pieces);
    return keep(call, request);
}

static void check_stock(struct call *call, int number)
{
    struct change_request once = {.idempotency = {.scope = "sam", .key = "k"}};
    const struct product_request request = request_with(&once);
    struct product product = keep_stocked(call, 10), after;
    struct product_key key = key_of(&product);
    const struct product_check check = {allow, 0, "me"};
    const struct product_stock_change more = {STOCK_DELTA, 5, "", "", "me", 7},
                                      delivered = {STOCK_DELTA, 7, "", "delivery-1", "me", 7};
    const struct product_adjustment with_key = {"", &more, &check, &request},
                                    with_reference = {"", &delivered, &check, NULL};

    EXPECT_LOST(store->adjust_stock(call, store, &key, &with_key, &after));
    EXPECT_OK(store->adjust_stock(call, store, &key, &with_key, &after));
    EXPECT(once.replayed.data != NULL);
    EXPECT_LOST(store->adjust_stock(call, store, &key, &with_reference, &after));
    EXPECT_OK(store->adjust_stock(call, store, &key, &with_reference, &after));
    EXPECT_INT(found(call, &product).variants[0].stock.on_hand, 22);
    expect_ledger(call, &product);
}

TEST(a_correction_of_stock_whose_answer_was_lost_counts_once)
{
    on_every_store(1, check_stock);
}

/* ---- orders ---- */

static size_t count_results(struct call *call)
{
    struct event *events;
    size_t count = 0;
    int64_t after;

    EXPECT_OK(store->events.log->read(call, store->events.log, "order-results", 0, 100, &events,
                                      &count, &after));
    return count;
}

static void check_orders(struct call *call, int number)
{
    struct product product = keep_stocked(call, 10);
    const struct product_reservation_line line = {
        .product_id = product.product_id, .category = "one", .variant_id = "", .quantity = 3};
    const struct event event = {
        .id = "e1", .topic = "order-events", .key = "o1", .type = "", .traceparent = ""};
    const struct product_order order = {RESERVATION_RESERVE, "o1", &line, 1, 1000, 1};
    struct product_reservation_outcome outcome;
    int count = -1;

    EXPECT_LOST(store->apply_order(call, store, &event, &order, &outcome));
    EXPECT_OK(store->apply_order(call, store, &event, &order, &outcome));
    EXPECT_INT(outcome.state, RESERVATION_NONE);
    EXPECT_INT(found(call, &product).variants[0].stock.reserved, 3);
    EXPECT_INT(count_results(call), 1);

    EXPECT_LOST(store->expire_orders(call, store, 1000, 10, &count));
    EXPECT_OK(store->expire_orders(call, store, 1000, 10, &count));
    EXPECT_INT(count, 0);
    EXPECT_INT(found(call, &product).variants[0].stock.reserved, 0);
    EXPECT_INT(count_results(call), 2);
    expect_ledger(call, &product);
}

TEST(an_orders_event_whose_answer_was_lost_moves_the_stock_once)
{
    on_every_store(1, check_orders);
}
