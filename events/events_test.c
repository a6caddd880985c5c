/* SPDX-License-Identifier: Apache-2.0 */
/* The bus: order, retries, dead letters, back-pressure, restarts. */
#include "events/events_bus_testing.h"

/* ---- order ---- */

enum { SENDERS = 100, EACH = 100 };

static void send_some(struct call *call, struct stage *stage, int sender)
{
    for (int i = 0; i < EACH; i += 10) send_events(call, sender, 1 + i, 10);
}

static void hands_over(struct call *call, struct stage *stage)
{
    stage_spread(call, stage, SENDERS, send_some);
    for (int i = 0; i < GROUPS; i++) {
        EVENTUALLY(call, seen[i].effects == SENDERS * EACH);
        EXPECT(seen[i].disorder == 0);
        EXPECT(seen[i].calls == SENDERS * EACH);
        EXPECT(seen[i].running_max > 2);
    }
    EXPECT(number(call, "SELECT count(*) FROM effect") == GROUPS * SENDERS * EACH);
}

TEST(ten_thousand_events_reach_both_groups_once_and_in_the_order_of_their_keys)
{
    play(&(struct fixture){.groups = GROUPS, .handle = apply}, NULL, hands_over);
}

static void passes_over(struct call *call, struct stage *stage)
{
    struct numbered_events other = {.key = 1, .first = 1, .count = 1000, .other_type = true};

    EXPECT_OK(sqlite_write(call, fixture.db, send_job, &other));
    send_events(call, 1, 1, 1);
    EVENTUALLY(call, seen[0].effects == 1);
    EXPECT(seen[0].calls == 1);
}

TEST(events_of_other_types_are_skipped)
{
    play(&(struct fixture){.groups = 1, .handle = apply}, NULL, passes_over);
}

/* ---- ports ---- */

/* Two seconds: long enough for the keeper to measure, replay and sweep what there is. */
static void needs_no_more(struct call *call, struct stage *stage)
{
    send_events(call, 1, 1, 3);
    EVENTUALLY(call, seen[0].effects == 3);
    EXPECT(stage_events->sweeper_count == 0);
    EXPECT_OK(fiber_sleep(call, 2100000));
    send_events(call, 1, 4, 1);
    EVENTUALLY(call, seen[0].effects == 4);
}

TEST(a_producer_needs_a_log_alone_and_a_consumer_dead_letters_alone)
{
    play(&(struct fixture){.groups = 1, .handle = apply, .minimal = true}, NULL, needs_no_more);
}

/* ---- latency ---- */

static void is_quick(struct call *call, struct stage *stage)
{
    int64_t best_us = INT64_MAX;

    for (int i = 1; i <= 20; i++) {
        send_events(call, 1, i, 1);
        int64_t begun_us = clock_monotonic_us();
        while (seen[0].calls < i && clock_monotonic_us() - begun_us < 1000000)
            EXPECT_OK(fiber_sleep(call, 0));
        int64_t took_us = clock_monotonic_us() - begun_us;
        if (took_us < best_us) best_us = took_us;
        EVENTUALLY(call, seen[0].effects == i);
    }
    EXPECT(best_us < 20000);
}

TEST(an_event_is_delivered_right_after_its_commit)
{
    play(&(struct fixture){.groups = 1, .handle = apply}, NULL, is_quick);
}

/* ---- back-pressure ---- */

enum { BACKLOG = 3000, FLOOD = 256 * 1024 };

static _Atomic bool gate_open;

/* The handler of the first group waits at the gate. */
static struct status wait_or_apply(struct call *call, const struct event *event, void *data)
{
    while (*(int *)data == 0 && !gate_open) {
        struct status st = fiber_sleep(call, 1000);
        if (failed(st)) return st;
    }
    return apply(call, event, data);
}

static int64_t waiting_for(int group)
{
    for (struct events_consumer *consumer = stage_events->consumers; consumer;
         consumer = consumer->next)
        if (strcmp(consumer->subscription.group, names[group]) == 0)
            return events_consumer_waiting(consumer);
    return 0;
}

static void holds_back(struct call *call, struct stage *stage)
{
    for (int i = 0; i < BACKLOG; i += 100) send_events(call, 1, 1 + i, 100);
    EVENTUALLY(call, seen[1].effects == BACKLOG);
    EVENTUALLY(call, waiting_for(0) > EVENTS_QUEUE_MAX);
    EXPECT(waiting_for(0) < BACKLOG);
    EXPECT(seen[0].effects == 0);

    gate_open = true;
    EVENTUALLY(call, seen[0].effects == BACKLOG);
    EXPECT(seen[0].disorder == 0 && seen[1].disorder == 0);
    EXPECT(seen[0].calls == BACKLOG && seen[1].calls == BACKLOG);
    EXPECT(seen[0].running_max == 1);
}

TEST(a_slow_group_is_not_flooded_and_delays_no_other)
{
    gate_open = false;
    play(&(struct fixture){.groups = GROUPS, .handle = wait_or_apply, .bytes_max = FLOOD}, NULL,
         holds_back);
}

/* ---- fate ---- */

static _Atomic int fated;

static struct event_fate lose_double_and_delay(const struct event *event, const char *group,
                                               void *data)
{
    int number = fated++;

    return (struct event_fate){.lost = number % 5 == 0,
                               .doubled = number % 3 == 0,
                               .delay_us = number % 7 == 0 ? 2000 : 0};
}

static void survives(struct call *call, struct stage *stage)
{
    for (int key = 0; key < 20; key++) send_events(call, key, 1, 10);
    EVENTUALLY(call, seen[0].effects == 200);
    EXPECT(seen[0].disorder == 0);
    EXPECT(seen[0].calls > 200);
    EXPECT(number(call, "SELECT count(*) FROM effect") == 200);
    EXPECT(number(call, "SELECT count(*) FROM dead_letters") == 0);
}

TEST(lost_doubled_and_late_events_take_effect_once_and_in_order)
{
    static const char *const settings[] = {"EVENTS_RETRIES=0", NULL};

    fated = 0;
    play(&(struct fixture){.groups = 1, .handle = apply, .fate = lose_double_and_delay}, settings,
         survives);
}
