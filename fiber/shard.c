/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the shards and the turns of their loops. Messages are in shard_message.c, timers in
 * shard_timer.c.
 *
 * How shards end. A shard that was asked to stop rests when it has nothing left to do; a message
 * may wake it again. The loops end only when all shards rest at the same time, because a shard that
 * still works may need an answer from another one. */
#include "fiber/shard.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/race_window.h"
#include "base/status.h"
#include "fiber/fiber_pool.h"
#include "fiber/shard_loop.h"
#include "fiber/simulation.h"

/* Fibers and tasks may make each other ready forever; after this many rounds the loop polls before
 * it continues. */
enum { ROUNDS_MAX = 16 };

struct shards {
    int count;
    int thread_count;
    pthread_t threads[SHARDS_MAX];
    atomic_bool stopping;
    atomic_int resting;
    struct shard shards[];
};

static void link_hook(struct shard_hook **list, struct shard_hook *hook)
{
    hook->previous = 0;
    hook->next = *list;
    if (*list) (*list)->previous = hook;
    *list = hook;
}

static void unlink_hook(struct shard_hook *hook)
{
    if (hook->next) hook->next->previous = hook->previous;
    if (hook->previous)
        hook->previous->next = hook->next;
    else if (hook->shard->hooks == hook)
        hook->shard->hooks = hook->next;
    else
        hook->shard->hooks_called = hook->next;
}

void shard_on_stop(struct shard *shard, struct shard_hook *hook, void (*fn)(void *data), void *data)
{
    invariant(!hook->shard);
    hook->shard = shard;
    hook->fn = fn;
    hook->data = data;
    link_hook(&shard->hooks, hook);
}

void shard_hook_remove(struct shard_hook *hook)
{
    if (!hook->shard) return;
    unlink_hook(hook);
    hook->shard = 0;
}

static void run_tasks(struct shard *shard)
{
    struct shard_task *task;

    shard->tasks_running = shard->tasks;
    shard->tasks = shard->tasks_last = 0;
    while ((task = shard->tasks_running)) {
        shard->tasks_running = task->next;
        task->queued = false;
        task->fn(task->data);
    }
}

static void on_idle(uv_idle_t *idle)
{
    /* Nothing to do here: an active idle handle keeps the loop from blocking. */
}

static void end_turn(struct shard *shard)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        shard->turn++;
        if (!shard->tasks && !fiber_pool_has_ready(shard->fibers)) {
            uv_idle_stop(&shard->idle);
            return;
        }
        fiber_pool_run_ready(shard->fibers);
        run_tasks(shard);
    }
    uv_idle_start(&shard->idle, on_idle);
}

/* Before the loop looks at its sockets. */
static void begin_pass(struct shard *shard)
{
    shard->pass++;
    if (shard->tasks_next) uv_idle_start(&shard->idle, on_idle);
}

/* Once it has. */
static void take_next_tasks(struct shard *shard)
{
    if (!shard->tasks_next) return;
    if (shard->tasks_last)
        shard->tasks_last->next = shard->tasks_next;
    else
        shard->tasks = shard->tasks_next;
    shard->tasks_last = shard->tasks_next_last;
    shard->tasks_next = shard->tasks_next_last = 0;
}

static bool has_work(struct shard *shard)
{
    return shard->hooks || shard->hooks_called || shard->tasks || shard->tasks_next ||
           fiber_pool_alive(shard->fibers) > 0 || !shard_lines_is_empty(&shard->lines) ||
           atomic_load_explicit(&shard->messages, memory_order_relaxed);
}

static void end_loop(struct shard *shard, void *data)
{
    shard->ended = true;
}

bool shard_uncount_resting(struct shard *shard)
{
    if (!atomic_exchange(&shard->resting, false)) return false;
    race_window("shard uncounted");
    atomic_fetch_sub(&shard->shards->resting, 1);
    return true;
}

/* Counts a shard with nothing left to do as resting; the last one ends all loops.
 *
 * A thread that posts a message to a resting shard takes that shard out of the count, and is itself
 * not counted while it does so; so the count is never complete while a message is on its way. The
 * shard sets its flag before it checks the queue again, and a sender queues before it checks the
 * flag: so at least one of them sees the other. */
