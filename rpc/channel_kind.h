/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a channel. Private to rpc/.
 *     channel.c          what both kinds share
 *     channel_local.c    calls in process
 *     channel_fate.c     the same with a simulation's delays and losses
 *     channel_network.c  calls over the network; client_call.c is one attempt of one */
#ifndef RPC_CHANNEL_KIND_H
#define RPC_CHANNEL_KIND_H

#include "rpc/channel.h"
#include "rpc/rpc_server.h"

struct http_client;
struct rpc_identity;

enum { RPC_ADDRESSES_MAX = 16, RPC_CLIENT_TIMEOUT_MS = 30 * 1000 };

/* The connections of one shard, touched on its thread only. */
struct rpc_links {
    struct http_client *clients[RPC_ADDRESSES_MAX]; /* NULL: not used yet */
    unsigned next;                                  /* the address whose turn it is */
};

struct rpc_channel {
    struct shards *shards;
    struct rpc_server *server;           /* NULL: none */
    const struct rpc_identity *identity; /* NULL: calls are not signed */
    size_t message_size_max;             /* of a response */
    bool in_process;
    const char *addresses[RPC_ADDRESSES_MAX];
    int address_count;
    struct rpc_links *links; /* one for each shard */
    rpc_fate_fn *fate;       /* of a simulation; NULL: calls always arrive */
    void *fate_data;
    _Atomic int64_t unreachable_logged_us; /* when it was last logged */
};

/* The method to call, whether it is compiled in or known only by its path. */
struct rpc_target {
    struct str path;
    const ProtobufCMessageDescriptor *response; /* NULL: raw */
    bool server_streaming;                      /* also if unknown */
    bool idempotent;
};

/* ---- in process ---- */

struct status rpc_local_call(struct call *call, struct rpc_channel *channel, struct str path,
                             const ProtobufCMessage *request, const struct rpc_options *options,
                             ProtobufCMessage **ret_response);
/* The same on a channel with a fate. */
struct status rpc_fated_call(struct call *call, struct rpc_channel *channel, struct str path,
                             const ProtobufCMessage *request, const struct rpc_options *options,
                             ProtobufCMessage **ret_response);
struct status rpc_local_call_raw(struct call *call, struct rpc_channel *channel, struct str path,
                                 struct str request, const struct rpc_options *options,
                                 struct str *ret_response);
/* `receives` NULL: raw. */
struct status rpc_pipe_open(struct call *call, struct rpc_channel *channel, struct str path,
                            const ProtobufCMessageDescriptor *receives,
                            const struct rpc_options *options, struct rpc_stream **ret_stream);
/* The route of a path; UNAVAILABLE (SERVICE_ABSENT) if this process does not have the service,
 * UNIMPLEMENTED if the service does not have the method. */
struct status rpc_local_route(const struct call *call, const struct rpc_channel *channel,
                              struct str path, struct rpc_route **ret_route);

/* ---- over the network ---- */

/* Sends a frame and returns the one message of the response, encoded, in the arena. Retries if the
 * target allows it. */
struct status rpc_network_call(struct call *call, struct rpc_channel *channel,
                               const struct rpc_target *target, struct str frame,
                               const struct rpc_options *options, struct str *ret_response);
struct status rpc_network_open(struct call *call, struct rpc_channel *channel,
                               const struct rpc_target *target, const struct rpc_options *options,
                               struct rpc_stream **ret_stream);

#endif
