/* SPDX-License-Identifier: Apache-2.0 */
/* The index of the catalogue in SQLite: which products have a term (product_terms.h), as sets of
 * row numbers that can be intersected, and the codes by which they are sorted.
 *
 * A chunk is CHUNK_SIZE row numbers. product_postings has a row for each term that a chunk knows:
 * up to ARRAY_MAX numbers as uint16, more as a bitmap. That is the order in which changes are
 * written, which matters for words, of which there are many; product_filters has the same of the
 * terms of filters, which are few, in the order in which they are read. product_codes has the
 * codes of a chunk's amounts, two bytes a product: the upper halves as `half` 2, the lower ones as
 * 3. Ranks by name are in a table of their own (product_ranks_sqlite.h). To write forty of those
 * rows for each product would be dear, so a change is kept in product_fresh first, as the terms
 * before and after, and FRESH_MAX changes are folded into the rows together, in the order of the
 * table. Readers take the fresh products from there. */
#ifndef SERVICES_PRODUCT_PRODUCT_POSTINGS_SQLITE_H
#define SERVICES_PRODUCT_PRODUCT_POSTINGS_SQLITE_H

#include "services/product/sqlite/product_chunk_cache.h"
#include "services/product/sqlite/product_store_sqlite.h"
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

/* Terms have got their status, and codes have come: what was there is indexed again. */
#define PRODUCT_POSTINGS_SCHEMA_2                         \
    "DROP TABLE product_postings;"                        \
    "CREATE TABLE product_postings ("                     \
    "  chunk INTEGER NOT NULL,"                           \
    "  term BLOB NOT NULL,"                               \
    "  rows BLOB NOT NULL,"                               \
    "  PRIMARY KEY (chunk, term)) STRICT, WITHOUT ROWID;" \
    "CREATE TABLE product_filters ("                      \
    "  term BLOB NOT NULL,"                               \
    "  chunk INTEGER NOT NULL,"                           \
    "  rows BLOB NOT NULL,"                               \
    "  PRIMARY KEY (term, chunk)) STRICT, WITHOUT ROWID;" \
    "CREATE TABLE product_codes ("                        \
    "  chunk INTEGER NOT NULL,"                           \
    "  half INTEGER NOT NULL,"                            \
    "  codes BLOB NOT NULL,"                              \
    "  PRIMARY KEY (chunk, half)) STRICT, WITHOUT ROWID;" \
    "DELETE FROM product_fresh;"                          \
    "UPDATE product_fresh_size SET count = 0, bytes = 0;" \
    "UPDATE product_backlog SET next = 1,"                \
    "  last = (SELECT coalesce(max(key), 0) FROM products);"

/* Names have got their second code, so all products are indexed again, over what is there. Every
 * folding that changes rows of a chunk gives it the next version, by which rows are kept in
 * memory (product_chunk_cache.h). A chunk without a row has version 0. */
#define PRODUCT_POSTINGS_SCHEMA_3          \
    "CREATE TABLE product_chunks ("        \
    "  chunk INTEGER PRIMARY KEY,"         \
    "  version INTEGER NOT NULL) STRICT;"  \
    "UPDATE product_backlog SET next = 1," \
    "  last = (SELECT coalesce(max(key), 0) FROM products);"

/* Characters that are written in several ways have become one in words, so all products are indexed
 * again. The old rows are removed a slice at a time (product_obsolete_sqlite.h). */
#define PRODUCT_POSTINGS_SCHEMA_4                                  \
    "ALTER TABLE product_postings RENAME TO product_postings_old;" \
    "CREATE TABLE product_postings ("                              \
    "  chunk INTEGER NOT NULL,"                                    \
    "  term BLOB NOT NULL,"                                        \
    "  rows BLOB NOT NULL,"                                        \
    "  PRIMARY KEY (chunk, term)) STRICT, WITHOUT ROWID;"          \
    "DELETE FROM product_filters;"                                 \
    "DELETE FROM product_codes;"                                   \
    "DELETE FROM product_fresh;"                                   \
    "UPDATE product_fresh_size SET count = 0, bytes = 0;"          \
    "UPDATE product_chunks SET version = version + 1;"             \
    "UPDATE product_backlog SET next = 1,"                         \
    "  last = (SELECT coalesce(max(key), 0) FROM products);"

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
static inline void product_set_add(struct product_set *set, int64_t key)
{
    set->words[(size_t)key >> 6] |= 1ull << (key & 63);
}
static inline void product_set_remove(struct product_set *set, int64_t key)
{
    set->words[(size_t)key >> 6] &= ~(1ull << (key & 63));
}
static inline uint64_t *product_set_chunk(const struct product_set *set, size_t chunk)
{
    return set->words + chunk * CHUNK_WORDS;
}
size_t product_chunk_count(const uint64_t words[CHUNK_WORDS]);
/* The nearest member above or below `key`; -1 if there is none. */
int64_t product_set_next(const struct product_set *set, int64_t key, bool descending);

