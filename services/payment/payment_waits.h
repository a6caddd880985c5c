/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for a payment: for the one of an order that was validated just now, or until
 * an operation has ended.
 *
 *     payment_wait_begin(waits, call, id, &wait);       before looking, so that no change is missed
 *     ... look; if it is not there yet ...
 *     st = payment_wait_for(call, &wait, until_us);     then look again
 *     payment_wait_end(waits, call, &wait);
 *
 * Each change that this process makes wakes those who wait for its payment. A change of another
 * process wakes all, because which payment it changed is not known: at most every
 * PAYMENT_WAITS_PAUSE_US. */
#ifndef SERVICES_PAYMENT_PAYMENT_WAITS_H
#define SERVICES_PAYMENT_PAYMENT_WAITS_H

#include "fiber/fiber.h"
#include "services/payment/payment.h"

enum { PAYMENT_WAITS_PAUSE_US = 20000 };

struct payment_waits;

/* Belongs to the fiber that waits. */
struct payment_wait {
    uint64_t key;
    bool told;
    struct fiber_wait wait;
    struct payment_wait *next, *previous;
};

struct payment_waits *payment_waits_new(struct arena *arena, struct shards *shards);

/* `id` is an order's or a payment's. */
void payment_wait_begin(struct payment_waits *waits, const struct call *call, const char *id,
                        struct payment_wait *wait);
/* Suspends until a change since the last call, or since the beginning, or until this monotonic
 * time: OK. Fails when the call ends. */
struct status payment_wait_for(struct call *call, struct payment_wait *wait, int64_t until_us);
void payment_wait_end(struct payment_waits *waits, const struct call *call,
                      struct payment_wait *wait);

/* The payment was changed by this process. */
void payment_waits_tell(struct payment_waits *waits, const struct call *call,
                        const struct payment *payment);
/* Some payments may have been changed by other processes. `waits` is a struct payment_waits; on any
 * thread. */
void payment_waits_tell_all(void *waits);

#endif
