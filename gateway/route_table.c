/* SPDX-License-Identifier: Apache-2.0 */
/* The route table: sorts Kong's routes by precedence, matches requests, and finds the HTTP rules
 * that each route serves. */
#include "gateway/route_table.h"

#include <stdlib.h>

#include "gateway/token_keys.h"
#include "gateway/traffic.h"

/* A route with one of its paths (NULL: it has none). */
struct route_entry {
    const struct gateway_route *route;
    const struct kong_path *path;
    int place; /* in the order of the file */
};

/* ---- making ---- */

static void add_plugins(struct gateway_route *route, struct kong_plugin *list)
{
    for (struct kong_plugin *plugin = list; plugin; plugin = plugin->next) {
        size_t at = 0;
        while (at < route->chain_count && route->chain[at]->plugin != plugin->plugin) at++;
        if (!plugin->enabled || at < route->chain_count)
            continue; /* a more specific one is in the list already */
        for (at = route->chain_count; at > 0; at--) {
            if (plugin_place(route->chain[at - 1]->plugin) < plugin_place(plugin->plugin)) break;
            route->chain[at] = route->chain[at - 1];
        }
        route->chain[at] = plugin;
        route->chain_count++;
    }
}

static size_t plugin_count(void)
{
    size_t count = 0;

    while (plugins[count]) count++;
    return count;
}

static void init_route(struct arena *arena, const struct kong *kong, const struct kong_route *from,
                       struct gateway_route *route)
{
    route->kong = from;
    route->chain = arena_array(arena, struct kong_plugin *, plugin_count());
    if (from) add_plugins(route, from->plugins);
    if (from) add_plugins(route, from->service->plugins);
    add_plugins(route, kong->plugins);
    if (!from) return;
    if (from->service->timeout_ms > 0) route->timeout_ms = from->service->timeout_ms;
    route->traffic = arena_new(arena, struct kong_traffic);
    route->traffic->service = from->service->name;
    route->traffic->route = from->name;
}

