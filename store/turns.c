/* SPDX-License-Identifier: Apache-2.0 */
/* All turns of a shard are in lists by their key. The first of a key has its turn. */
#include "store/turns.h"

#include <string.h>

#include "base/hash.h"
#include "reasons.pb-c.h"

static bool same_key(const struct turn *a, const struct turn *b)
{
    return a->hash == b->hash && strcmp(a->key, b->key) == 0;
}

static bool is_first(const struct turns *turns, const struct turn *turn)
{
    const struct turn *other = turns->first[turn->hash % TURNS_BUCKETS];

    while (!same_key(other, turn)) other = other->next;
    return other == turn;
}

static void append(struct turns *turns, struct turn *turn)
{
    size_t bucket = turn->hash % TURNS_BUCKETS;

    turn->previous = turns->last[bucket];
    if (turn->previous)
        turn->previous->next = turn;
    else
        turns->first[bucket] = turn;
    turns->last[bucket] = turn;
    turns->count++;
}

static void take_out(struct turns *turns, struct turn *turn)
{
    size_t bucket = turn->hash % TURNS_BUCKETS;

    if (turn->previous)
        turn->previous->next = turn->next;
    else
        turns->first[bucket] = turn->next;
    if (turn->next)
        turn->next->previous = turn->previous;
    else
        turns->last[bucket] = turn->previous;
    turns->count--;
}

struct turn *turn_next(const struct turn *turn)
{
    struct turn *next = turn->next;

    while (next && !same_key(next, turn)) next = next->next;
    return next;
}

void turn_serve(struct call *call, struct turns *turns, struct turn *turn)
{
    take_out(turns, turn);
    turn->served = true;
    fiber_wake_later(call->shard, &turn->wait);
}

void turn_give(struct call *call, struct turns *turns, struct turn *turn)
{
    struct turn *next = is_first(turns, turn) ? turn_next(turn) : NULL;

    take_out(turns, turn);
    if (next) fiber_wake_later(call->shard, &next->wait);
}

struct status turn_take(struct call *call, struct turns *turns, const char *key, struct turn *turn)
{
    struct status st = call_check(call);

    if (failed(st)) return st;
    if (turns->count >= TURNS_MAX)
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__QUEUE_FULL,
                           "too many changes wait for the store; try again later");
    *turn = (struct turn){.key = key, .hash = hash_fold(hash_text(HASH_START, key))};
    append(turns, turn);
    while (!failed(st) && !turn->served && !is_first(turns, turn))
        st = fiber_suspend(call, &turn->wait);
    if (turn->served) return status_ok();
    if (failed(st)) turn_give(call, turns, turn);
    return st;
}
