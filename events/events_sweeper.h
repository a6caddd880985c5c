/* SPDX-License-Identifier: Apache-2.0 */
/* The port of a sweeper: removes events, inbox rows and idempotency records that a store no longer
 * needs. An engine whose rows expire by themselves needs none. */
#ifndef EVENTS_EVENTS_SWEEPER_H
#define EVENTS_EVENTS_SWEEPER_H

#include "fiber/call.h"

struct events_sweeper {
    /* Removes what is older than `before_us`: events that all groups have passed, inbox rows,
     * replayed letters, idempotency records. Never removes a dead letter, or an event that a known
     * group (one that has committed an offset) has not passed. One call occupies the store's writer
     * for some milliseconds at most; *ret_more says that there may be more to remove. Two processes
     * may sweep one store at the same time. */
    struct status (*sweep)(struct call *call, struct events_sweeper *sweeper, int64_t before_us,
                           bool *ret_more);
};

#endif
