/* SPDX-License-Identifier: Apache-2.0 */
/* Wrong passwords counted in Redis: for two processes the same as in one process's memory. */
#include "rpc/password_tally.h"

#include "base/random.h"
#include "rpc/password_backoff.h"
#include "rpc/rpc_testing.h"
#include "rpc/store_suite_testing.h"
#include "store/redis/redis.h"

#define SECOND INT64_C(1000000)
#define DAY (24 * 3600 * SECOND)

enum { US_PER_MS = 1000, PARALLEL = 40 };

static struct password_tally *first, *second; /* as two processes have them */
static struct password_tally *slow;           /* with another first wait */
static struct redis *db;
static const char *url, *prefix;
static _Atomic int verdicts;

static struct status start(const struct service_context *context, void **ret_service)
{
    prefix = arena_printf(context->arena,
                          "tally_%016llx:", (unsigned long long)random_below(UINT64_MAX));
    const char *own = arena_printf(context->arena, "%s%sprefix=%s", url,
                                   strchr(url, '?') ? "&" : "?", prefix);
    invariant(!failed(redis_new(context->arena, context->shards, own, "test", &db)));
    invariant(!failed(password_tally_new(context->arena, context->shards, own, SECOND, &second)));
    invariant(!failed(password_tally_new(context->arena, context->shards, own, DAY, &slow)));
    *ret_service = NULL;
    return password_tally_new(context->arena, context->shards, own, SECOND, &first);
}

static void stop(void *service)
{
    (void)service;
    password_tally_close(first);
    password_tally_close(second);
    password_tally_close(slow);
    redis_close(db);
}

static const struct setting no_settings[] = {{0}};
static const struct service_module module = {
    .name = "tally", .settings = no_settings, .store_default = "", .start = start, .stop = stop};

static void play_at(const char *at, void (*fn)(struct call *call, struct stage *stage))
{
    static const struct stage_plan plan = {.module = &module};

    url = at;
    if (url) stage_run(&plan, fn);
}

static void play(void (*fn)(struct call *call, struct stage *stage))
{
    play_at(test_engine("ARGOSY_TEST_REDIS"), fn);
}

static int64_t wait_for(struct call *call, struct password_tally *tally, const char *account,
                        const char *address)
{
    int64_t wait_us = -1;

    EXPECT(password_tally_wait(call, tally, account, address, &wait_us));
    return wait_us;
}

static int64_t judge(struct call *call, struct password_tally *tally, bool good)
{
    int64_t wait_us = -1;

    EXPECT(password_tally_judge(call, tally, "ann", "192.0.2.1", good, &wait_us));
    return wait_us;
}

/* A wait that has just begun, less the moments since. */
static bool is_about(int64_t wait_us, int64_t whole_us)
{
    return wait_us <= whole_us && wait_us > whole_us - SECOND / 2;
}

static void counts_together(struct call *call, struct stage *stage)
{
    EXPECT(wait_for(call, first, "ann", "192.0.2.1") == 0);
    for (int i = 0; i < 4; i++) EXPECT(judge(call, i % 2 ? first : second, false) == 0);
    EXPECT(wait_for(call, first, "ann", "192.0.2.1") == 0);
    EXPECT(judge(call, first, false) == 0);
    EXPECT(is_about(wait_for(call, second, "ann", "192.0.2.1"), SECOND));
    EXPECT(wait_for(call, second, "ann", "198.51.100.1") == 0);
    EXPECT(wait_for(call, second, "bob", "192.0.2.1") == 0);
    EXPECT(is_about(judge(call, second, true), SECOND)); /* too early, so it counts as a failure */
    EXPECT(is_about(wait_for(call, first, "ann", "192.0.2.1"), 2 * SECOND));
}

TEST(five_wrong_passwords_at_two_processes_make_both_wait)
{
    play(counts_together);
}

static void waits_longer(struct call *call, struct stage *stage)
{
    for (int i = 0; i < 5; i++) EXPECT(judge(call, slow, false) == 0);
    EXPECT(is_about(wait_for(call, slow, "ann", "192.0.2.1"), DAY));
    for (int i = 0; i < 7; i++) (void)judge(call, slow, false);
    EXPECT(is_about(wait_for(call, slow, "ann", "192.0.2.1"), 60 * DAY));
}

TEST(a_longer_first_wait_makes_all_of_it_longer)
{
    play(waits_longer);
}

static void clears(struct call *call, struct stage *stage)
{
    for (int i = 0; i < 4; i++) EXPECT(judge(call, first, false) == 0);
    EXPECT(judge(call, second, true) == 0);
    for (int i = 0; i < 4; i++) EXPECT(judge(call, first, false) == 0);
    EXPECT(wait_for(call, second, "ann", "192.0.2.1") == 0);
}

TEST(a_good_password_at_one_process_clears_the_failures_of_all)
{
    play(clears);
}

