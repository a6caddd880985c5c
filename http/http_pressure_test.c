/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what happens to connections while memory is tight. */
#include "base/budget.h"
#include "http/http_connection.h"
#include "http/http_exchange.h"
#include "http/http_testing.h"

static struct http_connection *handled; /* NULL: no handler runs */
static struct fiber_wait release;

static void handle(struct call *call, struct http_exchange *exchange, void *data)
{
    (void)data;
    handled = exchange->connection;
    fiber_suspend_uncancellable(call, &release); /* like a job in a lane */
    handled = NULL;
}

/* The handler is about to run again, for the last time, when its closed connection is shed. */
static void play_shed_when_closed(struct call *call, struct shard *shard)
{
    struct http_server_options options = {.name = "pressed", .handler = handle};
    struct http_server *server = http_server_new(&options);
    struct budget_stats before, after;
    struct peer peer;

    budget_stats(&before);
    peer_open(&peer, shard, server);
    peer_send_text(&peer, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    while (!handled) EXPECT(!failed(fiber_sleep(call, 0)));
    const struct http_home *home = handled->home;
    peer_close(call, &peer);
    while (handled->stream) EXPECT(!failed(fiber_sleep(call, 1000)));
    fiber_wake(shard, &release);
    EXPECT(handled);
    budget_limit(1, 1);
    budget_relieve(&shard->memory);
    budget_limit(SIZE_MAX, 1);
    EXPECT(!handled);
    EXPECT(!failed(fiber_sleep(call, 10000)));
    EXPECT(!home->connections);
    budget_stats(&after);
    EXPECT(after.ending == before.ending);
    if (!home->connections) EXPECT(testing_end_server(call, server, 3000));
}

TEST(a_closed_connection_that_is_shed_is_freed)
{
    testing_run(play_shed_when_closed);
}
