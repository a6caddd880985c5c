/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes: queues of jobs under a lock, and threads that are created when jobs wait and no thread is
 * idle. In a simulation a timer of the shard takes the place of the threads, and runs one job at a
 * time.
 *
 * Each address with waiting jobs has a line of queues, one for each of its accounts. The threads
 * take a job from each line in turn, and in a line from each queue in turn. When the lane is full, a
 * job from an address with fewer waiting jobs displaces the latest job of the account with the most,
 * of the address with the most; and so do the accounts of one address among themselves. So neither
 * an address nor an account can fill a lane for the others.
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

/* The waiting jobs of one account behind one address. */
struct lane_queue {
    uint64_t account;
    struct lane_line *line;
    struct lane_job *first, *last;
    size_t waiting;
    struct lane_queue *next, *previous;
};

/* The queues of one address. */
struct lane_line {
    uint64_t address;
    struct lane_queue *first, *last; /* the first is next in turn; none is empty */
    size_t waiting;
    struct lane_line *next, *previous;
};

struct lane {
    const char *name;
    int threads_max;
    size_t queue_max;

    pthread_mutex_t lock; /* guards the members below */
    pthread_cond_t job_waits;
    struct lane_line *first, *last; /* the first is next in turn; none is empty */
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

/* Lines and queues are linked alike. */
#define APPEND(list, item)               \
    do {                                 \
        (item)->next = 0;                \
        (item)->previous = (list)->last; \
        if ((list)->last)                \
            (list)->last->next = (item); \
        else                             \
            (list)->first = (item);      \
        (list)->last = (item);           \
    } while (0)

#define REMOVE(list, item)                             \
    do {                                               \
        if ((item)->previous)                          \
            (item)->previous->next = (item)->next;     \
        else                                           \
            (list)->first = (item)->next;              \
        if ((item)->next)                              \
            (item)->next->previous = (item)->previous; \
        else                                           \
            (list)->last = (item)->previous;           \
    } while (0)

static struct lane_line *find_line(const struct lane *lane, uint64_t address)
{
    struct lane_line *line = lane->first;

    while (line && line->address != address) line = line->next;
    return line;
}

static struct lane_queue *find_queue(const struct lane_line *line, uint64_t account)
{
    struct lane_queue *queue = line ? line->first : 0;

    while (queue && queue->account != account) queue = queue->next;
    return queue;
}

/* The caller's queue, a new one if it has none; NULL without memory. There are at most as many lines
 * and queues as waiting jobs, so searching them is fast. */
static struct lane_queue *open_queue(struct lane *lane, struct call_caller caller)
{
    struct lane_line *line = find_line(lane, caller.address);
    struct lane_queue *queue = find_queue(line, caller.account);

    if (queue) return queue;
    queue = calloc(1, sizeof(*queue));
    if (queue && !line) {
        line = calloc(1, sizeof(*line));
        if (line) {
            line->address = caller.address;
            APPEND(lane, line);
        }
    }
    if (!queue || !line) {
        free(queue);
        return 0;
    }
    queue->account = caller.account;
    queue->line = line;
    APPEND(line, queue);
    return queue;
}

static bool append(struct lane *lane, struct lane_job *job, struct call_caller caller)
{
    struct lane_queue *queue = open_queue(lane, caller);

    if (!queue) return false;
    job->queue = queue;
    APPEND(queue, job);
    queue->waiting++;
    queue->line->waiting++;
    lane->waiting++;
    return true;
}

static void remove_job(struct lane *lane, struct lane_job *job)
{
    struct lane_queue *queue = job->queue;
    struct lane_line *line = queue->line;

    REMOVE(queue, job);
    lane->waiting--;
    line->waiting--;
    queue->waiting--;
    if (queue->waiting == 0) {
        REMOVE(line, queue);
        free(queue);
    }
    if (line->waiting == 0) {
        REMOVE(lane, line);
        free(line);
    }
}

/* Takes the next job, after which the turn of its address is over, and of its account there. */
static struct lane_job *take_first(struct lane *lane)
{
    struct lane_line *line = lane->first;
    struct lane_queue *queue = line->first;
    struct lane_job *job = queue->first;

    REMOVE(lane, line);
    APPEND(lane, line);
    REMOVE(line, queue);
    APPEND(line, queue);
    remove_job(lane, job);
    job->begun = true;
    return job;
}

/* The longest queue of the line whose latest job may be displaced, or NULL. Jobs of lane_post may
 * not, because nothing waits to learn of it. */
static struct lane_queue *longest_queue(const struct lane_line *line)
{
    struct lane_queue *longest = 0;

    for (struct lane_queue *queue = line ? line->first : 0; queue; queue = queue->next)
        if (queue->last->shard && (!longest || queue->waiting > longest->waiting)) longest = queue;
    return longest;
}

/* The queue at whose cost a full lane makes room for a job of this caller, or NULL: that of an
 * address with more jobs, even after the new one, or of an account behind the same address. */
static struct lane_queue *find_longer(const struct lane *lane, struct call_caller caller)
{
    const struct lane_line *own = find_line(lane, caller.address), *longest = 0;
    const struct lane_queue *own_queue = find_queue(own, caller.account);
    struct lane_queue *rival = longest_queue(own);

    for (const struct lane_line *line = lane->first; line; line = line->next)
        if (longest_queue(line) && (!longest || line->waiting > longest->waiting)) longest = line;
    if (longest && longest->waiting > (own ? own->waiting : 0) + 1) return longest_queue(longest);
    return rival && rival->waiting > (own_queue ? own_queue->waiting : 0) + 1 ? rival : 0;
}

static bool displace(struct lane *lane, struct call_caller caller)
{
    struct lane_queue *longer = find_longer(lane, caller);
    struct lane_job *job = longer ? longer->last : 0;

    if (!job) return false;
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
static bool enqueue(struct lane *lane, struct lane_job *job, struct call_caller caller)
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

    job.message = (struct shard_message){
        .fn = on_finished, .data = &job, .address = call->caller.address};
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
    if (enqueue(lane, job, (struct call_caller){0})) return true;
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
