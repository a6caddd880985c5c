/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting: a name is resolved to addresses on libuv's threads, unless it is an IP literal; then
 * the addresses are tried one after another until one answers or the time is up.
 *
 * An attempt has at most one request to libuv at a time (a resolution or a connecting stream), and
 * is freed when that has ended. The result is delivered by a deferred task, so never inside
 * stream_connect. */
#include "fiber/stream.h"

#include <netdb.h>
#include <stdlib.h>

#include "base/status.h"
#include "base/clock.h"
#include "fiber/stream_kind.h"

enum { ADDRESSES_MAX = 8 };

struct stream_connect {
    struct shard *shard;
    void (*fn)(void *data, struct stream *stream, int error);
    void *data;
    uint16_t port;
    struct sockaddr_storage addresses[ADDRESSES_MAX];
    size_t address_count, address_next;

    uv_getaddrinfo_t resolution;
    uv_connect_t request;
    bool resolves, connects; /* libuv will call back */
    struct stream *stream;
    struct shard_timer timer;
    struct shard_task answer;
    struct shard_hook hook;
    bool over; /* has its result, or was cancelled */
    int error;
};

static void try_next(struct stream_connect *attempt);

static void free_if_idle(struct stream_connect *attempt)
{
    if (attempt->over && !attempt->resolves && !attempt->connects && !attempt->answer.queued)
        free(attempt);
}

/* Ends the attempt with the stream (which passes to the caller) or an error. */
static void finish(struct stream_connect *attempt, struct stream *stream, int error)
{
    if (attempt->over) return;
    attempt->over = true;
    attempt->error = error;
    shard_timer_stop(&attempt->timer);
    shard_hook_remove(&attempt->hook);
    if (attempt->resolves) uv_cancel((uv_req_t *)&attempt->resolution);
    if (!stream && attempt->stream) stream_close(attempt->stream);
    attempt->stream = stream;
    shard_defer(attempt->shard, &attempt->answer);
}

static void on_answer(void *data)
{
    struct stream_connect *attempt = data;

    if (attempt->fn) attempt->fn(attempt->data, attempt->stream, attempt->error);
    free_if_idle(attempt);
}

static void on_timeout(void *data)
{
    finish(data, 0, UV_ETIMEDOUT);
}

static void on_stop(void *data)
{
    finish(data, 0, UV_ECANCELED);
}

static void on_connected(uv_connect_t *request, int error)
{
    struct stream_connect *attempt = request->data;

    attempt->connects = false;
    if (attempt->over) {
        free_if_idle(attempt);
        return;
    }
    if (!error) error = stream_tcp_connected(attempt->stream);
    if (!error) {
        finish(attempt, attempt->stream, 0);
        return;
    }
    stream_close(attempt->stream);
    attempt->stream = 0;
    attempt->error = error;
    try_next(attempt);
}

static void try_next(struct stream_connect *attempt)
{
    while (attempt->address_next < attempt->address_count) {
        struct sockaddr_storage *address = &attempt->addresses[attempt->address_next++];

        attempt->request.data = attempt;
        attempt->stream = stream_tcp_connect(attempt->shard, &attempt->request, address,
                                             on_connected, &attempt->error);
        if (!attempt->stream) continue;
        attempt->connects = true;
        return;
    }
    finish(attempt, 0, attempt->error ? attempt->error : UV_EADDRNOTAVAIL);
}

static void on_resolved(uv_getaddrinfo_t *resolution, int error, struct addrinfo *found)
{
    struct stream_connect *attempt = resolution->data;

    attempt->resolves = false;
    for (struct addrinfo *at = found; at && attempt->address_count < ADDRESSES_MAX;
         at = at->ai_next) {
        struct sockaddr_storage *address = &attempt->addresses[attempt->address_count];
        if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
        memcpy(address, at->ai_addr, at->ai_addrlen);
        address_set_port(address, attempt->port);
        attempt->address_count++;
    }
    uv_freeaddrinfo(found);
    if (attempt->over) {
        free_if_idle(attempt);
        return;
    }
    attempt->error = error;
    try_next(attempt);
}

static void resolve(struct stream_connect *attempt, const char *host)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int error;

    attempt->resolution.data = attempt;
    error = uv_getaddrinfo(&attempt->shard->loop, &attempt->resolution, on_resolved, host, 0,
                           &hints);
    if (error)
        finish(attempt, 0, error);
    else
        attempt->resolves = true;
}

struct stream_connect *stream_connect(struct shard *shard, const char *address, int64_t timeout_ms,
                                      void (*fn)(void *data, struct stream *stream, int error),
                                      void *data)
{
    struct stream_connect *attempt = calloc(1, sizeof(*attempt));
    char host[ADDRESS_HOST_SIZE];

    invariant(attempt != 0);
    attempt->shard = shard;
    attempt->fn = fn;
    attempt->data = data;
    attempt->answer = (struct shard_task){.fn = on_answer, .data = attempt};
    shard_on_stop(shard, &attempt->hook, on_stop, attempt);
    shard_timer_start(shard, &attempt->timer, clock_monotonic_us() + timeout_ms * 1000, on_timeout,
                      attempt);

    if (!address_split(address, host, &attempt->port)) {
        finish(attempt, 0, UV_EINVAL);
    } else if (address_from_ip(host, attempt->port, &attempt->addresses[0])) {
        attempt->address_count = 1;
        try_next(attempt);
    } else {
        resolve(attempt, host);
    }
    return attempt;
}

void stream_connect_cancel(struct stream_connect *attempt)
{
    attempt->fn = 0;
    if (attempt->over) {
        /* The result was about to be delivered. */
        if (attempt->stream) stream_close(attempt->stream);
        return;
    }
    finish(attempt, 0, UV_ECANCELED);
}
