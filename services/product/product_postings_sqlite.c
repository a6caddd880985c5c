/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the index of the catalogue. */
#include "services/product/product_postings_sqlite.h"

#include <stdlib.h>

#include "reasons.pb-c.h"

enum {
    EXPANSIONS_MAX = 12000, /* rows that a word's beginning may read */
};

/* ---- sets ---- */

size_t product_chunk_count(const uint64_t words[CHUNK_WORDS])
{
    size_t count = 0;

    for (size_t i = 0; i < CHUNK_WORDS; i++) count += (size_t)__builtin_popcountll(words[i]);
    return count;
}

size_t product_set_count(const struct product_set *set)
{
    size_t count = 0;

    for (size_t i = 0; i < set->chunk_count; i++)
        count += product_chunk_count(product_set_chunk(set, i));
    return count;
}

static int64_t next_above(const struct product_set *set, int64_t key)
{
    size_t word = (size_t)(key + 1) >> 6, end = set->chunk_count * CHUNK_WORDS;
    uint64_t bits;

    if (word >= end) return -1;
    bits = set->words[word] & (~0ull << ((key + 1) & 63));
    while (!bits) {
        if (++word == end) return -1;
        bits = set->words[word];
    }
    return (int64_t)(word << 6) + __builtin_ctzll(bits);
}

static int64_t next_below(const struct product_set *set, int64_t key)
{
    int64_t end = (int64_t)(set->chunk_count * CHUNK_SIZE);
    size_t word;
    uint64_t bits;

    if (key > end) key = end;
    if (key <= 0) return -1;
    word = (size_t)(key - 1) >> 6;
    bits = set->words[word] & (~0ull >> (63 - ((key - 1) & 63)));
    while (!bits) {
        if (word-- == 0) return -1;
        bits = set->words[word];
    }
    return (int64_t)(word << 6) + 63 - __builtin_clzll(bits);
}

int64_t product_set_next(const struct product_set *set, int64_t key, bool descending)
{
    return descending ? next_below(set, key) : next_above(set, key < 0 ? -1 : key);
}

/* ---- the rows' form ---- */

static void set_bit(uint64_t *words, size_t bit)
{
    words[bit >> 6] |= 1ull << (bit & 63);
}

void product_rows_add(struct str rows, uint64_t words[CHUNK_WORDS])
{
    const unsigned char *bytes = (const unsigned char *)rows.data;

    if (rows.length == CHUNK_BYTES) {
        for (size_t i = 0; i < CHUNK_WORDS; i++) {
            uint64_t word;
            memcpy(&word, bytes + i * 8, sizeof(word));
            words[i] |= word;
        }
        return;
    }
    for (size_t i = 0; i + 1 < rows.length; i += 2)
        set_bit(words, (size_t)(bytes[i] | bytes[i + 1] << 8) & (CHUNK_SIZE - 1));
}

/* ---- reading ---- */

struct status product_rows_query(struct sqlite_tx *tx, struct sqlite_rows *rows, int64_t chunk,
                                 struct str term)
{
    return sqlite_query(tx, rows,
                        product_term_is_filter(term)
                            ? "SELECT rows FROM product_filters WHERE chunk = ? AND term = ?"
                            : "SELECT rows FROM product_postings WHERE chunk = ? AND term = ?",
                        "lb", chunk, term);
}

static struct status read_rows(struct sqlite_tx *tx, int64_t chunk, struct str term,
                               uint64_t *words, size_t *ret_size)
{
    struct sqlite_rows rows;
    struct status st = product_rows_query(tx, &rows, chunk, term);

    if (failed(st)) return st;
    *ret_size = 0;
    if (sqlite_next(&rows)) {
        struct str found = sqlite_column_view(&rows, 0);
        product_rows_add(found, words);
        *ret_size = found.length;
    }
    sqlite_end(&rows);
    return rows.status;
}

/* Everything that begins with the term. */
static struct status read_range(struct product_matches *matches, int64_t chunk, struct str term,
                                uint64_t *words, size_t *ret_size)
{
    char end[TERM_SIZE_MAX + 1];
    struct sqlite_rows rows;
    size_t size = 0;
    struct status st;

    /* No byte of a UTF-8 text is 0xFF. */
    memcpy(end, term.data, term.length);
    end[term.length] = (char)0xFF;
    st = sqlite_query(
        matches->tx, &rows,
        "SELECT rows FROM product_postings WHERE chunk = ? AND term >= ? AND term < ?", "lbb",
        chunk, term, str_sized(end, term.length + 1));
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        struct str found = sqlite_column_view(&rows, 0);
        if (++matches->expansions > EXPANSIONS_MAX) {
            sqlite_end(&rows);
            return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__LIST_TOO_BROAD,
                               "too many words begin as the last one does; give more of it");
        }
        product_rows_add(found, words);
        size += found.length;
    }
    *ret_size = size;
    return rows.status;
}

/* Keeps those that have the term too, and says how large the term's rows are. */
static struct status narrow(struct product_matches *matches, int64_t chunk, struct str term,
                            bool begins, uint64_t *result, size_t *ret_size)
{
    uint64_t words[CHUNK_WORDS] = {0};
    struct status st = begins ? read_range(matches, chunk, term, words, ret_size)
                              : read_rows(matches->tx, chunk, term, words, ret_size);

    if (failed(st)) return st;
    for (size_t i = 0; i < CHUNK_WORDS; i++) result[i] &= words[i];
    return st;
}

