/* SPDX-License-Identifier: Apache-2.0 */
/* The order service through the loopback, beside fake product and cart services: what may be
 * ordered and by whom. The states that follow are in order_flow_test.c. */
#include "events/idempotency_testing.h"
#include "services/order/order_testing.h"

/* ---- making an order ---- */

static void keeps_old_contract(struct call *call, struct stage *stage)
{
    OrderService__CreateOrderRequest request;
    OrderService__StandardResponse *response;

    as(call, "Ann", "customer");
    request_init(&request, "mug", 2);
    request.user_id = TEXT("ann@EXAMPLE.com");
    EXPECT_OK(create(call, stage, &request, &response));
    EXPECT(response->success && response->status_code == 201);
    const OrderService__OrderCreateData *data = response->order_create_data;
    if (!data) return;
    EXPECT(strlen(data->order_id) == 36 && strcmp(data->status, "PENDING") == 0);
    EXPECT(strcmp(data->number, "100001") == 0);
    EXPECT(data->total_minor == 2500 && strcmp(data->currency, "EUR") == 0);

    const OrderService__Order *order = get(call, stage, data->order_id);
    EXPECT(strcmp(order->user_id, "Ann@example.com") == 0 && order->n_items == 1);
    EXPECT(order->items[0]->quantity == 2 && order->items[0]->unit_amount == 1250);
    EXPECT(strcmp(order->items[0]->variant_id, "mug0") == 0);
    EXPECT(strcmp(order->items[0]->seller, "sam@example.com") == 0);
    EXPECT(order->n_history == 1 && strcmp(order->history[0]->event, "CreateOrder") == 0);
    EXPECT(strcmp(order->history[0]->cause, "Ann@example.com") == 0 && order->expires_at);

    request_init(&request, "mug", 0); /* no quantity is one */
    EXPECT_OK(create(call, stage, &request, &response));
    EXPECT(response->order_create_data && response->order_create_data->total_minor == 1250);
}

TEST(an_order_of_one_product_still_works)
{
    order_play(keeps_old_contract);
}

static OrderService__OrderItemInput item_of(const char *product_id, const char *variant_id,
                                            int quantity)
{
    OrderService__OrderItemInput item = ORDER_SERVICE__ORDER_ITEM_INPUT__INIT;

    item.product_id = TEXT(product_id);
    item.category = TEXT("goods");
    item.variant_id = TEXT(variant_id);
    item.quantity = quantity;
    return item;
}

static void orders_items(struct call *call, struct stage *stage)
{
    OrderService__OrderItemInput items[] = {item_of("cup", "cup1", 1), item_of("mug", "", 2),
                                            item_of("mug", "mug0", 3)};
    OrderService__OrderItemInput *pointers[] = {&items[0], &items[1], &items[2]};
    OrderService__Address address = ORDER_SERVICE__ADDRESS__INIT;
    OrderService__CreateOrderRequest request;
    OrderService__StandardResponse *response;

    as(call, "ann", "customer");
    request_init(&request, "", 0);
    request.items = pointers;
    request.n_items = 3;
    address.line1 = TEXT("1 Way");
    address.city = TEXT("Town");
    address.country = TEXT("DE");
    request.shipping_address = &address;
    request.note = TEXT("ring twice");
    EXPECT_OK(create(call, stage, &request, &response));
    if (!response->order_create_data) return;
    EXPECT(response->order_create_data->total_minor == 600 + 5 * 1250);
    const OrderService__Order *order = get(call, stage, response->order_create_data->order_id);
    EXPECT(order->n_items == 2 && order->items[1]->quantity == 5);
    EXPECT(order->items[0]->n_options == 1 && strcmp(order->items[0]->options[0], "L") == 0);
    EXPECT(order->items[1]->total_minor == 6250 && strcmp(order->note, "ring twice") == 0);
    EXPECT(order->shipping_address && strcmp(order->shipping_address->city, "Town") == 0);
    EXPECT(fake.batches == 1);
}

TEST(an_order_of_items_merges_lines_of_one_variant)
{
    order_play(orders_items);
}

