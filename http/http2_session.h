/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/2 connection's session: nghttp2 with an exchange for each stream, for server and client.
 * Private to http/.
 *
 *     bytes -> http2_session_receive ─┐
 *     fibers' writes -> on_work ──────┴─> http2_session_fill -> bytes
 *
 * nghttp2's callbacks only record what happened: each exchange collects events, and after the
 * callbacks http2_session_dispatch handles them, because a woken fiber runs at once and may call
 * nghttp2 again. The windows of stream and connection are opened again only as the handler reads
 * the data, so that a connection's window bounds what it can make us hold. */
#ifndef HTTP_HTTP2_SESSION_H
#define HTTP_HTTP2_SESSION_H

#include <nghttp2/nghttp2.h>

#include "http/http2_block.h"
#include "http/http2_frames.h"
#include "http/http2_ids.h"
#include "http/http_exchange.h"

enum {
    HTTP2_STREAM_WINDOW = 1024 * 1024,
    HTTP2_CONNECTION_WINDOW = 8 * 1024 * 1024,
    HTTP2_STREAMS_MAX = 256,
    HTTP2_HEADERS_MORE = 4, /* pseudo-headers, and those that we add ourselves */
};

/* The functions in which server and client differ. */
struct http2_role {
    /* The peer opens a stream: returns a new exchange, or NULL to refuse it. NULL for a client. */
    struct http_exchange *(*on_open)(void *owner);
    /* One header of the peer's head, valid according to nghttp2; pseudo-headers included. */
    void (*on_header)(struct http_exchange *exchange, struct str name, struct str value);
    /* The peer's head is complete. */
    void (*on_head)(struct http_exchange *exchange);
    /* The reader has timed out. NULL for a client, whose calls have deadlines. */
    void (*on_refuse)(struct http_exchange *exchange, enum http_refusal refusal);
    /* Handles events before the waiting fiber is woken. */
    void (*on_event)(struct http_exchange *exchange, unsigned events);
    /* Nothing refers to the exchange any more. */
    void (*on_unused)(void *owner, struct http_exchange *exchange);
    /* There are bytes to send, and neither receive nor fill is running. */
    void (*on_work)(void *owner);
};

/* A token bucket: allows `burst` events at once and `rate` per second after that. */
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
    struct buffer *filling; /* receives frames while http2_session_fill runs, up to filling_max */
    size_t filling_max;
    bool busy;         /* inside receive, dispatch or fill: on_work is not called */
    bool headers_open; /* a header block has begun but not ended */
    bool going_away;   /* the peer has sent GOAWAY: no more streams */
    size_t header_size_max;
    size_t exchanges; /* those that refer to this session, even after their streams were closed */
    size_t streams;   /* open ones */
    struct http_exchange *open;
    uint64_t progress; /* DATA frames sent and streams closed */
    bool server;
    struct http_exchange *ready, *ready_last;
    struct http2_bucket resets, empties, pings;
    struct http2_ids ids;       /* on a server: the streams that the client has opened */
    struct http2_frames frames; /* on a server: the state of reading the client's frame headers */
    struct http2_block block;   /* the header block that is arriving */
    int32_t reset_id;           /* the last stream that the peer has reset */
    size_t block_sent;          /* bytes of the current header block as it is sent */
    size_t block_decoded;       /* and as it is decoded */
    enum http_refusal refusal;  /* why we end the connection */
};

struct http2_session *http2_session_new(const struct http2_session *template, bool server,
                                        uint32_t streams_max);
/* Call it when no exchange refers to the session any more. */
void http2_session_free(struct http2_session *session);

/* Processes all of the bytes, and may overwrite some. False when the peer has violated the protocol:
 * send the remaining output, which explains the error, then end the connection. */
bool http2_session_receive(struct http2_session *session, struct str data);

/* Appends frames to send, at most about `size_max` bytes. False when there is nothing more to send
 * now. */
bool http2_session_fill(struct http2_session *session, struct buffer *out, size_t size_max);

/* Handles the recorded events: starts handlers and wakes fibers. */
void http2_session_dispatch(struct http2_session *session);

/* Have both sides ended the session? */
bool http2_session_ended(const struct http2_session *session);

/* The connection is gone: all exchanges end. */
void http2_session_lose(struct http2_session *session);

/* Binds the exchange to an open stream: one reference for the stream, one for its user. */
void http2_exchange_bind(struct http2_session *session, struct http_exchange *exchange, int32_t id);
/* Releases the user's reference. */
void http2_exchange_leave(struct http_exchange *exchange);
void http2_exchange_reset(struct http_exchange *exchange, uint32_t error);
/* Records an event for http2_session_dispatch. */
void http2_exchange_note(struct http_exchange *exchange, unsigned events);
/* Calls on_work, unless the session is busy and will check for work anyway. */
void http2_session_wants_work(struct http2_session *session);

/* ---- http2_limits.c: what a peer may make us do for nothing ---- */

/* Ends the connection for this reason, unless it is being ended already. */
void http2_limits_calm(struct http2_session *session, enum http_refusal refusal);
/* A stream was reset. A client that causes too many resets loses its connection. */
void http2_limits_count_reset(struct http2_session *session);
/* A useless frame has come, as from a peer that floods. */
void http2_limits_count_empty(struct http2_session *session);
/* Counts a client's frame if it is useless, also one that the library ignores. */
void http2_limits_count_frame(struct http2_session *session, const struct http2_frame_seen *seen);
/* A frame of a message was sent, of its body or its head. */
void http2_limits_earn(struct http2_session *session, bool data);

/* ---- http2_exchange.c: the exchange's operations over HTTP/2 ---- */

extern const struct http_exchange_ops http2_exchange_ops;

/* nghttp2 asks for body bytes through this. */
nghttp2_data_provider http2_data_provider(struct http_exchange *exchange);
/* nghttp2 provides a DATA frame's header; appends it and the body's bytes to session->filling. */
int http2_send_data(struct http_exchange *exchange, const uint8_t *frame_header, size_t size);
/* The thread's room for HTTP_HEADERS_MAX headers and HTTP2_HEADERS_MORE others, until the next use:
 * on the stack of each fiber it would take two pages. */
nghttp2_nv *http2_headers_room(void);
/* Sets nva entries from headers, except those that HTTP/2 forbids; returns their number. */
size_t http2_put_headers(nghttp2_nv *nva, const struct http_headers *headers);

/* Waits until a body that is borrowed from the handler has been sent completely, or its stream is
 * closed. */
void http2_exchange_settle(struct call *call, struct http_exchange *exchange, int64_t timeout_ms);

#endif
