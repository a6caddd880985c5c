/* SPDX-License-Identifier: Apache-2.0 */
/* For tests with handmade HTTP/2 frames: a server and the frames of a client. Included by test
 * programs only. */
#ifndef HTTP_HTTP2_TESTING_H
#define HTTP_HTTP2_TESTING_H

#include <nghttp2/nghttp2.h>

#include "http/http_testing.h"

static int handled, sleeping;

static void handle(struct call *call, struct http_exchange *exchange, void *data)
{
    const struct http_request *request = http_request(exchange);
    struct str body;

    (void)data;
    handled++;
    if (str_is(request->path, "/sleep")) {
        sleeping++;
        struct status st = fiber_sleep(call, 10 * 1000 * 1000);
        EXPECT(failed(st));
        sleeping--;
    } else if (str_is(request->path, "/large")) {
        size_t size = 200 * 1024;
        char *large = arena_alloc(call->arena, size);
        memset(large, 'l', size);
        http_respond(call, exchange, 200, NULL, str_sized(large, size));
    } else {
        struct status st = http_read_body(call, exchange, 1024 * 1024, &body);
        http_respond(call, exchange, failed(st) ? 400 : 200, NULL, STR("0123456789"));
    }
}

static struct http_server *new_server(const struct http_server_options *limits)
{
    struct http_server_options options = limits ? *limits : (struct http_server_options){0};
    options.name = "hostile";
    options.handler = handle;
    return http_server_new(&options);
}

static void send_frame(struct peer *peer, uint8_t type, uint8_t flags, uint32_t stream,
                       struct str payload)
{
    uint8_t header[9] = {(uint8_t)(payload.length >> 16),
                         (uint8_t)(payload.length >> 8),
                         (uint8_t)payload.length,
                         type,
                         flags,
                         (uint8_t)(stream >> 24),
                         (uint8_t)(stream >> 16),
                         (uint8_t)(stream >> 8),
                         (uint8_t)stream};
    peer_send(peer, (const char *)header, sizeof(header));
    if (payload.length > 0) peer_send(peer, payload.data, payload.length);
}

static void open_session(struct peer *peer, struct shard *shard, struct http_server *server)
{
    peer_open(peer, shard, server);
    peer_send_text(peer, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    send_frame(peer, NGHTTP2_SETTINGS, 0, 0, STR(""));
}

/* GET http://a/sleep, and GET http://a/, with method, scheme and path from HPACK's static table
 * where possible. */
static const struct str head_sleep = {"\x82\x86\x44\x06/sleep\x41\x01"
                                      "a",
                                      13};
static const struct str head_root = {"\x82\x86\x84\x41\x01"
                                     "a",
                                     6};
static const struct str head_large = {"\x82\x86\x44\x06/large\x41\x01"
                                      "a",
                                      13};
static const struct str head_post = {"\x83\x86\x84\x41\x01"
                                     "a",
                                     6};

/* The last frame of a type that the server has sent, or NULL. */
static const uint8_t *find_frame(struct peer *peer, uint8_t type)
{
    const uint8_t *data = (const uint8_t *)peer_text(peer), *found = NULL;
    size_t offset = 0;
    while (offset + 9 <= peer->received.length) {
        size_t length = (size_t)data[offset] << 16 | (size_t)data[offset + 1] << 8 |
                        data[offset + 2];
        if (data[offset + 3] == type) found = data + offset;
        offset += 9 + length;
    }
    return found;
}

static unsigned error_of(const uint8_t *frame, size_t offset)
{
    return frame ? (unsigned)frame[9 + offset + 3] : 999;
}

/* The server must send GOAWAY with this error and end the connection. */
static void expect_goaway(struct call *call, struct peer *peer, unsigned error)
{
    EXPECT(peer_await_end(call, peer));
    unsigned came = error_of(find_frame(peer, NGHTTP2_GOAWAY), 4);
    if (came != error) printf("  GOAWAY with %u, not %u\n", came, error);
    EXPECT(came == error);
    peer_close(call, peer);
}

#endif
