/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 on a server's connection (RFC 9112): one request after another, each with its body,
 * handler and response.
 *
 * `take` consumes the bytes step by step: a head, pieces of its body, and, when the body is
 * complete or no more of it has arrived, the start of its handler. The next request begins when the
 * handler has ended; until then its bytes wait. */
#include "base/trace.h"
#include "http/http1_response.h"
#include "http/http_connection.h"
#include "reasons.pb-c.h"

enum {
    /* When this many bytes of a body are unread, reading from the socket pauses. */
    INBOX_MAX = 256 * 1024,
    /* If the handler did not read the whole body, up to this many remaining bytes are discarded; a
     * longer rest ends the connection. */
    DISCARD_MAX = 64 * 1024,
    TRAILER_SIZE_MAX = 8 * 1024,
    CHUNK_FLUSH_SIZE = 16 * 1024,
};

static const struct http_exchange_ops server_ops;

static bool is_open(const struct http_connection *connection)
{
    return connection->stream && connection->protocol == HTTP_PROTOCOL_HTTP1;
}

static bool body_is_open(const struct http_connection *connection)
{
    return connection->decoder.state != HTTP1_BODY_DONE;
}

/* ---- refusals ---- */

static const char *connection_header(const struct http_connection *connection,
                                     const struct http_exchange *exchange)
{
    if (!connection->keep_alive) return "close";
    return exchange->request.version == HTTP_1_0 ? "keep-alive" : NULL;
}

static void put_envelope(struct http_connection *connection, enum http_refusal refusal)
{
    struct str body = http_refusal_body(refusal);
    struct buffer *out = http_connection_output(connection);

    http1_put_head(out, &connection->home->date,
                   &(struct http1_response){.status = http_refusal_status(refusal),
                                            .headers = http_refusal_headers(refusal),
                                            .body = HTTP1_SIZED,
                                            .size = body.length,
                                            .connection = "close"});
    buffer_append_str(out, body);
}

/* Drops a request that is refused before its handler runs; a running handler gets an error from its
 * next read. */
static void stop_exchange(struct http_connection *connection, struct http_exchange *exchange)
{
    exchange->responded = true;
    exchange->finished = true;
    if (exchange->started) {
        fiber_wake(connection->home->shard, &exchange->in.wait);
    } else {
        connection->exchange = NULL;
        http_exchange_give(connection->home, exchange);
    }
}

/* Sends an error in the handler's place, or before there is one, and ends the connection. */
static void refuse(struct http_connection *connection, enum http_refusal refusal)
{
    struct http_exchange *exchange = connection->exchange;

    http_count_refusal(connection->home, refusal);
    connection->ending = true;
    if (exchange)
        http_inbox_fail(exchange, status_make(STATUS_CANCELLED, ARGOSY__REASON__MALFORMED_HTTP,
                                              "the request was refused while it was read"));
    if (exchange && exchange->responded) {
        http_connection_close(connection);
        return;
    }
    put_envelope(connection, refusal);
    http_connection_linger(connection);
    if (exchange) stop_exchange(connection, exchange);
}

static void refuse_exchange(struct http_exchange *exchange, enum http_refusal refusal)
{
    if (is_open(exchange->connection)) refuse(exchange->connection, refusal);
}

/* ---- the handler's fiber ---- */

static void end_exchange(struct http_exchange *exchange)
{
    struct http_connection *connection = exchange->connection;

    metric_shift(connection->home->counters->running, -1);
    connection->exchange = NULL;
    http_exchange_give(connection->home, exchange);
    if (is_open(connection) && (!connection->keep_alive || connection->ending))
        http_connection_linger(connection);
    if (!connection->busy) http_connection_schedule(connection);
}

static void run(struct call *call, void *data)
{
    struct http_exchange *exchange = data;
    const struct http_server_options *options = exchange->connection->home->options;

    exchange->call = call;
    arena_set_budget(call->arena, exchange->budget);
    options->handler(call, exchange, options->data);
    exchange->call = NULL;
    arena_reset(call->arena); /* while the connection, whose budget pays, is certain to exist */
    if (is_open(exchange->connection)) {
        if (!exchange->responded)
            refuse(exchange->connection, HTTP_REFUSED_UNANSWERED);
        else if (!exchange->finished)
            http_abort(exchange, 0);
    }
    end_exchange(exchange);
}

