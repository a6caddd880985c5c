/* SPDX-License-Identifier: Apache-2.0 */
/* The port of a log: the topics that a service produces, which is its outbox read in order, and the
 * positions of the groups that read them. The outbox is in the same database as the service's own
 * tables, so that an event commits with the change that it tells of. Writing into it is not in the
 * port, but a function of the adapter that the service's store calls in its transactions
 * (events_sqlite.h).
 *
 * Only a service that produces events needs one. */
#ifndef EVENTS_EVENTS_LOG_H
#define EVENTS_EVENTS_LOG_H

#include "events/event.h"

/* The payloads of one read, in bytes; the event that passes it is the last. */
enum { EVENTS_READ_SIZE = 1024 * 1024 };

struct events_log {
    /* At most `max` events of the topic after an offset, in order, and no more once their payloads
     * are EVENTS_READ_SIZE together. *ret_after is where the next read goes on: past the last of
     * them, or past what is no event of this topic. Reads what is committed, and never past what
     * may still commit before it. The log has ended if that is less than was asked for, and
     * *ret_after is the last event's offset (`after` itself without one). */
    struct status (*read)(struct call *call, struct events_log *log, const char *topic,
                          int64_t after, size_t max, struct event **ret_events, size_t *ret_count,
                          int64_t *ret_after);

    /* Where a group goes on: 0 at first. */
    struct status (*load_offset)(struct call *call, struct events_log *log, const char *topic,
                                 const char *group, int64_t *ret_offset);
    /* Never goes back. */
    struct status (*commit_offset)(struct call *call, struct events_log *log, const char *topic,
                                   const char *group, int64_t offset);

    /* The offset of the topic's newest event, 0 if there is none; for lags. */
    struct status (*last_offset)(struct call *call, struct events_log *log, const char *topic,
                                 int64_t *ret_offset);

    /* fn(data) after every commit of this process that has put events into the log; on any thread.
     * Before serving starts, once a store. */
    void (*on_append)(struct events_log *log, void (*fn)(void *data), void *data);
};

#endif
