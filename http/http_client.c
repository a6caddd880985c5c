/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP/2 client: opens requests on the current link and makes links as needed. See
 * http/http_client.h and http/http_client_link.h. */
#include "http/http_client.h"

#include "base/random.h"
#include "http/http_client_link.h"
#include "observe/log.h"
#include "reasons.pb-c.h"

enum {
    CONNECT_TIMEOUT_MS = 5000,
    BACKOFF_MIN_MS = 50,
    BACKOFF_MAX_MS = 10 * 1000,
    EXCHANGES_KEPT_MAX = 256,
};

/* A call that waits for a link or for a free stream on it; lies on its fiber's stack. */
struct client_waiter {
    struct fiber_wait wait;
    struct client_waiter *next, *previous;
    bool linked; /* not woken yet */
};

struct http_client {
    struct shard *shard;
    char *address;             /* NULL: uses one given stream */
    struct client_link *link;  /* for new requests; NULL: none */
    struct client_link *links; /* includes those that are ending */
    struct stream_connect *attempt;
    struct client_waiter *waiters, *waiters_last; /* the line */
    size_t waiting; /* calls in the line, those woken but not yet running, and running wake-ups */
    int failures;   /* consecutive connections that could not be made or on which the peer sent
                     * nothing */
    int64_t backoff_until_us;
    struct http_pool pool;
    struct http_exchange *unused;
    size_t unused_count;
    bool freed;
};

static struct status unreachable(void)
{
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__SERVICE_UNREACHABLE,
                       "no connection to the service; is it running at this address?");
}

/* ---- waiters ---- */

static void remove_waiter(struct http_client *client, struct client_waiter *waiter)
{
    if (!waiter->linked) return;
    waiter->linked = false;
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        client->waiters = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    else
        client->waiters_last = waiter->previous;
}

/* Wakes the first waiters, which leave the line before they run, because they may change it. A call
 * that joins the line again meanwhile is not woken twice. */
static void wake_waiters(struct http_client *client, size_t count)
{
    if (count > client->waiting) count = client->waiting;
    client->waiting++; /* a woken call may free the client: keep it until the caller is done with
                        * it */
    while (client->waiters && count-- > 0) {
        struct client_waiter *waiter = client->waiters;
        remove_waiter(client, waiter);
        fiber_wake(client->shard, &waiter->wait);
    }
    client->waiting--;
}

static struct status wait_in_line(struct call *call, struct http_client *client)
{
    struct client_waiter waiter = {.linked = true, .previous = client->waiters_last};
    if (client->waiters_last)
        client->waiters_last->next = &waiter;
    else
        client->waiters = &waiter;
    client->waiters_last = &waiter;
    client->waiting++;
    struct status st = fiber_suspend(call, &waiter.wait);
    client->waiting--;
    /* A call that was cancelled, or whose deadline passed, between its wake-up and its turn only
     * sees the wake-up. It cannot use the turn, so the next in the line gets it. */
    if (!failed(st)) st = call_check(call);
    if (failed(st) && !waiter.linked) wake_waiters(client, 1);
    remove_waiter(client, &waiter);
    return st;
}

/* ---- links ---- */

static void release_client(struct http_client *client)
{
    if (!client->freed || client->links || client->waiting > 0) return;
    while (client->unused) {
        struct http_exchange *exchange = client->unused;
        client->unused = exchange->next_unused;
        free(exchange);
    }
    http_pool_release(&client->pool);
    free(client->address);
    free(client);
}

static void back_off(struct http_client *client)
{
    int64_t delay_ms = BACKOFF_MIN_MS;
    for (int i = 0; i < client->failures && delay_ms < BACKOFF_MAX_MS; i++) delay_ms *= 2;
    if (delay_ms > BACKOFF_MAX_MS) delay_ms = BACKOFF_MAX_MS;
    client->failures++;
    /* A jitter of 80 to 120 %, so that many clients do not reconnect at the same moment. */
    delay_ms = delay_ms * (80 + (int64_t)random_below(41)) / 100;
    client->backoff_until_us = shard_now_us(client->shard) + delay_ms * 1000;
}

static void drop_link(struct http_client *client, struct client_link *link)
{
    if (client->link != link) return;
    client->link = NULL;
    if (link->session->refusal)
        log_warn(NULL,
                 "the connection to a service was ended: it sent a flood of useless frames, or a "
                 "header block that decodes to too much; look at what serves this address",
                 LOG_STR("address", client->address ? client->address : ""));
    if (!link->heard || link->session->refusal)
        back_off(client);
    else
        client->failures = 0;
    wake_waiters(client, SIZE_MAX);
}

static void on_link_change(void *data, struct client_link *link)
{
    struct http_client *client = data;
    if (!link->stream || link->session->going_away)
        drop_link(client, link);
    else
        wake_waiters(client, client_link_room(link));
}

static void on_link_gone(void *data, struct client_link *link)
{
    struct http_client *client = data;
    if (link->previous)
        link->previous->next = link->next;
    else
        client->links = link->next;
    if (link->next) link->next->previous = link->previous;
    release_client(client);
}

static void on_link_unused(void *data, struct http_exchange *exchange)
{
    struct http_client *client = data;
    http_exchange_clear(exchange);
    if (client->unused_count >= EXCHANGES_KEPT_MAX) {
        free(exchange);
        return;
    }
    exchange->next_unused = client->unused;
    client->unused = exchange;
    client->unused_count++;
}

