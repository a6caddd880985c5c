/* SPDX-License-Identifier: Apache-2.0 */
/* Shards: one thread with one event loop each, sharing nothing on the request path.
 *
 *     shards = shards_new(count);
 *     shards_start(shards);            threads run, loops turn
 *     shard_post(shard, fn, data);     from any thread: fn(shard, data) runs on that shard's thread
 *     shards_stop(shards);             fibers are cancelled, hooks run; the loops end once nothing
 *                                      is left to do
 *     shards_join(shards);
 *     shards_free(shards);
 *
 * What belongs to a shard (fibers, connections, prepared statements, caches, metrics) is touched on
 * its thread only.
 *
 * In a simulation (fiber/simulation.h) there is one shard, and it never really waits.
 *
 * One turn of a loop: due timers, I/O and messages; at its end, fibers that became ready, then
 * deferred tasks. Whatever these make ready or defer runs in the next turn. SIGPIPE is blocked on
 * the threads. */
#ifndef FIBER_SHARD_H
#define FIBER_SHARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/budget.h"
#include "fiber/shard_lines.h"

enum { SHARDS_MAX = 64 };

struct fiber_pool;
struct shards;
struct shard;

/* A message to a shard. Embedded in its owner it needs no allocation; it must not be changed until
 * it has run. Messages for the work of different addresses take turns, however many one of them
 * has. */
struct shard_message {
    void (*fn)(struct shard *shard, void *data);
    void *data;
    uint64_t address; /* whose work it is for (call->caller.address); 0: the process's own */

    /* Private to fiber/: */
    struct shard_message *next;                     /* in the queue, then in its line */
    struct shard_message *last;                     /* of a line, in its first message */
    struct shard_message *next_line, *next_in_slot; /* likewise */
    bool allocated;                                 /* by shard_post */
};

/* Work for the end of the turn; see shard_defer. */
struct shard_task {
    void (*fn)(void *data);
    void *data;
    struct shard_task *next;
    bool queued;
};

/* Called when the shard stops; see shard_on_stop. */
struct shard_hook {
    void (*fn)(void *data);
    void *data;
    struct shard *shard; /* NULL: not registered */
    struct shard_hook *next, *previous;
};

/* A timer on the shard, embedded in its owner. All zeros is a stopped timer that was never armed.
 */
struct shard_timer {
    struct shard *shard;
    void (*fn)(void *data);
    void *data;
    int64_t due_us;  /* monotonic */
    size_t position; /* in the shard's heap, from 1; 0: not armed */
};

/* The first three are public, the rest is private to fiber/. */
struct shard {
    uv_loop_t loop;
    int index; /* 0 .. count-1 */
    struct shards *shards;

    struct fiber_pool *fibers;
    struct budget_root memory;                       /* memory that clients make this shard hold */
    _Atomic(struct shard_message *) messages;        /* the newest first */
    struct shard_lines lines;                        /* messages that were taken, and not run yet */
    struct shard_task *tasks, *tasks_last;           /* for the end of this turn */
    struct shard_task *tasks_running;                /* those of the turn that is ending */
    struct shard_task *tasks_next, *tasks_next_last; /* for the end of the next pass */
    struct shard_hook *hooks;                        /* called when the shard stops */
    struct shard_hook *hooks_called;
    struct shard_timer **timers; /* a binary heap from 1 */
    size_t timer_count, timer_capacity;
    int64_t timer_armed_us; /* when `timer` is due; INT64_MAX: it is stopped */
    int64_t timers_run_us;  /* when due timers last ran */
    int64_t now_us;         /* 0: not read in this turn yet */
    uint64_t turn, pass;
    char *read_buffer; /* SHARD_READ_BUFFER_SIZE bytes, for the stream that is reading; allocated at
                        * first use */
    uv_async_t async;
    uv_timer_t timer;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
    bool stopping;       /* has been asked to end */
    bool ended;          /* all shards rest: the loop may end */
    atomic_bool resting; /* has been asked to end, and has nothing left to do */
};