static void orders_cart(struct call *call, struct stage *stage)
{
    OrderService__CreateOrderRequest request;
    OrderService__StandardResponse *response;

    as(call, "ann", "customer");
    request_init(&request, "", 0);
    EXPECT_REFUSED(create(call, stage, &request, &response), FAILED_PRECONDITION, CART_EMPTY);
    fake.cart_count = 2;
    fake.cart[0].quantity = 2;
    fake.cart[0].seen = 1250;
    fake.cart[1].good = 2;
    fake.cart[1].quantity = 1;
    fake.cart[1].seen = 3500; /* cheaper now */
    EXPECT_OK(create(call, stage, &request, &response));
    EXPECT(response->order_create_data && response->order_create_data->total_minor == 5500);

    fake.goods[0].unit_amount = 1251;
    struct status st = create(call, stage, &request, &response);
    EXPECT_REFUSED(st, FAILED_PRECONDITION, PRICE_CHANGED);
    EXPECT(strstr(st.message, "mug") && strstr(st.message, "1251") && strstr(st.message, "1250"));
    EXPECT(st.details && st.details->violation_count == 1);
    fake.goods[0].unit_amount = 1000;
    fake.goods[0].currency = fake.goods[2].currency = "USD";
    EXPECT_REFUSED(create(call, stage, &request, &response), FAILED_PRECONDITION, PRICE_CHANGED);
    fake.cart_fails = STATUS_UNAVAILABLE;
    EXPECT(create(call, stage, &request, &response).code == STATUS_UNAVAILABLE);
}

TEST(an_order_of_the_cart_never_costs_more_than_the_cart_says)
{
    order_play(orders_cart);
}

static void orders_cart_once(struct call *call, struct stage *stage)
{
    OrderService__CreateOrderRequest request;
    OrderService__StandardResponse *response;
    struct keyed keyed;
    const char *first;

    as(call, "ann", "customer");
    request_init(&request, "", 0);
    fake.cart_count = 1;
    fake.cart[0].quantity = 2;
    fake.cart[0].seen = 1250;
    fake.cart_state = "5.3";
    EXPECT_OK(create(call, stage, &request, &response));
    first = response->order_create_data->order_id;

    /* The first order is the answer, whatever has become of its products, with a key or without. */
    fake.goods[0].unit_amount = 5000;
    fake.goods[0].status = "draft";
    fake.products_fail = STATUS_UNAVAILABLE;
    for (int i = 0; i < 3; i++) {
        key_with(call, i < 2 ? "k1" : "k2", &keyed);
        EXPECT_OK(order_service_create_order_with(call, stage->inside, &request, &keyed.options,
                                                  &response));
        EXPECT(is_replayed(&keyed));
        EXPECT(strcmp(response->order_create_data->order_id, first) == 0);
        EXPECT(response->order_create_data->total_minor == 2500);
    }
    request.note = TEXT("ring twice");
    struct status st = create(call, stage, &request, &response);
    EXPECT_REFUSED(st, ALREADY_EXISTS, CART_ORDERED);
    EXPECT(strstr(st.message, first) != 0);
    request.note = TEXT("");

    /* A failed order may be made again; the answer to its key stays the same. */
    fake.products_fail = 0;
    fake.goods[0].unit_amount = 1250;
    fake.goods[0].status = "active";
    EXPECT_OK(cancel(call, stage, first, 0));
    EXPECT_OK(create(call, stage, &request, &response));
    EXPECT(strcmp(response->order_create_data->order_id, first) != 0);
    key_with(call, "k2", &keyed);
    EXPECT_OK(
        order_service_create_order_with(call, stage->inside, &request, &keyed.options, &response));
    EXPECT(strcmp(response->order_create_data->order_id, first) == 0);

    fake.cart_state = "5.4";
    first = response->order_create_data->order_id;
    EXPECT_OK(create(call, stage, &request, &response));
    EXPECT(strcmp(response->order_create_data->order_id, first) != 0);
}

TEST(one_state_of_the_cart_is_one_order)
{
    order_play(orders_cart_once);
}

