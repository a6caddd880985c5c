/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange's public functions, which pass each call to its kind. See http/http.h and
 * http/http_exchange.h.
 */
#include "http/http_exchange.h"

#include "reasons.pb-c.h"

/* Bytes that a body's Content-Length may reserve before any of them has arrived. */
enum { BODY_RESERVED_MAX = 1024 * 1024, BODY_CAPACITY_FIRST = 4096 };

const struct http_request *http_request(const struct http_exchange *exchange)
{
    return &exchange->request;
}

bool http_responded(const struct http_exchange *exchange)
{
    return exchange->responded;
}

const struct http_headers *http_trailers(const struct http_exchange *exchange)
{
    return exchange->has_trailers ? &exchange->trailers : NULL;
}

/* ---- the inbox ---- */

void http_inbox_put(struct http_exchange *exchange, const void *data, size_t size)
{
    struct http_inbox *in = &exchange->in;
    if (size == 0) return;
    if (!in->pending) in->pending = http_pool_take(exchange->pool, size);
    buffer_append(in->pending, data, size);
    http_exchange_charge(exchange);
}

void http_inbox_fail(struct http_exchange *exchange, struct status reason)
{
    if (!failed(exchange->in.error)) exchange->in.error = reason;
}

size_t http_inbox_size(const struct http_exchange *exchange)
{
    return exchange->in.pending ? exchange->in.pending->length : 0;
}

static size_t capacity_of(const struct buffer *buffer)
{
    return buffer ? buffer->capacity : 0;
}

void http_exchange_charge(struct http_exchange *exchange)
{
    size_t size = capacity_of(exchange->in.pending) + capacity_of(exchange->in.reading) +
                  capacity_of(exchange->out.streamed);

    if (!exchange->budget) return;
    if (exchange->connection) size += HTTP_EXCHANGE_WEIGHT;
    if (exchange->running) size += HTTP_HANDLER_WEIGHT;
    if (exchange->running && !exchange->streams) size += HTTP_ANSWER_WEIGHT;
    budget_set(exchange->budget, &exchange->charged, size);
}

struct status http_exchange_admit(struct http_exchange *exchange)
{
    if (budget_admits(exchange->budget)) return status_ok();
    return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__MEMORY_FULL,
                       "the server holds too much data for its clients, and most of it for this "
                       "connection; try again later");
}

void http_exchange_clear(struct http_exchange *exchange)
{
    struct http_pool *pool = exchange->pool;

    budget_set(exchange->budget, &exchange->charged, 0);
    struct arena storage = exchange->storage;

    http_pool_give(pool, &exchange->in.pending);
    http_pool_give(pool, &exchange->in.reading);
    http_pool_give(pool, &exchange->out.streamed);
    arena_reset(&storage);
    *exchange = (struct http_exchange){.storage = storage};
}

void http_exchange_trace(const struct http_exchange *exchange, struct trace *ret_trace)
{
    const struct http_headers *headers = &exchange->request.headers;
    trace_continue(http_headers_get(headers, "traceparent"),
                   http_headers_get(headers, "x-request-id"), ret_trace);
}

/* ---- reading ---- */

/* Waits for the next event of the inbox, at most for `timeout_ms`. */
static struct status wait_for_peer(struct call *call, struct http_exchange *exchange,
                                   int64_t timeout_ms)
{
    struct call patience;
    struct status st;

    exchange->ops->expect(exchange);
    if (timeout_ms == 0) return fiber_suspend(call, &exchange->in.wait);

    call_init_child(&patience, call, timeout_ms);
    st = fiber_suspend(&patience, &exchange->in.wait);
    if (st.code != STATUS_DEADLINE_EXCEEDED || failed(call_check(call))) return st;
    exchange->ops->refuse(exchange, HTTP_REFUSED_BODY_TIMEOUT);
    return status_make(STATUS_DEADLINE_EXCEEDED, ARGOSY__REASON__REQUEST_TOO_SLOW,
                       "the request's body arrives too slowly");
}

static struct status read_piece(struct call *call, struct http_exchange *exchange,
                                int64_t timeout_ms, struct str *ret_piece)
{
    struct http_inbox *in = &exchange->in;

    http_pool_give(exchange->pool, &in->reading);
    while (!in->pending) {
        if (failed(in->error)) return in->error;
        if (in->ended) {
            *ret_piece = STR("");
            return status_ok();
        }
        struct status st = wait_for_peer(call, exchange, timeout_ms);
        if (failed(st)) return failed(in->error) ? in->error : st;
    }
    struct status st = http_exchange_admit(exchange);
    if (failed(st)) return st;
    in->reading = in->pending;
    in->pending = NULL;
    http_exchange_charge(exchange);
    *ret_piece = buffer_str(in->reading);
    exchange->ops->consumed(exchange, ret_piece->length);
    return status_ok();
}

