/* SPDX-License-Identifier: Apache-2.0 */
/* grpc-gateway: turns JSON requests into calls of a gRPC service, by the google.api.http rules of
 * its proto. This file only loads the rules; gateway/serve_json.c does the work. */
#include "gateway/transcoding.h"

struct grpc_gateway {
    const char *proto;
    bool events;
    const struct transcoding *transcoding;
};

static const struct option options[] = {
    {"proto", OPTION_TEXT, offsetof(struct grpc_gateway, proto), .required = true},
    {"events", OPTION_BOOLEAN, offsetof(struct grpc_gateway, events)},
    {0},
};

const struct transcoding *grpc_gateway_transcoding(const void *config)
{
    return ((const struct grpc_gateway *)config)->transcoding;
}

bool grpc_gateway_events(const void *config)
{
    return ((const struct grpc_gateway *)config)->events;
}

static struct status start(const struct plugin_context *context, void *data)
{
    struct grpc_gateway *config = data;

    return transcoding_new(context, config->proto, &config->transcoding);
}

const struct plugin plugin_grpc_gateway = {
    .name = "grpc-gateway",
    .options = options,
    .config_size = sizeof(struct grpc_gateway),
    .start = start,
};
