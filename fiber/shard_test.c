/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shards: messages, deferred tasks, timers, hooks, and how they stop. */
#include "fiber/shard.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/test.h"

enum { SENDERS = 4, MESSAGES = 5000 };

static void stop(void *data)
{
    struct shard *shard = data;

    shards_stop(shard->shards);
}

static void stop_shard(struct shard *shard, void *data)
{
    shards_stop(shard->shards);
}

TEST(counts_are_bounded)
{
    struct shards *shards = shards_new(0);

    CHECK(shards_count(shards) >= 1);
    shards_free(shards);
    shards = shards_new(SHARDS_MAX + 1);
    CHECK_INT(shards_count(shards), ==, SHARDS_MAX);
    CHECK(shards_at(shards, 5)->index == 5);
    shards_free(shards);
    shards_free(0);
}

/* Each sender counts up; the shard checks that it sees each sender's numbers in order. */
struct sender {
    struct shard *shard;
    pthread_t thread;
    int expected;
};

struct numbered {
    struct shard_message message;
    struct sender *sender;
    int number;
};

static int messages_left;

static void receive(struct shard *shard, void *data)
{
    struct numbered *numbered = data;

    EXPECT(numbered->number == numbered->sender->expected);
    numbered->sender->expected++;
    free(numbered);
    if (--messages_left == 0) shards_stop(shard->shards);
}

static void *send_all(void *data)
{
    struct sender *sender = data;

    for (int i = 0; i < MESSAGES; i++) {
        struct numbered *numbered = calloc(1, sizeof(*numbered));
        numbered->sender = sender;
        numbered->number = i;
        numbered->message = (struct shard_message){.fn = receive, .data = numbered};
        if (i % 2)
            shard_post_message(sender->shard, &numbered->message);
        else
            shard_post(sender->shard, receive, numbered);
    }
    return 0;
}

TEST(messages_of_one_sender_keep_their_order)
{
    struct shards *shards = shards_new(2);
    struct sender senders[SENDERS] = {0};

    messages_left = SENDERS * MESSAGES;
    for (int i = 0; i < SENDERS; i++) {
        senders[i].shard = shards_at(shards, 1);
        CHECK(pthread_create(&senders[i].thread, 0, send_all, &senders[i]) == 0);
    }
    shards_run(shards);
    for (int i = 0; i < SENDERS; i++) pthread_join(senders[i].thread, 0);
    shards_free(shards);
    CHECK_INT(messages_left, ==, 0);
}

static void mark(struct shard *shard, void *data)
{
    ++*(int *)data;
}

TEST(what_was_posted_before_the_stop_still_runs)
{
    struct shards *shards = shards_new(1);
    int ran = 0;

    for (int i = 0; i < 10; i++) shard_post(shards_at(shards, 0), mark, &ran);
    shards_stop(shards);
    shards_stop(shards);
    shards_run(shards);
    CHECK_INT(ran, ==, 10);
    shard_post(shards_at(shards, 0), mark, &ran);
    shards_free(shards);
    CHECK_INT(ran, ==, 10);
}

enum { LONG_MESSAGES = 20 };

static int long_run, long_run_before_timer;

static void take_long(struct shard *shard, void *data)
{
    int64_t until_us = clock_monotonic_us() + 2000;

    (void)data;
    while (clock_monotonic_us() < until_us) continue;
    if (++long_run == LONG_MESSAGES) shards_stop(shard->shards);
}

static void note_long(void *data)
{
    (void)data;
    long_run_before_timer = long_run;
}

TEST(messages_that_take_long_let_sockets_and_timers_in_between)
{
    struct shards *shards = shards_new(1);
    struct shard *shard = shards_at(shards, 0);
    struct shard_timer timer = {0};

    shard_timer_start(shard, &timer, clock_monotonic_us() + 1000, note_long, NULL);
    for (int i = 0; i < LONG_MESSAGES; i++) shard_post(shard, take_long, NULL);
    shards_run(shards);
    shards_free(shards);
    CHECK_INT(long_run, ==, LONG_MESSAGES);
    CHECK_INT(long_run_before_timer, >, 0);
    CHECK_INT(long_run_before_timer, <, LONG_MESSAGES / 2);
}

