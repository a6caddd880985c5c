/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the auth service: reads its settings and signing keys, opens its store, registers its
 * handlers. */
#include "services/auth/auth_service.h"

#include <stdio.h>
#include <string.h>

#include "base/jwt_settings.h"
#include "base/password_policy.h"
#include "base/uuid.h"
#include "observe/log.h"
#include "services/auth/redis/auth_cache.h"

enum { US_PER_MS = 1000, MS_PER_S = 1000 };

extern const struct service_module auth_service;

static const struct setting settings[] = {
    JWT_SETTINGS,
    {"ACCESS_TOKEN_EXP_DURATION", SETTING_DURATION, "5m", "How long an access token is valid.",
     1000, 86400000},
    {"RESET_TOKEN_EXP_DURATION", SETTING_DURATION, "24h", "How long a refresh token is valid.",
     1000, 31536000000},
    {"AUTH_REFRESH_GRACE", SETTING_DURATION, "10s",
     "How long a refresh token still works after its first use, with the same successor.", 0,
     60000},
    {"AUTH_SESSIONS_MAX", SETTING_INTEGER, "50",
     "Most sessions (devices) of one user; one more ends the least recently used.", 1, 1000},
    PASSWORD_SETTINGS,
    {0},
};

static struct status load_keys(const struct service_context *context, const char *setting,
                               struct jwt_keys *ret_keys)
{
    struct status st = jwt_keys_load(context->arena, context->config, context->data_dir, setting,
                                     ret_keys);

    if (failed(st)) return st;
    if (jwt_keys_are_short(ret_keys))
        log_warn(0,
                 "a secret that signs tokens is shorter than 32 bytes and could be guessed; "
                 "make a better one with `openssl rand -hex 32`",
                 LOG_STR("setting", setting));
    return status_ok();
}

/* The id of this boot of the machine: monotonic times of different boots can't be compared. */
static const char *read_boot(struct arena *arena)
{
    char text[64] = "";
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");

    if (file && !fgets(text, sizeof(text), file)) text[0] = '\0';
    if (file) fclose(file);
    struct str name = str_trim(str_of(text));
    return name.length > 0 ? str_dup(arena, name) : uuid_new(arena);
}

static void read_policy(struct arena *arena, const struct config *config,
                        struct auth_service *service)
{
    service->policy = (struct token_policy){
        .access_keys = &service->access_keys,
        .refresh_keys = &service->refresh_keys,
        .access_ttl_s = config_duration_ms(config, "ACCESS_TOKEN_EXP_DURATION") / MS_PER_S,
        .refresh_ttl_s = config_duration_ms(config, "RESET_TOKEN_EXP_DURATION") / MS_PER_S,
        .grace_us = config_duration_ms(config, "AUTH_REFRESH_GRACE") * US_PER_MS,
        .boot = read_boot(arena),
    };
    service->sessions_max = (int)config_integer(config, "AUTH_SESSIONS_MAX");
}

static const char *const store_schemes[] = {"sqlite", "mongodb", 0};

static struct status make_store(const struct service_context *context,
                                struct auth_store **ret_store)
{
    const char *scheme, *path;
    struct status st;

    st = service_store_scheme(context, &auth_service, &scheme);
    if (failed(st)) return st;
    if (strcmp(scheme, "mongodb") == 0)
        return auth_store_mongodb(context, service_store_url(context, &auth_service), ret_store);
    st = service_store_path(context, &auth_service, &path);
    if (failed(st)) return st;
    return auth_store_sqlite(context, path, ret_store);
}

/* The store, behind the cache if there is one. */
static struct status make_cached_store(const struct service_context *context,
                                       const struct jwt_keys *keys, struct auth_store **ret_store)
{
    const char *cache = config_text(context->config, "AUTH_CACHE");
    struct auth_store *store;

    struct status st = make_store(context, &store);
    if (failed(st) || !cache[0]) {
        if (!failed(st)) *ret_store = store;
        return st;
    }
    st = auth_store_cached(context, cache, keys, store, ret_store);
    if (failed(st)) store->close(store);
    if (failed(st))
        st = status_printf(context->arena, st.code, st.reason, "AUTH_CACHE: %s", st.message);
    return st;
}

static struct status start(const struct service_context *context, void **ret_service)
{
    struct auth_service *service = arena_new(context->arena, struct auth_service);
    const char *error;
    struct status st;

    if (!password_policy_read(context->config, &service->hashing, &error))
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID, error);
    st = load_keys(context, JWT_ACCESS_SETTING, &service->access_keys);
    if (failed(st)) return st;
    st = load_keys(context, JWT_REFRESH_SETTING, &service->refresh_keys);
    if (failed(st)) return st;
    service->refresh_keys.shared = service->access_keys.shared = jwt_keys_overlap(
        &service->access_keys, &service->refresh_keys);
    st = make_cached_store(context, &service->refresh_keys, &service->store);
    if (failed(st)) return st;

    read_policy(context->arena, context->config, service);
    service->store->access_ttl_s = service->policy.access_ttl_s;
    auth_endings_start(context, service);
    service->users = context->channel(context, "user");
    st = passwords_open(context, &service->passwords);
    if (failed(st)) {
        service->store->close(service->store);
        return st;
    }
    rpc_server_add(context->server, &auth_service_rpc, &auth_handlers, service);
    *ret_service = service;
    return status_ok();
}

static struct status open_store(struct call *call, void *data)
{
    struct auth_service *service = data;

    return service->store->open ? service->store->open(call, service->store) : status_ok();
}

static struct status check_store(struct call *call, void *data, struct store_findings *findings)
{
    struct auth_store *store = ((struct auth_service *)data)->store;

    return store->check ? store->check(call, store, findings) : status_ok();
}

static void stop(void *data)
{
    struct auth_service *service = data;

    passwords_close(service->passwords);
    service->store->close(service->store);
    jwt_keys_wipe(&service->access_keys);
    jwt_keys_wipe(&service->refresh_keys);
}

const struct service_module auth_service = {
    .name = "auth",
    .rpc_name = "auth_service.AuthService",
    .settings = settings,
    .store_default = "sqlite:{data}/auth.db",
    .store_schemes = store_schemes,
    .start = start,
    .open = open_store,
    .check = check_store,
    .stop = stop,
};
