/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of fibers: suspending and waking, deadlines, cancellation, groups, stacks, and stopping. */
#include "fiber/fiber.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/test.h"

enum { MANY = 3000, SHARDS = 3, ASKERS = 60, QUESTIONS = 50 };

/* Runs fn as the only fiber of one shard, on this thread; the shard stops when it ends. */
struct main_fiber {
    void (*fn)(struct call *call);
};

static void run_main(struct call *call, void *data)
{
    struct main_fiber *main_fiber = data;

    main_fiber->fn(call);
    shards_stop(call->shard->shards);
}

static void run(void (*fn)(struct call *call))
{
    struct main_fiber main_fiber = {fn};
    struct shards *shards = shards_new(1);

    CHECK(shards);
    fiber_post(shards_at(shards, 0), run_main, 0, &main_fiber);
    shards_run(shards);
    shards_free(shards);
}

static char order[64];

static void note(char what)
{
    size_t length = strlen(order);

    order[length] = what;
    order[length + 1] = 0;
}

struct waiter {
    struct fiber_wait wait;
    struct status st;
    bool done;
    char letter;
};

static void wait_once(struct call *call, void *data)
{
    struct waiter *waiter = data;

    note(waiter->letter);
    waiter->st = fiber_suspend(call, &waiter->wait);
    note(waiter->letter);
    waiter->done = true;
}

static void nested_and_woken(struct call *call)
{
    struct waiter a = {.letter = 'a'}, b = {.letter = 'b'};

    order[0] = 0;
    EXPECT(!failed(fiber_start(call->shard, 0, wait_once, &a)));
    EXPECT(!failed(fiber_start(call->shard, 0, wait_once, &b)));
    note('-');
    fiber_wake(call->shard, &b.wait);
    fiber_wake(call->shard, &b.wait);
    fiber_wake(call->shard, &a.wait);
    note('-');
    EXPECT(!failed(fiber_sleep(call, 1000)));
    EXPECT(strcmp(order, "ab--ba") == 0);
    EXPECT(a.done && b.done && !failed(a.st) && !b.wait.woken);
}

TEST(a_nested_fiber_runs_at_once_and_a_woken_one_at_the_end_of_the_turn)
{
    run(nested_and_woken);
}

static void wake_from_loop(struct shard *shard, void *data)
{
    struct waiter *waiter = data;

    fiber_wake(shard, &waiter->wait);
    EXPECT(waiter->done);
}

static void woken_by_the_loop(struct call *call)
{
    struct waiter waiter = {.letter = 'x'};

    order[0] = 0;
    EXPECT(!failed(fiber_start(call->shard, 0, wait_once, &waiter)));
    shard_post(call->shard, wake_from_loop, &waiter);
    while (!waiter.done) EXPECT(!failed(fiber_sleep(call, 1000)));
}

TEST(the_loop_runs_a_woken_fiber_inside_the_wake)
{
    run(woken_by_the_loop);
}

static void woken_early(struct call *call)
{
    struct fiber_wait wait = {0};

    fiber_wake(call->shard, &wait);
    EXPECT(!failed(fiber_suspend(call, &wait)));
    EXPECT(!wait.woken);
    fiber_wake(call->shard, &wait);
    fiber_suspend_uncancellable(call, &wait);
    EXPECT(!wait.woken);
}

TEST(a_wake_before_the_wait_is_kept)
{
    run(woken_early);
}

static void past_deadline(struct call *call)
{
    struct call inner;
    struct fiber_wait wait = {0};
    int64_t begun_us = clock_monotonic_us();
    struct status st;

    call_init_child(&inner, call, 20);
    st = fiber_suspend(&inner, &wait);
    EXPECT(st.code == STATUS_DEADLINE_EXCEEDED);
    EXPECT(clock_monotonic_us() - begun_us >= 20000);
    EXPECT(!wait.fiber);
    EXPECT(call_check(&inner).code == STATUS_DEADLINE_EXCEEDED);
    EXPECT(call_remaining_us(&inner) == 0);
    EXPECT(!failed(call_check(call)));
    EXPECT(call_remaining_us(call) == INT64_MAX);

    st = fiber_suspend(&inner, &wait);
    EXPECT(st.code == STATUS_DEADLINE_EXCEEDED);
    EXPECT(!failed(fiber_sleep(call, 1000)));
}

TEST(a_deadline_ends_a_wait)
{
    run(past_deadline);
}

