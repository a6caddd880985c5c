/* SPDX-License-Identifier: Apache-2.0 */
/* A shard's connections. A call takes an idle one, or opens one if there may be more, or waits in
 * line. Whoever gives one back, or makes room for another, wakes the first in line. */
#include "base/clock.h"
#include "base/random.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/postgres/database.h"

/* A call that waited this long for an answer, and then gave up, speaks against the server, unless the
 * server has answered another call meanwhile: then it probably waited for a lock. */
#define SILENCE_US INT64_C(1000000)

static struct postgres_pool *pool_of(const struct call *call, struct postgres *db)
{
    return &db->pools[call->shard->index];
}

/* ---- the line ---- */

static void leave_line(struct postgres_pool *pool, struct postgres_waiter *waiter)
{
    *waiter->link = waiter->next;
    if (waiter->next)
        waiter->next->link = waiter->link;
    else
        pool->waiters_end = waiter->link;
    waiter->link = NULL;
    pool->waiting--;
    metric_shift(pool->db->metrics.waiting, -1);
}

static void wake_first(struct postgres_pool *pool)
{
    struct postgres_waiter *waiter = pool->waiters;

    if (!waiter) return;
    leave_line(pool, waiter);
    fiber_wake_later(pool->shard, &waiter->wait);
}

static void join_line(struct postgres_pool *pool, struct postgres_waiter *waiter, bool first)
{
    waiter->link = first ? &pool->waiters : pool->waiters_end;
    waiter->next = *waiter->link;
    *waiter->link = waiter;
    if (waiter->next)
        waiter->next->link = &waiter->next;
    else
        pool->waiters_end = &waiter->next;
    pool->waiting++;
    metric_shift(pool->db->metrics.waiting, 1);
}

/* Waits until there may be a connection. Who has waited before stands first. */
static struct status wait_in_line(struct call *call, struct postgres_pool *pool, bool first)
{
    struct postgres_waiter waiter = {0};
    struct status st = status_ok();

    if (!first && pool->waiting >= POSTGRES_WAITERS_MAX)
        return status_printf(call->arena, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__QUEUE_FULL,
                             "too many calls wait for %s; try again later", pool->db->shown);
    join_line(pool, &waiter, first);
    while (waiter.link && !failed(st)) st = fiber_suspend(call, &waiter.wait);
    if (waiter.link)
        leave_line(pool, &waiter);
    else if (failed(st))
        wake_first(pool); /* its turn is another's */
    return st;
}

/* ---- the breaker ---- */

static void note_breaker(struct postgres_pool *pool)
{
    bool open = pool->breaker.state != BREAKER_CLOSED;

    if (open == pool->counted_open) return;
    pool->counted_open = open;
    metric_shift(pool->db->metrics.breaker_open, open ? 1 : -1);
    if (open)
        log_warn(NULL, "store: the server does not answer; calls are refused until it does",
                 LOG_STR("store", pool->db->name));
    else
        log_info(NULL, "store: the server answers again", LOG_STR("store", pool->db->name));
    while (open && pool->waiters) wake_first(pool); /* they are refused */
}

/* Reports what the end of a request says about the server. */
static void report(struct postgres_pool *pool, struct status st, int64_t begun_us)
{
    int64_t now_us = clock_monotonic_us();
    bool gave_up = st.code == STATUS_DEADLINE_EXCEEDED || st.code == STATUS_CANCELLED;

    bool silent = gave_up && now_us - begun_us >= SILENCE_US && pool->answered_us < begun_us;

    if (postgres_is_unreachable(st) || silent) {
        breaker_failed(&pool->breaker, now_us, random_below(UINT32_MAX));
    } else if (gave_up) {
        breaker_abandoned(&pool->breaker, now_us);
    } else {
        breaker_succeeded(&pool->breaker, now_us);
        pool->answered_us = now_us;
    }
    note_breaker(pool);
}

/* ---- connections ---- */

static void drop(struct postgres_pool *pool, struct postgres_link *link)
{
    postgres_link_close(link);
    pool->count--;
    wake_first(pool);
}

