/* SPDX-License-Identifier: Apache-2.0 */
/* Private to shop*.c: the parts of a running process, and what its files do for each other. */
#ifndef APP_SHOP_PARTS_H
#define APP_SHOP_PARTS_H

#include <uv.h>

#include "app/admin.h"
#include "app/shop.h"
#include "events/events.h"
#include "fiber/shard.h"
#include "gateway/gateway_door.h"
#include "http/http_server.h"
#include "rpc/service.h"
#include "rpc/service_open.h"
#include "store/sqlite/lock.h"

enum { LISTENERS_MAX = 16, MODULES_MAX = 16, SIGNALS = 3 };

/* One service of the registry, as this process sees it. */
struct member {
    const struct service_module *module;
    void *service; /* NULL: not started here */
    struct rpc_channel *channel;
    struct rpc_endpoint endpoint; /* what its own port serves */
    struct sqlite_lock *lock;     /* of its store; NULL: no store, or not in this process */
    const char *elsewhere;        /* the URL of another process that has its store; or NULL */
    bool here;
};

struct shop {
    struct arena *arena;
    const struct config *config;
    struct shop_options options;
    int data_lock; /* keeps restores out; 0: not held */
    struct shards *shards;
    const struct rpc_schema *schema;
    struct rpc_identity identity;
    struct rpc_server *server;
    struct events *events;
    struct service_context context;
    struct member members[MODULES_MAX];
    size_t member_count;
    struct rpc_channel *absent;   /* to services that the registry does not list: UNAVAILABLE */
    struct gateway_door *gateway; /* NULL: not in this process */
    struct admin *admin;
    struct http_server *listeners[LISTENERS_MAX];
    size_t listener_count;
    struct http_server *gateway_listener;

    const char *_Atomic unready; /* why it is not ready yet; NULL: it is */

    /* While it runs. */
    uv_signal_t signals[SIGNALS];
    void (*on_hangup)(void *data);
    void *hangup_data;
    _Atomic int signals_seen; /* readiness reads it on every shard */
    size_t draining;          /* listeners that have not drained yet */
    void (*on_ready)(struct call *call, void *data);
    void *ready_data;
    struct service_openings openings;
    struct status failure; /* why it stopped serving by itself */
};

/* Does this process have the module, by its --only? */
bool shop_is_here(const struct shop *shop, const char *name);

/* Opens the ports of the services, of the gateway and of the admin server. */
struct status shop_listen(struct shop *shop);

#endif
