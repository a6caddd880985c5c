/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes: queues of jobs under a lock, and threads that are created when jobs wait and no thread is
 * idle. In a simulation a timer of the shard takes the place of the threads, and runs one job at a
 * time.
 *
 * Each caller with waiting jobs has a queue of its own, and the threads take a job from each queue
 * in turn. When the lane is full, a job of a caller with fewer waiting jobs displaces the latest
 * job of the caller with the most, so that no caller can fill a lane for the others.
 *
 * A job of lane_run lies on the waiting fiber's stack. While it is queued, the fiber may withdraw
 * it; once a thread has it, the fiber stays until the thread's message comes back. */
#include "fiber/lane.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/race_window.h"
#include "fiber/fiber.h"
#include "fiber/simulation.h"
#include "reasons.pb-c.h"

enum { LANE_THREADS_MAX = 64, RETRY_AFTER_MS = 1000 };

struct lane_job {
    void (*fn)(void *data);
    void *data;
    struct lane_queue *queue;
    struct lane_job *next, *previous;
    bool begun;     /* or displaced: it is no longer in a queue */
    bool displaced; /* by a job of a caller with fewer jobs */

    /* For lane_run: the waiting fiber. `shard` NULL: the job of lane_post, which is allocated. */
    struct shard *shard;
    struct shard_message message;
    struct fiber_wait wait;
    bool finished; /* set on the shard's thread */
};

/* The waiting jobs of one caller. */
struct lane_queue {
    uint64_t caller;
    struct lane_job *first, *last;
    size_t waiting;
    struct lane_queue *next, *previous;
};

struct lane {
    const char *name;
    int threads_max;
    size_t queue_max;

    pthread_mutex_t lock; /* guards the members below */
    pthread_cond_t job_waits;
    struct lane_queue *first, *last; /* the first is next in turn; none is empty */
    size_t waiting, running, idle;
    uint64_t finished, refused;
    bool ending;
    int thread_count;
    pthread_t threads[LANE_THREADS_MAX];
    struct shard_timer simulated; /* in the place of the threads */
};

struct lane *lane_new(const char *name, int threads, int queue_max)
{
    struct lane *lane = calloc(1, sizeof(*lane));

    invariant(lane != 0 && threads > 0 && threads <= LANE_THREADS_MAX && queue_max >= 0);
    lane->name = name;
    lane->threads_max = threads;
    lane->queue_max = (size_t)queue_max;
    pthread_mutex_init(&lane->lock, 0);
    pthread_cond_init(&lane->job_waits, 0);
    return lane;
}

static void append_queue(struct lane *lane, struct lane_queue *queue)
{
    queue->next = 0;
    queue->previous = lane->last;
    if (lane->last)
        lane->last->next = queue;
    else
        lane->first = queue;
    lane->last = queue;
}

static void remove_queue(struct lane *lane, struct lane_queue *queue)
{
    if (queue->previous)
        queue->previous->next = queue->next;
    else
        lane->first = queue->next;
    if (queue->next)
        queue->next->previous = queue->previous;
    else
        lane->last = queue->previous;
}

static struct lane_queue *find_queue(struct lane *lane, uint64_t caller)
{
    struct lane_queue *queue = lane->first;

    while (queue && queue->caller != caller) queue = queue->next;
    return queue;
}

/* There are at most as many queues as waiting jobs, so searching them is fast. */
static bool append(struct lane *lane, struct lane_job *job, uint64_t caller)
{
    struct lane_queue *queue = find_queue(lane, caller);

    if (!queue) {
        queue = calloc(1, sizeof(*queue));
        if (!queue) return false;
        queue->caller = caller;
        append_queue(lane, queue);
    }
    job->queue = queue;
    job->next = 0;
    job->previous = queue->last;
    if (queue->last)
        queue->last->next = job;
    else
        queue->first = job;
    queue->last = job;
    queue->waiting++;
    lane->waiting++;
    return true;
}