enum { GREEDY = 200, LATE_AFTER = 20, IN_ONE_SLICE = 4 };

/* A message that costs a millisecond, by a clock that it moves. */
struct turn {
    struct shard_message message;
    int place; /* from 1 */
};

static int places;
static int64_t worked_us;
static struct turn late;

static int64_t system_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t moved_now_us(void)
{
    return system_us(CLOCK_REALTIME) + worked_us;
}

static int64_t moved_monotonic_us(void)
{
    return system_us(CLOCK_MONOTONIC) + worked_us;
}

static void take_turn(struct shard *shard, void *data)
{
    struct turn *turn = data;

    turn->place = ++places;
    worked_us += 1000;
    if (places == LATE_AFTER) shard_post_message(shard, &late.message);
    if (places == GREEDY + 7) shards_stop(shard->shards);
}

static void post_turns(struct shard *shard, uint64_t address, struct turn *turns, int count)
{
    for (int i = 0; i < count; i++) {
        turns[i].message = (struct shard_message){
            .fn = take_turn, .data = &turns[i], .address = address};
        shard_post_message(shard, &turns[i].message);
    }
}

TEST(messages_for_one_address_do_not_hold_up_those_for_another)
{
    struct shards *shards = shards_new(1);
    struct shard *shard = shards_at(shards, 0);
    static struct turn greedy[GREEDY], other[2], third[2], own[2];

    places = 0;
    late = (struct turn){.message = {.fn = take_turn, .data = &late, .address = 4}};
    post_turns(shard, 1, greedy, GREEDY);
    post_turns(shard, 2, other, 2);
    post_turns(shard, 3, third, 2);
    post_turns(shard, 0, own, 2);
    clock_set_source(moved_now_us, moved_monotonic_us);
    shards_run(shards);
    clock_set_source(NULL, NULL);
    shards_free(shards);
    CHECK_INT(places, ==, GREEDY + 7);
    CHECK(own[0].place <= 2 && own[1].place <= 4);
    CHECK(other[0].place <= 4 && third[0].place <= 5);
    CHECK(other[1].place <= 8 && third[1].place <= 8);
    CHECK_INT(late.place, <=, LATE_AFTER + IN_ONE_SLICE + 2);
    for (int i = 1; i < GREEDY; i++) CHECK(greedy[i].place > greedy[i - 1].place);
}

/* A chain of messages from shard to shard, with a stop in the middle. */
struct relay {
    struct shards *shards;
    int hops;
};

static void hop(struct shard *shard, void *data)
{
    struct relay *relay = data;

    if (relay->hops == 50) shards_stop(relay->shards);
    if (++relay->hops == 100) return;
    shard_post(shards_at(relay->shards, (shard->index + 1) % 3), hop, relay);
}

TEST(stopping_shards_still_answer_each_other)
{
    for (int i = 0; i < 50; i++) {
        struct shards *shards = shards_new(3);
        struct relay relay = {shards, 0};

        shard_post(shards_at(shards, 1), hop, &relay);
        shards_start(shards);
        shards_join(shards);
        shards_free(shards);
        CHECK_INT(relay.hops, ==, 100);
    }
}

static char trail[64];

static void leave_trail(const char *what)
{
    snprintf(trail + strlen(trail), sizeof(trail) - strlen(trail), "%s", what);
}

struct deferral {
    struct shard *shard;
    struct shard_task task;
    const char *name;
    struct deferral *then;
    uint64_t turn;
};