/* The row of a term in a chunk. */
struct status product_rows_query(struct sqlite_tx *tx, struct sqlite_rows *rows, int64_t chunk,
                                 struct str term);
/* Adds a row to a set. */
void product_rows_add(struct str rows, uint64_t words[CHUNK_WORDS]);
/* The form of a set as a row; `room` has CHUNK_BYTES. */
struct str product_rows_pack(const uint64_t words[CHUNK_WORDS], uint16_t *room);

/* Keeps what became of a product's terms; NULL: it was not, or is no more. */
struct status product_postings_write(struct sqlite_tx *tx, int64_t key,
                                     const struct product_terms *before,
                                     const struct product_terms *after);

/* What has changed since the last folding, by key. */
struct product_fresh {
    int64_t key;
    struct str before, terms; /* empty: it was not, or is no more; `before` only for folding */
    uint32_t amount_code;     /* of those that fit */
};

/* What lists are sorted by: a name's rank of 64 bits, or an amount's code of 32. */
enum product_column { COLUMN_NAME, COLUMN_AMOUNT };
enum { COLUMN_COUNT = COLUMN_AMOUNT + 1, PARTS_MAX = 4 };

/* A column of a chunk but for fresh products, two bytes a product in each part, the highest first;
 * the parts that a column doesn't have are NULL. */
struct product_codes {
    const struct product_chunk_row *parts[PARTS_MAX];
};

/* The products that fulfil all that is asked, chunk by chunk, as far as they are wanted. */
struct product_matches {
    struct arena *arena;
    struct sqlite_tx *tx;
    struct product_chunk_cache *cache;
    const struct product_terms_asked *asked;
    bool names;                            /* `named` is wanted */
    struct product_set all, named;         /* and those that have all words in their names */
    int64_t *versions;                     /* of the chunks */
    struct product_codes *codes;           /* of chunks and columns, as far as they are read */
    int64_t *ranks;                        /* room for those of a chunk */
    const struct product_chunk_row **held; /* rows in use */
    size_t held_count, held_room;
    int64_t folding; /* the sum of the chunks' versions, which no two foldings share */
    struct product_fresh *fresh;
    size_t fresh_count;
    int64_t expansions;            /* rows that beginnings of words have read */
    size_t order[TERMS_ASKED_MAX]; /* the rarest of the last chunk first */
};

struct status product_matches_begin(struct product_matches *matches);
/* Lets go of all that is held, the terms of fresh products as well. */
void product_matches_end(struct product_matches *matches);
/* Reads a chunk of both sets, but for fresh products. LIST_TOO_BROAD if too many words begin as the
 * last one. */
struct status product_matches_read(struct product_matches *matches, size_t chunk);

/* Reads all fresh products, once the versions are known. */
struct status product_fresh_load(struct product_matches *matches);
/* The fresh products of a chunk, and whether one of them fulfils all. */
struct product_fresh *product_matches_fresh(const struct product_matches *matches, size_t chunk,
                                            size_t *ret_count);
bool product_matches_is_fresh(const struct product_matches *matches, int64_t key);
/* Of a product that is fresh. */
const struct product_fresh *product_matches_fresh_of(const struct product_matches *matches,
                                                     int64_t key);
void product_matches_mark_fresh(const struct product_matches *matches, size_t chunk,
                                uint64_t ret_words[CHUNK_WORDS]);
bool product_fresh_fits(const struct product_matches *matches, struct product_fresh *fresh,
                        bool *ret_named);

/* The codes of a chunk. */
struct status product_matches_codes(struct product_matches *matches, size_t chunk,
                                    enum product_column column, struct product_codes *ret_codes);
/* Of one product the code of its amount. */
struct status product_matches_amount_code(struct product_matches *matches, int64_t key,
                                          uint32_t *ret_code);
const uint16_t *product_codes_of_word(const struct product_chunk_row *part, size_t word);
/* Leaves those of a chunk's members with codes from `least` to `most`, which is not below it. The
 * ends are those with just one of these two codes; NULL if they are not wanted. */
void product_codes_narrow(const struct product_chunk_row *part, uint16_t least, uint16_t most,
                          uint64_t words[CHUNK_WORDS], uint64_t *ret_ends);

/* Folds all that is fresh. */
struct status product_postings_fold(struct sqlite_tx *tx);

/* For folding: writes the codes of fresh products, which are in the order of their keys. */
struct status product_codes_write(struct arena *arena, struct sqlite_tx *tx,
                                  const struct product_fresh *fresh, size_t count);

/* A row of the index, from the cache or by `read`, which fills `ret_bytes` (arena or borrowed until
 * the next call); held until product_matches_end. */
const struct product_chunk_row *product_matches_find(struct product_matches *matches, size_t chunk,
                                                     struct str key);
const struct product_chunk_row *product_matches_keep(struct product_matches *matches, size_t chunk,
                                                     struct str key, struct str bytes);
/* A row from the cache is in use until product_matches_end. */
void product_matches_hold(struct product_matches *matches, const struct product_chunk_row *row);

#endif
