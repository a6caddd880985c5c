/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of the cart service's port: each test runs against each adapter in the list below. */
#include "services/cart/cart_store.h"

#include <sqlite3.h>

#include "rpc/store_suite_testing.h"
#include "services/cart/cart_testing.h"
#include "services/cart/redis/cart_store_redis_testing.h"
#include "store/sqlite/sqlite_fate.h"

enum { TTL_S = REDIS_TTL_S };

static struct status open_sqlite(const struct service_context *context,
                                 struct cart_store **ret_store)
{
    return cart_store_sqlite(context, arena_printf(context->arena, "%s/cart.db", context->data_dir),
                             TTL_S * INT64_C(1000000), ret_store);
}

STORE_SUITE(cart, {"sqlite", open_sqlite, .lose_answer = sqlite_lose_answer},
            {"redis", open_redis, "ARGOSY_TEST_REDIS", connect_redis, drop_redis});

static void pass_s(struct call *call, int64_t seconds)
{
    stage_pass_s(seconds);
    EXPECT_OK(fiber_sleep(call, 1000)); /* the shard reads its clock anew */
    if (adapter->engine) pass_on_redis(call, seconds);
}

static struct status add(struct call *call, const char *email, const char *product_id,
                         struct cart *ret_cart)
{
    return cart_test_store_one(call, store, email, product_id, ret_cart);
}

static void keeps_carts(struct call *call, struct stage *stage)
{
    struct cart cart = {0}, found = {0};

    EXPECT_OK(store->load(call, store, "ann@example.com", &found));
    EXPECT(found.version == 0 && found.line_count == 0);
    EXPECT(strcmp(found.email, "ann@example.com") == 0);

    EXPECT_OK(add(call, "Ann@Example.com", "p", &cart));
    EXPECT(cart.version == 1 && cart.line_count == 1);
    EXPECT(cart.created_us == cart.updated_us); /* one change is made at one moment */
    EXPECT_OK(add(call, "ann@example.com", "q", &cart));
    EXPECT(cart.version == 2 && cart.line_count == 2);

    EXPECT_OK(store->load(call, store, "ANN@example.com", &found));
    EXPECT(found.version == 2 && found.line_count == 2);
    EXPECT(strcmp(found.email, "Ann@Example.com") == 0);
    EXPECT(strcmp(found.lines[0].product_id, "p") == 0 && found.lines[0].unit_amount == 1250);
    EXPECT(found.created_us <= found.updated_us && found.updated_us <= clock_now_us());

    EXPECT_OK(store->load(call, store, "bob@example.com", &found));
    EXPECT(found.version == 0);
}

TEST(a_cart_is_kept_by_its_owner_whatever_the_case)
{
    for_each_adapter(keeps_carts);
}

static struct status refuse(const struct call *call, struct cart *cart, void *data)
{
    cart_clear(cart);
    return status_make(STATUS_ABORTED, ARGOSY__REASON__CART_LINES_MAX, "no");
}

static void leaves_refused(struct call *call, struct stage *stage)
{
    const struct cart_change refused = {refuse, 0};
    struct cart cart;

    EXPECT_REFUSED(store->update(call, store, "ann@example.com", &refused, &cart), ABORTED,
                   CART_LINES_MAX);
    EXPECT_OK(store->load(call, store, "ann@example.com", &cart));
    EXPECT(cart.version == 0);
    EXPECT_OK(add(call, "ann@example.com", "p", &cart));
    EXPECT_REFUSED(store->update(call, store, "ann@example.com", &refused, &cart), ABORTED,
                   CART_LINES_MAX);
    EXPECT_OK(store->load(call, store, "ann@example.com", &cart));
    EXPECT(cart.version == 1 && cart.line_count == 1);
}

TEST(a_refused_change_leaves_the_cart)
{
    for_each_adapter(leaves_refused);
}

static void expires(struct call *call, struct stage *stage)
{
    struct cart cart;

    EXPECT_OK(add(call, "ann@example.com", "p", &cart));
    pass_s(call, TTL_S - 60);
    EXPECT_OK(add(call, "ann@example.com", "q", &cart)); /* its time to live starts again */
    int64_t created_us = cart.created_us;
    pass_s(call, TTL_S - 60);
    EXPECT_OK(store->load(call, store, "ann@example.com", &cart));
    EXPECT(cart.line_count == 2);
    pass_s(call, 61);
    EXPECT_OK(store->load(call, store, "ann@example.com", &cart));
    EXPECT(cart.version == 0 && cart.line_count == 0);
    EXPECT_OK(add(call, "ann@example.com", "r", &cart));
    EXPECT(cart.version == 1 && cart.line_count == 1 && cart.created_us > created_us);
}

