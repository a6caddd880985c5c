/* SPDX-License-Identifier: Apache-2.0 */
/* Tests with heads that are too large, as they are sent or as they are decoded. */
#include "base/budget.h"
#include "http/http2_testing.h"

/* A header of 3.9 kB is put into the table, and then blocks of 60,000 bytes refer to it: 234 MB
 * when decoded. */
static void play_bomb(struct call *call, struct shard *shard)
{
    enum { ENTRY = 3900, REFERENCES = 60000, PART = 16000 };
    struct http_server *server = new_server(NULL);
    struct peer peer;
    char *entry = arena_alloc(call->arena, 16 + ENTRY);
    char *references = arena_alloc(call->arena, REFERENCES);
    int64_t before_us = clock_monotonic_us();

    memcpy(entry, head_root.data, head_root.length);
    memcpy(entry + head_root.length, "\x40\1x\x7f\xbd\x1d", 6); /* 3900 = 127 + 61 + 29 * 128 */
    memset(entry + head_root.length + 6, 'v', ENTRY);
    memset(references, 0xbe, REFERENCES); /* 62: the newest in the table */
    open_session(&peer, shard, server);
    send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
               str_sized(entry, head_root.length + 6 + ENTRY));
    for (uint32_t i = 1; i < 200 && peer.stream; i++) {
        /* 63: the authority of the first request. */
        send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1 + 2 * i,
                   STR("\x82\x86\x84\xbf"));
        for (size_t sent = 0; sent < REFERENCES; sent += PART) {
            size_t size = REFERENCES - sent < PART ? REFERENCES - sent : PART;
            send_frame(&peer, NGHTTP2_CONTINUATION,
                       sent + size == REFERENCES ? NGHTTP2_FLAG_END_HEADERS : 0, 1 + 2 * i,
                       str_sized(references + sent, size));
        }
        EXPECT(!failed(fiber_sleep(call, 100)));
    }
    expect_goaway(call, &peer, NGHTTP2_ENHANCE_YOUR_CALM);
    /* Decoding 200 blocks completely would take ten seconds. */
    EXPECT(clock_monotonic_us() - before_us < 3000000);
    EXPECT(testing_end_server(call, server, 3000));
}

TEST(ends_header_blocks_that_decode_to_much_more)
{
    testing_run(play_bomb);
}

/* Literals that the table does not keep, each of the same name and of `size` bytes. */
static void put_literals(struct buffer *block, int count, size_t size)
{
    for (int i = 0; i < count; i++) {
        size_t rest = size - 127;
        buffer_append_str(block, (struct str){"\0\1x\x7f", 4});
        for (; rest >= 128; rest >>= 7) buffer_append_byte(block, (char)(rest | 128));
        buffer_append_byte(block, (char)rest);
        for (size_t j = 0; j < size; j++) buffer_append_byte(block, 'v');
    }
}

/* HEADERS and as many CONTINUATIONs as the block needs. */
static void send_block(struct peer *peer, uint32_t stream, struct str block)
{
    enum { PART = 16384 };
    uint8_t type = NGHTTP2_HEADERS, flags = NGHTTP2_FLAG_END_STREAM;

    while (block.length > PART) {
        send_frame(peer, type, flags, stream, str_sized(block.data, PART));
        block = str_sized(block.data + PART, block.length - PART);
        type = NGHTTP2_CONTINUATION;
        flags = 0;
    }
    send_frame(peer, type, flags | NGHTTP2_FLAG_END_HEADERS, stream, block);
}

