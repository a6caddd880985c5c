/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the headers of a peer's frames (RFC 9113, section 4.1) in addition to nghttp2: the library
 * silently drops many frames, which cost as much as the others. Private to http/.
 *
 *     while (http2_frames_next(&frames, &data, &seen)) ... */
#ifndef HTTP_HTTP2_FRAMES_H
#define HTTP_HTTP2_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { HTTP2_FRAME_HEAD_SIZE = 9, HTTP2_PREFACE_SIZE = 24 };

/* The state of reading. Initially all zeros except `skip`: the bytes before the first frame. */
struct http2_frames {
    uint8_t head[HTTP2_FRAME_HEAD_SIZE];
    size_t head_size;
    size_t skip; /* bytes of a payload or the preface that have not arrived */
};

struct http2_frame_seen {
    size_t length;
    int32_t id;
    uint8_t type, flags;
    struct str payload; /* the part of it in the given bytes */
};

/* Advances past the next frame's header; false when there is no complete one left. */
bool http2_frames_next(struct http2_frames *frames, struct str *data,
                       struct http2_frame_seen *ret_seen);

/* Is the frame useless: no data, no part of a header block, no acknowledgement? Not for requests,
 * RST_STREAM and PING. */
bool http2_frame_is_empty(const struct http2_frame_seen *seen);

#endif
