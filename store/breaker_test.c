/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the circuit breaker. */
#include "store/breaker.h"

#include "base/test.h"

#define SECOND_US INT64_C(1000000)

static void open_it(struct breaker *breaker, int64_t now_us)
{
    for (int i = 0; i < BREAKER_FAILURES_MAX; i++) {
        CHECK(breaker_admits(breaker, now_us));
        breaker_failed(breaker, now_us, 0);
    }
}

TEST(a_few_failures_leave_it_closed_and_a_success_forgets_them)
{
    struct breaker breaker = {0};

    for (int round = 0; round < 3; round++) {
        for (int i = 1; i < BREAKER_FAILURES_MAX; i++) {
            CHECK(breaker_admits(&breaker, 0));
            breaker_failed(&breaker, 0, 0);
        }
        CHECK(breaker_admits(&breaker, 0));
        breaker_succeeded(&breaker, 0);
    }
    CHECK_INT(breaker.state, ==, BREAKER_CLOSED);
}

TEST(failures_in_a_row_open_it_until_the_pause_has_passed)
{
    struct breaker breaker = {0};

    open_it(&breaker, SECOND_US);
    CHECK_INT(breaker.state, ==, BREAKER_OPEN);
    CHECK(!breaker_admits(&breaker, SECOND_US));
    CHECK(!breaker_admits(&breaker, SECOND_US + 49999));
    CHECK(breaker_admits(&breaker, SECOND_US + 50000));
    CHECK_INT(breaker.state, ==, BREAKER_HALF_OPEN);
}

static void count(void *data)
{
    ++*(int *)data;
}

TEST(whoever_waits_for_the_engine_is_told_once_when_a_breaker_closes)
{
    int told = 0;
    struct breaker_news news = {.on_return = count, .on_return_data = &told};
    struct breaker breaker = {.news = &news};

    breaker_succeeded(&breaker, 0);
    open_it(&breaker, SECOND_US);
    CHECK_INT(told, ==, 0);
    CHECK(breaker_admits(&breaker, 2 * SECOND_US));
    breaker_failed(&breaker, 2 * SECOND_US, 0);
    CHECK(breaker_admits(&breaker, 3 * SECOND_US));
    CHECK_INT(told, ==, 0);
    breaker_succeeded(&breaker, 3 * SECOND_US);
    breaker_succeeded(&breaker, 3 * SECOND_US);
    CHECK_INT(told, ==, 1);
}

TEST(one_probe_at_a_time_goes_through)
{
    struct breaker breaker = {0};

    open_it(&breaker, 0);
    CHECK(breaker_admits(&breaker, SECOND_US));
    for (int i = 0; i < 100; i++) CHECK(!breaker_admits(&breaker, 100 * SECOND_US));
    breaker_succeeded(&breaker, 100 * SECOND_US);
    CHECK_INT(breaker.state, ==, BREAKER_CLOSED);
    CHECK(breaker_admits(&breaker, SECOND_US));
    CHECK(breaker_admits(&breaker, SECOND_US));
}

TEST(the_pause_doubles_with_each_failed_probe_up_to_its_maximum)
{
    int64_t now_us = 0, pause_ms = BREAKER_PAUSE_MIN_MS;
    struct breaker breaker = {0};

    open_it(&breaker, now_us);
    for (int probe = 0; probe < 20; probe++) {
        CHECK_INT(breaker.retry_us - now_us, ==, pause_ms * 500);
        now_us = breaker.retry_us;
        CHECK(breaker_admits(&breaker, now_us));
        breaker_failed(&breaker, now_us, 0);
        pause_ms = pause_ms * 2 < BREAKER_PAUSE_MAX_MS ? pause_ms * 2 : BREAKER_PAUSE_MAX_MS;
    }
    CHECK_INT(pause_ms, ==, BREAKER_PAUSE_MAX_MS);
}

TEST(the_pause_is_between_half_and_the_whole)
{
    struct breaker breaker = {0};

    for (int i = 0; i < BREAKER_FAILURES_MAX; i++) breaker_failed(&breaker, 0, UINT64_MAX);
    CHECK_INT(breaker.retry_us, >=, 50000);
    CHECK_INT(breaker.retry_us, <, 100000);
}

TEST(failures_of_calls_that_were_under_way_do_not_prolong_the_pause)
{
    struct breaker breaker = {0};

    open_it(&breaker, 0);
    for (int i = 0; i < 1000; i++) breaker_failed(&breaker, SECOND_US / 100, 0);
    CHECK(breaker_admits(&breaker, 50000));
}

TEST(an_abandoned_probe_makes_room_for_the_next_one)
{
    struct breaker breaker = {0};

    breaker_abandoned(&breaker, 0);
    CHECK_INT(breaker.state, ==, BREAKER_CLOSED);
    open_it(&breaker, 0);
    CHECK(breaker_admits(&breaker, SECOND_US));
    breaker_abandoned(&breaker, SECOND_US);
    CHECK(breaker_admits(&breaker, SECOND_US));
    CHECK(!breaker_admits(&breaker, SECOND_US));
}

TEST(a_call_that_was_under_way_and_succeeds_closes_it)
{
    struct breaker breaker = {0};

    open_it(&breaker, 0);
    breaker_succeeded(&breaker, 0);
    CHECK(breaker_admits(&breaker, 0));
}

TEST(the_first_shard_that_reaches_the_engine_spares_the_others_their_pauses)
{
    struct breaker_news news = {0};
    struct breaker first = {.news = &news}, second = first, third = {0};

    open_it(&first, SECOND_US);
    open_it(&second, SECOND_US);
    open_it(&third, SECOND_US);
    breaker_succeeded(&first, SECOND_US + 1);
    CHECK(breaker_admits(&first, SECOND_US + 2));
    CHECK(breaker_admits(&second, SECOND_US + 2));
    CHECK_INT(second.state, ==, BREAKER_HALF_OPEN);
    CHECK(!breaker_admits(&second, SECOND_US + 2)); /* one probe, still */
    CHECK(!breaker_admits(&third, SECOND_US + 2));  /* of another engine */
    CHECK_INT(third.state, ==, BREAKER_OPEN);
}

TEST(an_engine_that_answers_only_some_shards_is_tried_ten_times_a_second)
{
    struct breaker_news news = {0};
    struct breaker first = {.news = &news}, second = first;
    int probes = 0;

    open_it(&second, SECOND_US);
    for (int64_t now_us = SECOND_US; now_us < 11 * SECOND_US; now_us += 1000) {
        breaker_succeeded(&first, now_us);
        if (!breaker_admits(&second, now_us)) continue;
        breaker_failed(&second, now_us, 0);
        probes++;
    }
    CHECK_INT(probes, >=, 95);
    CHECK_INT(probes, <=, 105);
}
