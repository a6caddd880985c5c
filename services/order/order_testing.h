/* SPDX-License-Identifier: Apache-2.0 */
/* For order_rpc_test.c and order_flow_test.c: fake product and cart services in memory whose
 * answers a test sets, and the calls of a client. */
#ifndef SERVICES_ORDER_ORDER_TESTING_H
#define SERVICES_ORDER_ORDER_TESTING_H

#include "cart.rpc.h"
#include "product.rpc.h"
#include "rpc/rpc_testing.h"
#include "services/order/order_service.h"

extern const struct service_module order_service;

#define TEXT(literal) ((char *)(uintptr_t)(literal))

enum { GOODS = 3 };

/* ---- the product service: a mug and a jug of Sam's, a cup of Tim's ---- */

struct good {
    const char *product_id, *seller, *status, *currency;
    int64_t unit_amount; /* of variant 0; each further costs 100 more */
    int variants;        /* 0: as the existing system's product service */
};

static struct {
    struct good goods[GOODS];
    enum status_code products_fail, cart_fails; /* the errors to answer instead */
    struct {
        int good, quantity;
        int64_t seen; /* the price in the cart */
    } cart[GOODS];
    int cart_count;
    const char *cart_state; /* NULL: it gives none */
    _Atomic int batches;    /* asked for */
    bool existing;          /* as the existing system: envelopes for failures, and no batches */
} fake;

static inline void fake_begins(void)
{
    memset(&fake, 0, sizeof(fake));
    fake.goods[0] = (struct good){"mug", "sam@example.com", "active", "EUR", 1250, 1};
    fake.goods[1] = (struct good){"cup", "tim@example.com", "active", "EUR", 500, 2};
    fake.goods[2] = (struct good){"jug", "sam@example.com", "active", "EUR", 3000, 1};
}

static inline ProductService__Variant *fake_variant(const struct call *call,
                                                    const struct good *good, int number)
{
    ProductService__Variant *variant = arena_new(call->arena, ProductService__Variant);
    ProductService__VariantOption *option = arena_new(call->arena, ProductService__VariantOption);

    product_service__variant__init(variant);
    product_service__variant_option__init(option);
    variant->variant_id = arena_printf(call->arena, "%s%d", good->product_id, number);
    variant->unit_amount = good->unit_amount + 100 * number;
    if (good->variants < 2) return variant;
    option->name = TEXT("Size");
    option->value = number ? TEXT("L") : TEXT("S");
    variant->options = arena_array(call->arena, ProductService__VariantOption *, 1);
    variant->options[variant->n_options++] = option;
    return variant;
}

static inline ProductService__Product *fake_product(const struct call *call,
                                                    const struct good *good)
{
    ProductService__Product *product = arena_new(call->arena, ProductService__Product);

    product_service__product__init(product);
    product->product_id = TEXT(good->product_id);
    product->category = TEXT("goods");
    product->name = TEXT(good->product_id);
    product->status = TEXT(good->status);
    product->currency = TEXT(good->currency);
    product->created_by = TEXT(good->seller);
    product->price = 19.99;
    product->variants = arena_array(call->arena, ProductService__Variant *,
                                    (size_t)good->variants + 1);
    for (int i = 0; i < good->variants; i++)
        product->variants[product->n_variants++] = fake_variant(call, good, i);
    return product;
}

static inline struct status fake_batch(struct call *call,
                                       const ProductService__BatchGetProductsRequest *request,
                                       ProductService__BatchGetProductsResponse *response)
{
    fake.batches++;
    if (fake.existing) return status_make(STATUS_UNIMPLEMENTED, 0, "of another make");
    if (fake.products_fail) return status_make(fake.products_fail, 0, "the fake is told so");
    response->products = arena_array(call->arena, ProductService__Product *, request->n_products);
    for (size_t i = 0; i < request->n_products; i++)
        for (int good = 0; good < GOODS; good++)
            if (strcmp(fake.goods[good].product_id, request->products[i]->product_id) == 0 &&
                strcmp("goods", request->products[i]->category) == 0)
                response->products[response->n_products++] = fake_product(call, &fake.goods[good]);
    return status_ok();
}

static inline struct status fake_get(struct call *call,
                                     const ProductService__GetProductByIdRequest *request,
                                     ProductService__StandardResponse *response)
{
    ProductService__OneProduct *one = arena_new(call->arena, ProductService__OneProduct);

    for (int good = 0; good < GOODS; good++) {
        if (strcmp(fake.goods[good].product_id, request->product_id) != 0) continue;
        product_service__one_product__init(one);
        one->product = fake_product(call, &fake.goods[good]);
        response->success = true;
        response->result_case = PRODUCT_SERVICE__STANDARD_RESPONSE__RESULT_PRODUCT;
        response->product = one;
        return status_ok();
    }
    response->message = TEXT("rpc error: code = Internal desc = product not found");
    response->status_code = 500;
    return status_ok();
}

static const struct product_service_handlers fake_products = {.batch_get_products = fake_batch,
                                                              .get_product_by_id = fake_get};

/* ---- the cart service ---- */

