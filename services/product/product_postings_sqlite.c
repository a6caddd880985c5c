/* SPDX-License-Identifier: Apache-2.0 */
/* Writing, folding and reading the index of the catalogue. */
#include "services/product/product_postings_sqlite.h"

#include <stdlib.h>

#include "reasons.pb-c.h"

enum {
    FRESH_MAX = 512,
    FRESH_BYTES_MAX = 256 * 1024,
    EXPANSIONS_MAX = 20000, /* rows that a word's beginning may read */
};

/* ---- sets ---- */

size_t product_set_count(const struct product_set *set)
{
    size_t count = 0;

    for (size_t i = 0; i < set->chunk_count * CHUNK_WORDS; i++)
        count += (size_t)__builtin_popcountll(set->words[i]);
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

static void clear_bit(uint64_t *words, size_t bit)
{
    words[bit >> 6] &= ~(1ull << (bit & 63));
}

/* Adds what a row says. */
static void add_rows(struct str rows, uint64_t *words)
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

/* The form of a set; empty for the empty one. `room` has CHUNK_BYTES. */
static struct str pack_rows(const uint64_t *words, unsigned char *room)
{
    struct product_set set = {(uint64_t *)(uintptr_t)words, 1};
    unsigned char *next = room;

    if (product_set_count(&set) > ARRAY_MAX) return str_sized((const char *)words, CHUNK_BYTES);
    for (int64_t bit = next_above(&set, -1); bit >= 0; bit = next_above(&set, bit)) {
        *next++ = (unsigned char)(bit & 0xFF);
        *next++ = (unsigned char)(bit >> 8);
    }
    return str_sized((const char *)room, (size_t)(next - room));
}

/* ---- folding ---- */

/* One term that a product has got or lost. */
struct posting {
    int64_t key;
    uint64_t beginning; /* the term's first bytes, in their order */
    struct str term;
    bool added;
};

struct postings {
    struct posting *items;
    size_t count, room;
};

static uint64_t beginning_of(struct str term)
{
    uint64_t beginning = 0;

    for (size_t i = 0; i < sizeof(beginning); i++)
        beginning = beginning << 8 | (i < term.length ? (unsigned char)term.data[i] : 0);
    return beginning;
}

static void add_posting(struct arena *arena, struct postings *postings, int64_t key,
                        struct str term, bool added)
{
    if (postings->count == postings->room) {
        size_t room = postings->room ? postings->room * 2 : 1024;
        struct posting *larger = arena_array(arena, struct posting, room);
        if (postings->count > 0) memcpy(larger, postings->items, postings->count * sizeof(*larger));
        postings->items = larger;
        postings->room = room;
    }
    postings->items[postings->count++] = (struct posting){key, beginning_of(term), term, added};
}

static int compare_text(struct str left, struct str right)
{
    size_t shorter = left.length < right.length ? left.length : right.length;
    int order = memcmp(left.data, right.data, shorter);

    if (order != 0) return order;
    return (left.length > right.length) - (left.length < right.length);
}

/* By chunk and term, the losses first: what is lost and got again is there. */
static int compare_postings(const void *a, const void *b)
{
    const struct posting *left = a, *right = b;
    int64_t left_chunk = left->key >> CHUNK_BITS, right_chunk = right->key >> CHUNK_BITS;
    int order;

    if (left_chunk != right_chunk) return left_chunk < right_chunk ? -1 : 1;
    if (left->beginning != right->beginning) return left->beginning < right->beginning ? -1 : 1;
    order = compare_text(left->term, right->term);
    if (order != 0) return order;
    if (left->added != right->added) return left->added ? 1 : -1;
    return (left->key > right->key) - (left->key < right->key);
}

static struct status read_fresh(struct arena *arena, struct sqlite_tx *tx,
                                struct postings *ret_postings)
{
    struct postings postings = {0};
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_query(tx, &rows, "SELECT product, before, after FROM product_fresh", "");
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        int64_t key = sqlite_column_i64(&rows, 0);
        for (int side = 0; side < 2; side++) {
            struct str joined = sqlite_column_blob(&rows, 1 + side);
            struct product_terms terms = product_terms_parse(arena, joined);
            terms = product_terms_complete(arena, &terms);
            for (size_t i = 0; i < terms.count; i++)
                add_posting(arena, &postings, key, terms.items[i], side == 1);
        }
    }
    *ret_postings = postings;
    return rows.status;
}

