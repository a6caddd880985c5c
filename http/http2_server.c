/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 on a server's connection (RFC 9113): streams become exchanges, each with a handler on its
 * own fiber. */
#include "http/http2_session.h"
#include "http/http_connection.h"
#include "http/http_text.h"

enum {
    OUTPUT_SIZE = 64 * 1024,
    /* How long after the first GOAWAY of a graceful end requests are still accepted, because they
     * may have been in transit.
     */
    DRAIN_NOTICE_MS = 100,
};

static int64_t after_ms(const struct http_connection *connection, int64_t ms)
{
    return shard_now_us(connection->home->shard) + ms * 1000;
}

/* ---- requests ---- */

/* Must the connection finish some requests before it may begin another one? The peer makes room by
 * reading its responses. One request is always admitted. */
static bool is_over_allowance(const struct http_connection *connection)
{
    return connection->session->exchanges > 0 &&
           connection->budget.used > budget_allowance(&connection->budget);
}

/* Exchanges outlive their streams when a client resets these while the handlers run, so they count
 * too. */
static struct http_exchange *on_open(void *owner)
{
    struct http_connection *connection = owner;
    size_t exchanges_max = (size_t)connection->home->options->streams_max * 2;

    if (connection->session->exchanges >= exchanges_max) return NULL;
    if (is_over_allowance(connection) && budget_is_tight(&connection->budget)) {
        http_count_refusal(connection->home, HTTP_REFUSED_STREAM);
        http_home_watch(connection->home);
        return NULL;
    }
    struct http_exchange *exchange = http_exchange_take(connection);
    http_exchange_charge(exchange);
    exchange->request.version = HTTP_2;
    exchange->request.method = STR("");
    exchange->request.authority = STR("");
    exchange->request.scheme = STR("http");
    return exchange;
}

static void refuse_later(struct http_exchange *exchange, enum http_refusal refusal)
{
    if (!exchange->h2.refusal) exchange->h2.refusal = refusal;
}

static void on_pseudo_header(struct http_exchange *exchange, struct str name, struct str value)
{
    struct http_request *request = &exchange->request;
    if (str_is(name, ":method"))
        request->method = value;
    else if (str_is(name, ":path"))
        request->target = value;
    else if (str_is(name, ":authority"))
        request->authority = value;
    else if (str_is(name, ":scheme") && str_is(value, "https"))
        request->scheme = STR("https");
}

static void on_header(struct http_exchange *exchange, struct str name, struct str value)
{
    if (name.data[0] == ':') {
        on_pseudo_header(exchange, name, value);
        return;
    }
    if (!http_headers_push(exchange->arena, &exchange->request.headers,
                           (struct http_header){name, value}))
        refuse_later(exchange, HTTP_REFUSED_HEADER_SIZE);
}

/* :authority and Host must agree (RFC 9113, section 8.3.1); one of them is required. */
static void settle_authority(struct http_exchange *exchange)
{
    struct http_request *request = &exchange->request;
    size_t hosts = 0;

    for (size_t i = 0; i < request->headers.count; i++) {
        const struct http_header *header = &request->headers.items[i];
        if (!str_is(header->name, "host")) continue;
        if (request->authority.length == 0) request->authority = header->value;
        if (++hosts > 1 || !str_equal(header->value, request->authority))
            refuse_later(exchange, HTTP_REFUSED_HOST);
    }
    if (!http_text_is_authority(request->authority)) refuse_later(exchange, HTTP_REFUSED_HOST);
}

static void on_head(struct http_exchange *exchange)
{
    const struct http_server_options *options = exchange->connection->home->options;
    struct http_request *request = &exchange->request;
    struct str length = http_headers_get(&request->headers, "content-length");

    exchange->h2.head_done = true;
    if (str_is(request->method, "CONNECT"))
        refuse_later(exchange, HTTP_REFUSED_METHOD);
    else if (!http_request_set_target(request, request->target))
        refuse_later(exchange, HTTP_REFUSED_TARGET);
    settle_authority(exchange);
    if (length.data) exchange->has_length = str_to_u64(length, &exchange->content_length);
    if (options->body_size_max && exchange->content_length > options->body_size_max)
        refuse_later(exchange, HTTP_REFUSED_BODY_SIZE);
}

/* Sends an error in the handler's place. */
static void refuse(struct http_exchange *exchange, enum http_refusal refusal)
{
    http_count_refusal(exchange->connection->home, refusal);
    if (exchange->responded) {
        http2_exchange_reset(exchange, NGHTTP2_CANCEL);
        return;
    }
    http_respond(NULL, exchange, http_refusal_status(refusal), http_refusal_headers(refusal),
                 http_refusal_body(refusal));
}

