/* SPDX-License-Identifier: Apache-2.0 */
/* A server with the test service, and its two channels. See tests/interop/loopback.h. */
#include "tests/interop/loopback.h"

#include "fiber/fiber.h"
#include "http/http_server.h"

enum { DRAIN_TIMEOUT_MS = 2000 };

static void must(struct status st)
{
    if (failed(st)) printf("loopback: %s\n", st.message);
    invariant(!failed(st));
}

static void on_drained(void *data)
{
    struct loopback *loopback = data;

    shards_stop(loopback->shards);
}

static void run(struct call *call, void *data)
{
    struct loopback *loopback = data;

    loopback->fn(call, loopback);
    http_server_drain(loopback->http, DRAIN_TIMEOUT_MS, on_drained, loopback);
}

static void make(struct loopback *loopback, const struct loopback_options *options)
{
    struct http_server_options http = {.name = "test", .handler = rpc_server_handle};
    struct rpc_server_options rpc = {.message_size_max = options->message_size_max};

    loopback->shards = shards_new(1);
    invariant(loopback->shards != NULL);
    memset(loopback->identity.key, 7, sizeof(loopback->identity.key));
    loopback->identity.has_key = true;
    loopback->identity.trust_everyone = options->trust_everyone;
    if (!options->no_identity) rpc.identity = &loopback->identity;
    loopback->server = rpc_server_new(&rpc);
    rpc_server_add(loopback->server, &grpc_testing_test_service_rpc, &test_service_handlers,
                   &loopback->service);

    http.data = loopback->server;
    loopback->http = http_server_new(&http);
    must(http_server_listen(loopback->http, &loopback->arena, loopback->shards, "127.0.0.1:0"));
    loopback->address = http_server_address(loopback->http);
    must(rpc_channel_new(&loopback->arena, loopback->shards, loopback->server,
                         "inproc:", &loopback->local));
    must(rpc_channel_new(&loopback->arena, loopback->shards, loopback->server,
                         arena_printf(&loopback->arena, "grpc://%s", loopback->address),
                         &loopback->network));
}

void loopback_run(const struct loopback_options *options,
                  void (*fn)(struct call *call, struct loopback *loopback))
{
    static const struct loopback_options defaults;
    struct loopback loopback = {.fn = fn};

    arena_init(&loopback.arena, 0);
    make(&loopback, options ? options : &defaults);
    fiber_post(shards_at(loopback.shards, 0), run, NULL, &loopback);
    shards_run(loopback.shards);
    shards_join(loopback.shards);
    rpc_channel_free(loopback.network);
    rpc_channel_free(loopback.local);
    http_server_free(loopback.http);
    rpc_server_free(loopback.server);
    shards_free(loopback.shards);
    arena_release(&loopback.arena);
}