static void remove_idle(struct postgres_pool *pool, const struct postgres_link *link)
{
    struct postgres_link **place = &pool->idle;

    while (*place != link) place = &(*place)->next;
    *place = link->next;
    metric_shift(pool->db->metrics.idle, -1);
}

/* Something came on an idle connection: usually its end. */
static void on_idle(struct postgres_link *link)
{
    struct postgres_pool *pool = link->owner;
    const struct postgres_library *library = link->library;

    if (library->consumeInput(link->conn) && !library->isBusy(link->conn) &&
        library->status(link->conn) == CONNECTION_OK)
        return;
    remove_idle(pool, link);
    drop(pool, link);
}

/* The connections in use are closed when they are given back. */
static void on_stop(void *data)
{
    struct postgres_pool *pool = data;

    while (pool->idle) {
        struct postgres_link *link = pool->idle;
        remove_idle(pool, link);
        drop(pool, link);
    }
    shard_hook_remove(&pool->hook);
}

static void prepare_pool(struct postgres_pool *pool, struct shard *shard)
{
    if (pool->shard) return;
    pool->shard = shard;
    pool->waiters_end = &pool->waiters;
    shard_on_stop(shard, &pool->hook, on_stop, pool);
}

static struct status open_link(struct call *call, struct postgres_pool *pool,
                               struct postgres_link **ret_link)
{
    struct postgres *db = pool->db;
    int64_t begun_us = clock_monotonic_us();

    pool->count++;
    struct status st = postgres_link_open(call, db->library, &db->target, &pool->host, ret_link);
    if (!failed(st)) {
        (*ret_link)->owner = pool;
        return st;
    }
    pool->count--;
    if (st.code == STATUS_UNAVAILABLE) {
        log_warn(call->trace, "store: no connection to the server", LOG_STR("store", db->name),
                 LOG_STR("error", st.message));
        st = postgres_unreachable(call->arena, db);
    }
    report(pool, st, begun_us);
    wake_first(pool);
    return st;
}

static struct status take(struct call *call, struct postgres_pool *pool,
                          struct postgres_link **ret_link)
{
    for (bool waited = false;; waited = true) {
        if (pool->breaker.state == BREAKER_OPEN) return postgres_unreachable(call->arena, pool->db);
        bool first = waited || !pool->waiters;
        if (first && pool->idle) {
            *ret_link = pool->idle;
            remove_idle(pool, *ret_link);
            return status_ok();
        }
        if (first && pool->count < pool->max) return open_link(call, pool, ret_link);
        struct status st = wait_in_line(call, pool, waited);
        if (!failed(st)) continue;
        breaker_abandoned(&pool->breaker, clock_monotonic_us());
        return st;
    }
}

struct status postgres_take(struct call *call, struct postgres *db, struct postgres_link **ret_link)
{
    struct postgres_pool *pool = pool_of(call, db);
    struct status st = call_check(call);

    if (failed(st)) return st;
    if (!db->serves && call->fiber != db->opener) return postgres_unreachable(call->arena, db);
    prepare_pool(pool, call->shard);
    if (!breaker_admits(&pool->breaker, clock_monotonic_us()))
        return postgres_unreachable(call->arena, db);
    st = take(call, pool, ret_link);
    if (failed(st)) return st;
    (*ret_link)->on_idle = NULL;
    (*ret_link)->error = NULL;
    (*ret_link)->taken_us = clock_monotonic_us();
    metric_shift(db->metrics.busy, 1);
    return st;
}

void postgres_release(struct call *call, struct postgres *db, struct postgres_link *link,
                      struct status st)
{
    struct postgres_pool *pool = pool_of(call, db);

    metric_shift(db->metrics.busy, -1);
    report(pool, st, link->taken_us);
    if (link->broken || link->first || postgres_is_unreachable(st) ||
        shard_is_stopping(pool->shard)) {
        drop(pool, link);
        return;
    }
    link->error = NULL;
    link->on_idle = on_idle;
    link->next = pool->idle;
    pool->idle = link;
    metric_shift(db->metrics.idle, 1);
    wake_first(pool);
}
