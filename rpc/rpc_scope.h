/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a call that is specific to rpcs: the caller, its metadata, the service that answers,
 * and the metadata of the response. Found at `call->scope`; handlers access it through
 * rpc/rpc_call.c. Private to rpc/. */
#ifndef RPC_RPC_SCOPE_H
#define RPC_RPC_SCOPE_H

#include "rpc/channel.h"
#include "rpc/rpc.h"

struct rpc_scope {
    /* The caller. No member of `user` is NULL. */
    struct user user;
    bool peer;                              /* the caller is part of the shop itself */
    bool unnamed;                           /* trusted without proof, and does not name a user */
    bool wrong_key;                         /* it claims to be, but signs with a different key */
    const char *client_ip;                  /* "" if unknown */
    const struct http_headers *metadata[2]; /* searched in this order; NULL: none */

    /* Metadata sent with every call that is made from here; NULL: none. */
    const struct http_headers *outgoing;

    void *service;
    const struct rpc_endpoint *endpoint; /* where the call came in; NULL: the whole server */
    bool request_gzip;                   /* the request was compressed */

    /* The response. */
    struct http_headers reply_metadata;
    struct http_headers reply_trailers;
    bool reply_gzip;
    bool reply_begun; /* the initial metadata have been sent */
};

/* No user and no address. */
void rpc_scope_init(struct rpc_scope *scope);

/* The scope of a callee in process: the caller's user and address, with the caller being part of
 * the shop. `caller` may be NULL. */
void rpc_scope_inherit(struct rpc_scope *scope, const struct rpc_scope *caller,
                       const struct rpc_options *options);

/* Whose work it is: the client's address and the account, as far as they are known. */
struct call_caller rpc_scope_caller(const struct rpc_scope *scope);

/* Copies metadata from a caller or handler; INVALID_ARGUMENT for names that belong to HTTP, gRPC or
 * to the call's own identity and trace. */
struct status rpc_metadata_append(struct arena *arena, struct http_headers *to,
                                  const struct http_headers *from);

#endif
