/* SPDX-License-Identifier: Apache-2.0 */
/* Byte streams: a TCP connection, or one end of a pipe in memory. They belong to a shard and report
 * by callbacks; the protocols above turn these into blocking reads and writes of fibers.
 *
 *     listener_new ... on_accept(stream) -> stream_start(stream, &events, owner)
 *                                        -> on_data*, on_end, on_close
 *
 * on_close is the last callback and comes once, always after the stream_close that asked for it has
 * returned; then the stream is freed. */
#ifndef FIBER_STREAM_H
#define FIBER_STREAM_H

#include <sys/uio.h>

#include "base/status.h"
#include "base/str.h"
#include "fiber/shard.h"

struct stream;
struct listener;

struct stream_events {
    /* Bytes came; borrowed. */
    void (*on_data)(void *owner, const uint8_t *data, size_t size);
    /* The peer ended its side; we may still write. */
    void (*on_end)(void *owner);
    /* The write queue has become empty, after stream_write had returned that bytes wait in it.
     */
    void (*on_drain)(void *owner);
    /* The stream is closed; `error` is 0 after stream_close, else a negative errno, as in libuv. */
    void (*on_close)(void *owner, int error);
    /* Bytes, or the end, can be read: true to read now, false to be asked again in the next pass of
     * the loop. May be NULL: always true. */
    bool (*on_readable)(void *owner);
};

enum { STREAM_ADDRESS_SIZE = 64 };

/* Starts reading; `events` is borrowed for the stream's life. */
void stream_start(struct stream *stream, const struct stream_events *events, void *owner);

/* Writes as much as the socket accepts and queues a copy of the rest. Returns the bytes that wait
 * in the queue (0: the kernel has everything). After an error or close it does nothing and returns
 * 0; on_close reports the error. */
size_t stream_write(struct stream *stream, const struct iovec *parts, int count);
size_t stream_queued(const struct stream *stream);

/* Stops and resumes on_data: back pressure. */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

/* Ends our side once the queue is written; reading goes on. */
void stream_shutdown(struct stream *stream);

/* Closes at once and drops the write queue. Later calls do nothing. */
void stream_close(struct stream *stream);

struct shard *stream_shard(const struct stream *stream);
/* The peer's IP address as text ("127.0.0.1"), "loopback" for a pipe in memory. */
const char *stream_peer(const struct stream *stream);

/* A pipe in memory between two streams of one shard; bytes written to one end arrive at the other
 * in a later turn of the loop. */
void stream_pair(struct shard *shard, struct stream *ret_ends[2]);

/* Connects to host:port (an IP address, or a name that the system resolves on its own thread); fn
 * is called once, in a later turn, with the stream or with NULL and a negative errno. */
struct stream_connect;
struct stream_connect *stream_connect(struct shard *shard, const char *address, int64_t timeout_ms,
                                      void (*fn)(void *data, struct stream *stream, int error),
                                      void *data);
/* Cancels the attempt; fn is not called any more. */
void stream_connect_cancel(struct stream_connect *attempt);

/* Listens on host:port on every shard with SO_REUSEPORT. With port 0 the system picks one port, the
 * same for all shards. on_accept runs on the shard that owns the stream. Must be called before
 * shards_start, or from shard 0. INVALID_ARGUMENT for a bad address, FAILED_PRECONDITION when it is
 * in use (the message names it and says what to do). */
struct status listener_new(struct arena *arena, struct shards *shards, const char *address,
                           void (*on_accept)(void *owner, struct stream *stream), void *owner,
                           struct listener **ret_listener);

/* The same with more options. At most as many connections are accepted as
 * descriptors_limit_connections allows (fiber/descriptors.h); further ones wait in the kernel's
 * queue. */
struct listener_events {
    void (*on_accept)(void *owner, struct stream *stream);
    /* No connection can be accepted, because no descriptor is free; the listener retries in a
     * moment. May be NULL. */
    void (*on_full)(void *owner, struct shard *shard);
    bool reserved; /* may use the descriptors kept in reserve */
};
struct status listener_open(struct arena *arena, struct shards *shards, const char *address,
                            const struct listener_events *events, void *owner,
                            struct listener **ret_listener);
/* The address with the port that is actually used: "127.0.0.1:8000". */
const char *listener_address(const struct listener *listener);
int listener_port(const struct listener *listener);
bool listener_is_loopback(const struct listener *listener);
/* Stops accepting on every shard; open streams stay open. Any thread, also after shards_stop. */
void listener_close(struct listener *listener);
/* After the shards have been joined. */
void listener_free(struct listener *listener);

#endif
