/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the HTTP/2 client against handmade frames that only a hostile or broken server sends. */
#include "http/http_client.h"
#include "http/http_testing.h"

/* A response head that puts 3,900 bytes into the table, and refers to them 12,000 times. */
static struct str large_block(struct arena *arena)
{
    enum { LARGE = 3900, REFERENCES = 12000 };
    struct buffer block;
    static const char entry[] = "\x88\x40\x01x\x7f\xbd\x1d"; /* 127 + 0x3d + 0x1d * 128 */

    buffer_init(&block, 64 * 1024);
    size_t size = sizeof(entry) - 1 + LARGE + REFERENCES;
    const char frame[9] = {(char)(size >> 16), (char)(size >> 8), (char)size, 1, 5, 0, 0, 0, 1};
    buffer_append(&block, frame, sizeof(frame));
    buffer_append(&block, entry, sizeof(entry) - 1);
    for (int i = 0; i < LARGE; i++) buffer_append_byte(&block, 'v');
    for (int i = 0; i < REFERENCES; i++) buffer_append_byte(&block, (char)0xbe);
    struct str copy = str_sized(arena_memdup(arena, block.data, block.length), block.length);
    buffer_release(&block);
    return copy;
}

/* A call of a client whose server is the test itself, which answers stream 1. */
struct server_attack {
    struct http_client *client;
    struct peer peer;
    struct arena *arena;
    struct status answer;
    bool asked;
};

static void ask_hostile(struct call *call, void *data)
{
    static const struct http_request request = {.method = {"POST", 4},
                                                .target = {"/", 1},
                                                .path = {"/", 1},
                                                .scheme = {"http", 4},
                                                .version = HTTP_2};
    struct server_attack *attack = data;
    struct http_exchange *exchange;
    struct str body;
    int status;
    const struct http_headers *headers;
    struct status st = http_client_open(call, attack->client, &request, true, &exchange);

    if (!failed(st)) st = http_read_head(call, exchange, &status, &headers);
    if (!failed(st)) st = http_read_body(call, exchange, 1024 * 1024, &body);
    attack->answer = status_dup(attack->arena, st);
    attack->asked = true;
}

/* What the server sends `count` times, after `before`. */
struct server_flood {
    struct str before, frame;
    int count;
};

static bool received(const struct peer *peer, struct str bytes)
{
    return peer->received.length > 0 &&
           memmem(peer->received.data, peer->received.length, bytes.data, bytes.length) != NULL;
}

/* The client ends the connection with ENHANCE_YOUR_CALM, and its call fails. */
static void expect_client_ends(struct call *call, struct shard *shard,
                               const struct server_flood *flood)
{
    static const char request_head[] = "\1\5\0\0\0\1"; /* HEADERS of stream 1, its last frame */
    static const char goaway[] = "\7\0\0\0\0\0\0\0\0\0\0\0\0\x0b";
    struct server_attack attack = {0};
    struct stream *ends[2];

    attack.peer.shard = shard;
    buffer_init(&attack.peer.received, 1024 * 1024);
    stream_pair(shard, ends);
    attack.peer.stream = ends[0];
    stream_start(ends[0], &peer_events, &attack.peer);
    attack.client = http_client_over(shard, ends[1]);
    attack.arena = call->arena;
    EXPECT(!failed(fiber_start(shard, NULL, ask_hostile, &attack)));
    peer_send(&attack.peer, "\0\0\0\4\0\0\0\0\0", 9); /* SETTINGS */
    for (int i = 0; i < 1000 && !received(&attack.peer, str_sized(request_head, 6)); i++)
        EXPECT(!failed(fiber_sleep(call, 1000)));
    peer_send(&attack.peer, flood->before.data, flood->before.length);
    for (int i = 0; i < flood->count && !attack.peer.ended; i++) {
        peer_send(&attack.peer, flood->frame.data, flood->frame.length);
        if (i % 100 == 0) EXPECT(!failed(fiber_sleep(call, 1000)));
    }
    EXPECT(peer_await_end(call, &attack.peer));
    EXPECT(received(&attack.peer, str_sized(goaway, sizeof(goaway) - 1)));
    for (int i = 0; i < 1000 && !attack.asked; i++) EXPECT(!failed(fiber_sleep(call, 1000)));
    EXPECT(attack.asked && failed(attack.answer));
    peer_close(call, &attack.peer);
    http_client_free(attack.client);
}

static void play_hostile_servers(struct call *call, struct shard *shard)
{
    /* 103, 200, an empty DATA, a WINDOW_UPDATE of the connection. */
    static const char interim[] = "\0\0\5\1\4\0\0\0\1\x08\x03"
                                  "103";
    static const char head[] = "\0\0\1\1\4\0\0\0\1\x88";
    static const char empty[] = "\0\0\0\0\0\0\0\0\1";
    static const char window[] = "\0\0\4\x08\0\0\0\0\0\0\0\0\1";
    struct str start = str_sized(head, sizeof(head) - 1);
    const struct server_flood floods[] = {
        {{0}, str_sized(interim, sizeof(interim) - 1), 10000},
        {start, str_sized(empty, sizeof(empty) - 1), 10000},
        {start, str_sized(window, sizeof(window) - 1), 10000},
        {large_block(call->arena), {0}, 0},
    };

    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++)
        expect_client_ends(call, shard, &floods[i]);
}

TEST(a_client_ends_the_connection_to_a_server_that_floods_it)
{
    testing_run(play_hostile_servers);
}
