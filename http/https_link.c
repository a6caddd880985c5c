/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's multi interface on a libuv loop. libcurl reports which sockets and which time it waits
 * for (on_socket, on_timer); the loop tells it when something has happened (act), and a finished
 * transfer wakes its fiber. */
#include "http/https_link.h"

#include <stdlib.h>

#include "base/clock.h"
#include "reasons.pb-c.h"

/* Connections of a shard: kept idle, to one host, in all. A transfer without a connection waits for
 * one. */
enum { CONNECTIONS_KEPT = 16, CONNECTIONS_HOST_MAX = 16, CONNECTIONS_MAX = 64 };

struct socket {
    uv_poll_t poll;
    struct https_link *link;
    curl_socket_t fd;
};

/* Lets libcurl make progress. Never call it inside one of libcurl's callbacks. */
static void act(struct https_link *link, curl_socket_t fd, int events)
{
    struct https_transfer *transfer;
    CURLMsg *message;
    int count;

    link->library->multi_socket_action(link->multi, fd, events, &count);
    /* A woken fiber may be the last one of a stopping shard, and close the link. */
    while (link->multi && (message = link->library->multi_info_read(link->multi, &count))) {
        if (message->msg != CURLMSG_DONE) continue;
        link->library->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        transfer->done = true;
        transfer->result = message->data.result;
        fiber_wake(link->shard, &transfer->wait);
    }
}

/* ---- sockets ---- */

static void on_poll(uv_poll_t *poll, int error, int events)
{
    const struct socket *socket = poll->data;
    int flags = error ? CURL_CSELECT_ERR : 0;

    if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
    act(socket->link, socket->fd, flags);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct socket *watch(struct https_link *link, curl_socket_t fd)
{
    struct socket *socket = calloc(1, sizeof(*socket));

    invariant(socket != NULL);
    if (uv_poll_init_socket(&link->shard->loop, &socket->poll, fd) != 0) {
        free(socket);
        return NULL;
    }
    socket->poll.data = socket;
    socket->link = link;
    socket->fd = fd;
    link->library->multi_assign(link->multi, fd, socket);
    return socket;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
    struct socket *socket = socket_data;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (socket) uv_close((uv_handle_t *)&socket->poll, on_closed);
        return 0;
    }
    if (!socket) socket = watch(data, fd);
    if (!socket) return -1;
    if (what & CURL_POLL_IN) events |= UV_READABLE;
    if (what & CURL_POLL_OUT) events |= UV_WRITABLE;
    return uv_poll_start(&socket->poll, events, on_poll) == 0 ? 0 : -1;
}

/* ---- time ---- */

static void on_timeout(void *data)
{
    act(data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long timeout_ms, void *data)
{
    struct https_link *link = data;

    (void)multi;
    if (timeout_ms < 0)
        shard_timer_stop(&link->timer);
    else
        shard_timer_start(link->shard, &link->timer, clock_monotonic_us() + timeout_ms * 1000,
                          on_timeout, link);
    return 0;
}

/* ---- opening and closing ---- */

static void close_link(struct https_link *link)
{
    link->library->multi_cleanup(link->multi);
    link->multi = NULL;
    shard_timer_stop(&link->timer);
    shard_hook_remove(&link->hook);
}

/* The transfers' fibers are cancelled; the last one to leave closes the link. */
static void on_stop(void *data)
{
    struct https_link *link = data;

    if (link->running == 0) close_link(link);
}

static struct status open_link(const struct call *call, struct https_link *link)
{
    const struct https_library *library = link->library;

    if (link->multi) return status_ok();
    link->shard = call->shard;
    link->multi = library->multi_init();
    if (!link->multi)
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__MEMORY_LIMIT,
                           "there is no memory for a connection");
    library->multi_setopt(link->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    library->multi_setopt(link->multi, CURLMOPT_SOCKETDATA, link);
    library->multi_setopt(link->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    library->multi_setopt(link->multi, CURLMOPT_TIMERDATA, link);
    library->multi_setopt(link->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    library->multi_setopt(link->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)CONNECTIONS_HOST_MAX);
    library->multi_setopt(link->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS_MAX);
    shard_on_stop(call->shard, &link->hook, on_stop, link);
    return status_ok();
}

struct status https_link_run(struct call *call, struct https_link *link,
                             struct https_transfer *transfer)
{
    struct status st = call_check(call);

    if (!failed(st)) st = open_link(call, link);
    if (failed(st)) return st;
    link->running++;
    link->library->easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    if (link->library->multi_add_handle(link->multi, transfer->easy) != CURLM_OK)
        st = status_make(STATUS_INTERNAL, 0, "libcurl does not accept the transfer");
    while (!failed(st) && !transfer->done) st = fiber_suspend(call, &transfer->wait);
    link->library->multi_remove_handle(link->multi, transfer->easy);
    if (--link->running == 0 && shard_is_stopping(link->shard)) close_link(link);
    return st;
}
