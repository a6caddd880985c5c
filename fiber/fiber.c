/* SPDX-License-Identifier: Apache-2.0 */
/* How fibers run.
 *
 *     fiber_start --> runs --> fiber_suspend --> suspended --+-- fiber_wake by the loop --> runs
 *                      |                                     |
 *                      +--> ends --> pooled, or retired      +-- fiber_wake by a fiber, call_cancel
 *                                                                  --> ready --> runs at the end
 *                                                                                of the turn
 *
 * The code that starts or resumes a fiber continues when that fiber suspends or ends: control is a
 * stack of fibers with the event loop at its bottom. A suspended fiber is not on the stack, so it
 * can always be resumed. */
#include "fiber/fiber.h"

#include <stdlib.h>

#include "base/clock.h"
#include "fiber/fiber_pool.h"
#include "reasons.pb-c.h"

void fiber_resume(struct fiber *fiber)
{
    struct fiber_pool *pool = fiber->pool;
    struct fiber *resumer = pool->current;

    fiber->resumer = resumer;
    pool->current = fiber;
    fiber_context_switch(resumer ? &resumer->context : &pool->thread, &fiber->context);
    pool->current = resumer;
    if (pool->left) fiber_pool_free_left(pool);
}

/* Switches back to the fiber or event loop that resumed this one. */
static void yield(struct fiber *fiber)
{
    struct fiber *resumer = fiber->resumer;

    fiber_context_switch(&fiber->context, resumer ? &resumer->context : &fiber->pool->thread);
}

static void make_ready(struct fiber *fiber, enum status_code outcome)
{
    struct fiber_pool *pool = fiber->pool;

    fiber->outcome = outcome;
    fiber->ready = true;
    fiber->next = 0;
    if (pool->ready_last)
        pool->ready_last->next = fiber;
    else
        pool->ready = fiber;
    pool->ready_last = fiber;
}

bool fiber_pool_has_ready(const struct fiber_pool *pool)
{
    return pool->ready != 0;
}

void fiber_pool_run_ready(struct fiber_pool *pool)
{
    struct fiber *fiber = pool->ready;

    pool->ready = pool->ready_last = 0;
    while (fiber) {
        struct fiber *next = fiber->next;
        fiber_resume(fiber);
        fiber = next;
    }
}

size_t fiber_pool_alive(const struct fiber_pool *pool)
{
    return pool->counts.running;
}

static void link_alive(struct fiber_pool *pool, struct fiber *fiber)
{
    fiber->alive_previous = 0;
    fiber->alive_next = pool->alive;
    if (pool->alive) pool->alive->alive_previous = fiber;
    pool->alive = fiber;
    FIBER_COUNT_ADD(pool->counts.running, 1);
    FIBER_COUNT_ADD(pool->counts.started, 1);
}

static void unlink_alive(struct fiber_pool *pool, struct fiber *fiber)
{
    if (fiber->alive_next) fiber->alive_next->alive_previous = fiber->alive_previous;
    if (fiber->alive_previous)
        fiber->alive_previous->alive_next = fiber->alive_next;
    else
        pool->alive = fiber->alive_next;
    FIBER_COUNT_ADD(pool->counts.running, (size_t)-1);
}

static void leave_group(struct fiber *fiber)
{
    struct fiber_group *group = fiber->group;

    if (fiber->group_next) fiber->group_next->group_previous = fiber->group_previous;
    if (fiber->group_previous)
        fiber->group_previous->group_next = fiber->group_next;
    else
        group->members = fiber->group_next;
    fiber->group = 0;
    if (--group->running == 0 && group->wait.fiber) fiber_wake(fiber->pool->shard, &group->wait);
}

static void end(struct fiber *fiber)
{
    struct fiber_pool *pool = fiber->pool;

    invariant(!fiber->groups);
    shard_timer_stop(&fiber->deadline);
    arena_reset(&fiber->arena);
    unlink_alive(pool, fiber);
    if (fiber->group) leave_group(fiber);
    fiber_pool_put(pool, fiber);
}

void fiber_main(void *data)
{
    struct fiber *fiber = data;
    struct fiber *resumer;

    while (!fiber->retired) {
        fiber->fn(&fiber->call, fiber->data);
        end(fiber);
        if (!fiber->retired) yield(fiber);
    }
    fiber->pool->left = fiber;
    resumer = fiber->resumer;
    fiber_context_leave(&fiber->context, resumer ? &resumer->context : &fiber->pool->thread);
}

