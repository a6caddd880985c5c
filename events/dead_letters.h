/* SPDX-License-Identifier: Apache-2.0 */
/* The port of dead letters: events that a group could not handle, kept whole until somebody has them
 * replayed. They are the consumer's, not the producer's.
 *
 * Only a service that consumes events needs it. */
#ifndef EVENTS_DEAD_LETTERS_H
#define EVENTS_DEAD_LETTERS_H

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

struct dead_letters {
    /* Keeps a dead letter; the same event of the same group once. */
    struct status (*bury)(struct call *call, struct dead_letters *letters, const char *group,
                          const struct event *event, struct status why);
    /* The newest first; `letter_id` 0 and group "" are all. */
    struct status (*list)(struct call *call, struct dead_letters *letters, const char *group,
                          int64_t letter_id, size_t max, struct dead_letter **ret_letters,
                          size_t *ret_count);
    /* Marks letters to be handed over again, all of the group's dead ones if `letter_id` is 0.
     * DEAD_LETTER_NOT_FOUND. */
    struct status (*replay)(struct call *call, struct dead_letters *letters, const char *group,
                            int64_t letter_id, int64_t *ret_count);
    /* Those that are marked, the oldest first. */
    struct status (*marked)(struct call *call, struct dead_letters *letters, const char *group,
                            size_t max, struct dead_letter **ret_letters, size_t *ret_count);
    /* After it was handed over: replayed, or with `why` failed dead again. */
    struct status (*settle)(struct call *call, struct dead_letters *letters, int64_t letter_id,
                            struct status why);

    /* How many of the group are dead. */
    struct status (*count)(struct call *call, struct dead_letters *letters, const char *group,
                           int64_t *ret_count);
};

#endif
