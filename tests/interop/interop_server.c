/* SPDX-License-Identifier: Apache-2.0 */
/* Serves grpc.testing.TestService for the interop client of another implementation:
 *
 *     interop_server [PORT]      on 127.0.0.1; prints "listening on ADDRESS"; without PORT the
 * system picks one */
#include <signal.h>
#include <stdio.h>

#include "http/http_server.h"
#include "tests/interop/test_service.h"

static struct shards *shards;
static struct http_server *http;
static uv_signal_t end_signal;

static void on_drained(void *data)
{
    shards_stop(shards);
}

static void on_signal(uv_signal_t *handle, int number)
{
    uv_close((uv_handle_t *)handle, NULL);
    http_server_drain(http, 1000, on_drained, NULL);
}

static int refuse(struct status st)
{
    fprintf(stderr, "interop_server: %s\n", st.message);
    return 1;
}

int main(int argc, char **argv)
{
    struct rpc_server_options options = {0};
    struct http_server_options http_options = {.name = "interop", .handler = rpc_server_handle};
    struct arena arena;
    struct status st;

    arena_init(&arena, 0);
    shards = shards_new(1);
    if (!shards) return 1;
    http_options.data = rpc_server_new(&options);
    rpc_server_add(http_options.data, &grpc_testing_test_service_rpc, &test_service_handlers, NULL);
    http = http_server_new(&http_options);
    st = http_server_listen(http, &arena, shards,
                            arena_printf(&arena, "127.0.0.1:%s", argc > 1 ? argv[1] : "0"));
    if (failed(st)) return refuse(st);
    printf("listening on %s\n", http_server_address(http));
    fflush(stdout);

    uv_signal_init(&shards_at(shards, 0)->loop, &end_signal);
    uv_signal_start(&end_signal, on_signal, SIGTERM);
    shards_run(shards);
    shards_join(shards);
    http_server_free(http);
    rpc_server_free(http_options.data);
    shards_free(shards);
    arena_release(&arena);
    return 0;
}