static const struct client_link_events link_events = {
    .on_change = on_link_change, .on_gone = on_link_gone, .on_unused = on_link_unused};

static void add_link(struct http_client *client, struct stream *stream)
{
    struct client_link template = {.events = &link_events,
                                   .client = client,
                                   .pool = &client->pool,
                                   .shard = client->shard,
                                   .stream = stream,
                                   .next = client->links};
    client->link = client_link_new(&template);
    if (client->links) client->links->previous = client->link;
    client->links = client->link;
}

static void on_connected(void *data, struct stream *stream, int error)
{
    struct http_client *client = data;
    (void)error;
    client->attempt = NULL;
    if (stream)
        add_link(client, stream);
    else
        back_off(client);
    wake_waiters(client, SIZE_MAX);
    release_client(client);
}

/* Starts a connection, unless one is being made or the last attempt failed a moment ago. */
static struct status start_connecting(struct http_client *client)
{
    if (client->freed || !client->address) return unreachable();
    if (client->attempt) return status_ok();
    if (client->failures > 0 && shard_now_us(client->shard) < client->backoff_until_us)
        return unreachable();
    client->attempt = stream_connect(client->shard, client->address, CONNECT_TIMEOUT_MS,
                                     on_connected, client);
    return status_ok();
}

static struct status find_link(struct call *call, struct http_client *client)
{
    for (;;) {
        struct status st = call_check(call);
        if (failed(st)) return st;
        if (client->link && client_link_room(client->link) > 0) return st;
        if (!client->link) st = start_connecting(client);
        if (failed(st)) return st;
        st = wait_in_line(call, client);
        if (failed(st)) return st;
    }
}

/* ---- the client ---- */

struct http_client *http_client_new(struct shard *shard, const char *address)
{
    struct http_client *client = calloc(1, sizeof(*client));
    invariant(client);
    client->shard = shard;
    client->address = strdup(address);
    return client;
}

struct http_client *http_client_over(struct shard *shard, struct stream *stream)
{
    struct http_client *client = calloc(1, sizeof(*client));
    invariant(client);
    client->shard = shard;
    add_link(client, stream);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (!client) return;
    client->freed = true;
    client->link = NULL;
    if (client->attempt) stream_connect_cancel(client->attempt);
    client->attempt = NULL;
    for (struct client_link *link = client->links; link; link = link->next) client_link_close(link);
    wake_waiters(client, SIZE_MAX);
    release_client(client);
}

bool http_client_usable(const struct http_client *client)
{
    if (client->link) return true;
    if (!client->address) return false;
    return client->failures == 0 ||
           (!client->attempt && shard_now_us(client->shard) >= client->backoff_until_us);
}

/* ---- exchanges ---- */

static void on_arena_end(void *data)
{
    struct http_exchange **guard = data;
    if (*guard) http_client_close(*guard);
}

static struct http_exchange *take_exchange(struct call *call, struct http_client *client)
{
    struct http_exchange *exchange = client->unused;

    if (exchange) {
        client->unused = exchange->next_unused;
        client->unused_count--;
        exchange->next_unused = NULL;
    } else {
        exchange = calloc(1, sizeof(*exchange));
        invariant(exchange);
    }
    exchange->arena = call->arena;
    exchange->pool = &client->pool;
    exchange->budget = call->arena->budget;
    exchange->request.version = HTTP_2;
    exchange->h2.guard = arena_alloc(call->arena, sizeof(struct http_exchange *));
    *exchange->h2.guard = NULL;
    return exchange;
}

struct status http_client_open(struct call *call, struct http_client *client,
                               const struct http_request *request, bool end,
                               struct http_exchange **ret_exchange)
{
    struct status st = find_link(call, client);
    if (failed(st)) {
        release_client(client); /* if it was freed while this call waited */
        return st;
    }

    struct http_exchange *exchange = take_exchange(call, client);
    struct str authority = client->address ? str_of(client->address) : STR("localhost");
    st = client_link_open(client->link, exchange, request, authority, end);
    if (failed(st)) {
        on_link_unused(client, exchange);
        drop_link(client, client->link); /* its stream identifiers are used up: the next call
                                          * reconnects */
        return st;
    }
    *exchange->h2.guard = exchange;
    arena_defer(call->arena, on_arena_end, exchange->h2.guard);
    *ret_exchange = exchange;
    return st;
}

struct status http_read_head(struct call *call, struct http_exchange *exchange, int *ret_status,
                             const struct http_headers **ret_headers)
{
    while (!exchange->h2.head_done) {
        if (failed(exchange->in.error)) return exchange->in.error;
        if (!exchange->h2.open) return unreachable();
        struct status st = fiber_suspend(call, &exchange->h2.head_wait);
        if (failed(st)) return st;
    }
    struct http_headers *headers = arena_new(call->arena, struct http_headers);
    *headers = exchange->request.headers;
    *ret_status = exchange->h2.status;
    *ret_headers = headers;
    return status_ok();
}

void http_client_close(struct http_exchange *exchange)
{
    *exchange->h2.guard = NULL;
    http2_exchange_leave(exchange);
}
