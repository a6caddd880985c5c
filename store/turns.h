/* SPDX-License-Identifier: Apache-2.0 */
/* Turns: the fibers of a shard that change the same record by compare-and-set go one after another, so
 * that they don't keep overtaking each other between reading and writing. Other shards and processes
 * are kept apart by the comparison alone.
 *
 *     struct turn turn;
 *     st = turn_take(call, turns, key, &turn);
 *     if (failed(st)) return st;
 *     ... read, decide, compare and write ...
 *     turn_give(call, turns, &turn);
 *
 * Whoever has the turn may do the work of those that wait behind it as well (turn_next), and let them
 * go on (turn_serve). */
#ifndef STORE_TURNS_H
#define STORE_TURNS_H

#include "fiber/fiber.h"

enum { TURNS_MAX = 4096, TURNS_BUCKETS = 256 };

/* Waits for its turn or has it; lies on its fiber's stack. */
struct turn {
    struct fiber_wait wait;
    const char *key;
    uint64_t hash;
    struct turn *next, *previous;
    bool served; /* its work is done, and there is nothing to give back */
};

/* The turns of one shard, in the order in which they came. All zeros: none. */
struct turns {
    struct turn *first[TURNS_BUCKETS], *last[TURNS_BUCKETS];
    int count; /* those that have their turn and those that wait */
};

/* Waits until no earlier turn has the same key, which is borrowed until turn_give. RESOURCE_EXHAUSTED (QUEUE_FULL) if TURNS_MAX are
 * there, or the call's deadline or cancellation; then there is nothing to give back. A turn that
 * was served meanwhile is OK. */
struct status turn_take(struct call *call, struct turns *turns, const char *key, struct turn *turn);
void turn_give(struct call *call, struct turns *turns, struct turn *turn);

/* The first turn that waits behind this one for the same key; NULL: none. Valid until the next
 * suspension. */
struct turn *turn_next(const struct turn *turn);
/* Ends the waiting of a turn whose work somebody else has done. */
void turn_serve(struct call *call, struct turns *turns, struct turn *turn);

#endif
