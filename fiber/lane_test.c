/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of lanes: fairness, limits, deadlines, cancellation, and freeing. */
#include "fiber/lane.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "reasons.pb-c.h"

static struct lane *lane;

struct main_fiber {
    void (*fn)(struct call *call);
};

static void run_main(struct call *call, void *data)
{
    struct main_fiber *main_fiber = data;

    main_fiber->fn(call);
    shards_stop(call->shard->shards);
}

/* Runs fn as a fiber of one shard, on this thread, with a lane. */
static void run(int threads, int queue_max, void (*fn)(struct call *call))
{
    struct main_fiber main_fiber = {fn};
    struct shards *shards = shards_new(1);

    CHECK(shards);
    lane = lane_new("test", threads, queue_max);
    fiber_post(shards_at(shards, 0), run_main, 0, &main_fiber);
    shards_run(shards);
    lane_free(lane);
    shards_free(shards);
}

/* A job that runs until the test opens the gate. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool entered, open;
};

#define GATE_CLOSED                                                       \
    {                                                                     \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false \
    }

static void pass_gate(void *data)
{
    struct gate *gate = data;

    pthread_mutex_lock(&gate->lock);
    gate->entered = true;
    while (!gate->open) pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static bool has_entered(struct gate *gate)
{
    bool entered;

    pthread_mutex_lock(&gate->lock);
    entered = gate->entered;
    pthread_mutex_unlock(&gate->lock);
    return entered;
}

static void open_gate(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static void enter_gate(struct call *call, void *data)
{
    EXPECT(!failed(lane_run(call, lane, pass_gate, data)));
}

static void await_entry(struct call *call, struct gate *gate)
{
    while (!has_entered(gate)) EXPECT(!failed(fiber_sleep(call, 1000)));
}

static void note_thread(void *data)
{
    *(pthread_t *)data = pthread_self();
}

static void runs_elsewhere(struct call *call)
{
    pthread_t thread = pthread_self();

    EXPECT(!failed(lane_run(call, lane, note_thread, &thread)));
    EXPECT(!pthread_equal(thread, pthread_self()));
}

TEST(a_job_runs_on_another_thread_while_the_fiber_waits)
{
    run(1, 4, runs_elsewhere);
}

static void fill(struct call *call)
{
    struct gate gate = GATE_CLOSED;
    struct fiber_group group = {0};
    struct lane_stats stats;
    struct status st;
    pthread_t thread;

    EXPECT(!failed(fiber_group_start(call, &group, enter_gate, &gate)));
    await_entry(call, &gate);
    EXPECT(!failed(fiber_group_start(call, &group, enter_gate, &gate)));
    EXPECT(!failed(fiber_group_start(call, &group, enter_gate, &gate)));
    st = lane_run(call, lane, note_thread, &thread);
    EXPECT(st.code == STATUS_RESOURCE_EXHAUSTED && st.reason == ARGOSY__REASON__LANE_FULL);
    EXPECT(!lane_post(lane, note_thread, &thread));
    lane_stats(lane, &stats);
    EXPECT(stats.running == 1 && stats.waiting == 2 && stats.queue_max == 2);
    EXPECT(stats.refused == 2 && stats.threads == 1 && stats.finished == 0);
    open_gate(&gate);
    fiber_group_wait(call, &group);
    EXPECT(!failed(lane_run(call, lane, note_thread, &thread)));
}

TEST(a_full_lane_refuses_at_once)
{
    run(1, 2, fill);
}

/* A caller's job: records its position in the order in which all ran, or why it did not run. */
struct turn {
    struct call_caller caller;
    int place; /* from 1; 0: it did not run */
    struct status status;
};

static int turns_taken;

static void take_turn(void *data)
{
    ((struct turn *)data)->place = ++turns_taken;
}

static void wait_for_turn(struct call *call, void *data)
{
    struct turn *turn = data;

    call->caller = turn->caller;
    turn->status = lane_run(call, lane, take_turn, turn);
}

