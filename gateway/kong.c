/* SPDX-License-Identifier: Apache-2.0 */
/* Reads Kong's declarative configuration from its YAML tree: services, routes and plugins, at the
 * top level and nested. */
#include "gateway/kong.h"

#include <stdarg.h>

struct kong_reader {
    struct option_source source;
    struct kong *kong;
};

/* An error "FILE:LINE: message". */
__attribute__((format(printf, 3, 4))) static struct status wrong(const struct kong_reader *reader,
                                                                 int line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    const char *text = arena_vprintf(reader->source.arena, format, arguments);
    va_end(arguments);
    return yaml_error(reader->source.arena, reader->source.file, line, "%s", text);
}

/* ---- plugins ---- */

struct plugin_entry {
    const char *name, *route, *service;
    bool enabled;
    const struct yaml_value *config;
};

#define ENTRY(member) offsetof(struct plugin_entry, member)
static const struct option plugin_options[] = {
    {"name", OPTION_TEXT, ENTRY(name), .required = true},
    {"config", OPTION_TREE, ENTRY(config)},
    {"enabled", OPTION_BOOLEAN, ENTRY(enabled), "true"},
    {"route", OPTION_TEXT, ENTRY(route)},
    {"service", OPTION_TEXT, ENTRY(service)},
    {"protocols", OPTION_IGNORED},
    {"instance_name", OPTION_IGNORED},
    {"id", OPTION_IGNORED},
    {"tags", OPTION_IGNORED},
    {"created_at", OPTION_IGNORED},
    {"updated_at", OPTION_IGNORED},
    {0},
};
#undef ENTRY

static struct status unknown_plugin(const struct kong_reader *reader,
                                    const struct yaml_value *value, const char *name)
{
    const char *known = "";

    for (const struct plugin *const *plugin = plugins; *plugin; plugin++)
        known = arena_printf(reader->source.arena, "%s%s%s", known, known[0] ? ", " : "",
                             (*plugin)->name);
    return wrong(reader, value->line, "there is no plugin \"%s\"; the plugins are %s", name, known);
}

static struct status make_plugin(const struct kong_reader *reader, const struct yaml_value *value,
                                 const struct plugin_entry *entry, struct kong_plugin **ret_plugin)
{
    const struct plugin *kind = plugin_by_name(str_of(entry->name));

    if (!kind) return unknown_plugin(reader, value, entry->name);
    struct kong_plugin *plugin = arena_new(reader->source.arena, struct kong_plugin);
    plugin->plugin = kind;
    plugin->enabled = entry->enabled;
    plugin->line = value->line;
    plugin->config = arena_calloc(reader->source.arena, 1, kind->config_size + 1);
    const char *what = arena_printf(reader->source.arena, "plugin %s", kind->name);
    struct yaml_value empty = {.kind = YAML_IS_MAP, .line = value->line};
    struct status st = options_read(&reader->source, entry->config ? entry->config : &empty, what,
                                    kind->options, plugin->config);
    struct plugin_context context = {
        .arena = reader->source.arena, .file = reader->source.file, .line = value->line};
    if (!failed(st) && kind->check) st = kind->check(&context, plugin->config);
    *ret_plugin = plugin;
    return st;
}

static struct status attach(const struct kong_reader *reader, struct kong_plugin *plugin,
                            struct kong_plugin **list)
{
    for (; *list; list = &(*list)->next) {
        if ((*list)->plugin != plugin->plugin) continue;
        return wrong(reader, plugin->line, "plugin %s is here already, in line %d",
                     plugin->plugin->name, (*list)->line);
    }
    *list = plugin;
    return status_ok();
}

static struct kong_route *find_route(const struct kong *kong, const char *name)
{
    struct kong_route *route = kong->routes;

    while (route && strcmp(route->name, name) != 0) route = route->next;
    return route;
}

static struct kong_service *find_service(const struct kong *kong, const char *name)
{
    struct kong_service *service = kong->services;

    while (service && strcmp(service->name, name) != 0) service = service->next;
    return service;
}