static void run_deferral(void *data)
{
    struct deferral *deferral = data;

    leave_trail(deferral->name);
    deferral->turn = shard_turn(deferral->shard);
    if (deferral->then) shard_defer(deferral->shard, &deferral->then->task);
    if (!deferral->then) shards_stop(deferral->shard->shards);
}

static void init_deferral(struct deferral *deferral, struct shard *shard, const char *name)
{
    *deferral = (struct deferral){.shard = shard, .name = name};
    deferral->task = (struct shard_task){.fn = run_deferral, .data = deferral};
}

static struct deferral first, second, gone;

static void defer_some(struct shard *shard, void *data)
{
    init_deferral(&first, shard, "first ");
    init_deferral(&second, shard, "second ");
    init_deferral(&gone, shard, "gone ");
    first.then = &second;
    shard_defer(shard, &first.task);
    shard_defer(shard, &gone.task);
    shard_defer(shard, &first.task);
    shard_defer_cancel(shard, &gone.task);
    shard_defer_cancel(shard, &gone.task);
    leave_trail("turn ");
    EXPECT(first.task.queued && !gone.task.queued);
}

TEST(deferred_tasks_run_once_at_the_end_of_the_turn)
{
    struct shards *shards = shards_new(1);

    trail[0] = 0;
    shard_post(shards_at(shards, 0), defer_some, 0);
    shards_run(shards);
    shards_free(shards);
    CHECK_STR(trail, "turn first second ");
    CHECK(first.turn < second.turn);
}

/* Two tasks that defer each other forever must not starve the loop's timers. */
struct pair {
    struct shard *shard;
    struct shard_task a, b;
    struct shard_timer timer;
    bool over;
};

static void ping(void *data)
{
    struct pair *pair = data;

    if (!pair->over) shard_defer(pair->shard, &pair->b);
}

static void pong(void *data)
{
    struct pair *pair = data;

    if (!pair->over) shard_defer(pair->shard, &pair->a);
}

static void end_pair(void *data)
{
    struct pair *pair = data;

    pair->over = true;
    shards_stop(pair->shard->shards);
}

static void start_pair(struct shard *shard, void *data)
{
    struct pair *pair = data;

    *pair = (struct pair){
        .shard = shard, .a = {.fn = ping, .data = pair}, .b = {.fn = pong, .data = pair}};
    shard_defer(shard, &pair->a);
    shard_timer_start(shard, &pair->timer, clock_monotonic_us() + 5000, end_pair, pair);
}

TEST(endless_tasks_do_not_starve_the_loop)
{
    struct shards *shards = shards_new(1);
    struct pair pair;

    shard_post(shards_at(shards, 0), start_pair, &pair);
    shards_run(shards);
    shards_free(shards);
    CHECK(pair.over);
}

enum { TIMERS = 500 };

struct timed {
    struct shard_timer timer;
    struct shard *shard;
    int64_t due_us;
    bool stopped, fired;
};

static struct timed timed[TIMERS];
static int64_t fired_last_us;
static int timers_left;

static void fire(void *data)
{
    struct timed *one = data;

    EXPECT(!one->fired && !one->stopped && one->timer.position == 0);
    EXPECT(one->due_us >= fired_last_us && clock_monotonic_us() >= one->due_us);
    one->fired = true;
    fired_last_us = one->due_us;
    if (--timers_left == 0) shards_stop(one->shard->shards);
}

static void arm(struct timed *one, int64_t due_us)
{
    one->due_us = due_us;
    shard_timer_start(one->shard, &one->timer, due_us, fire, one);
}

static void arm_many(struct shard *shard, void *data)
{
    int64_t now_us = clock_monotonic_us();
    uint64_t noise = 12345;

    fired_last_us = 0;
    timers_left = TIMERS;
    for (int i = 0; i < TIMERS; i++) {
        noise = noise * 6364136223846793005u + 1442695040888963407u;
        timed[i] = (struct timed){.shard = shard};
        arm(&timed[i], now_us + (int64_t)(noise >> 33) % 30000);
    }
    for (int i = 0; i < TIMERS; i += 3) {
        shard_timer_stop(&timed[i].timer);
        shard_timer_stop(&timed[i].timer);
        timed[i].stopped = true;
        timers_left--;
    }
    for (int i = 1; i < TIMERS; i += 3) {
        noise = noise * 6364136223846793005u + 1442695040888963407u;
        arm(&timed[i], now_us + (int64_t)(noise >> 33) % 30000);
    }
}

