/* SPDX-License-Identifier: Apache-2.0 */
/* Drives nghttp2 and maps its streams to exchanges. See http/http2_session.h. */
#include "http/http2_session.h"

#include "reasons.pb-c.h"

enum {
    /* Bytes of a header block as it is sent, at which the connection ends. A larger block than
     * header_size_max costs its stream alone (431); but it is decoded to its end, since the peer's
     * table depends on it, and nothing obliges the peer to end it. No client sends by mistake
     * hundreds of times what any server accepts. */
    HEADER_BLOCK_MAX = 16 * 1024 * 1024,
    /* By how much the decoded bytes of a block may exceed twice those that were sent: a block of
     * small references to one large table entry is cheap to send. Decoding stops there; a client's
     * block counts as many resets, a server's ends the connection. */
    HEADER_EXCESS_MAX = 1024 * 1024,
    HEADER_BLOCK_RESETS = 100,
    /* nghttp2's own limit on resets must not be reached first, because it sends INTERNAL_ERROR. */
    LIBRARY_RESETS = 100000,
    /* The library's limit on the frames of a block must not be reached first either. */
    LIBRARY_CONTINUATIONS = HEADER_BLOCK_MAX,
    HEADER_OVERHEAD = 32, /* per header, as SETTINGS_MAX_HEADER_LIST_SIZE counts it */
};

/* ---- exchanges and their events ---- */

void http2_session_wants_work(struct http2_session *session)
{
    if (!session->busy) session->role->on_work(session->owner);
}

void http2_exchange_note(struct http_exchange *exchange, unsigned events)
{
    struct http2_session *session = exchange->h2.session;

    exchange->h2.events |= events;
    if (exchange->h2.queued) return;
    exchange->h2.queued = true;
    exchange->h2.references++;
    exchange->h2.next_ready = NULL;
    if (session->ready_last)
        session->ready_last->h2.next_ready = exchange;
    else
        session->ready = exchange;
    session->ready_last = exchange;
}

static void unreference(struct http_exchange *exchange)
{
    struct http2_session *session = exchange->h2.session;
    if (--exchange->h2.references > 0) return;
    session->exchanges--;
    session->role->on_unused(session->owner, exchange);
}

void http2_exchange_bind(struct http2_session *session, struct http_exchange *exchange, int32_t id)
{
    exchange->ops = &http2_exchange_ops;
    exchange->h2.session = session;
    exchange->h2.id = id;
    exchange->h2.open = true;
    exchange->h2.references = 2;
    exchange->h2.previous_open = NULL;
    exchange->h2.next_open = session->open;
    if (session->open) session->open->h2.previous_open = exchange;
    session->open = exchange;
    session->exchanges++;
    session->streams++;
}

/* The stream is closed. Bytes that its reader has not read yet no longer count against the
 * connection's window. */
static void close_exchange(struct http_exchange *exchange, struct status reason)
{
    struct http2_session *session = exchange->h2.session;
    struct http2_stream *stream = &exchange->h2;

    if (!stream->open) return;
    stream->open = false;
    if (stream->previous_open)
        stream->previous_open->h2.next_open = stream->next_open;
    else
        session->open = stream->next_open;
    if (stream->next_open) stream->next_open->h2.previous_open = stream->previous_open;
    session->streams--;
    session->progress++;
    (void)nghttp2_session_consume_connection(session->ng, http_inbox_size(exchange));
    if (failed(reason)) http_inbox_fail(exchange, reason);
    http2_exchange_note(exchange, HTTP2_EVENT_CLOSED);
    unreference(exchange);
}

void http2_exchange_reset(struct http_exchange *exchange, uint32_t error)
{
    struct http2_session *session = exchange->h2.session;
    if (!exchange->h2.open || exchange->h2.reset) return;
    exchange->h2.reset = true;
    exchange->out.rest = (struct str){0};
    exchange->out.ended = false;
    exchange->out.trailers = NULL;
    (void)nghttp2_submit_rst_stream(session->ng, NGHTTP2_FLAG_NONE, exchange->h2.id, error);
    http2_session_wants_work(session);
}