enum { SHARD_READ_BUFFER_SIZE = 64 * 1024 };

/* `count` shards, 1 to SHARDS_MAX; 0 means one for each processor that the process may use. NULL
 * only when the system refuses; errno says why. */
struct shards *shards_new(int count);
int shards_count(const struct shards *shards);
struct shard *shards_at(struct shards *shards, int index);

/* Starts the threads. */
void shards_start(struct shards *shards);

/* Runs shard 0 on the calling thread until shards_stop is called from anywhere; the other shards
 * have threads, which have ended when it returns. For tests and small tools: with count 1 no thread
 * is made at all. */
void shards_run(struct shards *shards);

/* Asks every loop to end: on each, the messages queued before still run, then the living fibers are
 * cancelled and the hooks run (streams and listeners close). The loops keep turning until no shard
 * has a fiber, a hook, a task or an active handle of libuv's, so that shards can still answer each
 * other. Any thread; may be called again. */
void shards_stop(struct shards *shards);
/* Waits for the threads that shards_start made. */
void shards_join(struct shards *shards);
/* After shards_join, or if they never ran. Messages posted after the end are dropped. */
void shards_free(struct shards *shards);

/* Queues fn(shard, data) for the shard's thread; messages from one sender for one address keep their
 * order. Any thread. The queue has no limit: the sender must bound the messages that it has in flight. */
void shard_post(struct shard *shard, void (*fn)(struct shard *shard, void *data), void *data);
/* The same with the caller's message, whose fn, data and address are set. */
void shard_post_message(struct shard *shard, struct shard_message *message);
/* The same with several at once, linked by `next`, the newest first. */
void shard_post_messages(struct shard *shard, struct shard_message *newest,
                         struct shard_message *oldest);

/* Runs task->fn(task->data) on this shard at the end of the current turn of its loop, after the I/O
 * callbacks, once. Used to batch: many requests of one turn share one flush. Deferred again before
 * it has run, it still runs once. Only on the shard's thread. */
void shard_defer(struct shard *shard, struct shard_task *task);
/* The same, but not before the loop has looked at its sockets once more; the loop does not wait
 * there. */
void shard_defer_next(struct shard *shard, struct shard_task *task);
/* Cancels a task; does nothing when it is not queued. */
void shard_defer_cancel(struct shard *shard, struct shard_task *task);

/* The number of the loop's current turn: equal numbers mean that only callbacks of this turn ran in
 * between. */
uint64_t shard_turn(const struct shard *shard);

/* How often the loop has looked at its sockets: the number of the current pass over those that are
 * ready. Several turns may follow one pass. */
uint64_t shard_pass(const struct shard *shard);

/* clock_monotonic_us, read once per turn: for durations and deadlines that may be late by a turn.
 * Only on the shard's thread. */
int64_t shard_now_us(struct shard *shard);
/* The same, read anew. */
int64_t shard_read_clock(struct shard *shard);

/* Has shards_stop been called? On the shard's thread. */
bool shard_is_stopping(const struct shard *shard);

/* Calls fn(data) once when the shard is asked to stop (at the end of this turn if it has been
 * already), and keeps the loop running until the hook is removed. Only on the shard's thread. */
void shard_on_stop(struct shard *shard, struct shard_hook *hook, void (*fn)(void *data),
                   void *data);
/* Does nothing when it is not registered. */
void shard_hook_remove(struct shard_hook *hook);

/* Calls fn(data) once at due_us or a little later (libuv counts milliseconds), never inside this
 * call. Starting an armed timer moves it. Needs no system call. Timers do not keep a stopping shard
 * alive. Only on the shard's thread. */
void shard_timer_start(struct shard *shard, struct shard_timer *timer, int64_t due_us,
                       void (*fn)(void *data), void *data);
/* Does nothing when it is not armed. */
void shard_timer_stop(struct shard_timer *timer);

#endif