static void start_exchange(struct http_connection *connection)
{
    struct http_exchange *exchange = connection->exchange;

    if (!http_connection_admits(connection)) {
        refuse(connection, HTTP_REFUSED_MEMORY);
        return;
    }
    exchange->started = true;
    metric_add(connection->home->counters->requests[exchange->request.version], 1);
    metric_shift(connection->home->counters->running, 1);
    if (http_exchange_start(exchange, run)) return;
    refuse(connection, HTTP_REFUSED_OVERLOAD);
    end_exchange(exchange);
}

/* ---- taking requests ---- */

static void accept_head(struct http_connection *connection, struct http_exchange *exchange,
                        const struct http1_framing *framing)
{
    exchange->ops = &server_ops;
    exchange->has_length = framing->has_length;
    exchange->content_length = framing->content_length;
    connection->exchange = exchange;
    connection->keep_alive = framing->keep_alive && !connection->ending;
    connection->continue_wanted = framing->expect_continue;
    connection->body_size = 0;
    http1_decoder_init(&connection->decoder, framing, TRAILER_SIZE_MAX);
    exchange->in.ended = !body_is_open(connection);
}

static enum http_refusal read_head(struct http_connection *connection, struct str head)
{
    const struct http_server_options *options = connection->home->options;
    struct http_exchange *exchange = http_exchange_take(connection);
    struct http1_framing framing;

    char *copy = arena_memdup(exchange->arena, head.data, head.length);
    struct http_request request = exchange->request;
    enum http_refusal refusal = http1_parse_head(exchange->arena, copy, &connection->scan,
                                                 &exchange->request, &framing);
    exchange->request.peer = request.peer;
    exchange->request.listener_loopback = request.listener_loopback;
    if (!refusal && options->body_size_max && framing.content_length > options->body_size_max)
        refusal = HTTP_REFUSED_BODY_SIZE;
    if (refusal)
        http_exchange_give(connection->home, exchange);
    else
        accept_head(connection, exchange, &framing);
    return refusal;
}

/* The refusal for a head over the limit: the target is too long if most of the head is the request
 * line. */
static enum http_refusal oversized(struct str data, size_t size_max)
{
    return str_find(data, '\n') > size_max / 2 ? HTTP_REFUSED_TARGET_SIZE
                                               : HTTP_REFUSED_HEADER_SIZE;
}

/* Takes a head if it is complete. An empty line before it is skipped (RFC 9112, section 2.2). */
static size_t take_head(struct http_connection *connection, struct str data)
{
    size_t size_max = connection->home->options->header_size_max;
    enum http_refusal refusal = HTTP_ACCEPTED;

    if (data.length == 0 || stream_queued(connection->stream) > HTTP_OUTPUT_WAITING_MAX) return 0;
    if (!http_connection_has_time(connection)) return 0;
    if (data.length >= 2 && data.data[0] == '\r' && data.data[1] == '\n') return 2;
    switch (http1_scan(&connection->scan, data.data, data.length)) {
    case HTTP1_HEAD_MALFORMED: refusal = HTTP_REFUSED_MALFORMED; break;
    case HTTP1_HEAD_PARTIAL:
        if (data.length <= size_max) return 0;
        refusal = oversized(data, size_max);
        break;
    case HTTP1_HEAD_COMPLETE:
        if (connection->scan.offset > size_max)
            refusal = oversized(data, size_max);
        else
            refusal = read_head(connection, str_sized(data.data, connection->scan.offset));
        break;
    }
    size_t length = connection->scan.offset;
    connection->scan = (struct http1_scan){0};
    connection->head_begun = false;
    if (!refusal) return length;
    refuse(connection, refusal);
    return data.length;
}

/* Gives a piece of the body to the reader, or drops it when its handler has ended. */
static size_t take_body(struct http_connection *connection, struct str data)
{
    struct http_exchange *exchange = connection->exchange;
    size_t size_max = connection->home->options->body_size_max;
    struct arena *arena = exchange ? exchange->arena : NULL;
    struct http_headers *trailers = exchange ? &exchange->trailers : NULL;
    struct str piece;
    size_t used;

    if (exchange && http_inbox_size(exchange) >= INBOX_MAX) return 0;
    enum http_refusal refusal = http1_decode(&connection->decoder, arena, data, &piece, &used,
                                             trailers);
    connection->body_size += piece.length;
    if (!refusal && size_max && connection->body_size > size_max) refusal = HTTP_REFUSED_BODY_SIZE;
    if (refusal) {
        connection->decoder.state = HTTP1_BODY_DONE;
        refuse(connection, refusal);
        return data.length;
    }
    if (!exchange || used == 0) return used;
    connection->continue_wanted = false;
    http_inbox_put(exchange, piece.data, piece.length);
    if (!body_is_open(connection)) {
        exchange->in.ended = true;
        exchange->has_trailers = exchange->trailers.count > 0;
    }
    if (exchange->started) fiber_wake(connection->home->shard, &exchange->in.wait);
    return used;
}