void http2_exchange_leave(struct http_exchange *exchange)
{
    struct http2_session *session = exchange->h2.session;
    size_t unread = http_inbox_size(exchange);

    exchange->h2.left = true;
    if (exchange->h2.open) {
        if (unread > 0) (void)nghttp2_session_consume(session->ng, exchange->h2.id, unread);
        if (!session->server || !exchange->out.ended)
            http2_exchange_reset(exchange, NGHTTP2_CANCEL);
        else if (exchange->h2.end_sent && !exchange->in.ended)
            http2_exchange_reset(exchange, NGHTTP2_NO_ERROR);
    }
    http_pool_give(exchange->pool, &exchange->in.pending);
    http_pool_give(exchange->pool, &exchange->in.reading);
    exchange->running = false;
    http_exchange_charge(exchange);
    if (!session->server) {
        /* The budget of a client's exchange may no longer exist when the stream closes. */
        budget_set(exchange->budget, &exchange->charged, 0);
        exchange->budget = NULL;
    }
    unreference(exchange);
    http2_session_wants_work(session);
}

void http2_session_dispatch(struct http2_session *session)
{
    while (session->ready) {
        struct http_exchange *exchange = session->ready;
        unsigned events = exchange->h2.events;

        session->ready = exchange->h2.next_ready;
        if (!session->ready) session->ready_last = NULL;
        exchange->h2.queued = false;
        exchange->h2.events = 0;
        session->role->on_event(exchange, events);
        if (events & (HTTP2_EVENT_HEAD | HTTP2_EVENT_CLOSED))
            fiber_wake(session->shard, &exchange->h2.head_wait);
        if (events & (HTTP2_EVENT_READABLE | HTTP2_EVENT_CLOSED))
            fiber_wake(session->shard, &exchange->in.wait);
        if (events & (HTTP2_EVENT_WRITABLE | HTTP2_EVENT_CLOSED))
            fiber_wake(session->shard, &exchange->write_wait);
        unreference(exchange);
    }
}

/* ---- nghttp2's callbacks ---- */

static struct http_exchange *exchange_of(nghttp2_session *ng, int32_t id)
{
    return nghttp2_session_get_stream_user_data(ng, id);
}

/* Ends the connection because of a frame on a stream that the client must no longer use. nghttp2
 * forgets closed streams and ignores such frames. */
static bool check_stream(struct http2_session *session, int32_t id)
{
    enum http2_id_fault fault;

    if (session->refusal || nghttp2_session_find_stream(session->ng, id)) return true;
    fault = http2_ids_check(&session->ids, id);
    if (fault == HTTP2_ID_FINE) return true;
    session->refusal = HTTP_REFUSED_PROTOCOL;
    (void)nghttp2_session_terminate_session(
        session->ng, fault == HTTP2_ID_SKIPPED ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_STREAM_CLOSED);
    return false;
}

