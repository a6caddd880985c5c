/* SPDX-License-Identifier: Apache-2.0 */
/* A service as the program sees it: one exported constant in each service's folder, found by
 * services/registry.
 *
 * Constructing has no side effects: the program declares the settings of all modules, loads and
 * checks them, and only then starts the modules that it was asked for, one after the other. */
#ifndef RPC_SERVICE_H
#define RPC_SERVICE_H

#include "base/config.h"
#include "rpc/channel.h"
#include "rpc/identity.h"
#include "rpc/server.h"

struct events;

/* What a module is given when it starts; lives as long as the process serves. */
struct service_context {
    struct arena *arena; /* for what lives as long as the service */
    const struct config *config;
    struct shards *shards;
    struct rpc_server *server; /* add your services here */
    const struct rpc_schema *schema;
    struct rpc_identity *identity;
    const char *data_dir; /* ARGOSY_DATA_DIR, made already */
    /* The channel to another service by its registry name ("product"), as PRODUCT_URL says; never
     * NULL: one to a service that is not there answers UNAVAILABLE. */
    struct rpc_channel *(*channel)(const struct service_context *context, const char *service);
    struct events *events; /* the bus (events/events.h); NULL: there is none, and nobody listens */
    void *app;             /* private to app/ */
};

struct service_module {
    const char *name;     /* as in services/registry; the prefix of its settings in upper case */
    const char *rpc_name; /* "cart_service.CartService" */
    const struct setting
        *settings; /* its own, besides X_LISTEN, X_STORE and X_URL, which every service has */
    const char *store_default; /* "sqlite:{data}/cart.db"; "" : stores nothing */
    /* Opens the store, adds its handlers to the server; blocks. *ret_service is handed to the
     * others. */
    struct status (*start)(const struct service_context *context, void **ret_service);
    /* When the process begins to serve: what works by itself starts here, and not in a tool that
     * only looks. May be NULL. */
    void (*serve)(void *service);
    /* Is it able to serve now? For /readyz; on any shard; may be NULL. */
    struct status (*ready)(struct call *call, void *service);
    /* After the shards have been joined. */
    void (*stop)(void *service);
};

/* The registry, ended by NULL. */
extern const struct service_module *const services_registry[];

/* The store's URL of a module with {data} replaced by the data directory: X_STORE or its default. */
const char *service_store_url(const struct service_context *context,
                              const struct service_module *module);

/* The file of a module that keeps its data in SQLite: PATH of the URL sqlite:PATH. Another scheme is
 * INVALID_ARGUMENT (SETTING_INVALID) and names the setting. */
struct status service_store_path(const struct service_context *context,
                                 const struct service_module *module, const char **ret_path);

#endif
