/* SPDX-License-Identifier: Apache-2.0 */
/* A circuit breaker: keeps callers from an engine that does not answer, so that they fail at once
 * instead of waiting for it one after another.
 *
 *     closed     every call goes to the engine
 *        │ BREAKER_FAILURES_MAX failures in a row
 *     open       no call does, until the pause has passed ◄────────────┐
 *        │ the pause has passed; the next call is the probe            │ the probe fails:
 *     half-open  one call, the probe, does                         ────┘ the pause doubles
 *        │ the probe succeeds
 *     closed
 *
 *     if (!breaker_admits(&breaker, now_us)) return unreachable(...);
 *     ... the request ...
 *     breaker_succeeded(&breaker, now_us)    or    breaker_failed(&breaker, now_us, random_below(...))
 *     or breaker_abandoned(&breaker)      if the caller gave up and nothing is known
 *
 * Only what says that the engine is away counts as a failure: a refused or broken connection, or an
 * answer that has not come for long. An engine that refuses a statement is there. Each caller that
 * was admitted must report one of the three results. All zeros is a closed breaker. It has no lock
 * and reads no clock: there is one for each shard, used on its thread.
 *
 * The breakers of an engine's shards may share a `struct breaker_news`: the first shard that reaches
 * the engine again spares the others the rest of their pauses. If the engine answers some shards and
 * not others, those try every BREAKER_PAUSE_MIN_MS. */
#ifndef STORE_BREAKER_H
#define STORE_BREAKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    BREAKER_FAILURES_MAX = 3, /* failures in a row that open it */
    BREAKER_PAUSE_MIN_MS = 100,
    BREAKER_PAUSE_MAX_MS = 5000,
};

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

/* Any thread. All zeros at first. */
struct breaker_news {
    /* When a call last succeeded; written every BREAKER_PAUSE_MIN_MS at most. Monotonic. */
    _Atomic int64_t answered_us;
    /* Called on the shard's thread each time a breaker closes again, so that whoever waits for the
     * engine can go on; NULL: nobody does. Set once, before the engine is used. */
    void (*on_return)(void *data);
    void *on_return_data;
};

struct breaker {
    enum breaker_state state;
    int failures;              /* in a row */
    int64_t failed_us;         /* the last of them; monotonic */
    int64_t retry_us;          /* while open: when the next call becomes the probe; monotonic */
    struct breaker_news *news; /* of the engine; NULL: there is no other breaker */
};

/* May a call go to the engine now? While the breaker is open, the first call after the pause may,
 * as the probe; the others may not until its result is reported. The pause is over at once if the
 * engine has answered another shard since the last failure. */
bool breaker_admits(struct breaker *breaker, int64_t now_us);

void breaker_succeeded(struct breaker *breaker, int64_t now_us);

/* `dice` is any random number: the pause is between half and the whole of 100 ms, which doubles
 * with each failed probe up to 5 s. A failure of a call that was admitted before the breaker opened
 * changes nothing. */
void breaker_failed(struct breaker *breaker, int64_t now_us, uint64_t dice);

/* The caller gave up before the engine could answer, so the next call becomes the probe. */
void breaker_abandoned(struct breaker *breaker, int64_t now_us);

#endif
