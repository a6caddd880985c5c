/* SPDX-License-Identifier: Apache-2.0 */
/* The server of the HTTP fuzz targets, on one shard, which echoes bodies. */
#include "fiber/shard.h"
#include "fiber/stream.h"
#include "http/http_server.h"
#include "tests/fuzz/http_fuzz.h"

enum { BODY_MAX = 4096, TURNS = 6 };

/* Reads the body and answers with it. */
static void echo(struct call *call, struct http_exchange *exchange, void *data)
{
    struct http_headers headers = {0};
    struct str body;

    struct status st = http_read_body(call, exchange, BODY_MAX, &body);
    http_respond(call, exchange, failed(st) ? 400 : 200, &headers, failed(st) ? STR("") : body);
}

struct peer {
    bool closed;
};

static void on_data(void *owner, const uint8_t *data, size_t size)
{
}

static void on_nothing(void *owner)
{
}

static void on_close(void *owner, int error)
{
    ((struct peer *)owner)->closed = true;
}

static const struct stream_events events = {on_data, on_nothing, on_nothing, on_close};

static void turn(struct shard *shard, int turns)
{
    for (int i = 0; i < turns; i++) uv_run(&shard->loop, UV_RUN_NOWAIT);
}

void http_fuzz(struct str before, struct str input)
{
    static struct shards *shards;
    static struct http_server *server;
    struct stream *ends[2];
    struct peer peer = {0};

    if (!shards) {
        struct http_server_options options = {
            .name = "fuzz", .handler = echo, .header_size_max = 4096};
        shards = shards_new(1);
        server = http_server_new(&options);
    }
    struct shard *shard = shards_at(shards, 0);
    stream_pair(shard, ends);
    http_server_accept(server, ends[0]);
    stream_start(ends[1], &events, &peer);

    struct iovec parts[2] = {{(void *)before.data, before.length},
                             {(void *)input.data, input.length / 2}};
    stream_write(ends[1], parts, 2);
    turn(shard, TURNS);
    if (!peer.closed) {
        struct iovec rest = {(void *)(input.data + input.length / 2),
                             input.length - input.length / 2};
        stream_write(ends[1], &rest, 1);
        turn(shard, TURNS);
    }
    if (!peer.closed) stream_close(ends[1]);
    for (int i = 0; !peer.closed && i < 100; i++) turn(shard, 1);
    turn(shard, TURNS);
}
