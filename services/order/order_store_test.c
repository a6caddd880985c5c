/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of the order service's port: each test runs against each adapter in the list below. */
#include "services/order/order_store.h"

#include "events.pb-c.h"
#include "rpc/store_suite_testing.h"
#include "services/order/postgres/order_store_postgres.h"
#include "store/postgres/postgres_fate.h"
#include "store/postgres/postgres_testing.h"
#include "store/sqlite/sqlite_fate.h"

#define MINUTE_US INT64_C(60000000)

static struct status open_sqlite(const struct service_context *context,
                                 struct order_store **ret_store)
{
    return order_store_sqlite(
        context, arena_printf(context->arena, "%s/order.db", context->data_dir), ret_store);
}

static struct status open_postgres(const struct service_context *context,
                                   struct order_store **ret_store)
{
    return order_store_postgres(context, postgres_testing_url(context->arena), ret_store);
}

static struct status connect_store(struct call *call, struct order_store *opened)
{
    return opened->open(call, opened);
}

static struct status drop_postgres(struct call *call, struct order_store *opened)
{
    return postgres_testing_drop(call, order_postgres(opened)->db);
}

STORE_SUITE(order, {"sqlite", open_sqlite, .lose_answer = sqlite_lose_answer},
            {"postgres", open_postgres, "ARGOSY_TEST_POSTGRES", connect_store, drop_postgres,
             postgres_lose_answer});

/* How often a race was won. */
static _Atomic int moved;

/* ---- orders ---- */

static const struct order_policy policy = {
    .lines_max = 500,
    .quantity_max = 1000,
    .validation_timeout_us = 5 * MINUTE_US,
    .method_timeout_us = 5 * MINUTE_US,
    .payment_timeout_us = 15 * MINUTE_US,
    .of_customer = {.orders = 2},
    .of_client = {.lines = 6},
};

/* Two lines, of two sellers. */
static void draft(struct arena *arena, const char *user_id, struct order *ret_order)
{
    static const char *const options[] = {"Blue", "Large"};
    static const struct order_address address = {"Ann", "1 Way", "", "Town", "1234", "", "DE", "5"};
    const struct order_line mug = {.product_id = "mug",
                                   .category = "mugs",
                                   .variant_id = "mug-l",
                                   .product_name = "Mug",
                                   .options = options,
                                   .option_count = 2,
                                   .image_url = "https://example.com/mug.png",
                                   .seller = "Sam@example.com",
                                   .unit_amount = 1250,
                                   .quantity = 2};
    const struct order_line cup = {.product_id = "cup",
                                   .category = "cups",
                                   .variant_id = "cup",
                                   .product_name = "Cup",
                                   .image_url = "",
                                   .seller = "tim@example.com",
                                   .unit_amount = 500,
                                   .quantity = 1};

    order_init(arena, user_id, clock_now_us(), ret_order);
    EXPECT_OK(order_add(arena, ret_order, &mug, "EUR", &policy));
    EXPECT_OK(order_add(arena, ret_order, &cup, "EUR", &policy));
    ret_order->address = &address;
    ret_order->note = "ring twice";
    ret_order->payment_method = "pm_card";
    ret_order->from_cart = true;
}

static struct str answer(struct arena *arena, const struct order_written *written)
{
    return str_of(arena_printf(arena, "order %lld", (long long)written->order.number));
}

static struct status create_with(struct call *call, const char *user_id,
                                 struct change_request *request, struct order_written *ret_written)
{
    struct order_step step = {.event = ORDER_CREATE, .cause = user_id, .now_us = clock_now_us()};
    struct order_turn turn;
    struct order order;

    draft(call->arena, user_id, &order);
    EXPECT_OK(order_apply(call->arena, &order, &step, &policy, &turn));
    const struct order_creation creation = {&order, &turn, {.request = request}, answer};
    return store->create(call, store, &creation, ret_written);
}

static const char *create(struct call *call, const char *user_id)
{
    struct order_written written = {.order = {.order_id = ""}};

    EXPECT_OK(create_with(call, user_id, 0, &written));
    return written.order.order_id;
}

