/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of what changes leave in a store, on each adapter that has a log (ARGOSY_TEST_POSTGRES,
 * ARGOSY_TEST_MONGODB). */
#include "events/events_store_testing.h"

static void sweeps(struct call *call, struct stage *stage)
{
    int64_t count = 0, last = 0, first, second, past_us;
    struct event event, *events;
    bool more = true;
    size_t left;

    put(call, "t", "a");
    EXPECT_OK(store.log->last_offset(call, store.log, "t", &first));
    put(call, "t", "b");
    EXPECT_OK(store.log->last_offset(call, store.log, "t", &second));
    put(call, "nobody's", "x");
    make(call, "t", "z", &event);
    EXPECT_OK(
        adapter->change(call, &(struct change_cause){.event = &event}, &(struct change_record){0}));
    bury(call, "cart", "dead", &event);
    bury(call, "cart", "replayed", &event);
    EXPECT_OK(store.letters->replay(call, store.letters, "cart", 2, &count));
    EXPECT_OK(store.letters->settle(call, store.letters, 2, status_ok()));
    EXPECT_OK(store.log->commit_offset(call, store.log, "t", "cart", first));
    EXPECT_OK(store.log->commit_offset(call, store.log, "t", "order", second));

    EXPECT_OK(
        store.sweeper->sweep(call, store.sweeper, clock_now_us() - 60 * INT64_C(1000000), &more));
    EXPECT(!more);
    expect_read(call, 0, 10, "ab"); /* nothing is old yet */
    stage_pass_s(60);
    past_us = clock_now_us() - 30 * INT64_C(1000000);
    EXPECT_OK(store.sweeper->sweep(call, store.sweeper, past_us, &more));
    expect_read(call, 0, 10, "b"); /* the cart has not passed it */
    EXPECT_OK(store.log->read(call, store.log, "nobody's", 0, 10, &events, &left, &last));
    EXPECT(left == 0);
    EXPECT(count_listed(call, "cart", 1) == 1 && count_listed(call, "cart", 2) == 0);

    EXPECT_OK(store.log->commit_offset(call, store.log, "t", "cart", second));
    EXPECT_OK(store.sweeper->sweep(call, store.sweeper, past_us, &more));
    expect_read(call, 0, 10, "");
    put(call, "t", "c");
    EXPECT_OK(store.log->last_offset(call, store.log, "t", &last));
    EXPECT(last > second); /* offsets are never reused */
}

TEST(sweeping_removes_what_is_old_and_passed_and_never_dead_letters)
{
    for_each_adapter(sweeps);
}

/* ---- the keys of requests ---- */

/* A request with this key, whose change succeeds or is refused. */
static struct status request(struct call *call, const char *scope, const char *key,
                             struct str *ret_replayed)
{
    struct change_request once = {
        .idempotency = {.scope = scope, .key = key, .keys_max = 3, .fingerprint = {1}}};
    const struct change_cause cause = {.request = &once};
    const struct change_record record = {.answer = STR("first")};

    struct status st = adapter->change(call, &cause, &record);
    *ret_replayed = once.replayed;
    return st;
}

static void expect_taken(struct call *call, const char *scope, const char *key)
{
    struct str replayed;

    EXPECT_OK(request(call, scope, key, &replayed));
    EXPECT(!replayed.data);
}

static void limits_keys(struct call *call, struct stage *stage)
{
    struct str replayed;
    bool more;

    if (!adapter->limits_keys) return;
    for (int i = 1; i <= 3; i++)
        expect_taken(call, "ann@example.com", arena_printf(call->arena, "k%d", i));
    EXPECT_REFUSED(request(call, "ann@example.com", "k4", &replayed), RESOURCE_EXHAUSTED,
                   IDEMPOTENCY_KEYS_FULL);
    for (int i = 1; i <= 3; i++) { /* what is kept still answers */
        const char *key = arena_printf(call->arena, "k%d", i);
        EXPECT_OK(request(call, "ann@example.com", key, &replayed));
        EXPECT(str_is(replayed, "first"));
    }
    expect_taken(call, "bob@example.com", "k4"); /* others have their own */

    stage_pass_s(24 * 3600 + 1);
    expect_taken(call, "ann@example.com", "k2"); /* in the place of its outdated record */
    EXPECT_REFUSED(request(call, "ann@example.com", "k4", &replayed), RESOURCE_EXHAUSTED,
                   IDEMPOTENCY_KEYS_FULL);
    EXPECT_OK(store.sweeper->sweep(call, store.sweeper, 0, &more));
    expect_taken(call, "ann@example.com", "k4"); /* swept ones no longer count */
    expect_taken(call, "ann@example.com", "k5");
    EXPECT_REFUSED(request(call, "ann@example.com", "k6", &replayed), RESOURCE_EXHAUSTED,
                   IDEMPOTENCY_KEYS_FULL);
}

TEST(a_caller_has_a_limited_number_of_keys)
{
    for_each_adapter(limits_keys);
}
