/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/2 connection's session: nghttp2 with exchanges for streams, for server and client alike.
 * Private to http/.
 *
 *     bytes -> http2_session_receive ─┐
 *     fibers' writes -> on_work ──────┴─> http2_session_fill -> bytes
 *
 * nghttp2's callbacks only note what happened: each exchange gathers events, and after the
 * callbacks http2_session_dispatch acts on them, for a fiber that is woken runs at once and calls
 * nghttp2 again. Incoming data opens the window again as the handler reads it, for stream and
 * connection alike, so that what one connection can make us hold is bounded by its window. */
#ifndef HTTP_HTTP2_SESSION_H
#define HTTP_HTTP2_SESSION_H

#include <nghttp2/nghttp2.h>

#include "http/http2_frames.h"
#include "http/http2_ids.h"
#include "http/http_exchange.h"

enum {
    HTTP2_STREAM_WINDOW = 1024 * 1024,
    HTTP2_CONNECTION_WINDOW = 8 * 1024 * 1024,
    HTTP2_STREAMS_MAX = 256,
};

/* What server and client do differently. */
struct http2_role {
    /* The peer begins a stream: its new exchange, or NULL to refuse it. NULL for a client. */
    struct http_exchange *(*on_open)(void *owner);
    /* One header of the peer's head, which nghttp2 found valid; pseudo-headers too. */
    void (*on_header)(struct http_exchange *exchange, struct str name, struct str value);
    /* The peer's head is complete. */
    void (*on_head)(struct http_exchange *exchange);
    /* The reader gave up on the peer. NULL for a client, whose calls have deadlines. */
    void (*on_refuse)(struct http_exchange *exchange, enum http_refusal refusal);
    /* Acts on events, before whoever waits for them is woken. */
    void (*on_event)(struct http_exchange *exchange, unsigned events);
    /* Nothing refers to the exchange any more. */
    void (*on_unused)(void *owner, struct http_exchange *exchange);
    /* There are bytes to send, and nobody is inside receive or fill. */
    void (*on_work)(void *owner);
};

/* Allows `burst` events at once and `rate` a second after that. */
struct http2_bucket {
    int64_t tokens;
    int64_t filled_us;
};

struct http2_session {
    nghttp2_session *ng;
    struct shard *shard;
    struct http_pool *pool;
    const struct http2_role *role;
    void *owner;
    struct buffer *filling; /* where frames go while http2_session_fill runs, up to filling_max */
    size_t filling_max;
    bool busy;         /* inside receive, dispatch or fill: on_work is not called */
    bool headers_open; /* a header block has begun and not ended */
    bool going_away;   /* the peer sent GOAWAY: no more streams */
    size_t header_size_max;
    size_t exchanges; /* that refer to this session, also after their streams were closed */
    size_t streams;   /* open ones */
    struct http_exchange *open;
    uint64_t progress; /* DATA frames sent and streams closed */
    bool server;
    struct http_exchange *ready, *ready_last;
    struct http2_bucket resets, empties, pings;
    struct http2_ids ids;       /* of a server: which streams the client has opened */
    struct http2_frames frames; /* likewise of a server: the heads of what the client sends */
    int32_t reset_id;           /* the stream that the peer reset last */
    size_t block_size;          /* of the header block that is read, decoded */
    enum http_refusal refusal;  /* why we end the connection */
};

struct http2_session *http2_session_new(const struct http2_session *template, bool server,
                                        uint32_t streams_max);
/* Once no exchange refers to it. */
void http2_session_free(struct http2_session *session);

/* Takes all of the bytes. False when the peer broke the protocol: what is left to send explains it,
 * then the connection must end. */
bool http2_session_receive(struct http2_session *session, struct str data);

/* Appends frames that are to be sent, about `size_max` bytes at most. False when nothing more is to
 * be sent now. */
bool http2_session_fill(struct http2_session *session, struct buffer *out, size_t size_max);

/* Runs and wakes whatever the noted events are for. */
void http2_session_dispatch(struct http2_session *session);

/* Has everything been said, on both sides? */
bool http2_session_ended(const struct http2_session *session);

/* The connection is gone: all exchanges end. */
void http2_session_lose(struct http2_session *session);

/* Binds the exchange to an open stream: one reference of the stream, one of its user. */
void http2_exchange_bind(struct http2_session *session, struct http_exchange *exchange, int32_t id);
/* Gives up the user's reference. */
void http2_exchange_leave(struct http_exchange *exchange);
void http2_exchange_reset(struct http_exchange *exchange, uint32_t error);
/* Notes an event, for http2_session_dispatch. */
void http2_exchange_note(struct http_exchange *exchange, unsigned events);
/* Calls on_work unless somebody will look for work anyway. */
void http2_session_wants_work(struct http2_session *session);

/* ---- http2_exchange.c: the exchange's operations over HTTP/2 ---- */

extern const struct http_exchange_ops http2_exchange_ops;

/* nghttp2 asks for body bytes through this. */
nghttp2_data_provider http2_data_provider(struct http_exchange *exchange);
/* nghttp2 hands a DATA frame's header; the body's bytes go behind it into session->filling. */
int http2_send_data(struct http_exchange *exchange, const uint8_t *frame_header, size_t size);
/* Sets nva entries from headers, leaving out what is not for HTTP/2; returns the number set. */
size_t http2_put_headers(nghttp2_nv *nva, const struct http_headers *headers);

/* Waits until a whole body that is still borrowed from the handler has been sent, or its stream is
 * closed. */
void http2_exchange_settle(struct call *call, struct http_exchange *exchange, int64_t timeout_ms);

#endif
