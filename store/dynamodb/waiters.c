/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of fibers; each entry lies on its fiber's stack. */
#include "store/dynamodb/waiters.h"

struct waiter {
    struct fiber_wait wait;
    struct waiter *next, *previous;
    bool linked;
};

static void add(struct waiters *waiters, struct waiter *waiter)
{
    waiter->linked = true;
    waiter->previous = waiters->last;
    if (waiters->last)
        waiters->last->next = waiter;
    else
        waiters->first = waiter;
    waiters->last = waiter;
    waiters->count++;
}

static void drop(struct waiters *waiters, struct waiter *waiter)
{
    if (!waiter->linked) return;
    waiter->linked = false;
    waiters->count--;
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        waiters->first = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    else
        waiters->last = waiter->previous;
}

struct status waiters_wait(struct call *call, struct waiters *waiters, bool *ret_woken)
{
    struct status st = status_ok();
    struct waiter waiter = {0};

    add(waiters, &waiter);
    while (waiter.linked && !failed(st)) st = fiber_suspend(call, &waiter.wait);
    *ret_woken = !waiter.linked;
    drop(waiters, &waiter);
    return st;
}

bool waiters_wake_first(struct shard *shard, struct waiters *waiters)
{
    struct waiter *first = waiters->first;

    if (!first) return false;
    drop(waiters, first);
    fiber_wake_later(shard, &first->wait);
    return true;
}

void waiters_wake_all(struct shard *shard, struct waiters *waiters)
{
    while (waiters_wake_first(shard, waiters)) {
    }
}
