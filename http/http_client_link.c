/* SPDX-License-Identifier: Apache-2.0 */
/* A client's connection: its session, events and keepalive. See http/http_client_link.h. */
#include "http/http_client_link.h"

#include "reasons.pb-c.h"

enum {
    OUTPUT_SIZE = 64 * 1024,
    OUTPUT_WAITING_MAX = 256 * 1024,
    HEADER_SIZE_MAX = 64 * 1024,
    LOOK_MS = 5 * 1000,
    /* How long the peer may be silent with requests open before we send a PING, and how long that
     * may go unanswered. Servers treat frequent PINGs as an attack (gRPC servers: more than one in
     * five minutes), so these are rare. */
    SILENCE_MS = 30 * 1000,
    PING_ANSWER_MS = 10 * 1000,
    PING_INTERVAL_MS = 5 * 60 * 1000,
};

/* ---- the session's role ---- */

static void on_header(struct http_exchange *exchange, struct str name, struct str value)
{
    uint64_t status;
    if (name.data[0] != ':') {
        if (!http_headers_push(exchange->arena, &exchange->request.headers,
                               (struct http_header){name, value}))
            exchange->h2.refusal = HTTP_REFUSED_HEADER_SIZE;
    } else if (str_is(name, ":status") && str_to_u64(value, &status) && status < 1000) {
        exchange->h2.status = (int)status;
    }
}

static void on_head(struct http_exchange *exchange)
{
    struct http_headers *headers = &exchange->request.headers;

    if (exchange->h2.left) return;
    if (exchange->h2.refusal) {
        http_inbox_fail(exchange,
                        status_make(STATUS_INTERNAL, ARGOSY__REASON__MALFORMED_HTTP,
                                    "the peer's response head is too large or malformed"));
        http2_exchange_reset(exchange, NGHTTP2_PROTOCOL_ERROR);
        return;
    }
    if (exchange->h2.status < 200) { /* interim responses are ignored */
        headers->count = 0;
        return;
    }
    struct str length = http_headers_get(headers, "content-length");
    if (length.data) exchange->has_length = str_to_u64(length, &exchange->content_length);
    exchange->h2.head_done = true;
}

static void on_event(struct http_exchange *exchange, unsigned events)
{
    (void)exchange;
    (void)events;
}

static bool is_unused(const struct client_link *link)
{
    return !link->stream && link->session->exchanges == 0;
}

static void schedule(struct client_link *link)
{
    if (!link->busy) shard_defer(link->shard, &link->turn);
}

static void on_unused(void *owner, struct http_exchange *exchange)
{
    struct client_link *link = owner;
    link->events->on_unused(link->client, exchange);
    schedule(link);
}

static void on_work(void *owner)
{
    schedule(owner);
}

static const struct http2_role client_role = {.on_header = on_header,
                                              .on_head = on_head,
                                              .on_event = on_event,
                                              .on_unused = on_unused,
                                              .on_work = on_work};

/* ---- events ---- */

/* Handles events and writes until there is nothing left to do or the peer accepts no more. Calls
 * that wait for a free stream are woken in between, so that their requests are sent too. */
static void work_off(struct client_link *link)
{
    bool more = true;
    while (more) {
        http2_session_dispatch(link->session);
        link->events->on_change(link->client, link);
        if (!link->stream || stream_queued(link->stream) > OUTPUT_WAITING_MAX) return;
        struct buffer *out = http_pool_take(link->pool, OUTPUT_SIZE);
        more = http2_session_fill(link->session, out, OUTPUT_SIZE);
        if (out->length > 0) stream_write(link->stream, &(struct iovec){out->data, out->length}, 1);
        http_pool_give(link->pool, &out);
        more = more || link->session->ready;
    }
}

static void free_link(struct client_link *link)
{
    shard_defer_cancel(link->shard, &link->turn);
    shard_timer_stop(&link->timer);
    link->events->on_gone(link->client, link);
    http2_session_free(link->session);
    free(link);
}

/* Does the work at the end of an event; the link may be freed here. */
static void work(struct client_link *link)
{
    work_off(link);
    if (link->stream && (http2_session_ended(link->session) ||
                         (link->session->going_away && link->session->streams == 0)))
        stream_close(link->stream);
    link->busy = false;
    if (is_unused(link))
        free_link(link);
    else if (link->session->ready)
        schedule(link);
}

static void run_turn(void *data)
{
    struct client_link *link = data;
    link->busy = true;
    work(link);
}