static void remove_job(struct lane *lane, struct lane_job *job)
{
    struct lane_queue *queue = job->queue;

    if (job->previous)
        job->previous->next = job->next;
    else
        queue->first = job->next;
    if (job->next)
        job->next->previous = job->previous;
    else
        queue->last = job->previous;
    lane->waiting--;
    if (--queue->waiting > 0) return;
    remove_queue(lane, queue);
    free(queue);
}

/* Takes the next job, after which its caller's turn is over. */
static struct lane_job *take_first(struct lane *lane)
{
    struct lane_queue *queue = lane->first;
    struct lane_job *job = queue->first;

    if (queue->waiting > 1) {
        remove_queue(lane, queue);
        append_queue(lane, queue);
    }
    remove_job(lane, job);
    job->begun = true;
    return job;
}

/* Makes room in a full lane for a job of this caller, at the cost of the caller with the most. Jobs
 * of lane_post are not displaced, because nothing waits to learn of it. */
static bool displace(struct lane *lane, uint64_t caller)
{
    const struct lane_queue *own = find_queue(lane, caller);
    struct lane_queue *longest = 0;

    for (struct lane_queue *queue = lane->first; queue; queue = queue->next)
        if (queue->last->shard && (!longest || queue->waiting > longest->waiting)) longest = queue;
    if (!longest || longest->waiting <= (own ? own->waiting : 0) + 1) return false;

    struct lane_job *job = longest->last;
    remove_job(lane, job);
    job->begun = job->displaced = true;
    lane->refused++;
    shard_post_message(job->shard, &job->message);
    return true;
}

static void on_finished(struct shard *shard, void *data)
{
    struct lane_job *job = data;

    job->finished = true;
    fiber_wake(shard, &job->wait);
}

/* Runs a job without the lock. Once its message is posted, the job may be gone. */
static void run_job(struct lane_job *job)
{
    job->fn(job->data);
    race_window("lane job not answered");
    if (job->shard)
        shard_post_message(job->shard, &job->message);
    else
        free(job);
}

/* With the lock held, which is released while the job runs. */
static void run_first(struct lane *lane)
{
    struct lane_job *job = take_first(lane);

    lane->running++;
    pthread_mutex_unlock(&lane->lock);

    race_window("lane job taken");
    run_job(job);

    pthread_mutex_lock(&lane->lock);
    lane->running--;
    lane->finished++;
}

static void *run_thread(void *data)
{
    struct lane *lane = data;

    pthread_mutex_lock(&lane->lock);
    for (;;) {
        if (lane->first) {
            run_first(lane);
            continue;
        }
        if (lane->ending) break;
        lane->idle++;
        pthread_cond_wait(&lane->job_waits, &lane->lock);
        lane->idle--;
    }
    pthread_mutex_unlock(&lane->lock);
    return 0;
}

/* With the lock held. The threads block signals, which are for the main thread. */
static void add_thread(struct lane *lane)
{
    pthread_t *thread = &lane->threads[lane->thread_count];
    sigset_t all, before;
    char name[16];
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    error = pthread_create(thread, 0, run_thread, lane);
    pthread_sigmask(SIG_SETMASK, &before, 0);
    /* A lane with fewer threads is slower; one without any would never finish a job. */
    invariant(!error || lane->thread_count > 0);
    if (error) return;
    lane->thread_count++;
    snprintf(name, sizeof(name), "%s", lane->name);
    pthread_setname_np(*thread, name);
}

static void run_simulated(void *data)
{
    struct lane *lane = data;

    pthread_mutex_lock(&lane->lock);
    run_first(lane);
    if (lane->first) simulation_work(&lane->simulated, run_simulated, lane);
    pthread_mutex_unlock(&lane->lock);
}

/* Makes sure that a thread works on the queued job. With the lock held. */
static void call_worker(struct lane *lane)
{
    if (simulation_is_on()) {
        simulation_work(&lane->simulated, run_simulated, lane);
        return;
    }
    if (lane->idle < lane->waiting && lane->thread_count < lane->threads_max) add_thread(lane);
    if (lane->idle) pthread_cond_signal(&lane->job_waits);
}

