/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the server on two shards with threads, over TCP, with curl, nghttp and h2load as
 * clients. */
#include "base/test.h"
#include "fiber/fiber.h"
#include "http/http_server.h"

static void handle(struct call *call, struct http_exchange *exchange, void *data)
{
    struct str body;
    (void)data;
    struct status st = http_read_body(call, exchange, 16 * 1024 * 1024, &body);
    if (!failed(st)) st = fiber_sleep(call, 1000);
    if (failed(st))
        http_respond(call, exchange, 500, NULL, STR("failed"));
    else
        http_respond(call, exchange, 200, NULL, body.length > 0 ? body : STR("hello"));
}

/* Runs a command line, in which %s is the server's address; its output without white space at the
 * end. */
static const char *run(const char *format, const char *address)
{
    static char output[65536];
    char command[1024];
    const char *rest = strstr(format, "%s");

    snprintf(command, sizeof(command), "%.*s%s%s", (int)(rest - format), format, address, rest + 2);
    FILE *pipe = popen(command, "r");
    if (!pipe) return "";
    size_t size = fread(output, 1, sizeof(output) - 1, pipe);
    pclose(pipe);
    while (size > 0 && (output[size - 1] == '\n' || output[size - 1] == ' ')) size--;
    output[size] = 0;
    return output;
}

static void stop(void *data)
{
    shards_stop(data);
}

TEST(serves_curl_nghttp_and_h2load)
{
    if (system("command -v curl >/dev/null && command -v nghttp >/dev/null && "
               "command -v h2load >/dev/null") != 0)
        SKIP("curl, nghttp or h2load is not installed");
    struct arena arena;
    arena_init(&arena, 0);
    struct shards *shards = shards_new(2);
    struct http_server *server = http_server_new(
        &(struct http_server_options){.name = "tools", .handler = handle});
    CHECK_OK(http_server_listen(server, &arena, shards, "127.0.0.1:0"));
    shards_start(shards);
    const char *address = http_server_address(server);

    CHECK_STR(run("curl -s http://%s/", address), "hello");
    CHECK_STR(run("curl -s --http2-prior-knowledge http://%s/", address), "hello");
    CHECK_STR(run("curl -s -0 http://%s/", address), "hello");
    CHECK_STR(run("curl -sI http://%s/ | grep -c '^content-length: 5'", address), "1");
    CHECK_STR(
        run("head -c 3000000 /dev/zero | curl -s --data-binary @- http://%s/ | wc -c", address),
        "3000000");
    CHECK_STR(run("head -c 3000000 /dev/zero | curl -s --http2-prior-knowledge --data-binary @- "
                  "http://%s/ | wc -c",
                  address),
              "3000000");
    CHECK_STR(run("head -c 3000000 /dev/zero | curl -s -T - http://%s/ | wc -c", address),
              "3000000");
    CHECK_STR(run("nghttp http://%s/", address), "hello");
    CHECK_STR(
        run("h2load -n 2000 -c 8 -m 16 http://%s/ | grep -c '2000 succeeded, 0 failed'", address),
        "1");
    CHECK_STR(
        run("h2load --h1 -n 2000 -c 8 http://%s/ | grep -c '2000 succeeded, 0 failed'", address),
        "1");

    http_server_drain(server, 2000, stop, shards);
    shards_join(shards);
    http_server_free(server);
    shards_free(shards);
    arena_release(&arena);
}
