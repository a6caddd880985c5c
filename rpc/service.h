/* SPDX-License-Identifier: Apache-2.0 */
/* A service as the program sees it: one exported constant in each service's folder, found by
 * services/registry.
 *
 * A module has no side effects before it starts: the program declares the settings of all modules,
 * loads and checks them, and only then starts the requested modules, one after another. */
#ifndef RPC_SERVICE_H
#define RPC_SERVICE_H

#include "base/config.h"
#include "rpc/channel.h"
#include "rpc/identity.h"
#include "rpc/server.h"
#include "store/findings.h"

struct events;

/* The environment of a module, given to its start; lives as long as the process serves. */
struct service_context {
    struct arena *arena; /* lives as long as the service */
    const struct config *config;
    struct shards *shards;
    struct rpc_server *server; /* add your services here */
    const struct rpc_schema *schema;
    struct rpc_identity *identity;
    const char *data_dir; /* ARGOSY_DATA_DIR, which exists */
    /* The channel to another service by its registry name ("product"), as PRODUCT_URL says; never
     * NULL: calls to a missing service answer UNAVAILABLE. */
    struct rpc_channel *(*channel)(const struct service_context *context, const char *service);
    bool prepares; /* stores make or update their schema; else one without it is refused with
                    * STORE_NOT_PREPARED */
    struct events *events; /* the bus (events/events.h); NULL: there is none */
    void *app;             /* private to app/ */
};

struct service_module {
    const char *name;     /* as in services/registry; the prefix of its settings in upper case */
    const char *rpc_name; /* "cart_service.CartService" */
    const struct setting
        *settings; /* its own, in addition to X_LISTEN, X_STORE and X_URL, which every service
                    * has */
    const char *store_default;        /* "sqlite:{data}/cart.db"; "": has no store */
    const char *const *store_schemes; /* allowed in X_STORE, ended by NULL; NULL: sqlite alone */
    /* Makes the store and adds the handlers to the server; blocks, and an embedded store is open
     * afterwards. *ret_service is passed to the functions below. */
    struct status (*start)(const struct service_context *context, void **ret_service);
    /* Connects a store whose engine is another process, on a fiber. Returns UNAVAILABLE if the
     * engine does not answer yet: then it is called again (rpc/service_open.h). Until it succeeds
     * the store itself answers every call with UNAVAILABLE. Returns OK if the store that was chosen
     * is embedded. NULL if all of the service's stores are. */
    struct status (*open)(struct call *call, void *service);
    /* Adds what there is to say about the open store; changes nothing. NULL: nothing. */
    struct status (*check)(struct call *call, void *service, struct store_findings *findings);
    /* Called when the process begins to serve: background work starts here, so that tools which
     * only read do not run it. May be NULL. */
    void (*serve)(void *service);
    /* Is it able to serve now? For /readyz; on any shard; may be NULL. */
    struct status (*ready)(struct call *call, void *service);
    /* After the shards have been joined. */
    void (*stop)(void *service);
};

/* The registry, ended by NULL. */
extern const struct service_module *const services_registry[];

/* The store's URL of a module with {data} replaced by the data directory: X_STORE or its
 * default. */
const char *service_store_url(const struct service_context *context,
                              const struct service_module *module);

/* "CART_STORE". */
const char *service_store_setting(struct arena *arena, const struct service_module *module);

/* The scheme of the store's URL: one of the module's own. Any other is INVALID_ARGUMENT
 * (SETTING_INVALID), which names the setting and the schemes that there are. */
struct status service_store_scheme(const struct service_context *context,
                                   const struct service_module *module, const char **ret_scheme);

/* The file of a module that keeps its data in SQLite: PATH of the URL sqlite:PATH. Another scheme
 * is refused as by service_store_scheme, or, if it is one of the module's, with FAILED_PRECONDITION
 * (SETTING_INVALID). */
struct status service_store_path(const struct service_context *context,
                                 const struct service_module *module, const char **ret_path);

#endif
