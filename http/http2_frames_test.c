/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of reading frames' headers. */
#include "http/http2_frames.h"

#include <nghttp2/nghttp2.h>

#include "base/test.h"

/* However the bytes are split. */
TEST(heads_of_frames_are_found)
{
    static const char bytes[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                "\0\0\0\4\0\0\0\0\0"
                                "\0\0\3\0\1\0\0\1\5abc"
                                "\0\0\4\3\0\200\0\0\7xyzw";
    static const struct {
        uint8_t type;
        int32_t id;
    } wanted[] = {{4, 0}, {0, 261}, {3, 7}};
    struct http2_frame_seen seen;

    for (size_t step = 1; step < sizeof(bytes); step++) {
        struct http2_frames frames = {.skip = HTTP2_PREFACE_SIZE};
        size_t found = 0;
        for (size_t at = 0; at < sizeof(bytes) - 1; at += step) {
            size_t left = sizeof(bytes) - 1 - at;
            struct str rest = str_sized(bytes + at, left < step ? left : step);
            while (http2_frames_next(&frames, &rest, &seen)) {
                CHECK(found < 3 && seen.type == wanted[found].type && seen.id == wanted[found].id);
                found++;
            }
        }
        CHECK_INT(found, ==, 3);
    }
}

static bool is_empty(uint8_t type, uint8_t flags, struct str payload)
{
    struct http2_frame_seen seen = {payload.length, 1, type, flags, payload};

    return http2_frame_is_empty(&seen);
}

TEST(useless_frames_are_distinguished_from_others)
{
    CHECK(is_empty(NGHTTP2_DATA, 0, STR("")));
    CHECK(!is_empty(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, STR("")));
    CHECK(!is_empty(NGHTTP2_DATA, 0, STR("x")));
    CHECK(is_empty(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, str_sized("\2\0\0", 3)));
    CHECK(!is_empty(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, str_sized("\1x\0", 3)));
    CHECK(is_empty(NGHTTP2_CONTINUATION, 0, STR("")));
    CHECK(!is_empty(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, STR("")));
    CHECK(is_empty(NGHTTP2_SETTINGS, 0, STR("")));
    CHECK(!is_empty(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, STR("")));
    CHECK(is_empty(NGHTTP2_WINDOW_UPDATE, 0, STR("1234")));
    CHECK(is_empty(NGHTTP2_PRIORITY, 0, STR("12345")));
    CHECK(!is_empty(NGHTTP2_HEADERS, 0, STR("")));
    CHECK(!is_empty(NGHTTP2_PING, 0, STR("12345678")));
}
