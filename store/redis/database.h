/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the driver share. Private to store/redis. */
#ifndef STORE_REDIS_DATABASE_H
#define STORE_REDIS_DATABASE_H

#include "store/redis/hub.h"
#include "store/redis/redis.h"
#include "store/store_metrics.h"

struct redis {
    const char *name;
    struct redis_url url;
    struct tls_context *tls; /* NULL: none */
    /* Messages for callers. */
    const char *unreachable, *unknown, *unconfirmed, *busy, *full, *queue_full, *damaged, *refused;
    struct store_metrics metrics;
    struct breaker_news news;
    struct hub *hubs; /* one for each shard */
};

struct status redis_unreachable(const struct redis *db);

/* Translates an error that the server has answered; it had no effect. */
struct status redis_translate(const struct call *call, const struct redis *db, struct str error);

#endif