/* Takes a fiber for fn(call, data); the caller fills its call in. NULL when there are too many
 * fibers.
 */
static struct fiber *take(struct shard *shard, void (*fn)(struct call *call, void *data),
                          void *data)
{
    struct fiber *fiber = fiber_pool_take(shard->fibers);

    if (!fiber) return 0;
    fiber->fn = fn;
    fiber->data = data;
    return fiber;
}

static struct status too_many(void)
{
    return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__FIBERS_FULL,
                       "too many calls are running; try again later");
}

struct status fiber_start(struct shard *shard, const struct trace *trace,
                          void (*fn)(struct call *call, void *data), void *data)
{
    struct fiber *fiber = take(shard, fn, data);

    if (!fiber) return too_many();
    if (trace)
        fiber->trace = *trace;
    else
        trace_start(&fiber->trace);
    fiber->call = (struct call){
        .arena = &fiber->arena,
        .shard = shard,
        .fiber = fiber,
        .trace = &fiber->trace,
        .cancelled = shard->stopping,
    };
    link_alive(shard->fibers, fiber);
    fiber_resume(fiber);
    return status_ok();
}

struct posted_fiber {
    struct shard_message message;
    void (*fn)(struct call *call, void *data);
    void (*on_refused)(void *data);
    void *data;
};

static void start_posted(struct shard *shard, void *data)
{
    struct posted_fiber posted = *(struct posted_fiber *)data;
    struct status st;

    free(data);
    st = fiber_start(shard, 0, posted.fn, posted.data);
    if (failed(st) && posted.on_refused) posted.on_refused(posted.data);
}

void fiber_post(struct shard *shard, void (*fn)(struct call *call, void *data),
                void (*on_refused)(void *data), void *data)
{
    struct posted_fiber *posted = malloc(sizeof(*posted));

    invariant(posted != 0);
    *posted = (struct posted_fiber){.fn = fn, .on_refused = on_refused, .data = data};
    posted->message.fn = start_posted;
    posted->message.data = posted;
    shard_post_message(shard, &posted->message);
}

static void on_deadline(void *data)
{
    struct fiber *fiber = data;

    /* The timer may have been armed for an earlier suspension; the present one may have a later
     * deadline.
     */
    if (!fiber->waiting_call || fiber->ready) return;
    if (fiber->waiting_call->deadline_us == CALL_NO_DEADLINE) return;
    if (fiber->waiting_call->deadline_us > fiber->deadline.due_us) {
        shard_timer_start(fiber->pool->shard, &fiber->deadline, fiber->waiting_call->deadline_us,
                          on_deadline, fiber);
        return;
    }
    fiber->outcome = STATUS_DEADLINE_EXCEEDED;
    fiber_resume(fiber);
}

/* Leaves a timer alone that is armed for the same time or earlier, which is the usual case: a call
 * has one deadline and suspends several times. */
static void arm_deadline(struct fiber *fiber, int64_t deadline_us)
{
    if (fiber->deadline.position && fiber->deadline.due_us <= deadline_us) return;
    shard_timer_start(fiber->pool->shard, &fiber->deadline, deadline_us, on_deadline, fiber);
}

/* Suspends until the outcome is set. `call` NULL: only fiber_wake sets it. */
static enum status_code suspend(struct fiber *fiber, const struct call *call,
                                struct fiber_wait *wait)
{
    invariant(fiber->pool->current == fiber && !wait->fiber);
    wait->fiber = fiber;
    fiber->wait = wait;
    fiber->waiting_call = call;
    yield(fiber);
    fiber->ready = false;
    fiber->waiting_call = 0;
    fiber->wait = 0;
    wait->fiber = 0;
    return fiber->outcome;
}

static struct status deadline_passed(void)
{
    return status_make(STATUS_DEADLINE_EXCEEDED, 0, "the call's deadline has passed");
}

struct status fiber_suspend(struct call *call, struct fiber_wait *wait)
{
    enum status_code outcome;

    if (wait->woken) {
        wait->woken = false;
        return status_ok();
    }
    if (call_is_cancelled(call)) return call_check(call);
    if (call->deadline_us != CALL_NO_DEADLINE) {
        if (shard_now_us(call->shard) >= call->deadline_us) return deadline_passed();
        arm_deadline(call->fiber, call->deadline_us);
    }
    outcome = suspend(call->fiber, call, wait);
    if (outcome == STATUS_OK) return status_ok();
    if (outcome == STATUS_CANCELLED) return call_check(call);
    return deadline_passed();
}

