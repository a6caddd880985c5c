/* SPDX-License-Identifier: Apache-2.0 */
/* Kong's declarative configuration, format 3.0, as far as the gateway goes: services, routes and
 * plugins. What it does not know stops the reading with file and line. Pure: nothing is opened or
 * started.
 *
 * Of names that Kong has and that mean nothing here, these are taken and have no effect: id, tags,
 * created_at, updated_at, retries, connect_timeout, write_timeout, preserve_host,
 * https_redirect_status_code, path_handling, request_buffering, response_buffering, instance_name,
 * and protocols of a plugin. strip_path has none either, because JSON requests go through
 * grpc-gateway, which in Kong too compares its rules with the path as the client sent it. */
#ifndef GATEWAY_KONG_H
#define GATEWAY_KONG_H

#include "gateway/path_template.h"
#include "gateway/plugins/plugins.h"
#include "rpc/schema_pattern.h"

/* A plugin at one place in the configuration. */
struct kong_plugin {
    const struct plugin *plugin;
    void *config; /* its own struct */
    bool enabled;
    bool started; /* by the gateway */
    int line;
    struct kong_plugin *next;
};

struct kong_service {
    const char *name;
    const char *shop;    /* "cart" of argosy://cart; NULL for others */
    const char *address; /* "grpc://host:port" of others */
    int64_t timeout_ms;  /* read_timeout; -1: not said */
    int line;
    bool enabled;
    struct kong_plugin *plugins;
    struct kong_service *next;
};

/* KONG_PREFIX "/products" begins the path. KONG_SEGMENTS "/products/:id" likewise, where `:name`
 * stands for one segment, whole segments only. KONG_REGEX "~/products/\d+$" matches from the path's
 * start on. */
enum kong_path_kind { KONG_PREFIX, KONG_SEGMENTS, KONG_REGEX };

struct kong_path {
    enum kong_path_kind kind;
    struct str text;    /* without the ~ */
    struct str literal; /* of a regex: what every match begins with */
    const struct schema_pattern *pattern;
    int line;
};

struct kong_route {
    const char *name;
    struct kong_service *service;
    struct texts methods, hosts;
    struct kong_path *paths;
    size_t path_count;
    bool http, grpc; /* its protocols */
    int64_t regex_priority;
    int line;
    struct kong_plugin *plugins;
    struct kong_route *next;
};

struct kong {
    const char *file;
    struct kong_service *services;
    struct kong_route *routes; /* in the order of the file */
    struct kong_plugin *plugins;
};

/* Everything is in the arena. INVALID_ARGUMENT (SETTING_INVALID) "FILE:LINE: what is wrong, and
 * what is known". */
struct status kong_read(struct arena *arena, const char *file, struct str text,
                        const struct kong **ret_kong);

/* Does the path fit? Pure. */
bool kong_path_matches(const struct kong_path *path, struct str request);

/* Prepares one of a route's paths; `ret_error` is static or in the arena. */
bool kong_path_parse(struct arena *arena, struct str text, struct kong_path *ret_path,
                     const char **ret_error);

#endif