static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *frame, void *user_data)
{
    struct http2_session *session = user_data;

    if (frame->type == NGHTTP2_CONTINUATION) {
        session->block_sent += frame->length;
        if (session->block_sent > HEADER_BLOCK_MAX)
            http2_limits_calm(session, HTTP_REFUSED_HEADER_SIZE);
    }
    if (frame->type != NGHTTP2_HEADERS) return 0;
    session->block_sent = frame->length;
    if (session->server)
        (void)check_stream(session, frame->stream_id);
    else if (!nghttp2_session_find_stream(ng, frame->stream_id))
        http2_limits_count_empty(session);
    return 0;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct http2_session *session = user_data;

    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    session->headers_open = true;
    session->block_decoded = 0;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    http2_ids_open(&session->ids, frame->hd.stream_id);
    struct http_exchange *exchange = session->refusal ? NULL
                                                      : session->role->on_open(session->owner);
    if (!exchange)
        return nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_REFUSED_STREAM);
    http2_exchange_bind(session, exchange, frame->hd.stream_id);
    return nghttp2_session_set_stream_user_data(ng, frame->hd.stream_id, exchange);
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *user_data)
{
    struct http2_session *session = user_data;
    struct http_exchange *exchange = exchange_of(ng, frame->hd.stream_id);

    (void)flags;
    session->block_decoded += name_length + value_length + HEADER_OVERHEAD;
    if (session->block_decoded > HEADER_EXCESS_MAX + 2 * session->block_sent) {
        for (int i = 0; i < HEADER_BLOCK_RESETS; i++) http2_limits_count_reset(session);
        if (!session->server) http2_limits_calm(session, HTTP_REFUSED_FLOOD);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (!exchange || exchange->h2.left || exchange->h2.refusal) return 0;
    exchange->h2.header_size += name_length + value_length + HEADER_OVERHEAD;
    if (exchange->h2.header_size > session->header_size_max) {
        bool target = name_length == 5 && memcmp(name, ":path", 5) == 0 &&
                      value_length > session->header_size_max / 2;
        exchange->h2.refusal = target ? HTTP_REFUSED_TARGET_SIZE : HTTP_REFUSED_HEADER_SIZE;
        return 0;
    }
    char *copy = arena_alloc(exchange->arena, name_length + value_length + 1);
    memcpy(copy, name, name_length);
    if (value_length > 0) memcpy(copy + name_length, value, value_length);
    struct http_header header = {str_sized(copy, name_length),
                                 str_sized(copy + name_length, value_length)};
    if (!exchange->h2.head_done)
        session->role->on_header(exchange, header.name, header.value);
    else if (copy[0] != ':' && !http_headers_push(exchange->arena, &exchange->trailers, header))
        exchange->h2.refusal = HTTP_REFUSED_HEADER_SIZE;
    return 0;
}

static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                             size_t name_length, const uint8_t *value, size_t value_length,
                             uint8_t flags, void *user_data)
{
    struct http_exchange *exchange = exchange_of(ng, frame->hd.stream_id);
    bool cut = name_length == sizeof(HTTP2_BLOCK_CUT) - 1 &&
               memcmp(name, HTTP2_BLOCK_CUT, name_length) == 0;
    (void)value;
    (void)value_length;
    (void)flags;
    (void)user_data;
    if (exchange && !exchange->h2.refusal)
        exchange->h2.refusal = cut ? HTTP_REFUSED_HEADER_SIZE : HTTP_REFUSED_MALFORMED;
    return 0;
}

static void finish_headers(struct http2_session *session, struct http_exchange *exchange)
{
    if (!exchange->h2.head_done) {
        session->role->on_head(exchange);
        if (exchange->h2.head_done)
            http2_exchange_note(exchange, HTTP2_EVENT_HEAD);
        else
            http2_limits_count_empty(session); /* an interim head, which only servers send */
    } else if (exchange->h2.refusal) {
        http2_exchange_reset(exchange, NGHTTP2_PROTOCOL_ERROR);
    } else {
        exchange->has_trailers = true;
    }
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct http2_session *session = user_data;
    struct http_exchange *exchange = exchange_of(ng, frame->hd.stream_id);
    bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        session->headers_open = false;
        if (exchange) finish_headers(session, exchange);
        break;
    case NGHTTP2_DATA: break;
    case NGHTTP2_RST_STREAM:
        session->reset_id = frame->hd.stream_id;
        http2_limits_count_reset(session);
        return 0;
    case NGHTTP2_GOAWAY: session->going_away = true; return 0;
    default: return 0;
    }
    if (exchange && ends) {
        exchange->in.ended = true;
        http2_exchange_note(exchange, HTTP2_EVENT_READABLE);
    }
    return 0;
}

