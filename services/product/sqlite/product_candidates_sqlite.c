/* SPDX-License-Identifier: Apache-2.0 */
/* Gathering the candidates of a page. */
#include "services/product/sqlite/product_candidates_sqlite.h"

#include <stdlib.h>

enum {
    POOL_MAX = 8192,  /* candidates that are gathered before some are dropped */
    POOL_LEAST = 256, /* before the first drop: most members need not be looked at after it */
};

uint64_t product_candidates_code(const struct product_candidates *candidates,
                                 const struct product_position *position)
{
    return product_candidates_turn(candidates, (uint64_t)product_amount_code(position->number)
                                                   << 32);
}

/* 64 products of a chunk. */
struct some_products {
    int64_t first;    /* its row */
    uint64_t members; /* that aren't fresh, with upper halves from that of `from` to `most` */
    uint64_t fresh;   /* members that have changed since the last folding */
    const uint16_t *parts[PARTS_MAX]; /* of their codes */
};

static uint64_t code_at(const struct product_candidates *candidates,
                        const struct some_products *some, int bit)
{
    const struct product_matches *matches = &candidates->selection->matches;
    uint64_t code = 0;

    if (some->fresh >> bit & 1)
        code = (uint64_t)product_matches_fresh_of(matches, some->first + bit)->amount_code << 32;
    else
        for (size_t i = 0; i < PARTS_MAX; i++) code = code << 16 | some->parts[i][bit];
    return product_candidates_turn(candidates, code);
}

static int compare_candidates(const void *a, const void *b)
{
    const struct product_candidate *left = a, *right = b;

    if (left->code != right->code) return left->code < right->code ? -1 : 1;
    return (left->key > right->key) - (left->key < right->key);
}

/* Where codes are alike, row numbers tell if the code is exact, and are turned as well. */
static bool is_before(const struct product_candidates *candidates,
                      const struct product_candidate *left, const struct product_candidate *right)
{
    if (left->code != right->code) return left->code < right->code;
    return product_candidates_turn(candidates, (uint64_t)left->key) <
           product_candidates_turn(candidates, (uint64_t)right->key);
}

/* Moves the first items to the beginning: those before `place` are not behind the one at it, and
 * those behind are not before. */
static void divide(struct product_candidates *candidates, size_t place)
{
    struct product_candidate *items = candidates->items;
    size_t first = 0, last = candidates->count - 1;

    while (first < last) {
        struct product_candidate middle = items[first + (last - first) / 2];
        size_t low = first, high = last + 1; /* `high` is behind what is left */
        while (low < high) {
            while (is_before(candidates, &items[low], &middle)) low++;
            while (is_before(candidates, &middle, &items[high - 1])) high--;
            if (low < high) {
                struct product_candidate moved = items[high - 1];
                items[--high] = items[low];
                items[low++] = moved;
            }
        }
        if (place < high)
            last = high - 1;
        else if (place >= low)
            first = low;
        else
            return;
    }
}

/* Drops what is behind the item at a place, but for those of which the code doesn't say it. */
static void drop_behind(struct product_candidates *candidates, size_t place)
{
    struct product_candidate last;
    size_t kept = 0;
    bool exact;

    divide(candidates, place);
    last = candidates->items[place];
    exact = product_candidates_are_exact(candidates, last.code);
    for (size_t i = 0; i < candidates->count; i++) {
        struct product_candidate item = candidates->items[i];
        bool out = exact ? is_before(candidates, &last, &item) : item.code > last.code;
        if (!out) candidates->items[kept++] = item;
    }
    candidates->count = kept;
    candidates->most = last.code;
}

/* Drops what is behind enough others. */
static void drop(struct product_candidates *candidates)
{
    size_t place = candidates->at_from + candidates->wanted - 1;

    if (place < candidates->count) drop_behind(candidates, place);
    if (candidates->count <= POOL_MAX / 2) return;
    candidates->crowded = true;
    divide(candidates, POOL_MAX / 2 - 1);
    candidates->count = POOL_MAX / 2;
    candidates->most = candidates->items[candidates->count - 1].code;
    candidates->at_from = 0;
    for (size_t i = 0; product_candidates_continue(candidates) && i < candidates->count; i++)
        candidates->at_from += candidates->items[i].code == candidates->from;
}

