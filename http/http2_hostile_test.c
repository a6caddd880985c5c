/* SPDX-License-Identifier: Apache-2.0 */
/* Tests with handmade HTTP/2 frames that only an attacker sends, and with random bytes that
 * resemble both versions. */
#include "base/budget.h"
#include "base/random.h"
#include "http/http2_testing.h"
#include "observe/metrics.h"

static void play_floods(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    struct peer peer;

    /* Rapid reset. */
    handled = 0;
    open_session(&peer, shard, server);
    for (uint32_t i = 0; i < 5000 && peer.stream; i++) {
        send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
                   1 + 2 * i, head_sleep);
        send_frame(&peer, NGHTTP2_RST_STREAM, 0, 1 + 2 * i, (struct str){"\0\0\0\x08", 4});
        if (i % 50 == 0) EXPECT(!failed(fiber_sleep(call, 1000)));
    }
    expect_goaway(call, &peer, NGHTTP2_ENHANCE_YOUR_CALM);
    EXPECT(handled < 1500);
    EXPECT(!failed(fiber_sleep(call, 20000)));
    EXPECT(sleeping == 0);

    /* A client that makes us reset its streams: WINDOW_UPDATE of zero. */
    open_session(&peer, shard, server);
    for (uint32_t i = 0; i < 5000 && peer.stream; i++) {
        send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
                   1 + 2 * i, head_sleep);
        send_frame(&peer, NGHTTP2_WINDOW_UPDATE, 0, 1 + 2 * i, (struct str){"\x7f\xff\xff\xff", 4});
        if (i % 50 == 0) EXPECT(!failed(fiber_sleep(call, 1000)));
    }
    expect_goaway(call, &peer, NGHTTP2_ENHANCE_YOUR_CALM);

    open_session(&peer, shard, server);
    for (int i = 0; i < 10000 && peer.stream; i++)
        send_frame(&peer, NGHTTP2_SETTINGS, 0, 0, STR(""));
    expect_goaway(call, &peer, NGHTTP2_ENHANCE_YOUR_CALM);

    open_session(&peer, shard, server);
    send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, head_post);
    for (int i = 0; i < 10000 && peer.stream; i++) send_frame(&peer, NGHTTP2_DATA, 0, 1, STR(""));
    expect_goaway(call, &peer, NGHTTP2_ENHANCE_YOUR_CALM);

    /* Endless CONTINUATION frames. */
    open_session(&peer, shard, server);
    send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, head_root);
    for (int i = 0; i < 10000 && peer.stream; i++)
        send_frame(&peer, NGHTTP2_CONTINUATION, 0, 1, (struct str){"\x00\x01x\x01y", 5});
    expect_goaway(call, &peer, NGHTTP2_ENHANCE_YOUR_CALM);

    EXPECT(testing_end_server(call, server, 3000));
}

TEST(ends_floods_calmly)
{
    testing_run(play_floods);
}

/* An endless flood of frames of one kind, on an open stream or on one that has ended. */
static void expect_flood_ends(struct call *call, struct peer *peer, uint8_t type, uint8_t flags,
                              struct str payload)
{
    for (int i = 0; i < 10000 && peer->stream; i++) {
        send_frame(peer, type, flags, type == NGHTTP2_SETTINGS ? 0 : 1, payload);
        if (i % 500 == 0) EXPECT(!failed(fiber_sleep(call, 1000)));
    }
    expect_goaway(call, peer, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void play_empty_frames(struct call *call, struct shard *shard)
{
    static const struct {
        uint8_t type, flags;
        struct str payload;
    } kinds[] = {
        {NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, {"\3\0\0\0", 4}},
        {NGHTTP2_WINDOW_UPDATE, 0, {"\0\0\0\1", 4}},
        {NGHTTP2_PRIORITY, 0, {"\0\0\0\0\1", 5}},
        {0x42, 0, {"", 0}}, /* an unknown type */
    };
    struct http_server *server = new_server(NULL);
    struct peer peer;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        open_session(&peer, shard, server);
        send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, head_post);
        expect_flood_ends(call, &peer, kinds[i].type, kinds[i].flags, kinds[i].payload);
    }
    EXPECT(testing_end_server(call, server, 3000));
}

TEST(ends_floods_of_useless_frames)
{
    testing_run(play_empty_frames);
}

