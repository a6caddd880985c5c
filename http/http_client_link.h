/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of an HTTP/2 client. It accepts no new requests once the peer has sent GOAWAY, and
 * ends with its last exchange. A peer that is silent while requests are open gets a PING. Private
 * to http/. */
#ifndef HTTP_HTTP_CLIENT_LINK_H
#define HTTP_HTTP_CLIENT_LINK_H

#include "http/http2_session.h"

struct client_link;

/* Events that the link reports to its client. */
struct client_link_events {
    /* A stream may have become free, or the link no longer accepts new ones. */
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
    int64_t heard_us;  /* when the peer last sent anything */
    int64_t pinged_us; /* when it was last sent a PING; 0: never */
    bool heard;        /* it has sent something */
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
