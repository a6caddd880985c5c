/* SPDX-License-Identifier: Apache-2.0 */
/* Compresses and decompresses single messages. */
#include "rpc/rpc_gzip.h"

#include <zlib.h>

#include "reasons.pb-c.h"

/* deflate cannot do better than about 1032 to 1. */
enum { DEFLATE_RATIO_MAX = 1032, GZIP_WINDOW_BITS = 15 + 16, GZIP_SIZE_MIN = 18 };

/* As deflateBound says for these parameters, without a stream to ask. */
size_t rpc_gzip_bound(size_t size)
{
    return compressBound(size) + GZIP_SIZE_MIN;
}

size_t rpc_gzip_into(struct str data, char *out, size_t out_size)
{
    z_stream stream = {0};

    invariant(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW_BITS, 8,
                           Z_DEFAULT_STRATEGY) == Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)data.data;
    stream.avail_in = (uInt)data.length;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)out_size;
    invariant(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out_size = stream.total_out;
    deflateEnd(&stream);
    return out_size;
}

struct str rpc_gzip(struct arena *arena, struct str data, size_t room)
{
    size_t bound = rpc_gzip_bound(data.length);
    char *out = arena_alloc(arena, room + bound);

    return str_sized(out, room + rpc_gzip_into(data, out + room, bound));
}

/* The length of the content, from the end of a gzip member (ISIZE, RFC 1952 section 2.3.1). */
static size_t member_size(struct str compressed)
{
    const uint8_t *end = (const uint8_t *)compressed.data + compressed.length;

    return (size_t)end[-4] | (size_t)end[-3] << 8 | (size_t)end[-2] << 16 | (size_t)end[-1] << 24;
}

static struct status broken(void)
{
    return status_make(STATUS_INTERNAL, 0,
                       "a message is marked as gzip but cannot be decompressed");
}

struct status rpc_gunzip(struct arena *arena, struct str compressed, size_t max,
                         struct str *ret_data)
{
    z_stream stream = {0};
    size_t size;
    char *out;
    int result;

    if (compressed.length < GZIP_SIZE_MIN) return broken();
    size = member_size(compressed);
    if (size > max)
        return status_printf(arena, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__BODY_TOO_LARGE,
                             "a message of %zu bytes, decompressed, is over the limit of %zu", size,
                             max);
    if (size / DEFLATE_RATIO_MAX > compressed.length) return broken();

    arena_expect(arena, size);
    out = arena_alloc(arena, size + 1);
    invariant(inflateInit2(&stream, GZIP_WINDOW_BITS) == Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)compressed.data;
    stream.avail_in = (uInt)compressed.length;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)size + 1;
    result = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    if (result != Z_STREAM_END || stream.avail_in != 0 || stream.total_out != size) return broken();

    *ret_data = str_sized(out, size);
    return status_ok();
}