static struct status apply(const struct call *call, struct order_written *written, void *data)
{
    return order_apply(call->arena, &written->order, data, &policy, &written->turn);
}

static struct status update(struct call *call, const char *order_id, enum order_event event,
                            struct order_written *ret_written)
{
    struct order_step step = {
        .event = event, .cause = "a test", .payment_id = "p1", .now_us = clock_now_us()};
    const struct order_change change = {.order_id = order_id, .apply = apply, .data = &step};

    return store->update(call, store, &change, ret_written);
}

static void finds_it(struct call *call, const struct order *kept)
{
    struct order found;

    EXPECT_OK(store->find(call, store, kept->order_id, &found));
    EXPECT(found.number == kept->number && found.state == kept->state);
    EXPECT(found.steps == kept->steps && found.deadline_us == kept->deadline_us);
    EXPECT(found.created_us == kept->created_us && found.updated_us == kept->updated_us);
    EXPECT(found.total_minor == 3000 && strcmp(found.currency, "EUR") == 0 && found.from_cart);
    EXPECT(strcmp(found.user_id, "Ann@example.com") == 0);
    EXPECT(strcmp(found.payment_method, "pm_card") == 0);
    EXPECT(strcmp(found.note, "ring twice") == 0);
    EXPECT(found.address && strcmp(found.address->line1, "1 Way") == 0);
    EXPECT(found.line_count == 2);
    if (found.line_count != 2) return;
    const struct order_line *mug = &found.lines[0];
    EXPECT(mug->option_count == 2 && strcmp(mug->options[1], "Large") == 0);
    EXPECT(strcmp(mug->variant_id, "mug-l") == 0 && mug->quantity == 2 && mug->unit_amount == 1250);
    EXPECT(strcmp(mug->seller, "Sam@example.com") == 0 && strcmp(mug->category, "mugs") == 0);
    EXPECT(strcmp(mug->product_name, "Mug") == 0 && mug->image_url[0]);
}

static void keeps_orders(struct call *call, struct stage *stage)
{
    struct order_transition *history;
    struct order_written first, second;
    struct order found;
    size_t count;

    EXPECT_REFUSED(store->find(call, store, "nothing", &found), NOT_FOUND, ORDER_NOT_FOUND);
    EXPECT_OK(create_with(call, "Ann@example.com", 0, &first));
    EXPECT_OK(create_with(call, "ann@example.com", 0, &second));
    EXPECT(first.order.number > 0 && second.order.number > first.order.number);
    EXPECT(first.turn.move_count > 0 && first.order.state == ORDER_PENDING);
    finds_it(call, &first.order);

    EXPECT_OK(update(call, first.order.order_id, ORDER_STOCK_RESERVED, &first));
    EXPECT(first.turn.move_count > 0 && first.order.state == ORDER_VALIDATED &&
           first.order.steps == 2);
    finds_it(call, &first.order);
    EXPECT_OK(store->history(call, store, &first.order, &history, &count));
    EXPECT(count == 2);
    EXPECT(history[0].from == ORDER_NONE && history[0].to == ORDER_PENDING);
    EXPECT(history[1].from == ORDER_PENDING && history[1].to == ORDER_VALIDATED);
    EXPECT(history[1].event == ORDER_STOCK_RESERVED && strcmp(history[1].cause, "a test") == 0);
    EXPECT(history[1].at_us == first.order.updated_us);
    EXPECT_REFUSED(update(call, "nothing", ORDER_CANCEL, &second), NOT_FOUND, ORDER_NOT_FOUND);
}

TEST(an_order_is_kept_with_its_history)
{
    for_each_adapter(keeps_orders);
}

/* ---- what goes with a change ---- */

static size_t read_events(struct call *call, struct event **ret_events)
{
    size_t count = 0;
    int64_t after;

    EXPECT_OK(store->events.log->read(call, store->events.log, ORDER_TOPIC, 0, 100, ret_events,
                                      &count, &after));
    return count;
}

