/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of HTTP/2 with our client and our server, over pipes in memory and over TCP. */
#include "http/http_testing.h"

enum { BIG = 5 * 1024 * 1024 };

static int running, running_most;
static struct fiber_wait outliving;

static void echo_stream(struct call *call, struct http_exchange *exchange)
{
    struct str piece;
    struct http_headers trailers = {0};

    http_begin(call, exchange, 200, NULL);
    for (;;) {
        struct status st = http_read(call, exchange, &piece);
        if (failed(st) || piece.length == 0) break;
        if (failed(http_write(call, exchange, piece))) break;
    }
    EXPECT(!failed(http_headers_add(call->arena, &trailers, STR("grpc-status"), STR("0"))));
    http_finish(call, exchange, &trailers);
}

static void handle(struct call *call, struct http_exchange *exchange, void *data)
{
    const struct http_request *request = http_request(exchange);
    struct str body;

    (void)data;
    if (str_is(request->path, "/echo")) {
        echo_stream(call, exchange);
    } else if (str_is(request->path, "/sleep")) {
        if (++running > running_most) running_most = running;
        struct status st = fiber_sleep(call, 50 * 1000);
        running--;
        http_respond(call, exchange, failed(st) ? 499 : 200, NULL, STR("slept"));
    } else if (str_is(request->path, "/hang")) {
        running++;
        struct status st = fiber_sleep(call, 5 * 1000 * 1000);
        EXPECT(st.code == STATUS_CANCELLED);
        running--;
    } else if (str_is(request->path, "/outlive")) {
        running++;
        fiber_suspend_uncancellable(call, &outliving);
        EXPECT(strcmp(request->peer, "127.0.0.1") == 0);
        running--;
    } else if (str_is(request->path, "/abort")) {
        http_abort(exchange, 11);
    } else if (str_is(request->path, "/big")) {
        char *big = arena_alloc(call->arena, BIG);
        memset(big, 'b', BIG);
        http_respond(call, exchange, 200, NULL, str_sized(big, BIG));
    } else if (str_is(request->path, "/unary")) {
        struct http_headers trailers = {0};
        EXPECT(!failed(http_read_body(call, exchange, BIG, &body)));
        EXPECT(!failed(http_headers_add(call->arena, &trailers, STR("grpc-status"), STR("0"))));
        http_respond_trailers(call, exchange, 200, NULL, body, &trailers);
    } else if (!str_is(request->path, "/silent")) {
        EXPECT(!failed(http_read_body(call, exchange, 2 * BIG, &body)));
        const char *text = arena_printf(call->arena, "%.*s %.*s %zu", STR_ARGS(request->method),
                                        STR_ARGS(request->path), body.length);
        http_respond(call, exchange, 200, NULL, str_of(text));
    }
}

static struct http_server *new_server(const struct http_server_options *limits)
{
    struct http_server_options options = limits ? *limits : (struct http_server_options){0};
    options.name = "test2";
    options.handler = handle;
    return http_server_new(&options);
}

static struct http_client *connect_pair(struct shard *shard, struct http_server *server)
{
    struct stream *ends[2];
    stream_pair(shard, ends);
    http_server_accept(server, ends[1]);
    return http_client_over(shard, ends[0]);
}

static struct status open_get(struct call *call, struct http_client *client, const char *path,
                              bool end, struct http_exchange **ret_exchange)
{
    struct http_request request = {.method = end ? STR("GET") : STR("POST"),
                                   .target = str_of(path)};
    return http_client_open(call, client, &request, end, ret_exchange);
}

/* Makes a whole request and returns the response's status and body; status 0 when it failed. */
static int ask(struct call *call, struct http_client *client, const char *path, struct str body,
               struct str *ret_body)
{
    struct http_exchange *exchange;
    const struct http_headers *headers;
    int http_status = 0;

    struct status st = open_get(call, client, path, body.length == 0, &exchange);
    if (failed(st)) return 0;
    if (body.length > 0) st = http_write(call, exchange, body);
    if (!failed(st)) http_finish(call, exchange, NULL);
    if (!failed(st)) st = http_read_head(call, exchange, &http_status, &headers);
    if (!failed(st)) st = http_read_body(call, exchange, 2 * BIG, ret_body);
    http_client_close(exchange);
    return failed(st) ? 0 : http_status;
}

static void play_basics(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    struct http_client *client = connect_pair(shard, server);
    struct str body;

    EXPECT(ask(call, client, "/a?b", STR(""), &body) == 200);
    EXPECT(str_is(body, "GET /a 0"));
    EXPECT(ask(call, client, "/a", STR("12345"), &body) == 200);
    EXPECT(str_is(body, "POST /a 5"));
    EXPECT(ask(call, client, "/silent", STR(""), &body) == 500);
    char *big = arena_alloc(call->arena, BIG);
    memset(big, 'x', BIG);
    EXPECT(ask(call, client, "/a", str_sized(big, BIG), &body) == 200);
    EXPECT(str_is(body, "POST /a 5242880"));
    EXPECT(ask(call, client, "/big", STR(""), &body) == 200);
    EXPECT(body.length == BIG && body.data[BIG - 1] == 'b');
    EXPECT(ask(call, client, "/unary", str_sized(big, 100000), &body) == 200);
    EXPECT(body.length == 100000);
    http_client_free(client);
    EXPECT(testing_end_server(call, server, 2000));
}