static void take_turns(struct call *call)
{
    struct gate gate = GATE_CLOSED;
    struct fiber_group group = {0};
    struct turn turns[] = {{.caller = {1, 0}},
                           {.caller = {1, 0}},
                           {.caller = {1, 0}},
                           {.caller = {2, 0}},
                           {.caller = {3, 0}}};

    turns_taken = 0;
    EXPECT(!failed(fiber_group_start(call, &group, enter_gate, &gate)));
    await_entry(call, &gate);
    for (int i = 0; i < 5; i++)
        EXPECT(!failed(fiber_group_start(call, &group, wait_for_turn, &turns[i])));
    open_gate(&gate);
    fiber_group_wait(call, &group);
    EXPECT(turns[0].place == 1 && turns[3].place == 2 && turns[4].place == 3);
    EXPECT(turns[1].place == 4 && turns[2].place == 5);
}

TEST(callers_take_turns_however_many_jobs_each_has)
{
    run(1, 8, take_turns);
}

static void add(void *data)
{
    __atomic_add_fetch((int *)data, 1, __ATOMIC_RELAXED);
}

static void note_place(struct call *call, void *data)
{
    struct turn *turn = data;
    int done = 0;

    call->caller = turn->caller;
    EXPECT(!failed(lane_run(call, lane, add, &done)));
    turn->place = ++turns_taken;
}

/* The lane finishes all jobs before their shard looks at any of them. */
static void take_results(struct call *call)
{
    enum { GREEDY = 50 };
    struct turn greedy[GREEDY], other = {.caller = {2, 0}};
    struct fiber_group group = {0};
    struct lane_stats stats;

    turns_taken = 0;
    for (int i = 0; i < GREEDY; i++) {
        greedy[i] = (struct turn){.caller = {1, 0}};
        EXPECT(!failed(fiber_group_start(call, &group, note_place, &greedy[i])));
    }
    do {
        lane_stats(lane, &stats);
    } while (stats.finished < GREEDY);
    EXPECT(!failed(fiber_group_start(call, &group, note_place, &other)));
    do {
        lane_stats(lane, &stats);
    } while (stats.finished < GREEDY + 1);
    fiber_group_wait(call, &group);
    EXPECT(turns_taken == GREEDY + 1);
    EXPECT(other.place <= 2);
}

TEST(results_for_one_address_do_not_hold_up_those_for_another)
{
    run(2, 100, take_results);
}

static void fill_and_share(struct call *call)
{
    struct gate gate = GATE_CLOSED;
    struct fiber_group group = {0};
    struct turn greedy[4] = {
        {.caller = {1, 0}}, {.caller = {1, 0}}, {.caller = {1, 0}}, {.caller = {1, 0}}};
    struct turn other[3] = {{.caller = {2, 0}}, {.caller = {2, 0}}, {.caller = {2, 0}}};
    struct turn late = {.caller = {1, 0}};

    turns_taken = 0;
    EXPECT(!failed(fiber_group_start(call, &group, enter_gate, &gate)));
    await_entry(call, &gate);
    for (int i = 0; i < 4; i++)
        EXPECT(!failed(fiber_group_start(call, &group, wait_for_turn, &greedy[i])));
    for (int i = 0; i < 3; i++)
        EXPECT(!failed(fiber_group_start(call, &group, wait_for_turn, &other[i])));
    EXPECT(!failed(fiber_group_start(call, &group, wait_for_turn, &late)));
    /* Two places each: the greedy caller's latest job was displaced, and no caller gets a third
     * place. */
    EXPECT(late.status.reason == ARGOSY__REASON__LANE_FULL && late.place == 0);
    EXPECT(other[2].status.reason == ARGOSY__REASON__LANE_FULL);
    open_gate(&gate);
    fiber_group_wait(call, &group);
    EXPECT(!failed(greedy[0].status) && !failed(greedy[1].status));
    EXPECT(!failed(other[0].status) && !failed(other[1].status));
    for (int i = 2; i < 4; i++) {
        EXPECT(greedy[i].status.reason == ARGOSY__REASON__LANE_FULL && greedy[i].place == 0);
        EXPECT(greedy[i].status.details->retry_after_ms > 0);
    }
}

TEST(a_full_lane_displaces_the_caller_with_the_most_jobs)
{
    run(1, 4, fill_and_share);
}

