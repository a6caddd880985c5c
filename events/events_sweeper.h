/* SPDX-License-Identifier: Apache-2.0 */
/* The port of a sweeper: removes what a store no longer needs of events and idempotency keys. An
 * engine that lets rows expire by itself needs none. */
#ifndef EVENTS_EVENTS_SWEEPER_H
#define EVENTS_EVENTS_SWEEPER_H

#include "fiber/call.h"

struct events_sweeper {
    /* Removes what is older than `before_us`: events that all groups have passed, inbox rows,
     * letters that were replayed, idempotency records. Never a dead letter, never an event that a
     * known group (one that has committed an offset) has not passed. One call keeps the store's
     * writer for some milliseconds at most; *ret_more says that there may be more to remove. Two
     * processes that sweep one store do each other no harm. */
    struct status (*sweep)(struct call *call, struct events_sweeper *sweeper, int64_t before_us,
                           bool *ret_more);
};

#endif