TEST(carries_requests_and_large_bodies_both_ways)
{
    testing_run(play_basics);
}

static void play_streaming(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    struct http_client *client = connect_pair(shard, server);
    struct http_exchange *exchange;
    const struct http_headers *headers;
    struct str piece;
    int http_status;

    EXPECT(!failed(open_get(call, client, "/echo", false, &exchange)));
    EXPECT(!failed(http_read_head(call, exchange, &http_status, &headers)) && http_status == 200);
    for (int i = 0; i < 100; i++) {
        EXPECT(!failed(http_write(call, exchange, STR("ping"))));
        EXPECT(!failed(http_read(call, exchange, &piece)));
        EXPECT(str_is(piece, "ping"));
    }
    EXPECT(http_trailers(exchange) == NULL);
    http_finish(call, exchange, NULL);
    EXPECT(!failed(http_read(call, exchange, &piece)) && piece.length == 0);
    EXPECT(http_trailers(exchange) &&
           str_is(http_headers_get(http_trailers(exchange), "grpc-status"), "0"));
    http_client_close(exchange);

    /* Without a reader the window closes, and the writer waits. */
    EXPECT(!failed(open_get(call, client, "/echo", false, &exchange)));
    char *chunk = arena_alloc(call->arena, 65536);
    memset(chunk, 'c', 65536);
    struct call patience;
    struct status st = status_ok();
    size_t sent = 0;
    call_init_child(&patience, call, 200);
    while (!failed(st) && sent < (size_t)64 * 1024 * 1024) {
        st = http_write(&patience, exchange, str_sized(chunk, 65536));
        sent += 65536;
    }
    EXPECT(st.code == STATUS_DEADLINE_EXCEEDED);
    EXPECT(sent < (size_t)4 * 1024 * 1024);
    http_client_close(exchange);
    EXPECT(ask(call, client, "/a", STR(""), &piece) == 200);
    http_client_free(client);
    EXPECT(testing_end_server(call, server, 2000));
}

TEST(streams_under_flow_control)
{
    testing_run(play_streaming);
}

struct asker {
    struct http_client *client;
    const char *path;
    int good;
};

static void ask_one(struct call *call, void *data)
{
    struct asker *asker = data;
    struct str body;
    if (ask(call, asker->client, asker->path, STR(""), &body) == 200) asker->good++;
}

static void play_concurrency(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(&(struct http_server_options){.streams_max = 20});
    struct asker asker = {.client = connect_pair(shard, server), .path = "/sleep"};
    struct fiber_group group = {0};
    struct str body;

    running = running_most = 0;
    EXPECT(ask(call, asker.client, "/a", STR(""), &body) == 200); /* SETTINGS have arrived */
    for (int i = 0; i < 100; i++) EXPECT(!failed(fiber_group_start(call, &group, ask_one, &asker)));
    fiber_group_wait(call, &group);
    EXPECT(asker.good == 100);
    EXPECT(running_most == 20);
    http_client_free(asker.client);
    EXPECT(testing_end_server(call, server, 2000));
}

TEST(keeps_to_the_peers_concurrent_streams)
{
    testing_run(play_concurrency);
}

static void play_lost_turn(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(&(struct http_server_options){.streams_max = 1});
    struct http_client *client = connect_pair(shard, server);
    struct asker first = {.client = client, .path = "/a"}, second = first;
    struct fiber_group cancelled = {0}, next = {0};
    struct http_exchange *exchange;
    const struct http_headers *headers;
    struct call patience;
    struct str body;
    int http_status = 0;

    EXPECT(ask(call, client, "/a", STR(""), &body) == 200); /* SETTINGS have arrived */
    call_init_child(&patience, call, 3000);
    EXPECT(!failed(open_get(call, client, "/sleep", true, &exchange)));
    EXPECT(!failed(fiber_group_start(&patience, &cancelled, ask_one, &first)));
    EXPECT(!failed(fiber_group_start(&patience, &next, ask_one, &second)));
    EXPECT(!failed(http_read_head(call, exchange, &http_status, &headers)));
    /* Later in this turn the free stream is offered to the first waiter in the line. */
    fiber_group_cancel(&cancelled);
    fiber_group_wait(call, &next);
    fiber_group_wait(call, &cancelled);
    EXPECT(http_status == 200 && first.good == 0 && second.good == 1);
    http_client_close(exchange);
    http_client_free(client);
    EXPECT(testing_end_server(call, server, 2000));
}

TEST(a_call_cancelled_in_the_turn_that_wakes_it_passes_its_stream_on)
{
    testing_run(play_lost_turn);
}

