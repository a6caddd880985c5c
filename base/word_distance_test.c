/* SPDX-License-Identifier: Apache-2.0 */
/* The distance of words. */
#include "base/word_distance.h"

#include "base/test.h"

static int apart(const char *a, const char *b)
{
    return word_distance(str_of(a), str_of(b));
}

TEST(a_distance_counts_mistakes)
{
    CHECK_INT(apart("", ""), ==, 0);
    CHECK_INT(apart("serve", "serve"), ==, 0);
    CHECK_INT(apart("srve", "serve"), ==, 1);
    CHECK_INT(apart("serrve", "serve"), ==, 1);
    CHECK_INT(apart("sarve", "serve"), ==, 1);
    CHECK_INT(apart("sevre", "serve"), ==, 1);
    CHECK_INT(apart("", "abc"), ==, 3);
    CHECK_INT(apart("ca", "abc"), ==, 3); /* a swapped pair is not changed again */
    CHECK_INT(apart("kitten", "sitting"), ==, 3);
}
