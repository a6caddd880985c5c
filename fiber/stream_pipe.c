/* SPDX-License-Identifier: Apache-2.0 */
/* A pipe in memory: two streams of one shard, each with a buffer of incoming bytes. It behaves like
 * a TCP connection over which bytes travel for one turn: it has room for ROOM bytes, closing one
 * end ends the other's reading, and writing to a closed end fails with EPIPE. */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "fiber/stream_kind.h"

enum {
    ROOM = 256 * 1024, /* bytes in transit that do not count as queued */
    UNDER_WAY_MAX = 64 * 1024 * 1024,
};

struct pipe_end {
    struct stream stream;
    struct pipe_end *other; /* NULL once it is closed */
    struct buffer incoming;
    struct shard_task deliver, close;
    bool no_more; /* the other end was shut down or closed */
    bool broken;  /* we wrote to a closed end */
};

static void defer_delivery(struct pipe_end *end)
{
    shard_defer(end->stream.shard, &end->deliver);
}

/* Counts the bytes for `end` beyond the room of the pipe as queued. */
static void count_queued(struct pipe_end *end)
{
    size_t under_way = end->other ? end->other->incoming.length : 0;

    end->stream.queued = under_way > ROOM ? under_way - ROOM : 0;
}

static void deliver_data(struct pipe_end *end)
{
    struct buffer data = end->incoming;

    /* Bytes written while the owner reads are delivered in a later turn. */
    buffer_init(&end->incoming, UNDER_WAY_MAX);
    stream_got_data(&end->stream, (const uint8_t *)data.data, data.length);
    buffer_release(&data);
    if (!end->other) return;
    count_queued(end->other);
    if (end->other->stream.queued == 0) stream_drained(&end->other->stream);
}

static void on_deliver(void *data)
{
    struct pipe_end *end = data;

    if (end->broken) {
        stream_fail(&end->stream, UV_EPIPE);
        return;
    }
    if (!end->stream.events || end->stream.paused || end->stream.closing) return;
    if (!stream_may_read(&end->stream)) {
        shard_defer_next(end->stream.shard, &end->deliver);
        return;
    }
    if (end->incoming.length) deliver_data(end);
    if (end->incoming.length == 0 && end->no_more && !end->stream.paused)
        stream_got_end(&end->stream);
}

static void pipe_start(struct stream *stream)
{
    defer_delivery((struct pipe_end *)stream);
}

static void pipe_write(struct stream *stream, const struct iovec *parts, int count)
{
    struct pipe_end *end = (struct pipe_end *)stream;

    if (!end->other) {
        end->broken = true;
        defer_delivery(end);
        return;
    }
    for (int i = 0; i < count; i++)
        buffer_append(&end->other->incoming, parts[i].iov_base, parts[i].iov_len);
    if (end->other->incoming.overflow) {
        stream_fail(stream, UV_ENOBUFS);
        return;
    }
    count_queued(end);
    defer_delivery(end->other);
}

static void pipe_pause(struct stream *stream)
{
    /* on_deliver checks whether the stream is paused. */
}

static void pipe_resume(struct stream *stream)
{
    defer_delivery((struct pipe_end *)stream);
}

static void end_other(struct pipe_end *end)
{
    if (!end->other) return;
    end->other->no_more = true;
    defer_delivery(end->other);
}

static void pipe_shutdown(struct stream *stream)
{
    end_other((struct pipe_end *)stream);
}

static void on_closed(void *data)
{
    struct pipe_end *end = data;

    stream_closed(&end->stream);
}

static void pipe_close(struct stream *stream)
{
    struct pipe_end *end = (struct pipe_end *)stream;

    end_other(end);
    if (end->other) {
        end->other->other = 0;
        count_queued(end->other);
    }
    end->other = 0;
    shard_defer_cancel(stream->shard, &end->deliver);
    shard_defer(stream->shard, &end->close);
}

static void pipe_free(struct stream *stream)
{
    struct pipe_end *end = (struct pipe_end *)stream;

    buffer_release(&end->incoming);
    free(end);
}

static const struct stream_kind pipe_kind = {
    .start = pipe_start,
    .write = pipe_write,
    .pause = pipe_pause,
    .resume = pipe_resume,
    .shutdown = pipe_shutdown,
    .close = pipe_close,
    .free = pipe_free,
};

static struct pipe_end *pipe_end_new(struct shard *shard)
{
    struct pipe_end *end = calloc(1, sizeof(*end));

    invariant(end != 0);
    stream_init(&end->stream, &pipe_kind, shard);
    memcpy(end->stream.peer, "loopback", sizeof("loopback"));
    buffer_init(&end->incoming, UNDER_WAY_MAX);
    end->deliver = (struct shard_task){.fn = on_deliver, .data = end};
    end->close = (struct shard_task){.fn = on_closed, .data = end};
    return end;
}

void stream_pair(struct shard *shard, struct stream *ret_ends[2])
{
    struct pipe_end *a = pipe_end_new(shard);
    struct pipe_end *b = pipe_end_new(shard);

    a->other = b;
    b->other = a;
    ret_ends[0] = &a->stream;
    ret_ends[1] = &b->stream;
}