static void play_pings(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    struct peer peer;

    open_session(&peer, shard, server);
    for (int i = 0; i < 100 && peer.stream; i++) {
        send_frame(&peer, NGHTTP2_PING, 0, 0, STR("12345678"));
        EXPECT(!failed(fiber_sleep(call, 1000)));
    }
    EXPECT(peer_await_end(call, &peer));
    EXPECT(memmem(peer.received.data, peer.received.length, "too_many_pings", 14) != NULL);
    peer_close(call, &peer);

    /* A client may measure its link with a PING for each response. */
    open_session(&peer, shard, server);
    for (uint32_t i = 0; i < 100 && peer.stream; i++) {
        send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
                   1 + 2 * i, head_root);
        send_frame(&peer, NGHTTP2_PING, 0, 0, STR("12345678"));
        EXPECT(!failed(fiber_sleep(call, 1000)));
    }
    EXPECT(!peer.ended && !find_frame(&peer, NGHTTP2_GOAWAY));
    peer_close(call, &peer);
    EXPECT(testing_end_server(call, server, 3000));
}

TEST(calms_clients_that_ping_too_often)
{
    testing_run(play_pings);
}

/* A client that reads nothing gets no further answers made once memory is tight, others are served,
 * and in the end its connection is closed. */
static void play_stalled(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    struct budget_stats before, stats;
    struct peer peer, other;

    budget_stats(&before); /* shards of other tests left some behind */
    budget_limit(before.used + 2 * 1024 * 1024, 1);
    handled = 0;
    open_session(&peer, shard, server);
    send_frame(&peer, NGHTTP2_SETTINGS, 0, 0, (struct str){"\0\4\0\0\0\0", 6});
    for (uint32_t i = 0; i < 100; i++) {
        send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
                   1 + 2 * i, head_large);
        if (i % 10 == 0) EXPECT(!failed(fiber_sleep(call, 1000)));
    }
    EXPECT(!failed(fiber_sleep(call, 10000)));
    EXPECT(handled > 0 && handled < 20);
    budget_stats(&stats);
    EXPECT(stats.used < before.used + 2 * 1024 * 1024);

    peer_open(&other, shard, server);
    peer_send_text(&other, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(peer_await(call, &other, "0123456789"));
    peer_close(call, &other);

    /* Each stream is answered: by an answer's head, or by REFUSED_STREAM; or it waits. */
    EXPECT(error_of(find_frame(&peer, NGHTTP2_RST_STREAM), 0) == NGHTTP2_REFUSED_STREAM);
    expect_goaway(call, &peer, NGHTTP2_ENHANCE_YOUR_CALM);
    EXPECT(!failed(fiber_sleep(call, 20000)));
    budget_stats(&stats);
    EXPECT(stats.used <= before.used + 2 * BUDGET_SLICE);
    EXPECT(testing_end_server(call, server, 3000));
    budget_limit(SIZE_MAX, 1);
}

TEST(ends_connections_that_keep_memory_and_read_nothing)
{
    testing_run(play_stalled);
}

static void play_malformed(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    /* Heads that HPACK decodes correctly but that are not valid requests. */
    static const struct str heads[] = {
        {"\x82\x86\x84", 3}, /* no authority */
        {"\x82\x86\x84\x41\x02"
         "a@",
         7}, /* user information */
        {"\x82\x86\x44\x02x/\x41\x01"
         "a",
         9}, /* a path without its slash */
        {"\x82\x86\x44\x03/\x01x\x41\x01"
         "a",
         10}, /* a control character */
        {"\x82\x86\x44\x03/#x\x41\x01"
         "a",
         10}, /* a fragment */
        {"\x82\x86\x84\x41\x01"
         "a\x00\x01X\x01y",
         11}, /* upper case in a name */
        {"\x82\x86\x84\x41\x01"
         "a\x00\x01x\x03"
         "a\r\n",
         13}, /* CR LF in a value */
        {"\x82\x86\x84\x41\x01"
         "a\x00\x0a"
         "connection\x05"
         "close",
         24},
        {"\x82\x86\x84\x41\x01"
         "a\x00\x11transfer-encoding\x07"
         "chunked",
         33},
        {"\x82\x86\x84\x41\x01"
         "a\x00\x04host\x01"
         "b",
         14}, /* two authorities */
        {"\x82\x82\x86\x84\x41\x01"
         "a",
         7}, /* two methods */
        {"\x82\x84\x41\x01"
         "a",
         5}, /* no scheme */
    };

    handled = 0;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct peer peer;
        open_session(&peer, shard, server);
        send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
                   heads[i]);
        EXPECT(!failed(fiber_sleep(call, 10000)));
        bool answered = find_frame(&peer, NGHTTP2_RST_STREAM) ||
                        (find_frame(&peer, NGHTTP2_HEADERS) && peer_count(&peer, "x") >= 0);
        if (!answered || handled)
            printf("  head %zu: answered %d, handled %d\n", i, answered, handled);
        EXPECT(answered && handled == 0);
        /* The connection continues to serve. */
        send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 3,
                   head_root);
        EXPECT(!failed(fiber_sleep(call, 10000)));
        EXPECT(handled == 1);
        handled = 0;
        peer_close(call, &peer);
    }

    struct peer peer;
    open_session(&peer, shard, server);
    send_frame(&peer, NGHTTP2_DATA, 0, 0, STR("x"));
    expect_goaway(call, &peer, NGHTTP2_PROTOCOL_ERROR);
    open_session(&peer, shard, server);
    send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
               STR("\xff\xff\xff\xff\xff\xff"));
    expect_goaway(call, &peer, NGHTTP2_COMPRESSION_ERROR);
    EXPECT(testing_end_server(call, server, 3000));
}

