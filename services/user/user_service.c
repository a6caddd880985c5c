/* SPDX-License-Identifier: Apache-2.0 */
/* Wiring: settings to adapters to handlers. */
#include "services/user/user_service.h"

#include <string.h>

#include "base/password_policy.h"
#include "events/events.h"

enum { HASH_THREADS = 2, HASH_QUEUE_MAX = 128 };

extern const struct service_module user_service;

static const struct setting settings[] = {
    PASSWORD_SETTINGS,
    {0},
};

static struct status open_store(const struct service_context *context,
                                struct user_store **ret_store)
{
    const char *url = service_store_url(context, &user_service);

    if (strncmp(url, "sqlite:", 7) == 0) return user_store_sqlite(context, url + 7, ret_store);
    return status_printf(context->arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                         "USER_STORE=%s: the user service keeps its data in sqlite:PATH only", url);
}

static struct status start(const struct service_context *context, void **ret_service)
{
    struct user_service *service = arena_new(context->arena, struct user_service);
    const char *error;
    struct status st;

    if (!password_policy_read(context->config, &service->policy, &error))
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID, error);
    st = open_store(context, &service->store);
    if (failed(st)) return st;

    events_tidy(context->events, service->store->events);
    service->passwords = lane_new("password-hash", HASH_THREADS, HASH_QUEUE_MAX);
    rpc_server_add(context->server, &user_service_rpc, &user_handlers, service);
    *ret_service = service;
    return status_ok();
}

static void stop(void *data)
{
    struct user_service *service = data;

    lane_free(service->passwords);
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