static void tells_events(struct call *call, struct stage *stage)
{
    struct order_written written;
    ProtobufCMessage *message;
    struct event *events;

    const char *order_id = create(call, "ann@example.com");
    EXPECT_OK(update(call, order_id, ORDER_STOCK_RESERVED, &written));
    EXPECT_OK(update(call, order_id, ORDER_PAYMENT_AUTHORIZED, &written));
    EXPECT_OK(update(call, order_id, ORDER_PAYMENT_AUTHORIZED, &written)); /* changes nothing */
    EXPECT(!written.turn.changed);
    EXPECT_OK(update(call, order_id, ORDER_STOCK_COMMITTED, &written)); /* publishes nothing */
    EXPECT_OK(update(call, order_id, ORDER_FULFIL, &written));
    EXPECT_OK(update(call, order_id, ORDER_PAYMENT_CAPTURED, &written));
    EXPECT(written.order.facts == (ORDER_HAS_STOCK | ORDER_HAS_MONEY | ORDER_FULFILMENT_REQUESTED));
    EXPECT_REFUSED(update(call, order_id, ORDER_CANCEL, &written), FAILED_PRECONDITION,
                   ORDER_STATE);
    EXPECT_OK(update(call, order_id, ORDER_PAYMENT_REFUNDED, &written)); /* publishes nothing */

    EXPECT(read_events(call, &events) == 5);
    for (size_t i = 0; i < 5; i++) EXPECT(strcmp(events[i].key, order_id) == 0);
    EXPECT(event_is(&events[0], &events__order_created_event__descriptor));
    EXPECT(event_is(&events[3], &events__order_fulfilment_requested_event__descriptor));
    EXPECT(event_is(&events[4], &events__order_fulfilled_event__descriptor));
    EXPECT_OK(event_unpack(call->arena, &events[1], &events__order_validated_event__descriptor,
                           &message));
    const Events__OrderValidatedEvent *validated = (const Events__OrderValidatedEvent *)message;
    EXPECT(validated->amount_minor == 3000 && strcmp(validated->currency, "EUR") == 0);
    EXPECT(strcmp(validated->payment_method, "pm_card") == 0 && validated->n_sellers == 2);
    EXPECT_OK(event_unpack(call->arena, &events[2], &events__order_confirmed_event__descriptor,
                           &message));
    const Events__OrderConfirmedEvent *confirmed = (const Events__OrderConfirmedEvent *)message;
    EXPECT(confirmed->from_cart && !confirmed->capture && confirmed->n_items == 2);
    EXPECT(strcmp(confirmed->payment_id, "p1") == 0);
}

TEST(each_change_publishes_its_event_and_a_refused_one_none)
{
    for_each_adapter(tells_events);
}

static void takes_once(struct call *call, struct stage *stage)
{
    Events__PaymentAuthorizedEvent message = EVENTS__PAYMENT_AUTHORIZED_EVENT__INIT;
    const char *order_id = create(call, "ann@example.com");
    struct order_step step = {.event = ORDER_CANCEL, .cause = "e", .now_us = 1};
    struct order_written written;
    struct event event, *events;

    event_make(call, "payment-events", order_id, &message.base, &event);
    const struct order_change change = {
        .order_id = order_id, .apply = apply, .data = &step, .cause = {.event = &event}};
    EXPECT_OK(store->update(call, store, &change, &written));
    EXPECT(written.turn.move_count > 0);
    EXPECT_OK(store->update(call, store, &change, &written)); /* would be refused if it ran */
    EXPECT(!written.turn.changed && written.turn.move_count == 0);
    EXPECT(read_events(call, &events) == 2);

    /* A failed change has not taken its event. */
    event_make(call, "payment-events", order_id, &message.base, &event);
    EXPECT_REFUSED(store->update(call, store, &change, &written), FAILED_PRECONDITION, ORDER_STATE);
    EXPECT_REFUSED(store->update(call, store, &change, &written), FAILED_PRECONDITION, ORDER_STATE);
}

