/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC: methods, the functions by which a handler examines its call, and streams.
 *
 * The plugin tools/protoc-gen-argosy.c makes, for each service of proto/x.proto, in x.rpc.h:
 *   - a table of handlers, `struct cart_service_handlers`; a missing one answers UNIMPLEMENTED;
 *   - `const struct rpc_service cart_service_rpc`, its description;
 *   - client functions: `cart_service_get_cart(call, channel, &request, &response)`.
 *
 * Handlers and client functions have the same form, whether the channel is in process or over the
 * network. */
#ifndef RPC_RPC_H
#define RPC_RPC_H

#include <protobuf-c/protobuf-c.h>

#include "base/str.h"
#include "fiber/call.h"
#include "http/http.h"
#include "reasons.pb-c.h"

struct rpc_stream;

/* One rpc, as generated. */
struct rpc_method {
    const char *name; /* "AddToCart" */
    const char *path; /* "/cart_service.CartService/AddToCart" */
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *response;
    bool client_streaming;
    bool server_streaming;
    bool idempotent; /* option idempotency_level: may be retried */
    size_t handler;  /* offset of its handler in the service's table */
    /* Calls the handler with its actual types: `request` where the client sends one message (else
     * NULL), `response` where the server answers with one (else NULL; initialised, the handler
     * fills it), `stream` where either side streams (else NULL). */
    struct status (*invoke)(void (*handler)(void), struct call *call,
                            const ProtobufCMessage *request, ProtobufCMessage *response,
                            struct rpc_stream *stream);
};

struct rpc_service {
    const char *name; /* "cart_service.CartService" */
    const struct rpc_method *methods;
    size_t method_count;
};

/* ---- for handlers ---- */

/* The caller's identity. Identity metadata is accepted only from a proven peer (rpc/identity.h). */
struct user {
    const char *email; /* "": not logged in */
    const char *role;  /* customer, seller, admin, superAdmin */
    const char *device_id;
};

/* The user the call is made for; UNAUTHENTICATED (reason LOGIN_REQUIRED) if there is none. */
struct status call_user(const struct call *call, struct user *ret_user);
/* The same, but a user is not required: without one email is "". */
void call_user_optional(const struct call *call, struct user *ret_user);
/* OK if the user's role is one of `roles` ("seller admin superAdmin"), else PERMISSION_DENIED
 * (ROLE_REQUIRED). */
struct status call_require_role(const struct call *call, const char *roles, struct user *ret_user);
bool user_has_role(const struct user *user, const char *roles);
/* The same check for a user that is known already. */
struct status user_require_role(const struct call *call, const struct user *user,
                                const char *roles);
/* OK if the caller is part of the shop itself (in process, or proven by the fleet's key); for
 * internal rpcs. */
struct status call_require_peer(const struct call *call);

/* Does the call come from a service of the existing system that acts for no user? Where
 * ARGOSY_TRUST_METADATA=1 trusts the network, an unproven peer that names no user counts as one.
 * That system's gateway calls in the same way for clients that are not logged in, so allow such a
 * caller only what that system allows it. */
bool call_is_unnamed_service(const struct call *call);

/* The service's own struct, as given to rpc_server_add. */
void *call_service(const struct call *call);

/* Metadata of the caller by lower-case name: the first value, or a str with data NULL. Names that
 * end in "-bin" are decoded. */
struct str call_metadata(const struct call *call, const char *name);
/* All values of a name whose value is a list, with commas between them (RFC 9110, section 5.3); data
 * NULL if there is none. */
struct str call_metadata_list(const struct call *call, const char *name);
/* The peer's IP address as text; for calls through the gateway, the client's. */
const char *call_peer(const struct call *call);

/* Adds to the initial metadata of the response. Must come before the first rpc_send. */
struct status call_reply_metadata(const struct call *call, struct str name, struct str value);
/* Adds to the trailing metadata. For both: copied into the arena; values of names that end in
 * "-bin" are bytes; INVALID_ARGUMENT for names and values that HTTP does not allow and for gRPC's
 * own names. */
struct status call_reply_trailer(const struct call *call, struct str name, struct str value);

/* Compresses the messages sent from now on, if the peer accepts gzip. For a stream it must be
 * turned on before the first rpc_send, and may then be turned off and on between messages. */
void call_reply_gzip(const struct call *call, bool gzip);

/* Was the request of a unary call compressed? */
bool call_request_gzip(const struct call *call);

/* A stream's messages. Sending suspends while the peer accepts no more; receiving sets *ret_message
 * to NULL at the end of the peer's stream. A received message is valid until the next rpc_receive
 * on its stream, so that a stream may be larger than memory. Two fibers may use one stream, one to
 * send and one to receive. */
struct status rpc_send(struct call *call, struct rpc_stream *stream,
                       const ProtobufCMessage *message);
/* Handlers: sends the initial metadata before the first message. */
struct status rpc_send_head(struct call *call, struct rpc_stream *stream);
struct status rpc_receive(struct call *call, struct rpc_stream *stream,
                          ProtobufCMessage **ret_message);
/* Was the last received message compressed? Never in process. */
bool rpc_received_gzip(const struct rpc_stream *stream);
/* Clients: ends our side; no more messages follow. */
struct status rpc_send_end(struct call *call, struct rpc_stream *stream);

/* The default limit of one message, decompressed. */
enum { RPC_MESSAGE_SIZE_MAX = 4 * 1024 * 1024 };

#endif