/* Sets the deadline for the peer's next bytes, when `left` bytes could not be consumed. */
static void settle(struct http_connection *connection, size_t left)
{
    const struct http_server_options *options = connection->home->options;
    int64_t now_us = shard_now_us(connection->home->shard);
    const struct http_exchange *exchange = connection->exchange;
    bool blocked = left > 0;

    if (body_is_open(connection)) {
        blocked = blocked && exchange && http_inbox_size(exchange) >= INBOX_MAX;
        http_connection_read_due(connection,
                                 exchange ? INT64_MAX : now_us + options->body_timeout_ms * 1000);
    } else if (exchange) {
        http_connection_read_due(connection, INT64_MAX);
    } else if (left == 0) {
        connection->head_begun = false;
        http_connection_read_due(connection, now_us + options->idle_timeout_ms * 1000);
    } else if (connection->yields) {
        http_connection_read_due(connection, INT64_MAX);
    } else {
        blocked = stream_queued(connection->stream) > HTTP_OUTPUT_WAITING_MAX;
        if (!connection->head_begun)
            http_connection_read_due(connection, now_us + options->header_timeout_ms * 1000);
        connection->head_begun = true;
    }
    http_connection_pause(connection, blocked);
    /* The peer has ended its side, and all its requests have been answered. */
    if (connection->peer_ended && !exchange && !blocked) http_connection_linger(connection);
}

static size_t take(struct http_connection *connection, struct str data)
{
    size_t used = 0;

    while (is_open(connection)) {
        struct str rest = str_sized(data.data + used, data.length - used);
        size_t step = 0;
        if (body_is_open(connection))
            step = take_body(connection, rest);
        else if (!connection->exchange)
            step = take_head(connection, rest);
        used += step;
        if (step > 0 && body_is_open(connection)) continue;
        if (!is_open(connection)) break;
        if (connection->exchange && !connection->exchange->started)
            start_exchange(connection);
        else if (step == 0)
            break;
    }
    if (!is_open(connection)) return data.length;
    settle(connection, data.length - used);
    return used;
}

/* ---- events ---- */

static void lose_exchange(struct http_connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    if (!exchange) return;
    http_inbox_fail(exchange, status_make(STATUS_CANCELLED, 0, "the client went away"));
    if (exchange->call) call_cancel(exchange->call);
}

/* A client that ends its side while it waits for a response has nearly always gone away, so its
 * call is cancelled. If the handler responds nevertheless, the response is sent. Without a request
 * `settle` ends the connection. */
static void peer_end(struct http_connection *connection)
{
    if (!connection->exchange) return;
    lose_exchange(connection);
    if (body_is_open(connection)) http_connection_close(connection);
}

static void closed(struct http_connection *connection)
{
    lose_exchange(connection);
}

static bool is_unused(struct http_connection *connection)
{
    return connection->exchange == NULL;
}

static void writable(struct http_connection *connection)
{
    if (connection->exchange)
        fiber_wake(connection->home->shard, &connection->exchange->write_wait);
}

static void overdue(struct http_connection *connection)
{
    if (connection->exchange) return;
    if (connection->head_begun)
        refuse(connection, HTTP_REFUSED_HEADER_TIMEOUT);
    else
        http_connection_close(connection);
}

static void drain(struct http_connection *connection)
{
    if (!connection->exchange) http_connection_linger(connection);
}

const struct http_protocol_events http1_events = {.take = take,
                                                  .peer_end = peer_end,
                                                  .closed = closed,
                                                  .is_unused = is_unused,
                                                  .writable = writable,
                                                  .overdue = overdue,
                                                  .drain = drain};

/* ---- the exchange's operations ---- */

static void consumed(struct http_exchange *exchange, size_t size)
{
    (void)size;
    if (exchange->connection->paused) http_connection_schedule(exchange->connection);
}

/* The client waits for 100 Continue before it sends its body (RFC 9110, section 10.1.1). */
static void expect(struct http_exchange *exchange)
{
    struct http_connection *connection = exchange->connection;
    if (!connection->continue_wanted || exchange->responded || !is_open(connection)) return;
    connection->continue_wanted = false;
    buffer_append_str(http_connection_output(connection), STR("HTTP/1.1 100 Continue\r\n\r\n"));
}

/* Decides whether the connection can continue after a response that was given before the whole body
 * had arrived. */
