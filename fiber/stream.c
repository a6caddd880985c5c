/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that all streams share; TCP is in stream_tcp.c, pipes in memory in stream_pipe.c. */
#include "fiber/stream.h"

#include "fiber/stream_kind.h"

static void on_stop(void *data)
{
    stream_fail(data, UV_ECANCELED);
}

void stream_init(struct stream *stream, const struct stream_kind *kind, struct shard *shard)
{
    stream->kind = kind;
    stream->shard = shard;
    shard_on_stop(shard, &stream->hook, on_stop, stream);
}

void stream_start(struct stream *stream, const struct stream_events *events, void *owner)
{
    stream->events = events;
    stream->owner = owner;
    if (!stream->closing) stream->kind->start(stream);
}

size_t stream_write(struct stream *stream, const struct iovec *parts, int count)
{
    if (stream->closing || stream->shut_down) return 0;
    stream->kind->write(stream, parts, count);
    if (stream->closing) return 0;
    if (stream->queued) stream->drain_wanted = true;
    return stream->queued;
}

size_t stream_queued(const struct stream *stream)
{
    return stream->queued;
}

void stream_pause(struct stream *stream)
{
    if (stream->paused) return;
    stream->paused = true;
    if (!stream->closing && stream->events) stream->kind->pause(stream);
}

void stream_resume(struct stream *stream)
{
    if (!stream->paused) return;
    stream->paused = false;
    if (!stream->closing && stream->events) stream->kind->resume(stream);
}

void stream_shutdown(struct stream *stream)
{
    if (stream->closing || stream->shut_down) return;
    stream->shut_down = true;
    stream->kind->shutdown(stream);
}

void stream_fail(struct stream *stream, int error)
{
    if (stream->closing) return;
    stream->closing = true;
    stream->error = error;
    stream->queued = 0;
    stream->kind->close(stream);
}

void stream_close(struct stream *stream)
{
    stream_fail(stream, 0);
}

bool stream_may_read(const struct stream *stream)
{
    return !stream->events->on_readable || stream->events->on_readable(stream->owner);
}

void stream_got_data(struct stream *stream, const uint8_t *data, size_t size)
{
    if (!stream->closing && size > 0) stream->events->on_data(stream->owner, data, size);
}

void stream_got_end(struct stream *stream)
{
    if (stream->closing || stream->ended) return;
    stream->ended = true;
    stream->events->on_end(stream->owner);
}

void stream_drained(struct stream *stream)
{
    if (stream->closing || !stream->drain_wanted) return;
    stream->drain_wanted = false;
    if (stream->events) stream->events->on_drain(stream->owner);
}

void stream_closed(struct stream *stream)
{
    shard_hook_remove(&stream->hook);
    if (stream->events) stream->events->on_close(stream->owner, stream->error);
    stream->kind->free(stream);
}

struct shard *stream_shard(const struct stream *stream)
{
    return stream->shard;
}

const char *stream_peer(const struct stream *stream)
{
    return stream->peer;
}