static void refuses_forms(struct call *call, struct stage *stage)
{
    OrderService__OrderItemInput item = item_of("mug", "", 1), *pointers[] = {&item};
    OrderService__CreateOrderRequest request;
    OrderService__StandardResponse *response;

    as(call, "ann", "customer");
    request_init(&request, "mug", 1);
    request.items = pointers;
    request.n_items = 1;
    EXPECT_FIELD(create(call, stage, &request, &response), "items");
    request_init(&request, "mug", 1);
    request.category = TEXT("");
    EXPECT_FIELD(create(call, stage, &request, &response), "category");
    request_init(&request, "", 2);
    EXPECT_FIELD(create(call, stage, &request, &response), "product_id");
    request_init(&request, "mug", -1);
    EXPECT_FIELD(create(call, stage, &request, &response), "quantity");
    request_init(&request, "cup", 1);
    EXPECT_FIELD(create(call, stage, &request, &response), "variant_id");
    item = item_of("cup", "", 1);
    request_init(&request, "", 0);
    request.items = pointers;
    request.n_items = 1;
    EXPECT_FIELD(create(call, stage, &request, &response), "items[0].variant_id");
    item.quantity = 0;
    EXPECT_FIELD(create(call, stage, &request, &response), "items[0].quantity");
}

TEST(an_invalid_order_is_refused_by_field)
{
    order_play(refuses_forms);
}

static void refuses_goods(struct call *call, struct stage *stage)
{
    OrderService__OrderItemInput items[] = {item_of("mug", "", 1), item_of("jug", "", 1),
                                            item_of("cup", "cup0", 1)};
    OrderService__OrderItemInput *pointers[] = {&items[0], &items[1], &items[2]};
    OrderService__CreateOrderRequest request;
    OrderService__StandardResponse *response;

    as(call, "ann", "customer");
    request_init(&request, "pot", 1);
    EXPECT_REFUSED(create(call, stage, &request, &response), NOT_FOUND, PRODUCT_NOT_FOUND);
    request_init(&request, "mug", 1);
    request.category = TEXT("others");
    EXPECT_REFUSED(create(call, stage, &request, &response), NOT_FOUND, PRODUCT_NOT_FOUND);
    request_init(&request, "cup", 1);
    request.variant_id = TEXT("cup9");
    EXPECT_REFUSED(create(call, stage, &request, &response), NOT_FOUND, VARIANT_NOT_FOUND);
    request_init(&request, "mug", 101);
    EXPECT_REFUSED(create(call, stage, &request, &response), FAILED_PRECONDITION, ORDER_TOO_LARGE);
    request_init(&request, "mug", 2);
    request.expected_total_minor_given_case =
        ORDER_SERVICE__CREATE_ORDER_REQUEST__EXPECTED_TOTAL_MINOR_GIVEN_EXPECTED_TOTAL_MINOR;
    request.expected_total_minor = 2499;
    EXPECT_REFUSED(create(call, stage, &request, &response), FAILED_PRECONDITION, PRICE_CHANGED);
    request.expected_total_minor = 2500;
    EXPECT_OK(create(call, stage, &request, &response));
    fake.goods[0].status = "draft";
    EXPECT_REFUSED(create(call, stage, &request, &response), FAILED_PRECONDITION,
                   PRODUCT_NOT_ACTIVE);
    fake.goods[0].status = "active";

    request_init(&request, "", 0);
    request.items = pointers;
    request.n_items = 3;
    EXPECT_REFUSED(create(call, stage, &request, &response), FAILED_PRECONDITION, ORDER_TOO_LARGE);
    request.n_items = 2;
    fake.goods[2].currency = "USD";
    EXPECT_REFUSED(create(call, stage, &request, &response), FAILED_PRECONDITION,
                   ORDER_CURRENCY_MIXED);
    fake.products_fail = STATUS_INVALID_ARGUMENT;
    EXPECT(create(call, stage, &request, &response).code == STATUS_INTERNAL);
    fake.products_fail = STATUS_UNAVAILABLE;
    EXPECT(create(call, stage, &request, &response).code == STATUS_UNAVAILABLE);
}

TEST(what_cannot_be_bought_is_refused_by_name)
{
    order_play(refuses_goods);
}

static void takes_other_makes(struct call *call, struct stage *stage)
{
    OrderService__CreateOrderRequest request;
    OrderService__StandardResponse *response;

    fake.goods[0].variants = 0;
    fake.goods[0].currency = fake.goods[0].status = fake.goods[0].seller = "";
    as(call, "ann", "customer");
    request_init(&request, "mug", 2);
    EXPECT_OK(create(call, stage, &request, &response));
    EXPECT(response->order_create_data && response->order_create_data->total_minor == 3998);
    EXPECT(strcmp(response->order_create_data->currency, "USD") == 0);
}