TEST(an_event_takes_effect_once)
{
    for_each_adapter(takes_once);
}

static void answers_again(struct call *call, struct stage *stage)
{
    struct change_request request = {.idempotency = {.scope = "ann@example.com", .key = "k1"}};
    struct order_step step = {.event = ORDER_CANCEL, .cause = "ann", .now_us = 1};
    struct order_written first, again;
    struct event *events;

    EXPECT_OK(store->replay(call, store, &request));
    EXPECT(!request.replayed.data);
    EXPECT_OK(create_with(call, "ann@example.com", &request, &first));
    EXPECT(!request.replayed.data);
    EXPECT_OK(create_with(call, "ann@example.com", &request, &again));
    EXPECT(str_equal(request.replayed, answer(call->arena, &first)) && !again.turn.changed);
    request.replayed = (struct str){0};
    EXPECT_OK(store->replay(call, store, &request));
    EXPECT(str_equal(request.replayed, answer(call->arena, &first)));
    request.idempotency.fingerprint[0] = 1;
    EXPECT_REFUSED(store->replay(call, store, &request), FAILED_PRECONDITION,
                   IDEMPOTENCY_KEY_REUSED);

    request.idempotency.key = "k2";
    const struct order_change change = {.order_id = first.order.order_id,
                                        .apply = apply,
                                        .data = &step,
                                        .cause = {.request = &request},
                                        .answer = answer};
    EXPECT_OK(store->update(call, store, &change, &again));
    EXPECT(again.turn.move_count > 0 && !request.replayed.data);
    EXPECT(again.history_count == 2 && again.history[1].event == ORDER_CANCEL);
    EXPECT_OK(store->update(call, store, &change, &again));
    EXPECT(again.turn.move_count == 0 && str_equal(request.replayed, answer(call->arena, &first)));
    request.idempotency.key = "k3"; /* a refused request keeps no key */
    EXPECT_REFUSED(store->update(call, store, &change, &again), FAILED_PRECONDITION, ORDER_STATE);
    EXPECT_OK(store->replay(call, store, &request));
    EXPECT(!request.replayed.data && read_events(call, &events) == 2);
}

TEST(a_request_with_a_key_has_its_effect_once)
{
    for_each_adapter(answers_again);
}

/* ---- lost answers ---- */

static struct status order_cart(struct call *call, const char *user_id, const char *state,
                                const char *note, struct order_written *ret_written);

static void outlives_lost_answers(struct call *call, struct stage *stage)
{
    Events__PaymentVoidedEvent message = EVENTS__PAYMENT_VOIDED_EVENT__INIT;
    struct change_request request = {.idempotency = {.scope = "ann@example.com", .key = "k1"}};
    struct order_step reserved = {.event = ORDER_STOCK_RESERVED, .cause = "e", .now_us = 1},
                      cancel = {.event = ORDER_CANCEL, .cause = "ann", .now_us = 1};
    struct order_written written = {0};
    struct order_page page = {0};
    struct event event, *events;

    EXPECT_LOST(create_with(call, "ann@example.com", &request, &written));
    EXPECT_OK(create_with(call, "ann@example.com", &request, &written));
    EXPECT(str_is(request.replayed, "order 1"));
    /* Without a key the state of the cart tells that there is an order now. */
    EXPECT_LOST(order_cart(call, "ann@example.com", "1.1", "", &written));
    EXPECT_OK(order_cart(call, "ann@example.com", "1.1", "", &written));
    EXPECT(written.is_earlier && written.order.number > 1); /* there may be gaps */
    struct str second = answer(call->arena, &written);
    struct order_query query = {.user_id = "ann@example.com", .seller = "", .limit = 9};
    EXPECT_OK(store->list(call, store, &query, &page));
    EXPECT(page.count == 2 && read_events(call, &events) == 2);

    event_make(call, "order-results", written.order.order_id, &message.base, &event);
    struct order_change change = {.order_id = written.order.order_id,
                                  .apply = apply,
                                  .data = &reserved,
                                  .cause = {.event = &event}};
    EXPECT_LOST(store->update(call, store, &change, &written));
    EXPECT_OK(store->update(call, store, &change, &written));
    EXPECT(!written.turn.changed && read_events(call, &events) == 3);
    request = (struct change_request){.idempotency = {.scope = "ann@example.com", .key = "k2"}};
    change.data = &cancel;
    change.cause = (struct change_cause){.request = &request};
    change.answer = answer;
    EXPECT_LOST(store->update(call, store, &change, &written));
    EXPECT_OK(store->update(call, store, &change, &written));
    EXPECT(str_equal(request.replayed, second) && read_events(call, &events) == 4);
}

