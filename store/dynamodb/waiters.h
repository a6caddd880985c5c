/* SPDX-License-Identifier: Apache-2.0 */
/* Fibers of one shard that wait for the same thing, in their order. Private to store/dynamodb. */
#ifndef STORE_DYNAMODB_WAITERS_H
#define STORE_DYNAMODB_WAITERS_H

#include "fiber/fiber.h"

struct waiter;

/* All zeros: none. */
struct waiters {
    struct waiter *first, *last;
    size_t count;
};

/* Waits until it is woken by one of the following. What the call's end returns may come although it
 * has been woken at the same moment; *ret_woken says so, because then somebody else must be
 * woken. */
struct status waiters_wait(struct call *call, struct waiters *waiters, bool *ret_woken);

/* False if there was none. */
bool waiters_wake_first(struct shard *shard, struct waiters *waiters);
void waiters_wake_all(struct shard *shard, struct waiters *waiters);

#endif
