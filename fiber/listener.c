/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners: every shard has a socket of its own for the same address (SO_REUSEPORT), and the
 * kernel spreads the connections over them. All sockets are bound and listening when listener_new
 * returns, so it reports every error; each shard takes over its socket by a message.
 *
 * libuv only reports that a connection is waiting; accepting is done here. When there is no free
 * descriptor, libuv's own accept would retry forever inside one callback and block the loop, even
 * for signals. Here a socket that cannot accept is not polled for PAUSE_US, and connections wait in
 * the kernel's queue. */
#include "fiber/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fiber/descriptors.h"
#include "fiber/stream_kind.h"
#include "reasons.pb-c.h"

enum {
    BACKLOG = 4096,
    ACCEPTED_MAX = 64, /* in one turn of the loop */
    PAUSE_US = 50000,
};

/* Belongs to its shard once the shard has taken it over. */
struct listener_socket {
    struct listener *listener;
    uv_poll_t handle;
    int fd; /* -1 once it is closed */
    bool open;
    bool paused;
    struct shard_timer resume;
    struct shard_hook hook;
};

struct listener {
    struct shards *shards;
    struct listener_events events;
    void *owner;
    struct sockaddr_storage address;
    char text[ADDRESS_TEXT_SIZE];
    atomic_bool closing;
    int count;
    struct listener_socket sockets[];
};

static void on_connection(uv_poll_t *handle, int error, int events);

static void watch(struct listener_socket *socket)
{
    socket->paused = false;
    if (uv_poll_start(&socket->handle, UV_READABLE, on_connection) != 0) socket->paused = true;
}

static void on_resume(void *data)
{
    struct listener_socket *socket = data;

    if (socket->open) watch(socket);
}

/* Stops accepting for a moment. */
static void pause_socket(struct listener_socket *socket)
{
    const struct listener *listener = socket->listener;
    struct shard *shard = socket->hook.shard;

    socket->paused = true;
    uv_poll_stop(&socket->handle);
    shard_timer_start(shard, &socket->resume, shard_now_us(shard) + PAUSE_US, on_resume, socket);
    if (listener->events.on_full) listener->events.on_full(listener->owner, shard);
}

/* Accepts one connection; false when none is waiting or no descriptor is free. */
static bool accept_one(struct listener_socket *socket)
{
    const struct listener *listener = socket->listener;
    bool counted = !listener->events.reserved;
    int error = 0;

    if (counted && !descriptors_take()) {
        pause_socket(socket);
        return false;
    }
    int fd = accept4(socket->fd, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        struct stream *stream = stream_tcp_accept(socket->hook.shard, fd, counted, &error);
        if (stream) listener->events.on_accept(listener->owner, stream);
        return true;
    }
    error = errno;
    if (counted) descriptors_give();
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM)
        pause_socket(socket);
    /* The other errors of accept(2) concern this one connection, which is gone. */
    return error == ECONNABORTED || error == EINTR || error == EPROTO;
}

static void on_connection(uv_poll_t *handle, int error, int events)
{
    struct listener_socket *socket = handle->data;

    (void)error;
    (void)events;
    for (int i = 0; i < ACCEPTED_MAX && socket->open && !socket->paused; i++)
        if (!accept_one(socket)) return;
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct listener_socket *socket = handle->data;

    close(socket->fd);
    socket->fd = -1;
}

static void close_socket(void *data)
{
    struct listener_socket *socket = data;

    if (!socket->open) return;
    socket->open = false;
    shard_timer_stop(&socket->resume);
    shard_hook_remove(&socket->hook);
    uv_close((uv_handle_t *)&socket->handle, on_socket_closed);
}

static void take_socket(struct shard *shard, void *data)
{
    struct listener_socket *socket = data;

    invariant(uv_poll_init_socket(&shard->loop, &socket->handle, socket->fd) == 0);
    socket->open = true;
    socket->handle.data = socket;
    shard_on_stop(shard, &socket->hook, close_socket, socket);
    if (atomic_load(&socket->listener->closing))
        close_socket(socket);
    else
        watch(socket);
}

/* A socket bound to the address; -1 with errno. With `shared`, other sockets may be bound to it too
 * if all of them allow it. */