TEST(a_cart_lives_for_its_time_after_its_last_change)
{
    for_each_adapter(expires);
}

/* ---- what was ordered ---- */

static struct event event_of(const char *id)
{
    return (struct event){.id = id, .topic = "order-events", .key = "o", .type = "", .attempt = 1};
}

struct ordered {
    const struct cart_ordered *items;
    size_t count;
};

static struct status take_ordered(const struct call *call, struct cart *cart, void *data)
{
    const struct ordered *ordered = data;

    cart_take_ordered(cart, "", ordered->items, ordered->count);
    return status_ok();
}

static struct status take(struct call *call, const char *id, const char *email, int quantity)
{
    const struct cart_ordered items[] = {{"p", "p", quantity}, {"gone", "gone", 1}};
    const struct event event = event_of(id);
    struct ordered ordered = {items, 2};
    const struct cart_change change = {
        .apply = take_ordered, .data = &ordered, .cause = {.event = &event}};
    struct cart cart;

    return store->update(call, store, email, &change, &cart);
}

static void takes_once(struct call *call, struct stage *stage)
{
    struct cart cart;

    for (int i = 0; i < 5; i++) EXPECT_OK(add(call, "ann@example.com", "p", &cart));
    EXPECT_OK(add(call, "ann@example.com", "q", &cart));
    for (int i = 0; i < 3; i++) EXPECT_OK(take(call, "first", "Ann@Example.com", 2));
    EXPECT_OK(store->load(call, store, "ann@example.com", &cart));
    EXPECT(cart.line_count == 2 && cart.lines[0].quantity == 3 && cart.version == 7);
    EXPECT_OK(take(call, "second", "ann@example.com", 3));
    EXPECT_OK(store->load(call, store, "ann@example.com", &cart));
    EXPECT(cart.line_count == 1 && strcmp(cart.lines[0].product_id, "q") == 0);

    /* With nothing to take the cart stays as it is, and a missing one is not created. */
    EXPECT_OK(take(call, "third", "ann@example.com", 3));
    EXPECT_OK(store->load(call, store, "ann@example.com", &cart));
    EXPECT(cart.version == 8);
    EXPECT_OK(take(call, "fourth", "bob@example.com", 3));
    EXPECT_OK(store->load(call, store, "bob@example.com", &cart));
    EXPECT(cart.version == 0);
}

TEST(what_was_ordered_leaves_the_cart_once)
{
    for_each_adapter(takes_once);
}

static void presses_twice(struct call *call, struct stage *stage)
{
    struct cart cart;

    EXPECT_OK(add(call, "ann@example.com", "p", &cart));
    EXPECT_OK(add(call, "ann@example.com", "q", &cart));
    const char *first = cart_state(call->arena, &cart);
    EXPECT_OK(take(call, "an-earlier-order", "ann@example.com", 1));
    EXPECT_OK(store->load(call, store, "ann@example.com", &cart));
    EXPECT(cart.line_count == 1 && cart.version == 3);
    EXPECT(strcmp(cart_state(call->arena, &cart), first) == 0);

    EXPECT_OK(add(call, "ann@example.com", "q", &cart));
    EXPECT(strcmp(cart_state(call->arena, &cart), first) != 0);
}

TEST(two_presses_mean_one_choice_though_what_was_ordered_before_leaves_the_cart_between_them)
{
    for_each_adapter(presses_twice);
}

static void race_to_take(struct call *call, struct stage *stage, int number)
{
    struct cart cart;

    if (number % 2) EXPECT_OK(add(call, "ann@example.com", "p", &cart));
    EXPECT_OK(take(call, "once", "ann@example.com", 10));
}

static void takes_once_in_races(struct call *call, struct stage *stage)
{
    struct cart cart;

    for (int i = 0; i < 10; i++) EXPECT_OK(add(call, "ann@example.com", "p", &cart));
    stage_spread(call, stage, 100, race_to_take);
    EXPECT_OK(store->load(call, store, "ann@example.com", &cart));
    EXPECT(cart_total_items(&cart) == 50);
}

