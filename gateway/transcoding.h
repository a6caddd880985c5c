/* SPDX-License-Identifier: Apache-2.0 */
/* All HTTP rules of the services that a proto declares, ready to be served by a `grpc-gateway`
 * plugin. */
#ifndef GATEWAY_TRANSCODING_H
#define GATEWAY_TRANSCODING_H

#include "gateway/binding.h"
#include "gateway/plugins/plugins.h"
#include "gateway/router.h"
#include "gateway/traffic.h"

/* One HTTP rule. */
struct transcoding_route {
    const struct binding *binding;
    const struct schema_service *service;
    const struct schema_field
        *status_code; /* of the response: an int32 field of this name; NULL: none */
    struct traffic traffic;
};

struct transcoding {
    const struct rpc_schema *schema;
    struct router *router; /* its targets are struct transcoding_route */
    struct transcoding_route *routes;
    size_t count;
};

/* `proto` is the file name (in any folder) of a compiled-in proto, or a descriptor set *.binpb,
 * which is read. In the context's arena. */
struct status transcoding_new(const struct plugin_context *context, const char *proto,
                              const struct transcoding **ret_transcoding);

/* The rules that the grpc-gateway plugin with this config serves. */
const struct transcoding *grpc_gateway_transcoding(const void *config);
/* Does it send streams as Server-Sent Events even to clients that do not ask for them? */
bool grpc_gateway_events(const void *config);

#endif