static void rest(struct shard *shard)
{
    struct shards *shards = shard->shards;

    if (atomic_load(&shard->resting)) return;
    atomic_store(&shard->resting, true);
    race_window("shard rests");
    if (atomic_load(&shard->messages) && atomic_exchange(&shard->resting, false)) return;
    race_window("shard not counted yet");
    if (atomic_fetch_add(&shards->resting, 1) + 1 < shards->count) return;
    for (int i = 0; i < shards->count; i++) shard_post(&shards->shards[i], end_loop, 0);
}

/* Decides whether a stopping shard rests, and whether its loop may end. The async handle is our
 * only one that keeps the loop alive, so with it unreferenced uv_loop_alive says whether other
 * handles do. */
static void settle(struct shard *shard)
{
    bool busy;

    uv_unref((uv_handle_t *)&shard->async);
    busy = has_work(shard) || uv_loop_alive(&shard->loop);
    if (busy)
        shard_uncount_resting(shard);
    else if (!shard->ended)
        rest(shard);
    if (busy || !shard->ended) uv_ref((uv_handle_t *)&shard->async);
}

/* A hook's function may remove any hook, so each one is moved to the other list before it is
 * called. */
static void run_hooks(struct shard *shard)
{
    struct shard_hook *hook;

    while ((hook = shard->hooks)) {
        unlink_hook(hook);
        link_hook(&shard->hooks_called, hook);
        hook->fn(hook->data);
    }
}

/* In a simulation, a loop that would wait for its next timer does not. */
static void pass_time(struct shard *shard)
{
    if (atomic_load_explicit(&shard->messages, memory_order_relaxed)) return;
    if (uv_is_active((uv_handle_t *)&shard->idle) || shard->timer_count == 0) return;
    simulation_pass_until(shard->timers[1]->due_us);
    shard->timer_armed_us = INT64_MAX; /* it was armed for a time that has passed */
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct shard *shard = prepare->data;

    if (shard->stopping) run_hooks(shard);
    end_turn(shard);
    begin_pass(shard);
    if (shard->stopping) settle(shard);
    if (simulation_is_on()) pass_time(shard);
    shard_timers_arm(shard);
    shard->now_us = 0;
}

static void on_check(uv_check_t *check)
{
    struct shard *shard = check->data;

    take_next_tasks(shard);
    end_turn(shard);
    shard->now_us = 0;
}

static void on_async(uv_async_t *async)
{
    shard_messages_run(async->data);
}

/* Opens the handles; only the async one keeps the loop alive. */
static int open_handles(struct shard *shard)
{
    int error = uv_async_init(&shard->loop, &shard->async, on_async);

    if (error) return error;
    uv_timer_init(&shard->loop, &shard->timer);
    uv_prepare_init(&shard->loop, &shard->prepare);
    uv_check_init(&shard->loop, &shard->check);
    uv_idle_init(&shard->loop, &shard->idle);
    shard->async.data = shard->timer.data = shard->prepare.data = shard->check.data = shard;
    uv_prepare_start(&shard->prepare, on_prepare);
    uv_check_start(&shard->check, on_check);
    uv_unref((uv_handle_t *)&shard->timer);
    uv_unref((uv_handle_t *)&shard->prepare);
    uv_unref((uv_handle_t *)&shard->check);
    uv_unref((uv_handle_t *)&shard->idle);
    return 0;
}

static int shard_open(struct shard *shard, struct shards *shards, int index)
{
    int error = uv_loop_init(&shard->loop);

    if (error) return error;
    shard->index = index;
    shard->shards = shards;
    shard->timer_armed_us = INT64_MAX;
    error = open_handles(shard);
    if (error) {
        uv_loop_close(&shard->loop);
        return error;
    }
    shard->fibers = fiber_pool_new(shard);
    return 0;
}

static void shard_close(struct shard *shard)
{
    shard_messages_drop(shard);
    fiber_pool_free(shard->fibers);
    uv_close((uv_handle_t *)&shard->async, 0);
    uv_close((uv_handle_t *)&shard->timer, 0);
    uv_close((uv_handle_t *)&shard->prepare, 0);
    uv_close((uv_handle_t *)&shard->check, 0);
    uv_close((uv_handle_t *)&shard->idle, 0);
    uv_run(&shard->loop, UV_RUN_DEFAULT);
    invariant(uv_loop_close(&shard->loop) == 0);
    free(shard->timers);
    free(shard->read_buffer);
}

static int processors(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
    return CPU_COUNT(&set);
}

struct shards *shards_new(int count)
{
    struct shards *shards;

