/* SPDX-License-Identifier: Apache-2.0 */
/* Turns, when to try again, and what to say in the end. */
#include "store/mongodb/change.h"

#include "base/clock.h"
#include "base/random.h"
#include "fiber/fiber.h"
#include "reasons.pb-c.h"

enum { PAUSE_MIN_US = 1000, PAUSE_MAX_US = 32000, LOOK_PAUSE_US = 50000, US_PER_MS = 1000 };

struct attempts {
    int tries;
    int64_t until_us;      /* when to give up looking for a lost answer; 0: none was lost */
    struct status unknown; /* STORE_OUTCOME_UNKNOWN, once an answer was lost */
};

static bool is_conflict(struct status st)
{
    return !failed(st) || st.reason == ARGOSY__REASON__STORE_BUSY;
}

static bool leaves_open(struct status st)
{
    return st.code == STATUS_UNAVAILABLE || st.code == STATUS_DEADLINE_EXCEEDED ||
           st.code == STATUS_CANCELLED;
}

/* Others change the same document: waits a random time, longer with each conflict. */
static struct status wait_for_others(struct call *call, struct attempts *attempts)
{
    int64_t most_us = PAUSE_MIN_US << (attempts->tries < 5 ? attempts->tries : 5);

    if (++attempts->tries > MONGODB_TRIES_MAX)
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_BUSY,
                           "too many changes of the same record at the same time; try again later");
    if (most_us > PAUSE_MAX_US) most_us = PAUSE_MAX_US;
    return fiber_sleep(call, (int64_t)random_below((uint64_t)most_us));
}

static struct status look_again(struct call *call, struct attempts *attempts)
{
    if (clock_monotonic_us() >= attempts->until_us) return attempts->unknown;
    return fiber_sleep(call, LOOK_PAUSE_US);
}

/* After an attempt that did not succeed: waits a moment and returns OK if there should be another one,
 * otherwise what to tell the caller. */
static struct status wait_for_next(struct call *call, struct attempts *attempts, struct status st)
{
    if (st.reason == ARGOSY__REASON__STORE_OUTCOME_UNKNOWN && attempts->until_us == 0) {
        attempts->until_us = clock_monotonic_us() + MONGODB_FIND_OUT_MS * (int64_t)US_PER_MS;
        attempts->unknown = st;
    }
    if (is_conflict(st))
        st = wait_for_others(call, attempts);
    else if (attempts->until_us && leaves_open(st))
        st = look_again(call, attempts);
    return failed(st) && leaves_open(st) && attempts->until_us ? attempts->unknown : st;
}

static struct status repeat(struct call *call, mongodb_try *attempt, void *data)
{
    struct attempts attempts = {0};

    for (;;) {
        bool done = false;
        struct status st = attempt(call, data, &done);
        if (!failed(st) && done) return st;
        st = wait_for_next(call, &attempts, st);
        if (failed(st)) return st;
    }
}

struct status mongodb_change(struct call *call, struct mongodb *db, const char *key,
                             mongodb_try *attempt, void *data)
{
    struct turns *turns = mongodb_turns_of(db, call);
    struct turn turn;

    struct status st = turn_take(call, turns, key, &turn);
    if (failed(st)) return st;
    st = repeat(call, attempt, data);
    turn_give(call, turns, &turn);
    return st;
}