static void guess(struct call *call, struct stage *stage, int number)
{
    int64_t wait_us = -1;

    EXPECT(password_tally_judge(call, number % 2 ? first : second, "ann", "192.0.2.1", number == 20,
                                &wait_us));
    if (wait_us == 0) atomic_fetch_add(&verdicts, 1);
}

static void guesses_in_parallel(struct call *call, struct stage *stage)
{
    atomic_store(&verdicts, 0);
    stage_spread(call, stage, PARALLEL, guess);
    /* The good one may have come first of all, and cleared what was counted before it. */
    EXPECT(verdicts >= 5 && verdicts <= 10);
    EXPECT(is_about(wait_for(call, first, "ann", "192.0.2.1"), 60 * SECOND));
}

TEST(guesses_at_the_same_time_learn_no_more_than_successive_ones)
{
    play(guesses_in_parallel);
}

/* ---- what is stored ---- */

/* Any key of the store's that begins so; the counter of the account from its address. */
static struct str counter_key(struct call *call)
{
    const struct redis_reply *reply;
    const char *pattern = arena_printf(call->arena, "%sbackoff:b:*", prefix);

    EXPECT_OK(redis_read(call, db, REDIS_WORDS(STR("KEYS"), str_of(pattern)), &reply));
    EXPECT(reply->count == 1);
    return reply->items[0]->text;
}

static void write_counter(struct call *call, struct str key, int failures, int64_t ago_us)
{
    const struct redis_reply *reply;
    const char *text = arena_printf(call->arena, "%d %lld", failures,
                                    (long long)(clock_now_us() - ago_us));

    EXPECT_OK(redis_write(call, db, REDIS_WORDS(STR("SET"), key, str_of(text)), &reply));
}

static int64_t life_ms(struct call *call, struct str key)
{
    const struct redis_reply *reply;

    EXPECT_OK(redis_read(call, db, REDIS_WORDS(STR("PTTL"), key), &reply));
    return reply->integer;
}

/* The same as password_backoff_test.c expects of counters in memory. */
static void fades(struct call *call, struct stage *stage)
{
    EXPECT(judge(call, first, false) == 0);
    struct str key = counter_key(call);
    EXPECT(life_ms(call, key) > 50000 && life_ms(call, key) <= 60000);

    write_counter(call, key, 12, 60 * SECOND); /* after a minute 12 have become 6 */
    EXPECT(wait_for(call, first, "ann", "192.0.2.1") == 0);
    EXPECT(judge(call, first, false) == 0);
    EXPECT(is_about(wait_for(call, first, "ann", "192.0.2.1"), 4 * SECOND));
    EXPECT(life_ms(call, key) > 170000 && life_ms(call, key) <= 180000); /* 7, 3, 1, none */

    write_counter(call, key, 1000000, 3600 * SECOND);
    EXPECT(wait_for(call, first, "ann", "192.0.2.1") == 0);
    write_counter(call, key, 1000000, 0);
    EXPECT(is_about(wait_for(call, first, "ann", "192.0.2.1"), 60 * SECOND));
    write_counter(call, key, 6, -3600 * SECOND); /* its clock was set back since */
    EXPECT(is_about(wait_for(call, first, "ann", "192.0.2.1"), 2 * SECOND));
}

TEST(shared_failures_fade_and_expire)
{
    play(fades);
}

static void bears_nonsense(struct call *call, struct stage *stage)
{
    const struct redis_reply *reply;
    int64_t wait_us;

    EXPECT(judge(call, first, false) == 0);
    struct str key = counter_key(call);
    EXPECT_OK(redis_write(call, db, REDIS_WORDS(STR("SET"), key, STR("nonsense")), &reply));
    EXPECT(wait_for(call, first, "ann", "192.0.2.1") == 0);
    EXPECT(judge(call, first, false) == 0);
    EXPECT_OK(redis_write(call, db, REDIS_WORDS(STR("DEL"), key), &reply));
    EXPECT_OK(redis_write(call, db, REDIS_WORDS(STR("SADD"), key, STR("a set")), &reply));
    EXPECT(!password_tally_wait(call, first, "ann", "192.0.2.1", &wait_us));
    EXPECT(!password_tally_judge(call, first, "ann", "192.0.2.1", true, &wait_us));
}

TEST(a_counter_that_is_none_keeps_nobody_out)
{
    play(bears_nonsense);
}

/* ---- a server that is away ---- */

static void asks_in_vain(struct call *call, struct stage *stage)
{
    int64_t begun_us = clock_monotonic_us(), wait_us = 7;

    for (int i = 0; i < 100; i++) {
        EXPECT(!password_tally_wait(call, first, "ann", "192.0.2.1", &wait_us));
        EXPECT(!password_tally_judge(call, first, "ann", "192.0.2.1", false, &wait_us));
    }
    EXPECT(wait_us == 7);
    EXPECT(clock_monotonic_us() - begun_us < 2000 * US_PER_MS);
}

TEST(without_its_server_a_tally_says_soon_that_it_does_not_know)
{
    play_at("redis://127.0.0.1:9", asks_in_vain);
}