TEST(a_product_service_without_variants_works)
{
    order_play(takes_other_makes);
}

static void understands_the_existing_system(struct call *call, struct stage *stage)
{
    OrderService__CreateOrderRequest request;
    OrderService__StandardResponse *response;

    fake.existing = true;
    fake.goods[0].variants = 0;
    fake.goods[0].currency = fake.goods[0].seller = "";
    fake.goods[0].status = "in_stock";
    as(call, "ann", "customer");
    request_init(&request, "mug", 2);
    EXPECT_OK(create(call, stage, &request, &response));
    EXPECT(response->order_create_data && response->order_create_data->total_minor == 3998);
    request_init(&request, "gone", 1);
    EXPECT_REFUSED(create(call, stage, &request, &response), NOT_FOUND, PRODUCT_NOT_FOUND);
}

TEST(the_existing_systems_product_service_has_no_batches_and_answers_failures_with_ok)
{
    order_play(understands_the_existing_system);
}

/* ---- who ---- */

static void knows_customers(struct call *call, struct stage *stage)
{
    OrderService__CreateOrderRequest request;
    OrderService__StandardResponse *response;

    request_init(&request, "mug", 1);
    EXPECT_REFUSED(create(call, stage, &request, &response), UNAUTHENTICATED, LOGIN_REQUIRED);
    as(call, "ann", "customer");
    EXPECT_REFUSED(order_service_create_order(call, stage->outside, &request, &response),
                   UNAUTHENTICATED, LOGIN_REQUIRED);
    request.user_id = TEXT("bob@example.com");
    EXPECT_REFUSED(create(call, stage, &request, &response), PERMISSION_DENIED, NOT_OWNER);
    as(call, "sam", "seller");
    EXPECT_REFUSED(create(call, stage, &request, &response), PERMISSION_DENIED, NOT_OWNER);
    as(call, "root", "admin");
    EXPECT_OK(create(call, stage, &request, &response));
    if (!response->order_create_data) return;
    const char *order_id = response->order_create_data->order_id;
    request_init(&request, "", 0);
    request.user_id = TEXT("bob@example.com");
    EXPECT_FIELD(create(call, stage, &request, &response), "items");
    as(call, "Bob", "customer");
    EXPECT(strcmp(get(call, stage, order_id)->user_id, "bob@example.com") == 0);
}

TEST(an_order_is_made_for_oneself_and_by_admins_for_anyone)
{
    order_play(knows_customers);
}

/* A mug of Sam's and a cup of Tim's, for Ann. */
static const char *create_mixed(struct call *call, struct stage *stage)
{
    OrderService__OrderItemInput items[] = {item_of("mug", "", 1), item_of("cup", "cup0", 1)};
    OrderService__OrderItemInput *pointers[] = {&items[0], &items[1]};
    OrderService__CreateOrderRequest request;
    OrderService__StandardResponse *response;

    as(call, "ann", "customer");
    request_init(&request, "", 0);
    request.items = pointers;
    request.n_items = 2;
    EXPECT_OK(create(call, stage, &request, &response));
    return response->order_create_data ? response->order_create_data->order_id : "";
}

static void shows_orders_to(struct call *call, struct stage *stage)
{
    OrderService__GetOrderRequest request = ORDER_SERVICE__GET_ORDER_REQUEST__INIT;
    OrderService__StandardResponse *response;
    const char *order_id = create_mixed(call, stage);

    request.order_id = TEXT(order_id);
    EXPECT(is_in(call, stage, order_id, "PENDING"));
    as(call, "SAM", "seller");
    EXPECT(is_in(call, stage, order_id, "PENDING"));
    as(call, "root", "superAdmin");
    EXPECT(is_in(call, stage, order_id, "PENDING"));
    as(call, "bob", "customer");
    EXPECT_REFUSED(order_service_get_order(call, stage->inside, &request, &response),
                   PERMISSION_DENIED, NOT_OWNER);
    as(call, "sue", "seller");
    EXPECT_REFUSED(order_service_get_order(call, stage->inside, &request, &response),
                   PERMISSION_DENIED, NOT_OWNER);
    as(call, "sam", "customer"); /* sells no longer */
    EXPECT_REFUSED(order_service_get_order(call, stage->inside, &request, &response),
                   PERMISSION_DENIED, NOT_OWNER);
    request.order_id = TEXT("nothing");
    EXPECT_REFUSED(order_service_get_order(call, stage->inside, &request, &response), NOT_FOUND,
                   ORDER_NOT_FOUND);
}

