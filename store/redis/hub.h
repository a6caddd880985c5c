/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of one shard: makes them when they are needed, finds the primary among the hosts
 * (or asks the Sentinels for it), and gives each request the connection with the shortest line.
 * Private to store/redis. */
#ifndef STORE_REDIS_HUB_H
#define STORE_REDIS_HUB_H

#include "store/breaker.h"
#include "store/redis/link.h"

enum {
    HUB_WAITERS_MAX = LINK_LINE_MAX,
    HUB_ADDRESS_SIZE = 280,
    HUB_PROBLEM_SIZE = 720,
    HUB_LINKS_MAX = 2 * REDIS_CONNECTIONS_MAX, /* with those that have just ended */
};

struct hub_waiter;

struct hub {
    struct redis *db;
    struct shard *shard;
    struct link *links[HUB_LINKS_MAX]; /* the ready ones */
    int link_count;
    struct link *coming;            /* the one that is being made; NULL: none */
    size_t host;                    /* whose turn it is */
    size_t failures;                /* hosts of this round that could not be used */
    char primary[HUB_ADDRESS_SIZE]; /* as the Sentinel says; "": unknown */
    struct breaker breaker;
    enum link_end last_end;         /* why the last connection could not be made */
    char problem[HUB_PROBLEM_SIZE]; /* the same in words, for operators; "": it could be made */
    struct hub_waiter *waiters, *waiters_last;
    size_t waiting;
};

void hub_init(struct hub *hub, struct redis *db, struct shard *shard);

/* A ready connection with room; waits until one is made. UNAVAILABLE (STORE_UNREACHABLE) at once if
 * none can be made now, RESOURCE_EXHAUSTED (QUEUE_FULL). Valid until the next suspension. */
struct status hub_find_link(struct call *call, struct hub *hub, struct link **ret_link);

/* A server has said that it is no primary any more: drops its connections. */
void hub_drop_links(struct hub *hub);

#endif