void lane_free(struct lane *lane)
{
    if (!lane) return;
    pthread_mutex_lock(&lane->lock);
    lane->ending = true;
    pthread_cond_broadcast(&lane->job_waits);
    pthread_mutex_unlock(&lane->lock);
    for (int i = 0; i < lane->thread_count; i++) pthread_join(lane->threads[i], 0);
    while (simulation_is_on() && lane->first) run_simulated(lane);
    shard_timer_stop(&lane->simulated);

    invariant(lane->waiting == 0 && lane->running == 0);
    pthread_cond_destroy(&lane->job_waits);
    pthread_mutex_destroy(&lane->lock);
    free(lane);
}

/* Queues the job; false if the lane is full. Jobs that an idle thread is about to take do not count
 * as waiting. */
static bool enqueue(struct lane *lane, struct lane_job *job, uint64_t caller)
{
    size_t threads_free;
    bool fits;

    pthread_mutex_lock(&lane->lock);
    threads_free = (size_t)lane->threads_max - lane->running;
    fits = !lane->ending &&
           (lane->waiting < lane->queue_max + threads_free || displace(lane, caller)) &&
           append(lane, job, caller);
    if (fits)
        call_worker(lane);
    else
        lane->refused++;
    pthread_mutex_unlock(&lane->lock);
    return fits;
}

/* Takes the job out of the queue; false if a thread has it already. */
static bool take_back(struct lane *lane, struct lane_job *job)
{
    bool queued;

    race_window("lane job not taken back yet");
    pthread_mutex_lock(&lane->lock);
    queued = !job->begun;
    if (queued) remove_job(lane, job);
    if (!lane->first) shard_timer_stop(&lane->simulated);
    pthread_mutex_unlock(&lane->lock);
    return queued;
}

static struct status lane_is_full(struct call *call, const struct lane *lane)
{
    struct status_details *details = arena_new(call->arena, struct status_details);
    struct status st = status_printf(
        call->arena, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__LANE_FULL,
        "too many jobs wait in the lane %s; try again later", lane->name);

    details->retry_after_ms = RETRY_AFTER_MS;
    st.details = details;
    return st;
}

struct status lane_run(struct call *call, struct lane *lane, void (*fn)(void *data), void *data)
{
    return lane_run_interruptible(call, lane, fn, 0, data);
}

struct status lane_run_interruptible(struct call *call, struct lane *lane, void (*fn)(void *data),
                                     void (*interrupt)(void *data), void *data)
{
    struct lane_job job = {.fn = fn, .data = data, .shard = call->shard};
    struct status st;

    job.message = (struct shard_message){.fn = on_finished, .data = &job};
    st = call_check(call);
    if (failed(st)) return st;
    if (!enqueue(lane, &job, call->caller)) return lane_is_full(call, lane);

    while (!job.finished) {
        st = fiber_suspend(call, &job.wait);
        if (!failed(st)) continue;
        if (job.finished) break;
        if (take_back(lane, &job)) return st;
        if (interrupt) interrupt(data);
        while (!job.finished) fiber_suspend_uncancellable(call, &job.wait);
    }
    return job.displaced ? lane_is_full(call, lane) : status_ok();
}

bool lane_post(struct lane *lane, void (*fn)(void *data), void *data)
{
    struct lane_job *job = calloc(1, sizeof(*job));

    if (!job) return false;
    job->fn = fn;
    job->data = data;
    if (enqueue(lane, job, CALL_NO_CALLER)) return true;
    free(job);
    return false;
}

void lane_stats(const struct lane *lane, struct lane_stats *ret_stats)
{
    struct lane *locked = (struct lane *)lane;

    pthread_mutex_lock(&locked->lock);
    *ret_stats = (struct lane_stats){
        .name = lane->name,
        .threads = lane->thread_count,
        .running = lane->running,
        .waiting = lane->waiting,
        .queue_max = lane->queue_max,
        .finished = lane->finished,
        .refused = lane->refused,
    };
    pthread_mutex_unlock(&locked->lock);
}
