/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what a Redis server may answer. The first byte says how long the pieces are in which it
 * arrives; the answers must be the same in one piece. */
#include "store/redis/reply.h"
#include "tests/fuzz/fuzz.h"

/* Writes an answer as text, to compare. */
static void show(struct buffer *out, const struct redis_reply *reply)
{
    buffer_printf(out, "%d:%lld:%zu:", (int)reply->kind, (long long)reply->integer, reply->count);
    buffer_append_str(out, reply->text);
    for (size_t i = 0; i < reply->count; i++) show(out, reply->items[i]);
}

static void read_all(const uint8_t *data, size_t size, size_t piece, struct buffer *out)
{
    enum reply_found found = REPLY_INCOMPLETE;
    const struct redis_reply *reply;
    struct reply_reader reader;
    struct arena arena;

    arena_init(&arena, 0);
    reply_reader_init(&reader);
    for (size_t at = 0; at < size && found != REPLY_BROKEN; at += piece) {
        reply_reader_feed(&reader, data + at, size - at < piece ? size - at : piece);
        while ((found = reply_reader_next(&reader, &reply)) == REPLY_FOUND)
            show(out, reply_dup(&arena, reply));
    }
    if (found == REPLY_BROKEN) buffer_printf(out, "broken");
    reply_reader_release(&reader);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { OUT_MAX = 4 * 1024 * 1024 };
    struct buffer whole, pieces;

    if (size < 2) return 0;
    buffer_init(&whole, OUT_MAX);
    buffer_init(&pieces, OUT_MAX);
    read_all(data + 1, size - 1, size, &whole);
    read_all(data + 1, size - 1, (size_t)data[0] + 1, &pieces);
    invariant(str_equal(buffer_str(&whole), buffer_str(&pieces)));
    buffer_release(&whole);
    buffer_release(&pieces);
    return 0;
}
