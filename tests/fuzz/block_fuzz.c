/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the cutting of header blocks: whatever nghttp2 decodes stays as it is, unless a length is
 * refused for zeros at its end or the block ends inside one, and the result is the same whether the
 * frames come whole or in pieces. `~` and a byte stand for that many kilobytes, so that short inputs
 * contain long strings. */
#include <nghttp2/nghttp2.h>
#include <string.h>

#include "base/status.h"
#include "http/http2_block.h"
#include "tests/fuzz/fuzz.h"

enum { SIZE = 1 << 20, PART = 16384 };

static char block[SIZE], frames[SIZE + SIZE / 64], again[SIZE + SIZE / 64];

static size_t expand(const uint8_t *data, size_t size)
{
    size_t length = 0;

    for (size_t i = 0; i < size && length < SIZE; i++) {
        size_t count = 1;
        if (data[i] == '~' && i + 1 < size) count = (size_t)data[++i] * 1024;
        if (count > SIZE - length) count = SIZE - length;
        memset(block + length, count > 1 ? 'a' : data[i], count);
        length += count;
    }
    return length;
}

static size_t put_frames(size_t length)
{
    size_t put = 0;

    for (size_t at = 0; at < length; at += PART) {
        size_t size = length - at < PART ? length - at : PART;
        const char head[] = {0,          (char)(size >> 8),
                             (char)size, at == 0 ? NGHTTP2_HEADERS : NGHTTP2_CONTINUATION,
                             0,          0,
                             0,          0,
                             1};
        memcpy(frames + put, head, sizeof(head));
        memcpy(frames + put + sizeof(head), block + at, size);
        put += sizeof(head) + size;
    }
    return put;
}

static struct http2_block cut(char *bytes, size_t length, size_t step)
{
    struct http2_frames state = {0};
    struct http2_block walked = {0};
    struct http2_frame_seen seen;

    for (size_t at = 0; at < length; at += step) {
        struct str piece = str_sized(bytes + at, length - at < step ? length - at : step);
        http2_block_rest(&walked, piece);
        while (http2_frames_next(&state, &piece, &seen)) http2_block_frame(&walked, &seen);
    }
    return walked;
}

static bool refuses_length(const struct http2_block *walked)
{
    return !walked->open && walked->announced < walked->string_left;
}

/* How many bytes of the frames' block nghttp2 can decode. */
static size_t decode(const char *bytes, size_t length)
{
    nghttp2_hd_inflater *inflater;
    nghttp2_nv field;
    size_t decoded = 0;
    int flags = 0;

    invariant(nghttp2_hd_inflate_new(&inflater) == 0);
    for (size_t at = 0; at < length; at += HTTP2_FRAME_HEAD_SIZE + PART) {
        size_t size = length - at - HTTP2_FRAME_HEAD_SIZE;
        size_t used = 0;
        if (size > PART) size = PART;
        while (used < size) {
            ssize_t n = nghttp2_hd_inflate_hd2(
                inflater, &field, &flags,
                (const uint8_t *)bytes + at + HTTP2_FRAME_HEAD_SIZE + used, size - used, 0);
            if (n < 0) break;
            used += (size_t)n;
            if (n == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT)) break;
        }
        decoded += used;
        if (used < size) break;
    }
    nghttp2_hd_inflate_del(inflater);
    return decoded;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    size_t length = expand(data + 1, size - 1);
    size_t put = put_frames(length);

    size_t before = decode(frames, put);
    memcpy(again, frames, put);
    struct http2_block walked = cut(again, put, put + 1);
    if (!refuses_length(&walked)) {
        invariant(decode(again, put) >= before);
        if (before == length && walked.step != HTTP2_BLOCK_LENGTH_MORE)
            invariant(memcmp(again, frames, put) == 0);
    }
    cut(frames, put, 1 + (size_t)data[0] * 7);
    invariant(memcmp(again, frames, put) == 0);
    return 0;
}
