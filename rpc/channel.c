/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: parses their URL and passes each call to the kind of channel that it names. */
#include "rpc/channel_kind.h"

#include "http/http_client.h"
#include "rpc/rpc_arena.h"
#include "rpc/rpc_frame.h"

/* ---- making one ---- */

static struct status refuse_url(struct arena *arena, const char *url)
{
    return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                         "`%s` is not the address of a service: write inproc: or "
                         "grpc://host:port[,host:port] (%d at most)",
                         url, RPC_ADDRESSES_MAX);
}

/* host:port or [v6]:port with a port from 1 to 65535. */
static bool is_address(struct str address)
{
    size_t colon = address.length;
    uint64_t port;

    while (colon > 0 && address.data[colon - 1] != ':') colon--;
    return colon > 1 &&
           str_to_u64(str_sized(address.data + colon, address.length - colon), &port) &&
           port >= 1 && port <= 65535;
}

static struct status read_url(struct arena *arena, const char *url, struct rpc_channel *channel)
{
    struct str rest = str_of(url), address, scheme = STR("grpc://");

    if (str_is(rest, "inproc:")) {
        channel->in_process = true;
        return status_ok();
    }
    if (!str_starts_with(rest, scheme)) return refuse_url(arena, url);
    rest = str_sized(rest.data + scheme.length, rest.length - scheme.length);
    while (str_split(&rest, ',', &address)) {
        if (channel->address_count == RPC_ADDRESSES_MAX || !is_address(address))
            return refuse_url(arena, url);
        channel->addresses[channel->address_count++] = str_dup(arena, address);
    }
    return status_ok();
}

struct status rpc_channel_new(struct arena *arena, struct shards *shards, struct rpc_server *server,
                              const char *url, struct rpc_channel **ret_channel)
{
    struct rpc_channel *channel = arena_new(arena, struct rpc_channel);
    struct status st;

    channel->shards = shards;
    channel->server = server;
    channel->identity = server ? server->options.identity : NULL;
    channel->message_size_max = server ? server->options.message_size_max : RPC_MESSAGE_SIZE_MAX;
    st = read_url(arena, url, channel);
    if (failed(st)) return st;
    if (!channel->in_process)
        channel->links = arena_array(arena, struct rpc_links, (size_t)shards_count(shards));
    *ret_channel = channel;
    return status_ok();
}

bool rpc_channel_is_remote(const struct rpc_channel *channel)
{
    return !channel->in_process;
}

void rpc_channel_free(struct rpc_channel *channel)
{
    if (!channel || !channel->links) return;
    for (int shard = 0; shard < shards_count(channel->shards); shard++)
        for (int i = 0; i < channel->address_count; i++)
            if (channel->links[shard].clients[i])
                http_client_free(channel->links[shard].clients[i]);
    channel->links = NULL;
}

/* ---- calls ---- */

static struct rpc_target target_of(const struct rpc_method *method)
{
    return (struct rpc_target){
        .path = str_of(method->path),
        .response = method->response,
        .server_streaming = method->server_streaming,
        .idempotent = method->idempotent,
    };
}

/* The target for a method that is known only by its path. */
static struct rpc_target target_of_path(const struct rpc_channel *channel, const char *path)
{
    struct rpc_target target = {.path = str_of(path), .server_streaming = true};
    const struct rpc_schema *schema = channel->server ? channel->server->options.schema : NULL;
    const struct schema_method *method = schema ? schema_method_by_path(schema, target.path) : NULL;

    if (method) {
        target.idempotent = method->idempotent;
        target.server_streaming = method->server_streaming;
    }
    return target;
}

struct status rpc_call(struct call *call, struct rpc_channel *channel,
                       const struct rpc_method *method, const ProtobufCMessage *request,
                       const struct rpc_options *options, ProtobufCMessage **ret_response)
{
    struct rpc_target target = target_of(method);
    struct str response;
    struct status st;

    invariant(!method->client_streaming && !method->server_streaming);
    if (channel->in_process && channel->fate)
        return rpc_fated_call(call, channel, target.path, request, options, ret_response);
    if (channel->in_process)
        return rpc_local_call(call, channel, target.path, request, options, ret_response);

    st = rpc_network_call(call, channel, &target,
                          rpc_frame_message(call->arena, request, options && options->gzip),
                          options, &response);
    if (failed(st)) return st;
    return rpc_unpack(call->arena, method->response, response, ret_response);
}

struct status rpc_call_raw(struct call *call, struct rpc_channel *channel, const char *path,
                           struct str request, const struct rpc_options *options,
                           struct str *ret_response)
{
    struct rpc_target target;
    uint8_t *frame;

    if (channel->in_process)
        return rpc_local_call_raw(call, channel, str_of(path), request, options, ret_response);

    target = target_of_path(channel, path);
    arena_expect(call->arena, RPC_FRAME_HEAD_SIZE + request.length);
    frame = arena_alloc(call->arena, RPC_FRAME_HEAD_SIZE + request.length);
    if (request.length > 0) memcpy(frame + RPC_FRAME_HEAD_SIZE, request.data, request.length);
    return rpc_network_call(call, channel, &target,
                            rpc_frame(call->arena, frame, request.length, options && options->gzip),
                            options, ret_response);
}

struct status rpc_stream_open(struct call *call, struct rpc_channel *channel,
                              const struct rpc_method *method, const struct rpc_options *options,
                              struct rpc_stream **ret_stream)
{
    struct rpc_target target = target_of(method);

    if (channel->in_process)
        return rpc_pipe_open(call, channel, target.path, method->response, options, ret_stream);
    return rpc_network_open(call, channel, &target, options, ret_stream);
}

struct status rpc_stream_open_raw(struct call *call, struct rpc_channel *channel, const char *path,
                                  const struct rpc_options *options, struct rpc_stream **ret_stream)
{
    struct rpc_target target;

    if (channel->in_process)
        return rpc_pipe_open(call, channel, str_of(path), NULL, options, ret_stream);
    target = target_of_path(channel, path);
    return rpc_network_open(call, channel, &target, options, ret_stream);
}
