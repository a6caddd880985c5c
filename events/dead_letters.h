/* SPDX-License-Identifier: Apache-2.0 */
/* The port of dead letters: events that a group could not handle, stored whole until an operator
 * replays them. They belong to the consumer, not to the producer.
 *
 * Only a service that consumes events needs it.
 *
 *     from        bury        replay      settle, OK   settle, failed
 *     (none)      dead        not found
 *     dead        dead        replay      replayed     dead, unchanged
 *     replay      replay      replay      replayed     dead, one attempt more
 *     replayed    dead        not found   replayed     dead, one attempt more
 *
 * Burying and a failed settlement store the failure and its time wherever the letter becomes dead
 * by them, and burying its number of attempts too. So each change may be repeated: a store whose
 * answer was lost makes it once more. */
#ifndef EVENTS_DEAD_LETTERS_H
#define EVENTS_DEAD_LETTERS_H

#include "events/event.h"

/* The numbers are stored. */
enum dead_letter_state {
    DEAD_LETTER_DEAD,
    DEAD_LETTER_REPLAY, /* marked to be delivered again */
    DEAD_LETTER_REPLAYED,
    DEAD_LETTER_STATE_COUNT,
};

/* An event that its group could not handle. */
struct dead_letter {
    int64_t letter_id;
    const char *group;
    struct event event;
    int attempts;
    const char *code;   /* "INTERNAL" */
    const char *reason; /* the name in proto/reasons.proto, or "" */
    const char *message;
    int64_t died_us;
    const char *state; /* the name: dead, replay or replayed */
};

struct dead_letters {
    /* Stores a dead letter; there is at most one for an event and group. */
    struct status (*bury)(struct call *call, struct dead_letters *letters, const char *group,
                          const struct event *event, struct status why);
    /* The newest first, of one group ("": all) or the one with an id (0: all). */
    struct status (*list)(struct call *call, struct dead_letters *letters, const char *group,
                          int64_t letter_id, size_t max, struct dead_letter **ret_letters,
                          size_t *ret_count);
    /* Marks a letter to be delivered again, or all of the group's dead ones if `letter_id` is 0.
     * Counts those too that are marked already. DEAD_LETTER_NOT_FOUND. */
    struct status (*replay)(struct call *call, struct dead_letters *letters, const char *group,
                            int64_t letter_id, int64_t *ret_count);
    /* The marked letters, the oldest first. */
    struct status (*marked)(struct call *call, struct dead_letters *letters, const char *group,
                            size_t max, struct dead_letter **ret_letters, size_t *ret_count);
    /* The result of a marked letter's delivery: it is replayed, or if `why` failed dead again. A
     * letter that is dead already stays as it is. */
    struct status (*settle)(struct call *call, struct dead_letters *letters, int64_t letter_id,
                            struct status why);

    /* How many dead letters the group has, without marked and replayed ones. */
    struct status (*count)(struct call *call, struct dead_letters *letters, const char *group,
                           int64_t *ret_count);
};

/* ---- for the stores ---- */

/* "" for a number that is no state. */
const char *dead_letter_state_name(int64_t state);

/* What a letter stores of the failure it died of, now. */
struct dead_letter_failure {
    const char *code, *reason, *message;
    int64_t died_us;
};
struct dead_letter_failure dead_letter_failure_of(struct status why);

/* The result of replaying, which has marked `count` letters: DEAD_LETTER_NOT_FOUND if none. */
struct status dead_letters_marked(const struct call *call, const char *group, int64_t letter_id,
                                  int64_t count, int64_t *ret_count);

#endif