static void set_room(struct product_candidates *candidates, size_t expected)
{
    candidates->room = expected * 2 + POOL_LEAST;
    if (candidates->room > POOL_MAX) candidates->room = POOL_MAX;
}

/* By the first half of its code, without the memory of the other one. */
static bool may_be_one(const struct product_candidates *candidates,
                       const struct some_products *some, int bit)
{
    uint64_t code = (uint64_t)some->parts[0][bit] << 48 | (uint64_t)some->parts[1][bit] << 32;

    code = product_candidates_turn(candidates, code) >> 32;
    return (some->fresh >> bit & 1) ||
           (code >= candidates->from >> 32 && code <= candidates->most >> 32);
}

static void collect(struct product_candidates *candidates, const struct some_products *some)
{
    const struct product_candidate from = {candidates->from, candidates->selection->list->from.key};
    bool continued = product_candidates_continue(candidates) && candidates->column == COLUMN_AMOUNT,
         exact = product_candidates_are_exact(candidates, from.code);

    for (uint64_t left = some->members | some->fresh; left; left &= left - 1) {
        int bit = __builtin_ctzll(left);
        struct product_candidate item = {.key = some->first + bit};
        if (!may_be_one(candidates, some, bit)) continue;
        item.code = code_at(candidates, some, bit);
        if (item.code < from.code || item.code > candidates->most) continue;
        if (continued && exact && !is_before(candidates, &from, &item)) continue;
        candidates->items[candidates->count++] = item;
        candidates->at_from += continued && !exact && item.code == from.code;
    }
    if (candidates->count + 64 <= candidates->room) return;
    drop(candidates);
    set_room(candidates, candidates->count);
}

/* The candidates among a chunk's members. */
static struct status gather_chunk(struct product_candidates *candidates, size_t chunk)
{
    static const struct product_chunk_row none;
    struct product_selection *selection = candidates->selection;
    const uint64_t *words = product_set_chunk(&selection->matches.all, chunk);
    uint64_t fresh[CHUNK_WORDS], members[CHUNK_WORDS];
    uint64_t first = product_candidates_turn(candidates, candidates->from),
             last = product_candidates_turn(candidates, candidates->most);
    struct product_codes codes;
    struct status st = product_matches_codes(&selection->matches, chunk, candidates->column,
                                             &codes);

    if (failed(st)) return st;
    product_matches_mark_fresh(&selection->matches, chunk, fresh);
    for (size_t i = 0; i < CHUNK_WORDS; i++) members[i] = words[i] & ~fresh[i];
    product_codes_narrow(codes.parts[0], (uint16_t)((first < last ? first : last) >> 48),
                         (uint16_t)((first < last ? last : first) >> 48), members, NULL);
    for (size_t i = 0; i < CHUNK_WORDS; i++) {
        struct some_products some = {
            .first = (int64_t)(chunk * CHUNK_WORDS + i) << 6,
            .members = members[i],
            .fresh = candidates->column == COLUMN_AMOUNT ? words[i] & fresh[i] : 0,
        };
        if (!(some.members | some.fresh)) continue;
        for (size_t part = 0; part < PARTS_MAX; part++)
            some.parts[part] = product_codes_of_word(codes.parts[part] ? codes.parts[part] : &none,
                                                     i);
        collect(candidates, &some);
    }
    return st;
}

struct status product_candidates_gather(struct product_candidates *candidates)
{
    struct product_selection *selection = candidates->selection;
    struct status st = status_ok();

    candidates->items = arena_alloc(selection->arena, POOL_MAX * sizeof(*candidates->items));
    set_room(candidates, candidates->wanted);
    for (size_t i = 0; i < selection->matches.all.chunk_count; i++) {
        if (selection->counts[i] > 0) st = gather_chunk(candidates, i);
        if (failed(st)) return st;
    }
    drop(candidates);
    if (candidates->count > 1)
        qsort(candidates->items, candidates->count, sizeof(*candidates->items), compare_candidates);
    return st;
}
