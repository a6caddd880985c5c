/* SPDX-License-Identifier: Apache-2.0 */
/* Translates the events of orders into changes of reservations, and expires due ones on a fiber of
 * shard 0. */
#include "services/product/product_events.h"

#include "base/clock.h"
#include "events.pb-c.h"
#include "events/events.h"
#include "fiber/fiber.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "reasons.pb-c.h"
#include "rpc/timestamp.h"
#include "services/product/product_result.h"

enum {
    EXPIRE_MAX = 64,              /* reservations in one commit */
    SWEEP_EVERY_US = 5 * 1000000, /* also if nothing seems due: other processes may add some */
    SWEEP_PAUSE_US = 100000,
};

static struct metric reservations = METRIC_COUNTER(
    "argosy_product_reservations_total", "Changes of orders' reservations, by outcome.", "outcome");
static struct metric open_reservations = METRIC_GAUGE(
    "argosy_product_reservations_open", "Reservations that are neither committed nor ended.");

static void find_metrics(struct product_service *service)
{
    for (int state = RESERVATION_OPEN; state < RESERVATION_STATES; state++)
        service->outcomes[state] = metric_series(
            &reservations, product_reservation_state_name((enum product_reservation_state)state));
    service->open_reservations = metric_series(&open_reservations);
}

/* ---- events of orders ---- */

static struct status check_order_id(struct arena *arena, const char *order_id)
{
    size_t length = strlen(order_id);

    if (length > 0 && length <= EVENT_KEY_MAX) return status_ok();
    return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "order_id",
                        "must have 1 to %d bytes", EVENT_KEY_MAX);
}

static struct status read_lines(struct arena *arena, Events__OrderItem *const *items, size_t n,
                                struct product_order *order)
{
    struct product_reservation_line *lines = arena_array(arena, struct product_reservation_line, n);

    for (size_t i = 0; i < n; i++) {
        if (items[i]->quantity < 1)
            return status_field(arena, ARGOSY__REASON__INVALID_FIELDS,
                                arena_printf(arena, "items[%zu].quantity", i),
                                "must be at least 1");
        lines[i] = (struct product_reservation_line){
            .product_id = items[i]->product_id,
            .category = items[i]->category,
            .variant_id = items[i]->variant_id,
            .quantity = items[i]->quantity,
        };
    }
    order->lines = lines;
    order->line_count = n;
    return status_ok();
}

static struct status read_created(struct call *call, const struct event *event,
                                  const struct product_service *service,
                                  struct product_order *order)
{
    const Events__OrderCreatedEvent *created;
    ProtobufCMessage *message;
    struct status st;

    st = event_unpack(call->arena, event, &events__order_created_event__descriptor, &message);
    if (failed(st)) return st;
    created = (const Events__OrderCreatedEvent *)message;
    int64_t until_us = created->reserve_until ? rpc_timestamp_us(created->reserve_until)
                                              : order->now_us;
    order->event = RESERVATION_RESERVE;
    order->order_id = created->order_id;
    order->expires_us = until_us + service->reservation_grace_us;
    return read_lines(call->arena, created->items, created->n_items, order);
}

static struct status read_confirmed(struct call *call, const struct event *event,
                                    struct product_order *order)
{
    const Events__OrderConfirmedEvent *confirmed;
    ProtobufCMessage *message;
    struct status st;

    st = event_unpack(call->arena, event, &events__order_confirmed_event__descriptor, &message);
    if (failed(st)) return st;
    confirmed = (const Events__OrderConfirmedEvent *)message;
    order->event = RESERVATION_COMMIT;
    order->order_id = confirmed->order_id;
    return read_lines(call->arena, confirmed->items, confirmed->n_items, order);
}

static struct status read_cancelled(struct call *call, const struct event *event,
                                    struct product_order *order)
{
    ProtobufCMessage *message;
    struct status st;

    st = event_unpack(call->arena, event, &events__order_cancelled_event__descriptor, &message);
    if (failed(st)) return st;
    order->event = RESERVATION_CANCEL;
    order->order_id = ((const Events__OrderCancelledEvent *)message)->order_id;
    return st;
}

