/* SPDX-License-Identifier: Apache-2.0 */
/* The order of turns, their limit, and a caller that gives up while it waits. */
#include "store/turns.h"

#include "base/test.h"
#include "reasons.pb-c.h"

enum { CROWD = 4 };

static struct {
    struct shards *shards;
    struct turns turns;
    struct turn many[TURNS_MAX];
    char keys[TURNS_MAX][12];
    int order[CROWD], taken, ended;
    void (*fn)(struct call *call);
} scene;

static void play_fiber(struct call *call, void *data)
{
    (void)data;
    call_limit(call, 10000);
    scene.fn(call);
    EXPECT(!failed(call_check(call)));
    EXPECT(scene.turns.count == 0);
    shards_stop(scene.shards);
}

static void play(void (*fn)(struct call *call))
{
    memset(&scene, 0, sizeof(scene));
    scene.fn = fn;
    scene.shards = shards_new(1);
    CHECK(scene.shards != NULL);
    fiber_post(shards_at(scene.shards, 0), play_fiber, NULL, NULL);
    shards_run(scene.shards);
    shards_free(scene.shards);
}

static void waits_or_is_served(struct call *call, void *data)
{
    struct turn turn;

    EXPECT(!failed(turn_take(call, &scene.turns, "key", &turn)));
    if (!turn.served) {
        scene.order[scene.taken++] = (int)(intptr_t)data;
        turn_give(call, &scene.turns, &turn);
    }
    scene.ended++;
}

/* The second one of the line has no time to wait. */
static void waits(struct call *call, void *data)
{
    int number = (int)(intptr_t)data;
    struct turn turn;

    if (number == 1) call_limit(call, 5);
    struct status st = turn_take(call, &scene.turns, "key", &turn);
    EXPECT(failed(st) == (number == 1));
    if (!failed(st)) {
        scene.order[scene.taken++] = number;
        EXPECT(!failed(fiber_sleep(call, 2000))); /* the others are not let in meanwhile */
        EXPECT(scene.order[scene.taken - 1] == number);
        turn_give(call, &scene.turns, &turn);
    }
    scene.ended++;
}

static void stand_in_line(struct call *call)
{
    struct turn held, other;

    EXPECT(!failed(turn_take(call, &scene.turns, "key", &held)));
    for (intptr_t i = 0; i < CROWD; i++) fiber_post(call->shard, waits, NULL, (void *)i);
    EXPECT(!failed(fiber_sleep(call, 20000)));
    EXPECT(scene.taken == 0 && scene.ended == 1); /* the second has given up */
    EXPECT(!failed(turn_take(call, &scene.turns, "other", &other)));
    turn_give(call, &scene.turns, &other);
    turn_give(call, &scene.turns, &held);
    while (scene.ended < CROWD && !failed(fiber_sleep(call, 1000))) continue;
    EXPECT(scene.taken == 3);
    EXPECT(scene.order[0] == 0 && scene.order[1] == 2 && scene.order[2] == 3);
}

TEST(turns_of_a_key_come_in_order_and_other_keys_do_not_wait)
{
    play(stand_in_line);
}

/* Of the line the first and the third are served; the second and the fourth get their turns. */
static void serves_some(struct call *call)
{
    struct turn held, *first, *third;

    EXPECT(!failed(turn_take(call, &scene.turns, "key", &held)));
    for (intptr_t i = 2; i < CROWD + 2; i++)
        fiber_post(call->shard, waits_or_is_served, NULL, (void *)i);
    EXPECT(!failed(fiber_sleep(call, 20000)));
    first = turn_next(&held);
    third = turn_next(turn_next(first));
    EXPECT(!turn_next(turn_next(third)));
    turn_serve(call, &scene.turns, first);
    turn_serve(call, &scene.turns, third);
    EXPECT(!failed(fiber_sleep(call, 1000)));
    EXPECT(scene.ended == 2 && scene.taken == 0);
    turn_give(call, &scene.turns, &held);
    while (scene.ended < CROWD && !failed(fiber_sleep(call, 1000))) continue;
    EXPECT(scene.taken == 2 && scene.order[0] == 3 && scene.order[1] == 5);
}

TEST(turns_that_were_served_go_on_and_the_others_wait)
{
    play(serves_some);
}

static void are_limited(struct call *call)
{
    struct turn turn;

    for (int i = 0; i < TURNS_MAX; i++) {
        snprintf(scene.keys[i], sizeof(scene.keys[i]), "%d", i);
        EXPECT(!failed(turn_take(call, &scene.turns, scene.keys[i], &scene.many[i])));
    }
    struct status st = turn_take(call, &scene.turns, "one more", &turn);
    EXPECT(st.code == STATUS_RESOURCE_EXHAUSTED && st.reason == ARGOSY__REASON__QUEUE_FULL);
    for (int i = 0; i < TURNS_MAX; i++) turn_give(call, &scene.turns, &scene.many[i]);
}

TEST(there_are_not_more_turns_than_a_shard_may_have)
{
    play(are_limited);
}
