/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange's operations over HTTP/2, for server and client. See http/http2_session.h. */
#include "http/http2_session.h"

#include "base/number.h"
#include "reasons.pb-c.h"

enum { FRAME_HEADER_SIZE = 9 };

static struct status stream_is_closed(const struct http_exchange *exchange)
{
    if (failed(exchange->in.error)) return exchange->in.error;
    return status_make(STATUS_CANCELLED, 0, "the stream is closed");
}

/* ---- our body ---- */

static size_t streamed_left(const struct http_outbox *out)
{
    return out->streamed ? out->streamed->length - out->streamed_sent : 0;
}

/* Takes the next bytes to send out of the outbox. */
static struct str take_output(struct http_exchange *exchange, size_t size)
{
    struct http_outbox *out = &exchange->out;
    struct str bytes;

    if (out->rest.length > 0) {
        bytes = str_sized(out->rest.data, size);
        out->rest = str_sized(out->rest.data + size, out->rest.length - size);
    } else {
        bytes = str_sized(out->streamed->data + out->streamed_sent, size);
        out->streamed_sent += size;
    }
    return bytes;
}

nghttp2_nv *http2_headers_room(void)
{
    static _Thread_local nghttp2_nv room[HTTP_HEADERS_MAX + HTTP2_HEADERS_MORE];
    return room;
}

static int submit_trailers(struct http2_session *session, struct http_exchange *exchange)
{
    nghttp2_nv *nva = http2_headers_room();
    size_t count = http2_put_headers(nva, exchange->out.trailers);
    return nghttp2_submit_trailer(session->ng, exchange->h2.id, nva, count);
}

/* Returns how much can be sent now; http2_send_data then moves it without an intermediate copy. */
static ssize_t read_output(nghttp2_session *ng, int32_t id, uint8_t *data, size_t size,
                           uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    struct http_exchange *exchange = source->ptr;
    struct http_outbox *out = &exchange->out;
    size_t left = out->rest.length > 0 ? out->rest.length : streamed_left(out);
    size_t taken = left < size ? left : size;

    (void)ng;
    (void)id;
    (void)data;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (taken == left && out->ended) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (!out->trailers) return (ssize_t)taken;
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (submit_trailers(user_data, exchange) != 0) return NGHTTP2_ERR_CALLBACK_FAILURE;
        return (ssize_t)taken;
    }
    if (taken > 0) return (ssize_t)taken;
    out->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
}

nghttp2_data_provider http2_data_provider(struct http_exchange *exchange)
{
    return (nghttp2_data_provider){.source = {.ptr = exchange}, .read_callback = read_output};
}

int http2_send_data(struct http_exchange *exchange, const uint8_t *frame_header, size_t size)
{
    struct http2_session *session = exchange->h2.session;
    struct http_outbox *out = &exchange->out;

    if (session->filling->length >= session->filling_max) return NGHTTP2_ERR_WOULDBLOCK;
    session->progress++;
    buffer_append(session->filling, frame_header, FRAME_HEADER_SIZE);
    if (size > 0) {
        struct str bytes = take_output(exchange, size);
        buffer_append(session->filling, bytes.data, bytes.length);
    }
    if (out->streamed && streamed_left(out) == 0) {
        http_pool_give(exchange->pool, &out->streamed);
        out->streamed_sent = 0;
        http_exchange_charge(exchange);
    }
    http2_exchange_note(exchange, HTTP2_EVENT_WRITABLE);
    return 0;
}

/* There is more to send. */
static void resume_output(struct http_exchange *exchange)
{
    struct http2_session *session = exchange->h2.session;
    if (exchange->out.deferred) {
        exchange->out.deferred = false;
        (void)nghttp2_session_resume_data(session->ng, exchange->h2.id);
    }
    http2_session_wants_work(session);
}

/* ---- heads ---- */

/* Does every message have another value? Then it would only displace from the table of the peer's
 * HPACK what the next message could refer to. */
static bool is_of_one_message(struct str name)
{
    return str_is(name, "x-request-id") || str_is(name, "traceparent") ||
           str_is(name, "x-fleet-signature") || str_is(name, "grpc-timeout");
}

static nghttp2_nv make_nv(struct str name, struct str value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.data,
                        .namelen = name.length,
                        .value = (uint8_t *)(uintptr_t)value.data,
                        .valuelen = value.length,
                        .flags = is_of_one_message(name) ? NGHTTP2_NV_FLAG_NO_INDEX
                                                         : NGHTTP2_NV_FLAG_NONE};
}

size_t http2_put_headers(nghttp2_nv *nva, const struct http_headers *headers)
{
    size_t count = 0;
    for (size_t i = 0; i < headers->count && count < HTTP_HEADERS_MAX; i++)
        if (!http_header_is_ours(headers->items[i].name))
            nva[count++] = make_nv(headers->items[i].name, headers->items[i].value);
    return count;
}

/* The date cache of the shard's thread. */
static struct str date_of(void)
{
    static _Thread_local struct http_date date;
    return http_date_now(&date);
}

/* Sends :status, date, content-length if `length` is known, then the handler's headers. `provider`
 * NULL ends the stream. */
static void submit_head(struct http_exchange *exchange, int status,
                        const struct http_headers *headers, const size_t *length,
                        const nghttp2_data_provider *provider)
{
    nghttp2_nv *nva = http2_headers_room();
    char status_text[NUMBER_TEXT_SIZE], length_text[NUMBER_TEXT_SIZE];
    size_t count = 0, size = number_format_i64(status, status_text);

    nva[count++] = make_nv(STR(":status"), str_sized(status_text, size));
    nva[count++] = make_nv(STR("date"), date_of());
    if (length) {
        size = number_format_u64(*length, length_text);
        nva[count++] = make_nv(STR("content-length"), str_sized(length_text, size));
    }
    count += http2_put_headers(nva + count, headers);
    struct http2_session *session = exchange->h2.session;
    if (nghttp2_submit_response(session->ng, exchange->h2.id, nva, count, provider) != 0)
        http2_exchange_reset(exchange, NGHTTP2_INTERNAL_ERROR);
    http2_session_wants_work(session);
}

