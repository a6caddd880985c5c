/* SPDX-License-Identifier: Apache-2.0 */
/* The products that may be on a page in the order of names or prices, found by their codes
 * (product_codes_sqlite.c) in one pass over all members of a list by terms. Those with the least
 * codes behind the position are kept; whenever many have been gathered, all that are behind enough
 * others are dropped. */
#ifndef SERVICES_PRODUCT_PRODUCT_CANDIDATES_SQLITE_H
#define SERVICES_PRODUCT_PRODUCT_CANDIDATES_SQLITE_H

#include "services/product/sqlite/product_list_sqlite.h"

/* A product that may be on the page. Its code is that of an amount, or its rank by name; turned
 * round where the order is. */
struct product_candidate {
    uint64_t code;
    int64_t key;
};

struct product_candidates {
    struct product_selection *selection;
    enum product_column column;
    uint64_t from;                   /* the code of the position behind which the page begins */
    uint64_t most;                   /* codes above it need not be looked at */
    size_t wanted;                   /* so many behind `from` fill the page */
    struct product_candidate *items; /* room for POOL_MAX; at most half as many after each drop */
    size_t count;
    size_t room;    /* so many may be gathered before some are dropped */
    size_t at_from; /* those that may be before the position */
    bool crowded;   /* too many codes are `most`: not all candidates with it are here */
};

static inline uint64_t product_candidates_turn(const struct product_candidates *candidates,
                                               uint64_t code)
{
    return candidates->selection->list->query->descending ? ~code : code;
}

static inline bool product_candidates_continue(const struct product_candidates *candidates)
{
    return candidates->selection->list->query->after.length > 0;
}

/* Does the code say all that the list is sorted by, but for the row numbers? A rank does. */
static inline bool product_candidates_are_exact(const struct product_candidates *candidates,
                                                uint64_t code)
{
    return candidates->column == COLUMN_NAME ||
           product_amount_code_is_exact(
               (uint32_t)(product_candidates_turn(candidates, code) >> 32));
}

/* The code of a position in a list by price. */
uint64_t product_candidates_code(const struct product_candidates *candidates,
                                 const struct product_position *position);

/* Finds the candidates, sorted by their codes, when all chunks are ready. By name, without fresh
 * products, which have no ranks yet. */
struct status product_candidates_gather(struct product_candidates *candidates);

#endif
