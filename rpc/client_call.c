/* SPDX-License-Identifier: Apache-2.0 */
/* The client side of one gRPC call on one HTTP exchange. */
#include "rpc/client_call.h"

#include "base/clock.h"
#include "http/http_client.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "rpc/identity.h"
#include "rpc/rpc_scope.h"
#include "rpc/rpc_status.h"
#include "rpc/timeout.h"

enum { UNREACHABLE_EVERY_US = 1000000 };

/* ---- the request's head ---- */

/* Adds one of our own headers; a value that HTTP does not allow fails the call. */
static void add(struct arena *arena, struct http_headers *headers, struct str name,
                struct str value, struct status *st)
{
    if (!failed(*st) && value.length > 0) *st = http_headers_add(arena, headers, name, value);
}

/* Adds the identity that the call is made for, which is then signed. */
static void add_identity(const struct call *call, struct http_headers *headers, struct status *st)
{
    struct user user;

    call_user_optional(call, &user);
    add(call->arena, headers, STR("x-request-id"), str_of(call->trace->request_id), st);
    add(call->arena, headers, STR("x-user-email"), str_of(user.email), st);
    add(call->arena, headers, STR("x-user-role"), str_of(user.role), st);
    add(call->arena, headers, STR("x-device-id"), str_of(user.device_id), st);
    add(call->arena, headers, STR("x-client-ip"), str_of(call_peer(call)), st);
}

static struct status make_headers(const struct call *call, const struct rpc_channel *channel,
                                  const struct rpc_target *target,
                                  const struct rpc_options *options, struct http_headers *headers)
{
    struct arena *arena = call->arena;
    char *timeout = arena_alloc(arena, RPC_TIMEOUT_TEXT_SIZE);
    char *traceparent = arena_alloc(arena, TRACEPARENT_SIZE);
    struct status st = status_ok();

    add(arena, headers, STR("te"), STR("trailers"), &st);
    add(arena, headers, STR("content-type"), STR("application/grpc+proto"), &st);
    add(arena, headers, STR("user-agent"), STR("argosy/" ARGOSY_VERSION), &st);
    add(arena, headers, STR("grpc-accept-encoding"), STR(RPC_ENCODINGS), &st);
    if (options && options->gzip) add(arena, headers, STR("grpc-encoding"), STR("gzip"), &st);
    if (call->deadline_us != CALL_NO_DEADLINE) {
        rpc_timeout_format(call_remaining_us(call), timeout);
        add(arena, headers, STR("grpc-timeout"), str_of(timeout), &st);
    }
    trace_format(call->trace, traceparent);
    add(arena, headers, STR("traceparent"), str_of(traceparent), &st);
    add_identity(call, headers, &st);
    if (!failed(st) && call->scope) st = rpc_metadata_append(arena, headers, call->scope->outgoing);
    if (!failed(st) && options) st = rpc_metadata_append(arena, headers, options->metadata);
    if (!failed(st) && channel->identity)
        st = rpc_identity_sign(arena, channel->identity, target->path, clock_now_us() / 1000,
                               headers);
    return st;
}

/* ---- addresses ---- */

/* The connection to one address, made at its first use. */
static struct http_client *link_to(const struct call *call, struct rpc_channel *channel,
                                   int address)
{
    struct http_client **client = &channel->links[call->shard->index].clients[address];

    if (!*client) *client = http_client_new(call->shard, channel->addresses[address]);
    return *client;
}

/* Addresses go to the log only, once a second, because the caller may be a client of the shop, who
 * must not see them. */
static struct status unreachable(struct call *call, struct rpc_channel *channel, struct str path,
                                 struct status st)
{
    struct str service = rpc_path_service(path);
    int64_t now_us = clock_monotonic_us(), logged_us = channel->unreachable_logged_us;

    if ((logged_us == 0 || now_us - logged_us >= UNREACHABLE_EVERY_US) &&
        atomic_compare_exchange_strong(&channel->unreachable_logged_us, &logged_us, now_us))
        log_warn(call->trace, "a service cannot be reached; is it running at this address?",
                 LOG_TEXT("service", service), LOG_STR("address", channel->addresses[0]),
                 LOG_INT("addresses", channel->address_count),
                 LOG_STR("error", st.message ? st.message : "it was unreachable a moment ago"));
    return status_printf(call->arena, STATUS_UNAVAILABLE, ARGOSY__REASON__SERVICE_UNREACHABLE,
                         "%.*s cannot be reached now; try again later", STR_ARGS(service));
}