static void nested_deadlines(struct call *call)
{
    struct call outer, inner;
    int64_t begun_us = clock_monotonic_us();

    call_init_child(&outer, call, 60);
    call_init_child(&inner, &outer, 10);
    EXPECT(inner.deadline_us < outer.deadline_us);
    EXPECT(!failed(fiber_sleep(&inner, 1000)));
    /* The timer of the inner call is still armed, and must not end the wait of the outer. */
    EXPECT(!failed(fiber_sleep(&outer, 20000)));
    EXPECT(fiber_sleep(&outer, 1000000).code == STATUS_DEADLINE_EXCEEDED);
    EXPECT(clock_monotonic_us() - begun_us >= 60000);
    call_init_child(&inner, &outer, 1000000);
    EXPECT(inner.deadline_us == outer.deadline_us);
}

TEST(an_inner_deadline_is_never_later_and_does_not_end_the_outer)
{
    run(nested_deadlines);
}

struct sleeper {
    struct call *call;
    struct status st;
    bool inside, done;
};

static void sleep_long(struct call *call, void *data)
{
    struct sleeper *sleeper = data;
    struct call inner;

    sleeper->call = call;
    call_init_child(&inner, call, 0);
    sleeper->st = fiber_sleep(sleeper->inside ? &inner : call, 60 * 1000000);
    sleeper->done = true;
}

static void cancelled(struct call *call)
{
    struct sleeper plain = {0}, inside = {.inside = true};

    EXPECT(!failed(fiber_start(call->shard, 0, sleep_long, &plain)));
    EXPECT(!failed(fiber_start(call->shard, 0, sleep_long, &inside)));
    call_cancel(plain.call);
    call_cancel(inside.call);
    EXPECT(!plain.done);
    EXPECT(!failed(fiber_sleep(call, 1000)));
    EXPECT(plain.done && plain.st.code == STATUS_CANCELLED);
    EXPECT(inside.done && inside.st.code == STATUS_CANCELLED);
}

TEST(cancelling_wakes_the_fiber_also_from_a_call_inside)
{
    run(cancelled);
}

static void cancelled_inner_only(struct call *call)
{
    struct call inner, innermost;
    struct fiber_wait wait = {0};

    call_init_child(&inner, call, 0);
    call_init_child(&innermost, &inner, 0);
    call_cancel(&inner);
    EXPECT(fiber_suspend(&innermost, &wait).code == STATUS_CANCELLED);
    EXPECT(fiber_sleep(&inner, 1).code == STATUS_CANCELLED);
    EXPECT(!failed(fiber_sleep(call, 1000)));
}

TEST(cancelling_a_call_leaves_the_one_around_it)
{
    run(cancelled_inner_only);
}

static void wait_whatever_comes(struct call *call, void *data)
{
    struct waiter *waiter = data;

    call_limit(call, 1);
    fiber_suspend_uncancellable(call, &waiter->wait);
    waiter->st = call_check(call);
    waiter->done = true;
}

struct cancel_and_wake {
    struct waiter waiter;
    struct call *call;
};

static void uncancellable(struct call *call)
{
    struct waiter waiter = {0};
    struct fiber_group group = {0};

    EXPECT(!failed(fiber_group_start(call, &group, wait_whatever_comes, &waiter)));
    fiber_group_cancel(&group);
    EXPECT(!failed(fiber_sleep(call, 10000)));
    EXPECT(!waiter.done);
    fiber_wake(call->shard, &waiter.wait);
    fiber_group_wait(call, &group);
    EXPECT(waiter.done && waiter.st.code == STATUS_CANCELLED);
}

TEST(an_uncancellable_wait_outlasts_deadline_and_cancellation)
{
    run(uncancellable);
}

static void late_wake(struct call *call)
{
    struct waiter waiter = {.letter = 'w'};
    struct fiber_group group = {0};

    /* The event comes between the cancellation and the fiber's turn: it counts. */
    EXPECT(!failed(fiber_group_start(call, &group, wait_once, &waiter)));
    fiber_group_cancel(&group);
    fiber_wake(call->shard, &waiter.wait);
    fiber_group_wait(call, &group);
    EXPECT(waiter.done && !failed(waiter.st));
}

TEST(a_wake_wins_over_a_cancellation_that_was_not_seen_yet)
{
    run(late_wake);
}

static void add_one(struct call *call, void *data)
{
    int *sum = data;

    EXPECT(!failed(fiber_sleep(call, 1000)));
    ++*sum;
}

static void grouped(struct call *call)
{
    struct fiber_group group = {0}, empty = {0};
    int sum = 0;

    fiber_group_wait(call, &empty);
    for (int i = 0; i < 10; i++) EXPECT(!failed(fiber_group_start(call, &group, add_one, &sum)));
    EXPECT(sum == 0);
    fiber_group_wait(call, &group);
    EXPECT(sum == 10);
    EXPECT(!failed(fiber_group_start(call, &group, add_one, &sum)));
    fiber_group_wait(call, &group);
    EXPECT(sum == 11);
}

TEST(a_group_is_waited_for_and_can_be_used_again)
{
    run(grouped);
}