static void run(struct call *call, void *data)
{
    struct http_exchange *exchange = data;
    struct http_home *home = exchange->connection->home;

    exchange->call = call;
    arena_set_budget(call->arena, exchange->budget);
    home->options->handler(call, exchange, home->options->data);
    if (exchange->h2.open) {
        if (!exchange->responded)
            refuse(exchange, HTTP_REFUSED_UNANSWERED);
        else if (!exchange->finished)
            http2_exchange_reset(exchange, NGHTTP2_INTERNAL_ERROR);
        else if (!exchange->out.borrowed || http_connection_admits(exchange->connection))
            http2_exchange_settle(call, exchange, home->options->write_timeout_ms);
        else
            http2_exchange_reset(exchange, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    exchange->call = NULL;
    arena_reset(call->arena); /* while the connection, whose budget pays, is certain to exist */
    metric_shift(home->counters->running, -1);
    http2_exchange_leave(exchange);
}

/* Has a request to wait for those before it, or for the connection's next turn? */
static bool must_wait(struct http_connection *connection)
{
    if (connection->waiting) return true;
    if (connection->session->exchanges > 1 && is_over_allowance(connection)) return true;
    return !http_connection_has_time(connection);
}

static void wait_in_line(struct http_exchange *exchange)
{
    struct http_connection *connection = exchange->connection;

    exchange->h2.waiting = true;
    exchange->h2.next_waiting = NULL;
    if (connection->waiting_last)
        connection->waiting_last->h2.next_waiting = exchange;
    else
        connection->waiting = exchange;
    connection->waiting_last = exchange;
    connection->waiting_count++;
}

static void stop_waiting(struct http_exchange *exchange)
{
    struct http_connection *connection = exchange->connection;
    struct http_exchange **link = &connection->waiting, *before = NULL;

    while (*link != exchange) {
        before = *link;
        link = &before->h2.next_waiting;
    }
    *link = exchange->h2.next_waiting;
    if (connection->waiting_last == exchange) connection->waiting_last = before;
    connection->waiting_count--;
    exchange->h2.waiting = false;
}

static bool is_wanted(const struct http_exchange *exchange)
{
    return exchange->h2.open && !exchange->h2.refusal;
}

static void start(struct http_exchange *exchange)
{
    struct http_home *home = exchange->connection->home;

    if (is_wanted(exchange) && !http_connection_admits(exchange->connection))
        exchange->h2.refusal = HTTP_REFUSED_MEMORY;
    exchange->started = true;
    if (is_wanted(exchange)) {
        metric_add(home->counters->requests[HTTP_2], 1);
        metric_shift(home->counters->running, 1);
        if (http_exchange_start(exchange, run)) return;
        metric_shift(home->counters->running, -1);
        exchange->h2.refusal = HTTP_REFUSED_OVERLOAD;
    }
    if (exchange->h2.open) refuse(exchange, exchange->h2.refusal);
    http2_exchange_leave(exchange);
}

static void on_head_event(struct http_exchange *exchange)
{
    if (is_wanted(exchange) && must_wait(exchange->connection))
        wait_in_line(exchange);
    else
        start(exchange);
}

static void on_event(struct http_exchange *exchange, unsigned events)
{
    if (events & HTTP2_EVENT_HEAD) on_head_event(exchange);
    if (!(events & HTTP2_EVENT_CLOSED)) return;
    if (exchange->call) {
        if (failed(exchange->in.error) || !exchange->finished) call_cancel(exchange->call);
    } else if (!exchange->started) {
        if (exchange->h2.waiting) stop_waiting(exchange);
        /* Reset before its head was complete: no handler will release it. */
        exchange->started = true;
        http2_exchange_leave(exchange);
    }
}

static void on_unused(void *owner, struct http_exchange *exchange)
{
    struct http_connection *connection = owner;
    http_exchange_give(connection->home, exchange);
    if (!connection->busy) http_connection_schedule(connection);
}

static void on_work(void *owner)
{
    struct http_connection *connection = owner;
    if (!connection->busy) http_connection_schedule(connection);
}

static const struct http2_role server_role = {.on_open = on_open,
                                              .on_header = on_header,
                                              .on_head = on_head,
                                              .on_refuse = refuse,
                                              .on_event = on_event,
                                              .on_unused = on_unused,
                                              .on_work = on_work};

/* ---- the connection ---- */

void http2_server_start(struct http_connection *connection)
{
    struct http_home *home = connection->home;
    struct http2_session template = {.shard = home->shard,
                                     .pool = &home->pool,
                                     .role = &server_role,
                                     .owner = connection,
                                     .header_size_max = home->options->header_size_max};
    connection->session = http2_session_new(&template, true, home->options->streams_max);
}

void http2_server_calm(struct http_connection *connection)
{
    struct http2_session *session = connection->session;

    connection->busy = true;
    (void)nghttp2_session_terminate_session(session->ng, NGHTTP2_ENHANCE_YOUR_CALM);
    (void)http2_session_fill(session, http_connection_output(connection), OUTPUT_SIZE);
    http_connection_flush(connection, STR(""));
    connection->busy = false;
}

bool http2_server_waits_for_peer(const struct http_connection *connection)
{
    for (const struct http_exchange *exchange = connection->session->open; exchange;
         exchange = exchange->h2.next_open)
        if (!exchange->h2.waiting && (exchange->finished || !exchange->in.ended)) return true;
    return false;
}

static void end_connection(struct http_connection *connection)
{
    if (connection->session->refusal)
        http_count_refusal(connection->home, connection->session->refusal);
    http_connection_linger(connection);
}

static void start_waiting(struct http_connection *connection)
{
    /* The first waiting request counts itself as waiting. */
    while (connection->waiting) {
        struct http_exchange *exchange = connection->waiting;
        bool alone = connection->session->exchanges <= connection->waiting_count;
        if (!alone && is_over_allowance(connection)) return;
        if (!http_connection_has_time(connection)) return;
        stop_waiting(exchange);
        start(exchange);
    }
}

/* Handles events and writes until there is nothing left to do or the peer accepts no more. */
static void work(struct http_connection *connection)
{
    struct http2_session *session = connection->session;
    bool more = true;

    while (more && connection->stream) {
        http2_session_dispatch(session);
        start_waiting(connection);
        if (stream_queued(connection->stream) > HTTP_OUTPUT_WAITING_MAX) return;
        more = http2_session_fill(session, http_connection_output(connection), OUTPUT_SIZE);
        http_connection_flush(connection, STR(""));
        more = more || session->ready;
    }
    http2_session_dispatch(session);
}

/* A connection without streams is idle; an unfinished header block has a shorter deadline. */
static void settle(struct http_connection *connection)
{
    const struct http_server_options *options = connection->home->options;
    struct http2_session *session = connection->session;
    bool headers_open = session->headers_open;

    if (headers_open && connection->head_begun) return;
    connection->head_begun = headers_open;
    if (headers_open)
        http_connection_read_due(connection, after_ms(connection, options->header_timeout_ms));
    else if (connection->notice_given)
        return;
    else if (session->streams == 0)
        http_connection_read_due(connection, after_ms(connection, options->idle_timeout_ms));
    else if (connection->read_due_us == INT64_MAX || connection->read_due_us == 0)
        http_connection_read_due(connection, after_ms(connection, options->write_timeout_ms));
}

static size_t take(struct http_connection *connection, struct str data)
{
    struct http2_session *session = connection->session;
    bool fine = data.length == 0 || http2_session_receive(session, data);

    if (!fine && !session->refusal) session->refusal = HTTP_REFUSED_PROTOCOL;
    work(connection);
    if (!fine || http2_session_ended(session))
        end_connection(connection);
    else
        settle(connection);
    return data.length;
}

static void peer_end(struct http_connection *connection)
{
    http_connection_close(connection);
}

static void closed(struct http_connection *connection)
{
    http2_session_lose(connection->session);
    http2_session_dispatch(connection->session);
}

static bool is_unused(struct http_connection *connection)
{
    if (connection->session->exchanges > 0) return false;
    http2_session_free(connection->session);
    connection->session = NULL;
    return true;
}

static void writable(struct http_connection *connection)
{
    (void)connection; /* `take` runs next and does the work */
}

/* Only complete responses are left, which wait for the peer to open its window, and none has made
 * progress since the last check. */
static bool is_stuck(struct http_connection *connection)
{
    const struct http2_session *session = connection->session;
    bool moved = session->progress != connection->progress_mark;

    connection->progress_mark = session->progress;
    if (moved) return false;
    for (const struct http_exchange *exchange = session->open; exchange;
         exchange = exchange->h2.next_open)
        if (!exchange->h2.left && !exchange->h2.waiting) return false;
    return true;
}

static void overdue(struct http_connection *connection)
{
    struct http2_session *session = connection->session;

    if (connection->notice_given && !connection->goaway_final) {
        connection->goaway_final = true;
        (void)nghttp2_submit_goaway(session->ng, NGHTTP2_FLAG_NONE,
                                    nghttp2_session_get_last_proc_stream_id(session->ng),
                                    NGHTTP2_NO_ERROR, NULL, 0);
    } else if (connection->head_begun) {
        session->refusal = HTTP_REFUSED_HEADER_TIMEOUT;
        (void)nghttp2_session_terminate_session(session->ng, NGHTTP2_ENHANCE_YOUR_CALM);
    } else if (session->streams == 0) {
        (void)nghttp2_session_terminate_session(session->ng, NGHTTP2_NO_ERROR);
    } else if (is_stuck(connection)) {
        session->refusal = HTTP_REFUSED_WRITE_TIMEOUT;
        (void)nghttp2_session_terminate_session(session->ng, NGHTTP2_CANCEL);
    }
    take(connection, STR(""));
}

/* GOAWAY in two steps (RFC 9113, section 6.8): first a warning, so that requests in transit are not
 * lost. */
static void drain(struct http_connection *connection)
{
    struct http2_session *session = connection->session;
    if (session->streams == 0) {
        (void)nghttp2_session_terminate_session(session->ng, NGHTTP2_NO_ERROR);
    } else {
        (void)nghttp2_submit_shutdown_notice(session->ng);
        connection->notice_given = true;
        http_connection_read_due(connection, after_ms(connection, DRAIN_NOTICE_MS));
    }
    take(connection, STR(""));
}

const struct http_protocol_events http2_server_events = {.take = take,
                                                         .peer_end = peer_end,
                                                         .closed = closed,
                                                         .is_unused = is_unused,
                                                         .writable = writable,
                                                         .overdue = overdue,
                                                         .drain = drain};
