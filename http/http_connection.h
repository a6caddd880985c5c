/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of a connection: it is accepted, its protocol is detected, then HTTP/1.1 or
 * HTTP/2 handles it. Private to http/.
 *
 *     accept ─> SNIFF ─┬─> HTTP1 ─┬─> LINGER ─> closed
 *                      └─> HTTP2 ─┘
 *
 * LINGER: our last bytes are being sent and our side has ended. For a moment further input is read
 * and dropped, because closing a socket with unread bytes makes the kernel reset the connection,
 * and the peer could lose the response that explains the refusal. */
#ifndef HTTP_HTTP_CONNECTION_H
#define HTTP_HTTP_CONNECTION_H

#include "base/budget.h"
#include "http/http1_parser.h"
#include "http/http_exchange.h"
#include "http/http_server.h"
#include "observe/metrics.h"

enum {
    /* When this many bytes wait in the socket's queue, we take no more requests from it. */
    HTTP_OUTPUT_WAITING_MAX = 256 * 1024,
    /* What one turn may write, which is more than a small buffer has. */
    HTTP_OUTPUT_EXPECTED = 64 * 1024,
    /* The memory of a connection without its buffers, and of an HTTP/2 session. */
    HTTP_CONNECTION_WEIGHT = 2 * 1024,
    HTTP_SESSION_WEIGHT = 12 * 1024,
    /* Unused exchanges kept for a shard. */
    HTTP_EXCHANGES_KEPT_MAX = 256,
};

struct http_counters {
    struct metric_series *refused[HTTP_REFUSAL_COUNT];
    struct metric_series *requests[3]; /* by enum http_version */
    struct metric_series *connections, *running;
};

/* A server on one shard. Touched on its thread only. */
struct http_home {
    struct http_server *server;
    struct shard *shard;
    const struct http_server_options *options;
    const struct http_counters *counters;
    struct http_connection *connections;
    size_t connection_count;
    struct http_exchange *unused;
    size_t unused_count;
    struct http_pool pool;
    struct http_date date;
    struct shard_timer drain_timer;
    struct shard_timer look; /* at the connections, while memory is tight */
    int64_t full_logged_us;  /* when the lack of descriptors was last logged */
    int64_t shed_logged_us;  /* when the ending of connections for memory was last logged */
    bool draining;
    bool drained;
};

enum http_protocol {
    HTTP_PROTOCOL_SNIFF,
    HTTP_PROTOCOL_HTTP1,
    HTTP_PROTOCOL_HTTP2,
    HTTP_PROTOCOL_LINGER
};

struct http_connection {
    struct http_home *home;
    struct stream *stream; /* NULL once it is closed */
    struct http_connection *next, *previous;
    struct budget budget; /* what its peer makes us hold */
    size_t charged;       /* charged to it, not counting its exchanges */
    enum http_protocol protocol;
    bool busy;       /* inside an event: anything that ends meanwhile is handled at the end of the
                      * event */
    bool ending;     /* no further request is taken; closed when the last response has been sent */
    bool peer_ended; /* the peer has ended its side */
    bool paused;
    bool drained; /* the socket's queue has become empty; not handled yet */

    uint64_t served_pass; /* the loop's pass in which it was last served */
    int64_t served_us;    /* up to when the time of the current event was counted */
    bool request_begun;   /* in the current event */
    bool yields;          /* stopped the current event because its peer's share was spent */

    struct shard_timer timer;
    int64_t read_due_us;        /* when waiting for the peer's bytes ends; INT64_MAX: not waiting */
    int64_t write_due_us;       /* when the peer must have taken some of what is queued */
    size_t write_mark;          /* how much was queued then */
    uint64_t received, written; /* bytes; what is queued counts as written */
    uint64_t passed_mark;       /* their sum at the last check */
    int looks_still;            /* consecutive checks at which too few bytes had passed */
    struct shard_task turn;

    struct buffer *input;  /* received, not processed yet */
    struct buffer *output; /* to be written at the end of this event or turn */

    /* HTTP/1.1 */
    struct http1_scan scan;
    bool head_begun; /* some bytes of the next head have arrived */
    bool keep_alive;
    bool continue_wanted; /* the peer waits for 100 Continue */
    struct http1_decoder decoder;
    uint64_t body_size; /* received so far */
    struct http_exchange *exchange;

