/* SPDX-License-Identifier: Apache-2.0 */
/* Shares of a thread's time: how long the connections of one peer may be served before the thread
 * looks after the other peers again.
 *
 * A thread serves connections in passes: in each it looks once at all that are ready. A peer's
 * connections together may use SHARE_US of a pass; those whose turn does not come wait for the next
 * one. The connections of a peer take turns as well: while some of them have not had theirs, the
 * others wait. So a pass takes long only if many peers have work, and no peer's work waits longer
 * than for one pass of the others and for the turns of its own connections. */
#ifndef BASE_SHARE_H
#define BASE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

/* Long enough for the requests of some fifty connections, so that it costs nothing under an ordinary
 * load. */
enum { SHARE_US = 2 * 1000 };

/* A peer's. All zeros is a peer that has not been served yet. */
struct share {
    uint64_t pass;   /* the latest in which a connection asked for its turn */
    int64_t used_us; /* in that pass */
    uint64_t round;  /* the pass in which the connections began to take turns anew */
    bool missed;     /* in that pass a connection has missed its turn of this round */
};

/* May the peer's connection be served in this pass, which has a higher number than those before? If
 * not, it must ask again in the next one. `turn` is the pass in which the connection was served last;
 * a new one starts with the pass in which it was opened. It may be served several times in a
 * pass. */
bool share_admits(struct share *share, uint64_t pass, uint64_t *turn);

/* Counts time for which a connection was served. */
static inline void share_spend(struct share *share, int64_t time_us)
{
    share->used_us += time_us;
}

/* Has the peer used up its share? A connection that is being served must stop then. */
static inline bool share_is_spent(const struct share *share)
{
    return share->used_us >= SHARE_US;
}

#endif