static void take_turns_by_address(struct call *call)
{
    struct gate gate = GATE_CLOSED;
    struct fiber_group group = {0};
    /* Three accounts behind one address, the first with three jobs, and another address. */
    struct turn turns[] = {{.caller = {1, 1}}, {.caller = {1, 1}}, {.caller = {1, 1}},
                           {.caller = {1, 2}}, {.caller = {1, 3}}, {.caller = {2, 4}},
                           {.caller = {2, 4}}};

    turns_taken = 0;
    EXPECT(!failed(fiber_group_start(call, &group, enter_gate, &gate)));
    await_entry(call, &gate);
    for (int i = 0; i < 7; i++)
        EXPECT(!failed(fiber_group_start(call, &group, wait_for_turn, &turns[i])));
    open_gate(&gate);
    fiber_group_wait(call, &group);
    EXPECT(turns[5].place == 2 && turns[6].place == 4);
    EXPECT(turns[0].place == 1 && turns[3].place == 3 && turns[4].place == 5);
    EXPECT(turns[1].place == 6 && turns[2].place == 7);
}

TEST(addresses_take_turns_and_so_do_the_accounts_of_each)
{
    run(1, 8, take_turns_by_address);
}

/* Behind one address an account fills the lane, and then another one comes. Many accounts with a
 * job each do not keep another address out either. */
static void fill_behind_one_address(struct call *call)
{
    struct gate gate = GATE_CLOSED;
    struct fiber_group group = {0};
    struct turn greedy[4] = {
        {.caller = {1, 1}}, {.caller = {1, 1}}, {.caller = {1, 1}}, {.caller = {1, 1}}};
    struct turn others[2] = {{.caller = {1, 2}}, {.caller = {1, 3}}};
    struct turn away = {.caller = {2, 4}};

    turns_taken = 0;
    EXPECT(!failed(fiber_group_start(call, &group, enter_gate, &gate)));
    await_entry(call, &gate);
    for (int i = 0; i < 4; i++)
        EXPECT(!failed(fiber_group_start(call, &group, wait_for_turn, &greedy[i])));
    for (int i = 0; i < 2; i++)
        EXPECT(!failed(fiber_group_start(call, &group, wait_for_turn, &others[i])));
    EXPECT(!failed(fiber_group_start(call, &group, wait_for_turn, &away)));
    open_gate(&gate);
    fiber_group_wait(call, &group);
    EXPECT(greedy[0].place > 0 && !greedy[1].place && !greedy[2].place && !greedy[3].place);
    EXPECT(greedy[3].status.reason == ARGOSY__REASON__LANE_FULL);
    EXPECT(!failed(others[0].status) && !failed(others[1].status) && !failed(away.status));
}

TEST(an_account_fills_a_lane_neither_for_its_address_nor_for_others)
{
    run(1, 4, fill_behind_one_address);
}

static void fill_with_accounts(struct call *call)
{
    struct gate gate = GATE_CLOSED;
    struct fiber_group group = {0};
    struct turn many[4] = {
        {.caller = {1, 1}}, {.caller = {1, 2}}, {.caller = {1, 3}}, {.caller = {1, 4}}};
    struct turn others[2] = {{.caller = {2, 5}}, {.caller = {2, 5}}};

    turns_taken = 0;
    EXPECT(!failed(fiber_group_start(call, &group, enter_gate, &gate)));
    await_entry(call, &gate);
    for (int i = 0; i < 4; i++)
        EXPECT(!failed(fiber_group_start(call, &group, wait_for_turn, &many[i])));
    for (int i = 0; i < 2; i++)
        EXPECT(!failed(fiber_group_start(call, &group, wait_for_turn, &others[i])));
    open_gate(&gate);
    fiber_group_wait(call, &group);
    EXPECT(!failed(others[0].status) && !failed(others[1].status));
    EXPECT(others[1].place <= 4);
}

TEST(many_accounts_of_one_address_do_not_fill_a_lane_for_others)
{
    run(1, 4, fill_with_accounts);
}

static void forbidden(void *data)
{
    EXPECT(false);
}

static void leave_queue(struct call *call)
{
    struct gate gate = GATE_CLOSED;
    struct fiber_group group = {0};
    struct lane_stats stats;
    struct call hasty;
    pthread_t thread;

    EXPECT(!failed(fiber_group_start(call, &group, enter_gate, &gate)));
    await_entry(call, &gate);
    call_init_child(&hasty, call, 5);
    EXPECT(lane_run(&hasty, lane, forbidden, 0).code == STATUS_DEADLINE_EXCEEDED);
    lane_stats(lane, &stats);
    EXPECT(stats.waiting == 0);
    open_gate(&gate);
    fiber_group_wait(call, &group);
    EXPECT(!failed(lane_run(call, lane, note_thread, &thread)));
}