static int attributes(const struct kong_route *route)
{
    return (route->hosts.count > 0) + (route->methods.count > 0) + (route->path_count > 0);
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Negative: a is tried before b. */
static int compare_entries(const void *left, const void *right)
{
    const struct route_entry *a = left, *b = right;
    bool a_regex = a->path && a->path->kind == KONG_REGEX,
         b_regex = b->path && b->path->kind == KONG_REGEX;
    int order = compare_numbers(attributes(b->route->kong), attributes(a->route->kong));

    if (order == 0) order = compare_numbers(b_regex, a_regex);
    if (order == 0 && a_regex)
        order = compare_numbers(b->route->kong->regex_priority, a->route->kong->regex_priority);
    if (order == 0 && a->path && b->path)
        order = compare_numbers((int64_t)b->path->text.length, (int64_t)a->path->text.length);
    return order ? order : compare_numbers(a->place, b->place);
}

static void add_entries(struct route_table *table, const struct gateway_route *route)
{
    size_t count = route->kong->path_count ? route->kong->path_count : 1;

    for (size_t i = 0; i < count; i++) {
        table->entries[table->entry_count] = (struct route_entry){
            .route = route,
            .path = route->kong->path_count ? &route->kong->paths[i] : NULL,
            .place = (int)table->entry_count,
        };
        table->entry_count++;
    }
}

void route_table_init(struct arena *arena, const struct kong *kong, struct route_table *table)
{
    size_t routes = 0, entries = 0;

    *table = (struct route_table){0};
    for (const struct kong_route *route = kong->routes; route; route = route->next) {
        routes++;
        entries += route->path_count + 1;
    }
    table->routes = arena_array(arena, struct gateway_route, routes);
    table->entries = arena_array(arena, struct route_entry, entries);
    for (const struct kong_route *route = kong->routes; route; route = route->next) {
        if (!route->service->enabled) continue;
        struct gateway_route *made = &table->routes[table->count++];
        init_route(arena, kong, route, made);
        add_entries(table, made);
    }
    if (table->entry_count > 0)
        qsort(table->entries, table->entry_count, sizeof(table->entries[0]), compare_entries);
    init_route(arena, kong, NULL, &table->unmatched);
}

/* ---- matching ---- */

/* In "*.example.com" and "example.*" the star matches any text. */
static bool host_fits(const char *pattern, struct str host)
{
    struct str text = str_of(pattern);

    if (text.length > 1 && text.data[0] == '*')
        return host.length >= text.length &&
               str_ends_with(host, str_sized(text.data + 1, text.length - 1));
    if (text.length > 1 && text.data[text.length - 1] == '*')
        return host.length >= text.length &&
               str_starts_with(host, str_sized(text.data, text.length - 1));
    return str_equal_nocase(text, host);
}

static bool takes_host(const struct kong_route *route, struct str host)
{
    size_t colon = host.length;

    while (colon > 0 && host.data[colon - 1] >= '0' && host.data[colon - 1] <= '9') colon--;
    if (colon > 0 && colon < host.length && host.data[colon - 1] == ':') host.length = colon - 1;
    for (size_t i = 0; i < route->hosts.count; i++)
        if (host_fits(route->hosts.items[i].text, host)) return true;
    return route->hosts.count == 0;
}

static bool has_method(const struct kong_route *route, struct str method)
{
    bool head = str_is(method, "HEAD");

    for (size_t i = 0; i < route->methods.count; i++) {
        const char *name = route->methods.items[i].text;
        if (str_is(method, name) || (head && strcmp(name, "GET") == 0)) return true;
    }
    return route->methods.count == 0;
}

static bool takes_method(const struct kong_route *route, const struct route_question *question)
{
    if (has_method(route, question->method)) return true;
    return question->preflight_for.length > 0 && has_method(route, question->preflight_for);
}

/* Does everything but the method match? */
static bool takes_place(const struct route_entry *entry, const struct route_question *question)
{
    const struct kong_route *route = entry->route->kong;

    if (question->grpc ? !route->grpc : !route->http) return false;
    if (entry->path && !kong_path_matches(entry->path, question->path)) return false;
    return takes_host(route, question->host);
}

const struct gateway_route *route_table_find(const struct route_table *table,
                                             const struct route_question *question,
                                             bool *ret_other_method)
{
    *ret_other_method = false;
    for (size_t i = 0; i < table->entry_count; i++) {
        const struct route_entry *entry = &table->entries[i];
        if (takes_method(entry->route->kong, question) && takes_place(entry, question))
            return entry->route;
    }
    for (size_t i = 0; i < table->entry_count && !*ret_other_method; i++)
        *ret_other_method = takes_place(&table->entries[i], question);
    return NULL;
}

/* The methods of the route's rules at this path, as far as requests with them get to this route. */
static void allow_rules(const struct route_table *table, const struct gateway_route *route,
                        const struct route_question *question, char allow[ROUTER_ALLOW_SIZE])
{
    char methods[ROUTER_ALLOW_SIZE];
    struct str rest, part;

    router_allow(route->transcoding->router, question->path, methods);
    rest = str_of(methods);
    while (rest.length > 0 && str_split(&rest, ',', &part)) {
        struct route_question other = *question;
        bool other_method;
        other.method = str_trim(part);
        other.preflight_for = (struct str){0};
        if (route_table_find(table, &other, &other_method) == route)
            router_allow_add(allow, other.method);
    }
}

void route_table_allow(const struct route_table *table, const struct route_question *question,
                       char ret_allow[ROUTER_ALLOW_SIZE])
{
    ret_allow[0] = '\0';
    for (size_t i = 0; i < table->entry_count; i++) {
        const struct route_entry *entry = &table->entries[i];
        if (!takes_place(entry, question)) continue;
        if (entry->route->transcoding) {
            allow_rules(table, entry->route, question, ret_allow);
            continue;
        }
        const struct texts *methods = &entry->route->kong->methods;
        for (size_t m = 0; m < methods->count; m++)
            router_allow_add(ret_allow, str_of(methods->items[m].text));
    }
}

/* ---- which rules are served where ---- */

/* A path that the template matches: the template with sample values for its variables. */
static struct str sample_path(struct arena *arena, const struct path_template *template)
{
    const char *path = "";

    for (int i = 0; i < template->segment_count; i++) {
        const struct template_segment *segment = &template->segments[i];
        struct str text = segment->kind == SEGMENT_LITERAL ? segment->literal : STR("-");
        path = arena_printf(arena, "%s/%.*s", path, STR_ARGS(text));
    }
    if (template->verb.length > 0)
        path = arena_printf(arena, "%s:%.*s", path, STR_ARGS(template->verb));
    return str_of(path[0] ? path : "/");
}

bool route_serves(struct arena *arena, const struct route_table *table,
                  const struct gateway_route *route, const struct binding *binding)
{
    const struct kong_route *kong = route->kong;
    struct route_question question = {
        .host = kong->hosts.count ? str_of(kong->hosts.items[0].text) : STR(""),
        .path = sample_path(arena, &binding->template),
        .method = str_of(binding->http->method),
    };
    bool other_method;

    return route_table_find(table, &question, &other_method) == route;
}

static void add_method(struct route_table *table, const struct gateway_route *route,
                       const struct transcoding_route *rule)
{
    const struct schema_method *method = rule->binding->method;
    struct grpc_method *added = &table->method_list[table->method_count];

    *added = (struct grpc_method){.route = route, .method = method};
    added->traffic.route = method->path;
    added->traffic.method = "POST";
    if (name_table_add(&table->methods, str_of(method->path), added)) table->method_count++;
}

static void take_from_plugins(struct gateway_route *route)
{
    for (size_t i = 0; i < route->chain_count; i++) {
        const struct kong_plugin *plugin = route->chain[i];
        if (plugin->plugin == &plugin_grpc_gateway) {
            route->transcoding = grpc_gateway_transcoding(plugin->config);
            route->events = grpc_gateway_events(plugin->config);
        }
        if (plugin->plugin == &plugin_auth_token_validator)
            route->token_keys = auth_token_keys(plugin->config);
    }
}

void route_table_finish(struct arena *arena, struct route_table *table)
{
    struct arena scratch;
    size_t rules = 0;

    for (size_t i = 0; i < table->count; i++) {
        take_from_plugins(&table->routes[i]);
        if (table->routes[i].transcoding) rules += table->routes[i].transcoding->count;
    }
    take_from_plugins(&table->unmatched);
    name_table_init(arena, &table->methods, rules);
    table->method_list = arena_array(arena, struct grpc_method, rules + 1);
    arena_init(&scratch, 0);
    for (size_t i = 0; i < table->count; i++) {
        const struct gateway_route *route = &table->routes[i];
        for (size_t r = 0; route->transcoding && r < route->transcoding->count; r++) {
            const struct transcoding_route *rule = &route->transcoding->routes[r];
            if (route_serves(&scratch, table, route, rule->binding)) add_method(table, route, rule);
        }
    }
    arena_release(&scratch);
}
