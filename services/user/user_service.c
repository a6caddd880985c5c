/* SPDX-License-Identifier: Apache-2.0 */
/* Wiring: settings to adapters to handlers. */
#include "services/user/user_service.h"

#include <string.h>

enum { HASH_THREADS = 2, HASH_QUEUE_MAX = 128 };

extern const struct service_module user_service;

static const struct setting settings[] = {
    {"USER_PASSWORD_HASH", SETTING_TEXT, "argon2id",
     "How new passwords are hashed: argon2id, or bcrypt beside services that know only that.", 0, 0},
    {"USER_ARGON2_MEMORY", SETTING_SIZE, "19MiB", "Memory of one argon2id hash.", 64 * 1024, 1 << 30},
    {"USER_ARGON2_PASSES", SETTING_INTEGER, "2", "Passes of one argon2id hash.", 1, 64},
    {"USER_BCRYPT_COST", SETTING_INTEGER, "10", "Cost of one bcrypt hash.", 4, 20},
    {0},
};

static struct status read_policy(const struct config *config, struct password_policy *ret_policy)
{
    const char *scheme = config_text(config, "USER_PASSWORD_HASH");

    if (strcmp(scheme, "argon2id") != 0 && strcmp(scheme, "bcrypt") != 0)
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                           "USER_PASSWORD_HASH is argon2id or bcrypt");
    *ret_policy = (struct password_policy){
        .scheme = strcmp(scheme, "bcrypt") == 0 ? PASSWORD_BCRYPT : PASSWORD_ARGON2ID,
        .memory_kib = (uint32_t)(config_size(config, "USER_ARGON2_MEMORY") / 1024),
        .passes = (uint32_t)config_integer(config, "USER_ARGON2_PASSES"),
        .cost = (uint32_t)config_integer(config, "USER_BCRYPT_COST"),
    };
    return status_ok();
}

static struct status open_store(const struct service_context *context, struct user_store **ret_store)
{
    const char *url = service_store_url(context, &user_service);

    if (strncmp(url, "sqlite:", 7) == 0) return user_store_sqlite(context, url + 7, ret_store);
    return status_printf(context->arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                         "USER_STORE=%s: the user service keeps its data in sqlite:PATH", url);
}

static struct status start(const struct service_context *context, void **ret_service)
{
    struct user_service *service = arena_new(context->arena, struct user_service);
    struct status st;

    st = read_policy(context->config, &service->policy);
    if (failed(st)) return st;
    st = open_store(context, &service->store);
    if (failed(st)) return st;

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
