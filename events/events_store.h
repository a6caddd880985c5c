/* SPDX-License-Identifier: Apache-2.0 */
/* What a service's store offers the bus: up to three ports over the service's own database. A
 * service that produces events has a log, one that consumes them has dead letters, and a store whose
 * old rows do not expire by themselves has a sweeper. What a store lacks is NULL. */
#ifndef EVENTS_EVENTS_STORE_H
#define EVENTS_EVENTS_STORE_H

#include "events/dead_letters.h"
#include "events/events_log.h"
#include "events/events_sweeper.h"
#include "store/breaker.h"

struct events_store {
    struct events_log *log;
    struct dead_letters *letters;
    struct events_sweeper *sweeper;
    /* Of the engine, if that is another process: what failed while it was away is tried again as
     * soon as it is back. */
    struct breaker_news *engine;
};

#endif
