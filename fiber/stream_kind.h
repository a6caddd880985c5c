/* SPDX-License-Identifier: Apache-2.0 */
/* The members and functions that every kind of stream has. Private to fiber/. stream.c keeps the
 * rules that all of them share: what may be called when, and that on_close comes once and last. */
#ifndef FIBER_STREAM_KIND_H
#define FIBER_STREAM_KIND_H

#include "fiber/address.h"
#include "fiber/stream.h"

struct stream_kind {
    void (*start)(struct stream *stream);
    void (*write)(struct stream *stream, const struct iovec *parts, int count);
    void (*pause)(struct stream *stream);
    void (*resume)(struct stream *stream);
    void (*shutdown)(struct stream *stream);
    /* Begins to close; calls stream_closed in a later turn. */
    void (*close)(struct stream *stream);
    void (*free)(struct stream *stream);
};

/* The first member of each kind's own struct. */
struct stream {
    const struct stream_kind *kind;
    struct shard *shard;
    const struct stream_events *events; /* NULL before stream_start */
    void *owner;
    size_t queued; /* bytes that wait to be written; maintained by the kind */
    int error;     /* why it closes */
    bool paused, ended, shut_down, closing;
    bool drain_wanted; /* stream_write has returned that bytes wait */
    char peer[STREAM_ADDRESS_SIZE];
    struct shard_hook hook;
};

void stream_init(struct stream *stream, const struct stream_kind *kind, struct shard *shard);

/* Called by a kind to report events; before it reads, it asks whether it may. */
bool stream_may_read(const struct stream *stream);
void stream_got_data(struct stream *stream, const uint8_t *data, size_t size);
void stream_got_end(struct stream *stream);
/* To be called when `queued` has become 0. */
void stream_drained(struct stream *stream);
/* Closes with an error, unless it closes already. */
void stream_fail(struct stream *stream, int error);
/* The last event: calls on_close and frees the stream. */
void stream_closed(struct stream *stream);

/* Makes a TCP stream around a connection: an accepted one (`fd` is taken, also on failure;
 * `counted`: it was counted by descriptors_take, and is given back at the end), or the one that
 * `connect` is to make. */
struct stream *stream_tcp_accept(struct shard *shard, int fd, bool counted, int *ret_error);
struct stream *stream_tcp_connect(struct shard *shard, uv_connect_t *request,
                                  const struct sockaddr_storage *address,
                                  uv_connect_cb on_connected, int *ret_error);
/* After the connection was made: sets its options, notes the peer. */
int stream_tcp_connected(struct stream *stream);

#endif
