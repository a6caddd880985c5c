/* SPDX-License-Identifier: Apache-2.0 */
/* The product service as a consumer and a producer of events, and the expiry of reservations. */
#include "events/events_testing.h"

#include "events.pb-c.h"
#include "product.rpc.h"
#include "rpc/timestamp.h"
#include "services/product/product_events.h"

extern const struct service_module product_service;

static const char *const settings[] = {"PRODUCT_RESERVATION_GRACE=10m", 0};
static const struct stage_plan plan = {
    .module = &product_service, .settings = settings, EVENTS_STAGE};

enum { HOLD_S = 15 * 60, GRACE_S = 10 * 60 };

static void make_product(struct call *call, struct stage *stage, const char *name, int64_t pieces,
                         struct product *ret_product)
{
    ProductService__CreateProductRequest request = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__INIT;
    ProductService__StandardResponse *response = 0;

    request.name = (char *)name;
    request.category = (char *)"mugs";
    request.price_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    request.price = 5;
    request.stock_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__STOCK_GIVEN_STOCK;
    request.stock = pieces;
    stage_as(call, "seller@example.com", "seller", "phone");
    EXPECT_OK(product_service_create_product(call, stage->inside, &request, &response));
    ret_product->product_id = response->product_data->product_id;
    ret_product->category = "mugs";
}

static void expect_stock(struct call *call, struct stage *stage, const struct product *product,
                         int64_t on_hand, int64_t reserved, int64_t sold)
{
    ProductService__GetStockRequest request = PRODUCT_SERVICE__GET_STOCK_REQUEST__INIT;
    ProductService__StandardResponse *response = 0;
    const ProductService__VariantStock *stock;

    request.category = (char *)product->category;
    request.product_id = (char *)product->product_id;
    EXPECT_OK(product_service_get_stock(call, stage->inside, &request, &response));
    stock = response->stock->variants[0];
    if (stock->on_hand != on_hand || stock->reserved != reserved || stock->sold != sold)
        printf("  %lld on hand, %lld reserved, %lld sold\n", (long long)stock->on_hand,
               (long long)stock->reserved, (long long)stock->sold);
    EXPECT(stock->on_hand == on_hand && stock->reserved == reserved && stock->sold == sold);
    EXPECT(stock->received == stock->available + reserved + sold);
}

/* ---- events of the order service ---- */

static struct status created(struct call *call, const char *order_id, const struct product *product,
                             int32_t quantity)
{
    Events__OrderCreatedEvent message = EVENTS__ORDER_CREATED_EVENT__INIT;
    Events__OrderItem item = EVENTS__ORDER_ITEM__INIT, *items[] = {&item};

    item.product_id = (char *)product->product_id;
    item.category = (char *)product->category;
    item.quantity = quantity;
    message.order_id = (char *)order_id;
    message.user_id = (char *)"ann@example.com";
    message.n_items = 1;
    message.items = items;
    message.reserve_until = rpc_timestamp(call->arena, clock_now_us() + HOLD_S * INT64_C(1000000));
    return stage_hand(call, "order-events", order_id, &message.base);
}

static struct status confirmed(struct call *call, const char *order_id,
                               const struct product *product, int32_t quantity)
{
    Events__OrderConfirmedEvent message = EVENTS__ORDER_CONFIRMED_EVENT__INIT;
    Events__OrderItem item = EVENTS__ORDER_ITEM__INIT, *items[] = {&item};

    item.product_id = (char *)product->product_id;
    item.quantity = quantity;
    message.order_id = (char *)order_id;
    message.n_items = 1;
    message.items = items;
    return stage_hand(call, "order-events", order_id, &message.base);
}

static struct status cancelled(struct call *call, const char *order_id)
{
    Events__OrderCancelledEvent message = EVENTS__ORDER_CANCELLED_EVENT__INIT;

    message.order_id = (char *)order_id;
    return stage_hand(call, "order-events", order_id, &message.base);
}

/* ---- what it answers ---- */

