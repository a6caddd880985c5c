/* SPDX-License-Identifier: Apache-2.0 */
/* Repeated requests through the loopback: products are created once, stock is changed once. */
#include "events/idempotency_testing.h"
#include "product.rpc.h"
#include "rpc/rpc_testing.h"

extern const struct service_module product_service;

#define TEXT(literal) ((char *)(uintptr_t)(literal))

static const struct stage_plan plan = {.module = &product_service};

static void as(struct call *call, const char *name)
{
    stage_as(call, arena_printf(call->arena, "%s@example.com", name), "seller", "phone");
}

static struct status create(struct call *call, struct stage *stage, const char *name,
                            struct keyed *keyed, ProductService__ProductData **ret_product)
{
    ProductService__CreateProductRequest request = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__INIT;
    ProductService__StandardResponse *response = 0;

    request.name = TEXT(name);
    request.category = TEXT("mugs");
    request.price_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    request.price = 12.5;
    struct status st = product_service_create_product_with(call, stage->inside, &request,
                                                           &keyed->options, &response);
    if (failed(st)) return st;
    EXPECT(response->success && response->status_code == 201 && response->product_data);
    EXPECT(str_is(http_headers_get(&keyed->answered, "etag"), "\"1\""));
    *ret_product = response->product_data;
    return st;
}

static int count(struct call *call, struct stage *stage)
{
    ProductService__GetProductRequest request = PRODUCT_SERVICE__GET_PRODUCT_REQUEST__INIT;
    ProductService__StandardResponse *response = 0;

    EXPECT_OK(product_service_get_product(call, stage->inside, &request, &response));
    return response && response->products ? response->products->total_count : -1;
}

static struct status adjust(struct call *call, struct stage *stage,
                            const ProductService__ProductData *product, int64_t delta,
                            struct keyed *keyed)
{
    ProductService__AdjustStockRequest request = PRODUCT_SERVICE__ADJUST_STOCK_REQUEST__INIT;
    ProductService__StandardResponse *response = 0;

    request.category = product->category;
    request.product_id = product->product_id;
    request.change_case = PRODUCT_SERVICE__ADJUST_STOCK_REQUEST__CHANGE_DELTA;
    request.delta = delta;
    struct status st = product_service_adjust_stock_with(call, stage->inside, &request,
                                                         &keyed->options, &response);
    if (failed(st)) return st;
    EXPECT(response->status_code == 200 && response->stock);
    EXPECT(response->stock && response->stock->variants[0]->on_hand == 10);
    return st;
}

static int64_t on_hand(struct call *call, struct stage *stage,
                       const ProductService__ProductData *product)
{
    ProductService__GetStockRequest request = PRODUCT_SERVICE__GET_STOCK_REQUEST__INIT;
    ProductService__StandardResponse *response = 0;

    request.category = product->category;
    request.product_id = product->product_id;
    EXPECT_OK(product_service_get_stock(call, stage->inside, &request, &response));
    return response && response->stock ? response->stock->variants[0]->on_hand : -1;
}

/* ---- one after another ---- */

static void repeats_creation(struct call *call, struct stage *stage)
{
    ProductService__ProductData *first = 0, *again = 0;
    struct keyed keyed;

    as(call, "sam");
    key_with(call, "k1", &keyed);
    EXPECT_OK(create(call, stage, "Mug", &keyed, &first));
    EXPECT(!is_replayed(&keyed));
    key_with(call, "\"k1\"", &keyed);
    EXPECT_OK(create(call, stage, "Mug", &keyed, &again));
    EXPECT(is_replayed(&keyed));
    EXPECT(first && again && strcmp(first->product_id, again->product_id) == 0);
    EXPECT(first && again && strcmp(first->handle, again->handle) == 0);
    EXPECT_REFUSED(create(call, stage, "Cup", &keyed, &again), FAILED_PRECONDITION,
                   IDEMPOTENCY_KEY_REUSED);
    key_with(call, "", &keyed);
    EXPECT_REFUSED(create(call, stage, "Mug", &keyed, &again), INVALID_ARGUMENT,
                   IDEMPOTENCY_KEY_INVALID);
    EXPECT(count(call, stage) == 1);

    /* The same key of another user is a different key, and a different key makes another
     * product. */
    key_with(call, "k1", &keyed);
    as(call, "rita");
    EXPECT_OK(create(call, stage, "Mug", &keyed, &again));
    EXPECT(!is_replayed(&keyed));
    EXPECT(again && strcmp(again->created_by, "rita@example.com") == 0);
    key_with(call, "k2", &keyed);
    EXPECT_OK(create(call, stage, "Mug", &keyed, &again));
    EXPECT(!is_replayed(&keyed) && count(call, stage) == 3);
}