TEST(refuses_heads_that_are_not_requests)
{
    testing_run(play_malformed);
}

static void play_slow(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(&(struct http_server_options){.header_timeout_ms = 60,
                                                                          .idle_timeout_ms = 120,
                                                                          .body_timeout_ms = 60,
                                                                          .write_timeout_ms = 100,
                                                                          .header_size_max = 400});
    struct peer peer;
    char long_head[1024] = "\x82\x86\x84\x41\x01"
                           "a";

    /* Nothing after the preface; an incomplete head; a body that does not arrive. */
    open_session(&peer, shard, server);
    expect_goaway(call, &peer, NGHTTP2_NO_ERROR);
    open_session(&peer, shard, server);
    send_frame(&peer, NGHTTP2_HEADERS, 0, 1, head_root);
    expect_goaway(call, &peer, NGHTTP2_ENHANCE_YOUR_CALM);
    open_session(&peer, shard, server);
    send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, head_post);
    EXPECT(peer_await(call, &peer, ""));
    EXPECT(!failed(fiber_sleep(call, 90000)));
    EXPECT(peer_count(&peer, "REQUEST_TOO_SLOW") ==
           0); /* compares bytes, because frames contain NUL */
    EXPECT(memmem(peer.received.data, peer.received.length, "REQUEST_TOO_SLOW", 16) != NULL);
    peer_close(call, &peer);

    /* A window that never opens, with a small response whose handler has ended and a large one
     * whose handler waits. */
    const struct str heads[2] = {head_root, head_large};
    for (int i = 0; i < 2; i++) {
        peer_open(&peer, shard, server);
        peer_send_text(&peer, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        send_frame(&peer, NGHTTP2_SETTINGS, 0, 0, (struct str){"\0\x04\0\0\0\0", 6});
        send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
                   heads[i]);
        EXPECT(peer_await_end(call, &peer));
        peer_close(call, &peer);
    }

    /* Headers over the limit: 431, and the connection continues. */
    size_t length = 6;
    for (int i = 0; i < 20; i++, length += 5) memcpy(long_head + length, "\x00\x01x\x01y", 5);
    open_session(&peer, shard, server);
    send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
               str_sized(long_head, length));
    EXPECT(!failed(fiber_sleep(call, 20000)));
    EXPECT(memmem(peer.received.data, peer.received.length, "HEADER_TOO_LARGE", 16) != NULL);
    peer_close(call, &peer);
    EXPECT(testing_end_server(call, server, 3000));
}

TEST(bounds_slow_clients)
{
    testing_run(play_slow);
}

/* Well-formed beginnings, then noise, truncated and mutated anywhere. The server must survive and
 * continue to serve. */
enum { HEAD_ENDS = NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM };

static bool await_frame(struct call *call, struct peer *peer, uint8_t type)
{
    for (int i = 0; i < 2000 && !find_frame(peer, type); i++)
        EXPECT(!failed(fiber_sleep(call, 1000)));
    return find_frame(peer, type) != NULL;
}

