/* SPDX-License-Identifier: Apache-2.0 */
/* The hash against the published values of FNV-1a. */
#include "base/hash.h"

#include "base/test.h"

TEST(the_published_values_of_fnv_1a_come_out)
{
    CHECK(hash_bytes(HASH_START, STR("")) == UINT64_C(0xcbf29ce484222325));
    CHECK(hash_bytes(HASH_START, STR("a")) == UINT64_C(0xaf63dc4c8601ec8c));
    CHECK(hash_bytes(HASH_START, STR("foobar")) == UINT64_C(0x85944171f73967e8));
}

TEST(the_end_of_a_text_counts)
{
    uint64_t one = hash_text(hash_text(HASH_START, "ab"), "c");

    CHECK(one != hash_text(hash_text(HASH_START, "a"), "bc"));
    CHECK(one != hash_text(hash_text(HASH_START, "abc"), ""));
}