static const Events__OrderValidationResultEvent *next_result(struct call *call, int64_t *place,
                                                             const char *order_id)
{
    const Events__OrderValidationResultEvent *result = stage_sent_message(
        call, "order-results", place, &events__order_validation_result_event__descriptor);

    EXPECT(result && strcmp(result->order_id, order_id) == 0);
    return result;
}

static void expect_expired(struct call *call, int64_t *place, const char *order_id)
{
    const Events__ReservationExpiredEvent *expired = stage_sent_message(
        call, "order-results", place, &events__reservation_expired_event__descriptor);

    EXPECT(expired && strcmp(expired->order_id, order_id) == 0);
}

static void expect_committed(struct call *call, int64_t *place, const char *order_id)
{
    const Events__StockCommittedEvent *committed = stage_sent_message(
        call, "order-results", place, &events__stock_committed_event__descriptor);

    EXPECT(committed && strcmp(committed->order_id, order_id) == 0);
}

static void orders(struct call *call, struct stage *stage)
{
    const Events__OrderValidationResultEvent *result;
    struct product mug;
    int64_t place = 0;

    make_product(call, stage, "Mug", 5, &mug);
    EXPECT_OK(created(call, "o1", &mug, 3));
    result = next_result(call, &place, "o1");
    EXPECT(result->is_valid && !*result->reason && result->n_refused == 0);
    expect_stock(call, stage, &mug, 5, 3, 0);

    EXPECT_OK(created(call, "o2", &mug, 4));
    result = next_result(call, &place, "o2");
    EXPECT(!result->is_valid && strcmp(result->reason, "STOCK_INSUFFICIENT") == 0);
    EXPECT(strcmp(result->refused[0]->product_id, mug.product_id) == 0);
    EXPECT(strcmp(result->refused[0]->variant_id, mug.product_id) == 0);
    EXPECT(strcmp(result->refused[0]->reason, "STOCK_INSUFFICIENT") == 0);
    EXPECT(result->refused[0]->quantity == 4 && result->refused[0]->available == 2);
    EXPECT(strstr(result->error_message, "of Mug ") != 0);

    EXPECT_OK(confirmed(call, "o1", &mug, 3));
    expect_stock(call, stage, &mug, 2, 0, 3);
    expect_committed(call, &place, "o1");
    EXPECT_OK(confirmed(call, "o1", &mug, 3)); /* repeated, but published once */
    EXPECT_OK(cancelled(call, "o1"));
    expect_stock(call, stage, &mug, 5, 0, 0);
    EXPECT_OK(cancelled(call, "o3"));
    EXPECT_OK(created(call, "o3", &mug, 1));
    expect_stock(call, stage, &mug, 5, 0, 0);
    EXPECT(!stage_sent(call, "order-results", &place));
}

TEST(orders_are_validated_sold_and_restocked)
{
    stage_run(&plan, orders);
}

static void refuses(struct call *call, struct stage *stage)
{
    const Events__OrderValidationResultEvent *result;
    struct product mug, none = {.product_id = "none", .category = "mugs"};
    int64_t place = 0;

    make_product(call, stage, "Mug", 5, &mug);
    EXPECT_OK(created(call, "o1", &none, 1));
    result = next_result(call, &place, "o1");
    EXPECT(!result->is_valid && strcmp(result->reason, "PRODUCT_NOT_FOUND") == 0);
    EXPECT(strcmp(result->error_message, "there is no product none") == 0);

    EXPECT_REFUSED(created(call, "o2", &mug, 0), INVALID_ARGUMENT, INVALID_FIELDS);
    EXPECT_REFUSED(created(call, "", &mug, 1), INVALID_ARGUMENT, INVALID_FIELDS);
    const struct event garbage = {.id = "e",
                                  .topic = "order-events",
                                  .key = "o4",
                                  .type = "OrderCreatedEvent",
                                  .payload = STR("\xff\xff"),
                                  .traceparent = ""};
    EXPECT_REFUSED(stage_hand_event(call, &garbage), INVALID_ARGUMENT, MALFORMED_MESSAGE);
    EXPECT(!stage_sent(call, "order-results", &place));
    expect_stock(call, stage, &mug, 5, 0, 0);
}

