/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the index of the catalogue. */
#include "services/product/sqlite/product_postings_sqlite.h"

#include <stdlib.h>

#include "reasons.pb-c.h"

enum {
    EXPANSIONS_MAX = 8000, /* rows that a word's beginning may read */
    HELD_FIRST = 64,
};

/* ---- sets ---- */

/* Counts in all bytes of a number at once, and adds the bytes up before one could overflow. The
 * processor's own instruction is not in every x86-64. */
size_t product_chunk_count(const uint64_t words[CHUNK_WORDS])
{
    enum { BLOCK = 16 };
    const uint64_t odd = 0x5555555555555555, pairs = 0x3333333333333333, low = 0x0F0F0F0F0F0F0F0F;
    const uint64_t even_bytes = 0x00FF00FF00FF00FF;
    uint64_t count = 0;

    for (size_t i = 0; i < CHUNK_WORDS; i += BLOCK) {
        uint64_t sum = 0;
        for (size_t at = i; at < i + BLOCK; at++) {
            uint64_t word = words[at];
            word -= word >> 1 & odd;
            word = (word & pairs) + (word >> 2 & pairs);
            sum += (word + (word >> 4)) & low;
        }
        sum = (sum & even_bytes) + (sum >> 8 & even_bytes);
        count += (sum * 0x0001000100010001) >> 48;
    }
    return (size_t)count;
}
static_assert(CHUNK_WORDS % 16 == 0, "blocks of words fill a chunk");

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

struct str product_rows_pack(const uint64_t words[CHUNK_WORDS], uint16_t *room)
{
    size_t count = 0;

    if (product_chunk_count(words) > ARRAY_MAX) return str_sized(words, CHUNK_BYTES);
    for (size_t i = 0; i < CHUNK_WORDS; i++)
        for (uint64_t left = words[i]; left; left &= left - 1)
            room[count++] = (uint16_t)(i * 64 + (size_t)__builtin_ctzll(left));
    return str_sized(room, count * sizeof(*room));
}

/* ---- rows in use ---- */

void product_matches_hold(struct product_matches *matches, const struct product_chunk_row *row)
{
    if (matches->held_count == matches->held_room) {
        size_t room = matches->held_room ? matches->held_room * 2 : HELD_FIRST;
        const struct product_chunk_row **larger = arena_array(
            matches->arena, const struct product_chunk_row *, room);
        if (matches->held_count > 0)
            memcpy(larger, matches->held, matches->held_count * sizeof(*larger));
        matches->held = larger;
        matches->held_room = room;
    }
    matches->held[matches->held_count++] = row;
}

const struct product_chunk_row *product_matches_find(struct product_matches *matches, size_t chunk,
                                                     struct str key)
{
    const struct product_chunk_row *row = product_chunk_cache_find(matches->cache, (int64_t)chunk,
                                                                   matches->versions[chunk], key);

    if (row) product_matches_hold(matches, row);
    return row;
}

const struct product_chunk_row *product_matches_keep(struct product_matches *matches, size_t chunk,
                                                     struct str key, struct str bytes)
{
    const struct product_chunk_row *row = product_chunk_cache_add(
        matches->cache, (int64_t)chunk, matches->versions[chunk], key, bytes);

    product_matches_hold(matches, row);
    return row;
}

void product_matches_end(struct product_matches *matches)
{
    product_chunk_cache_release(matches->cache, matches->held, matches->held_count);
    matches->held_count = 0;
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

static struct status read_term(struct product_matches *matches, size_t chunk, struct str term,
                               const struct product_chunk_row **ret_row)
{
    struct sqlite_rows rows;
    struct str found = {0};
    struct status st;

    *ret_row = product_matches_find(matches, chunk, term);
    if (*ret_row) return status_ok();
    st = product_rows_query(matches->tx, &rows, (int64_t)chunk, term);
    if (failed(st)) return st;
    if (sqlite_next(&rows)) found = sqlite_column_view(&rows, 0);
    if (!failed(rows.status)) *ret_row = product_matches_keep(matches, chunk, term, found);
    sqlite_end(&rows);
    return rows.status;
}

/* Everything that begins with the term; `end` is behind all of that. */
static struct status collect(struct product_matches *matches, size_t chunk, struct str term,
                             struct str end, uint64_t words[CHUNK_WORDS])
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(
        matches->tx, &rows,
        "SELECT rows FROM product_postings WHERE chunk = ? AND term >= ? AND term < ?", "lbb",
        (int64_t)chunk, term, end);

    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        if (++matches->expansions > EXPANSIONS_MAX) {
            sqlite_end(&rows);
            return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__LIST_TOO_BROAD,
                               "too many words begin as the last one does; give more of it");
        }
        product_rows_add(sqlite_column_view(&rows, 0), words);
    }
    return rows.status;
}

