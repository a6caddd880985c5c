/* SPDX-License-Identifier: Apache-2.0 */
/* Turns: the fibers of a shard that change the same record by compare-and-set go one after another, so
 * that they don't keep overtaking each other between reading and writing. Other shards and processes
 * are kept apart by the comparison alone.
 *
 *     struct turn turn;
 *     st = turn_take(call, turns, key, &turn);
 *     if (failed(st)) return st;
 *     ... read, decide, compare and write ...
 *     turn_give(call, turns, &turn); */
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
};

/* The turns of one shard, in the order in which they came. All zeros: none. */
struct turns {
    struct turn *first[TURNS_BUCKETS], *last[TURNS_BUCKETS];
    int count; /* those that have their turn and those that wait */
};

/* Waits until no earlier turn has the same key, which is borrowed until turn_give. RESOURCE_EXHAUSTED (QUEUE_FULL) if TURNS_MAX are
 * there, or the call's deadline or cancellation; then there is nothing to give back. */
struct status turn_take(struct call *call, struct turns *turns, const char *key, struct turn *turn);
void turn_give(struct call *call, struct turns *turns, struct turn *turn);

#endif
