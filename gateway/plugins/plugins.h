/* SPDX-License-Identifier: Apache-2.0 */
/* The interface of plugins, which a request passes through between its route and its service. A
 * plugin is one file here and one line in plugins.c, whose order is the order in which they run.
 *     options        the members of `config:`, read into the plugin's own struct
 *     check          checks the values together; pure
 *     start          loads keys, opens files; once for each place where the plugin is configured
 *     access         before the service is called; a failed status ends the request with that
 *                    error, `answered` ends it with the plugin's own response
 *     header         adds headers to the response, before it is sent
 *     log            after the response was sent
 *     stop           at the end of the process */
#ifndef GATEWAY_PLUGINS_PLUGINS_H
#define GATEWAY_PLUGINS_PLUGINS_H

#include "base/config.h"
#include "fiber/call.h"
#include "gateway/options.h"

struct gateway_request;
struct rpc_schema;

/* The environment of a plugin's start. */
struct plugin_context {
    struct arena *arena; /* lives as long as the gateway */
    const struct config *settings;
    const struct rpc_schema *schema;
    const char *data_dir;
    const char *file; /* the configuration file, and the plugin's line in it; for messages */
    int line;
};

struct plugin {
    const char *name;
    const struct option *options;
    size_t config_size; /* of the struct that the options fill; other members start as zeros */
    struct status (*check)(const struct plugin_context *context, void *config);
    struct status (*start)(const struct plugin_context *context, void *config);
    struct status (*access)(struct call *call, struct gateway_request *request, void *config);
    void (*header)(const struct call *call, struct gateway_request *request, void *config);
    void (*log)(const struct call *call, const struct gateway_request *request, void *config);
    /* While it serves, on any shard: reopens files, after a rotation. May be NULL. */
    struct status (*reopen)(struct arena *arena, void *config);
    void (*stop)(void *config);
};

/* All plugins, in the order in which they run; ended by NULL. */
extern const struct plugin *const plugins[];

const struct plugin *plugin_by_name(struct str name);
/* The position of a plugin in this order. */
int plugin_place(const struct plugin *plugin);

/* Plugins that other files refer to. */
extern const struct plugin plugin_grpc_gateway, plugin_cors;

/* INVALID_ARGUMENT "FILE:LINE: plugin NAME: ...", for check and start. */
struct status plugin_error(const struct plugin_context *context, const struct plugin *plugin,
                           const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