static inline struct status fake_cart(struct call *call, const CartService__GetCartRequest *request,
                                      CartService__CartStandardResponse *response)
{
    CartService__CartData *data = arena_new(call->arena, CartService__CartData);

    if (fake.cart_fails) return status_make(fake.cart_fails, 0, "the fake is told so");
    cart_service__cart_data__init(data);
    if (fake.cart_state) data->state = TEXT(fake.cart_state);
    data->items = arena_array(call->arena, CartService__CartItem *, GOODS);
    for (int i = 0; i < fake.cart_count; i++) {
        CartService__CartItem *item = arena_new(call->arena, CartService__CartItem);
        cart_service__cart_item__init(item);
        item->product_id = TEXT(fake.goods[fake.cart[i].good].product_id);
        item->category = TEXT("goods");
        item->variant_id = arena_printf(call->arena, "%s0", item->product_id);
        item->quantity = fake.cart[i].quantity;
        item->unit_amount = fake.cart[i].seen;
        item->currency = TEXT("EUR");
        data->items[data->n_items++] = item;
    }
    response->result_case = CART_SERVICE__CART_STANDARD_RESPONSE__RESULT_CART_DATA;
    response->cart_data = data;
    return status_ok();
}

static const struct cart_service_handlers fake_carts = {.get_cart = fake_cart};

/* `store` is a setting, such as "ORDER_STORE=postgres://..."; NULL: SQLite. */
static inline void order_play_with(const char *store,
                                   void (*play)(struct call *call, struct stage *stage))
{
    const char *const small_limits[] = {"ORDER_LINES_MAX=2",
                                        "ORDER_QUANTITY_MAX=100",
                                        "ORDER_WATCHERS_MAX=4",
                                        "ORDER_ANSWER_WITHIN=50ms",
                                        store,
                                        0};
    const struct stage_plan plan = {
        .module = &order_service,
        .settings = small_limits,
        .fakes = {{&product_service_rpc, &fake_products, 0}, {&cart_service_rpc, &fake_carts, 0}},
    };

    fake_begins();
    stage_run(&plan, play);
}

static inline void order_play(void (*play)(struct call *call, struct stage *stage))
{
    order_play_with(0, play);
}

/* ---- calls ---- */

static inline void as(struct call *call, const char *name, const char *role)
{
    stage_as(call, arena_printf(call->arena, "%s@example.com", name), role, "phone");
}

static inline void request_init(OrderService__CreateOrderRequest *ret_request,
                                const char *product_id, int quantity)
{
    order_service__create_order_request__init(ret_request);
    ret_request->product_id = TEXT(product_id);
    if (*product_id) ret_request->category = TEXT("goods");
    ret_request->quantity = quantity;
}

static inline struct status create(struct call *call, struct stage *stage,
                                   const OrderService__CreateOrderRequest *request,
                                   OrderService__StandardResponse **ret_response)
{
    static OrderService__StandardResponse none = ORDER_SERVICE__STANDARD_RESPONSE__INIT;

    *ret_response = &none;
    return order_service_create_order(call, stage->inside, request, ret_response);
}

/* One mug of the caller's, and its id. */
static inline const char *create_one(struct call *call, struct stage *stage)
{
    OrderService__CreateOrderRequest request;
    OrderService__StandardResponse *response;

    request_init(&request, "mug", 0);
    EXPECT_OK(create(call, stage, &request, &response));
    return response->order_create_data ? response->order_create_data->order_id : "";
}

/* Never NULL, so that a test may read its members. */
static inline OrderService__Order *get(struct call *call, struct stage *stage, const char *order_id)
{
    OrderService__GetOrderRequest request = ORDER_SERVICE__GET_ORDER_REQUEST__INIT;
    OrderService__StandardResponse *response = 0;

    request.order_id = TEXT(order_id);
    EXPECT_OK(order_service_get_order(call, stage->inside, &request, &response));
    if (response && response->order) return response->order;
    OrderService__Order *none = arena_new(call->arena, OrderService__Order);
    order_service__order__init(none);
    return none;
}

static inline bool is_in(struct call *call, struct stage *stage, const char *order_id,
                         const char *status)
{
    return strcmp(get(call, stage, order_id)->status, status) == 0;
}

static inline struct status cancel(struct call *call, struct stage *stage, const char *order_id,
                                   const struct rpc_options *options)
{
    OrderService__CancelOrderRequest request = ORDER_SERVICE__CANCEL_ORDER_REQUEST__INIT;
    OrderService__StandardResponse *response;

    request.order_id = TEXT(order_id);
    request.reason = TEXT("changed my mind");
    struct status st = order_service_cancel_order_with(call, stage->inside, &request, options,
                                                       &response);
    if (failed(st)) return st;
    EXPECT(response->status_code == 200 && response->order && response->order->n_history >= 2);
    EXPECT(strcmp(response->order->status, "CANCELLED") == 0);
    return st;
}

static inline struct status fulfil(struct call *call, struct stage *stage, const char *order_id)
{
    OrderService__FulfilOrderRequest request = ORDER_SERVICE__FULFIL_ORDER_REQUEST__INIT;
    OrderService__StandardResponse *response;

    request.order_id = TEXT(order_id);
    request.tracking_number = TEXT("T1");
    return order_service_fulfil_order(call, stage->inside, &request, &response);
}

/* ---- what the others tell ---- */

/* Delivers an event as the bus does. */
static inline struct status tell(struct call *call, struct stage *stage, const char *order_id,
                                 const ProtobufCMessage *message)
{
    struct event event;

    event_make(call, "a topic", order_id, message, &event);
    return order_take_event(call, &event, stage->service);
}

#endif
