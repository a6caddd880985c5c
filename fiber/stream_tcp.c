/* SPDX-License-Identifier: Apache-2.0 */
/* TCP streams on libuv. All streams of a shard read through one buffer, because the bytes are
 * consumed before anything else is read. Writing tries the socket first; only what it does not
 * accept is copied and queued. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fiber/descriptors.h"
#include "fiber/stream_kind.h"
#include "base/status.h"

enum {
    QUEUED_MAX = 64 * 1024 *
                 1024, /* bytes; past it the stream fails: writers must check how much is queued */
    PARTS_MAX = 1024,  /* in one attempt, the limit of writev */
};

struct tcp {
    struct stream stream;
    uv_tcp_t handle;
    uv_shutdown_t shutdown;
    bool counted; /* its descriptor was counted by descriptors_take */
};

struct queued_write {
    uv_write_t request;
    struct tcp *tcp;
    size_t size;
    char data[];
};

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    struct tcp *tcp = handle->data;
    struct shard *shard = tcp->stream.shard;

    if (!shard->read_buffer) shard->read_buffer = malloc(SHARD_READ_BUFFER_SIZE);
    bool reads = shard->read_buffer && stream_may_read(&tcp->stream);
    *ret_buffer = uv_buf_init(shard->read_buffer, reads ? SHARD_READ_BUFFER_SIZE : 0);
}

static void on_read(uv_stream_t *handle, ssize_t size, const uv_buf_t *buffer)
{
    struct tcp *tcp = handle->data;

    /* Without a buffer libuv reads nothing; the socket is still ready in the next pass. */
    if (size == UV_ENOBUFS && buffer->base) return;
    if (size > 0)
        stream_got_data(&tcp->stream, (const uint8_t *)buffer->base, (size_t)size);
    else if (size == UV_EOF)
        stream_got_end(&tcp->stream);
    else if (size < 0)
        stream_fail(&tcp->stream, (int)size);
}

static void start_reading(struct tcp *tcp)
{
    int error = uv_read_start((uv_stream_t *)&tcp->handle, on_allocate, on_read);

    if (error) stream_fail(&tcp->stream, error);
}

static void tcp_start(struct stream *stream)
{
    if (!stream->paused) start_reading((struct tcp *)stream);
}

static void tcp_pause(struct stream *stream)
{
    uv_read_stop((uv_stream_t *)&((struct tcp *)stream)->handle);
}

static void tcp_resume(struct stream *stream)
{
    if (!stream->ended) start_reading((struct tcp *)stream);
}

static void on_written(uv_write_t *request, int error)
{
    struct queued_write *write = request->data;
    struct stream *stream = &write->tcp->stream;
    size_t size = write->size;

    free(write);
    if (stream->closing) return;
    if (error) {
        stream_fail(stream, error);
        return;
    }
    stream->queued -= size;
    if (stream->queued == 0) stream_drained(stream);
}

/* Copies the parts without their first `skip` bytes. */
static void copy_parts(char *to, const struct iovec *parts, int count, size_t skip)
{
    for (int i = 0; i < count; i++) {
        size_t size = parts[i].iov_len;
        if (skip >= size) {
            skip -= size;
            continue;
        }
        memcpy(to, (const char *)parts[i].iov_base + skip, size - skip);
        to += size - skip;
        skip = 0;
    }
}

static void queue_rest(struct tcp *tcp, const struct iovec *parts, int count, size_t written,
                       size_t size)
{
    size_t rest = size - written;
    struct queued_write *write;
    uv_buf_t buffer;
    int error;

    if (rest > QUEUED_MAX - tcp->stream.queued) {
        stream_fail(&tcp->stream, UV_ENOBUFS);
        return;
    }
    write = malloc(sizeof(*write) + rest);
    if (!write) {
        stream_fail(&tcp->stream, UV_ENOMEM);
        return;
    }
    write->tcp = tcp;
    write->size = rest;
    write->request.data = write;
    copy_parts(write->data, parts, count, written);
    buffer = uv_buf_init(write->data, (unsigned)rest);
    error = uv_write(&write->request, (uv_stream_t *)&tcp->handle, &buffer, 1, on_written);
    if (error) {
        free(write);
        stream_fail(&tcp->stream, error);
        return;
    }
    tcp->stream.queued += rest;
}

