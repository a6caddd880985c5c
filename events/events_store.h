/* SPDX-License-Identifier: Apache-2.0 */
/* The port: what the bus wants of a service's store. Each service has one, over the same database
 * as its own tables, so that an outbox row commits with the change that it tells of, and an inbox
 * row with the effect that it stands for. What happens inside such a transaction is not here but in
 * the adapter's own functions (events_sqlite.h), which the service's store calls.
 *
 * It is three things: the log of the topics that the service produces (its outbox), with the
 * positions of the groups that read it; and the dead letters of the service as a consumer. */
#ifndef EVENTS_EVENTS_STORE_H
#define EVENTS_EVENTS_STORE_H

#include "events/event.h"

/* An event that its group could not handle. */
struct dead_letter {
    int64_t letter_id;
    const char *group;
    struct event event;
    int attempts;
    const char *code;   /* "INTERNAL" */
    const char *reason; /* of proto/reasons.proto, by name; "" */
    const char *message;
    int64_t died_us;
    const char *state; /* dead, replay (waits to be handed over again), replayed */
};

enum { EVENTS_READ_SIZE = 1024 * 1024 };

struct events_store {
    /* ---- the log ---- */

    /* At most `max` events of the topic after an offset, in order, and no more once their payloads
     * are EVENTS_READ_SIZE together. *ret_after is where the next read goes on: past the last of
     * them, or past what is no event of this topic. Reads what is committed, and never past what
     * may still commit before it. The log has ended if that is less than was asked for, and
     * *ret_after is the last event's offset (`after` itself without one). */
    struct status (*read)(struct call *call, struct events_store *store, const char *topic,
                          int64_t after, size_t max, struct event **ret_events, size_t *ret_count,
                          int64_t *ret_after);

    /* Where a group goes on: 0 at first. */
    struct status (*load_offset)(struct call *call, struct events_store *store, const char *topic,
                                 const char *group, int64_t *ret_offset);
    /* Never goes back. */
    struct status (*commit_offset)(struct call *call, struct events_store *store, const char *topic,
                                   const char *group, int64_t offset);

    /* The offset of the topic's newest event, 0 if there is none; for lags. */
    struct status (*last_offset)(struct call *call, struct events_store *store, const char *topic,
                                 int64_t *ret_offset);

    /* fn(data) after every commit of this process that has put events into the log; on any thread.
     * Before serving starts, once a store. */
    void (*on_append)(struct events_store *store, void (*fn)(void *data), void *data);

    /* ---- dead letters ---- */

    /* Keeps a dead letter; the same event of the same group once. */
    struct status (*bury)(struct call *call, struct events_store *store, const char *group,
                          const struct event *event, struct status why);
    /* The newest first; `letter_id` 0 and group "" are all. */
    struct status (*list_letters)(struct call *call, struct events_store *store, const char *group,
                                  int64_t letter_id, size_t max, struct dead_letter **ret_letters,
                                  size_t *ret_count);
    /* Marks letters to be handed over again, all of the group's dead ones if `letter_id` is 0.
     * DEAD_LETTER_NOT_FOUND. */
    struct status (*replay_letters)(struct call *call, struct events_store *store,
                                    const char *group, int64_t letter_id, int64_t *ret_count);
    /* Those that are marked, the oldest first. */
    struct status (*marked_letters)(struct call *call, struct events_store *store,
                                    const char *group, size_t max, struct dead_letter **ret_letters,
                                    size_t *ret_count);
    /* After it was handed over: replayed, or with `why` failed dead again. */
    struct status (*settle_letter)(struct call *call, struct events_store *store, int64_t letter_id,
                                   struct status why);

    /* How many of the group are dead. */
    struct status (*count_letters)(struct call *call, struct events_store *store, const char *group,
                                   int64_t *ret_count);

    /* ---- tidying ---- */

    /* Removes what is older than `before_us`: events that all groups have passed, inbox rows,
     * letters that were replayed, idempotency records. Never a dead letter, never an event that a
     * known group (one that has committed an offset) has not passed. One call keeps the store's
     * writer for some milliseconds at most; *ret_more says that there may be more to remove. */
    struct status (*sweep)(struct call *call, struct events_store *store, int64_t before_us,
                           bool *ret_more);
};

#endif