static struct status read_rows(struct sqlite_tx *tx, int64_t chunk, struct str term,
                               uint64_t *words)
{
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_query(tx, &rows, "SELECT rows FROM product_postings WHERE chunk = ? AND term = ?",
                      "lb", chunk, term);
    if (failed(st)) return st;
    if (sqlite_next(&rows)) add_rows(sqlite_column_view(&rows, 0), words);
    sqlite_end(&rows);
    return rows.status;
}

/* All changes of one row of the table. */
static struct status fold_row(struct sqlite_tx *tx, const struct posting *changes, size_t count)
{
    int64_t chunk = changes[0].key >> CHUNK_BITS;
    unsigned char room[CHUNK_BYTES];
    uint64_t words[CHUNK_WORDS] = {0};
    struct status st = read_rows(tx, chunk, changes[0].term, words);
    struct str rows;

    if (failed(st)) return st;
    for (size_t i = 0; i < count; i++) {
        size_t bit = (size_t)changes[i].key & (CHUNK_SIZE - 1);
        if (changes[i].added)
            set_bit(words, bit);
        else
            clear_bit(words, bit);
    }
    rows = pack_rows(words, room);
    if (rows.length == 0)
        return sqlite_exec(tx, 0, "DELETE FROM product_postings WHERE chunk = ? AND term = ?", "lb",
                           chunk, changes[0].term);
    return sqlite_exec(tx, 0,
                       "INSERT INTO product_postings VALUES (?, ?, ?)"
                       " ON CONFLICT DO UPDATE SET rows = excluded.rows",
                       "lbb", chunk, changes[0].term, rows);
}

static struct status fold(struct sqlite_tx *tx)
{
    struct postings postings;
    struct arena arena;
    struct status st;

    arena_init(&arena, 0);
    st = read_fresh(&arena, tx, &postings);
    if (!failed(st) && postings.count > 1)
        qsort(postings.items, postings.count, sizeof(*postings.items), compare_postings);
    for (size_t i = 0, end; i < postings.count && !failed(st); i = end) {
        const struct posting *first = &postings.items[i];
        for (end = i + 1; end < postings.count; end++) {
            const struct posting *next = &postings.items[end];
            if (next->key >> CHUNK_BITS != first->key >> CHUNK_BITS ||
                !str_equal(next->term, first->term))
                break;
        }
        st = fold_row(tx, first, end - i);
    }
    if (!failed(st)) st = sqlite_exec(tx, 0, "DELETE FROM product_fresh", "");
    if (!failed(st))
        st = sqlite_exec(tx, 0, "UPDATE product_fresh_size SET count = 0, bytes = 0", "");
    arena_release(&arena);
    return st;
}

static struct status fold_if_full(struct sqlite_tx *tx)
{
    struct sqlite_rows rows;
    bool full = false;
    struct status st;

    st = sqlite_query(tx, &rows, "SELECT count, bytes FROM product_fresh_size", "");
    if (failed(st)) return st;
    if (sqlite_next(&rows))
        full = sqlite_column_i64(&rows, 0) >= FRESH_MAX ||
               sqlite_column_i64(&rows, 1) >= FRESH_BYTES_MAX;
    sqlite_end(&rows);
    if (failed(rows.status) || !full) return rows.status;
    return fold(tx);
}

struct status product_postings_write(struct sqlite_tx *tx, int64_t key,
                                     const struct product_terms *before,
                                     const struct product_terms *after)
{
    static const struct product_terms none;
    struct status st;

    if (!before) before = &none;
    if (!after) after = &none;
    if (product_terms_equal(before, after)) return status_ok();
    st = sqlite_exec(tx, 0,
                     "INSERT INTO product_fresh VALUES (?, ?, ?)"
                     " ON CONFLICT DO UPDATE SET after = excluded.after",
                     "lbb", key, before->joined, after->joined);
    if (failed(st)) return st;
    st = sqlite_exec(tx, 0, "UPDATE product_fresh_size SET count = count + 1, bytes = bytes + ?",
                     "l", (int64_t)(before->joined.length + after->joined.length));
    if (failed(st)) return st;
    return fold_if_full(tx);
}

/* ---- reading ---- */

/* Work that one list may do. */
struct finding {
    struct sqlite_tx *tx;
    const struct product_terms_asked *asked;
    struct product_set all, named;
    int64_t expansions;
};