TEST(an_order_that_nobody_can_carry_out_is_answered_and_a_broken_event_is_not)
{
    stage_run(&plan, refuses);
}

/* ---- what nobody confirms (by itself: product_sweep_test.c) ---- */

static void expires(struct call *call, struct stage *stage)
{
    struct product_service *service = stage->service;
    int64_t place = 0, next_us;
    struct product mug;

    make_product(call, stage, "Mug", 5, &mug);
    double expired = metric_value(service->outcomes[RESERVATION_EXPIRED]);
    EXPECT_OK(created(call, "o1", &mug, 3));
    next_result(call, &place, "o1");
    stage_pass_s(HOLD_S + GRACE_S - 60);
    EXPECT_OK(product_events_expire(call, service, &next_us));
    EXPECT(next_us > clock_now_us() && next_us <= clock_now_us() + 60 * INT64_C(1000000));
    EXPECT(metric_value(service->open_reservations) == 1);
    expect_stock(call, stage, &mug, 5, 3, 0);
    stage_pass_s(60);
    EXPECT_OK(product_events_expire(call, service, &next_us));
    EXPECT(next_us == 0);
    EXPECT(metric_value(service->open_reservations) == 0);
    expect_stock(call, stage, &mug, 5, 0, 0);
    expect_expired(call, &place, "o1");
    EXPECT(metric_value(service->outcomes[RESERVATION_EXPIRED]) == expired + 1);

    /* Confirmed late: for one order there are enough pieces, for the other not. */
    EXPECT_OK(created(call, "o2", &mug, 3));
    next_result(call, &place, "o2");
    EXPECT_OK(confirmed(call, "o1", &mug, 3));
    expect_stock(call, stage, &mug, 5, 3, 0);
    expect_expired(call, &place, "o1");
    EXPECT_OK(cancelled(call, "o2"));
    EXPECT_OK(confirmed(call, "o1", &mug, 3));
    expect_stock(call, stage, &mug, 2, 0, 3);
    expect_committed(call, &place, "o1");
    EXPECT(!stage_sent(call, "order-results", &place));
}

TEST(a_reservation_ends_after_its_time_and_the_grace)
{
    stage_run(&plan, expires);
}

/* ---- checking ---- */

static void checks(struct call *call, struct stage *stage)
{
    ProductService__CheckStockRequest request = PRODUCT_SERVICE__CHECK_STOCK_REQUEST__INIT;
    ProductService__CheckStockResponse *response = 0;
    struct product mug;

    make_product(call, stage, "Mug", 5, &mug);
    EXPECT_OK(created(call, "o1", &mug, 3));
    EXPECT_OK(product_service_check_stock(call, stage->inside, &request, &response));
    EXPECT(response->variant_count == 1 && response->difference_count == 0);
    EXPECT_OK(product_service_check_stock(call, stage->fleet, &request, &response));
    EXPECT_REFUSED(product_service_check_stock(call, stage->outside, &request, &response),
                   PERMISSION_DENIED, INTERNAL_ONLY);
}

TEST(the_stock_is_checked_for_the_shop_itself_only)
{
    stage_run(&plan, checks);
}

/* ---- exports and imports while orders hold pieces ---- */

#define OUTCOME(name) PRODUCT_SERVICE__IMPORT_PRODUCT_RESULT__OUTCOME__##name

static int import_mug(struct call *call, struct stage *stage, int64_t stock)
{
    ProductService__CreateProductRequest mug = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__INIT;
    ProductService__ImportProductRequest request = PRODUCT_SERVICE__IMPORT_PRODUCT_REQUEST__INIT;
    ProductService__ImportProductResult *result = 0;
    struct rpc_stream *stream;

    mug.name = (char *)"Mug";
    mug.category = (char *)"mugs";
    mug.price_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    mug.price = 5;
    mug.stock_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__STOCK_GIVEN_STOCK;
    mug.stock = stock;
    request.handle = (char *)"mug";
    request.product = &mug;
    EXPECT_OK(product_service_import_products_open(call, stage->inside, 0, &stream));
    EXPECT_OK(product_service_import_products_send(call, stream, &request));
    EXPECT_OK(rpc_send_end(call, stream));
    EXPECT_OK(product_service_import_products_receive(call, stream, &result));
    int outcome = (int)result->outcome;
    EXPECT_OK(product_service_import_products_receive(call, stream, &result));
    EXPECT_OK(rpc_stream_finish(call, stream));
    return outcome;
}