TEST(of_a_hundred_deliveries_of_one_event_one_takes_effect)
{
    for_each_adapter(takes_once_in_races);
}

/* ---- lost answers ---- */

static struct str answer_version(const struct call *call, const struct cart *cart)
{
    return str_of(arena_printf(call->arena, "version %lld", (long long)cart->version));
}

static void outlives_lost_answers(struct call *call, struct stage *stage)
{
    struct change_request request = {.idempotency = {.scope = "ann@example.com", .key = "k"}};
    const struct cart_change change = {.apply = cart_test_add_one,
                                       .data = (void *)(uintptr_t) "p",
                                       .cause = {.request = &request},
                                       .answer = answer_version};
    struct cart cart;

    EXPECT_LOST(store->update(call, store, "ann@example.com", &change, &cart));
    EXPECT_OK(store->update(call, store, "ann@example.com", &change, &cart));
    EXPECT(str_is(request.replayed, "version 1"));
    for (int i = 0; i < 4; i++) EXPECT_OK(add(call, "ann@example.com", "p", &cart));
    EXPECT_LOST(take(call, "first", "ann@example.com", 2));
    EXPECT_OK(take(call, "first", "ann@example.com", 2));
    EXPECT_OK(store->load(call, store, "ann@example.com", &cart));
    EXPECT(cart_total_items(&cart) == 3);
}

TEST(a_write_whose_answer_was_lost_takes_effect_once_when_it_is_repeated)
{
    for_each_adapter(outlives_lost_answers);
}

/* ---- races ---- */

enum { ADDS = 1000, OWNERS = 7 };

static void race_to_add(struct call *call, struct stage *stage, int number)
{
    struct cart cart;

    EXPECT_OK(add(call, "ann@example.com", number % 2 ? "odd" : "even", &cart));
}

static void add_to_own(struct call *call, struct stage *stage, int number)
{
    struct cart cart;

    EXPECT_OK(
        add(call, arena_printf(call->arena, "user%d@example.com", number % OWNERS), "p", &cart));
}

static void races(struct call *call, struct stage *stage)
{
    struct cart cart;
    int total = 0;

    stage_spread(call, stage, ADDS, race_to_add);
    EXPECT_OK(store->load(call, store, "ann@example.com", &cart));
    EXPECT(cart.version == ADDS && cart.line_count == 2);
    EXPECT(cart.lines[0].quantity == ADDS / 2 && cart.lines[1].quantity == ADDS / 2);

    stage_spread(call, stage, ADDS, add_to_own);
    for (int i = 0; i < OWNERS; i++) {
        EXPECT_OK(
            store->load(call, store, arena_printf(call->arena, "user%d@example.com", i), &cart));
        total += cart_total_items(&cart);
    }
    EXPECT(total == ADDS);
}

TEST(a_thousand_concurrent_changes_lose_none)
{
    for_each_adapter(races);
}

/* ---- of the embedded adapter alone ---- */

enum { OLD_CARTS = 10, CHANGES_TO_SWEEP = 256 };

static int stored_carts(const struct stage *stage)
{
    char path[64];
    sqlite3_stmt *statement;
    sqlite3 *db;
    int count = -1;

    snprintf(path, sizeof(path), "%s/cart.db", stage->folder);
    EXPECT(sqlite3_open(path, &db) == SQLITE_OK);
    EXPECT(sqlite3_prepare_v2(db, "SELECT count(*) FROM carts", -1, &statement, 0) == SQLITE_OK);
    if (sqlite3_step(statement) == SQLITE_ROW) count = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

static void sweeps(struct call *call, struct stage *stage)
{
    struct cart cart;

    for (int i = 0; i < OLD_CARTS; i++)
        EXPECT_OK(add(call, arena_printf(call->arena, "user%d@example.com", i), "p", &cart));
    EXPECT(stored_carts(stage) == OLD_CARTS);
    stage_pass_s(TTL_S + 24 * 3600);
    stage_spread(call, stage, CHANGES_TO_SWEEP, race_to_add);
    EXPECT(stored_carts(stage) == 1);
}

TEST(later_changes_delete_expired_carts)
{
    adapter = &adapters[0];
    stage_run(&(struct stage_plan){.module = &module}, sweeps);
}