static int on_data_chunk_recv(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data,
                              size_t size, void *user_data)
{
    struct http_exchange *exchange = exchange_of(ng, id);
    (void)flags;
    (void)user_data;
    if (!exchange || exchange->h2.left) return nghttp2_session_consume(ng, id, size);
    http_inbox_put(exchange, data, size);
    http2_exchange_note(exchange, HTTP2_EVENT_READABLE);
    return 0;
}

/* Maps HTTP/2 errors as gRPC does (doc/PROTOCOL-HTTP2.md, "Errors"). */
static struct status reset_status(uint32_t error)
{
    switch (error) {
    case NGHTTP2_REFUSED_STREAM:
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__SERVICE_UNREACHABLE,
                           "the peer refused the stream before processing it");
    case NGHTTP2_CANCEL: return status_make(STATUS_CANCELLED, 0, "the peer cancelled the stream");
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__RATE_LIMITED,
                           "the peer asks for fewer requests");
    case NGHTTP2_INADEQUATE_SECURITY:
        return status_make(STATUS_PERMISSION_DENIED, 0, "the peer asks for better encryption");
    default: return status_make(STATUS_INTERNAL, 0, "the peer reset the stream");
    }
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t error, void *user_data)
{
    struct http2_session *session = user_data;
    struct http_exchange *exchange = exchange_of(ng, id);
    struct status reason = status_ok();
    bool by_peer = id == session->reset_id || nghttp2_session_get_stream_remote_close(ng, id) == 1;

    if (session->server) http2_ids_close(&session->ids, id, !by_peer);
    if (!exchange) return 0;
    if (error != NGHTTP2_NO_ERROR || !exchange->in.ended) reason = reset_status(error);
    close_exchange(exchange, reason);
    return 0;
}

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct http2_session *session = user_data;

    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        if (frame->rst_stream.error_code != NGHTTP2_NO_ERROR) http2_limits_count_reset(session);
        return 0;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    http2_limits_earn(session, frame->hd.type == NGHTTP2_DATA);
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
    struct http_exchange *exchange = exchange_of(ng, frame->hd.stream_id);
    if (!exchange) return 0;
    exchange->h2.end_sent = true;
    /* Our response is complete and the rest of the request is not needed (RFC 9113, section
     * 8.1). */
    if (session->server && exchange->h2.left && !exchange->in.ended)
        (void)nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, exchange->h2.id, NGHTTP2_NO_ERROR);
    return 0;
}

static int on_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *frame_header,
                        size_t size, nghttp2_data_source *source, void *user_data)
{
    (void)ng;
    (void)frame;
    (void)user_data;
    return http2_send_data(source->ptr, frame_header, size);
}

static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *callbacks;
    invariant(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk_recv);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    return callbacks;
}

/* ---- sessions ---- */

static nghttp2_option *make_option(void)
{
    nghttp2_option *option;
    invariant(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_continuations(option, LIBRARY_CONTINUATIONS);
    nghttp2_option_set_stream_reset_rate_limit(option, LIBRARY_RESETS, LIBRARY_RESETS);
    return option;
}

static void submit_settings(struct http2_session *session, uint32_t streams_max)
{
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)session->header_size_max},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
    };
    size_t count = session->server ? 3 : 4;
    invariant(nghttp2_submit_settings(session->ng, NGHTTP2_FLAG_NONE, entries, count) == 0);
    invariant(nghttp2_session_set_local_window_size(session->ng, NGHTTP2_FLAG_NONE, 0,
                                                    HTTP2_CONNECTION_WINDOW) == 0);
}

