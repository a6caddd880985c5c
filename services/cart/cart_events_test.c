/* SPDX-License-Identifier: Apache-2.0 */
/* The cart service as a consumer of events. */
#include "events/events_testing.h"

#include "events.pb-c.h"
#include "services/cart/cart_service.h"
#include "services/cart/cart_testing.h"

extern const struct service_module cart_service;

static const struct stage_plan plan = {.module = &cart_service, EVENTS_STAGE};

static struct status add_five(const struct call *call, struct cart *cart, void *data)
{
    return cart_test_add(call, cart, data, 5);
}

static void add(struct call *call, const struct cart_service *service, const char *product_id)
{
    const struct cart_change change = {add_five, (void *)(uintptr_t)product_id};
    struct cart cart;

    EXPECT_OK(service->store->update(call, service->store, "ann@example.com", &change, &cart));
}

static int left(struct call *call, const struct cart_service *service)
{
    struct cart cart = {0};

    EXPECT_OK(service->store->load(call, service->store, "ann@example.com", &cart));
    return cart_total_items(&cart);
}

static void make_confirmed(struct call *call, bool from_cart, struct event *ret_event)
{
    Events__OrderConfirmedEvent message = EVENTS__ORDER_CONFIRMED_EVENT__INIT;
    Events__OrderItem mug = EVENTS__ORDER_ITEM__INIT, pot = EVENTS__ORDER_ITEM__INIT;
    Events__OrderItem *items[] = {&mug, &pot};

    mug.product_id = mug.variant_id = (char *)"mug";
    mug.quantity = 2;
    pot.product_id = pot.variant_id = (char *)"pot";
    pot.quantity = 5;
    message.order_id = (char *)"o1";
    message.user_id = (char *)"Ann@Example.com";
    message.from_cart = from_cart;
    message.n_items = 2;
    message.items = items;
    event_make(call, "order-events", "o1", &message.base, ret_event);
}

static void orders(struct call *call, struct stage *stage)
{
    const struct cart_service *service = stage->service;
    Events__OrderCancelledEvent cancelled = EVENTS__ORDER_CANCELLED_EVENT__INIT;
    struct event event;

    add(call, service, "mug");
    add(call, service, "pot");
    make_confirmed(call, false, &event);
    EXPECT_OK(stage_hand_event(call, &event));
    EXPECT(left(call, service) == 10);
    make_confirmed(call, true, &event);
    for (int i = 0; i < 3; i++) EXPECT_OK(stage_hand_event(call, &event));
    EXPECT(left(call, service) == 3);

    EXPECT_OK(stage_hand(call, "order-events", "o1", &cancelled.base));
    event.payload = STR("\xff\xff");
    EXPECT_REFUSED(stage_hand_event(call, &event), INVALID_ARGUMENT, MALFORMED_MESSAGE);
    EXPECT(left(call, service) == 3);
}

TEST(an_order_made_from_the_cart_takes_what_it_bought_out_of_it_once)
{
    stage_run(&plan, orders);
}
