/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of waiting for a payment: who is woken, by what, and when nothing happens. */
#include "services/payment/payment_waits.h"

#include "rpc/rpc_testing.h"

enum { FIBERS = 60, SECOND_US = 1000000 };

static struct payment_waits *waits;
static _Atomic int waiting, woken;

static void play(void (*fn)(struct call *call, struct stage *stage))
{
    static const struct stage_plan plan = {0};

    waiting = woken = 0;
    stage_run(&plan, fn);
}

/* Waits for "o0" to "o2" and "p0" to "p2", on all shards; the first fiber tells of the first. */
static void wait_or_tell(struct call *call, struct stage *stage, int number)
{
    const struct payment payment = {.order_id = "o0", .payment_id = "p0"};
    int64_t until_us = clock_monotonic_us() + SECOND_US / 2;
    struct payment_wait wait;

    if (number == 0) {
        while (waiting < FIBERS - 1) EXPECT_OK(fiber_sleep(call, 1000));
        payment_waits_tell(waits, call, &payment);
        return;
    }
    const char *id = arena_printf(call->arena, "%c%d", number % 2 ? 'o' : 'p', number % 3);
    payment_wait_begin(waits, call, id, &wait);
    waiting++;
    EXPECT_OK(payment_wait_for(call, &wait, until_us));
    bool in_time = clock_monotonic_us() < until_us;
    EXPECT(in_time == (number % 3 == 0));
    woken += in_time;
    payment_wait_end(waits, call, &wait);
}

static void wakes_its_own(struct call *call, struct stage *stage)
{
    waits = payment_waits_new(call->arena, stage->shards);
    stage_spread(call, stage, FIBERS, wait_or_tell);
    EXPECT(woken == FIBERS / 3 - 1);
}

TEST(a_change_wakes_those_who_wait_for_its_payment_on_every_shard)
{
    play(wakes_its_own);
}

/* Before it waits, somebody else tells. */
static void keeps_news(struct call *call, struct stage *stage)
{
    const struct payment payment = {.order_id = "o1", .payment_id = "p1"};
    int64_t begun_us = clock_monotonic_us();
    struct payment_wait wait;

    waits = payment_waits_new(call->arena, stage->shards);
    payment_wait_begin(waits, call, "o1", &wait);
    payment_waits_tell(waits, call, &payment);
    EXPECT_OK(payment_wait_for(call, &wait, begun_us + 60 * (int64_t)SECOND_US));
    EXPECT(clock_monotonic_us() - begun_us < 10 * SECOND_US);
    payment_wait_end(waits, call, &wait);
}

TEST(what_changes_between_looking_and_waiting_is_not_missed)
{
    play(keeps_news);
}

static void wait_or_tell_all(struct call *call, struct stage *stage, int number)
{
    int64_t until_us = clock_monotonic_us() + 60 * (int64_t)SECOND_US;
    struct payment_wait wait;

    if (number == 0) {
        while (waiting < FIBERS - 1) EXPECT_OK(fiber_sleep(call, 1000));
        for (int i = 0; i < 1000; i++) payment_waits_tell_all(waits);
        return;
    }
    payment_wait_begin(waits, call, "o1", &wait);
    waiting++;
    EXPECT_OK(payment_wait_for(call, &wait, until_us));
    woken += clock_monotonic_us() < until_us;
    payment_wait_end(waits, call, &wait);
}

static void wakes_all(struct call *call, struct stage *stage)
{
    waits = payment_waits_new(call->arena, stage->shards);
    stage_spread(call, stage, FIBERS, wait_or_tell_all);
    EXPECT(woken == FIBERS - 1);
    EXPECT_OK(fiber_sleep(call, 2 * PAYMENT_WAITS_PAUSE_US)); /* the last timer has run */
}

TEST(a_change_of_another_process_wakes_everybody)
{
    play(wakes_all);
}

static void ends_with_the_call(struct call *call, struct stage *stage)
{
    struct payment_wait wait;
    struct call limited;

    waits = payment_waits_new(call->arena, stage->shards);
    call_init_child(&limited, call, 20);
    payment_wait_begin(waits, &limited, "o1", &wait);
    struct status st = payment_wait_for(&limited, &wait, clock_monotonic_us() + SECOND_US);
    EXPECT(st.code == STATUS_DEADLINE_EXCEEDED);
    payment_wait_end(waits, &limited, &wait);
}

TEST(waiting_ends_with_the_call)
{
    play(ends_with_the_call);
}