static void play_resets(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    struct http_client *client = connect_pair(shard, server);
    struct http_exchange *exchange;
    const struct http_headers *headers;
    struct call patience;
    struct str body;
    int http_status;

    running = 0;
    EXPECT(!failed(open_get(call, client, "/hang", true, &exchange)));
    call_init_child(&patience, call, 30);
    EXPECT(http_read_head(&patience, exchange, &http_status, &headers).code ==
           STATUS_DEADLINE_EXCEEDED);
    EXPECT(running == 1);
    http_client_close(exchange);
    EXPECT(!failed(fiber_sleep(call, 20000)));
    EXPECT(running == 0);

    EXPECT(!failed(open_get(call, client, "/abort", true, &exchange)));
    EXPECT(http_read_head(call, exchange, &http_status, &headers).code ==
           STATUS_RESOURCE_EXHAUSTED);
    http_client_close(exchange);
    EXPECT(ask(call, client, "/a", STR(""), &body) == 200);

    /* The client goes while requests run. */
    EXPECT(!failed(open_get(call, client, "/hang", true, &exchange)));
    EXPECT(!failed(fiber_sleep(call, 20000)));
    http_client_free(client);
    EXPECT(http_read_head(call, exchange, &http_status, &headers).code == STATUS_UNAVAILABLE);
    http_client_close(exchange);
    EXPECT(!failed(fiber_sleep(call, 20000)));
    EXPECT(running == 0);
    EXPECT(testing_end_server(call, server, 2000));
}

TEST(cancels_by_reset_and_by_loss)
{
    testing_run(play_resets);
}

static void play_drain(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    struct drain_wait drain = {.shard = shard};
    struct http_client *client = connect_pair(shard, server);
    struct asker asker = {.client = client, .path = "/sleep"};
    struct fiber_group group = {0};
    struct str body;

    EXPECT(!failed(fiber_group_start(call, &group, ask_one, &asker)));
    EXPECT(!failed(fiber_sleep(call, 10000)));
    http_server_drain(server, 2000, drain_is_done, &drain);
    EXPECT(!failed(fiber_sleep(call, 5000)));
    EXPECT(!drain.done);
    fiber_group_wait(call, &group);
    EXPECT(asker.good == 1);
    while (!drain.done) fiber_suspend_uncancellable(call, &drain.wait);
    EXPECT(ask(call, client, "/a", STR(""), &body) == 0);
    EXPECT(!http_client_usable(client));
    http_client_free(client);
    EXPECT(!failed(fiber_sleep(call, 20000)));
    http_server_free(server);
}

TEST(drains_in_two_steps)
{
    testing_run(play_drain);
}

static void play_reconnect(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    char address[STREAM_ADDRESS_SIZE];
    struct str body;

    EXPECT(!failed(http_server_listen(server, call->arena, shard->shards, "127.0.0.1:0")));
    snprintf(address, sizeof(address), "%s", http_server_address(server));
    struct http_client *client = http_client_new(shard, address);
    EXPECT(http_client_usable(client));
    EXPECT(ask(call, client, "/a", STR(""), &body) == 200);
    EXPECT(testing_end_server(call, server, 2000));
    EXPECT(ask(call, client, "/a", STR(""), &body) == 0);
    EXPECT(!http_client_usable(client));
    server = new_server(NULL);
    EXPECT(!failed(http_server_listen(server, call->arena, shard->shards, address)));
    bool again = false;
    for (int i = 0; i < 100 && !again; i++) {
        again = ask(call, client, "/a", STR(""), &body) == 200;
        if (!again) EXPECT(!failed(fiber_sleep(call, 10000)));
    }
    EXPECT(again);
    http_client_free(client);
    EXPECT(testing_end_server(call, server, 2000));
}

static void play_outlive(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    struct fiber_group group = {0};

    EXPECT(!failed(http_server_listen(server, call->arena, shard->shards, "127.0.0.1:0")));
    struct http_client *client = http_client_new(shard, http_server_address(server));
    struct asker asker = {.client = client, .path = "/outlive"};
    EXPECT(!failed(fiber_group_start(call, &group, ask_one, &asker)));
    while (running == 0) EXPECT(!failed(fiber_sleep(call, 1000)));
    http_client_free(client);
    fiber_group_wait(call, &group);
    EXPECT(!failed(fiber_sleep(call, 20000)));
    EXPECT(running == 1);
    fiber_wake(shard, &outliving);
    EXPECT(testing_end_server(call, server, 2000));
    EXPECT(running == 0);
}

/* The log line of a call used the peer's name after it had been freed with the connection. */
TEST(a_handler_that_outlives_its_connection_knows_its_peer)
{
    testing_run(play_outlive);
}

/* A caller that is woken with an error may free the client at once. */
static void play_free_when_refused(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    struct http_client *client;
    struct str body;

    EXPECT(!failed(http_server_listen(server, call->arena, shard->shards, "127.0.0.1:0")));
    client = http_client_new(shard, http_server_address(server));
    EXPECT(testing_end_server(call, server, 2000));
    EXPECT(ask(call, client, "/a", STR(""), &body) == 0);
    http_client_free(client);
}

TEST(a_client_may_be_freed_when_its_connection_is_refused)
{
    testing_run(play_free_when_refused);
}

TEST(connects_again_after_backing_off)
{
    testing_run(play_reconnect);
}
