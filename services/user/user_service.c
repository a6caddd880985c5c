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

static struct status start(const struct service_context *context, void **ret_service)
{
    struct user_service *service = arena_new(context->arena, struct user_service);
    const char *path;
    const char *error;
    struct status st;

    if (!password_policy_read(context->config, &service->policy, &error))
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID, error);
    st = service_store_path(context, &user_service, &path);
    if (failed(st)) return st;
    st = user_store_sqlite(context, path, &service->store);
    if (failed(st)) return st;

    events_offer(context->events, "user-events", &service->store->events);
    service->passwords = passwords_open();
    rpc_server_add(context->server, &user_service_rpc, &user_handlers, service);
    *ret_service = service;
    return status_ok();
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
    .start = start,
    .stop = stop,
};
