/* SPDX-License-Identifier: Apache-2.0 */
/* auth-token-validator: lets through only who has a good access token, from `Authorization: Bearer`
 * or the cookie `access-token`; with `optional` also who has none at all; with `roles` only who has
 * one of them. The services check roles again: this one is for turning away early. */
#include "base/secret.h"
#include "gateway/token_keys.h"
#include "gateway/request.h"

struct auth_token_validator {
    bool optional;
    struct texts roles;
    struct jwt_keys keys;
};

#define OPTION(member) offsetof(struct auth_token_validator, member)
static const struct option options[] = {
    {"optional", OPTION_BOOLEAN, OPTION(optional), "false"},
    {"roles", OPTION_TEXTS, OPTION(roles)},
    {0},
};

const struct jwt_keys *auth_token_keys(const void *config)
{
    return &((const struct auth_token_validator *)config)->keys;
}

static struct status start(const struct plugin_context *context, void *data)
{
    struct auth_token_validator *config = data;
    const char *text, *error;
    struct status st = secret_load(context->arena,
                                   config_text(context->settings, "JWT_ACCESS_TOKEN_SECRET"),
                                   context->data_dir, "jwt-access.key", &text);

    if (failed(st)) return st;
    if (!jwt_keys_parse(str_of(text), &config->keys, &error))
        return status_printf(context->arena, STATUS_INVALID_ARGUMENT,
                             ARGOSY__REASON__SETTING_INVALID, "JWT_ACCESS_TOKEN_SECRET: %s", error);
    return status_ok();
}

static void stop(void *data)
{
    jwt_keys_wipe(&((struct auth_token_validator *)data)->keys);
}

static bool has_role(const struct texts *roles, struct str role)
{
    for (size_t i = 0; i < roles->count; i++)
        if (str_is(role, roles->items[i].text)) return true;
    return roles->count == 0;
}

static struct status on_access(struct call *call, struct gateway_request *request, void *data)
{
    const struct auth_token_validator *config = data;
    enum token_state token = request_token(call, request);

    if (token == TOKEN_BAD) return request->token_status;
    if (token == TOKEN_ABSENT && config->optional) return status_ok();
    if (token == TOKEN_ABSENT)
        return status_make(STATUS_UNAUTHENTICATED, ARGOSY__REASON__LOGIN_REQUIRED, "log in first");
    if (!has_role(&config->roles, request->claims.role))
        return status_make(STATUS_PERMISSION_DENIED, ARGOSY__REASON__ROLE_REQUIRED,
                           "your role may not do this");
    return status_ok();
}

const struct plugin plugin_auth_token_validator = {
    .name = "auth-token-validator",
    .options = options,
    .config_size = sizeof(struct auth_token_validator),
    .start = start,
    .access = on_access,
    .stop = stop,
};
