/* SPDX-License-Identifier: Apache-2.0 */
/* The codes by which products are sorted and ranges are filtered: columns of two bytes a product.
 * Of amounts there is a blob for each chunk and half, which ends behind the last code that is not
 * 0. Ranks by name (product_ranks_sqlite.h) are divided into such columns when they are read. */
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "services/product/sqlite/product_ranks_sqlite.h"

enum {
    AMOUNT_HALVES = 2, /* the first of both in the table */
    HALVES = 2,
    LANES = 8,        /* codes that are compared at once */
    AMOUNT_KEY = 'h', /* in the cache; terms begin with a digit */
    RANK_KEY = 'r',
};

static struct status read_codes(struct sqlite_tx *tx, int64_t chunk, int half,
                                uint16_t ret_codes[CHUNK_SIZE], size_t *ret_count)
{
    struct sqlite_rows rows;
    struct str found = {0};
    struct status st = sqlite_query(tx, &rows,
                                    "SELECT codes FROM product_codes WHERE chunk = ? AND half = ?",
                                    "li", chunk, AMOUNT_HALVES + half);

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
    return half ? (uint16_t)(fresh->amount_code & 0xFFFF) : (uint16_t)(fresh->amount_code >> 16);
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
                       "lib", chunk, AMOUNT_HALVES + half,
                       str_sized(codes, used * sizeof(uint16_t)));
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

/* As it is kept: a multiple of 64 codes. */
static const struct product_chunk_row *keep_part(struct product_matches *matches, size_t chunk,
                                                 const char key[2],
                                                 const uint16_t codes[CHUNK_SIZE], size_t used)
{
    used = (used + 63) / 64 * 64;
    return product_matches_keep(matches, chunk, str_sized(key, 2),
                                str_sized(codes, used * sizeof(*codes)));
}

static struct status find_amounts(struct product_matches *matches, size_t chunk,
                                  struct product_codes *codes)
{
    struct status st = status_ok();

    for (int half = 0; half < HALVES && !failed(st); half++) {
        const char key[2] = {AMOUNT_KEY, (char)('0' + half)};
        uint16_t read[CHUNK_SIZE];
        size_t used;
        codes->parts[half] = product_matches_find(matches, chunk, str_sized(key, sizeof(key)));
        if (codes->parts[half]) continue;
        st = read_codes(matches->tx, (int64_t)chunk, half, read, &used);
        if (!failed(st)) codes->parts[half] = keep_part(matches, chunk, key, read, used);
    }
    return st;
}

static struct status read_ranks(struct product_matches *matches, size_t chunk,
                                struct product_codes *codes)
{
    uint16_t part[CHUNK_SIZE];
    size_t used = 0;
    struct status st;

    if (!matches->ranks)
        matches->ranks = arena_alloc(matches->arena, CHUNK_SIZE * sizeof(*matches->ranks));
    st = product_ranks_read(matches->tx, chunk, matches->ranks, &used);
    for (int i = 0; i < PARTS_MAX && !failed(st); i++) {
        const char key[2] = {RANK_KEY, (char)('0' + i)};
        for (size_t at = 0; at < used; at++)
            part[at] = (uint16_t)((uint64_t)matches->ranks[at] >> (48 - 16 * i) & 0xFFFF);
        codes->parts[i] = keep_part(matches, chunk, key, part, used);
    }
    return st;
}

static struct status find_ranks(struct product_matches *matches, size_t chunk,
                                struct product_codes *codes)
{
    for (int i = 0; i < PARTS_MAX; i++) {
        const char key[2] = {RANK_KEY, (char)('0' + i)};
        codes->parts[i] = product_matches_find(matches, chunk, str_sized(key, sizeof(key)));
        if (!codes->parts[i]) return read_ranks(matches, chunk, codes);
    }
    return status_ok();
}

struct status product_matches_codes(struct product_matches *matches, size_t chunk,
                                    enum product_column column, struct product_codes *ret_codes)
{
    struct product_codes *codes = &matches->codes[chunk * COLUMN_COUNT + column];
    struct status st = status_ok();

    if (!codes->parts[0])
        st = column == COLUMN_NAME ? find_ranks(matches, chunk, codes)
                                   : find_amounts(matches, chunk, codes);
    if (!failed(st)) *ret_codes = *codes;
    return st;
}