TEST(an_order_is_seen_by_its_customer_its_sellers_and_admins)
{
    order_play(shows_orders_to);
}

static void changes_orders_for(struct call *call, struct stage *stage)
{
    const char *mixed = create_mixed(call, stage), *of_sam = create_one(call, stage);

    as(call, "bob", "customer");
    EXPECT_REFUSED(cancel(call, stage, mixed, 0), PERMISSION_DENIED, NOT_OWNER);
    EXPECT_REFUSED(fulfil(call, stage, mixed), PERMISSION_DENIED, ROLE_REQUIRED);
    as(call, "ann", "customer");
    EXPECT_REFUSED(fulfil(call, stage, mixed), PERMISSION_DENIED, ROLE_REQUIRED);
    as(call, "sam", "seller");
    EXPECT_REFUSED(cancel(call, stage, mixed, 0), PERMISSION_DENIED, NOT_OWNER);
    EXPECT_REFUSED(fulfil(call, stage, mixed), PERMISSION_DENIED, NOT_OWNER);
    EXPECT_REFUSED(fulfil(call, stage, of_sam), FAILED_PRECONDITION, ORDER_STATE);
    EXPECT_OK(cancel(call, stage, of_sam, 0));
    EXPECT_REFUSED(cancel(call, stage, of_sam, 0), FAILED_PRECONDITION, ORDER_STATE);
    EXPECT_REFUSED(cancel(call, stage, "nothing", 0), NOT_FOUND, ORDER_NOT_FOUND);
    as(call, "root", "admin");
    EXPECT_OK(cancel(call, stage, mixed, 0));
    as(call, "ann", "customer");
    const OrderService__Order *order = get(call, stage, mixed);
    EXPECT(strcmp(order->status, "CANCELLED") == 0 && !order->expires_at);
    EXPECT(strcmp(order->reason, "ORDER_CANCELLED") == 0);
    EXPECT(strcmp(order->message, "changed my mind") == 0);
    EXPECT(order->n_history == 2 && strcmp(order->history[1]->cause, "root@example.com") == 0);
    EXPECT_OK(cancel(call, stage, create_one(call, stage), 0));
    /* A seller of only some of the products may not change the order. */
    as(call, "tim", "seller");
    EXPECT_OK(cancel(call, stage, create_one(call, stage), 0));
}

TEST(an_order_is_changed_by_its_customer_the_seller_of_all_of_it_and_admins)
{
    order_play(changes_orders_for);
}

/* ---- lists ---- */

static struct status list(struct call *call, struct stage *stage,
                          const OrderService__ListOrdersRequest *request,
                          OrderService__Orders **ret_orders)
{
    static OrderService__Orders none = ORDER_SERVICE__ORDERS__INIT;
    OrderService__StandardResponse *response = 0;
    struct status st = order_service_list_orders(call, stage->inside, request, &response);

    *ret_orders = response && response->orders ? response->orders : &none;
    return st;
}

static void lists(struct call *call, struct stage *stage)
{
    OrderService__ListOrdersRequest request = ORDER_SERVICE__LIST_ORDERS_REQUEST__INIT;
    OrderService__Orders *orders;
    const char *first, *last = "";

    as(call, "ann", "customer");
    first = create_one(call, stage);
    for (int i = 0; i < 4; i++) last = create_one(call, stage);
    as(call, "bob", "customer");
    EXPECT_OK(cancel(call, stage, create_one(call, stage), 0));

    as(call, "ANN", "customer");
    request.page_size = 3;
    EXPECT_OK(list(call, stage, &request, &orders));
    EXPECT(orders->n_orders == 3 && strcmp(orders->orders[0]->order_id, last) == 0);
    request.cursor = orders->next_cursor;
    EXPECT(*request.cursor);
    EXPECT_OK(list(call, stage, &request, &orders));
    EXPECT(orders->n_orders == 2 && !*orders->next_cursor);
    EXPECT(strcmp(orders->orders[1]->order_id, first) == 0);
    request.status = TEXT("PENDING"); /* another list */
    EXPECT_REFUSED(list(call, stage, &request, &orders), INVALID_ARGUMENT, PAGE_CURSOR_INVALID);
    request.cursor = TEXT("nonsense");
    EXPECT_REFUSED(list(call, stage, &request, &orders), INVALID_ARGUMENT, PAGE_CURSOR_INVALID);
    request.cursor = TEXT("");
    request.status = TEXT("CANCELLED");
    EXPECT_OK(list(call, stage, &request, &orders));
    EXPECT(orders->n_orders == 0);
    request.status = TEXT("LOST");
    EXPECT_FIELD(list(call, stage, &request, &orders), "status");
}

