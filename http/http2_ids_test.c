/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of remembered stream identifiers. */
#include "base/test.h"
#include "http/http2_ids.h"

TEST(an_identifier_that_was_skipped_is_not_used_later)
{
    struct http2_ids ids = {0};

    CHECK_INT(http2_ids_check(&ids, 1), ==, HTTP2_ID_FINE);
    http2_ids_open(&ids, 5);
    CHECK_INT(http2_ids_check(&ids, 1), ==, HTTP2_ID_SKIPPED);
    CHECK_INT(http2_ids_check(&ids, 3), ==, HTTP2_ID_SKIPPED);
    CHECK_INT(http2_ids_check(&ids, 7), ==, HTTP2_ID_FINE);
    http2_ids_open(&ids, INT32_MAX);
    CHECK_INT(http2_ids_check(&ids, INT32_MAX - 2), ==, HTTP2_ID_SKIPPED);
    CHECK_INT(http2_ids_check(&ids, 5), ==, HTTP2_ID_FINE); /* too long ago to be remembered */
}

TEST(the_side_that_closed_a_stream_decides_what_may_follow)
{
    struct http2_ids ids = {0};

    http2_ids_open(&ids, 1);
    http2_ids_open(&ids, 3);
    http2_ids_close(&ids, 1, true);
    http2_ids_close(&ids, 3, false);
    CHECK_INT(http2_ids_check(&ids, 1), ==, HTTP2_ID_FINE);
    CHECK_INT(http2_ids_check(&ids, 3), ==, HTTP2_ID_ENDED);
}

TEST(slots_are_reused)
{
    struct http2_ids ids = {0};

    for (int32_t id = 1; id < 20 * HTTP2_IDS_KEPT; id += 2) {
        http2_ids_open(&ids, id);
        http2_ids_close(&ids, id, id % 3 == 0);
        CHECK_INT(http2_ids_check(&ids, id), ==, id % 3 == 0 ? HTTP2_ID_FINE : HTTP2_ID_ENDED);
    }
    http2_ids_open(&ids, ids.last + 4);
    CHECK_INT(http2_ids_check(&ids, ids.last - 2), ==, HTTP2_ID_SKIPPED);
    CHECK_INT(http2_ids_check(&ids, ids.last - 2 * HTTP2_IDS_KEPT), ==, HTTP2_ID_FINE);
}
