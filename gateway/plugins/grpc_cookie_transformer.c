/* SPDX-License-Identifier: Apache-2.0 */
/* grpc-cookie-transformer: turns `set-cookie` in the response's metadata into Set-Cookie headers.
 * `Secure` is left out only when the request came over plain HTTP on loopback. */
#include "gateway/cookies.h"
#include "gateway/plugins/plugins.h"
#include "gateway/request.h"

static const struct option options[] = {{0}};

static void header(const struct call *call, struct gateway_request *request, void *data)
{
    bool plain_loopback = request_is_plain_loopback(request);

    for (size_t i = 0; i < request->reply.count; i++) {
        const struct http_header *item = &request->reply.items[i];
        if (!str_is(item->name, "set-cookie")) continue;
        struct str cookie = plain_loopback ? cookie_without_secure(call->arena, item->value)
                                           : item->value;
        request_header_add(call, request, STR("set-cookie"), cookie);
    }
}

extern const struct plugin plugin_grpc_cookie_transformer;
const struct plugin plugin_grpc_cookie_transformer = {
    .name = "grpc-cookie-transformer", .options = options, .header = header};