/* A plugin at the top level may name the route or service that it applies to. */
static struct status attach_named(const struct kong_reader *reader, struct kong_plugin *plugin,
                                  const struct plugin_entry *entry)
{
    if (entry->route && entry->service)
        return wrong(reader, plugin->line,
                     "plugin %s names a route and a service; name only one of them",
                     plugin->plugin->name);
    if (entry->route) {
        struct kong_route *route = find_route(reader->kong, entry->route);
        if (!route) return wrong(reader, plugin->line, "there is no route \"%s\"", entry->route);
        return attach(reader, plugin, &route->plugins);
    }
    if (entry->service) {
        struct kong_service *service = find_service(reader->kong, entry->service);
        if (!service)
            return wrong(reader, plugin->line, "there is no service \"%s\"", entry->service);
        return attach(reader, plugin, &service->plugins);
    }
    return attach(reader, plugin, &reader->kong->plugins);
}

static struct status check_list(const struct kong_reader *reader, const struct yaml_value *list,
                                const char *what)
{
    if (!list || list->kind == YAML_IS_LIST) return status_ok();
    return wrong(reader, list->line, "%s must be a list", what);
}

/* Reads the plugins below a service or route (`list`), or at the top level (NULL). */
static struct status read_plugins(const struct kong_reader *reader, const struct yaml_value *values,
                                  struct kong_plugin **list)
{
    struct status st = check_list(reader, values, "plugins");

    for (const struct yaml_value *value = values ? values->first : NULL; value && !failed(st);
         value = value->next) {
        struct plugin_entry entry = {0};
        struct kong_plugin *plugin;
        st = options_read(&reader->source, value, "a plugin", plugin_options, &entry);
        if (!failed(st)) st = make_plugin(reader, value, &entry, &plugin);
        if (failed(st)) return st;
        if (list && (entry.route || entry.service))
            return wrong(reader, value->line,
                         "plugin %s is inside a service or route and cannot name another one",
                         entry.name);
        st = list ? attach(reader, plugin, list) : attach_named(reader, plugin, &entry);
    }
    return st;
}

/* ---- routes ---- */

struct route_entry {
    const char *name, *service;
    struct texts paths, methods, hosts, protocols;
    int64_t regex_priority;
    const struct yaml_value *plugins;
};

static const char *const route_protocols[] = {"http", "https", "grpc", "grpcs", NULL};
#define ENTRY(member) offsetof(struct route_entry, member)
static const struct option route_options[] = {
    {"name", OPTION_TEXT, ENTRY(name), .required = true},
    {"service", OPTION_TEXT, ENTRY(service)},
    {"paths", OPTION_TEXTS, ENTRY(paths)},
    {"methods", OPTION_TEXTS, ENTRY(methods)},
    {"hosts", OPTION_TEXTS, ENTRY(hosts)},
    {"protocols", OPTION_TEXTS, ENTRY(protocols), "http,https", .choices = route_protocols},
    {"regex_priority", OPTION_INTEGER, ENTRY(regex_priority), "0", .min = INT32_MIN,
     .max = INT32_MAX},
    {"plugins", OPTION_TREE, ENTRY(plugins)},
    {"strip_path", OPTION_IGNORED},
    {"preserve_host", OPTION_IGNORED},
    {"https_redirect_status_code", OPTION_IGNORED},
    {"path_handling", OPTION_IGNORED},
    {"request_buffering", OPTION_IGNORED},
    {"response_buffering", OPTION_IGNORED},
    {"id", OPTION_IGNORED},
    {"tags", OPTION_IGNORED},
    {"created_at", OPTION_IGNORED},
    {"updated_at", OPTION_IGNORED},
    {0},
};
#undef ENTRY

static struct status read_paths(const struct kong_reader *reader, const struct route_entry *entry,
                                struct kong_route *route)
{
    const char *error;

    route->path_count = entry->paths.count;
    route->paths = arena_array(reader->source.arena, struct kong_path, entry->paths.count);
    for (size_t i = 0; i < entry->paths.count; i++) {
        const struct text *text = &entry->paths.items[i];
        struct kong_path *path = &route->paths[i];
        if (!kong_path_parse(reader->source.arena, str_of(text->text), path, &error))
            return wrong(reader, text->line, "the path %s cannot be used: %s", text->text, error);
        path->line = text->line;
    }
    return status_ok();
}

