/* SPDX-License-Identifier: Apache-2.0 */
/* The worker: carries out operations, each on a fiber of its own, until the provider has answered.
 *
 *     began --> the provider is asked --+-- it answers ---------------> the change, and the end
 *                  ^                    |
 *                  |                    +-- nobody knows --> due again after a pause, same key
 *                  +--- the sweeper, or who waits for it --------------------+
 *
 * An operation is tried on the shard that began it, at once; if that is full, or the answer was
 * lost, or the process ended meanwhile, the sweeper takes it up when it is due. Two that try the
 * same one at once do no harm: the provider knows the key, and the store ends an operation once. */
#ifndef SERVICES_PAYMENT_PAYMENT_WORKER_H
#define SERVICES_PAYMENT_PAYMENT_WORKER_H

#include "fiber/fiber.h"
#include "services/payment/payment_store.h"

struct payment_service;
struct payment_worker;
struct payment_run;

/* Who wants to know what comes of an operation; on the stack of a fiber of the same shard. */
struct payment_waiter {
    struct fiber_wait wait;
    struct arena *arena;
    bool done;
    struct str answer; /* of the request, arena; data NULL: the operation ended without one */
    struct payment_run *run;
};

struct payment_worker *payment_worker_new(struct arena *arena, struct shards *shards,
                                          struct payment_service *service);

/* Starts an operation on the call's shard. */
void payment_worker_start(struct payment_worker *worker, struct call *call,
                          const char *operation_id, struct payment_waiter *waiter);

/* Waits for the operation that was started with this waiter: DEADLINE_EXCEEDED after `timeout_ms`,
 * or when the call ends. */
struct status payment_worker_wait(struct call *call, struct payment_waiter *waiter,
                                  int64_t timeout_ms);

/* Starts the sweeper; until the shards stop. It first takes up what another process has left. */
void payment_worker_sweep(struct payment_worker *worker);

#endif