TEST(a_write_whose_answer_was_lost_takes_effect_once_when_it_is_repeated)
{
    for_each_adapter(outlives_lost_answers);
}

/* ---- lists ---- */

/* The numbers of a page, relative to the first order, with blanks between. */
static const char *numbers(struct call *call, struct order_query *query)
{
    const char *text = "";
    struct order_page page = {0};

    EXPECT_OK(store->list(call, store, query, &page));
    for (size_t i = 0; i < page.count; i++)
        text = arena_printf(call->arena, "%s%s%lld", text, i ? " " : "",
                            (long long)page.orders[i].number);
    query->after = page.next;
    return text;
}

static void lists(struct call *call, struct stage *stage)
{
    struct order_query query = {.user_id = "ann@example.com", .seller = "", .limit = 2};
    const char *order_ids[5];
    struct order_written written;
    struct order_page page;

    for (int i = 0; i < 5; i++)
        order_ids[i] = create(call, i == 2 ? "bob@example.com" : "Ann@example.com");
    EXPECT(strcmp(numbers(call, &query), "5 4") == 0 && query.after.length > 0);
    EXPECT(strcmp(numbers(call, &query), "2 1") == 0 && query.after.length == 0);
    query.user_id = "eve@example.com";
    EXPECT(strcmp(numbers(call, &query), "") == 0 && query.after.length == 0);
    query = (struct order_query){.user_id = "", .seller = "sam@EXAMPLE.com", .limit = 4};
    EXPECT(strcmp(numbers(call, &query), "5 4 3 2") == 0);
    EXPECT(strcmp(numbers(call, &query), "1") == 0 && query.after.length == 0);

    EXPECT_OK(update(call, order_ids[3], ORDER_STOCK_RESERVED, &written));
    query.state = ORDER_VALIDATED;
    EXPECT(strcmp(numbers(call, &query), "4") == 0);
    query = (struct order_query){.user_id = "ann@example.com", .seller = "", .limit = 9};
    query.state = ORDER_PENDING;
    EXPECT(strcmp(numbers(call, &query), "5 2 1") == 0);
    query.after = STR("x");
    EXPECT_REFUSED(store->list(call, store, &query, &page), INVALID_ARGUMENT, PAGE_CURSOR_INVALID);
}

TEST(pages_go_from_the_newest_to_the_oldest)
{
    for_each_adapter(lists);
}

static void ends_large_pages(struct call *call, struct stage *stage)
{
    enum { ORDERS = 6, NOTE = 400 * 1024 };
    struct order_step step = {.event = ORDER_CREATE, .cause = "ann", .now_us = 1};
    struct order_query query = {.user_id = "ann@example.com", .seller = "", .limit = 200};
    char *note = arena_calloc(call->arena, 1, NOTE + 1);
    struct order_written written;
    struct order_turn turn;
    struct order order;

    memset(note, 'x', NOTE);
    for (int i = 0; i < ORDERS; i++) {
        draft(call->arena, "ann@example.com", &order);
        order.note = note;
        EXPECT_OK(order_apply(call->arena, &order, &step, &policy, &turn));
        const struct order_creation creation = {.order = &order, .turn = &turn};
        EXPECT_OK(store->create(call, store, &creation, &written));
    }
    EXPECT(strcmp(numbers(call, &query), "6 5 4") == 0 && query.after.length > 0);
    EXPECT(strcmp(numbers(call, &query), "3 2 1") == 0 && query.after.length == 0);
}

