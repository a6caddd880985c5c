/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks: a number for each product, in the order of names, by which lists are sorted without
 * reading the names.
 *
 * The products of one status have ranks in the order of their names and, where those are the same,
 * of their row numbers. No two have the same rank, and it does not matter what the names consist
 * of. A product gets its rank when its name is folded into the index (product_fold_sqlite.c): one
 * between those of its neighbours in the index of names. Where no number is left between them, some
 * neighbours get new ranks, which are farther apart. product_ranks has 64 ranks a row, 0 for
 * products that have none.
 *
 * Products of a catalogue that an older program has left get their ranks in the order of names,
 * some at a time (product_ranks_step). product_ranking says how far that has come; what is behind
 * that place has no rank yet. */
#ifndef SERVICES_PRODUCT_PRODUCT_RANKS_SQLITE_H
#define SERVICES_PRODUCT_PRODUCT_RANKS_SQLITE_H

#include "services/product/sqlite/product_postings_sqlite.h"

#define PRODUCT_RANKS_SCHEMA                                                                 \
    "CREATE TABLE product_ranks (block INTEGER PRIMARY KEY, ranks BLOB NOT NULL) STRICT;"    \
    "CREATE TABLE product_ranking ("                                                         \
    "  status INTEGER NOT NULL,"                                                             \
    "  name TEXT NOT NULL,"                                                                  \
    "  key INTEGER NOT NULL,"                                                                \
    "  rank INTEGER NOT NULL,"                                                               \
    "  step INTEGER NOT NULL,"                                                               \
    "  waiting INTEGER NOT NULL) STRICT;"                                                    \
    "INSERT INTO product_ranking SELECT iif(EXISTS (SELECT 1 FROM products), 0, 3), '', -1," \
    "  0, 0, coalesce(sum(count), 0) FROM product_counts;"

/* Where all products are indexed again, all get their ranks again. */
#define PRODUCT_RANKS_SCHEMA_2                                                        \
    "DELETE FROM product_ranks;"                                                      \
    "UPDATE product_ranking SET status = iif(EXISTS (SELECT 1 FROM products), 0, 3)," \
    "  name = '', key = -1, rank = 0, step = 0,"                                      \
    "  waiting = (SELECT coalesce(sum(count), 0) FROM product_counts);"

/* As the column of names compares: ASCII letters without regard to case, all else by bytes. */
int product_names_compare(struct str left, struct str right);

/* Gives ranks to products whose names or status have changed. */
struct status product_ranks_fold(struct arena *arena, struct sqlite_tx *tx,
                                 const struct product_fresh *fresh, size_t count);

/* Gives ranks to up to `limit` products that have none yet; only while nothing is fresh. */
struct status product_ranks_step(struct arena *arena, struct sqlite_tx *tx, int limit);
/* How many have none; 0 if all have. */
struct status product_ranks_left(struct sqlite_tx *tx, int64_t *ret_left);

/* All ranks of a chunk; those behind *ret_count are 0. */
struct status product_ranks_read(struct sqlite_tx *tx, size_t chunk, int64_t ret_ranks[CHUNK_SIZE],
                                 size_t *ret_count);

/* Where a place in the list of all products of a status is among the ranks: the greatest rank that
 * is not behind it, or upwards of it, if descending, the least that is not before it. *ret_found
 * is false if there is none. */
struct status product_ranks_find(struct product_matches *matches, const struct product_query *query,
                                 struct str name, int64_t key, int64_t *ret_rank, bool *ret_found);

#endif