TEST(timers_fire_in_order_and_stopped_ones_never)
{
    struct shards *shards = shards_new(1);

    shard_post(shards_at(shards, 0), arm_many, 0);
    shards_run(shards);
    shards_free(shards);
    for (int i = 0; i < TIMERS; i++) CHECK(timed[i].fired != timed[i].stopped);
}

struct repeated {
    struct shard *shard;
    struct shard_timer again, end;
    int count;
};

static void repeat(void *data)
{
    struct repeated *repeated = data;

    repeated->count++;
    shard_timer_start(repeated->shard, &repeated->again, 0, repeat, repeated);
}

static void start_repeating(struct shard *shard, void *data)
{
    struct repeated *repeated = data;

    *repeated = (struct repeated){.shard = shard};
    shard_timer_start(shard, &repeated->again, 0, repeat, repeated);
    shard_timer_start(shard, &repeated->end, clock_monotonic_us() + 3000, stop, shard);
    EXPECT(repeated->count == 0);
}

TEST(a_timer_that_arms_itself_for_the_past_does_not_starve_the_loop)
{
    struct shards *shards = shards_new(1);
    struct repeated repeated;

    shard_post(shards_at(shards, 0), start_repeating, &repeated);
    shards_run(shards);
    shards_free(shards);
    CHECK(repeated.count > 1);
}

struct hooked {
    struct shard *shard;
    struct shard_hook a, b, late;
    struct shard_timer timer;
    int called;
};

static void on_late_stop(void *data)
{
    struct hooked *hooked = data;

    hooked->called += 100;
    shard_hook_remove(&hooked->late);
}

static void let_go(void *data)
{
    struct hooked *hooked = data;

    EXPECT(hooked->called == 1);
    shard_hook_remove(&hooked->a);
    shard_on_stop(hooked->shard, &hooked->late, on_late_stop, hooked);
}

/* The hook that runs first removes the other one, which then must not run. */
static void on_stop(void *data)
{
    struct hooked *hooked = data;

    hooked->called++;
    shard_hook_remove(&hooked->b);
    shard_hook_remove(&hooked->b);
    shard_timer_start(hooked->shard, &hooked->timer, clock_monotonic_us() + 2000, let_go, hooked);
}

static void hook_up(struct shard *shard, void *data)
{
    struct hooked *hooked = data;

    hooked->shard = shard;
    shard_on_stop(shard, &hooked->b, on_stop, hooked);
    shard_on_stop(shard, &hooked->a, on_stop, hooked);
    EXPECT(!shard_is_stopping(shard));
    shards_stop(shard->shards);
}

TEST(hooks_run_and_keep_the_loop_alive)
{
    struct shards *shards = shards_new(2);
    struct hooked hooked = {0};

    shard_post(shards_at(shards, 0), hook_up, &hooked);
    shards_run(shards);
    shards_free(shards);
    CHECK_INT(hooked.called, ==, 101);
}

static void read_time(struct shard *shard, void *data)
{
    int64_t now_us = shard_now_us(shard);

    EXPECT(now_us <= clock_monotonic_us() && clock_monotonic_us() - now_us < 1000000);
    EXPECT(shard_now_us(shard) == now_us);
    shard_post(shard, stop_shard, 0);
}

TEST(the_time_of_a_turn_stands_still)
{
    struct shards *shards = shards_new(1);

    shard_post(shards_at(shards, 0), read_time, 0);
    shards_run(shards);
    shards_free(shards);
}
