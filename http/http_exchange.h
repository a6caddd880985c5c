/* SPDX-License-Identifier: Apache-2.0 */
/* Inside an exchange: what all three kinds (HTTP/1.1 server, HTTP/2 server, HTTP/2 client) share.
 * Private to http/.
 *
 * The kinds differ in a small table of operations. What has arrived of the peer's body waits in the
 * inbox until the handler reads it; each kind bounds it: HTTP/1.1 stops reading the socket, HTTP/2
 * keeps the window shut. */
#ifndef HTTP_HTTP_EXCHANGE_H
#define HTTP_HTTP_EXCHANGE_H

#include "base/budget.h"
#include "fiber/fiber.h"
#include "fiber/stream.h"
#include "http/http.h"
#include "http/http_message.h"
#include "http/http_pool.h"
#include "http/http_refusal.h"

struct http_connection;
struct http2_session;

enum {
    /* Bytes of a streamed message that may wait to be sent before its writer waits too. */
    HTTP_WRITE_WAITING_MAX = 64 * 1024,
    /* A whole body up to this size is copied into the output; a larger one is sent from where the
       handler has it. */
    HTTP_BODY_COPIED_MAX = 16 * 1024,
    /* What a request takes besides arenas and buffers: the exchange, the first chunk of its storage,
     * the stream; while its handler runs, the used part of a stack and the call's first chunk; and
     * unless it streams its answer, what it is likely to need for that. */
    HTTP_EXCHANGE_WEIGHT = 6 * 1024,
    HTTP_HANDLER_WEIGHT = 16 * 1024,
    HTTP_ANSWER_WEIGHT = 64 * 1024,
};

struct http_exchange_ops {
    /* `size` bytes of the inbox have been handed to the reader. */
    void (*consumed)(struct http_exchange *exchange, size_t size);
    /* The reader is about to wait for more. */
    void (*expect)(struct http_exchange *exchange);
    /* The body comes too slowly: answers so, if nothing is answered yet. */
    void (*refuse)(struct http_exchange *exchange, enum http_refusal refusal);
    /* A whole response, trailers or NULL. */
    void (*respond)(const struct call *call, struct http_exchange *exchange, int status,
                    const struct http_headers *headers, struct str body,
                    const struct http_headers *trailers);
    void (*begin)(const struct call *call, struct http_exchange *exchange, int status,
                  const struct http_headers *headers);
    struct status (*write)(struct call *call, struct http_exchange *exchange, struct str data);
    void (*finish)(const struct call *call, struct http_exchange *exchange,
                   const struct http_headers *trailers);
    void (*abort)(struct http_exchange *exchange, uint32_t h2_error);
};

/* The peer's body on its way to the reader. */
struct http_inbox {
    struct buffer *pending; /* arrived, unread; NULL while empty */
    struct buffer *reading; /* what the last http_read handed out */
    bool ended;             /* all of it has arrived */
    struct status error;    /* why no more will come */
    struct fiber_wait wait;
};

/* Our body on its way to the peer over HTTP/2. HTTP/1.1 writes to its connection at once. */
struct http_outbox {
    struct str rest;         /* of a whole body: borrowed from the handler, or in the arena */
    struct buffer *streamed; /* what http_write brought; NULL while empty */
    size_t streamed_sent;    /* of it, from the front */
    const struct http_headers *trailers;
    bool borrowed; /* `rest` is the handler's memory */
    bool ended;    /* nothing comes after what is here */
    bool deferred; /* nghttp2 waits for nghttp2_session_resume_data */
};

/* What happened to an HTTP/2 exchange inside nghttp2's callbacks; acted upon after them, because
 * fibers must not run inside. */
enum http2_event {
    HTTP2_EVENT_HEAD = 1,     /* the peer's head is complete */
    HTTP2_EVENT_READABLE = 2, /* body, trailers or end */
    HTTP2_EVENT_WRITABLE = 4, /* some of our body was sent */
    HTTP2_EVENT_CLOSED = 8,
};

struct http2_stream {
    struct http2_session *session;
    int32_t id;
    bool open;       /* in the session's list of open streams */
    bool left;       /* its user has ended: what still comes is dropped */
    bool reset;      /* RST_STREAM is on its way */
    bool end_sent;   /* END_STREAM is out */
    unsigned events; /* of enum http2_event, to be acted upon */
    bool queued;     /* among the session's ready ones */
    bool head_done;  /* the next headers are trailers */
    bool waiting;    /* server: for its connection to hold less */
    int references;  /* the open stream, the fiber or client, the queue of ready ones */
    size_t header_size;
    enum http_refusal refusal; /* what its head was found to be */
    int status;                /* client: of the response */
    struct fiber_wait head_wait;
    struct http_exchange *
        *guard; /* client: what the call's arena knows of it, for calls that forget it */
    struct http_exchange *next_ready;
    struct http_exchange *next_waiting;
    struct http_exchange *next_open, *previous_open;
};

struct http_exchange {
    const struct http_exchange_ops *ops;
    struct arena *arena; /* for what is read: `storage` on a server, the call's on a client */
    struct arena storage;
    struct http_pool *pool;
    struct http_exchange *next_unused;
    struct http_connection *connection; /* on a server */
    struct call *call;                  /* while its fiber runs */

    struct http_request request; /* a client's: `headers` are the response's */
    bool has_length;             /* the peer's message has a Content-Length */
    uint64_t content_length;
    struct http_headers trailers;
    bool has_trailers;
    struct budget *budget; /* who pays for what it holds; NULL: nobody */
    size_t charged;        /* on it */
    struct http_inbox in;
    int64_t body_timeout_ms; /* how long a reader waits for a byte; 0: as long as its call may */

    bool responded; /* our head is on its way */
    bool finished;  /* so is our end */
    bool started;   /* its handler runs, or has run */
    bool streams;   /* our message is streamed */
    bool running;   /* on a server: its handler's fiber lives */
    bool has_body;  /* our streamed message has a body */
    bool chunked;   /* HTTP/1.1: and it is chunked */
    struct fiber_wait write_wait;
    struct http_outbox out;
    struct http2_stream h2;
};

/* Puts bytes of the peer's body into the inbox; it does not wake the reader. */
void http_inbox_put(struct http_exchange *exchange, const void *data, size_t size);
/* No more will come, for this reason (the first one given stays). */
void http_inbox_fail(struct http_exchange *exchange, struct status reason);
size_t http_inbox_size(const struct http_exchange *exchange);

/* Charges what it holds now, besides arenas, on its budget. To be called when buffers changed. */
void http_exchange_charge(struct http_exchange *exchange);

/* May its reader take more of the peer's message? RESOURCE_EXHAUSTED when the process holds too much
 * and this exchange's connection most of it. */
struct status http_exchange_admit(struct http_exchange *exchange);

/* Gives all buffers back and empties the exchange but for its storage, whose first chunk is kept.
 */
void http_exchange_clear(struct http_exchange *exchange);

/* traceparent and x-request-id of the request. */
void http_exchange_trace(const struct http_exchange *exchange, struct trace *ret_trace);

#endif