static struct status read_beginning(struct product_matches *matches, size_t chunk, struct str term,
                                    const struct product_chunk_row **ret_row)
{
    char end[TERM_SIZE_MAX + 1];
    struct str end_term = str_sized(end, term.length + 1);
    uint64_t words[CHUNK_WORDS] = {0};
    uint16_t room[CHUNK_SIZE / 16];
    struct status st;

    /* No byte of a UTF-8 text is 0xFF. */
    memcpy(end, term.data, term.length);
    end[term.length] = (char)0xFF;
    *ret_row = product_matches_find(matches, chunk, end_term);
    if (*ret_row) return status_ok();
    st = collect(matches, chunk, term, end_term, words);
    if (failed(st)) return st;
    *ret_row = product_matches_keep(matches, chunk, end_term, product_rows_pack(words, room));
    return st;
}

/* Keeps the members of a row, and says whether any are left. */
static bool intersect(struct str rows, uint64_t result[CHUNK_WORDS])
{
    uint64_t words[CHUNK_WORDS], any = 0;
    const uint64_t *other = (const uint64_t *)(const void *)rows.data;

    if (rows.length != CHUNK_BYTES) {
        memset(words, 0, sizeof(words));
        product_rows_add(rows, words);
        other = words;
    }
    for (size_t i = 0; i < CHUNK_WORDS; i++) any |= result[i] &= other[i];
    return any != 0;
}

/* Keeps those that have the term too, and says how large the term's row is. */
static struct status narrow(struct product_matches *matches, size_t chunk, struct str term,
                            bool begins, uint64_t *result, bool *ret_any, size_t *ret_size)
{
    const struct product_chunk_row *row;
    struct status st = begins ? read_beginning(matches, chunk, term, &row)
                              : read_term(matches, chunk, term, &row);

    if (failed(st)) return st;
    *ret_any = intersect(row->bytes, result);
    *ret_size = row->bytes.length;
    return st;
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
static struct status read_named(struct product_matches *matches, size_t chunk, bool any,
                                uint64_t *words)
{
    const struct product_terms_asked *asked = matches->asked;
    struct status st = status_ok();
    size_t size;

    for (size_t i = 0; i < asked->words && any && !failed(st); i++)
        st = narrow(matches, chunk, asked->items[i].name_term, asked->items[i].begins, words, &any,
                    &size);
    return st;
}

struct status product_matches_read(struct product_matches *matches, size_t chunk)
{
    const struct product_terms_asked *asked = matches->asked;
    uint64_t *all = product_set_chunk(&matches->all, chunk);
    size_t sizes[TERMS_ASKED_MAX] = {0}, fresh_count;
    const struct product_fresh *fresh = product_matches_fresh(matches, chunk, &fresh_count);
    bool any = true;
    struct status st = status_ok();

    memset(all, 0xFF, CHUNK_BYTES);
    for (size_t i = 0; i < asked->count && any && !failed(st); i++) {
        const struct product_term_asked *item = &asked->items[matches->order[i]];
        st = narrow(matches, chunk, item->term, item->begins, all, &any, &sizes[matches->order[i]]);
    }
    if (failed(st)) return st;
    order_terms(matches, sizes);
    for (size_t i = 0; i < fresh_count; i++) product_set_remove(&matches->all, fresh[i].key);
    if (!matches->names) return st;
    memcpy(product_set_chunk(&matches->named, chunk), all, CHUNK_BYTES);
    return read_named(matches, chunk, any, product_set_chunk(&matches->named, chunk));
}

/* ---- the chunks ---- */

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

static struct status read_versions(struct product_matches *matches, size_t chunk_count)
{
    struct sqlite_rows rows;
    struct status st;

    matches->versions = arena_array(matches->arena, int64_t, chunk_count);
    st = sqlite_query(matches->tx, &rows, "SELECT chunk, version FROM product_chunks", "");
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        size_t chunk = (size_t)sqlite_column_i64(&rows, 0);
        int64_t version = sqlite_column_i64(&rows, 1);
        if (chunk < chunk_count) matches->versions[chunk] = version;
        matches->folding += version;
    }
    return rows.status;
}

struct status product_matches_begin(struct product_matches *matches)
{
    size_t count = 0;
    struct status st = count_chunks(matches->tx, &count);

    if (failed(st)) return st;
    st = read_versions(matches, count);
    if (failed(st)) return st;
    matches->all = (struct product_set){arena_array(matches->arena, uint64_t, count * CHUNK_WORDS),
                                        count};
    if (matches->names)
        matches->named = (struct product_set){
            arena_array(matches->arena, uint64_t, count * CHUNK_WORDS), count};
    matches->codes = arena_array(matches->arena, struct product_codes, count * COLUMN_COUNT);
    for (size_t i = 0; i < TERMS_ASKED_MAX; i++) matches->order[i] = i;
    return product_fresh_load(matches);
}
