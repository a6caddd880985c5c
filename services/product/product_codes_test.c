/* SPDX-License-Identifier: Apache-2.0 */
/* Codes keep the order of what they stand for. */
#include <strings.h>

#include "base/test.h"
#include "services/product/product_terms.h"

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

/* In the order of the column: ASCII letters without regard to case, all else by bytes. */
static const char *const names[] = {
    "!",
    " a",
    "007",
    "1",
    "1 a",
    "9z",
    ":x",
    "[x",
    "_y",
    "a",
    "A b",
    "ab",
    "Abcdef",
    "abcdefg",
    "abcdeg",
    "oak ",
    "oak a",
    "oak-z",
    "Zenith",
    "zz",
    "~",
    "\xc3\x84",
    "\xc3\xa4",
    "\xc3\xa4pfel",
    "\xd0\x90",
    "\xe6\x9c\xa8",
    "\xe6\xa4\x85",
    "\xf0\x9f\x92\xa1",
};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

TEST(codes_are_in_the_order_of_names)
{
    struct arena arena;

    arena_init(&arena, 0);
    for (size_t i = 0; i < NAMES; i++) {
        uint32_t next = (product_name_code(str_of(names[i])) | 0xFFFF) + 1;
        CHECK(strcasecmp(product_name_of_code(&arena, next), names[i]) > 0);
        for (size_t j = 0; j < NAMES; j++) {
            uint32_t left = product_name_code(str_of(names[i]));
            uint32_t right = product_name_code(str_of(names[j]));
            if (strcasecmp(names[i], names[j]) <= 0) CHECK(left <= right);
            if (left <= right) CHECK(strcasecmp(product_name_of_code(&arena, left), names[j]) <= 0);
        }
    }
    arena_release(&arena);
}

/* All pairs of the bytes that share digits, at each place of the upper half: a descending walk
 * jumps to behind the last name of a half, and must not jump over names that end it. */
TEST(the_end_of_an_upper_half_is_above_all_its_names)
{
    char name[6] = {0}, above[6] = {0};
    struct arena arena;

    arena_init(&arena, 0);
    for (size_t at = 0; at < 4; at++) {
        memset(name, 'm', at);
        memset(above, 'm', at);
        for (int byte = ' '; byte < 0xFF; byte++) {
            for (int next = ' '; next < 0xFF; next++) {
                uint32_t end;
                name[at] = (char)byte;
                name[at + 1] = (char)next;
                end = (product_name_code(str_of(name)) | 0xFFFF) + 1;
                CHECK(strcasecmp(product_name_of_code(&arena, end), name) > 0);
                CHECK(strcasecmp(product_name_of_code(&arena, end - 0x10000), name) <= 0);
                /* Nor back, to names from which the walk has come. */
                above[at] = '[';
                if (product_name_code(str_of(above)) >= end)
                    CHECK(strcasecmp(product_name_of_code(&arena, end), above) <= 0);
            }
        }
    }
    arena_release(&arena);
}