static struct status read_order(struct call *call, const struct event *event,
                                const struct product_service *service, struct product_order *order)
{
    if (event_is(event, &events__order_created_event__descriptor))
        return read_created(call, event, service, order);
    if (event_is(event, &events__order_confirmed_event__descriptor))
        return read_confirmed(call, event, order);
    return read_cancelled(call, event, order);
}

struct status product_events_handle(struct call *call, const struct event *event, void *data)
{
    struct product_service *service = data;
    struct product_order order = {.now_us = clock_now_us()};
    struct product_reservation_outcome outcome;
    struct status st;

    st = read_order(call, event, service, &order);
    if (failed(st)) return st;
    st = check_order_id(call->arena, order.order_id);
    if (failed(st)) return st;
    st = service->store->apply_order(call, service->store, event, &order, &outcome);
    if (!failed(st) && outcome.state != RESERVATION_NONE)
        metric_add(service->outcomes[outcome.state], 1);
    return st;
}

/* ---- what nobody has confirmed in time ---- */

static struct status look(struct call *call, struct product_service *service, int64_t *ret_next_us)
{
    int64_t open;
    struct status st = service->store->open_orders(call, service->store, &open, ret_next_us);

    if (!failed(st)) metric_set(service->open_reservations, (double)open);
    return st;
}

struct status product_events_expire(struct call *call, struct product_service *service,
                                    int64_t *ret_next_us)
{
    struct product_store *store = service->store;
    int expired = EXPIRE_MAX;
    int64_t next_us;
    struct status st;

    st = look(call, service, &next_us);
    if (failed(st)) return st;
    if (next_us == 0 || next_us > clock_now_us()) {
        *ret_next_us = next_us;
        return st;
    }
    while (expired == EXPIRE_MAX) {
        st = store->expire_orders(call, store, clock_now_us(), EXPIRE_MAX, &expired);
        if (failed(st)) return st;
        metric_add(service->outcomes[RESERVATION_EXPIRED], (uint64_t)expired);
    }
    return look(call, service, ret_next_us);
}

static int64_t wait_us_until(int64_t next_us)
{
    int64_t wait_us = next_us > 0 ? next_us - clock_now_us() : SWEEP_EVERY_US;

    if (wait_us > SWEEP_EVERY_US) return SWEEP_EVERY_US;
    return wait_us > SWEEP_PAUSE_US ? wait_us : SWEEP_PAUSE_US;
}

/* Ends when the shard stops, which cancels its sleep. */
static void sweep_fiber(struct call *call, void *data)
{
    struct product_service *service = data;

    struct status st = status_ok();
    struct arena arena;

    arena_init(&arena, 0);
    while (!failed(st)) {
        struct call round;
        int64_t next_us = 0;
        call_init_child(&round, call, 0);
        round.arena = &arena;
        st = product_events_expire(&round, service, &next_us);
        if (failed(st) && !call_is_cancelled(call))
            log_warn(call->trace, "product: due reservations could not be expired; retrying",
                     LOG_STR("error", st.message));
        arena_reset(&arena);
        st = fiber_sleep(call, wait_us_until(next_us));
    }
    arena_release(&arena);
}

static void start_sweeping(struct shard *shard, void *data)
{
    struct status st = fiber_start(shard, 0, sweep_fiber, data);

    if (failed(st))
        log_error(0, "product: no fiber could be started to expire reservations; retrying",
                  LOG_STR("error", st.message));
}

/* ---- wiring ---- */

void product_events_start(const struct service_context *context, struct product_service *service)
{
    static const char *const types[] = {"OrderCreatedEvent", "OrderConfirmedEvent",
                                        "OrderCancelledEvent", 0};
    struct events_subscription subscription = {
        .group = "product",
        .topic = "order-events",
        .producer = "order",
        .types = types,
        .handle = product_events_handle,
        .data = service,
        .store = &service->store->events,
    };

    find_metrics(service);
    if (!context->events) return;
    events_offer(context->events, PRODUCT_RESULTS_TOPIC, &service->store->events);
    events_subscribe(context->events, &subscription);
    service->sweeping = (struct shard_message){.fn = start_sweeping, .data = service};
    shard_post_message(shards_at(context->shards, 0), &service->sweeping);
}
