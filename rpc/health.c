/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.health.v1. States are set and read on any thread, so they are atomic; names are only added
 * before serving starts. */
#include "rpc/health.h"

#include <stdatomic.h>

#include "fiber/fiber.h"
#include "rpc/rpc_scope.h"

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

struct health_entry {
    const char *name;
    atomic_bool serving;
};

struct rpc_health {
    struct health_entry entries[RPC_HEALTH_SERVICES_MAX + 1]; /* the whole server is the first */
    size_t count;
};

struct rpc_health *rpc_health_new(void)
{
    struct rpc_health *health = calloc(1, sizeof(*health));

    invariant(health != NULL);
    rpc_health_add(health, "");
    return health;
}

void rpc_health_free(struct rpc_health *health)
{
    free(health);
}

static size_t find(const struct rpc_health *health, const char *name)
{
    size_t i = 0;

    while (i < health->count && strcmp(health->entries[i].name, name) != 0) i++;
    return i;
}

void rpc_health_add(struct rpc_health *health, const char *service_name)
{
    invariant(health->count < sizeof(health->entries) / sizeof(*health->entries));
    health->entries[health->count].name = service_name;
    atomic_init(&health->entries[health->count].serving, true);
    health->count++;
}

void rpc_health_set(struct rpc_health *health, const char *service_name, bool serving)
{
    size_t i = find(health, service_name);

    if (i < health->count) atomic_store(&health->entries[i].serving, serving);
}

static bool whole_serves(const struct rpc_health *health)
{
    return atomic_load(&health->entries[0].serving);
}

Grpc__Health__V1__HealthCheckResponse__ServingStatus
rpc_health_status(const struct rpc_health *health, const char *service_name)
{
    size_t i = find(health, service_name);

    if (i == health->count) return SERVICE_UNKNOWN;
    return whole_serves(health) && atomic_load(&health->entries[i].serving) ? SERVING : NOT_SERVING;
}

/* The state of a service, if the listener serves it. A service that a gateway passes calls on to
 * serves as long as the gateway itself does. */
static Grpc__Health__V1__HealthCheckResponse__ServingStatus
status_at(const struct call *call, const struct rpc_health *health, const char *name)
{
    const struct rpc_endpoint *endpoint = call->scope->endpoint;
    const char *const *passed_on = endpoint ? endpoint->passed_on : NULL;

    for (size_t i = 0; passed_on && passed_on[i]; i++)
        if (strcmp(passed_on[i], name) == 0) return rpc_health_status(health, "");
    return rpc_health_status(health, name);
}

static struct status check(struct call *call, const Grpc__Health__V1__HealthCheckRequest *request,
                           Grpc__Health__V1__HealthCheckResponse *response)
{
    const struct rpc_health *health = call_service(call);

    response->status = status_at(call, health, request->service);
    if (response->status == SERVICE_UNKNOWN)
        return status_printf(call->arena, STATUS_NOT_FOUND, ARGOSY__REASON__SERVICE_ABSENT,
                             "there is no service `%s` here", request->service);
    return status_ok();
}

/* The state is polled: it changes a few times in a process's life, and notifications would need a
 * list of watchers over all shards. */
static struct status watch(struct call *call, const Grpc__Health__V1__HealthCheckRequest *request,
                           struct rpc_stream *stream)
{
    const struct rpc_health *health = call_service(call);
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    struct status st;

    for (;;) {
        bool ends = !whole_serves(health);
        Grpc__Health__V1__HealthCheckResponse__ServingStatus now = status_at(call, health,
                                                                             request->service);
        if (now != response.status) {
            response.status = now;
            st = grpc_health_v1_health_watch_reply(call, stream, &response);
            if (failed(st)) return st;
        }
        if (ends)
            return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__DRAINING,
                               "the server is shutting down; watch another one");
        st = fiber_sleep(call, (int64_t)RPC_HEALTH_WATCH_MS * 1000);
        if (failed(st)) return st;
    }
}

const struct grpc_health_v1_health_handlers rpc_health_handlers = {.check = check, .watch = watch};