    struct http2_session *session;
    struct http_exchange *waiting, *waiting_last; /* HTTP/2: requests to start later */
    size_t waiting_count;                         /* until it holds less, or until its next turn */
    uint64_t progress_mark;          /* HTTP/2: the session's progress at the last check */
    bool notice_given, goaway_final; /* HTTP/2: the two GOAWAYs of a graceful end */
};

/* ---- http_server.c ---- */

void http_count_refusal(const struct http_home *home, enum http_refusal refusal);

/* An exchange for a request on this connection, from the pool. */
struct http_exchange *http_exchange_take(struct http_connection *connection);
void http_exchange_give(struct http_home *home, struct http_exchange *exchange);

/* Is it at its connections_max? */
bool http_home_is_full(const struct http_home *home);
void http_home_add(struct http_home *home, struct http_connection *connection);
void http_home_remove(struct http_home *home, struct http_connection *connection);

/* Starts fn(call, exchange) on its own fiber, with the request's trace. False when no fiber is
 * available. */
bool http_exchange_start(struct http_exchange *exchange, void (*fn)(struct call *call, void *data));

/* ---- http_connection.c ---- */

void http_connection_accept(struct http_home *home, struct stream *stream);

/* The output buffer; append to it, and it is written when the current event or turn ends. */
struct buffer *http_connection_output(struct http_connection *connection);
/* Writes the output now, followed by `body` (may be empty) without copying it. */
void http_connection_flush(struct http_connection *connection, struct str body);
/* Schedules the connection's turn function for the end of the loop's turn. */
void http_connection_schedule(struct http_connection *connection);

/* Sets the deadline for the peer's next bytes; INT64_MAX: none. */
void http_connection_read_due(struct http_connection *connection, int64_t due_us);

/* Is it waiting for a request, with no bytes of one received and nothing to send? */
bool http_connection_is_idle(const struct http_connection *connection);

/* May it begin another request? False when the process or the peer holds too much and this
 * connection the most. Other fibers may run meanwhile. */
bool http_connection_admits(struct http_connection *connection);

/* May it begin another request in this event? The first one always; the others as long as its peer
 * has not used up its share of the shard's time. If not, it goes on in a later pass of the loop. */
bool http_connection_has_time(struct http_connection *connection);

/* Ends it at once, whatever its handlers do: they are cancelled, and most of what it holds is freed
 * before this returns, unless it is called within an event of this connection. A fiber may call it
 * only where it could be suspended as well. */
void http_connection_end(struct http_connection *connection);

void http_connection_pause(struct http_connection *connection, bool pause);

/* Writes the output, ends our side and lingers. */
void http_connection_linger(struct http_connection *connection);
void http_connection_close(struct http_connection *connection);

/* Starts to drain the connection. */
void http_connection_drain(struct http_connection *connection);

/* ---- http_pressure.c ---- */

/* Memory is tight: looks at what its connections hold, until it is not. */
void http_home_watch(struct http_home *home);

/* ---- http1.c and http2_server.c: what a protocol does with a connection's events ---- */

struct http_protocol_events {
    /* Processes as many of the bytes as possible and returns their number. */
    size_t (*take)(struct http_connection *connection, struct str data);
    void (*peer_end)(struct http_connection *connection);
    /* The stream is closed. */
    void (*closed)(struct http_connection *connection);
    /* Does nothing refer to the connection any more? Called when the stream is closed. */
    bool (*is_unused)(struct http_connection *connection);
    /* The socket's queue is empty again. */
    void (*writable)(struct http_connection *connection);
    /* read_due_us has passed. */
    void (*overdue)(struct http_connection *connection);
    void (*drain)(struct http_connection *connection);
};

extern const struct http_protocol_events http1_events, http2_server_events;

/* Makes an HTTP/2 session on the connection. */
void http2_server_start(struct http_connection *connection);
/* Sends GOAWAY with ENHANCE_YOUR_CALM; the connection is closed afterwards. Not inside an event. */
void http2_server_calm(struct http_connection *connection);
/* Does a stream wait for the peer: for the rest of its request, or for room for its answer? */
bool http2_server_waits_for_peer(const struct http_connection *connection);

#endif
