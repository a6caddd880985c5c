/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of how a shard takes what the writer and the scanner hand back, while it has been busy for
 * a while: whose answers come first, and how much memory the results hold. */
#include "base/budget.h"
#include "base/clock.h"
#include "store/sqlite/sqlite_testing.h"

static const char *const schema[] = {"CREATE TABLE note (id INTEGER PRIMARY KEY)", 0};

static void play(void (*fn)(struct call *call, int number))
{
    scene_open(1, ":memory:", schema);
    scene_play(1, fn);
    scene_close();
}

/* ---- answers of the writer ---- */

enum { WRITES = 50 };

struct write {
    uint64_t address;
    int place; /* in the order of the answers, from 1 */
};

static int answered;

static void write_note(struct call *call, void *data)
{
    struct write *write = data;

    call->caller.address = write->address;
    EXPECT_OK(scene_write(call, "INSERT INTO note DEFAULT VALUES"));
    write->place = ++answered;
}

static void start_write(struct call *call, struct fiber_group *group, struct write *write,
                        uint64_t address)
{
    *write = (struct write){.address = address};
    EXPECT_OK(fiber_group_start(call, group, write_note, write));
}

/* Without letting the shard look at what the writer hands back. */
static void await_jobs(uint64_t count)
{
    struct sqlite_stats stats;

    do {
        sqlite_stats(scene.db, &stats);
    } while (stats.jobs < count);
}

static void answer_while_busy(struct call *call, int number)
{
    struct write greedy[WRITES], other, last;
    struct fiber_group group = {0};

    answered = 0;
    for (int i = 0; i < WRITES; i++) start_write(call, &group, &greedy[i], 1);
    start_write(call, &group, &other, 2);
    await_jobs(WRITES + 1);
    start_write(call, &group, &last, 1); /* once it has run, the others have been answered */
    await_jobs(WRITES + 2);
    fiber_group_wait(call, &group);
    EXPECT(answered == WRITES + 2);
    EXPECT(other.place <= 2);
    for (int i = 1; i < WRITES; i++) EXPECT(greedy[i].place > greedy[i - 1].place);
}

TEST(answers_to_writes_of_one_address_do_not_hold_up_those_of_another)
{
    play(answer_while_busy);
}

/* ---- results of the scanner ---- */

enum {
    LIMIT = 16 * 1024 * 1024,
    RESULT = 300 * 1024,
    SCANS = 60,
    /* A 16th of the limit, the one that each of the two threads adds, and one that has been taken
     * but not been counted yet. */
    AHEAD_MAX = LIMIT / 16 / RESULT + 2 + 1,
    BUSY_US = 20000,
};

static _Atomic int begun, taken, ahead;

static struct status read_much(const struct call *call, struct sqlite_tx *tx, void *data)
{
    int now = atomic_fetch_add(&begun, 1) + 1 - atomic_load(&taken);

    if (now > atomic_load(&ahead)) atomic_store(&ahead, now);
    memset(arena_alloc(call->arena, RESULT), 1, RESULT);
    return status_ok();
}

static void scan_much(struct call *call, void *data)
{
    EXPECT_OK(sqlite_scan(call, scene.db, read_much, 0));
    atomic_fetch_add(&taken, 1);
}

static void scan_while_busy(struct call *call, int number)
{
    struct fiber_group group = {0};
    int64_t until_us = clock_monotonic_us() + BUSY_US;

    for (int i = 0; i < SCANS; i++) EXPECT_OK(fiber_group_start(call, &group, scan_much, 0));
    while (clock_monotonic_us() < until_us) continue;
    fiber_group_wait(call, &group);
    EXPECT(atomic_load(&taken) == SCANS);
    EXPECT(atomic_load(&ahead) <= AHEAD_MAX);
}

TEST(results_that_wait_for_a_busy_shard_hold_little_memory)
{
    budget_limit(LIMIT, 1);
    play(scan_while_busy);
    budget_limit(SIZE_MAX, 1);
}