static void play_large_heads(struct call *call, struct shard *shard)
{
    /* GET / with x-y: kept, which goes into the dynamic table, and a head that refers to that entry
     * and to the newer one of :authority, which the refused head in between adds. */
    static const struct str keeping = {"\x82\x86\x84\x41\x01"
                                       "a\x40\x03x-y\x04kept",
                                       16};
    static const struct str referring = {"\x82\x86\x84\xbe\xbf", 5};
    struct http_server *server = new_server(NULL);
    struct buffer block;
    struct peer peer;

    buffer_init(&block, 4 * 1024 * 1024);
    /* A hundred kilobytes in many fields: only their stream is refused, and the table stays
     * right. */
    handled = 0;
    open_session(&peer, shard, server);
    send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
               keeping);
    buffer_append_str(&block, head_root);
    put_literals(&block, 100, 1000);
    send_block(&peer, 3, buffer_str(&block));
    EXPECT(!failed(fiber_sleep(call, 10000)));
    EXPECT(handled == 1 &&
           memmem(peer.received.data, peer.received.length, "HEADER_TOO_LARGE", 16));
    buffer_clear(&block);
    buffer_append_str(&block, referring);
    send_block(&peer, 5, buffer_str(&block));
    EXPECT(!failed(fiber_sleep(call, 10000)));
    EXPECT(handled == 2 && !peer.ended && !find_frame(&peer, NGHTTP2_GOAWAY));

    /* A field just below 64 KiB is refused likewise. */
    buffer_clear(&block);
    buffer_append_str(&block, head_root);
    put_literals(&block, 1, 65000);
    send_block(&peer, 7, buffer_str(&block));
    EXPECT(!failed(fiber_sleep(call, 10000)));
    EXPECT(handled == 2 && !peer.ended && !find_frame(&peer, NGHTTP2_GOAWAY));

    /* So is one that nghttp2 could not decode (NGHTTP2_HD_MAX_NV), and others after it. */
    for (uint32_t i = 0; i < 3; i++) {
        buffer_clear(&peer.received);
        buffer_clear(&block);
        buffer_append_str(&block, head_root);
        put_literals(&block, 1, i == 0 ? 70000 : i == 1 ? 65537 : 1000000);
        send_block(&peer, 9 + 2 * i, buffer_str(&block));
        EXPECT(!failed(fiber_sleep(call, 10000)));
        EXPECT(memmem(peer.received.data, peer.received.length, "HEADER_TOO_LARGE", 16));
        EXPECT(handled == 2 && !peer.ended && !find_frame(&peer, NGHTTP2_GOAWAY));
    }
    send_block(&peer, 15, STR("\x82\x86\x84\xbe")); /* the authority of the last of them */
    EXPECT(!failed(fiber_sleep(call, 10000)));
    EXPECT(handled == 3 && !peer.ended);

    buffer_release(&block);
    peer_close(call, &peer);
    EXPECT(testing_end_server(call, server, 3000));
}

TEST(large_heads_cost_their_stream_only)
{
    testing_run(play_large_heads);
}

/* Fields of `size` bytes after one that goes into the table, and which the table must still have
 * afterwards. */
static void send_huge(struct call *call, struct peer *peer, uint32_t stream, int count, size_t size)
{
    struct buffer block;

    buffer_init(&block, 32 * 1024 * 1024);
    buffer_append_str(&block, head_root);
    put_literals(&block, count, size);
    buffer_clear(&peer->received);
    send_block(peer, stream, buffer_str(&block));
    buffer_release(&block);
    EXPECT(!failed(fiber_sleep(call, 10000)));
}

/* A string of megabytes, or many strings, cost their stream alone. */
static void play_huge_heads(struct call *call, struct shard *shard)
{
    static const struct {
        int count;
        size_t size;
    } heads[] = {{1, 2097151 + 127}, {1, 2097152 + 127}, {1, 3000000}, {4, 3000000},
                 {40, 60000},        {2500, 1000},       {1, 16000000}};
    static const struct str referring = {"\x82\x86\x84\xbe", 4}; /* to the authority */
    struct http_server *server = new_server(NULL);
    struct budget_stats before, stats;
    uint32_t stream = 1;
    struct peer peer;

    budget_stats(&before);
    open_session(&peer, shard, server);
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++, stream += 4) {
        handled = 0;
        send_huge(call, &peer, stream, heads[i].count, heads[i].size);
        EXPECT(memmem(peer.received.data, peer.received.length, "HEADER_TOO_LARGE", 16));
        send_block(&peer, stream + 2, referring);
        EXPECT(!failed(fiber_sleep(call, 10000)));
        EXPECT(handled == 1 && !peer.ended && !find_frame(&peer, NGHTTP2_GOAWAY));
    }
    budget_stats(&stats);
    EXPECT(stats.used < before.used + 1024 * 1024);

    send_huge(call, &peer, stream, 1, 17 * 1024 * 1024); /* a block without end */
    expect_goaway(call, &peer, NGHTTP2_ENHANCE_YOUR_CALM);

    /* A length may not end in zeros, because its first bytes are already known to be too large. */
    open_session(&peer, shard, server);
    send_frame(&peer, NGHTTP2_HEADERS, 0, 1, STR("\x82\x86\x84"));
    send_frame(&peer, NGHTTP2_CONTINUATION, 0, 1,
               (struct str){"\0\1x\x7f\x80\x80\x81\x80\0"
                            "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv",
                            41});
    expect_goaway(call, &peer, NGHTTP2_COMPRESSION_ERROR);
    EXPECT(testing_end_server(call, server, 3000));
}

TEST(huge_heads_cost_their_stream_only)
{
    testing_run(play_huge_heads);
}