static void play_closed_streams(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    struct peer peer;

    /* An identifier that was skipped. */
    open_session(&peer, shard, server);
    send_frame(&peer, NGHTTP2_HEADERS, HEAD_ENDS, 5, head_root);
    send_frame(&peer, NGHTTP2_HEADERS, HEAD_ENDS, 3, head_root);
    expect_goaway(call, &peer, NGHTTP2_PROTOCOL_ERROR);

    /* A stream that the client has ended, and one that it has reset. */
    open_session(&peer, shard, server);
    send_frame(&peer, NGHTTP2_HEADERS, HEAD_ENDS, 1, head_root);
    EXPECT(await_frame(call, &peer, NGHTTP2_DATA));
    send_frame(&peer, NGHTTP2_DATA, 0, 1, STR("more"));
    expect_goaway(call, &peer, NGHTTP2_STREAM_CLOSED);
    open_session(&peer, shard, server);
    send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, head_post);
    send_frame(&peer, NGHTTP2_RST_STREAM, 0, 1, (struct str){"\0\0\0\x08", 4});
    send_frame(&peer, NGHTTP2_HEADERS, HEAD_ENDS, 1, head_post);
    expect_goaway(call, &peer, NGHTTP2_STREAM_CLOSED);

    /* Frames in transit when the server responds early are not an error: /large does not read the
     * body. */
    open_session(&peer, shard, server);
    send_frame(&peer, NGHTTP2_WINDOW_UPDATE, 0, 0, (struct str){"\0\x10\0\0", 4});
    send_frame(&peer, NGHTTP2_SETTINGS, 0, 0, (struct str){"\0\4\0\x10\0\0", 6});
    send_frame(&peer, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, head_large);
    EXPECT(await_frame(call, &peer, NGHTTP2_RST_STREAM));
    peer.received.length = 0;
    send_frame(&peer, NGHTTP2_DATA, 0, 1, STR("more"));
    send_frame(&peer, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, STR("and the end"));
    send_frame(&peer, NGHTTP2_HEADERS, HEAD_ENDS, 3, head_root);
    EXPECT(await_frame(call, &peer, NGHTTP2_DATA));
    peer_close(call, &peer);
    EXPECT(testing_end_server(call, server, 3000));
}

TEST(frames_on_closed_streams_end_the_connection)
{
    testing_run(play_closed_streams);
}

static void play_noise(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(&(struct http_server_options){.header_timeout_ms = 50,
                                                                          .idle_timeout_ms = 50,
                                                                          .body_timeout_ms = 50,
                                                                          .write_timeout_ms = 50});
    static const char seed_1[] = "POST /a?b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                                 "chunked\r\nX: y\r\n\r\n5;q\r\nhello\r\n0\r\nT: u\r\n\r\nGET / "
                                 "HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab";
    static const char seed_2[] =
        "PRI * "
        "HTTP/"
        "2."
        "0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\6\1\4\0\0\0\1\x83\x86\x84\x41\1a\0\0\5\0\0\0\0\0"
        "\1hello\0\0\4\x08\0\0\0\0\0\0\0\1\0\0\0\1\0\1\0\0\0\1\0\0\6\1\5\0\0\0\3\x82\x86\x84\x41\1a"
        "\0\0\4\3\0\0\0\0\3\0\0\0\x08";

    for (int round = 0; round < 1500; round++) {
        char bytes[512];
        bool second = round % 2;
        size_t size = second ? sizeof(seed_2) - 1 : sizeof(seed_1) - 1;
        size_t first = second ? 24 : 0;
        struct peer peer;

        memcpy(bytes, second ? seed_2 : seed_1, size);
        for (uint64_t i = random_below(4); i > 0; i--)
            bytes[first + random_below(size - first)] = (char)random_below(256);
        size_t cut = random_below(size);
        peer_open(&peer, shard, server);
        peer_send(&peer, bytes, cut);
        EXPECT(!failed(fiber_sleep(call, 100)));
        peer_send(&peer, bytes + cut, size - cut);
        if (round % 3 == 0) EXPECT(!failed(fiber_sleep(call, 1000)));
        peer_close(call, &peer);
    }
    struct peer peer;
    peer_open(&peer, shard, server);
    peer_send_text(&peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(peer_await(call, &peer, "0123456789"));
    peer_close(call, &peer);
    EXPECT(testing_end_server(call, server, 3000));
}

TEST(survives_random_bytes)
{
    testing_run(play_noise);
}