static int64_t export_mug(struct call *call, struct stage *stage, struct product *ret_mug)
{
    ProductService__ExportProductsRequest request = PRODUCT_SERVICE__EXPORT_PRODUCTS_REQUEST__INIT;
    ProductService__Product *product = 0;
    struct rpc_stream *stream;

    EXPECT_OK(product_service_export_products_open(call, stage->inside, &request, 0, &stream));
    EXPECT_OK(product_service_export_products_receive(call, stream, &product));
    int64_t on_hand = product->variants[0]->on_hand;
    EXPECT(product->variants[0]->on_hand_given_case != 0);
    ret_mug->product_id = arena_strdup(call->arena, product->product_id);
    ret_mug->category = "mugs";
    EXPECT_OK(product_service_export_products_receive(call, stream, &product));
    EXPECT_OK(rpc_stream_finish(call, stream));
    return on_hand;
}

static void exports(struct call *call, struct stage *stage)
{
    ProductService__GetProductByIdRequest request =
        PRODUCT_SERVICE__GET_PRODUCT_BY_ID_REQUEST__INIT;
    ProductService__StandardResponse *response = 0;
    struct product mug;

    stage_as(call, "root@example.com", "admin", "phone");
    EXPECT(import_mug(call, stage, 10) == OUTCOME(CREATED));
    EXPECT(export_mug(call, stage, &mug) == 10);
    EXPECT_OK(created(call, "o1", &mug, 3));
    EXPECT(export_mug(call, stage, &mug) == 10);
    EXPECT(import_mug(call, stage, 10) == OUTCOME(UNCHANGED));
    expect_stock(call, stage, &mug, 10, 3, 0);
    EXPECT_OK(confirmed(call, "o1", &mug, 3));
    EXPECT(export_mug(call, stage, &mug) == 7);
    EXPECT(import_mug(call, stage, 10) == OUTCOME(UNCHANGED));
    import_mug(call, stage, 7);
    expect_stock(call, stage, &mug, 7, 0, 3);
    EXPECT(import_mug(call, stage, 7) == OUTCOME(UNCHANGED));

    /* Customers must not see what is on hand. */
    request.category = (char *)"mugs";
    request.product_id = (char *)mug.product_id;
    EXPECT_OK(product_service_get_product_by_id(call, stage->inside, &request, &response));
    EXPECT(response->product->product->variants[0]->available == 7);
    EXPECT(response->product->product->variants[0]->on_hand_given_case == 0);
}

TEST(an_export_has_what_is_on_hand_and_imports_without_effect)
{
    stage_run(&plan, exports);
}

/* ---- references ---- */

static void references(struct call *call, struct stage *stage)
{
    ProductService__AdjustStockRequest request = PRODUCT_SERVICE__ADJUST_STOCK_REQUEST__INIT;
    ProductService__StandardResponse *response = 0;
    struct product mug;

    make_product(call, stage, "Mug", 5, &mug);
    request.category = (char *)mug.category;
    request.product_id = (char *)mug.product_id;
    request.change_case = PRODUCT_SERVICE__ADJUST_STOCK_REQUEST__CHANGE_DELTA;
    request.delta = 1;
    request.reference = (char *)"order:o1:reserved";
    EXPECT_FIELD(product_service_adjust_stock(call, stage->inside, &request, &response),
                 "reference");
    request.reference = (char *)"order 17";
    EXPECT_OK(product_service_adjust_stock(call, stage->inside, &request, &response));
}

TEST(adjustments_may_not_use_the_references_of_orders)
{
    stage_run(&plan, references);
}