TEST(a_deadline_takes_a_job_out_of_the_queue)
{
    run(1, 2, leave_queue);
}

struct patient {
    struct gate *gate;
    struct status st;
    bool done;
};

static void stay(struct call *call, void *data)
{
    struct patient *patient = data;

    patient->st = lane_run(call, lane, pass_gate, patient->gate);
    patient->done = true;
    EXPECT(call_is_cancelled(call));
}

static void outlast_cancellation(struct call *call)
{
    struct gate gate = GATE_CLOSED;
    struct patient patient = {.gate = &gate};
    struct fiber_group group = {0};

    EXPECT(!failed(fiber_group_start(call, &group, stay, &patient)));
    await_entry(call, &gate);
    fiber_group_cancel(&group);
    EXPECT(!failed(fiber_sleep(call, 10000)));
    EXPECT(!patient.done);
    open_gate(&gate);
    fiber_group_wait(call, &group);
    EXPECT(patient.done && !failed(patient.st));
}

TEST(a_job_that_has_begun_is_waited_for_past_cancellation)
{
    run(1, 2, outlast_cancellation);
}

static void already_cancelled(struct call *call)
{
    struct call inner;

    call_init_child(&inner, call, 0);
    call_cancel(&inner);
    EXPECT(lane_run(&inner, lane, forbidden, 0).code == STATUS_CANCELLED);
}

TEST(a_cancelled_call_does_not_begin)
{
    run(1, 2, already_cancelled);
}

static void post_some(struct call *call)
{
    static int sum;
    struct lane_stats stats;

    sum = 0;
    for (int i = 0; i < 20; i++) EXPECT(lane_post(lane, add, &sum));
    do {
        EXPECT(!failed(fiber_sleep(call, 1000)));
        lane_stats(lane, &stats);
    } while (stats.finished < 20);
    EXPECT(__atomic_load_n(&sum, __ATOMIC_RELAXED) == 20);
    EXPECT(stats.threads >= 1 && stats.threads <= 3);
}

TEST(posted_jobs_run_without_a_waiter)
{
    run(3, 100, post_some);
}

TEST(freeing_finishes_the_queue)
{
    int sum = 0;

    lane = lane_new("ends", 2, 1000);
    for (int i = 0; i < 1000; i++) CHECK(lane_post(lane, add, &sum));
    lane_free(lane);
    CHECK_INT(sum, ==, 1000);
}

TEST(a_lane_has_no_thread_before_its_first_job)
{
    struct lane_stats stats;
    int sum = 0;

    lane = lane_new("lazy", 2, 2);
    lane_stats(lane, &stats);
    CHECK_INT(stats.threads, ==, 0);
    CHECK(lane_post(lane, add, &sum));
    lane_stats(lane, &stats);
    CHECK_INT(stats.threads, ==, 1);
    lane_free(lane);
    CHECK_INT(sum, ==, 1);
}

enum { SHARDS = 3, FIBERS = 50, ROUNDS = 20 };

static int jobs_done, fibers_left;

static void hammer(struct call *call, void *data)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct call hasty;
        int done = 0;
        struct status st;

        /* Some deadlines pass in the queue, some while the job runs: the result shows which. */
        call_init_child(&hasty, call, i % 4 == 0 ? 1 : 0);
        st = lane_run(&hasty, lane, add, &done);
        EXPECT(failed(st) == (done == 0));
        if (done) __atomic_add_fetch(&jobs_done, 1, __ATOMIC_RELAXED);
    }
    if (__atomic_sub_fetch(&fibers_left, 1, __ATOMIC_RELAXED) == 0)
        shards_stop(call->shard->shards);
}

TEST(many_fibers_of_many_shards_share_a_lane)
{
    struct shards *shards = shards_new(SHARDS);
    struct lane_stats stats;

    jobs_done = 0;
    fibers_left = SHARDS * FIBERS;
    lane = lane_new("shared", 2, 1000);
    for (int i = 0; i < SHARDS * FIBERS; i++)
        fiber_post(shards_at(shards, i % SHARDS), hammer, 0, 0);
    shards_start(shards);
    shards_join(shards);
    lane_stats(lane, &stats);
    CHECK_INT(stats.running, ==, 0);
    CHECK_INT(stats.waiting, ==, 0);
    lane_free(lane);
    shards_free(shards);
    CHECK(jobs_done > SHARDS * FIBERS * ROUNDS / 2);
}