struct http2_session *http2_session_new(const struct http2_session *template, bool server,
                                        uint32_t streams_max)
{
    struct http2_session *session = malloc(sizeof(*session));
    nghttp2_session_callbacks *callbacks = make_callbacks();
    nghttp2_option *option = make_option();

    invariant(session);
    *session = *template;
    session->server = server;
    session->frames.skip = server ? HTTP2_PREFACE_SIZE : 0;
    int error = server ? nghttp2_session_server_new2(&session->ng, callbacks, session, option)
                       : nghttp2_session_client_new2(&session->ng, callbacks, session, option);
    invariant(error == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    submit_settings(session, streams_max);
    return session;
}

void http2_session_free(struct http2_session *session)
{
    invariant(session->exchanges == 0);
    nghttp2_session_del(session->ng);
    free(session);
}

static bool feed(struct http2_session *session, struct str data)
{
    session->busy = true;
    ssize_t used = nghttp2_session_mem_recv(session->ng, (const uint8_t *)data.data, data.length);
    session->busy = false;
    if (used == (ssize_t)data.length) return true;
    /* The library fails without a GOAWAY; send one to the peer anyway. */
    if (used == NGHTTP2_ERR_FLOODED)
        http2_limits_calm(session, HTTP_REFUSED_FLOOD);
    else
        (void)nghttp2_session_terminate_session(session->ng, NGHTTP2_PROTOCOL_ERROR);
    return false;
}

/* Reads the frames' headers before the library does. The library does not report DATA frames on
 * closed streams, so those are checked here, once the bytes in front of them have been
 * processed. */
static bool check_frames(struct http2_session *session, struct str *data)
{
    struct str rest = *data, before;
    struct http2_frame_seen seen;
    bool resets = false;

    while (http2_frames_next(&session->frames, &rest, &seen)) {
        http2_limits_count_frame(session, &seen);
        http2_block_frame(&session->block, &seen);
        resets |= seen.type == NGHTTP2_RST_STREAM;
        if (seen.type != NGHTTP2_DATA) continue;
        if (!resets &&
            (nghttp2_session_find_stream(session->ng, seen.id) || seen.id > session->ids.last))
            continue; /* open, or opened by the bytes in front of it */
        before = str_sized(data->data, (size_t)(rest.data - data->data));
        before.length -= before.length < HTTP2_FRAME_HEAD_SIZE ? before.length
                                                               : HTTP2_FRAME_HEAD_SIZE;
        if (before.length > 0 && !feed(session, before)) return false;
        data->data += before.length;
        data->length -= before.length;
        resets = false;
        if (!check_stream(session, seen.id)) return false;
    }
    return true;
}

/* Counts a server's useless frames. Its pings are not counted: they may measure the link while we
 * send. */
static void count_frames(struct http2_session *session, struct str data)
{
    struct http2_frame_seen seen;

    while (http2_frames_next(&session->frames, &data, &seen)) {
        if (http2_frame_is_empty(&seen)) http2_limits_count_empty(session);
        http2_block_frame(&session->block, &seen);
    }
}

bool http2_session_receive(struct http2_session *session, struct str data)
{
    http2_block_rest(&session->block, data);
    if (!session->server)
        count_frames(session, data);
    else if (!check_frames(session, &data))
        return false;
    return data.length == 0 || feed(session, data);
}

bool http2_session_fill(struct http2_session *session, struct buffer *out, size_t size_max)
{
    session->busy = true;
    session->filling = out;
    session->filling_max = size_max;
    while (out->length < size_max) {
        const uint8_t *frame;
        ssize_t size = nghttp2_session_mem_send(session->ng, &frame);
        if (size <= 0) break;
        buffer_append(out, frame, (size_t)size);
    }
    session->filling = NULL;
    session->busy = false;
    return out->length >= size_max;
}

bool http2_session_ended(const struct http2_session *session)
{
    return !nghttp2_session_want_read(session->ng) && !nghttp2_session_want_write(session->ng);
}

void http2_session_lose(struct http2_session *session)
{
    struct status reason = status_make(session->server ? STATUS_CANCELLED : STATUS_UNAVAILABLE,
                                       session->server ? 0 : ARGOSY__REASON__SERVICE_UNREACHABLE,
                                       session->server ? "the client went away"
                                                       : "the connection was lost");
    session->going_away = true;
    while (session->open) {
        (void)nghttp2_session_set_stream_user_data(session->ng, session->open->h2.id, NULL);
        close_exchange(session->open, reason);
    }
}
