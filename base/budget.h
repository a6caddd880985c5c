/* SPDX-License-Identifier: Apache-2.0 */
/* Budgets: the memory that peers make the process hold, counted in a tree.
 *
 *     process (budget_limit) ── a root for each shard ── a peer ── its connections
 *
 * Everything that a peer makes grow is charged to its connection's budget: arenas
 * (arena_set_budget), buffers, streams. Charging never fails, because work in progress must be able
 * to finish; before new work, budget_admits is asked. When a peer or the process holds too much,
 * budget_admits makes room at the cost of the largest: it calls `shed` of the connection that holds
 * most, of the peer that holds most, which ends it. If that is the asking connection itself, it is
 * refused instead. So connections that hold little are always served.
 *
 * A tree belongs to one thread. Roots borrow from the process's budget in slices, so that a request
 * needs no atomic operation. */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/share.h"

struct budget {
    struct budget *parent; /* NULL: a root */
    size_t used;           /* bytes, including those of all descendants */
    size_t count;          /* of its children */
    struct budget *children, *next, *previous;
    void (*shed)(void *owner); /* of a connection: ends it, and frees what can be freed at once */
    void *owner;
    bool ending;  /* of a connection: it was shed */
    size_t still; /* of a connection: how much it held when it was last found to be still; of a
                    * peer: the sum */
};

enum { BUDGET_SLOTS = 64 };

struct budget_root {
    struct budget budget;
    struct budget ended;                     /* shed connections that are not closed yet */
    size_t lent;                             /* by the process; at least `used` */
    size_t ending;                           /* what the process knows of `ended` */
    struct budget_peer *peers[BUDGET_SLOTS]; /* chains, by owner */
    int64_t told_us; /* when the other shards were last asked to make room; for the code that asks
                      * them */
};

/* Sets how much all roots together may hold, and how many there are; until then there is no limit.
 * A peer may hold half of it. Memory that is being freed may be held in addition, at most a quarter
 * of the limit. */
void budget_limit(size_t process_max, size_t roots);

/* A connection that holds more than this may begin no new work until some of its work is done: a
 * 32nd of what the process has left, or a 16th of what its peer has left. So the more connections
 * there are, the less each may hold, and some memory is always left for the next one. */
size_t budget_allowance(const struct budget *connection);
/* Is more than half of the process's or the peer's limit in use? Then a connection over its
 * allowance is refused instead of having to wait. */
bool budget_is_tight(const struct budget *connection);

/* Adds a connection of the peer, which is any number that identifies it, such as
 * address_owner's. */
void budget_open(struct budget_root *root, struct budget *connection, uint64_t peer);
/* Marks whether the connection is still, that is, holds memory without using it: its peer does not
 * read the responses or does not finish its requests. Still connections are the first to be
 * shed. */
void budget_set_still(struct budget *connection, bool still);
/* Removes the connection and gives back what is still charged. */
void budget_close(struct budget_root *root, struct budget *connection);

/* How many connections its peer has on this shard. */
size_t budget_peer_connections(const struct budget *connection);
/* Its peer's share of the shard's time; NULL once the connection was shed. */
struct share *budget_share(const struct budget *connection);

void budget_borrow(struct budget_root *root);
void budget_give_back(struct budget_root *root);

enum { BUDGET_SLICE = 256 * 1024 };

/* `budget` NULL: not charged. */
static inline void budget_charge(struct budget *budget, size_t size)
{
    if (!budget) return;
    while (budget->parent) {
        budget->used += size;
        budget = budget->parent;
    }
    budget->used += size;
    struct budget_root *root = (struct budget_root *)budget;
    if (budget->used > root->lent) budget_borrow(root);
}

static inline void budget_refund(struct budget *budget, size_t size)
{
    if (!budget) return;
    while (budget->parent) {
        budget->used -= size;
        budget = budget->parent;
    }
    budget->used -= size;
    struct budget_root *root = (struct budget_root *)budget;
    if (root->lent - budget->used > 2 * BUDGET_SLICE) budget_give_back(root);
}

/* Changes a charge from *charged to `size`. */
static inline void budget_set(struct budget *budget, size_t *charged, size_t size)
{
    if (size > *charged)
        budget_charge(budget, size - *charged);
    else if (size < *charged)
        budget_refund(budget, *charged - size);
    *charged = size;
}

/* May new work begin that is charged to this connection? Makes room if necessary, but not at the
 * cost of a root that holds less than its share: then budget_is_over stays true, and the caller
 * must run budget_relieve on the other roots' threads. NULL: true. */
bool budget_admits(struct budget *connection);

/* Makes room if the process holds too much and this root more than its share. */
void budget_relieve(struct budget_root *root);

/* Does the process hold too much, not counting memory that is being freed? */
bool budget_is_over(void);

/* Memory that the process keeps for all its clients, such as a cache, counts as well. From any
 * thread. */
void budget_charge_process(size_t size);
void budget_refund_process(size_t size);
/* How much a `part`th of the process's limit is. */
size_t budget_part(size_t part);

struct budget_stats {
    size_t used;   /* lent to roots, slightly more than is used; and what the process keeps */
    size_t max;    /* SIZE_MAX: no limit */
    size_t ending; /* the part held by shed connections that are not freed yet */
    uint64_t shed_for_peer, shed_for_process; /* connections, by which of the two held too much */
    uint64_t refused;
};
void budget_stats(struct budget_stats *ret_stats);

#endif