static void group_of_sleepers(struct call *call, void *data)
{
    struct sleeper *sleepers = data;
    struct fiber_group group = {0};

    sleepers[2].call = call;
    EXPECT(!failed(fiber_group_start(call, &group, sleep_long, &sleepers[0])));
    EXPECT(!failed(fiber_group_start(call, &group, sleep_long, &sleepers[1])));
    fiber_group_wait(call, &group);
    sleepers[2].done = true;
}

static void cancelled_group(struct call *call)
{
    struct sleeper sleepers[3] = {0};

    EXPECT(!failed(fiber_start(call->shard, 0, group_of_sleepers, sleepers)));
    call_cancel(sleepers[2].call);
    EXPECT(!failed(fiber_sleep(call, 1000)));
    EXPECT(sleepers[0].st.code == STATUS_CANCELLED && sleepers[1].st.code == STATUS_CANCELLED);
    EXPECT(sleepers[2].done);
}

TEST(cancelling_a_call_cancels_its_groups)
{
    run(cancelled_group);
}

static void group_past_deadline(struct call *call)
{
    struct sleeper sleeper = {0};
    struct fiber_group group = {0};

    call_limit(call, 10);
    EXPECT(!failed(fiber_group_start(call, &group, sleep_long, &sleeper)));
    fiber_group_wait(call, &group);
    EXPECT(sleeper.st.code == STATUS_DEADLINE_EXCEEDED);
}

TEST(a_group_shares_the_deadline)
{
    run(group_past_deadline);
}

static void note_release(void *data)
{
    ++*(int *)data;
}

static void use_arena(struct call *call, void *data)
{
    char *text = arena_printf(call->arena, "fiber %p", data);

    EXPECT(text && call->trace->request_id[0]);
    arena_defer(call->arena, note_release, data);
    if (*(int *)data % 3 == 0) arena_alloc(call->arena, 100000);
}

static void many_short(struct call *call)
{
    struct fiber_stats before, after;
    int released = 0;

    fiber_stats(call->shard, &before);
    for (int i = 0; i < MANY; i++)
        EXPECT(!failed(fiber_start(call->shard, call->trace, use_arena, &released)));
    fiber_stats(call->shard, &after);
    EXPECT(released == MANY);
    EXPECT(after.started - before.started == MANY);
    EXPECT(after.running == 1 && after.pooled == 1);
    EXPECT(after.stack_high_water > 0);
}

TEST(fibers_that_never_suspend_use_one_stack)
{
    run(many_short);
}

static int alive_at_once;

static void suspend_some_times(struct call *call, void *data)
{
    alive_at_once++;
    for (int i = 0; i < 3; i++) EXPECT(!failed(fiber_sleep(call, 1000 * (1 + alive_at_once % 7))));
    alive_at_once--;
}

static void many_at_once(struct call *call)
{
    struct fiber_stats stats;
    struct call patient;

    for (int i = 0; i < MANY; i++)
        EXPECT(!failed(fiber_start(call->shard, call->trace, suspend_some_times, 0)));
    EXPECT(alive_at_once == MANY);
    while (alive_at_once > 0) EXPECT(!failed(fiber_sleep(call, 1000)));

    /* Unused fibers are freed, all but a few. */
    call_init_child(&patient, call, 10000);
    do {
        EXPECT(!failed(fiber_sleep(&patient, 50000)));
        fiber_stats(call->shard, &stats);
    } while (stats.pooled > 64 && !failed(call_check(&patient)));
    EXPECT(stats.pooled == 64);
}

TEST(thousands_of_fibers_at_once_and_their_stacks_are_given_back)
{
    run(many_at_once);
}

/* Each level uses the room of the one above it, so none can be left out. */
static int dig(int depth, volatile char *above)
{
    volatile char room[1024];

    for (size_t i = 0; i < sizeof(room); i += 64) room[i] = (char)depth;
    if (depth > 0) dig(depth - 1, room);
    if (above) above[0] = room[0];
    return room[0];
}

static void dig_deep(struct call *call, void *data)
{
    EXPECT(dig(60, 0) == 0);
}

static void deep(struct call *call)
{
    struct fiber_stats stats;

    EXPECT(!failed(fiber_start(call->shard, 0, dig_deep, 0)));
    fiber_stats(call->shard, &stats);
    EXPECT(stats.stack_high_water >= 60 * 1024 && stats.stack_high_water < 512 * 1024);
}

TEST(the_high_water_mark_is_the_depth_of_the_deepest_stack)
{
    run(deep);
}

static void cancelled_by_stop(struct call *call)
{
    static struct sleeper sleeper;

    sleeper = (struct sleeper){0};
    EXPECT(!failed(fiber_start(call->shard, 0, sleep_long, &sleeper)));
    shards_stop(call->shard->shards);
    EXPECT(fiber_sleep(call, 60 * 1000000).code == STATUS_CANCELLED);
    EXPECT(shard_is_stopping(call->shard));
}

