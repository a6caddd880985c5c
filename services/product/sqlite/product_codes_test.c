/* SPDX-License-Identifier: Apache-2.0 */
/* Codes keep the order of what they stand for. */
#include "base/dice_testing.h"
#include "base/test.h"
#include "services/product/sqlite/product_postings_sqlite.h"

static const int64_t amounts[] = {
    0,
    1,
    999,
    2047,
    2048,
    4095,
    4096,
    4097,
    9900,
    65535,
    65536,
    65537,
    268435455,
    1 << 28,
    268435457,
    INT64_C(4398046511103),
    INT64_C(4398046511104),
    INT64_C(4398046511105),
    INT64_MAX - 1,
    INT64_MAX,
};
enum { AMOUNTS = sizeof(amounts) / sizeof(amounts[0]) };

TEST(codes_are_in_the_order_of_amounts)
{
    for (size_t i = 0; i < AMOUNTS; i++) {
        uint32_t code = product_amount_code(amounts[i]);
        CHECK(product_amount_of_code(code) <= amounts[i]);
        if (amounts[i] < 1 << 28) {
            CHECK(product_amount_code_is_exact(code));
            CHECK_INT(product_amount_of_code(code), ==, amounts[i]);
        }
        if (i > 0) CHECK(product_amount_code(amounts[i - 1]) <= code);
        if (i > 0 && amounts[i] < 1 << 28) CHECK(product_amount_code(amounts[i - 1]) < code);
    }
}

TEST(of_any_code_the_least_amount_is_told)
{
    for (uint64_t code = 0; code < UINT32_MAX; code += 65521) {
        int64_t amount = product_amount_of_code((uint32_t)code);
        CHECK(product_amount_code(amount) >= code);
        if (amount > 0) CHECK(product_amount_code(amount - 1) < code || code == 0);
    }
}

/* ---- comparing many codes at once ---- */

static uint16_t some_code(void)
{
    static const uint16_t edges[] = {0, 1, 2, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF};
    unsigned kind = dice(16);

    return kind < 7 ? edges[kind] : (uint16_t)dice(kind < 12 ? 64 : 65536);
}

/* Words with few members and with many, of a row that ends before the chunk does. */
TEST(members_of_a_chunk_are_narrowed_as_one_by_one)
{
    enum { CODES = CHUNK_SIZE - 128 };
    static uint16_t codes[CHUNK_SIZE];
    static uint64_t words[CHUNK_WORDS], narrowed[CHUNK_WORDS], ends[CHUNK_WORDS];
    const struct product_chunk_row row = {str_sized(codes, CODES * sizeof(*codes))};

    for (int turn = 0; turn < 64; turn++) {
        uint16_t least = some_code(), most = some_code(), wrong = 0;
        if (least > most) most = least;
        memset(words, 0, sizeof(words));
        for (size_t i = 0; i < CODES; i++) codes[i] = some_code();
        for (size_t i = 0; i < CHUNK_SIZE; i++)
            if (dice(1 + (unsigned)(i >> 6) % 40) == 0) words[i >> 6] |= 1ull << (i & 63);
        memcpy(narrowed, words, sizeof(words));
        product_codes_narrow(&row, least, most, narrowed, ends);
        for (size_t i = 0; i < CHUNK_SIZE; i++) {
            bool inside = (words[i >> 6] >> (i & 63) & 1) && codes[i] >= least && codes[i] <= most;
            bool end = inside && (codes[i] == least || codes[i] == most);
            wrong += inside != (narrowed[i >> 6] >> (i & 63) & 1);
            wrong += end != (ends[i >> 6] >> (i & 63) & 1);
        }
        CHECK_INT(wrong, ==, 0);
        product_codes_narrow(&row, least, most, words, NULL);
        CHECK(memcmp(words, narrowed, sizeof(words)) == 0);
    }
}