/* Everything that begins with the term. */
static struct status read_range(struct finding *finding, int64_t chunk, struct str term,
                                uint64_t *words)
{
    char end[TERM_SIZE_MAX];
    struct sqlite_rows rows;
    struct status st;

    /* No byte of a UTF-8 text is 0xFF. */
    memcpy(end, term.data, term.length);
    end[term.length] = (char)0xFF;
    st = sqlite_query(
        finding->tx, &rows,
        "SELECT rows FROM product_postings WHERE chunk = ? AND term >= ? AND term < ?", "lbb",
        chunk, term, str_sized(end, term.length + 1));
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        if (++finding->expansions > EXPANSIONS_MAX) {
            sqlite_end(&rows);
            return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__LIST_TOO_BROAD,
                               "too many words begin as the last one does; give more of it");
        }
        add_rows(sqlite_column_view(&rows, 0), words);
    }
    return rows.status;
}

/* The first condition, or the intersection with what is there. */
static struct status narrow(struct finding *finding, int64_t chunk,
                            const struct product_term_asked *asked, struct str term,
                            uint64_t *result)
{
    uint64_t words[CHUNK_WORDS] = {0};
    struct status st = asked->begins ? read_range(finding, chunk, term, words)
                                     : read_rows(finding->tx, chunk, term, words);

    if (failed(st)) return st;
    for (size_t i = 0; i < CHUNK_WORDS; i++) result[i] &= asked->absent ? ~words[i] : words[i];
    return st;
}

static bool is_empty(const uint64_t *words)
{
    uint64_t any = 0;

    for (size_t i = 0; i < CHUNK_WORDS; i++) any |= words[i];
    return any == 0;
}

static struct status find_in_chunk(struct finding *finding, size_t chunk)
{
    const struct product_terms_asked *asked = finding->asked;
    uint64_t *all = finding->all.words + chunk * CHUNK_WORDS;
    uint64_t *named = finding->named.words + chunk * CHUNK_WORDS;
    struct status st = status_ok();

    memset(all, 0xFF, CHUNK_BYTES);
    for (size_t i = 0; i < asked->count && !failed(st) && !is_empty(all); i++)
        st = narrow(finding, (int64_t)chunk, &asked->items[i], asked->items[i].term, all);
    if (asked->words == 0 || failed(st)) return st;
    memcpy(named, all, CHUNK_BYTES);
    for (size_t i = 0; i < asked->words && !failed(st) && !is_empty(named); i++)
        st = narrow(finding, (int64_t)chunk, &asked->items[i], asked->items[i].name_term, named);
    return st;
}

/* What has changed since the last folding is looked at as it is. */
static struct status find_fresh(struct finding *finding)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(finding->tx, &rows, "SELECT product, after FROM product_fresh",
                                    "");

    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        size_t key = (size_t)sqlite_column_i64(&rows, 0);
        struct str terms = sqlite_column_view(&rows, 1);
        bool all = terms.length > 0, named = finding->asked->words > 0;
        for (size_t i = 0; i < finding->asked->count && all; i++) {
            const struct product_term_asked *asked = &finding->asked->items[i];
            all = product_terms_fulfil(terms, asked, false);
            named = named && all && product_terms_fulfil(terms, asked, true);
        }
        clear_bit(finding->all.words, key);
        clear_bit(finding->named.words, key);
        if (all) set_bit(finding->all.words, key);
        if (all && named) set_bit(finding->named.words, key);
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

struct status product_postings_find(struct arena *arena, struct sqlite_tx *tx,
                                    const struct product_terms_asked *asked,
                                    struct product_set *ret_all, struct product_set *ret_named)
{
    struct finding finding = {.tx = tx, .asked = asked};
    size_t count = 0;
    struct status st = count_chunks(tx, &count);

    if (failed(st)) return st;
    finding.all = (struct product_set){arena_array(arena, uint64_t, count * CHUNK_WORDS), count};
    finding.named = (struct product_set){arena_array(arena, uint64_t, count * CHUNK_WORDS), count};
    for (size_t chunk = 0; chunk < count && !failed(st); chunk++)
        st = find_in_chunk(&finding, chunk);
    if (!failed(st)) st = find_fresh(&finding);
    if (failed(st)) return st;
    *ret_all = finding.all;
    *ret_named = finding.named;
    return st;
}
