/* SPDX-License-Identifier: Apache-2.0 */
/* The part of Kong's declarative configuration, format 3.0, that the gateway supports: services,
 * routes and plugins. Anything else is an error with file and line. Pure: nothing is opened or
 * started.
 *
 * These options of Kong are accepted and have no effect: id, tags, created_at, updated_at, retries,
 * connect_timeout, write_timeout, preserve_host, https_redirect_status_code, path_handling,
 * request_buffering, response_buffering, instance_name, and protocols of a plugin. strip_path has
 * no effect either, because JSON requests go through grpc-gateway, which in Kong too matches its
 * rules against the path that the client sent. */
#ifndef GATEWAY_KONG_H
#define GATEWAY_KONG_H

#include "gateway/path_template.h"
#include "gateway/plugins/plugins.h"
#include "rpc/schema_pattern.h"

/* A plugin in one place of the configuration. */
struct kong_plugin {
    const struct plugin *plugin;
    void *config; /* its own struct */
    bool enabled;
    bool started; /* the gateway has started it */
    int line;
    struct kong_plugin *next;
};

struct kong_service {
    const char *name;
    const char *shop;    /* "cart" for argosy://cart; NULL for other URLs */
    const char *address; /* "grpc://host:port" of other URLs */
    int64_t timeout_ms;  /* read_timeout; -1: not given */
    int line;
    bool enabled;
    struct kong_plugin *plugins;
    struct kong_service *next;
};

/* KONG_PREFIX "/products" is a prefix of the path. KONG_SEGMENTS "/products/:id" is a prefix of
 * whole segments, in which `:name` matches any one segment. KONG_REGEX "~/products/\d+$" matches
 * from the start of the path. */
enum kong_path_kind { KONG_PREFIX, KONG_SEGMENTS, KONG_REGEX };

struct kong_path {
    enum kong_path_kind kind;
    struct str text;    /* without the ~ */
    struct str literal; /* of a regex: the literal text that every match begins with */
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

/* Everything is in the arena. INVALID_ARGUMENT (SETTING_INVALID) with "FILE:LINE: " and a message
 * that names the mistake and the alternatives. */
struct status kong_read(struct arena *arena, const char *file, struct str text,
                        const struct kong **ret_kong);

/* Does the path match? Pure. */
bool kong_path_matches(const struct kong_path *path, struct str request);

/* Prepares one of a route's paths; `ret_error` is static or in the arena. */
bool kong_path_parse(struct arena *arena, struct str text, struct kong_path *ret_path,
                     const char **ret_error);

#endif