struct status product_matches_amount_code(struct product_matches *matches, int64_t key,
                                          uint32_t *ret_code)
{
    size_t chunk = (size_t)key >> CHUNK_BITS, word = (size_t)key >> 6 & (CHUNK_WORDS - 1);
    struct product_codes codes;
    struct status st;

    if (product_matches_is_fresh(matches, key)) {
        *ret_code = product_matches_fresh_of(matches, key)->amount_code;
        return status_ok();
    }
    st = product_matches_codes(matches, chunk, COLUMN_AMOUNT, &codes);
    if (failed(st)) return st;
    *ret_code = (uint32_t)product_codes_of_word(codes.parts[0], word)[key & 63] << 16 |
                product_codes_of_word(codes.parts[1], word)[key & 63];
    return st;
}

const uint16_t *product_codes_of_word(const struct product_chunk_row *part, size_t word)
{
    static const uint16_t zeros[64];

    return (word + 1) * sizeof(zeros) <= part->bytes.length
               ? (const uint16_t *)(const void *)part->bytes.data + word * 64
               : zeros;
}

/* Of 64 codes those from `first` on that are not above it by more than `more`, and those of them
 * that are neither the first nor the last of these codes. */
struct compared {
    uint64_t inside, inner;
};

#ifdef __SSE2__
/* Which of 16 numbers are not above a limit? */
static uint64_t not_above(__m128i low, __m128i high, __m128i limit)
{
    const __m128i zero = _mm_setzero_si128();

    low = _mm_cmpeq_epi16(_mm_subs_epu16(low, limit), zero);
    high = _mm_cmpeq_epi16(_mm_subs_epu16(high, limit), zero);
    return (uint64_t)(unsigned)_mm_movemask_epi8(_mm_packs_epi16(low, high));
}

static inline struct compared compare_all(const uint16_t codes[64], uint16_t first, uint16_t more)
{
    const __m128i start = _mm_set1_epi16((short)first), one = _mm_set1_epi16(1);
    const __m128i outer_limit = _mm_set1_epi16((short)more);
    const __m128i inner_limit = _mm_set1_epi16((short)(more - 2));
    struct compared compared = {0};

    for (size_t i = 0; i < 64; i += 16) {
        const __m128i *some = (const __m128i *)(const void *)(codes + i);
        __m128i low = _mm_sub_epi16(_mm_loadu_si128(some), start);
        __m128i high = _mm_sub_epi16(_mm_loadu_si128(some + 1), start);
        compared.inside |= not_above(low, high, outer_limit) << i;
        compared.inner |= not_above(_mm_sub_epi16(low, one), _mm_sub_epi16(high, one), inner_limit)
                          << i;
    }
    if (more < 2) compared.inner = 0;
    return compared;
}
#else
typedef uint16_t lanes __attribute__((vector_size(LANES * sizeof(uint16_t))));

/* Gathers what is 0 or all ones in each lane. */
static uint64_t bits_of(lanes some)
{
    const lanes bits = {1, 2, 4, 8, 16, 32, 64, 128};
    uint64_t halves[2], both;

    some &= bits;
    memcpy(halves, &some, sizeof(halves));
    both = halves[0] | halves[1]; /* four lanes, no bit of which occurs twice */
    both |= both >> 32;
    return (both | both >> 16) & 0xFF;
}

static inline struct compared compare_all(const uint16_t codes[64], uint16_t first, uint16_t more)
{
    struct compared compared = {0};

    for (size_t i = 0; i < 64; i += LANES) {
        lanes some;
        memcpy(&some, codes + i, sizeof(some));
        some -= first;
        compared.inside |= bits_of((lanes)(some <= more)) << i;
        compared.inner |= bits_of((lanes)(some - 1 <= (uint16_t)(more - 2))) << i;
    }
    if (more < 2) compared.inner = 0;
    return compared;
}
#endif

/* All 64 codes are compared, however few are members: the processor would often guess wrongly how
 * many there are, which takes longer. */
static inline void narrow(const struct product_chunk_row *part, uint16_t least, uint16_t most,
                          uint64_t words[CHUNK_WORDS], uint64_t *ret_ends)
{
    for (size_t i = 0; i < CHUNK_WORDS; i++) {
        struct compared compared;
        if (ret_ends) ret_ends[i] = 0;
        if (!words[i]) continue;
        compared = compare_all(product_codes_of_word(part, i), least, (uint16_t)(most - least));
        words[i] &= compared.inside;
        if (ret_ends) ret_ends[i] = words[i] & ~compared.inner;
    }
}

void product_codes_narrow(const struct product_chunk_row *part, uint16_t least, uint16_t most,
                          uint64_t words[CHUNK_WORDS], uint64_t *ret_ends)
{
    if (ret_ends)
        narrow(part, least, most, words, ret_ends);
    else
        narrow(part, least, most, words, NULL);
}