static void on_data(void *owner, const uint8_t *data, size_t size)
{
    struct client_link *link = owner;

    link->busy = true;
    link->heard = true;
    link->heard_us = shard_now_us(link->shard);
    if (!http2_session_receive(link->session, str_sized(data, size))) {
        work_off(link); /* sends GOAWAY with the reason */
        stream_close(link->stream);
    }
    work(link);
}

static void on_end(void *owner)
{
    struct client_link *link = owner;
    link->busy = true;
    stream_close(link->stream);
    work(link);
}

static void on_drain(void *owner)
{
    run_turn(owner);
}

static void on_close(void *owner, int error)
{
    struct client_link *link = owner;
    (void)error;
    link->busy = true;
    link->stream = NULL;
    http2_session_lose(link->session);
    work(link);
}

static void on_timer(void *data)
{
    struct client_link *link = data;
    int64_t now_us = shard_now_us(link->shard);
    int64_t silence_us = now_us - link->heard_us;
    bool asked = link->pinged_us > link->heard_us;

    shard_timer_start(link->shard, &link->timer, now_us + LOOK_MS * 1000, on_timer, link);
    if (!link->stream || link->session->streams == 0) return;
    if (asked && now_us - link->pinged_us > PING_ANSWER_MS * 1000) {
        stream_close(link->stream);
    } else if (!asked && silence_us > SILENCE_MS * 1000 &&
               (link->pinged_us == 0 || now_us - link->pinged_us > PING_INTERVAL_MS * 1000)) {
        link->pinged_us = now_us;
        (void)nghttp2_submit_ping(link->session->ng, NGHTTP2_FLAG_NONE, NULL);
        schedule(link);
    }
}

static const struct stream_events stream_events = {
    .on_data = on_data, .on_end = on_end, .on_drain = on_drain, .on_close = on_close};

/* ---- for the client ---- */

struct client_link *client_link_new(const struct client_link *template)
{
    struct client_link *link = malloc(sizeof(*link));
    invariant(link);
    *link = *template;
    link->turn = (struct shard_task){.fn = run_turn, .data = link};
    link->heard_us = shard_now_us(link->shard);
    struct http2_session session = {.shard = link->shard,
                                    .pool = link->pool,
                                    .role = &client_role,
                                    .owner = link,
                                    .header_size_max = HEADER_SIZE_MAX};
    link->session = http2_session_new(&session, false, 0);
    shard_timer_start(link->shard, &link->timer, link->heard_us + LOOK_MS * 1000, on_timer, link);
    stream_start(link->stream, &stream_events, link);
    schedule(link);
    return link;
}

size_t client_link_room(const struct client_link *link)
{
    const struct http2_session *session = link->session;
    if (!link->stream || session->going_away) return 0;
    size_t max = nghttp2_session_get_remote_settings(session->ng,
                                                     NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    /* Before the peer's SETTINGS arrive nghttp2 has no limit; RFC 9113 recommends that servers
     * allow at least this many. */
    if (!link->heard || max > HTTP2_STREAMS_MAX * 4)
        max = link->heard ? HTTP2_STREAMS_MAX * 4 : 100;
    return max > session->streams ? max - session->streams : 0;
}

static nghttp2_nv make_nv(struct str name, struct str value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.data,
                        .namelen = name.length,
                        .value = (uint8_t *)(uintptr_t)value.data,
                        .valuelen = value.length};
}

struct status client_link_open(struct client_link *link, struct http_exchange *exchange,
                               const struct http_request *request, struct str authority, bool end)
{
    nghttp2_nv *nva = http2_headers_room();
    size_t count = 0;
    nghttp2_data_provider provider = http2_data_provider(exchange);

    nva[count++] = make_nv(STR(":method"), request->method);
    nva[count++] = make_nv(STR(":scheme"), STR("http"));
    nva[count++] = make_nv(STR(":authority"),
                           request->authority.length ? request->authority : authority);
    nva[count++] = make_nv(STR(":path"), request->target);
    count += http2_put_headers(nva + count, &request->headers);
    int32_t id = nghttp2_submit_request(link->session->ng, NULL, nva, count, end ? NULL : &provider,
                                        exchange);
    if (id < 0) {
        link->session->going_away = true;
        schedule(link);
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__SERVICE_UNREACHABLE,
                           "the connection accepts no more requests");
    }
    http2_exchange_bind(link->session, exchange, id);
    exchange->responded = true;
    exchange->has_body = !end;
    exchange->out.ended = end;
    exchange->finished = end;
    schedule(link);
    return status_ok();
}

void client_link_close(struct client_link *link)
{
    if (link->stream) stream_close(link->stream);
}