TEST(a_page_of_large_orders_ends_early)
{
    for_each_adapter(ends_large_pages);
}

/* ---- one order of one state of a cart ---- */

static struct status order_cart(struct call *call, const char *user_id, const char *state,
                                const char *note, struct order_written *ret_written)
{
    struct order_step step = {.event = ORDER_CREATE, .cause = user_id, .now_us = clock_now_us()};
    struct order_turn turn;
    struct order order;

    draft(call->arena, user_id, &order);
    order.cart_state = state;
    order.note = note;
    EXPECT_OK(order_apply(call->arena, &order, &step, &policy, &turn));
    const struct order_creation creation = {.order = &order, .turn = &turn};
    return store->create(call, store, &creation, ret_written);
}

static void orders_states(struct call *call, struct stage *stage)
{
    struct order_written first = {0}, again = {0}, other = {0};
    struct order found;

    EXPECT_REFUSED(store->find_of_cart(call, store, "ann@example.com", "1.1", &found), NOT_FOUND,
                   ORDER_NOT_FOUND);
    EXPECT_OK(order_cart(call, "ann@example.com", "1.1", "", &first));
    EXPECT(!first.is_earlier && first.turn.move_count > 0);
    EXPECT_OK(order_cart(call, "Ann@Example.com", "1.1", "", &again));
    EXPECT(again.is_earlier && !again.turn.changed);
    EXPECT(strcmp(again.order.order_id, first.order.order_id) == 0);
    EXPECT_OK(store->find_of_cart(call, store, "ANN@example.com", "1.1", &found));
    EXPECT(strcmp(found.order_id, first.order.order_id) == 0);
    EXPECT(strcmp(found.cart_state, "1.1") == 0);
    EXPECT_REFUSED(order_cart(call, "ann@example.com", "1.1", "ring", &again), ALREADY_EXISTS,
                   CART_ORDERED);
    EXPECT_OK(order_cart(call, "ann@example.com", "1.2", "", &other));
    EXPECT(!other.is_earlier);
    EXPECT_OK(order_cart(call, "bob@example.com", "1.1", "", &other));
    EXPECT(!other.is_earlier);
    for (int i = 0; i < 2; i++) { /* an order that is of no cart */
        EXPECT_OK(order_cart(call, "ann@example.com", "", "", &other));
        EXPECT(!other.is_earlier);
    }

    /* One that has failed can be ordered again. */
    EXPECT_OK(update(call, first.order.order_id, ORDER_STOCK_REFUSED, &other));
    EXPECT_OK(order_cart(call, "ann@example.com", "1.1", "", &again));
    EXPECT(!again.is_earlier && strcmp(again.order.order_id, first.order.order_id) != 0);
    EXPECT_OK(update(call, again.order.order_id, ORDER_CANCEL, &other));
    EXPECT_OK(order_cart(call, "ann@example.com", "1.1", "", &again));
    EXPECT(!again.is_earlier);
    EXPECT_OK(update(call, again.order.order_id, ORDER_STOCK_RESERVED, &other));
    EXPECT_OK(update(call, again.order.order_id, ORDER_PAYMENT_AUTHORIZED, &other));
    EXPECT_OK(order_cart(call, "ann@example.com", "1.1", "", &other));
    EXPECT(other.is_earlier && other.order.state == ORDER_CONFIRMED);
}

TEST(a_state_of_a_cart_is_one_order_until_that_fails)
{
    for_each_adapter(orders_states);
}

static void race_to_order(struct call *call, struct stage *stage, int number)
{
    struct order_written written = {0};

    EXPECT_OK(order_cart(call, "ann@example.com", "7.7", "", &written));
    if (!written.is_earlier) moved++;
}

static void races_for_a_cart(struct call *call, struct stage *stage)
{
    moved = 0;
    stage_spread(call, stage, 64, race_to_order);
    EXPECT(moved == 1);
}

