/* SPDX-License-Identifier: Apache-2.0 */
/* auth-token-validator: requires a valid access token, from `Authorization: Bearer` or the cookie
 * `access-token`; with `optional`, requests without a token pass too; with `roles`, the user must
 * have one of them. The services check roles again; this check only refuses earlier.
 *
 * Tokens are verified with `jwt_secret`, which the existing system's configuration uses, or else
 * with the keys of JWT_ACCESS_TOKEN_SECRET. */
#include "base/jwt_settings.h"
#include "gateway/token_keys.h"
#include "gateway/request.h"
#include "observe/log.h"

struct auth_token_validator {
    bool optional;
    struct texts roles;
    const char *jwt_secret; /* NULL: that of the setting */
    struct jwt_keys keys;
};

#define OPTION(member) offsetof(struct auth_token_validator, member)
static const struct option options[] = {
    {"optional", OPTION_BOOLEAN, OPTION(optional), "false"},
    {"roles", OPTION_TEXTS, OPTION(roles)},
    {"jwt_secret", OPTION_TEXT, OPTION(jwt_secret)},
    {0},
};

const struct jwt_keys *auth_token_keys(const void *config)
{
    return &((const struct auth_token_validator *)config)->keys;
}

/* Does the setting for refresh tokens, if this process has it, contain one of the keys? */
static bool sign_refresh_tokens(const struct config *settings, const struct jwt_keys *keys)
{
    const char *text = config_text(settings, JWT_REFRESH_SETTING), *error;
    struct jwt_keys refresh_keys;

    if (!jwt_keys_parse(str_of(text), &refresh_keys, &error)) return false;
    bool overlap = jwt_keys_overlap(keys, &refresh_keys);
    jwt_keys_wipe(&refresh_keys);
    return overlap;
}

static struct status start(const struct plugin_context *context, void *data)
{
    struct auth_token_validator *config = data;
    const char *error;
    struct status st = status_ok();

    if (!config->jwt_secret)
        st = jwt_keys_load(context->arena, context->settings, context->data_dir, JWT_ACCESS_SETTING,
                           &config->keys);
    else if (!jwt_keys_of_secret(str_of(config->jwt_secret), &config->keys, &error))
        st = plugin_error(context, &plugin_auth_token_validator, "jwt_secret: %s", error);
    if (failed(st)) return st;
    config->keys.shared = sign_refresh_tokens(context->settings, &config->keys);
    if (jwt_keys_are_short(&config->keys))
        log_warn(0,
                 "the secret that verifies access tokens is shorter than 32 bytes and could "
                 "be guessed; make a better one with `openssl rand -hex 32`",
                 LOG_STR("setting", config->jwt_secret ? "jwt_secret of auth-token-validator"
                                                       : JWT_ACCESS_SETTING),
                 LOG_INT("line", context->line));
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