static bool is_empty(const uint64_t *words)
{
    uint64_t any = 0;

    for (size_t i = 0; i < CHUNK_WORDS; i++) any |= words[i];
    return any == 0;
}

/* The rarest first: once nothing is left, the other terms need not be read. */
static void order_terms(struct product_matches *matches, const size_t sizes[TERMS_ASKED_MAX])
{
    size_t *order = matches->order;

    for (size_t i = 1; i < matches->asked->count; i++) {
        size_t item = order[i], at = i;
        for (; at > 0 && sizes[order[at - 1]] > sizes[item]; at--) order[at] = order[at - 1];
        order[at] = item;
    }
}

/* Those of `words` that have all words in their names. */
static struct status read_named(struct product_matches *matches, int64_t chunk, uint64_t *words)
{
    const struct product_terms_asked *asked = matches->asked;
    struct status st = status_ok();
    size_t size;

    for (size_t i = 0; i < asked->words && !failed(st) && !is_empty(words); i++)
        st = narrow(matches, chunk, asked->items[i].name_term, asked->items[i].begins, words,
                    &size);
    return st;
}

/* What has changed since the last folding is looked at as it is. */
static void add_fresh(struct product_matches *matches, size_t chunk)
{
    const struct product_terms_asked *asked = matches->asked;

    for (size_t i = 0; i < matches->fresh_count; i++) {
        const struct product_fresh *fresh = &matches->fresh[i];
        bool all = fresh->terms.length > 0, named = asked->words > 0;
        if ((size_t)fresh->key >> CHUNK_BITS != chunk) continue;
        for (size_t term = 0; term < asked->count && all; term++) {
            all = product_terms_fulfil(fresh->terms, &asked->items[term], false);
            named = named && all && product_terms_fulfil(fresh->terms, &asked->items[term], true);
        }
        product_set_remove(&matches->all, fresh->key);
        product_set_remove(&matches->named, fresh->key);
        if (all) product_set_add(&matches->all, fresh->key);
        if (all && named) product_set_add(&matches->named, fresh->key);
    }
}

struct status product_matches_read(struct product_matches *matches, size_t chunk)
{
    const struct product_terms_asked *asked = matches->asked;
    uint64_t *all = product_set_chunk(&matches->all, chunk);
    uint64_t *named = product_set_chunk(&matches->named, chunk);
    size_t sizes[TERMS_ASKED_MAX] = {0};
    struct status st = status_ok();

    memset(all, 0xFF, CHUNK_BYTES);
    for (size_t i = 0; i < asked->count && !failed(st) && !is_empty(all); i++) {
        const struct product_term_asked *item = &asked->items[matches->order[i]];
        st = narrow(matches, (int64_t)chunk, item->term, item->begins, all,
                    &sizes[matches->order[i]]);
    }
    if (failed(st)) return st;
    order_terms(matches, sizes);
    if (matches->names) {
        memcpy(named, all, CHUNK_BYTES);
        st = read_named(matches, (int64_t)chunk, named);
    }
    add_fresh(matches, chunk);
    return st;
}

static struct status load_fresh(struct product_matches *matches)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(
        matches->tx, &rows, "SELECT product, after FROM product_fresh ORDER BY product", "");

    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        struct product_fresh *fresh;
        if ((matches->fresh_count & (matches->fresh_count - 1)) == 0) {
            size_t room = matches->fresh_count ? matches->fresh_count * 2 : 1;
            struct product_fresh *larger = arena_array(matches->arena, struct product_fresh, room);
            if (matches->fresh_count > 0)
                memcpy(larger, matches->fresh, matches->fresh_count * sizeof(*larger));
            matches->fresh = larger;
        }
        fresh = &matches->fresh[matches->fresh_count++];
        *fresh = (struct product_fresh){
            sqlite_column_i64(&rows, 0), sqlite_column_blob(&rows, 1), {0}};
        product_terms_codes(fresh->terms, fresh->codes);
    }
    return rows.status;
}

static struct status count_chunks(struct sqlite_tx *tx, size_t *ret_count)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows,
                                    "SELECT max(coalesce((SELECT max(key) FROM products), 0),"
                                    " coalesce((SELECT max(product) FROM product_fresh), 0))",
                                    "");

    if (failed(st)) return st;
    *ret_count = 1;
    if (sqlite_next(&rows)) *ret_count += (size_t)(sqlite_column_i64(&rows, 0) >> CHUNK_BITS);
    sqlite_end(&rows);
    return rows.status;
}

struct status product_matches_begin(struct product_matches *matches)
{
    size_t count = 0;
    struct status st = count_chunks(matches->tx, &count);

    if (failed(st)) return st;
    matches->all = (struct product_set){arena_array(matches->arena, uint64_t, count * CHUNK_WORDS),
                                        count};
    matches->named = (struct product_set){
        arena_array(matches->arena, uint64_t, count * CHUNK_WORDS), count};
    for (size_t i = 0; i < TERMS_ASKED_MAX; i++) matches->order[i] = i;
    return load_fresh(matches);
}