static bool wants_body(const struct http_exchange *exchange, int status)
{
    return status >= 200 && status != 204 && status != 304 &&
           !str_is(exchange->request.method, "HEAD");
}

/* A small body is copied, so that the handler's fiber need not wait for the peer's window. */
static void keep_body(struct http_exchange *exchange, struct str body)
{
    exchange->out.borrowed = body.length > HTTP_BODY_COPIED_MAX;
    if (!exchange->out.borrowed && body.length > 0)
        body.data = arena_memdup(exchange->arena, body.data, body.length);
    exchange->out.rest = body;
}

static const struct http_headers *keep_headers(struct http_exchange *exchange,
                                               const struct http_headers *headers)
{
    if (!headers || headers->count == 0) return NULL;
    struct arena *arena = exchange->arena;
    struct http_headers *kept = arena_new(arena, struct http_headers);
    http_headers_reserve(arena, kept, headers->count);
    for (size_t i = 0; i < headers->count; i++) {
        struct http_header header = headers->items[i];
        header.name = str_sized(str_dup(arena, header.name), header.name.length);
        header.value = str_sized(str_dup(arena, header.value), header.value.length);
        http_headers_push(arena, kept, header);
    }
    return kept;
}

/* ---- operations ---- */

static void respond(const struct call *call, struct http_exchange *exchange, int status,
                    const struct http_headers *headers, struct str body,
                    const struct http_headers *trailers)
{
    size_t length = body.length;
    (void)call;
    if (!exchange->h2.open) return;
    bool has_length = !trailers && status >= 200 && status != 204 && status != 304;

    exchange->out.ended = true;
    exchange->out.trailers = keep_headers(exchange, trailers);
    if (wants_body(exchange, status)) keep_body(exchange, body);
    bool empty = exchange->out.rest.length == 0 && !exchange->out.trailers;
    nghttp2_data_provider provider = http2_data_provider(exchange);
    submit_head(exchange, status, headers, has_length ? &length : NULL, empty ? NULL : &provider);
}

static void begin(const struct call *call, struct http_exchange *exchange, int status,
                  const struct http_headers *headers)
{
    (void)call;
    if (!exchange->h2.open) return;
    exchange->has_body = wants_body(exchange, status);
    nghttp2_data_provider provider = http2_data_provider(exchange);
    submit_head(exchange, status, headers, NULL, &provider);
}

static struct status write_piece(struct call *call, struct http_exchange *exchange, struct str data)
{
    struct http_outbox *out = &exchange->out;

    if (!exchange->h2.open) return stream_is_closed(exchange);
    if (!exchange->has_body) return status_ok();
    if (!out->streamed) out->streamed = http_pool_take(exchange->pool, data.length);
    buffer_append_str(out->streamed, data);
    http_exchange_charge(exchange);
    resume_output(exchange);
    while (exchange->h2.open && streamed_left(out) > HTTP_WRITE_WAITING_MAX) {
        struct status st = fiber_suspend(call, &exchange->write_wait);
        if (failed(st)) return st;
    }
    return exchange->h2.open ? status_ok() : stream_is_closed(exchange);
}

static void finish(const struct call *call, struct http_exchange *exchange,
                   const struct http_headers *trailers)
{
    (void)call;
    if (!exchange->h2.open) return;
    exchange->out.ended = true;
    exchange->out.trailers = keep_headers(exchange, trailers);
    resume_output(exchange);
}

static void consumed(struct http_exchange *exchange, size_t size)
{
    struct http2_session *session = exchange->h2.session;
    if (!exchange->h2.open)
        return; /* closing the stream has opened the connection's window
                                     * already */
    (void)nghttp2_session_consume(session->ng, exchange->h2.id, size);
    http2_session_wants_work(session);
}

static void expect(struct http_exchange *exchange)
{
    (void)exchange;
}

static void refuse(struct http_exchange *exchange, enum http_refusal refusal)
{
    exchange->h2.session->role->on_refuse(exchange, refusal);
}

static void abort_exchange(struct http_exchange *exchange, uint32_t h2_error)
{
    http_inbox_fail(exchange, status_make(STATUS_CANCELLED, 0, "the exchange was aborted"));
    http2_exchange_reset(exchange, h2_error);
}

const struct http_exchange_ops http2_exchange_ops = {.consumed = consumed,
                                                     .expect = expect,
                                                     .refuse = refuse,
                                                     .respond = respond,
                                                     .begin = begin,
                                                     .write = write_piece,
                                                     .finish = finish,
                                                     .abort = abort_exchange};

void http2_exchange_settle(struct call *call, struct http_exchange *exchange, int64_t timeout_ms)
{
    while (exchange->h2.open && exchange->out.borrowed && exchange->out.rest.length > 0) {
        struct call patience;
        size_t before = exchange->out.rest.length;
        call->deadline_us = CALL_NO_DEADLINE;
        call_init_child(&patience, call, timeout_ms);
        struct status st = fiber_suspend(&patience, &exchange->write_wait);
        if (failed(st) && exchange->out.rest.length == before) {
            http2_exchange_reset(exchange, NGHTTP2_CANCEL);
            return;
        }
    }
}