TEST(stopping_cancels_the_living)
{
    run(cancelled_by_stop);
}

static void refused(void *data)
{
    ++*(int *)data;
}

static void never(struct call *call, void *data)
{
    EXPECT(false);
}

static void wait_for_release(struct call *call, void *data)
{
    fiber_suspend_uncancellable(call, data);
}

static void one_too_many(struct call *call)
{
    size_t started = 0;
    struct fiber_wait *waits = calloc(FIBERS_MAX, sizeof(*waits));
    struct status st;
    int refusals = 0;

    do {
        st = fiber_start(call->shard, call->trace, wait_for_release, &waits[started++]);
    } while (!failed(st) && started < FIBERS_MAX);
    EXPECT(st.code == STATUS_RESOURCE_EXHAUSTED);
    fiber_post(call->shard, never, refused, &refusals);
    EXPECT(!failed(fiber_sleep(call, 10000)));
    EXPECT(refusals == 1);
    for (size_t i = 0; i + 1 < started; i++) fiber_wake(call->shard, &waits[i]);
    EXPECT(!failed(fiber_sleep(call, 10000)));
    free(waits);
}

TEST(too_many_fibers_are_refused)
{
    run(one_too_many);
}

/* Digs until the stack is at its end. */
static void overflow(struct call *call, void *data)
{
    dig(1000000, 0);
    _exit(0);
}

TEST(an_overflowing_stack_ends_the_process_and_writes_nowhere_else)
{
    pid_t child = fork();
    int how;

    CHECK(child >= 0);
    if (child == 0) {
        struct rlimit no_core = {0};
        struct shards *shards = shards_new(1);

        setrlimit(RLIMIT_CORE, &no_core);
        CHECK(freopen("/dev/null", "w", stderr));
        fiber_post(shards_at(shards, 0), overflow, 0, 0);
        shards_run(shards);
        _exit(0);
    }
    CHECK(waitpid(child, &how, 0) == child);
    CHECK(WIFSIGNALED(how) || WEXITSTATUS(how) != 0);
}

/* A fiber sends a question to another shard, which answers by message. */
struct question {
    struct shard *from;
    struct fiber_wait wait;
    int number, answer;
    bool answered;
    struct shard_message message;
};

static void hear_answer(struct shard *shard, void *data)
{
    struct question *question = data;

    question->answered = true;
    fiber_wake(shard, &question->wait);
}

static void answer(struct call *call, void *data)
{
    struct question *question = data;

    if (question->number % 5 == 0) EXPECT(!failed(fiber_sleep(call, 100)));
    question->answer = question->number * 2 + call->shard->index;
    question->message = (struct shard_message){.fn = hear_answer, .data = question};
    shard_post_message(question->from, &question->message);
}

static int askers_left;

static void ask(struct call *call, void *data)
{
    struct shards *shards = call->shard->shards;

    for (int i = 0; i < QUESTIONS; i++) {
        struct shard *to = shards_at(shards, (call->shard->index + 1 + i) % SHARDS);
        struct question question = {.from = call->shard, .number = i};

        fiber_post(to, answer, 0, &question);
        while (!question.answered) fiber_suspend_uncancellable(call, &question.wait);
        EXPECT(question.answer == i * 2 + to->index);
    }
    if (__atomic_sub_fetch(&askers_left, 1, __ATOMIC_RELAXED) == 0) shards_stop(shards);
}

TEST(fibers_of_many_shards_ask_each_other)
{
    struct shards *shards = shards_new(SHARDS);

    askers_left = ASKERS;
    for (int i = 0; i < ASKERS; i++) fiber_post(shards_at(shards, i % SHARDS), ask, 0, 0);
    shards_start(shards);
    shards_join(shards);
    shards_free(shards);
    CHECK_INT(askers_left, ==, 0);
}

/* Asks until it is cancelled; each question must still be answered. */
static void ask_until_stopped(struct call *call, void *data)
{
    while (!failed(call_check(call))) {
        struct shard *to = shards_at(call->shard->shards, (call->shard->index + 1) % SHARDS);
        struct question question = {.from = call->shard, .number = 1};

        fiber_post(to, answer, 0, &question);
        while (!question.answered) fiber_suspend_uncancellable(call, &question.wait);
    }
}

TEST(a_stop_leaves_no_question_unanswered)
{
    for (int i = 0; i < 20; i++) {
        struct shards *shards = shards_new(SHARDS);

        for (int j = 0; j < SHARDS * 5; j++)
            fiber_post(shards_at(shards, j % SHARDS), ask_until_stopped, 0, 0);
        shards_start(shards);
        usleep((useconds_t)(i * 200));
        shards_stop(shards);
        shards_join(shards);
        shards_free(shards);
    }
}
