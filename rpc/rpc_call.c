/* SPDX-License-Identifier: Apache-2.0 */
/* The functions by which a handler examines its call and adds metadata to the response. */
#include "rpc/rpc_scope.h"

#include "base/encode.h"
#include "base/hash.h"
#include "fiber/address.h"

void rpc_scope_init(struct rpc_scope *scope)
{
    *scope = (struct rpc_scope){.user = {"", "", ""}, .client_ip = ""};
}

void rpc_scope_inherit(struct rpc_scope *scope, const struct rpc_scope *caller,
                       const struct rpc_options *options)
{
    rpc_scope_init(scope);
    scope->peer = true;
    scope->metadata[0] = options ? options->metadata : NULL;
    if (!caller) return;
    scope->user = caller->user;
    scope->client_ip = caller->client_ip;
    scope->metadata[1] = caller->outgoing;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

void rpc_scope_new(struct call *call, const struct user *user, const struct http_headers *metadata,
                   const char *client_ip)
{
    struct rpc_scope *scope = arena_new(call->arena, struct rpc_scope);

    rpc_scope_init(scope);
    if (user) {
        scope->user.email = or_empty(user->email);
        scope->user.role = or_empty(user->role);
        scope->user.device_id = or_empty(user->device_id);
    }
    scope->client_ip = or_empty(client_ip);
    scope->outgoing = metadata;
    call->scope = scope;
    call->caller = rpc_scope_caller(scope);
}

struct call_caller rpc_scope_caller(const struct rpc_scope *scope)
{
    const char *email = scope->user.email;

    return (struct call_caller){
        .address = *scope->client_ip ? address_owner(scope->client_ip) : 0,
        .account = *email ? hash_text(HASH_START, email) : 0,
    };
}

void call_user_optional(const struct call *call, struct user *ret_user)
{
    *ret_user = call->scope ? call->scope->user : (struct user){"", "", ""};
}

/* A wrong clock has the same effect, because the time is part of the signature. */
static struct status wrong_key(void)
{
    return status_make(
        STATUS_PERMISSION_DENIED, ARGOSY__REASON__INTERNAL_ONLY,
        "this call is signed with a different fleet key, or the clocks differ: give every "
        "process of the fleet the same FLEET_KEY (or <data>/fleet.key), and check "
        "their clocks");
}

struct status call_user(const struct call *call, struct user *ret_user)
{
    struct user user;

    call_user_optional(call, &user);
    if (!*user.email && call->scope && call->scope->wrong_key) return wrong_key();
    if (!*user.email)
        return status_make(STATUS_UNAUTHENTICATED, ARGOSY__REASON__LOGIN_REQUIRED, "log in first");
    *ret_user = user;
    return status_ok();
}

bool user_has_role(const struct user *user, const char *roles)
{
    struct str rest = str_of(roles), role;

    if (!*user->role) return false;
    while (str_split(&rest, ' ', &role))
        if (str_is(role, user->role)) return true;
    return false;
}

struct status user_require_role(const struct call *call, const struct user *user, const char *roles)
{
    if (user_has_role(user, roles)) return status_ok();
    return status_printf(call->arena, STATUS_PERMISSION_DENIED, ARGOSY__REASON__ROLE_REQUIRED,
                         "this needs one of the roles: %s", roles);
}

struct status call_require_role(const struct call *call, const char *roles, struct user *ret_user)
{
    struct user user;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;
    st = user_require_role(call, &user, roles);
    if (failed(st)) return st;
    *ret_user = user;
    return status_ok();
}

struct status call_require_peer(const struct call *call)
{
    if (call->scope && call->scope->peer) return status_ok();
    if (call->scope && call->scope->wrong_key) return wrong_key();
    return status_make(STATUS_PERMISSION_DENIED, ARGOSY__REASON__INTERNAL_ONLY,
                       "only the shop's own services may call this");
}

bool call_is_unnamed_service(const struct call *call)
{
    return call->scope && call->scope->unnamed;
}

void *call_service(const struct call *call)
{
    return call->scope ? call->scope->service : NULL;
}

/* Senders may join the values of one binary name with commas; the first value counts, as with
 * repeated names. */
static struct str decode_binary(const struct call *call, struct str value)
{
    struct str decoded;

    value.length = str_find(value, ',');
    return base64_decode(call->arena, str_trim(value), &decoded) ? decoded : (struct str){0};
}

/* Names that carry the user's identity and its proof. */
static bool is_identity_name(struct str name)
{
    static const char *const names[] = {"x-user-email", "x-user-role", "x-device-id",
                                        "x-fleet-signature", "x-client-ip"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (str_is(name, names[i])) return true;
    return false;
}

struct str call_metadata(const struct call *call, const char *name)
{
    struct str value = {0};

    /* Unproven identity is treated as if it had not been sent. */
    if (call->scope && !call->scope->peer && is_identity_name(str_of(name))) return value;
    for (int i = 0; call->scope && i < 2 && !value.data; i++)
        if (call->scope->metadata[i]) value = http_headers_get(call->scope->metadata[i], name);
    if (value.data && str_ends_with(str_of(name), STR("-bin"))) return decode_binary(call, value);
    return value;
}

struct str call_metadata_list(const struct call *call, const char *name)
{
    struct str list = {0};

    if (!call_metadata(call, name).data) return list;
    for (int i = 0; i < 2 && !list.data; i++) {
        const struct http_headers *metadata = call->scope->metadata[i];
        for (size_t j = 0; metadata && j < metadata->count; j++) {
            const struct http_header *item = &metadata->items[j];
            if (!str_is(item->name, name)) continue;
            list = list.data ? str_of(arena_printf(call->arena, "%.*s, %.*s", STR_ARGS(list),
                                                   STR_ARGS(item->value)))
                             : item->value;
        }
    }
    return list;
}

const char *call_peer(const struct call *call)
{
    return call->scope ? call->scope->client_ip : "";
}

bool call_request_gzip(const struct call *call)
{
    return call->scope && call->scope->request_gzip;
}

void call_reply_gzip(const struct call *call, bool gzip)
{
    if (call->scope) call->scope->reply_gzip = gzip;
}

/* Names that belong to the transport. */
static bool is_transport_name(struct str name)
{
    static const char *const names[] = {"content-type", "content-length", "te",
                                        "trailer",      "user-agent",     "host"};

    if (name.length == 0 || name.data[0] == ':' || str_starts_with(name, STR("grpc-"))) return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (str_is(name, names[i])) return true;
    return false;
}

static struct status refuse_name(struct arena *arena, struct str name)
{
    return status_printf(arena, STATUS_INVALID_ARGUMENT, 0, "the metadata name `%.*s` is reserved",
                         STR_ARGS(name));
}

struct status rpc_metadata_append(struct arena *arena, struct http_headers *to,
                                  const struct http_headers *from)
{
    for (size_t i = 0; from && i < from->count; i++) {
        const struct http_header *item = &from->items[i];
        struct status st;

        if (is_transport_name(item->name) || is_identity_name(item->name) ||
            str_is(item->name, "x-request-id") || str_is(item->name, "traceparent"))
            return refuse_name(arena, item->name);
        st = http_headers_add(arena, to, item->name, item->value);
        if (failed(st)) return st;
    }
    return status_ok();
}

static struct status reply_add(const struct call *call, struct http_headers *headers,
                               struct str name, struct str value)
{
    struct arena *arena = call->arena;

    if (is_transport_name(name)) return refuse_name(arena, name);
    name = str_sized(str_lower(arena, name), name.length);
    if (str_ends_with(name, STR("-bin")))
        value = base64_encode(arena, value);
    else
        value = str_sized(str_dup(arena, value), value.length);
    return http_headers_add(arena, headers, name, value);
}

struct status call_reply_metadata(const struct call *call, struct str name, struct str value)
{
    if (!call->scope || call->scope->reply_begun)
        return status_make(STATUS_INTERNAL, 0, "the response's metadata have been sent already");
    return reply_add(call, &call->scope->reply_metadata, name, value);
}

struct status call_reply_trailer(const struct call *call, struct str name, struct str value)
{
    if (!call->scope)
        return status_make(STATUS_INTERNAL, 0, "this call has no response to add metadata to");
    return reply_add(call, &call->scope->reply_trailers, name, value);
}