TEST(a_cart_that_is_ordered_many_times_at_once_is_one_order)
{
    for_each_adapter(races_for_a_cart);
}

/* ---- what is held unpaid ---- */

static struct status hold(struct call *call, const char *user_id, const char *client,
                          struct order_written *ret_written)
{
    struct order_step step = {.event = ORDER_CREATE, .cause = user_id, .now_us = clock_now_us()};
    struct order_turn turn;
    struct order order;

    draft(call->arena, user_id, &order);
    order.client = client;
    EXPECT_OK(order_apply(call->arena, &order, &step, &policy, &turn));
    const struct order_creation creation = {.order = &order, .turn = &turn, .bounds = &policy};
    return store->create(call, store, &creation, ret_written);
}

static void bounds_what_is_held(struct call *call, struct stage *stage)
{
    struct order_written first = {0}, other = {0};
    struct order found;

    EXPECT_OK(hold(call, "ann@example.com", "192.0.2.1", &first));
    EXPECT_OK(hold(call, "ann@example.com", "192.0.2.1", &other));
    struct status st = hold(call, "Ann@example.com", "192.0.2.9", &other);
    EXPECT_REFUSED(st, RESOURCE_EXHAUSTED, ORDER_UNPAID_MAX);
    EXPECT(st.details && st.details->retry_after_ms > 200000);

    /* Another account at the same address: two lines each, six in all. */
    EXPECT_OK(hold(call, "bob@example.com", "192.0.2.1", &other));
    EXPECT_REFUSED(hold(call, "cid@example.com", "192.0.2.1", &other), RESOURCE_EXHAUSTED,
                   ORDER_UNPAID_MAX);
    EXPECT_OK(hold(call, "cid@example.com", "192.0.2.2", &other));
    EXPECT_OK(hold(call, "dan@example.com", "", &other));

    /* What is paid, or has ended, is not held; and its address is forgotten. */
    EXPECT_OK(update(call, first.order.order_id, ORDER_STOCK_RESERVED, &other));
    EXPECT_OK(store->find(call, store, first.order.order_id, &found));
    EXPECT(strcmp(found.client, "192.0.2.1") == 0);
    EXPECT_REFUSED(hold(call, "ann@example.com", "", &other), RESOURCE_EXHAUSTED, ORDER_UNPAID_MAX);
    EXPECT_OK(update(call, first.order.order_id, ORDER_PAYMENT_AUTHORIZED, &other));
    EXPECT_OK(store->find(call, store, first.order.order_id, &found));
    EXPECT(strcmp(found.client, "") == 0);
    EXPECT_OK(hold(call, "ann@example.com", "192.0.2.1", &other));
}

TEST(what_one_account_or_address_holds_unpaid_is_bounded)
{
    for_each_adapter(bounds_what_is_held);
}

/* ---- what waits ---- */

static void waits(struct call *call, struct stage *stage)
{
    int64_t counts[ORDER_STATE_COUNT], now_us = clock_now_us();
    const char *first = create(call, "ann@example.com"), **due;
    const char *second = create(call, "ann@example.com");
    struct order_written written;
    size_t count;

    create(call, "ann@example.com");
    EXPECT_OK(update(call, first, ORDER_STOCK_RESERVED, &written));
    EXPECT_OK(update(call, second, ORDER_STOCK_RESERVED, &written));
    EXPECT_OK(update(call, second, ORDER_PAYMENT_AUTHORIZED, &written));
    EXPECT_OK(store->count(call, store, counts));
    EXPECT(counts[ORDER_PENDING] == 1 && counts[ORDER_VALIDATED] == 1);
    EXPECT(counts[ORDER_CONFIRMED] == 1);
    EXPECT_OK(store->due(call, store, now_us, 10, &due, &count));
    EXPECT(count == 0);
    EXPECT_OK(store->due(call, store, now_us + 6 * MINUTE_US, 10, &due, &count));
    EXPECT(count == 1);
    EXPECT_OK(store->due(call, store, now_us + 16 * MINUTE_US, 10, &due, &count));
    EXPECT(count == 2);
    EXPECT_OK(store->due(call, store, now_us + 16 * MINUTE_US, 1, &due, &count));
    EXPECT(count == 1);
    EXPECT_OK(update(call, first, ORDER_CANCEL, &written));
    EXPECT_OK(store->due(call, store, INT64_MAX, 10, &due, &count));
    EXPECT(count == 1);
}