static void tcp_write(struct stream *stream, const struct iovec *parts, int count)
{
    struct tcp *tcp = (struct tcp *)stream;
    size_t size = 0, written = 0;

    for (int i = 0; i < count; i++) size += parts[i].iov_len;
    if (size == 0) return;
    if (stream->queued == 0) {
        /* libuv guarantees that uv_buf_t has the layout of iovec. */
        const uv_buf_t *buffers = (const uv_buf_t *)parts;
        unsigned tried = count < PARTS_MAX ? (unsigned)count : PARTS_MAX;
        int answer = uv_try_write((uv_stream_t *)&tcp->handle, buffers, tried);

        if (answer < 0 && answer != UV_EAGAIN) {
            stream_fail(stream, answer);
            return;
        }
        if (answer > 0) written = (size_t)answer;
    }
    if (written < size) queue_rest(tcp, parts, count, written, size);
}

static void on_shutdown(uv_shutdown_t *request, int error)
{
    /* Nothing to do: reading will report the error again. */
}

static void tcp_shutdown(struct stream *stream)
{
    struct tcp *tcp = (struct tcp *)stream;
    int error = uv_shutdown(&tcp->shutdown, (uv_stream_t *)&tcp->handle, on_shutdown);

    if (error) stream_fail(stream, error);
}

static void on_closed(uv_handle_t *handle)
{
    struct tcp *tcp = handle->data;

    if (tcp->counted) descriptors_give();
    stream_closed(&tcp->stream);
}

static void tcp_close(struct stream *stream)
{
    uv_close((uv_handle_t *)&((struct tcp *)stream)->handle, on_closed);
}

static void tcp_free(struct stream *stream)
{
    free(stream);
}

static const struct stream_kind tcp_kind = {
    .start = tcp_start,
    .write = tcp_write,
    .pause = tcp_pause,
    .resume = tcp_resume,
    .shutdown = tcp_shutdown,
    .close = tcp_close,
    .free = tcp_free,
};

static struct tcp *tcp_new(struct shard *shard, int *ret_error)
{
    struct tcp *tcp = calloc(1, sizeof(*tcp));

    if (!tcp) {
        *ret_error = UV_ENOMEM;
        return 0;
    }
    invariant(uv_tcp_init(&shard->loop, &tcp->handle) == 0);
    tcp->handle.data = tcp;
    stream_init(&tcp->stream, &tcp_kind, shard);
    return tcp;
}

int stream_tcp_connected(struct stream *stream)
{
    struct tcp *tcp = (struct tcp *)stream;
    struct sockaddr_storage address = {0};
    int size = sizeof(address);
    int error;

    error = uv_tcp_getpeername(&tcp->handle, (struct sockaddr *)&address, &size);
    if (error) return error;
    address_format_ip(&address, stream->peer);
    /* A small answer must not wait for the acknowledgement of the one before it. */
    return uv_tcp_nodelay(&tcp->handle, 1);
}

struct stream *stream_tcp_accept(struct shard *shard, int fd, bool counted, int *ret_error)
{
    struct tcp *tcp = tcp_new(shard, ret_error);
    int error;

    if (!tcp) {
        close(fd);
        if (counted) descriptors_give();
        return 0;
    }
    tcp->counted = counted;
    error = uv_tcp_open(&tcp->handle, fd);
    if (error)
        close(fd);
    else
        error = stream_tcp_connected(&tcp->stream);
    if (!error) return &tcp->stream;
    stream_fail(&tcp->stream, error);
    *ret_error = error;
    return 0;
}

struct stream *stream_tcp_connect(struct shard *shard, uv_connect_t *request,
                                  const struct sockaddr_storage *address,
                                  uv_connect_cb on_connected, int *ret_error)
{
    struct tcp *tcp = tcp_new(shard, ret_error);
    int error;

    if (!tcp) return 0;
    error = uv_tcp_connect(request, &tcp->handle, (const struct sockaddr *)address, on_connected);
    if (!error) return &tcp->stream;
    stream_fail(&tcp->stream, error);
    *ret_error = error;
    return 0;
}
