/* SPDX-License-Identifier: Apache-2.0 */
/* The shop as a process: its settings, shards and modules, and the channels between these.
 *
 *     shop_new(arena, config, &options, &shop)   opens stores, starts modules, listens
 *     shop_run(shop)                             serves until SIGTERM or SIGINT, then drains
 *     shop_call(shop, fn, data)                  or runs one call and returns, for the command line
 *     shop_free(shop) */
#ifndef APP_SHOP_H
#define APP_SHOP_H

#include "base/config.h"
#include "fiber/call.h"
#include "rpc/channel.h"

struct shop;
struct service_context;
struct store_findings;

struct shop_options {
    const char *only;   /* "product,cart" or "gateway"; NULL: everything */
    bool listen;        /* open the ports; else only in-process calls */
    bool loopback_only; /* refuse to listen on other addresses */
    bool prepare;       /* make what the stores need, whatever STORE_PREPARE says */
    bool untouched;     /* make nothing that stores need, whatever STORE_PREPARE says */
    bool existing;      /* the shop must exist: create no data directory */
    int shards;         /* 0: as the settings say */
};

/* Declares the settings of the program and of all modules. */
void shop_declare_settings(struct config *config);

struct status shop_new(struct arena *arena, const struct config *config,
                       const struct shop_options *options, struct shop **ret_shop);

/* Serves on this thread and the other shards', and delivers events. `on_ready` (may be NULL) runs
 * on a fiber once everything listens and all stores are open. Fails if a store cannot be opened in
 * time. */
struct status shop_run(struct shop *shop, void (*on_ready)(struct call *call, void *data),
                       void *data);

/* fn runs on shard 0's thread at each SIGHUP while the shop serves. Before shop_run. */
void shop_on_hangup(struct shop *shop, void (*fn)(void *data), void *data);

/* Reopens the gateway's log files and gives it other settings, as gateway_door_change_take does. To
 * be called from the fn of shop_on_hangup. */
struct status shop_change_take(struct shop *shop, struct arena *arena, struct config *config,
                               bool *ret_changed);

/* Makes /readyz answer that the shop is not ready, with this static text, until it is set to NULL.
 * On any thread. */
void shop_set_unready(struct shop *shop, const char *why);

/* Runs fn on a fiber, on behalf of the operator of this machine (a superAdmin), and returns its
 * status. */
struct status shop_call(struct shop *shop,
                        struct status (*fn)(struct call *call, struct shop *shop, void *data),
                        void *data);

/* For simulations, which call a shop that does not listen: starts the background work of the bus
 * and the modules, as shop_run does. Before shop_call. */
void shop_start_work(struct shop *shop);
/* The context that the modules were given. */
const struct service_context *shop_context(const struct shop *shop);

/* The channel to a service by its registry name; never NULL. */
struct rpc_channel *shop_channel(const struct shop *shop, const char *service);

/* Has this process opened the service's store? */
bool shop_has_store(const struct shop *shop, const char *service);

/* Has the service's store checked by its module: nothing for a store that is left to another
 * process. */
struct status shop_inspect_store(struct call *call, struct shop *shop, const char *service,
                                 struct store_findings *findings);

/* The gateway's address, "" if it does not listen. */
const char *shop_gateway_address(const struct shop *shop);

/* Makes the call act for the operator from here on: a superAdmin named operator@localhost. */
void shop_act_as_operator(struct call *call);

void shop_free(struct shop *shop);

#endif