void fiber_suspend_uncancellable(struct call *call, struct fiber_wait *wait)
{
    if (!wait->woken) suspend(call->fiber, 0, wait);
    wait->woken = false;
}

void fiber_wake(struct shard *shard, struct fiber_wait *wait)
{
    struct fiber *fiber = wait->fiber;

    if (!fiber) {
        wait->woken = true;
        return;
    }
    invariant(fiber->pool == shard->fibers);
    if (fiber->ready) {
        /* It was about to resume with a failure, but the event that it waits for came first. */
        fiber->outcome = STATUS_OK;
        return;
    }
    if (shard->fibers->current) {
        make_ready(fiber, STATUS_OK);
        return;
    }
    fiber->outcome = STATUS_OK;
    fiber_resume(fiber);
}

void fiber_wake_later(struct shard *shard, struct fiber_wait *wait)
{
    struct fiber *fiber = wait->fiber;

    if (fiber && !fiber->ready)
        make_ready(fiber, STATUS_OK);
    else
        fiber_wake(shard, wait);
}

void fiber_run_ready(struct shard *shard)
{
    fiber_pool_run_ready(shard->fibers);
}

struct sleeper {
    struct shard *shard;
    struct fiber_wait wait;
};

static void on_slept(void *data)
{
    struct sleeper *sleeper = data;

    fiber_wake(sleeper->shard, &sleeper->wait);
}

struct status fiber_sleep(struct call *call, int64_t duration_us)
{
    struct sleeper sleeper = {.shard = call->shard};
    struct shard_timer timer = {0};
    struct status st;

    shard_timer_start(call->shard, &timer, clock_monotonic_us() + duration_us, on_slept, &sleeper);
    st = fiber_suspend(call, &sleeper.wait);
    shard_timer_stop(&timer);
    return st;
}

static bool is_inside(const struct call *call, const struct call *outer)
{
    for (; call; call = call->parent)
        if (call == outer) return true;
    return false;
}

/* Makes the fiber ready if it waits in `call` or a child of it, and likewise the members of its
 * groups. */
static void interrupt(struct fiber *fiber, const struct call *call)
{
    if (fiber->waiting_call && !fiber->ready && is_inside(fiber->waiting_call, call))
        make_ready(fiber, STATUS_CANCELLED);
    for (struct fiber_group *group = fiber->groups; group; group = group->next)
        for (struct fiber *member = group->members; member; member = member->group_next)
            interrupt(member, call);
}

void call_cancel(struct call *call)
{
    if (call->cancelled) return;
    call->cancelled = true;
    interrupt(call->fiber, call);
}

void fiber_pool_cancel_all(struct fiber_pool *pool)
{
    for (struct fiber *fiber = pool->alive; fiber; fiber = fiber->alive_next)
        call_cancel(&fiber->call);
}

struct status fiber_group_start(struct call *call, struct fiber_group *group,
                                void (*fn)(struct call *call, void *data), void *data)
{
    struct fiber *fiber = take(call->shard, fn, data);

    if (!fiber) return too_many();
    call_init_child(&fiber->call, call, 0);
    fiber->call.fiber = fiber;

    if (!group->owner) {
        group->owner = call->fiber;
        group->next = call->fiber->groups;
        call->fiber->groups = group;
    }
    fiber->group = group;
    fiber->group_previous = 0;
    fiber->group_next = group->members;
    if (group->members) group->members->group_previous = fiber;
    group->members = fiber;
    group->running++;

    link_alive(call->shard->fibers, fiber);
    fiber_resume(fiber);
    return status_ok();
}

void fiber_group_wait(struct call *call, struct fiber_group *group)
{
    struct fiber_group **link = &call->fiber->groups;

    while (group->running) fiber_suspend_uncancellable(call, &group->wait);
    if (!group->owner) return;
    invariant(group->owner == call->fiber);
    while (*link != group) link = &(*link)->next;
    *link = group->next;
    group->owner = 0;
    group->next = 0;
}

void fiber_group_cancel(struct fiber_group *group)
{
    for (struct fiber *member = group->members; member; member = member->group_next)
        call_cancel(&member->call);
}
