/* SPDX-License-Identifier: Apache-2.0 */
/* Unary calls in process: the handler runs in the caller's fiber, on the caller's structs, through
 * the same interceptors as a call from the network. */
#include "rpc/channel_kind.h"

#include "rpc/interceptors.h"
#include "rpc/rpc_arena.h"

struct status rpc_local_route(const struct call *call, const struct rpc_channel *channel,
                              struct str path, struct rpc_route **ret_route)
{
    struct str service = rpc_path_service(path);
    struct rpc_route *route = NULL;

    if (!channel->server || !rpc_routes_have(&channel->server->routes, service))
        return status_printf(call->arena, STATUS_UNAVAILABLE, ARGOSY__REASON__SERVICE_ABSENT,
                             "the service %.*s is not part of this process, and no address of it "
                             "is known",
                             STR_ARGS(service));
    route = rpc_routes_find(&channel->server->routes, path);
    if (!route)
        return status_printf(call->arena, STATUS_UNIMPLEMENTED, 0, "there is no method %.*s",
                             STR_ARGS(path));
    *ret_route = route;
    return status_ok();
}

/* One call in process, from its beginning to its end. */
struct local_call {
    struct call call;
    struct rpc_scope scope;
    struct rpc_run run;
    struct rpc_route *route;
};

static struct status begin(struct local_call *local, struct call *caller,
                           const struct rpc_channel *channel, struct str path,
                           const struct rpc_options *options)
{
    int64_t timeout_ms = options ? options->timeout_ms : 0;
    struct http_headers checked = {0};
    struct status st;

    st = rpc_local_route(caller, channel, path, &local->route);
    if (failed(st)) return st;
    /* Refuses the metadata that a network channel would refuse. */
    if (options && options->metadata) {
        st = rpc_metadata_append(caller->arena, &checked, options->metadata);
        if (failed(st)) return st;
    }
    if (timeout_ms == 0 && caller->deadline_us == CALL_NO_DEADLINE)
        timeout_ms = RPC_CLIENT_TIMEOUT_MS;
    call_init_child(&local->call, caller, timeout_ms);
    rpc_scope_inherit(&local->scope, caller->scope, options);
    rpc_run_begin(&local->run, &local->call, local->route, &local->scope);
    rpc_run_limit(&local->run, 0, channel->server->options.deadline_max_ms);
    return status_ok();
}

static struct status end(const struct local_call *local, const struct rpc_options *options,
                         struct status st)
{
    if (options && options->ret_metadata) *options->ret_metadata = local->scope.reply_metadata;
    if (options && options->ret_trailers) *options->ret_trailers = local->scope.reply_trailers;
    return rpc_run_end(&local->run, st);
}

struct status rpc_local_call(struct call *call, struct rpc_channel *channel, struct str path,
                             const ProtobufCMessage *request, const struct rpc_options *options,
                             ProtobufCMessage **ret_response)
{
    ProtobufCMessage *response;
    struct local_call local;
    struct status st;

    st = begin(&local, call, channel, path, options);
    if (failed(st)) return st;

    response = rpc_message_new(call->arena, local.route->method->response);
    st = call_check(&local.call);
    if (!failed(st)) st = rpc_validate_message(&local.call, local.route, request);
    if (!failed(st)) st = rpc_invoke(&local.call, local.route, request, response, NULL);
    st = end(&local, options, st);
    if (failed(st)) return st;
    *ret_response = response;
    return status_ok();
}

struct status rpc_local_call_raw(struct call *call, struct rpc_channel *channel, struct str path,
                                 struct str request, const struct rpc_options *options,
                                 struct str *ret_response)
{
    ProtobufCMessage *message, *response = NULL;
    struct local_call local;
    struct status st;

    st = begin(&local, call, channel, path, options);
    if (failed(st)) return st;

    st = call_check(&local.call);
    if (local.route->method->client_streaming || local.route->method->server_streaming)
        st = status_make(STATUS_UNIMPLEMENTED, 0,
                         "the method is a streaming one and must be called as a stream");
    if (!failed(st)) st = rpc_validate(&local.call, local.route, request);
    if (!failed(st)) st = rpc_unpack(call->arena, local.route->method->request, request, &message);
    if (!failed(st)) {
        response = rpc_message_new(call->arena, local.route->method->response);
        st = rpc_invoke(&local.call, local.route, message, response, NULL);
    }
    st = end(&local, options, st);
    if (failed(st)) return st;
    *ret_response = rpc_pack(call->arena, response);
    return status_ok();
}
