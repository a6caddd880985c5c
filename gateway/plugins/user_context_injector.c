/* SPDX-License-Identifier: Apache-2.0 */
/* user-context-injector: passes the owner of the verified token to the service (x-user-email,
 * x-user-role, x-device-id). A client's own headers with these names never reach a service, with or
 * without this plugin. */
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