TEST(a_product_requested_twice_with_one_key_is_created_once)
{
    stage_run(&plan, repeats_creation);
}

static void repeats_adjustment(struct call *call, struct stage *stage)
{
    ProductService__ProductData *product = 0, *other = 0;
    struct keyed keyed;

    as(call, "sam");
    key_with(call, "k1", &keyed);
    EXPECT_OK(create(call, stage, "Mug", &keyed, &product));
    key_with(call, "k2", &keyed);
    EXPECT_OK(create(call, stage, "Cup", &keyed, &other));
    if (!product || !other) return;
    EXPECT_REFUSED(adjust(call, stage, product, 10, &keyed), FAILED_PRECONDITION,
                   IDEMPOTENCY_KEY_REUSED);
    key_with(call, "k3", &keyed);
    as(call, "rita"); /* a refused request leaves no record */
    EXPECT_REFUSED(adjust(call, stage, product, 10, &keyed), PERMISSION_DENIED, NOT_OWNER);
    EXPECT_REFUSED(adjust(call, stage, product, 10, &keyed), PERMISSION_DENIED, NOT_OWNER);
    as(call, "sam");
    EXPECT_OK(adjust(call, stage, product, 10, &keyed));
    EXPECT(!is_replayed(&keyed));
    EXPECT_OK(adjust(call, stage, product, 10, &keyed));
    EXPECT(is_replayed(&keyed));
    EXPECT_REFUSED(adjust(call, stage, product, 11, &keyed), FAILED_PRECONDITION,
                   IDEMPOTENCY_KEY_REUSED);
    EXPECT_REFUSED(adjust(call, stage, other, 10, &keyed), FAILED_PRECONDITION,
                   IDEMPOTENCY_KEY_REUSED);
    EXPECT(on_hand(call, stage, product) == 10);
}

TEST(a_repeated_adjustment_changes_the_stock_once)
{
    stage_run(&plan, repeats_adjustment);
}

/* ---- all at once ---- */

enum { REQUESTS = 20 };
static const ProductService__ProductData *raced;
static char seen_ids[REQUESTS][64];
static _Atomic int replays;

static void creates_at_once(struct call *call, struct stage *stage, int number)
{
    ProductService__ProductData *product = 0;
    struct keyed keyed;

    as(call, "sam");
    key_with(call, "k1", &keyed);
    EXPECT_OK(create(call, stage, "Mug", &keyed, &product));
    if (is_replayed(&keyed)) replays++;
    if (product) snprintf(seen_ids[number], sizeof(seen_ids[number]), "%s", product->product_id);
}

static void adjusts_at_once(struct call *call, struct stage *stage, int number)
{
    struct keyed keyed;

    as(call, "sam");
    key_with(call, "k2", &keyed);
    EXPECT_OK(adjust(call, stage, raced, 10, &keyed));
    if (is_replayed(&keyed)) replays++;
}

static void races(struct call *call, struct stage *stage)
{
    ProductService__ProductData *product = 0;
    struct keyed keyed;

    replays = 0;
    stage_spread(call, stage, REQUESTS, creates_at_once);
    EXPECT(replays == REQUESTS - 1);
    for (int i = 1; i < REQUESTS; i++) EXPECT(strcmp(seen_ids[i], seen_ids[0]) == 0);
    as(call, "sam");
    EXPECT(count(call, stage) == 1);

    key_with(call, "k1", &keyed);
    EXPECT_OK(create(call, stage, "Mug", &keyed, &product));
    if (!product) return;
    raced = product;
    replays = 0;
    stage_spread(call, stage, REQUESTS, adjusts_at_once);
    EXPECT(replays == REQUESTS - 1);
    EXPECT(on_hand(call, stage, raced) == 10);
}

TEST(twenty_concurrent_requests_with_one_key_have_one_effect)
{
    stage_run(&plan, races);
}
