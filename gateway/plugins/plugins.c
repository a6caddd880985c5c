/* SPDX-License-Identifier: Apache-2.0 */
/* The list of plugins, in the order in which they run, whatever the order in the configuration:
 *
 *     correlation-id          first, so that every answer and every log line has the id
 *     prometheus, file-log    count and log every request, also those refused below
 *     cors                    answers preflights, which carry neither token nor body
 *     request-size-limiting   before anything reads the body
 *     rate-limiting           before any work for the caller, including checking signatures
 *     auth-token-validator    identifies the user
 *     auth-metadata-setter    passes the refresh token to the service
 *     user-context-injector   passes the user's identity to the service
 *     grpc-gateway            makes the call
 *     grpc-cookie-transformer on the way back: sets the service's cookies,
 *     auth-cookie-clearer     and deletes others; last, so that the deletion counts */
#include "gateway/plugins/plugins.h"

#include <stdarg.h>

#include "reasons.pb-c.h"

extern const struct plugin plugin_correlation_id, plugin_prometheus, plugin_file_log,
    plugin_request_size_limiting, plugin_rate_limiting, plugin_auth_token_validator,
    plugin_auth_metadata_setter, plugin_user_context_injector, plugin_grpc_cookie_transformer,
    plugin_auth_cookie_clearer;

const struct plugin *const plugins[] = {
    &plugin_correlation_id,
    &plugin_prometheus,
    &plugin_file_log,
    &plugin_cors,
    &plugin_request_size_limiting,
    &plugin_rate_limiting,
    &plugin_auth_token_validator,
    &plugin_auth_metadata_setter,
    &plugin_user_context_injector,
    &plugin_grpc_gateway,
    &plugin_grpc_cookie_transformer,
    &plugin_auth_cookie_clearer,
    NULL,
};

const struct plugin *plugin_by_name(struct str name)
{
    const struct plugin *const *plugin = plugins;

    while (*plugin && !str_is(name, (*plugin)->name)) plugin++;
    return *plugin;
}

int plugin_place(const struct plugin *plugin)
{
    int place = 0;

    while (plugins[place] != plugin) place++;
    return place;
}

struct status plugin_error(const struct plugin_context *context, const struct plugin *plugin,
                           const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    const char *text = arena_vprintf(context->arena, format, arguments);
    va_end(arguments);
    return yaml_error(context->arena, context->file, context->line, "plugin %s: %s", plugin->name,
                      text);
}