static struct status check_methods(const struct kong_reader *reader, const struct texts *methods)
{
    for (size_t i = 0; i < methods->count; i++)
        for (const char *byte = methods->items[i].text; *byte; byte++)
            if (*byte < 'A' || *byte > 'Z')
                return wrong(reader, methods->items[i].line,
                             "the method %s must be in capital letters", methods->items[i].text);
    return status_ok();
}

static void read_protocols(const struct texts *protocols, struct kong_route *route)
{
    for (size_t i = 0; i < protocols->count; i++) {
        bool grpc = strncmp(protocols->items[i].text, "grpc", 4) == 0;
        route->grpc = route->grpc || grpc;
        route->http = route->http || !grpc;
    }
}

static struct status make_route(const struct kong_reader *reader, const struct yaml_value *value,
                                const struct route_entry *entry, struct kong_route *route)
{
    route->name = entry->name;
    route->methods = entry->methods;
    route->hosts = entry->hosts;
    route->regex_priority = entry->regex_priority;
    route->line = value->line;
    read_protocols(&entry->protocols, route);
    if (find_route(reader->kong, entry->name))
        return wrong(reader, value->line, "there are two routes named \"%s\"", entry->name);
    if (entry->paths.count + entry->methods.count + entry->hosts.count == 0)
        return wrong(reader, value->line, "route %s needs paths, methods or hosts", entry->name);
    struct status st = check_methods(reader, &entry->methods);
    if (!failed(st)) st = read_paths(reader, entry, route);
    if (!failed(st)) st = read_plugins(reader, entry->plugins, &route->plugins);
    return st;
}

/* Reads the routes below a service, or at the top level (NULL), where they name their service. */
static struct status read_routes(const struct kong_reader *reader, const struct yaml_value *values,
                                 struct kong_service *service)
{
    struct status st = check_list(reader, values, "routes");

    for (const struct yaml_value *value = values ? values->first : NULL; value && !failed(st);
         value = value->next) {
        struct kong_route *route = arena_new(reader->source.arena, struct kong_route),
                          **end = &reader->kong->routes;
        struct route_entry entry = {0};
        st = options_read(&reader->source, value, "a route", route_options, &entry);
        if (failed(st)) return st;
        if (service && entry.service)
            return wrong(reader, value->line,
                         "route %s is inside its service and cannot name another one", entry.name);
        route->service = service;
        if (!service && entry.service) route->service = find_service(reader->kong, entry.service);
        if (!route->service)
            return wrong(reader, value->line, "there is no service \"%s\" for route %s",
                         entry.service ? entry.service : "", entry.name);
        st = make_route(reader, value, &entry, route);
        while (*end) end = &(*end)->next;
        *end = route;
    }
    return st;
}

/* ---- services ---- */

struct service_entry {
    const char *name, *url, *protocol, *host;
    int64_t port, read_timeout;
    bool enabled;
    const struct yaml_value *routes, *plugins;
};

static const char *const service_protocols[] = {"grpc", NULL};
#define ENTRY(member) offsetof(struct service_entry, member)
static const struct option service_options[] = {
    {"name", OPTION_TEXT, ENTRY(name), .required = true},
    {"url", OPTION_TEXT, ENTRY(url)},
    {"protocol", OPTION_TEXT, ENTRY(protocol), .choices = service_protocols},
    {"host", OPTION_TEXT, ENTRY(host)},
    {"port", OPTION_INTEGER, ENTRY(port), .min = 1, .max = 65535},
    {"read_timeout", OPTION_INTEGER, ENTRY(read_timeout), .min = 1, .max = INT32_MAX},
    {"enabled", OPTION_BOOLEAN, ENTRY(enabled), "true"},
    {"routes", OPTION_TREE, ENTRY(routes)},
    {"plugins", OPTION_TREE, ENTRY(plugins)},
    {"connect_timeout", OPTION_IGNORED},
    {"write_timeout", OPTION_IGNORED},
    {"retries", OPTION_IGNORED},
    {"id", OPTION_IGNORED},
    {"tags", OPTION_IGNORED},
    {"created_at", OPTION_IGNORED},
    {"updated_at", OPTION_IGNORED},
    {0},
};
#undef ENTRY

/* A host's name or address, and for a URL its port. Checked here, so that mistakes show at the
 * start rather than at the first connection. */