static int bind_socket(const struct sockaddr_storage *address, bool shared)
{
    int on = 1, error;
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (shared) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)address, address_size(address)) == 0) return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* SO_REUSEPORT would let us share the port with other programs of the same user, even with another
 * instance of this one. So the port is first bound exclusively, as a test. */
static bool address_is_free(const struct sockaddr_storage *address)
{
    int fd = bind_socket(address, false);
    bool listens;
    int error;

    if (fd < 0) return false;
    listens = listen(fd, 1) == 0;
    error = errno;
    close(fd);
    errno = error;
    return listens;
}

static bool open_sockets(struct listener *listener)
{
    socklen_t size = sizeof(listener->address);

    if (address_port(&listener->address) != 0 && !address_is_free(&listener->address)) return false;
    for (int i = 0; i < listener->count; i++) {
        struct listener_socket *socket = &listener->sockets[i];

        socket->fd = bind_socket(&listener->address, true);
        if (socket->fd < 0 || listen(socket->fd, BACKLOG) != 0) return false;
        /* With port 0 the first socket has been given a port now, which the others use. */
        if (i == 0 && getsockname(socket->fd, (struct sockaddr *)&listener->address, &size) != 0)
            return false;
    }
    return true;
}

static struct status explain(struct arena *arena, const char *address, int error)
{
    switch (error) {
    case EADDRINUSE:
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__ADDRESS_IN_USE,
                             "%s is in use; stop the program that listens there or choose "
                             "another address",
                             address);
    case EADDRNOTAVAIL:
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                             "cannot listen on %s: this machine does not have that address; "
                             "choose one that it has, or 0.0.0.0 for all",
                             address);
    case EACCES:
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                             "not allowed to listen on %s; choose a port above 1023", address);
    default:
        return status_printf(arena, STATUS_FAILED_PRECONDITION, 0, "cannot listen on %s: %s",
                             address, strerror(error));
    }
}

struct status listener_new(struct arena *arena, struct shards *shards, const char *address,
                           void (*on_accept)(void *owner, struct stream *stream), void *owner,
                           struct listener **ret_listener)
{
    struct listener_events events = {.on_accept = on_accept};

    return listener_open(arena, shards, address, &events, owner, ret_listener);
}

struct status listener_open(struct arena *arena, struct shards *shards, const char *address,
                            const struct listener_events *events, void *owner,
                            struct listener **ret_listener)
{
    int count = shards_count(shards);
    char host[ADDRESS_HOST_SIZE];
    struct sockaddr_storage parsed;
    struct listener *listener;
    uint16_t port;
    int error;

    if (!address_split(address, host, &port) || !address_from_ip(host, port, &parsed))
        return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                             "cannot listen on \"%s\"; write an IP address and a port, such as "
                             "127.0.0.1:8000 or [::1]:8000",
                             address);

    listener = calloc(1, sizeof(*listener) + (size_t)count * sizeof(listener->sockets[0]));
    invariant(listener != 0);
    listener->shards = shards;
    listener->events = *events;
    listener->owner = owner;
    listener->address = parsed;
    listener->count = count;
    for (int i = 0; i < count; i++) {
        listener->sockets[i].listener = listener;
        listener->sockets[i].fd = -1;
    }
    if (!open_sockets(listener)) {
        error = errno;
        listener_free(listener);
        return explain(arena, address, error);
    }
    address_format(&listener->address, listener->text);
    for (int i = 0; i < count; i++)
        shard_post(shards_at(shards, i), take_socket, &listener->sockets[i]);
    *ret_listener = listener;
    return status_ok();
}

const char *listener_address(const struct listener *listener)
{
    return listener->text;
}

int listener_port(const struct listener *listener)
{
    return address_port(&listener->address);
}

bool listener_is_loopback(const struct listener *listener)
{
    return address_is_loopback(&listener->address);
}

static void close_posted(struct shard *shard, void *data)
{
    close_socket(data);
}

void listener_close(struct listener *listener)
{
    if (atomic_exchange(&listener->closing, true)) return;
    for (int i = 0; i < listener->count; i++)
        shard_post(shards_at(listener->shards, i), close_posted, &listener->sockets[i]);
}

void listener_free(struct listener *listener)
{
    if (!listener) return;
    for (int i = 0; i < listener->count; i++)
        if (listener->sockets[i].fd >= 0) close(listener->sockets[i].fd);
    free(listener);
}
