/* SPDX-License-Identifier: Apache-2.0 */
/* A server with the test service, and two channels to it: in process, and over a real loopback
 * connection. For tests: one shard, which runs on the test's own thread.
 *
 *     loopback_run(&options, fn)      fn(call, loopback) runs on a fiber; returns when it has ended
 */
#ifndef INTEROP_LOOPBACK_H
#define INTEROP_LOOPBACK_H

#include "rpc/channel.h"
#include "rpc/identity.h"
#include "rpc/server.h"
#include "tests/interop/test_service.h"

struct loopback {
    struct arena arena;
    struct shards *shards;
    struct rpc_server *server;
    struct http_server *http;
    struct rpc_channel *local;
    struct rpc_channel *network;
    const char *address; /* of the HTTP server: "127.0.0.1:41234" */
    struct test_service service;
    struct rpc_identity identity;
    void (*fn)(struct call *call, struct loopback *loopback);
};

struct loopback_options {
    size_t message_size_max;
    bool no_identity; /* the server accepts no identity */
    bool trust_everyone;
};

/* `options` may be NULL. */
void loopback_run(const struct loopback_options *options,
                  void (*fn)(struct call *call, struct loopback *loopback));

#endif
