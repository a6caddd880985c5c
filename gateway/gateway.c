/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway: its settings, and how it is made from them and Kong's configuration; `argosy
 * routes`. */
#include "gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>

#include "base/jwt_settings.h"
#include "gateway/gateway_parts.h"
#include "rpc/gzip_lane.h"

/* gateway/kong.yml, compiled in. */
extern const unsigned char gateway_kong_yml[];
extern const size_t gateway_kong_yml_size;

const struct setting gateway_settings[] = {
    {"GATEWAY_LISTEN", SETTING_ADDRESS, "127.0.0.1:8000",
     "Address on which the gateway serves HTTP/1.1, HTTP/2 and gRPC.", 0, 0},
    {"GATEWAY_CONFIG", SETTING_TEXT, "",
     "Configuration file in Kong's declarative format 3.0; without it the built-in one "
     "(gateway/kong.yml).",
     0, 0},
    {"GATEWAY_CORS_ORIGINS", SETTING_TEXT, "",
     "Origins whose pages may call the shop (https://shop.example,https://admin.example, or *), "
     "for the built-in configuration; a GATEWAY_CONFIG file uses the cors plugin instead.",
     0, 0},
    {"GATEWAY_TIMEOUT", SETTING_DURATION, "30s",
     "How long a call may take if neither its service's read_timeout nor its client sets a limit.",
     1, 3600000},
    {"GATEWAY_KEEP_ALIVE", SETTING_DURATION, "15s",
     "How long a stream of events may be silent before its client gets a comment line.", 10,
     3600000},
    {"GATEWAY_BODY_SIZE_MAX", SETTING_SIZE, "16MiB",
     "Limit on a request's body or a gRPC message; request-size-limiting can lower it.", 1024,
     1 << 30},
    {"GATEWAY_HEADER_SIZE_MAX", SETTING_SIZE, "32KiB", "Limit on the head of a request.", 1024,
     1 << 20},
    {"GATEWAY_TRUSTED_PROXIES", SETTING_TEXT, "",
     "Addresses and networks (10.0.0.0/8,::1) whose X-Forwarded-For says who the client is.", 0, 0},
    {"GATEWAY_ACCESS_LOG", SETTING_BOOLEAN, "0",
     "Log every request; otherwise only failed (5xx) requests and those that take over a second.",
     0, 0},
    JWT_SETTINGS,
    {0},
};

/* ---- the configuration ---- */

static struct status read_file(struct arena *arena, const char *path, struct str *ret_text)
{
    FILE *file = fopen(path, "rb");
    char *text = arena_alloc(arena, YAML_SIZE_MAX + 1);

    if (!file)
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                             "GATEWAY_CONFIG=%s cannot be read: %s", path, strerror(errno));
    size_t size = fread(text, 1, YAML_SIZE_MAX + 1, file);
    bool broken = ferror(file) != 0;
    fclose(file);
    if (broken)
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                             "GATEWAY_CONFIG=%s cannot be read", path);
    *ret_text = str_sized(text, size);
    return status_ok();
}

/* "scheme://host" or "scheme://host:port", as browsers send it: no path, and nothing that YAML
 * would have to quote. */
static bool is_origin(struct str origin)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_[]";
    size_t colon = str_find(origin, ':'), first = colon + 3;

    if (origin.length <= first || colon == 0 || memcmp(origin.data + colon, "://", 3) != 0)
        return false;
    for (size_t i = first; i < origin.length; i++)
        if (!memchr(letters, origin.data[i], sizeof(letters) - 1)) return false;
    return memchr(letters, origin.data[0], 52) != NULL;
}

/* Adds the cors plugin for all routes to the built-in configuration, before its other plugins. Only
 * named origins may send cookies: "*" does not allow credentials. */
static struct status open_to_origins(struct arena *arena, struct str origins, struct str *text)
{
    static const char place[] = "\nplugins:\n";
    const char *list = "", *found = strstr(str_dup(arena, *text), place);
    bool everyone = false;
    struct str part;

    invariant(found);
    while (str_split(&origins, ',', &part)) {
        part = str_trim(part);
        everyone = everyone || str_is(part, "*");
        if (!str_is(part, "*") && !is_origin(part))
            return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                                 "GATEWAY_CORS_ORIGINS: \"%.*s\" is not an origin; write it like "
                                 "https://shop.example, without "
                                 "a path or a slash at the end",
                                 STR_ARGS(part));
        list = arena_printf(arena, "%s%s\"%.*s\"", list, list[0] ? ", " : "", STR_ARGS(part));
    }
    size_t head = text->length - strlen(found) + strlen(place);
    *text = str_of(arena_printf(
        arena,
        "%.*s"
        "  - name: cors\n"
        "    config:\n"
        "      origins: [%s]\n"
        "      credentials: %s\n"
        "      exposed_headers: [ETag, Location, Retry-After, X-Request-ID, "
        "Idempotent-Replayed]\n"
        "      max_age: 600\n"
        "%s",
        (int)head, text->data, list, everyone ? "false" : "true", found + strlen(place)));
    return status_ok();
}

struct status gateway_read_text(struct arena *arena, const struct config *config,
                                struct str *ret_text)
{
    const char *path = config_text(config, "GATEWAY_CONFIG");
    struct str origins = str_of(config_text(config, "GATEWAY_CORS_ORIGINS"));

    if (path[0] && origins.length > 0)
        return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                             "GATEWAY_CORS_ORIGINS only applies to the built-in configuration; put "
                             "the cors plugin into %s instead",
                             path);
    if (path[0]) return read_file(arena, path, ret_text);
    *ret_text = str_sized(gateway_kong_yml, gateway_kong_yml_size);
    return origins.length > 0 ? open_to_origins(arena, origins, ret_text) : status_ok();
}

static struct status read_configuration(struct arena *arena, const struct config *config,
                                        const struct kong **ret_kong)
{
    const char *path = config_text(config, "GATEWAY_CONFIG");
    struct str text;
    struct status st = gateway_read_text(arena, config, &text);

    if (failed(st)) return st;
    return kong_read(arena, path[0] ? path : "gateway/kong.yml", text, ret_kong);
}

struct status gateway_print_configuration(struct arena *arena, const struct config *config,
                                          FILE *out)
{
    struct str text;
    struct status st = gateway_read_text(arena, config, &text);

    if (!failed(st)) fwrite(text.data, 1, text.length, out);
    return st;
}

/* Calls fn for each enabled plugin, at every level of the configuration, until one fails. */
static struct status each_plugin(const struct kong *kong,
                                 struct status (*fn)(struct kong_plugin *plugin, void *data),
                                 void *data)
{
    struct status st = status_ok();

    for (struct kong_plugin *p = kong->plugins; p && !failed(st); p = p->next)
        if (p->enabled) st = fn(p, data);
    for (struct kong_service *service = kong->services; service; service = service->next)
        for (struct kong_plugin *p = service->plugins; p && !failed(st); p = p->next)
            if (p->enabled) st = fn(p, data);
    for (struct kong_route *route = kong->routes; route; route = route->next)
        for (struct kong_plugin *p = route->plugins; p && !failed(st); p = p->next)
            if (p->enabled) st = fn(p, data);
    return st;
}

static struct status start_plugin(struct kong_plugin *plugin, void *data)
{
    struct plugin_context *context = data;

    context->line = plugin->line;
    if (plugin->started || !plugin->plugin->start) return status_ok();
    struct status st = plugin->plugin->start(context, plugin->config);
    plugin->started = !failed(st);
    return st;
}

static struct status start_grpc_gateway(struct kong_plugin *plugin, void *data)
{
    return plugin->plugin == &plugin_grpc_gateway ? start_plugin(plugin, data) : status_ok();
}

static struct status stop_plugin(struct kong_plugin *plugin, void *data)
{
    if (plugin->started && plugin->plugin->stop) plugin->plugin->stop(plugin->config);
    plugin->started = false;
    return status_ok();
}

/* ---- the gateway ---- */

static struct status open_channel(const struct service_context *context, struct gateway *gateway,
                                  const struct kong_service *service,
                                  struct rpc_channel **ret_channel)
{
    if (service->shop) {
        *ret_channel = context->channel(context, service->shop);
        return status_ok();
    }
    struct status st = rpc_channel_new(context->arena, context->shards, context->server,
                                       service->address, ret_channel);
    if (failed(st))
        return yaml_error(context->arena, gateway->kong->file, service->line, "%s", st.message);
    gateway->channels[gateway->channel_count++] = *ret_channel;
    return st;
}

static struct status open_channels(const struct service_context *context, struct gateway *gateway)
{
    struct status st = status_ok();
    size_t count = 0;

    for (const struct kong_service *service = gateway->kong->services; service;
         service = service->next)
        count++;
    gateway->channels = arena_array(context->arena, struct rpc_channel *, count);
    for (const struct kong_service *service = gateway->kong->services; service && !failed(st);
         service = service->next) {
        struct rpc_channel *channel;
        st = open_channel(context, gateway, service, &channel);
        for (size_t i = 0; !failed(st) && i < gateway->table.count; i++)
            if (gateway->table.routes[i].kong->service == service)
                gateway->table.routes[i].channel = channel;
    }
    return st;
}

static struct status read_settings(const struct service_context *context, struct gateway *gateway)
{
    const struct config *config = context->config;
    struct str bad;

    gateway->timeout_ms = config_duration_ms(config, "GATEWAY_TIMEOUT");
    gateway->keep_alive_us = config_duration_ms(config, "GATEWAY_KEEP_ALIVE") * 1000;
    gateway->body_max = (size_t)config_size(config, "GATEWAY_BODY_SIZE_MAX");
    gateway->access_log = config_boolean(config, "GATEWAY_ACCESS_LOG");
    gateway->no_route.route = "none";
    gateway->no_route.method = "any";
    gateway->own.route = "gateway";
    gateway->own.method = "any";
    if (!proxies_parse(str_of(config_text(config, "GATEWAY_TRUSTED_PROXIES")), &gateway->proxies,
                       &bad))
        return status_printf(
            context->arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
            "GATEWAY_TRUSTED_PROXIES: \"%.*s\" is not an address or network; write it like "
            "10.0.0.0/8 or ::1",
            STR_ARGS(bad));
    return status_ok();
}

/* The services whose methods the gateway passes on, each once; ended by NULL. */
static const char *const *passed_services(struct arena *arena, const struct route_table *table)
{
    const char **names = arena_array(arena, const char *, table->method_count + 1);
    size_t count = 0, seen;

    for (size_t i = 0; i < table->method_count; i++) {
        struct str path = str_of(table->method_list[i].method->path + 1);
        const char *name = arena_strndup(arena, path.data, str_find(path, '/'));
        for (seen = 0; seen < count && strcmp(names[seen], name) != 0;) seen++;
        if (seen == count) names[count++] = name;
    }
    return names;
}

struct status gateway_new(const struct service_context *context, struct ended_sessions *ended,
                          struct gateway **ret_gateway)
{
    struct gateway *gateway = arena_new(context->arena, struct gateway);
    struct plugin_context plugin_context = {
        .arena = context->arena,
        .settings = context->config,
        .schema = context->schema,
        .data_dir = context->data_dir,
    };
    struct status st;

    gateway->schema = context->schema;
    gateway->ended = ended;
    st = read_settings(context, gateway);
    if (!failed(st)) st = read_configuration(context->arena, context->config, &gateway->kong);
    if (failed(st)) return st;
    gateway->gzip = gzip_lane_open();
    plugin_context.file = gateway->kong->file;
    route_table_init(context->arena, gateway->kong, &gateway->table);
    st = each_plugin(gateway->kong, start_plugin, &plugin_context);
    if (!failed(st)) st = open_channels(context, gateway);
    if (failed(st)) {
        gateway_free(gateway);
        return st;
    }
    route_table_finish(context->arena, &gateway->table);
    gateway->endpoint = (struct rpc_endpoint){
        .server = context->server,
        .service_name = "",
        .passed_on = passed_services(context->arena, &gateway->table)};
    *ret_gateway = gateway;
    return st;
}

static struct status reopen_plugin(struct kong_plugin *plugin, void *data)
{
    if (!plugin->started || !plugin->plugin->reopen) return status_ok();
    return plugin->plugin->reopen(data, plugin->config);
}

struct status gateway_reopen(struct arena *arena, struct gateway *gateway)
{
    return each_plugin(gateway->kong, reopen_plugin, arena);
}

bool gateway_verifies_tokens(const struct gateway *gateway)
{
    for (size_t i = 0; i < gateway->table.count; i++)
        if (gateway->table.routes[i].token_keys) return true;
    return false;
}

bool gateway_has_channels(const struct gateway *gateway)
{
    return gateway->channel_count > 0;
}

void gateway_free(struct gateway *gateway)
{
    struct status stopped = each_plugin(gateway->kong, stop_plugin, NULL);

    (void)stopped; /* stopping cannot fail */
    for (size_t i = 0; i < gateway->channel_count; i++) rpc_channel_free(gateway->channels[i]);
    gateway->channel_count = 0;
    gzip_lane_close(gateway->gzip);
}

/* ---- argosy routes ---- */

static void print_chain(FILE *out, const struct gateway_route *route)
{
    for (size_t i = 0; i < route->chain_count; i++)
        fprintf(out, "%s%s", i ? ", " : "", route->chain[i]->plugin->name);
    fprintf(out, "\n");
}

static const char *service_target(const struct gateway_route *route)
{
    return route->kong->service->shop ? route->kong->service->shop : route->kong->service->address;
}

static void print_route(struct arena *arena, const struct route_table *table,
                        const struct gateway_route *route, FILE *out)
{
    const struct transcoding *transcoding = route->transcoding;
    size_t lines = 0;

    for (size_t i = 0; transcoding && i < transcoding->count; i++) {
        const struct binding *binding = transcoding->routes[i].binding;
        if (!route_serves(arena, table, route, binding)) continue;
        fprintf(out, "%-7s %-40s %-48s %-10s ", binding->http->method, binding->http->pattern,
                binding->method->path + 1, service_target(route));
        print_chain(out, route);
        lines++;
    }
    for (size_t i = 0; lines == 0 && i < route->kong->path_count; i++) {
        const struct kong_path *path = &route->kong->paths[i];
        fprintf(out, "%-7s %s%-*.*s %-48s %-10s ",
                route->kong->grpc && !route->kong->http ? "gRPC" : "any",
                path->kind == KONG_REGEX ? "~" : "", path->kind == KONG_REGEX ? 39 : 40,
                STR_ARGS(path->text), "-", service_target(route));
        print_chain(out, route);
    }
}

struct status gateway_print_routes(struct arena *arena, const struct config *config,
                                   const struct rpc_schema *schema, FILE *out)
{
    struct plugin_context context = {.arena = arena, .settings = config, .schema = schema};
    struct route_table table;
    const struct kong *kong;
    struct status st = read_configuration(arena, config, &kong);

    if (failed(st)) return st;
    context.file = kong->file;
    route_table_init(arena, kong, &table);
    st = each_plugin(kong, start_grpc_gateway, &context);
    if (failed(st)) return st;
    route_table_finish(arena, &table);
    fprintf(out, "%-7s %-40s %-48s %-10s %s\n", "METHOD", "PATH", "RPC", "SERVICE", "PLUGINS");
    for (size_t i = 0; i < table.count; i++) print_route(arena, &table, &table.routes[i], out);
    return st;
}