static void settle_keep_alive(struct http_connection *connection)
{
    if (connection->ending) connection->keep_alive = false;
    if (!body_is_open(connection)) return;
    if (connection->decoder.state != HTTP1_BODY_LENGTH || connection->continue_wanted ||
        connection->decoder.remaining > DISCARD_MAX)
        connection->keep_alive = false;
}

static bool wants_body(const struct http_exchange *exchange, int status)
{
    return http1_status_has_body(status) && !str_is(exchange->request.method, "HEAD");
}

static void respond_whole(struct http_exchange *exchange, int status,
                          const struct http_headers *headers, struct str body)
{
    struct http_connection *connection = exchange->connection;
    struct buffer *out = http_connection_output(connection);

    settle_keep_alive(connection);
    http1_put_head(out, &connection->home->date,
                   &(struct http1_response){.status = status,
                                            .headers = headers,
                                            .body = http1_status_has_body(status) ? HTTP1_SIZED
                                                                                  : HTTP1_NO_BODY,
                                            .size = body.length,
                                            .connection = connection_header(connection, exchange)});
    if (!wants_body(exchange, status) || body.length == 0) return;
    if (body.length <= HTTP_BODY_COPIED_MAX)
        buffer_append_str(out, body);
    else
        http_connection_flush(connection, body);
}

static void begin(const struct call *call, struct http_exchange *exchange, int status,
                  const struct http_headers *headers)
{
    struct http_connection *connection = exchange->connection;
    enum http1_body body = HTTP1_NO_BODY;

    (void)call;
    if (!is_open(connection)) return;
    settle_keep_alive(connection);
    if (http1_status_has_body(status))
        body = exchange->request.version == HTTP_1_0 ? HTTP1_UNTIL_CLOSE : HTTP1_CHUNKED;
    if (body == HTTP1_UNTIL_CLOSE) connection->keep_alive = false;
    exchange->has_body = wants_body(exchange, status);
    exchange->chunked = exchange->has_body && body == HTTP1_CHUNKED;
    http1_put_head(http_connection_output(connection), &connection->home->date,
                   &(struct http1_response){.status = status,
                                            .headers = headers,
                                            .body = body,
                                            .connection = connection_header(connection, exchange)});
}

static void put_piece(struct http_exchange *exchange, struct str data)
{
    struct http_connection *connection = exchange->connection;
    if (!exchange->has_body || data.length == 0) return;

    struct buffer *out = http_connection_output(connection);
    if (exchange->chunked) http1_put_chunk_size(out, data.length);
    if (data.length < CHUNK_FLUSH_SIZE)
        buffer_append_str(out, data);
    else
        http_connection_flush(connection, data);
    if (exchange->chunked) buffer_append_str(http_connection_output(connection), STR("\r\n"));
    if (connection->output && connection->output->length >= CHUNK_FLUSH_SIZE)
        http_connection_flush(connection, STR(""));
}

static void finish(const struct call *call, struct http_exchange *exchange,
                   const struct http_headers *trailers)
{
    (void)call;
    if (!is_open(exchange->connection) || !exchange->chunked) return;
    http1_put_end(http_connection_output(exchange->connection), trailers);
}

static void respond(const struct call *call, struct http_exchange *exchange, int status,
                    const struct http_headers *headers, struct str body,
                    const struct http_headers *trailers)
{
    if (!is_open(exchange->connection)) return;
    if (!trailers || exchange->request.version == HTTP_1_0) {
        respond_whole(exchange, status, headers, body);
        return;
    }
    begin(call, exchange, status, headers);
    put_piece(exchange, body);
    finish(call, exchange, trailers);
}

static struct status write_piece(struct call *call, struct http_exchange *exchange, struct str data)
{
    struct http_connection *connection = exchange->connection;

    if (is_open(connection)) put_piece(exchange, data);
    while (is_open(connection) && stream_queued(connection->stream) >= HTTP_WRITE_WAITING_MAX) {
        struct status st = fiber_suspend(call, &exchange->write_wait);
        if (failed(st)) return st;
    }
    if (is_open(connection)) return status_ok();
    return status_make(STATUS_CANCELLED, 0, "the client went away");
}

static void abort_exchange(struct http_exchange *exchange, uint32_t h2_error)
{
    (void)h2_error;
    http_inbox_fail(exchange, status_make(STATUS_CANCELLED, 0, "the exchange was aborted"));
    http_connection_close(exchange->connection);
}

static const struct http_exchange_ops server_ops = {.consumed = consumed,
                                                    .expect = expect,
                                                    .refuse = refuse_exchange,
                                                    .respond = respond,
                                                    .begin = begin,
                                                    .write = write_piece,
                                                    .finish = finish,
                                                    .abort = abort_exchange};
