/* SPDX-License-Identifier: Apache-2.0 */
/* The URL of a Redis server, or of the Sentinels that know it:
 *
 *     redis://[user][:password@]host[:port][,host[:port]...][/database][?option=value&...]
 *     rediss://...                                    the same over TLS
 *     redis+sentinel://[...@]host[:port][,...]/master[/database][?...]
 *     rediss+sentinel://...
 *
 * Of several hosts the one that is the primary is used. User and password may be percent-encoded.
 * Options:
 *
 *     cafile=PATH        the authorities that sign the server's certificate, in place of the system's
 *     certfile=, keyfile=  a certificate of our own, for a server that asks for one
 *     wait=N             a write is acknowledged once N replicas have it (0)
 *     prefix=TEXT        stands before every key ("")
 *     timeout=MS         a server that answers nothing for so long is taken to be dead (2000)
 *     connections=N      for each shard at most (8); made while the lines are long
 *
 * Private to store/redis, and for its tests. */
#ifndef STORE_REDIS_REDIS_URL_H
#define STORE_REDIS_REDIS_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

enum { REDIS_HOSTS_MAX = 16, REDIS_CONNECTIONS_MAX = 16 };

struct redis_url {
    bool tls, sentinel;
    const char *user, *password;        /* "" if there is none */
    const char *hosts[REDIS_HOSTS_MAX]; /* each "host:port" */
    size_t host_count;
    const char *master; /* the name by which Sentinels know the primary */
    int database;
    const char *cafile, *certfile, *keyfile;
    int wait;
    const char *prefix;
    int64_t timeout_ms;
    int connections;
};

/* INVALID_ARGUMENT (SETTING_INVALID), with a message that says what is wrong and never contains the
 * password. The texts are in the arena. */
struct status redis_url_parse(struct arena *arena, const char *text, struct redis_url *ret_url);

#endif
