/* SPDX-License-Identifier: Apache-2.0 */
/* The worker: carries out operations, each on a fiber of its own, until the provider has answered.
 *
 *     begun --> call the provider --+-- answered ----------------> the change, which ends it
 *                  ^                |
 *                  |                +-- outcome unknown --> due again after a pause, same key
 *                  +--- the sweeper, or the waiting fiber -----------------+
 *
 * An operation is attempted at once on the shard that began it. If that is full, or the answer was
 * lost, or the process has stopped meanwhile, the sweeper starts it again when it is due.
 * Concurrent attempts do no harm: the provider knows the key, and the store ends an operation
 * once. */
#ifndef SERVICES_PAYMENT_PAYMENT_WORKER_H
#define SERVICES_PAYMENT_PAYMENT_WORKER_H

#include "fiber/fiber.h"
#include "services/payment/payment_store.h"

struct payment_service;
struct payment_worker;
struct payment_run;

/* A fiber that waits for the result of an operation; on its stack, and on the same shard. */
struct payment_waiter {
    struct fiber_wait wait;
    struct arena *arena;
    bool done;
    struct str answer; /* the request's, in the arena; data NULL: it ended without one */
    struct payment_run *run;
};

struct payment_worker *payment_worker_new(struct arena *arena, struct shards *shards,
                                          struct payment_service *service);

/* Starts an operation on the call's shard. */
void payment_worker_start(struct payment_worker *worker, struct call *call,
                          const char *operation_id, struct payment_waiter *waiter);

/* Waits for the operation that was started with this waiter. DEADLINE_EXCEEDED after `timeout_ms`
 * or at the call's own deadline. */
struct status payment_worker_wait(struct call *call, struct payment_waiter *waiter,
                                  int64_t timeout_ms);

/* Starts the sweeper, which runs until the shards stop. It begins with the operations that an
 * earlier process has left. */
void payment_worker_sweep(struct payment_worker *worker);

#endif