/* Tries the addresses in turn: first the usable ones, then those that are backing off. */
static struct status open_anywhere(struct call *call, struct rpc_channel *channel,
                                   struct http_request *request,
                                   struct http_exchange **ret_exchange)
{
    struct rpc_links *links = &channel->links[call->shard->index];
    unsigned first = links->next++, count = (unsigned)channel->address_count;
    struct status st = {0};

    for (unsigned i = 0; i < 2 * count; i++) {
        int address = (int)((first + i) % count);
        struct http_client *client = link_to(call, channel, address);
        if (http_client_usable(client) != (i < count)) continue;
        request->authority = str_of(channel->addresses[address]);
        st = http_client_open(call, client, request, false, ret_exchange);
        if (st.code != STATUS_UNAVAILABLE) return st;
    }
    return unreachable(call, channel, request->path, st);
}

struct status client_call_open(struct call *call, struct rpc_channel *channel,
                               const struct rpc_target *target, const struct rpc_options *options,
                               struct client_call *ret_client)
{
    struct http_request request = {
        .method = STR("POST"),
        .target = target->path,
        .path = target->path,
        .scheme = STR("http"),
        .version = HTTP_2,
    };
    struct client_call client = {0};
    struct status st;

    st = make_headers(call, channel, target, options, &request.headers);
    if (failed(st)) return st;
    st = open_anywhere(call, channel, &request, &client.exchange);
    if (failed(st)) return st;
    client.body.exchange = client.exchange;
    client.body.deframer.size_max = channel->message_size_max;
    *ret_client = client;
    return status_ok();
}

/* ---- the answer ---- */

/* A proxy or a server that does not speak gRPC answered. */
static struct status no_grpc(struct arena *arena, int http_status)
{
    enum status_code code = http_status == 200 ? STATUS_UNKNOWN : status_from_http(http_status);

    return status_printf(arena, code, 0, "the peer answered with HTTP status %d instead of gRPC",
                         http_status);
}

struct status client_call_read_head(struct call *call, struct client_call *client)
{
    const struct http_headers *headers;
    struct status st;
    bool gzip;
    int http_status;

    if (client->metadata) return status_ok();
    st = http_read_head(call, client->exchange, &http_status, &headers);
    if (failed(st)) return st;
    client->trailers_only = http_headers_get(headers, "grpc-status").data != NULL;
    if (!client->trailers_only) {
        if (http_status != 200 ||
            rpc_media_of(http_headers_get(headers, "content-type")) == RPC_MEDIA_NONE)
            return no_grpc(call->arena, http_status);
        st = rpc_encoding_parse(call->arena, http_headers_get(headers, "grpc-encoding"), &gzip);
        /* The status is INTERNAL here: an undecodable response is the server's fault, not the
         * caller's. */
        if (failed(st)) return status_make(STATUS_INTERNAL, 0, st.message);
        client->body.deframer.gzip = gzip;
    }
    client->http_status = http_status;
    client->metadata = headers;
    return status_ok();
}

/* Copies the metadata, without the headers that belong to the transport. */
static void copy_metadata(struct arena *arena, struct http_headers *to,
                          const struct http_headers *from)
{
    for (size_t i = 0; from && i < from->count; i++) {
        const struct http_header *item = &from->items[i];
        struct status full;

        if (str_starts_with(item->name, STR("grpc-")) || str_is(item->name, "content-type"))
            continue;
        full = http_headers_add(arena, to, item->name, item->value);
        if (failed(full)) return;
    }
}

struct status client_call_status(const struct call *call, const struct client_call *client,
                                 const struct rpc_options *options)
{
    const struct http_headers *trailers = client->trailers_only ? client->metadata
                                                                : http_trailers(client->exchange);
    struct status st;

    if (options && options->ret_metadata) {
        *options->ret_metadata = (struct http_headers){0};
        if (!client->trailers_only)
            copy_metadata(call->arena, options->ret_metadata, client->metadata);
    }
    if (options && options->ret_trailers) {
        *options->ret_trailers = (struct http_headers){0}; /* drop those of an earlier attempt */
        copy_metadata(call->arena, options->ret_trailers, trailers);
    }
    if (trailers && rpc_status_read(call->arena, trailers, &st)) return st;
    return no_grpc(call->arena, client->http_status);
}

struct status client_call_failure(const struct call *call, struct status st)
{
    struct status own = status_ok();

    if (st.code == STATUS_CANCELLED) own = call_check(call);
    return own.code == STATUS_DEADLINE_EXCEEDED ? own : st;
}

void client_call_close(struct client_call *client)
{
    if (!client->exchange) return;
    http_client_close(client->exchange);
    client->exchange = NULL;
}
