/* SPDX-License-Identifier: Apache-2.0 */
/* Reads frames' headers. See http/http2_frames.h. */
#include "http/http2_frames.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

/* A smaller part of a header block counts as empty unless it is the last. */
enum { CONTINUATION_SMALL = 32 };

static size_t at_most(size_t size, struct str data)
{
    return size < data.length ? size : data.length;
}

static struct str without(struct str data, size_t size)
{
    return str_sized(data.data + size, data.length - size);
}

bool http2_frames_next(struct http2_frames *frames, struct str *data,
                       struct http2_frame_seen *ret_seen)
{
    const uint8_t *head = frames->head;
    size_t skipped = at_most(frames->skip, *data);

    frames->skip -= skipped;
    *data = without(*data, skipped);
    if (data->length == 0) return false;

    size_t taken = at_most(HTTP2_FRAME_HEAD_SIZE - frames->head_size, *data);
    memcpy(frames->head + frames->head_size, data->data, taken);
    frames->head_size += taken;
    *data = without(*data, taken);
    if (frames->head_size < HTTP2_FRAME_HEAD_SIZE) return false;

    frames->head_size = 0;
    frames->skip = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
    *ret_seen = (struct http2_frame_seen){
        .length = frames->skip,
        .id = (int32_t)((uint32_t)(head[5] & 0x7f) << 24 | (uint32_t)head[6] << 16 |
                        (uint32_t)head[7] << 8 | head[8]),
        .type = head[3],
        .flags = head[4],
        .payload = str_sized(data->data, at_most(frames->skip, *data)),
    };
    return true;
}

/* Does it consist of padding only? The payload's first byte is the padding's length. */
static bool is_padding(const struct http2_frame_seen *seen)
{
    return seen->flags & NGHTTP2_FLAG_PADDED && seen->payload.length > 0 &&
           (size_t)(uint8_t)seen->payload.data[0] + 1 >= seen->length;
}

bool http2_frame_is_empty(const struct http2_frame_seen *seen)
{
    switch (seen->type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_PING: return false;
    case NGHTTP2_DATA:
        if (seen->flags & NGHTTP2_FLAG_END_STREAM) return false;
        return seen->length == 0 || is_padding(seen);
    case NGHTTP2_CONTINUATION:
        return seen->length < CONTINUATION_SMALL && !(seen->flags & NGHTTP2_FLAG_END_HEADERS);
    case NGHTTP2_SETTINGS: return !(seen->flags & NGHTTP2_FLAG_ACK);
    default: return true; /* PRIORITY, WINDOW_UPDATE, GOAWAY, unknown types */
    }
}
