/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over the rows of a file that knows which product each belongs to, and where the rows of a
 * product are that do not stand together. For shopify.c.
 *
 * A broken row belongs to the product whose handle can be read in it, else to that of the row
 * before: it may be one of its variants, so that product is refused as a whole. */
#ifndef APP_SHOPIFY_ROWS_H
#define APP_SHOPIFY_ROWS_H

#include "app/csv_text.h"
#include "app/shopify_columns.h"

enum {
    SHOPIFY_PRODUCTS_MAX = 4 * 1000 * 1000,
    SHOPIFY_RUNS_MAX = 4 * 1000 * 1000, /* of rows that are away from their product's first */
};

struct shopify_walk {
    const struct csv_text *text;
    const char *kept; /* what stands before it is given back next */
    struct csv_reader csv;
    const struct shopify_header *header;
    enum csv_result result;
    struct csv_row row; /* as csv_next has read it */
    uint64_t handle;    /* a hash; 0: the row belongs to no product */
    struct arena arena; /* of the row */
};

/* Stands before the next row of `csv`. The text and the header are borrowed for the walk's life. */
void shopify_walk_init(struct shopify_walk *walk, const struct csv_text *text,
                       const struct csv_reader *csv, const struct shopify_header *header);
void shopify_walk_release(struct shopify_walk *walk);

/* Reads the next row that is not blank. A row with more fields than there are columns is broken
 * too. */
void shopify_walk_next(struct shopify_walk *walk);

/* A cell of the row, as it stands there; "" if it is not there. */
struct str shopify_walk_cell(const struct shopify_walk *walk, enum shopify_column column);

/* Rows of one product that stand together, but not with the first of the product. */
struct shopify_run {
    uint64_t handle;
    const char *start;
    int64_t line;
    bool taken; /* it has been read with its product */
};

struct shopify_index {
    struct shopify_run *runs; /* by handle and place; owned */
    size_t count, capacity;
};

/* Walks over everything. RESOURCE_EXHAUSTED past SHOPIFY_PRODUCTS_MAX or SHOPIFY_RUNS_MAX. */
struct status shopify_index_make(const struct csv_text *text, const struct csv_reader *csv,
                                 const struct shopify_header *header,
                                 struct shopify_index *ret_index);
void shopify_index_release(struct shopify_index *index);

/* The first run of a handle; all of them stand one after the other. NULL if there is none. */
struct shopify_run *shopify_index_find(const struct shopify_index *index, uint64_t handle);

/* The run that begins there. NULL if there is none. */
struct shopify_run *shopify_index_at(const struct shopify_index *index, uint64_t handle,
                                     const char *start);

#endif
