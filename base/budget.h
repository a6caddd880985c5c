/* SPDX-License-Identifier: Apache-2.0 */
/* Budgets: what peers make the process keep, counted in a tree.
 *
 *     process (budget_limit) ── a root for each shard ── a peer ── its connections
 *
 * Whatever a peer makes grow charges its connection's budget: arenas (arena_set_budget), buffers,
 * streams. Charging never fails, since what is being done must come to an end; before something new
 * is begun, budget_admits is asked. When a peer or the process holds too much it makes room, and the
 * largest pays: the connection that holds most, of the peer that holds most, is ended by its
 * `shed`. Whoever is that itself is refused instead. So those who hold little are always served.
 *
 * A tree belongs to one thread. Roots draw on the process's budget in slices, so that the way of a
 * request takes no atomic operation. */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct budget {
    struct budget *parent; /* NULL: a root */
    size_t used;           /* bytes, with those of all below */
    size_t count;          /* of its children */
    struct budget *children, *next, *previous;
    void (*shed)(void *owner); /* of a connection: ends it, and frees what can be freed at once */
    void *owner;
    size_t ending; /* of a connection that was shed: what it held then */
    size_t still;  /* of a connection: what it held when it was found not to move; of a peer: all of
                      its connections' */
};

enum { BUDGET_SLOTS = 64 };

struct budget_root {
    struct budget budget;
    struct budget ended;                     /* connections that were shed and are not yet closed */
    size_t lent;                             /* by the process: at least what is used */
    struct budget_peer *peers[BUDGET_SLOTS]; /* chains, by owner */
    int64_t told_us; /* when the others were asked to make room; for who asks them */
};

/* How much all roots may hold, and how many there are; without it there is no limit. A peer may hold
 * half of it. What is on its way to be freed may come on top, a quarter of it at most. */
void budget_limit(size_t process_max, size_t roots);

/* A connection that holds more than this begins nothing more until some of what it has begun is
 * done: a 32nd of what the process has left, or a 16th of what its peer has left. So the more are
 * there, the less each of them gets, and something is always left for who comes next. */
size_t budget_allowance(const struct budget *connection);
/* Is more than half of what the process or its peer may hold taken? Then a connection over its
 * allowance is refused instead of waiting. */
bool budget_is_tight(const struct budget *connection);

/* A connection of the peer (any number that stands for it, as address_owner). */
void budget_open(struct budget_root *root, struct budget *connection, uint64_t peer);
/* Says whether the connection holds its memory without using it: its peer does not read its answers
 * or does not end its requests. Such connections are the first to be shed. */
void budget_set_still(struct budget *connection, bool still);
/* What is still charged is given back. */
void budget_close(struct budget_root *root, struct budget *connection);

/* How many connections its peer has on this shard. */
size_t budget_peer_connections(const struct budget *connection);

void budget_borrow(struct budget_root *root);
void budget_give_back(struct budget_root *root);

enum { BUDGET_SLICE = 256 * 1024 };

/* `budget` NULL: nobody pays. */
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

/* Changes what is charged from *charged to `size`. */
static inline void budget_set(struct budget *budget, size_t *charged, size_t size)
{
    if (size > *charged)
        budget_charge(budget, size - *charged);
    else if (size < *charged)
        budget_refund(budget, *charged - size);
    *charged = size;
}

/* May something more be begun that this connection pays for? Makes room if it must, but not at the
 * cost of a root that holds less than its part: then budget_is_over stays true, and the caller has
 * budget_relieve run on the others' threads. NULL: yes. */
bool budget_admits(struct budget *connection);

/* Makes room if the process holds too much and this root more than its part. */
void budget_relieve(struct budget_root *root);

/* Does the process hold too much, without what is on its way to be freed? */
bool budget_is_over(void);

struct budget_stats {
    size_t used;   /* lent to roots; a little more than is used */
    size_t max;    /* SIZE_MAX: no limit */
    size_t ending; /* of it, held by connections that were shed and are not yet freed */
    uint64_t shed_for_peer, shed_for_process; /* connections, by which of the two held too much */
    uint64_t refused;
};
void budget_stats(struct budget_stats *ret_stats);

#endif