TEST(orders_are_listed_in_pages_newest_first)
{
    order_play(lists);
}

static void lists_for(struct call *call, struct stage *stage)
{
    OrderService__ListOrdersRequest request = ORDER_SERVICE__LIST_ORDERS_REQUEST__INIT;
    OrderService__Orders *orders;

    create_mixed(call, stage);
    create_one(call, stage);
    request.user_id = TEXT("bob@example.com");
    EXPECT_REFUSED(list(call, stage, &request, &orders), PERMISSION_DENIED, NOT_OWNER);
    request.user_id = TEXT("Ann@example.com");
    EXPECT_OK(list(call, stage, &request, &orders));
    EXPECT(orders->n_orders == 2);
    as(call, "root", "admin");
    EXPECT_OK(list(call, stage, &request, &orders));
    EXPECT(orders->n_orders == 2);
    request.seller = TEXT("tim@example.com");
    EXPECT_FIELD(list(call, stage, &request, &orders), "seller");
    request.user_id = TEXT("");
    EXPECT_OK(list(call, stage, &request, &orders));
    EXPECT(orders->n_orders == 1);
    as(call, "sam", "seller");
    EXPECT_REFUSED(list(call, stage, &request, &orders), PERMISSION_DENIED, NOT_OWNER);
    request.seller = TEXT("SAM@example.com");
    EXPECT_OK(list(call, stage, &request, &orders));
    EXPECT(orders->n_orders == 2);
    as(call, "ann", "customer");
    request.seller = TEXT("ann@example.com");
    EXPECT_REFUSED(list(call, stage, &request, &orders), PERMISSION_DENIED, NOT_OWNER);
}

TEST(others_lists_are_for_admins_and_a_sellers_own_for_it)
{
    order_play(lists_for);
}

/* ---- the same request twice ---- */

static void repeats(struct call *call, struct stage *stage)
{
    OrderService__CreateOrderRequest request;
    OrderService__StandardResponse *first, *again;
    struct keyed keyed;

    as(call, "ann", "customer");
    request_init(&request, "mug", 2);
    key_with(call, "k1", &keyed);
    EXPECT_OK(
        order_service_create_order_with(call, stage->inside, &request, &keyed.options, &first));
    EXPECT(!is_replayed(&keyed));
    /* The products can no longer be fetched. */
    fake.products_fail = STATUS_UNAVAILABLE;
    as(call, "ANN", "customer");
    EXPECT_OK(
        order_service_create_order_with(call, stage->inside, &request, &keyed.options, &again));
    EXPECT(is_replayed(&keyed));
    EXPECT(again->status_code == 201 && again->success);
    EXPECT(again->order_create_data &&
           strcmp(again->order_create_data->order_id, first->order_create_data->order_id) == 0);
    EXPECT(strcmp(again->order_create_data->number, first->order_create_data->number) == 0);
    request.quantity = 3;
    EXPECT_REFUSED(
        order_service_create_order_with(call, stage->inside, &request, &keyed.options, &again),
        FAILED_PRECONDITION, IDEMPOTENCY_KEY_REUSED);
    key_with(call, "", &keyed);
    EXPECT_REFUSED(
        order_service_create_order_with(call, stage->inside, &request, &keyed.options, &again),
        INVALID_ARGUMENT, IDEMPOTENCY_KEY_INVALID);

    /* The same key of another user is a different key; a refused request may be repeated. */
    as(call, "bob", "customer");
    key_with(call, "k1", &keyed);
    EXPECT(order_service_create_order_with(call, stage->inside, &request, &keyed.options, &again)
               .code == STATUS_UNAVAILABLE);
    fake.products_fail = STATUS_OK;
    EXPECT_OK(
        order_service_create_order_with(call, stage->inside, &request, &keyed.options, &again));
    EXPECT(!is_replayed(&keyed));
}