    if (count <= 0) count = processors();
    if (count > SHARDS_MAX) count = SHARDS_MAX;
    shards = calloc(1, sizeof(*shards) + (size_t)count * sizeof(shards->shards[0]));
    if (!shards) return 0;
    for (; shards->count < count; shards->count++) {
        int error = shard_open(&shards->shards[shards->count], shards, shards->count);
        if (!error) continue;
        shards_free(shards);
        errno = -error;
        return 0;
    }
    if (simulation_is_on()) {
        invariant(shards->count == 1);
        simulation_set_shard(&shards->shards[0]);
    }
    return shards;
}

void shards_free(struct shards *shards)
{
    if (!shards) return;
    invariant(shards->thread_count == 0);
    if (simulation_is_on()) simulation_set_shard(0);
    for (int i = 0; i < shards->count; i++) shard_close(&shards->shards[i]);
    free(shards);
}

int shards_count(const struct shards *shards)
{
    return shards->count;
}

struct shard *shards_at(struct shards *shards, int index)
{
    invariant(index >= 0 && index < shards->count);
    return &shards->shards[index];
}

static void *run_shard(void *data)
{
    struct shard *shard = data;
    sigset_t signals;

    /* A write to a connection that the peer has closed answers EPIPE; the signal would end the
     * process. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signals, 0);

    do {
        uv_run(&shard->loop, UV_RUN_DEFAULT);
        /* The handle that closed last may have created new work. */
        settle(shard);
    } while (!shard->ended || has_work(shard));
    return 0;
}

static void start_threads(struct shards *shards, int first)
{
    for (int i = first; i < shards->count; i++) {
        pthread_t *thread = &shards->threads[shards->thread_count];
        char name[24];

        invariant(pthread_create(thread, 0, run_shard, &shards->shards[i]) == 0);
        snprintf(name, sizeof(name), "shard-%d", i); /* at most 15 characters, the system's limit */
        pthread_setname_np(*thread, name);
        shards->thread_count++;
    }
}

void shards_start(struct shards *shards)
{
    start_threads(shards, 0);
}

void shards_run(struct shards *shards)
{
    start_threads(shards, 1);
    run_shard(&shards->shards[0]);
    shards_join(shards);
}

void shards_join(struct shards *shards)
{
    for (int i = 0; i < shards->thread_count; i++) pthread_join(shards->threads[i], 0);
    shards->thread_count = 0;
}

static void begin_stop(struct shard *shard, void *data)
{
    shard->stopping = true;
    fiber_pool_cancel_all(shard->fibers);
}

void shards_stop(struct shards *shards)
{
    if (atomic_exchange(&shards->stopping, true)) return;
    for (int i = 0; i < shards->count; i++) {
        shard_post(&shards->shards[i], begin_stop, 0);
        race_window("shard asked to stop");
    }
}

static void append_task(struct shard_task **first, struct shard_task **last,
                        struct shard_task *task)
{
    if (task->queued) return;
    task->queued = true;
    task->next = 0;
    if (*last)
        (*last)->next = task;
    else
        *first = task;
    *last = task;
}

void shard_defer(struct shard *shard, struct shard_task *task)
{
    append_task(&shard->tasks, &shard->tasks_last, task);
}

void shard_defer_next(struct shard *shard, struct shard_task *task)
{
    append_task(&shard->tasks_next, &shard->tasks_next_last, task);
}

/* Removes the task from a list; false if it is not in it. `last` may be NULL. */
static bool remove_task(struct shard_task **list, struct shard_task **last, struct shard_task *task)
{
    struct shard_task *before = 0;

    for (; *list; before = *list, list = &before->next) {
        if (*list != task) continue;
        *list = task->next;
        if (last && *last == task) *last = before;
        return true;
    }
    return false;
}

void shard_defer_cancel(struct shard *shard, struct shard_task *task)
{
    if (!task->queued) return;
    task->queued = false;
    if (remove_task(&shard->tasks_running, 0, task)) return;
    if (remove_task(&shard->tasks, &shard->tasks_last, task)) return;
    remove_task(&shard->tasks_next, &shard->tasks_next_last, task);
}

uint64_t shard_turn(const struct shard *shard)
{
    return shard->turn;
}

uint64_t shard_pass(const struct shard *shard)
{
    return shard->pass;
}

int64_t shard_now_us(struct shard *shard)
{
    return shard->now_us ? shard->now_us : shard_read_clock(shard);
}

int64_t shard_read_clock(struct shard *shard)
{
    return shard->now_us = clock_monotonic_us();
}

bool shard_is_stopping(const struct shard *shard)
{
    return shard->stopping;
}