TEST(orders_that_wait_are_counted_and_fall_due)
{
    for_each_adapter(waits);
}

/* ---- races ---- */

enum { ORDERS = 300, CHANGES = 100 };

static const char *contended;

static void race_to_create(struct call *call, struct stage *stage, int number)
{
    EXPECT(*create(call, "ann@example.com"));
}

/* As sweeps of several processes and an event at the same moment. */
static void race_to_end(struct call *call, struct stage *stage, int number)
{
    struct order_written written = {0};

    EXPECT_OK(update(call, contended, number % 2 ? ORDER_TIME_OUT : ORDER_STOCK_REFUSED, &written));
    if (written.turn.move_count > 0) moved++;
}

static void race_to_cancel(struct call *call, struct stage *stage, int number)
{
    struct order_written written = {0};
    struct status st = update(call, contended, ORDER_CANCEL, &written);

    EXPECT(!failed(st) || st.reason == ARGOSY__REASON__ORDER_STATE);
    if (!failed(st) && written.turn.move_count > 0) moved++;
}

static void races(struct call *call, struct stage *stage)
{
    struct order_query query = {.user_id = "ann@example.com", .seller = "", .limit = 200};
    struct order_page page = {0};
    int64_t before = INT64_MAX;
    size_t found = 0;

    stage_spread(call, stage, ORDERS, race_to_create);
    do {
        EXPECT_OK(store->list(call, store, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            EXPECT(page.orders[i].number < before);
            before = page.orders[i].number;
        }
        found += page.count;
        query.after = page.next;
    } while (page.next.length > 0);
    EXPECT(found == ORDERS);

    moved = 0;
    contended = create(call, "bob@example.com");
    stage_spread(call, stage, CHANGES, race_to_cancel);
    EXPECT(moved == 1);

    moved = 0;
    contended = create(call, "bob@example.com");
    stage_pass_s(6 * 60);
    stage_spread(call, stage, CHANGES, race_to_end);
    EXPECT(moved == 1);
}

TEST(concurrent_changes_of_one_order_take_place_once)
{
    for_each_adapter(races);
}

/* ---- audits ---- */

static void briefs(struct call *call, struct stage *stage)
{
    const char *first = create(call, "ann@example.com"), *second = create(call, "bob@example.com");
    const char *order_ids[] = {second, "nothing", first};
    struct order_written written;
    enum order_state *states;
    struct order_brief *page;
    size_t count;

    EXPECT_OK(update(call, first, ORDER_CANCEL, &written));
    EXPECT_OK(store->states(call, store, order_ids, 3, &states));
    EXPECT(states[0] == ORDER_PENDING && states[1] == ORDER_NONE && states[2] == ORDER_CANCELLED);

    EXPECT_OK(store->briefs(call, store, 0, 10, &page, &count));
    EXPECT(count == 2 && page[0].number < page[1].number);
    if (count != 2) return;
    EXPECT(strcmp(page[0].order_id, first) == 0 && page[0].state == ORDER_CANCELLED);
    EXPECT(strcmp(page[1].order_id, second) == 0 && page[1].total_minor == 3000);
    EXPECT_OK(store->briefs(call, store, page[0].number, 1, &page, &count));
    EXPECT(count == 1 && strcmp(page[0].order_id, second) == 0);
    EXPECT_OK(store->briefs(call, store, page[0].number, 1, &page, &count));
    EXPECT(count == 0);
}

TEST(an_audit_reads_the_states_of_orders_by_their_ids_and_in_pages)
{
    for_each_adapter(briefs);
}
