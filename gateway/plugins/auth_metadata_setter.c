/* SPDX-License-Identifier: Apache-2.0 */
/* auth-metadata-setter: passes the refresh token from the browser's cookie to the service.
 */
#include "gateway/plugins/plugins.h"
#include "gateway/request.h"

static const struct option options[] = {{0}};

static struct status on_access(struct call *call, struct gateway_request *request, void *data)
{
    struct str token = http_cookie(&request->http->headers, "refresh-token");

    if (token.length > 0) request_metadata_add(call, request, STR("refresh-token"), token);
    return status_ok();
}

extern const struct plugin plugin_auth_metadata_setter;
const struct plugin plugin_auth_metadata_setter = {
    .name = "auth-metadata-setter", .options = options, .access = on_access};
