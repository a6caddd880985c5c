/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of simulations: virtual time, and that a seed gives one run. */
#include "fiber/simulation.h"

#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "fiber/lane.h"

enum { HOUR_S = 3600 };

/* A hash of the events of a run, in order: equal runs give equal numbers. */
static struct {
    uint64_t hash;
    struct lane *lane;
    void (*play)(struct call *call);
} scene;

static void note(uint64_t value)
{
    scene.hash = hash_bytes(scene.hash, str_sized(&value, sizeof(value)));
}

static void run_play(struct call *call, void *data)
{
    scene.play(call);
    shards_stop(call->shard->shards);
}

static uint64_t play(uint64_t seed, void (*fn)(struct call *call))
{
    struct shards *shards;

    simulation_begin(seed);
    shards = shards_new(1);
    CHECK(shards);
    scene.hash = 0xCBF29CE484222325u;
    scene.play = fn;
    scene.lane = lane_new("simulated", 2, 4);
    fiber_post(shards_at(shards, 0), run_play, 0, 0);
    shards_run(shards);
    lane_free(scene.lane);
    shards_free(shards);
    simulation_end();
    return scene.hash;
}

static void sleep_for_hours(struct call *call)
{
    int64_t before_us = clock_monotonic_us(), wall_us = clock_now_us();

    EXPECT(!failed(fiber_sleep(call, 3 * HOUR_S * INT64_C(1000000))));
    EXPECT(clock_monotonic_us() - before_us == 3 * HOUR_S * INT64_C(1000000));
    EXPECT(clock_now_us() - wall_us == 3 * HOUR_S * INT64_C(1000000));
}

TEST(hours_pass_at_once)
{
    time_t before = time(0);

    play(1, sleep_for_hours);
    CHECK(time(0) - before < 60);
    CHECK(!simulation_is_on());
    CHECK(clock_now_us() / 1000000 - (int64_t)time(0) < 2);
}

static void add_one(void *data)
{
    ++*(int *)data;
}

static void sleeper(struct call *call, void *data)
{
    int count = 0;

    EXPECT(!failed(fiber_sleep(call, (int64_t)random_below(5000))));
    note((uint64_t)clock_monotonic_us());
    EXPECT(!failed(lane_run(call, scene.lane, add_one, &count)));
    EXPECT(count == 1);
    note((uint64_t)(uintptr_t)data + (uint64_t)clock_monotonic_us());
}

static void race(struct call *call)
{
    struct fiber_group group = {0};

    for (uintptr_t i = 0; i < 4; i++)
        EXPECT(!failed(fiber_group_start(call, &group, sleeper, (void *)i)));
    fiber_group_wait(call, &group);
}

TEST(a_seed_gives_one_run)
{
    uint64_t first = play(7, race);

    CHECK(play(7, race) == first);
    CHECK(play(8, race) != first);
}

static void withdraw(struct call *call)
{
    struct lane_stats stats;
    struct call child;
    int count = 0;

    call_init_child(&child, call, 0);
    child.deadline_us = clock_monotonic_us() + 1; /* before any worker starts, or just as it does */
    (void)lane_run(&child, scene.lane, add_one, &count);
    lane_stats(scene.lane, &stats);
    EXPECT(stats.waiting == 0 && stats.threads == 0);
    EXPECT((int)stats.finished == count);
}

TEST(a_job_is_withdrawn_or_waited_for)
{
    for (uint64_t seed = 0; seed < 200; seed++) play(seed, withdraw);
}

static void wait_long(struct call *call, void *data)
{
    *(enum status_code *)data = fiber_sleep(call, HOUR_S * INT64_C(1000000)).code;
}

static enum status_code slept;

static void leave_sleeper(struct call *call)
{
    EXPECT(!failed(fiber_start(call->shard, 0, wait_long, &slept)));
}

TEST(stopping_does_not_wait_for_timers)
{
    play(3, leave_sleeper);
    CHECK(slept == STATUS_CANCELLED);
}
