/* SPDX-License-Identifier: Apache-2.0 */
/* What a call knows because it is an rpc: who asks, with which metadata, which service answers, and
 * what goes with the answer. Hangs on `call->scope`; rpc/rpc_call.c reads it for handlers. Private
 * to rpc/. */
#ifndef RPC_RPC_SCOPE_H
#define RPC_RPC_SCOPE_H

#include "rpc/channel.h"
#include "rpc/rpc.h"

struct rpc_scope {
    /* The caller. `user` holds no NULL. */
    struct user user;
    bool peer;                              /* a part of the shop itself */
    bool unnamed;                           /* trusted without proof, and names no user */
    bool wrong_key;                         /* it says that it is, signed with another key */
    const char *client_ip;                  /* "" if unknown */
    const struct http_headers *metadata[2]; /* searched in this order; NULL: none */

    /* What goes with every call that is made from here; NULL: none. */
    const struct http_headers *outgoing;

    void *service;
    const struct rpc_endpoint *endpoint; /* where the call came in; NULL: the whole server */
    bool request_gzip;                   /* the request came compressed */

    /* The answer. */
    struct http_headers reply_metadata;
    struct http_headers reply_trailers;
    bool reply_gzip;
    bool reply_begun; /* the initial metadata have left */
};

/* Nobody, from nowhere. */
void rpc_scope_init(struct rpc_scope *scope);

/* The scope of a callee in process: the caller's user and address, as a part of the shop. `caller`
 * may be NULL. */
void rpc_scope_inherit(struct rpc_scope *scope, const struct rpc_scope *caller,
                       const struct rpc_options *options);

/* Whose work it is: the account if it is known, else who owns the address; see call->caller. */
uint64_t rpc_scope_caller(const struct rpc_scope *scope);

/* Copies metadata that a caller or handler gave; INVALID_ARGUMENT for names that
 * belong to HTTP, gRPC or to the call's own identity and trace. */
struct status rpc_metadata_append(struct arena *arena, struct http_headers *to,
                                  const struct http_headers *from);

#endif
