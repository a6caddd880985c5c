/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to a server: connecting, TLS, logging in, and then a line of commands whose answers
 * come in the same order. It belongs to a shard. Private to store/redis.
 *
 *     link = link_new(&plan);            connects; on_ready or on_gone follows
 *     link_write(link, words, count);    once or twice, and at once:
 *     link_send(link, &request);         the request gets its answers, or is lost with the link
 *     link_give_up(&request);            its answers will be dropped; its place in the line stays
 *     link_close(link);
 *
 * on_gone is the last callback; it comes once, after link_close as well, and never inside link_new,
 * link_send or link_close. Commands of one turn of the loop are written together. */
#ifndef STORE_REDIS_LINK_H
#define STORE_REDIS_LINK_H

#include "fiber/fiber.h"
#include "store/redis/redis.h"
#include "store/redis/redis_url.h"
#include "store/redis/tls.h"
#include "store/store_metrics.h"

enum {
    LINK_LINE_MAX = 4096,                    /* commands that wait for their answers */
    LINK_UNSENT_SIZE_MAX = 16 * 1024 * 1024, /* bytes that wait to be written */
    LINK_COMMAND_SIZE_MAX = 8 * 1024 * 1024,
    LINK_REPLIES_MAX = 2,
};

struct link;
struct link_entry;

/* A command or two, and a fiber that waits for the answers. Lies on the fiber's stack. */
struct link_request {
    struct fiber_wait wait;
    struct arena *arena; /* for the answers */
    const struct redis_reply *replies[LINK_REPLIES_MAX];
    int wanted, got;
    bool lost;                /* the connection ended before all answers had come */
    struct link_entry *entry; /* its place in the line; NULL: none (any more) */
};

/* What a connection has come to. */
enum link_end {
    LINK_CLOSED,  /* by link_close */
    LINK_LOST,    /* nobody there, cut, or speaking something else */
    LINK_SILENT,  /* no answer for too long */
    LINK_REFUSED, /* user, password or certificate are refused */
    LINK_REPLICA, /* the server is no primary */
};

struct link_events {
    void (*on_ready)(void *owner, struct link *link);
    /* Of a Sentinel: where the primary is. The link is of no more use afterwards. */
    void (*on_primary)(void *owner, struct link *link, const char *address);
    /* `problem` is for the log. */
    void (*on_gone)(void *owner, struct link *link, enum link_end end, const char *problem);
};

struct link_plan {
    struct shard *shard;
    const struct redis_url *url; /* borrowed for the link's life */
    struct tls_context *tls;     /* NULL: none */
    const char *name;            /* the store's, which names the connection on the server */
    const struct store_metrics *metrics;
    const char *address;
    bool to_sentinel;
    const struct link_events *events;
    void *owner;
};

struct link *link_new(const struct link_plan *plan);
void link_close(struct link *link);

const char *link_address(const struct link *link);
bool link_is_ready(const struct link *link);
/* Commands that wait for their answers. */
size_t link_waiting(const struct link *link);
/* Has any command been answered since it became ready? */
bool link_has_answered(const struct link *link);
/* Is there room for one more request? */
bool link_has_room(const struct link *link);

/* Appends a command to what is sent at the end of the turn. The link must be ready and have room;
 * the words come to LINK_COMMAND_SIZE_MAX at most. */
void link_write(struct link *link, const struct str *words, size_t count);
/* Puts the request for the answers to the request->wanted commands that were written last at the
 * end of the line. */
void link_send(struct link *link, struct link_request *request);
void link_give_up(struct link_request *request);

#endif
