/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes: a hash table from paths to methods. */
#include "rpc/route.h"

#include "base/hash.h"
#include "rpc/interceptors.h"

/* One service with its routes. */
struct rpc_added {
    struct rpc_added *next;
    const struct rpc_service *description;
    struct rpc_route routes[];
};

/* Paths are few, fixed and our own, so an attacker cannot make them collide. */
static uint64_t hash_path(struct str path)
{
    return hash_fold(hash_bytes(HASH_START, path));
}

static void insert(struct rpc_routes *routes, struct rpc_route *route)
{
    size_t slot = route->hash & (routes->slot_count - 1);

    while (routes->slots[slot]) slot = (slot + 1) & (routes->slot_count - 1);
    routes->slots[slot] = route;
}

/* At most half of the slots are taken, so a search soon ends at an empty one. */
static void rebuild_slots(struct rpc_routes *routes)
{
    size_t slot_count = 16;

    while (slot_count < 2 * routes->count) slot_count *= 2;
    free(routes->slots);
    routes->slots = calloc(slot_count, sizeof(*routes->slots));
    invariant(routes->slots != NULL);
    routes->slot_count = slot_count;
    for (struct rpc_added *added = routes->services; added; added = added->next)
        for (size_t i = 0; i < added->description->method_count; i++)
            insert(routes, &added->routes[i]);
}

void rpc_routes_add(struct rpc_routes *routes, const struct rpc_schema *schema,
                    const struct rpc_addition *addition)
{
    const struct rpc_service *description = addition->description;
    size_t count = description->method_count;
    struct rpc_added *added = calloc(1, sizeof(*added) + count * sizeof(added->routes[0]));

    invariant(added != NULL);
    invariant(!rpc_routes_have(routes, str_of(description->name)));
    added->description = description;
    for (size_t i = 0; i < count; i++) {
        const struct rpc_method *method = &description->methods[i];
        struct rpc_route *route = &added->routes[i];

        route->method = method;
        route->description = description;
        memcpy(&route->handler, (const char *)addition->handlers + method->handler,
               sizeof(route->handler));
        route->service = addition->service;
        route->everywhere = addition->everywhere;
        route->path = str_of(method->path);
        route->hash = hash_path(route->path);
        if (schema) route->request = schema_message_by_name(schema, str_of(method->request->name));
        rpc_route_count_from_zero(route);
    }
    added->next = routes->services;
    routes->services = added;
    routes->count += count;
    rebuild_slots(routes);
}

struct rpc_route *rpc_routes_find(const struct rpc_routes *routes, struct str path)
{
    uint64_t hash = hash_path(path);
    struct rpc_route *route;

    if (!routes->slot_count) return NULL;
    for (size_t slot = hash & (routes->slot_count - 1); (route = routes->slots[slot]);
         slot = (slot + 1) & (routes->slot_count - 1))
        if (route->hash == hash && str_equal(route->path, path)) return route;
    return NULL;
}

bool rpc_routes_have(const struct rpc_routes *routes, struct str service_name)
{
    for (const struct rpc_added *added = routes->services; added; added = added->next)
        if (str_is(service_name, added->description->name)) return true;
    return false;
}

struct str rpc_path_service(struct str path)
{
    size_t length;

    if (path.length < 2 || path.data[0] != '/') return STR("");
    path = str_sized(path.data + 1, path.length - 1);
    length = str_find(path, '/');
    return length < path.length ? str_sized(path.data, length) : STR("");
}

void rpc_routes_release(struct rpc_routes *routes)
{
    while (routes->services) {
        struct rpc_added *next = routes->services->next;
        free(routes->services);
        routes->services = next;
    }
    free(routes->slots);
    *routes = (struct rpc_routes){0};
}
