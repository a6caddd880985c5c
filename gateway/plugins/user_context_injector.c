/* SPDX-License-Identifier: Apache-2.0 */
/* user-context-injector: tells the service who the verified token belongs to (x-user-email,
 * x-user-role, x-device-id). What a client itself sends under these names never gets to a service,
 * with or without this plugin. */
#include "gateway/plugins/plugins.h"
#include "gateway/request.h"

static const struct option options[] = {{0}};

static struct status on_access(struct call *call, struct gateway_request *request, void *data)
{
    if (request_token(call, request) != TOKEN_GOOD) return status_ok();
    request->user = (struct user){
        .email = str_dup(call->arena, request->claims.email),
        .role = str_dup(call->arena, request->claims.role),
        .device_id = str_dup(call->arena, request->claims.device_id),
    };
    return status_ok();
}

extern const struct plugin plugin_user_context_injector;
const struct plugin plugin_user_context_injector = {
    .name = "user-context-injector", .options = options, .access = on_access};
