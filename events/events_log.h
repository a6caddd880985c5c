/* SPDX-License-Identifier: Apache-2.0 */
/* The port of a log: the topics that a service produces, read in order from its outbox, and the
 * positions of the groups that read them. The outbox is in the same database as the service's own
 * tables, so that an event commits together with the change that it reports. Writing into it is not
 * in the port; the service's store calls a function of the adapter in its transactions
 * (events_sqlite.h).
 *
 * Only a service that produces events needs one. */
#ifndef EVENTS_EVENTS_LOG_H
#define EVENTS_EVENTS_LOG_H

#include "events/event.h"

/* The most bytes of payloads in one read; the event that reaches it is the last. */
enum { EVENTS_READ_SIZE = 1024 * 1024 };

struct events_log {
    /* Reads at most `max` events of the topic after an offset, in order, and stops once their
     * payloads reach EVENTS_READ_SIZE together. The next read continues after *ret_after: the last
     * event's offset, or a later one if events of other topics follow. Reads committed events only,
     * and none after an offset that may still commit. If there are fewer than `max` events and
     * *ret_after is the offset of the last one (without any: `after`), the log has ended. */
    struct status (*read)(struct call *call, struct events_log *log, const char *topic,
                          int64_t after, size_t max, struct event **ret_events, size_t *ret_count,
                          int64_t *ret_after);

    /* A group's position, 0 at first. */
    struct status (*load_offset)(struct call *call, struct events_log *log, const char *topic,
                                 const char *group, int64_t *ret_offset);
    /* Moves a group's position, never backwards. */
    struct status (*commit_offset)(struct call *call, struct events_log *log, const char *topic,
                                   const char *group, int64_t offset);

    /* The offset of the topic's newest event, 0 if there is none; for measuring lags. */
    struct status (*last_offset)(struct call *call, struct events_log *log, const char *topic,
                                 int64_t *ret_offset);

    /* Calls fn(data), on any thread, after every commit of this process that put events into the
     * log. Set once for a store, before serving starts. */
    void (*on_append)(struct events_log *log, void (*fn)(void *data), void *data);
};

#endif