static bool is_authority(const char *text)
{
    for (const char *byte = text; *byte; byte++) {
        bool letter = (*byte >= 'a' && *byte <= 'z') || (*byte >= 'A' && *byte <= 'Z');
        if (!letter && !(*byte >= '0' && *byte <= '9') && !strchr(".-_:[],", *byte)) return false;
    }
    return text[0] != '\0';
}

static bool is_service_name(const char *text)
{
    for (const char *byte = text; *byte; byte++)
        if (!(*byte >= 'a' && *byte <= 'z') && *byte != '_') return false;
    return text[0] != '\0';
}

static struct status read_address(const struct kong_reader *reader, int line,
                                  const struct service_entry *entry, struct kong_service *service)
{
    const char *url = entry->url;

    if (url && (entry->protocol || entry->host || entry->port > 0))
        return wrong(reader, line,
                     "service %s has both a url and parts of one; use only one of them",
                     entry->name);
    if (!url && entry->host && entry->port > 0 && entry->protocol)
        url = arena_printf(reader->source.arena, "grpc://%s:%lld", entry->host,
                           (long long)entry->port);
    if (!url)
        return wrong(reader, line, "service %s needs a url, or protocol, host and port",
                     entry->name);
    if (strncmp(url, "argosy://", 9) == 0 && is_service_name(url + 9))
        service->shop = url + 9;
    else if (strncmp(url, "grpc://", 7) == 0 && is_authority(url + 7) && strchr(url + 7, ':'))
        service->address = url;
    else
        return wrong(reader, line,
                     "the url %s cannot be used; write argosy://SERVICE or grpc://HOST:PORT", url);
    return status_ok();
}

static struct status read_service(const struct kong_reader *reader, const struct yaml_value *value)
{
    struct kong_service *service = arena_new(reader->source.arena, struct kong_service),
                        **end = &reader->kong->services;
    struct service_entry entry = {0};
    struct status st = options_read(&reader->source, value, "a service", service_options, &entry);

    if (failed(st)) return st;
    if (find_service(reader->kong, entry.name))
        return wrong(reader, value->line, "there are two services named \"%s\"", entry.name);
    service->name = entry.name;
    service->timeout_ms = entry.read_timeout;
    service->enabled = entry.enabled;
    service->line = value->line;
    while (*end) end = &(*end)->next;
    *end = service;
    st = read_address(reader, value->line, &entry, service);
    if (!failed(st)) st = read_plugins(reader, entry.plugins, &service->plugins);
    if (!failed(st)) st = read_routes(reader, entry.routes, service);
    return st;
}

/* ---- the file ---- */

struct file_entry {
    const char *version;
    const struct yaml_value *services, *routes, *plugins;
};

static const char *const versions[] = {"3.0", NULL};
#define ENTRY(member) offsetof(struct file_entry, member)
static const struct option file_options[] = {
    {"_format_version", OPTION_TEXT, ENTRY(version), .choices = versions, .required = true},
    {"services", OPTION_TREE, ENTRY(services)},
    {"routes", OPTION_TREE, ENTRY(routes)},
    {"plugins", OPTION_TREE, ENTRY(plugins)},
    {"_transform", OPTION_IGNORED},
    {"_info", OPTION_IGNORED},
    {0},
};
#undef ENTRY

struct status kong_read(struct arena *arena, const char *file, struct str text,
                        const struct kong **ret_kong)
{
    struct kong *kong = arena_new(arena, struct kong);
    struct kong_reader reader = {.source = {arena, file}, .kong = kong};
    const struct yaml_value *root;
    struct file_entry entry = {0};
    struct status st;

    kong->file = file;
    st = yaml_tree_read(arena, file, text, &root);
    if (!failed(st))
        st = options_read(&reader.source, root, "the configuration", file_options, &entry);
    if (!failed(st)) st = check_list(&reader, entry.services, "services");
    if (failed(st)) return st;
    const struct yaml_value *value = entry.services ? entry.services->first : NULL;
    for (; value && !failed(st); value = value->next) st = read_service(&reader, value);
    if (!failed(st)) st = read_routes(&reader, entry.routes, NULL);
    if (!failed(st)) st = read_plugins(&reader, entry.plugins, NULL);
    if (!failed(st)) *ret_kong = kong;
    return st;
}
