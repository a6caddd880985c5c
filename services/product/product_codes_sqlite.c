/* SPDX-License-Identifier: Apache-2.0 */
/* The codes by which products are sorted and ranges are filtered: columns of two bytes a product,
 * a blob for each chunk and half. A blob ends behind the last code that is not 0. */
#include "services/product/product_postings_sqlite.h"

enum { HALVES = COLUMN_COUNT * 2 };

static struct status read_codes(struct sqlite_tx *tx, int64_t chunk, int half,
                                uint16_t ret_codes[CHUNK_SIZE], size_t *ret_count)
{
    struct sqlite_rows rows;
    struct str found = {0};
    struct status st = sqlite_query(tx, &rows,
                                    "SELECT codes FROM product_codes WHERE chunk = ? AND half = ?",
                                    "li", chunk, half);

    if (failed(st)) return st;
    if (sqlite_next(&rows)) found = sqlite_column_view(&rows, 0);
    if (found.length > CHUNK_SIZE * sizeof(uint16_t)) found.length = CHUNK_SIZE * sizeof(uint16_t);
    if (found.length > 0) memcpy(ret_codes, found.data, found.length);
    memset((char *)ret_codes + found.length, 0, CHUNK_SIZE * sizeof(uint16_t) - found.length);
    sqlite_end(&rows);
    *ret_count = found.length / sizeof(uint16_t);
    return rows.status;
}

static uint16_t half_of(const struct product_fresh *fresh, int half)
{
    uint32_t code = fresh->codes[half / 2];

    return half % 2 ? (uint16_t)(code & 0xFFFF) : (uint16_t)(code >> 16);
}

/* One half of one chunk. Most changes are of texts or stock, and leave all codes as they are. */
static struct status write_half(struct sqlite_tx *tx, int half, const struct product_fresh *fresh,
                                size_t count, uint16_t codes[CHUNK_SIZE])
{
    int64_t chunk = fresh[0].key >> CHUNK_BITS;
    bool changed = false;
    size_t used;
    struct status st = read_codes(tx, chunk, half, codes, &used);

    if (failed(st)) return st;
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)fresh[i].key & (CHUNK_SIZE - 1);
        uint16_t code = half_of(&fresh[i], half);
        changed = changed || codes[at] != code;
        codes[at] = code;
        if (at >= used) used = at + 1;
    }
    if (!changed) return st;
    return sqlite_exec(tx, 0,
                       "INSERT INTO product_codes VALUES (?, ?, ?)"
                       " ON CONFLICT DO UPDATE SET codes = excluded.codes",
                       "lib", chunk, half, str_sized(codes, used * sizeof(uint16_t)));
}

struct status product_codes_write(struct arena *arena, struct sqlite_tx *tx,
                                  const struct product_fresh *fresh, size_t count)
{
    uint16_t *codes = arena_alloc(arena, CHUNK_SIZE * sizeof(*codes));
    struct status st = status_ok();

    for (size_t i = 0, end; i < count && !failed(st); i = end) {
        int64_t chunk = fresh[i].key >> CHUNK_BITS;
        for (end = i + 1; end < count && fresh[end].key >> CHUNK_BITS == chunk;) end++;
        for (int half = 0; half < HALVES && !failed(st); half++)
            st = write_half(tx, half, fresh + i, end - i, codes);
    }
    return st;
}

struct status product_matches_codes(struct product_matches *matches, size_t chunk,
                                    enum product_column column, bool lower,
                                    uint16_t ret_codes[CHUNK_SIZE])
{
    int half = (int)column * 2 + lower;
    size_t used;
    struct status st = read_codes(matches->tx, (int64_t)chunk, half, ret_codes, &used);

    if (failed(st)) return st;
    for (size_t i = 0; i < matches->fresh_count; i++) {
        const struct product_fresh *fresh = &matches->fresh[i];
        if ((size_t)fresh->key >> CHUNK_BITS == chunk)
            ret_codes[fresh->key & (CHUNK_SIZE - 1)] = half_of(fresh, half);
    }
    return st;
}
