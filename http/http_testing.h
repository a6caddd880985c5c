/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of http/: one shard, a fiber that runs the test, and a raw peer that sends bytes
 * and collects the response. Included by test programs only. */
#ifndef HTTP_HTTP_TESTING_H
#define HTTP_HTTP_TESTING_H

#include "base/clock.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "fiber/stream.h"
#include "http/http_client.h"
#include "http/http_server.h"

static struct shards *testing_shards;
static void (*testing_play)(struct call *call, struct shard *shard);

static void testing_fiber(struct call *call, void *data)
{
    (void)data;
    testing_play(call, call->shard);
    shards_stop(call->shard->shards);
}

static void testing_begin(struct shard *shard, void *data)
{
    EXPECT(!failed(fiber_start(shard, NULL, testing_fiber, data)));
}

/* Runs `play` on a fiber of the only shard. Inside it use EXPECT. */
static void testing_run(void (*play)(struct call *call, struct shard *shard))
{
    testing_shards = shards_new(1);
    testing_play = play;
    shard_post(shards_at(testing_shards, 0), testing_begin, NULL);
    shards_run(testing_shards);
    shards_free(testing_shards);
}

struct peer {
    struct shard *shard;
    struct stream *stream;
    struct buffer received;
    struct fiber_wait wait;
    bool ended, closed;
};

static void peer_on_data(void *owner, const uint8_t *data, size_t size)
{
    struct peer *peer = owner;
    buffer_append(&peer->received, data, size);
    fiber_wake(peer->shard, &peer->wait);
}

static void peer_on_end(void *owner)
{
    struct peer *peer = owner;
    peer->ended = true;
    fiber_wake(peer->shard, &peer->wait);
}

static void peer_on_drain(void *owner)
{
    struct peer *peer = owner;
    fiber_wake(peer->shard, &peer->wait);
}

static void peer_on_close(void *owner, int error)
{
    struct peer *peer = owner;
    (void)error;
    peer->closed = peer->ended = true;
    peer->stream = NULL;
    fiber_wake(peer->shard, &peer->wait);
}

static const struct stream_events peer_events = {.on_data = peer_on_data,
                                                 .on_end = peer_on_end,
                                                 .on_drain = peer_on_drain,
                                                 .on_close = peer_on_close};

/* A peer whose other end the server accepts. */
__attribute__((unused)) static void peer_open(struct peer *peer, struct shard *shard,
                                              struct http_server *server)
{
    struct stream *ends[2];
    *peer = (struct peer){.shard = shard};
    buffer_init(&peer->received, 64 * 1024 * 1024);
    stream_pair(shard, ends);
    peer->stream = ends[0];
    stream_start(ends[0], &peer_events, peer);
    http_server_accept(server, ends[1]);
}

__attribute__((unused)) static void peer_send(struct peer *peer, const char *data, size_t size)
{
    if (peer->stream) stream_write(peer->stream, &(struct iovec){(char *)(uintptr_t)data, size}, 1);
}

__attribute__((unused)) static void peer_send_text(struct peer *peer, const char *text)
{
    peer_send(peer, text, strlen(text));
}

static const char *peer_text(struct peer *peer)
{
    buffer_append_byte(&peer->received, 0);
    peer->received.length--;
    return peer->received.data;
}

/* Waits until `text` has been received; false after two seconds or at the end. */
__attribute__((unused)) static bool peer_await(struct call *call, struct peer *peer,
                                               const char *text)
{
    struct call patience;
    call_init_child(&patience, call, 2000);
    while (!strstr(peer_text(peer), text)) {
        if (peer->ended) return false;
        if (failed(fiber_suspend(&patience, &peer->wait))) return false;
    }
    return true;
}

/* Waits until the server has ended its side. */
__attribute__((unused)) static bool peer_await_end(struct call *call, struct peer *peer)
{
    struct call patience;
    call_init_child(&patience, call, 4000);
    while (!peer->ended)
        if (failed(fiber_suspend(&patience, &peer->wait))) return false;
    return true;
}

__attribute__((unused)) static void peer_close(struct call *call, struct peer *peer)
{
    if (peer->stream) stream_close(peer->stream);
    while (!peer->closed) fiber_suspend_uncancellable(call, &peer->wait);
    buffer_release(&peer->received);
}

/* Counts how often `text` occurs in the received bytes. */
__attribute__((unused)) static int peer_count(struct peer *peer, const char *text)
{
    int count = 0;
    for (const char *at = strstr(peer_text(peer), text); at; at = strstr(at + 1, text)) count++;
    return count;
}

struct drain_wait {
    struct shard *shard;
    struct fiber_wait wait;
    bool done;
};

static void drain_is_done(void *data)
{
    struct drain_wait *drain = data;
    drain->done = true;
    fiber_wake(drain->shard, &drain->wait);
}

/* Drains and frees the server; true when that was done in time. */
__attribute__((unused)) static bool
testing_end_server(struct call *call, struct http_server *server, int64_t timeout_ms)
{
    struct drain_wait drain = {.shard = call->shard};
    int64_t start_us = clock_monotonic_us();
    http_server_drain(server, timeout_ms, drain_is_done, &drain);
    while (!drain.done) fiber_suspend_uncancellable(call, &drain.wait);
    bool in_time = clock_monotonic_us() - start_us < timeout_ms * 1000;
    struct status slept = fiber_sleep(call, 10000);
    (void)slept;
    http_server_free(server);
    return in_time;
}

#endif
