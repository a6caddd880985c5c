/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of an exchange, shared by all three kinds (HTTP/1.1 server, HTTP/2 server, HTTP/2
 * client). Private to http/.
 *
 * The kinds differ in a small table of operations. Received bytes of the peer's body wait in the
 * inbox until the handler reads them. Each kind bounds the inbox: HTTP/1.1 stops reading from the
 * socket, HTTP/2 keeps the window closed. */
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
    /* Bytes of a streamed message that may be buffered before its writer has to wait. */
    HTTP_WRITE_WAITING_MAX = 64 * 1024,
    /* A whole body up to this size is copied into the output; a larger one is sent from the
     * handler's memory. */
    HTTP_BODY_COPIED_MAX = 16 * 1024,
    /* The memory of a request without arenas and buffers: the exchange, the first chunk of its
     * storage, the stream; while its handler runs, the used part of a stack and the call's first
     * chunk; and unless it streams its response, an estimate of the memory for that. */
    HTTP_EXCHANGE_WEIGHT = 6 * 1024,
    HTTP_HANDLER_WEIGHT = 16 * 1024,
    HTTP_ANSWER_WEIGHT = 64 * 1024,
};

struct http_exchange_ops {
    /* The reader has received `size` bytes of the inbox. */
    void (*consumed)(struct http_exchange *exchange, size_t size);
    /* The reader is about to wait for more. */
    void (*expect)(struct http_exchange *exchange);
    /* The body arrives too slowly: sends an error, if no response was sent yet. */
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

/* The peer's body between connection and reader. */
struct http_inbox {
    struct buffer *pending; /* received but unread; NULL while empty */
    struct buffer *reading; /* the piece that the last http_read returned */
    bool ended;             /* the whole body has arrived */
    struct status error;    /* why no more will come */
    struct fiber_wait wait;
};

/* Our body between writer and HTTP/2 connection. HTTP/1.1 writes to its connection at once. */
struct http_outbox {
    struct str rest;         /* of a whole body: borrowed from the handler, or in the arena */
    struct buffer *streamed; /* bytes from http_write; NULL while empty */
    size_t streamed_sent;    /* how many bytes of it have been sent */
    const struct http_headers *trailers;
    bool borrowed; /* `rest` is the handler's memory */
    bool ended;    /* the body ends with these bytes */
    bool deferred; /* nghttp2 waits for nghttp2_session_resume_data */
};

/* Events of an HTTP/2 exchange inside nghttp2's callbacks; handled after them, because fibers must
 * not run inside. */
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
    bool left;       /* its user has released it: further input is dropped */
    bool reset;      /* RST_STREAM has been submitted */
    bool end_sent;   /* END_STREAM has been sent */
    unsigned events; /* of enum http2_event, not handled yet */
    bool queued;     /* in the session's list of ready exchanges */
    bool head_done;  /* the next headers are trailers */
    bool waiting;    /* server: to be started later */
    int references;  /* by the open stream, the fiber or client, and the list of ready exchanges */
    size_t header_size;
    enum http_refusal refusal; /* why its head is refused */
    int status;                /* client: of the response */
    struct fiber_wait head_wait;
    struct http_exchange *
        *guard; /* client: in the call's arena, to release exchanges that the call has not closed */
    struct http_exchange *next_ready;
    struct http_exchange *next_waiting;
    struct http_exchange *next_open, *previous_open;
};

struct http_exchange {
    const struct http_exchange_ops *ops;
    struct arena *arena; /* holds what is read: `storage` on a server, the call's arena on a
                          * client */
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
    struct budget *budget; /* charged for the memory that it holds; NULL: none */
    size_t charged;        /* charged to it */
    struct http_inbox in;
    int64_t body_timeout_ms; /* how long a reader waits for a byte; 0: until its call's deadline */

    bool responded; /* our head has been submitted */
    bool finished;  /* and so has our end */
    bool started;   /* its handler runs, or has run */
    bool streams;   /* our message is streamed */
    bool running;   /* on a server: its handler's fiber is alive */
    bool has_body;  /* our streamed message has a body */
    bool chunked;   /* HTTP/1.1: the body is chunked */
    struct fiber_wait write_wait;
    struct http_outbox out;
    struct http2_stream h2;
};

/* Adds bytes of the peer's body to the inbox; does not wake the reader. */
void http_inbox_put(struct http_exchange *exchange, const void *data, size_t size);
/* Ends the inbox with this error (the first error is kept). */
void http_inbox_fail(struct http_exchange *exchange, struct status reason);
size_t http_inbox_size(const struct http_exchange *exchange);

/* Updates the charge for its memory, other than arenas. Call it when buffers have changed. */
void http_exchange_charge(struct http_exchange *exchange);

/* May its reader receive more of the peer's message? RESOURCE_EXHAUSTED when the process holds too
 * much and this exchange's connection the most. */
struct status http_exchange_admit(struct http_exchange *exchange);

/* Returns all buffers and clears the exchange, except for the first chunk of its storage.
 */
void http_exchange_clear(struct http_exchange *exchange);

/* The trace from the request's traceparent and x-request-id. */
void http_exchange_trace(const struct http_exchange *exchange, struct trace *ret_trace);

#endif
