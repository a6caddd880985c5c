/* SPDX-License-Identifier: Apache-2.0 */
/* The index of the catalogue in SQLite: which products have a term (product_terms.h), as sets of
 * row numbers that can be intersected.
 *
 * A chunk is CHUNK_SIZE row numbers. product_postings has a row for each term that a chunk knows:
 * up to ARRAY_MAX numbers as uint16, more as a bitmap. To write forty of those rows for each
 * product would be dear, so a change is kept in product_fresh first, as the terms before and after,
 * and FRESH_MAX changes are folded into the rows together, in the order of the table. Who reads
 * takes the fresh products from there. */
#ifndef SERVICES_PRODUCT_PRODUCT_POSTINGS_SQLITE_H
#define SERVICES_PRODUCT_PRODUCT_POSTINGS_SQLITE_H

#include "services/product/product_store_sqlite.h"
#include "services/product/product_terms.h"

enum {
    CHUNK_BITS = 15,
    CHUNK_SIZE = 1 << CHUNK_BITS,
    CHUNK_WORDS = CHUNK_SIZE / 64,
    CHUNK_BYTES = CHUNK_SIZE / 8,
    ARRAY_MAX = CHUNK_BYTES / 2 - 1,
};

#define PRODUCT_POSTINGS_SCHEMA                                                                \
    "CREATE TABLE product_postings ("                                                          \
    "  chunk INTEGER NOT NULL,"                                                                \
    "  term BLOB NOT NULL,"                                                                    \
    "  rows BLOB NOT NULL,"                                                                    \
    "  PRIMARY KEY (chunk, term)) STRICT, WITHOUT ROWID;"                                      \
    "CREATE TABLE product_fresh ("                                                             \
    "  product INTEGER PRIMARY KEY,"                                                           \
    "  before BLOB NOT NULL,"                                                                  \
    "  after BLOB NOT NULL) STRICT;"                                                           \
    "CREATE TABLE product_fresh_size (count INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;" \
    "INSERT INTO product_fresh_size VALUES (0, 0);"

/* A set of row numbers. */
struct product_set {
    uint64_t *words; /* CHUNK_WORDS a chunk */
    size_t chunk_count;
};

static inline bool product_set_has(const struct product_set *set, int64_t key)
{
    size_t word = (size_t)key >> 6;

    return word < set->chunk_count * CHUNK_WORDS && (set->words[word] >> (key & 63) & 1) != 0;
}
static inline void product_set_remove(struct product_set *set, int64_t key)
{
    set->words[(size_t)key >> 6] &= ~(1ull << (key & 63));
}
size_t product_set_count(const struct product_set *set);
/* The nearest member above or below `key`; -1 if there is none. */
int64_t product_set_next(const struct product_set *set, int64_t key, bool descending);

/* Keeps what became of a product's terms; NULL: it was not, or is no more. */
struct status product_postings_write(struct sqlite_tx *tx, int64_t key,
                                     const struct product_terms *before,
                                     const struct product_terms *after);

/* The products that fulfil all of it, and of those the ones that have all words in their names. */
struct status product_postings_find(struct arena *arena, struct sqlite_tx *tx,
                                    const struct product_terms_asked *asked,
                                    struct product_set *ret_all, struct product_set *ret_named);

#endif
