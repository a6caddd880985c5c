/* SPDX-License-Identifier: Apache-2.0 */
/* Frames' heads in a peer's bytes (RFC 9113, section 4.1), read beside nghttp2: the library drops
 * many frames without a word, and those cost as much as the others. Private to http/.
 *
 *     while (http2_frames_next(&frames, &data, &seen)) ... */
#ifndef HTTP_HTTP2_FRAMES_H
#define HTTP_HTTP2_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { HTTP2_FRAME_HEAD_SIZE = 9, HTTP2_PREFACE_SIZE = 24 };

/* Where the reading has got to. All zeros but for `skip`: the bytes before the first frame. */
struct http2_frames {
    uint8_t head[HTTP2_FRAME_HEAD_SIZE];
    size_t head_size;
    size_t skip; /* of a payload or the preface, bytes that have not come */
};

struct http2_frame_seen {
    size_t length;
    int32_t id;
    uint8_t type, flags;
    struct str payload; /* what has come of it, in the bytes given */
};

/* Passes over bytes to the next frame's head and past it; false when no complete one is left. */
bool http2_frames_next(struct http2_frames *frames, struct str *data,
                       struct http2_frame_seen *ret_seen);

/* Does it carry nothing: no data, no part of a header block, no answer to what we said? Requests,
 * RST_STREAM and PING are not meant. */
bool http2_frame_is_empty(const struct http2_frame_seen *seen);

#endif
