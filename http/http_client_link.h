/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of an HTTP/2 client. It takes no new requests once the peer says GOAWAY, and ends
 * when its last exchange has. A peer that is silent while requests are open is asked by PING
 * whether it is still there. Private to http/. */
#ifndef HTTP_HTTP_CLIENT_LINK_H
#define HTTP_HTTP_CLIENT_LINK_H

#include "http/http2_session.h"

struct client_link;

/* What the link tells its client. */
struct client_link_events {
    /* A stream may have become free, or the link takes no new ones any more. */
    void (*on_change)(void *client, struct client_link *link);
    /* The link is about to be freed. */
    void (*on_gone)(void *client, struct client_link *link);
    void (*on_unused)(void *client, struct http_exchange *exchange);
};

struct client_link {
    const struct client_link_events *events;
    void *client;
    struct http_pool *pool;
    struct shard *shard;
    struct stream *stream; /* NULL once closed */
    struct http2_session *session;
    struct client_link *next, *previous; /* the client's list */
    struct shard_task turn;
    struct shard_timer timer;
    int64_t heard_us;  /* when the peer last said anything */
    int64_t pinged_us; /* when it was last asked; 0: never */
    bool heard;        /* it has said something */
    bool busy;
};

struct client_link *client_link_new(const struct client_link *template);

/* How many more streams may be opened now. */
size_t client_link_room(const struct client_link *link);

/* Sends a request's head on a new stream; `authority` is used when the request has none. */
struct status client_link_open(struct client_link *link, struct http_exchange *exchange,
                               const struct http_request *request, struct str authority, bool end);

/* All of its exchanges end as UNAVAILABLE. */
void client_link_close(struct client_link *link);

#endif