struct status http_read(struct call *call, struct http_exchange *exchange, struct str *ret_piece)
{
    /* Over HTTP/2 a stream of messages may be silent for long; its handler's deadline bounds it. */
    int64_t timeout_ms = exchange->request.version == HTTP_2 ? 0 : exchange->body_timeout_ms;
    return read_piece(call, exchange, timeout_ms, ret_piece);
}

static struct status body_too_large(void)
{
    return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__BODY_TOO_LARGE,
                       "the body is too large");
}

/* Room for `size` more bytes behind `length`: doubles the memory, or allocates the announced length
 * at once. */
static char *grow_body(struct call *call, const struct http_exchange *exchange, struct str body,
                       size_t *capacity, size_t size)
{
    size_t wanted = *capacity ? *capacity : BODY_CAPACITY_FIRST;
    if (*capacity == 0 && exchange->has_length && exchange->content_length > wanted)
        wanted = exchange->content_length < BODY_RESERVED_MAX ? (size_t)exchange->content_length
                                                              : BODY_RESERVED_MAX;
    while (wanted < body.length + size) wanted *= 2;
    arena_expect(call->arena, wanted);
    char *grown = arena_alloc(call->arena, wanted);
    if (body.length > 0) memcpy(grown, body.data, body.length);
    *capacity = wanted;
    return grown;
}

struct status http_read_body(struct call *call, struct http_exchange *exchange, size_t max,
                             struct str *ret_body)
{
    struct str body = STR("");
    size_t capacity = 0;

    if (exchange->has_length && exchange->content_length > max) return body_too_large();
    for (;;) {
        struct str piece;
        struct status st = read_piece(call, exchange, exchange->body_timeout_ms, &piece);
        if (failed(st)) return st;
        if (piece.length == 0) break;
        if (piece.length > max - body.length) return body_too_large();
        if (body.length == 0 && exchange->in.ended && !exchange->in.pending) {
            arena_expect(call->arena, piece.length);
            *ret_body = str_sized(arena_memdup(call->arena, piece.data, piece.length),
                                  piece.length);
            return status_ok();
        }
        char *memory = (char *)(uintptr_t)body.data;
        if (piece.length > capacity - body.length)
            memory = grow_body(call, exchange, body, &capacity, piece.length);
        memcpy(memory + body.length, piece.data, piece.length);
        body = str_sized(memory, body.length + piece.length);
    }
    if (call->arena->exhausted) return body_too_large();
    *ret_body = body;
    return status_ok();
}

/* ---- writing ---- */

static const struct http_headers no_headers;

static const struct http_headers *or_none(const struct http_headers *headers)
{
    return headers ? headers : &no_headers;
}

void http_respond_trailers(const struct call *call, struct http_exchange *exchange, int status,
                           const struct http_headers *headers, struct str body,
                           const struct http_headers *trailers)
{
    if (exchange->responded) return;
    exchange->responded = true;
    exchange->finished = true;
    exchange->ops->respond(call, exchange, status, or_none(headers), body, trailers);
}

void http_respond(const struct call *call, struct http_exchange *exchange, int status,
                  const struct http_headers *headers, struct str body)
{
    http_respond_trailers(call, exchange, status, headers, body, NULL);
}

void http_begin(const struct call *call, struct http_exchange *exchange, int status,
                const struct http_headers *headers)
{
    if (exchange->responded) return;
    exchange->responded = true;
    exchange->streams = true;
    http_exchange_charge(exchange);
    exchange->ops->begin(call, exchange, status, or_none(headers));
}

struct status http_write(struct call *call, struct http_exchange *exchange, struct str data)
{
    if (exchange->finished)
        return status_make(STATUS_CANCELLED, 0, "the message has already been ended");
    struct status st = call_check(call);
    if (failed(st)) return st;
    if (data.length == 0) return st;
    return exchange->ops->write(call, exchange, data);
}

void http_finish(const struct call *call, struct http_exchange *exchange,
                 const struct http_headers *trailers)
{
    if (exchange->finished) return;
    exchange->finished = true;
    exchange->ops->finish(call, exchange, trailers);
}

void http_abort(struct http_exchange *exchange, uint32_t h2_error)
{
    exchange->responded = true;
    exchange->finished = true;
    exchange->ops->abort(exchange, h2_error);
}
