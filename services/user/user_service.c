/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the user service: reads its settings, opens its store, registers its handlers. */
#include "services/user/user_service.h"

#include <string.h>

#include "base/password_policy.h"
#include "events/events.h"

extern const struct service_module user_service;

static const struct setting settings[] = {
    PASSWORD_SETTINGS,
    {0},
};

static const char *const store_schemes[] = {"sqlite", "mongodb", 0};

static struct status make_store(const struct service_context *context,
                                struct user_store **ret_store)
{
    const char *scheme, *path;
    struct status st;

    st = service_store_scheme(context, &user_service, &scheme);
    if (failed(st)) return st;
    if (strcmp(scheme, "mongodb") == 0)
        return user_store_mongodb(context, service_store_url(context, &user_service), ret_store);
    st = service_store_path(context, &user_service, &path);
    if (failed(st)) return st;
    return user_store_sqlite(context, path, ret_store);
}

static struct status start(const struct service_context *context, void **ret_service)
{
    struct user_service *service = arena_new(context->arena, struct user_service);
    const char *error;
    struct status st;

    if (!password_policy_read(context->config, &service->policy, &error))
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID, error);
    st = passwords_open(context, &service->passwords);
    if (failed(st)) return st;
    st = make_store(context, &service->store);
    if (failed(st)) {
        passwords_close(service->passwords);
        return st;
    }

    events_offer(context->events, "user-events", &service->store->events);
    rpc_server_add(context->server, &user_service_rpc, &user_handlers, service);
    *ret_service = service;
    return status_ok();
}

static struct status open_store(struct call *call, void *data)
{
    struct user_service *service = data;

    return service->store->open ? service->store->open(call, service->store) : status_ok();
}

static struct status check_store(struct call *call, void *data, struct store_findings *findings)
{
    struct user_store *store = ((struct user_service *)data)->store;

    return store->check ? store->check(call, store, findings) : status_ok();
}

static void stop(void *data)
{
    struct user_service *service = data;

    passwords_close(service->passwords);
    service->store->close(service->store);
}

const struct service_module user_service = {
    .name = "user",
    .rpc_name = "user_service.UserService",
    .settings = settings,
    .store_default = "sqlite:{data}/user.db",
    .store_schemes = store_schemes,
    .start = start,
    .open = open_store,
    .check = check_store,
    .stop = stop,
};