TEST(the_same_key_with_the_same_request_gets_the_same_answer)
{
    order_play(repeats);
}

static void repeats_changes(struct call *call, struct stage *stage)
{
    struct keyed keyed;

    as(call, "ann", "customer");
    const char *order_id = create_one(call, stage);
    key_with(call, "k1", &keyed);
    EXPECT_OK(cancel(call, stage, order_id, &keyed.options));
    EXPECT(!is_replayed(&keyed));
    EXPECT_OK(cancel(call, stage, order_id, &keyed.options));
    EXPECT(is_replayed(&keyed));
    EXPECT_REFUSED(cancel(call, stage, create_one(call, stage), &keyed.options),
                   FAILED_PRECONDITION, IDEMPOTENCY_KEY_REUSED);
    EXPECT(get(call, stage, order_id)->n_history == 2);
}

TEST(a_repeated_cancel_gets_the_first_answer)
{
    order_play(repeats_changes);
}

enum { REQUESTS = 20 };
static char seen_ids[REQUESTS][40];

static void races_with_key(struct call *call, struct stage *stage, int number)
{
    OrderService__CreateOrderRequest request;
    OrderService__StandardResponse *response = 0;
    struct keyed keyed;

    as(call, "ann", "customer");
    request_init(&request, "mug", 2);
    key_with(call, "k1", &keyed);
    EXPECT_OK(
        order_service_create_order_with(call, stage->inside, &request, &keyed.options, &response));
    if (response && response->order_create_data)
        snprintf(seen_ids[number], sizeof(seen_ids[number]), "%s",
                 response->order_create_data->order_id);
}

static void makes_one(struct call *call, struct stage *stage)
{
    OrderService__ListOrdersRequest request = ORDER_SERVICE__LIST_ORDERS_REQUEST__INIT;
    OrderService__Orders *orders;

    stage_spread(call, stage, REQUESTS, races_with_key);
    as(call, "ann", "customer");
    EXPECT_OK(list(call, stage, &request, &orders));
    EXPECT(orders->n_orders == 1);
    for (int i = 1; i < REQUESTS; i++) EXPECT(strcmp(seen_ids[i], seen_ids[0]) == 0);
}

TEST(twenty_concurrent_requests_with_one_key_make_one_order)
{
    order_play(makes_one);
}

static void is_alone(struct call *call, struct stage *stage)
{
    OrderService__CreateOrderRequest request;
    OrderService__StandardResponse *response;

    as(call, "ann", "customer");
    request_init(&request, "mug", 1);
    EXPECT_REFUSED(create(call, stage, &request, &response), UNAVAILABLE, SERVICE_ABSENT);
    request_init(&request, "", 0);
    EXPECT_REFUSED(create(call, stage, &request, &response), UNAVAILABLE, SERVICE_ABSENT);
}

TEST(without_the_product_and_cart_services_nothing_is_ordered)
{
    static const struct stage_plan plan = {.module = &order_service};

    stage_run(&plan, is_alone);
}

static int64_t default_of(const char *name)
{
    for (const struct setting *setting = order_service.settings; setting->name; setting++)
        if (strcmp(setting->name, name) == 0) return strtoll(setting->fallback, 0, 10);
    return -1;
}

TEST(what_one_order_may_have_may_wait_for_its_payment)
{
    CHECK(default_of("ORDER_QUANTITY_MAX") > 0 && default_of("ORDER_LINES_MAX") > 0);
    CHECK_INT(default_of("ORDER_QUANTITY_MAX"), <=, default_of("ORDER_UNPAID_PIECES_MAX"));
    CHECK_INT(default_of("ORDER_QUANTITY_MAX"), <=, default_of("ORDER_ADDRESS_UNPAID_PIECES_MAX"));
    CHECK_INT(default_of("ORDER_LINES_MAX"), <=, default_of("ORDER_UNPAID_LINES_MAX"));
    CHECK_INT(default_of("ORDER_LINES_MAX"), <=, default_of("ORDER_ADDRESS_UNPAID_LINES_MAX"));
}
