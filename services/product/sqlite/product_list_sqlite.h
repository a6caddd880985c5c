/* SPDX-License-Identifier: Apache-2.0 */
/* A list on its way: what product_search_sqlite.c (plain lists, the port), product_select_sqlite.c
 * (lists by terms), product_order_sqlite.c and product_candidates_sqlite.c (those by name and
 * price) share. */
#ifndef SERVICES_PRODUCT_PRODUCT_LIST_SQLITE_H
#define SERVICES_PRODUCT_PRODUCT_LIST_SQLITE_H

#include "reasons.pb-c.h"
#include "services/product/sqlite/product_postings_sqlite.h"

enum { PRODUCT_TOTAL_EXACT_MAX = 10000 }; /* more are "at least so many" */

enum list_source { LIST_ALL, LIST_CATEGORY };
enum { LIST_SOURCE_COUNT = LIST_CATEGORY + 1 };

struct product_list_statements {
    const char *page[LIST_SOURCE_COUNT][PRODUCT_SORT_COUNT][2]; /* ascending, descending */
    const char *walk[LIST_SOURCE_COUNT][PRODUCT_SORT_COUNT][2]; /* keys and sort values only */
    const char *range[LIST_SOURCE_COUNT];                       /* keys by their amounts */
    const char *count[LIST_SOURCE_COUNT];
};

/* A row and what it is sorted by. */
struct product_position {
    int64_t key;
    int64_t number; /* by price the amount, by relevance 0 or 1 */
    struct str name;
};

struct product_list {
    const struct product_list_statements *statements;
    struct product_chunk_cache *cache;
    const struct product_query *query;
    struct product_position from; /* the page begins behind it */
    struct product_terms_asked asked;
    struct product_position *found; /* up to query->limit + 1 */
    size_t found_count;
    int walked; /* entries of an index that were looked at on the way */
    struct product_page page;
};

static inline bool product_list_has_range(const struct product_query *query)
{
    return query->unit_amount_min != 0 || query->unit_amount_max != INT64_MAX;
}

static inline enum list_source product_list_source(const struct product_query *query)
{
    return *query->category ? LIST_CATEGORY : LIST_ALL;
}

static inline bool product_list_is_full(const struct product_list *list)
{
    return list->found_count > (size_t)list->query->limit;
}

/* Runs a page or walk statement of the query's sort, from behind a position. */
struct status product_list_run(struct sqlite_tx *tx, const struct product_query *query,
                               const char *sql, const struct product_position *from, int limit,
                               struct sqlite_rows *rows);

/* How many products have the query's status and category, of which product_counts keeps account. */
struct status product_list_scope(struct sqlite_tx *tx, const struct product_query *query,
                                 int64_t *ret_count);

/* ---- lists by terms ---- */

struct product_selection {
    struct arena *arena;
    struct sqlite_tx *tx;
    struct product_list *list;
    struct product_matches matches;
    bool *read, *ready;       /* chunks: of which the terms are intersected, and all is done */
    size_t *counts;           /* members of each chunk that is ready */
    size_t counted;           /* all of them */
    struct product_set range; /* of a narrow range, if it is one */
    bool narrow, ranged_only; /* nothing but the source and a narrow range is asked */
    int looked_up;            /* rows whose name or amount has been read */
};

enum { PRODUCT_LOOKED_UP_MAX = 1000 };

static inline struct status product_list_too_broad(const char *message)
{
    return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__LIST_TOO_BROAD, message);
}

struct status product_list_read_amount(struct product_selection *selection, int64_t key,
                                       int64_t *ret_amount);

/* Is a product a member, whether or not its chunk is ready? */
struct status product_list_has(struct product_selection *selection, int64_t key, bool *ret_has);

/* Makes all chunks ready, and says how many members there are. */
struct status product_list_complete(struct product_selection *selection, size_t *ret_count);

/* Finds members by name or price, when as many chunks are ready as the total needs. */
struct status product_list_by_value(struct product_selection *selection);

/* Finds the page's members and one more, and the total. */
struct status product_list_select(struct arena *arena, struct sqlite_tx *tx,
                                  struct product_list *list);
/* Finds the total alone. */
struct status product_list_count(struct arena *arena, struct sqlite_tx *tx,
                                 struct product_list *list);
void product_list_set_total(struct product_list *list, size_t count);

#endif
