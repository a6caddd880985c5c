/* SPDX-License-Identifier: Apache-2.0 */
/* What has changed since the last folding: up to 512 products, which every list by terms looks at.
 *
 * All of them are kept as one row of the cache of the index, which is that of one state of
 * product_fresh: a change makes its count greater, and a folding, which makes it 0, gives chunks
 * new versions and so makes their sum greater. */
#include "services/product/sqlite/product_postings_sqlite.h"

enum {
    FRESH_CHUNK = -1,  /* in the cache, where it is none */
    FRESH_KEY = 'f',   /* there; terms begin with a digit */
    COUNT_BITS = 16,   /* of a state, below the sum of versions */
    KEPT_ALIGNMENT = 8 /* of what is in the row */
};

/* How a product is kept, before its terms. */
struct kept_fresh {
    int64_t key;
    uint64_t length;
};

static size_t kept_size(size_t length)
{
    return sizeof(struct kept_fresh) +
           (length + KEPT_ALIGNMENT - 1) / KEPT_ALIGNMENT * KEPT_ALIGNMENT;
}

static struct product_fresh *add_fresh(struct product_matches *matches)
{
    size_t count = matches->fresh_count++;

    if ((count & (count - 1)) == 0) {
        struct product_fresh *larger = arena_array(matches->arena, struct product_fresh,
                                                   count ? count * 2 : 1);
        if (count > 0) memcpy(larger, matches->fresh, count * sizeof(*larger));
        matches->fresh = larger;
    }
    return &matches->fresh[count];
}

static void unpack(struct product_matches *matches, struct str bytes)
{
    for (size_t at = 0; at < bytes.length;) {
        struct kept_fresh kept;
        memcpy(&kept, bytes.data + at, sizeof(kept));
        *add_fresh(matches) = (struct product_fresh){
            .key = kept.key,
            .terms = str_sized(bytes.data + at + sizeof(kept), kept.length),
        };
        at += kept_size(kept.length);
    }
}

static struct str pack(const struct product_matches *matches)
{
    size_t size = 0, at = 0;
    char *bytes;

    for (size_t i = 0; i < matches->fresh_count; i++)
        size += kept_size(matches->fresh[i].terms.length);
    bytes = arena_alloc(matches->arena, size + 1);
    for (size_t i = 0; i < matches->fresh_count; i++) {
        struct str terms = matches->fresh[i].terms;
        struct kept_fresh kept = {matches->fresh[i].key, terms.length};
        memset(bytes + at, 0, kept_size(terms.length));
        memcpy(bytes + at, &kept, sizeof(kept));
        if (terms.length > 0) memcpy(bytes + at + sizeof(kept), terms.data, terms.length);
        at += kept_size(terms.length);
    }
    return str_sized(bytes, size);
}

static struct status read_all(struct product_matches *matches)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(
        matches->tx, &rows, "SELECT product, after FROM product_fresh ORDER BY product", "");

    if (failed(st)) return st;
    while (sqlite_next(&rows))
        *add_fresh(matches) = (struct product_fresh){.key = sqlite_column_i64(&rows, 0),
                                                     .terms = sqlite_column_blob(&rows, 1)};
    return rows.status;
}

static struct status count_changes(struct product_matches *matches, int64_t *ret_count)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(matches->tx, &rows, "SELECT count FROM product_fresh_size", "");

    if (failed(st)) return st;
    *ret_count = sqlite_next(&rows) ? sqlite_column_i64(&rows, 0) : 0;
    sqlite_end(&rows);
    return rows.status;
}

struct status product_fresh_load(struct product_matches *matches)
{
    const char fresh_key[] = {FRESH_KEY};
    struct str key = str_sized(fresh_key, sizeof(fresh_key));
    const struct product_chunk_row *row;
    int64_t count = 0, state;
    struct status st = count_changes(matches, &count);

    if (failed(st) || count == 0) return st;
    if (count >> COUNT_BITS != 0) return read_all(matches);
    state = matches->folding << COUNT_BITS | count;
    row = product_chunk_cache_find(matches->cache, FRESH_CHUNK, state, key);
    if (row) {
        product_matches_hold(matches, row);
        unpack(matches, row->bytes);
        return st;
    }
    st = read_all(matches);
    if (failed(st)) return st;
    product_matches_hold(
        matches, product_chunk_cache_add(matches->cache, FRESH_CHUNK, state, key, pack(matches)));
    return st;
}

/* ---- what lists ask of them ---- */

static size_t first_fresh(const struct product_matches *matches, int64_t key)
{
    size_t least = 0, most = matches->fresh_count;

    while (least < most) {
        size_t middle = (least + most) / 2;
        if (matches->fresh[middle].key < key)
            least = middle + 1;
        else
            most = middle;
    }
    return least;
}

struct product_fresh *product_matches_fresh(const struct product_matches *matches, size_t chunk,
                                            size_t *ret_count)
{
    size_t first = first_fresh(matches, (int64_t)chunk << CHUNK_BITS);

    *ret_count = first_fresh(matches, (int64_t)(chunk + 1) << CHUNK_BITS) - first;
    return *ret_count > 0 ? matches->fresh + first : NULL;
}

bool product_matches_is_fresh(const struct product_matches *matches, int64_t key)
{
    size_t at = first_fresh(matches, key);

    return at < matches->fresh_count && matches->fresh[at].key == key;
}

const struct product_fresh *product_matches_fresh_of(const struct product_matches *matches,
                                                     int64_t key)
{
    invariant(product_matches_is_fresh(matches, key));
    return matches->fresh + first_fresh(matches, key);
}

void product_matches_mark_fresh(const struct product_matches *matches, size_t chunk,
                                uint64_t ret_words[CHUNK_WORDS])
{
    size_t count;
    const struct product_fresh *fresh = product_matches_fresh(matches, chunk, &count);

    memset(ret_words, 0, CHUNK_BYTES);
    for (size_t i = 0; i < count; i++) {
        size_t bit = (size_t)fresh[i].key & (CHUNK_SIZE - 1);
        ret_words[bit >> 6] |= 1ull << (bit & 63);
    }
}

bool product_fresh_fits(const struct product_matches *matches, struct product_fresh *fresh,
                        bool *ret_named)
{
    const struct product_terms_asked *asked = matches->asked;

    if (fresh->terms.length == 0) return false;
    for (size_t i = 0; i < asked->count; i++) /* the rarest first, too */
        if (!product_terms_fulfil(fresh->terms, &asked->items[matches->order[i]], false))
            return false;
    *ret_named = asked->words > 0;
    for (size_t i = 0; i < asked->words && *ret_named; i++)
        *ret_named = product_terms_fulfil(fresh->terms, &asked->items[i], true);
    return product_terms_amount_code(fresh->terms, &fresh->amount_code);
}
