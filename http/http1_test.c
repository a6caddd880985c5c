/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of HTTP/1.1 through the server, over a pipe in memory: valid and invalid requests, limits,
 * and deadlines.
 */
#include <malloc.h>

#include "http/http_testing.h"
#include "observe/metrics.h"

static _Atomic int sleeping; /* handlers of /sleep that have begun */

/* The handler: its response depends on the path. */
static void handle(struct call *call, struct http_exchange *exchange, void *data)
{
    const struct http_request *request = http_request(exchange);
    struct http_headers headers = {0};
    struct str body;

    (void)data;
    if (str_is(request->path, "/silent")) return;
    if (str_is(request->path, "/abort")) {
        http_abort(exchange, 0);
        return;
    }
    if (str_is(request->path, "/sleep")) {
        sleeping++;
        struct status st = fiber_sleep(call, 50 * 1000);
        http_respond(call, exchange, failed(st) ? 500 : 200, NULL, STR("slept"));
    } else if (str_is(request->path, "/stream")) {
        http_begin(call, exchange, 200, NULL);
        EXPECT(!failed(http_write(call, exchange, STR("hello "))));
        EXPECT(!failed(http_write(call, exchange, STR("world"))));
        struct http_headers trailers = {0};
        EXPECT(!failed(http_headers_add(call->arena, &trailers, STR("x-sum"), STR("11"))));
        http_finish(call, exchange, &trailers);
    } else if (str_is(request->path, "/nobody")) {
        http_respond(call, exchange, 204, NULL, STR(""));
    } else if (str_is(request->path, "/early")) {
        http_respond(call, exchange, 401, NULL, STR("no"));
    } else if (str_is(request->path, "/big")) {
        size_t size = 5 * 1024 * 1024;
        char *big = arena_alloc(call->arena, size);
        memset(big, 'b', size);
        http_respond(call, exchange, 200, NULL, str_sized(big, size));
    } else {
        struct status st = http_read_body(call, exchange, 8 * 1024 * 1024, &body);
        if (failed(st)) {
            http_respond(call, exchange, 400, NULL, str_of(st.message));
            return;
        }
        char *text = arena_printf(call->arena, "%.*s %.*s?%.*s host=%.*s body=%.*s;",
                                  STR_ARGS(request->method), STR_ARGS(request->path),
                                  STR_ARGS(request->query), STR_ARGS(request->authority),
                                  STR_ARGS(body));
        EXPECT(!failed(http_headers_add(call->arena, &headers, STR("x-test"), STR("yes"))));
        http_respond(call, exchange, 200, &headers, str_of(text));
    }
}

static struct http_server *new_server(const struct http_server_options *limits)
{
    struct http_server_options options = limits ? *limits : (struct http_server_options){0};
    options.name = "test";
    options.handler = handle;
    return http_server_new(&options);
}

/* Sends `request` on a new connection; the response must begin with `expected` (or contain it). */
static void exchange_once(struct call *call, struct http_server *server, const char *request,
                          const char *expected)
{
    struct peer peer;
    peer_open(&peer, call->shard, server);
    peer_send_text(&peer, request);
    bool came = peer_await(call, &peer, expected);
    if (!came)
        printf("  request: %s\n  expected: %s\n  received: %s\n", request, expected,
               peer_text(&peer));
    EXPECT(came);
    peer_close(call, &peer);
}

static void play_basics(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    (void)shard;
    exchange_once(call, server, "GET /a?b=c HTTP/1.1\r\nHost: shop\r\n\r\n",
                  "GET /a?b=c host=shop body=;");
    exchange_once(call, server, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n",
                  "content-length: 23\r\n\r\nGET /? host=shop body=;");
    exchange_once(call, server,
                  "GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\nConnection: close\r\n\r\n",
                  "host=[2001:db8::1]:80");
    exchange_once(call, server, "GET / HTTP/1.1\r\nHost: a_b%41.c:\r\n\r\n", "host=a_b%41.c:");
    exchange_once(call, server,
                  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 \t;a = "
                  "b\r\nhello\r\n0 ;c\r\n\r\n",
                  "body=hello;");
    exchange_once(call, server, "\r\nGET /a HTTP/1.1\r\nHOST:shop \r\n\r\n", "GET /a? host=shop");
    exchange_once(call, server, "GET http://other:80/a HTTP/1.1\r\nHost: shop\r\n\r\n",
                  "GET /a? host=other:80");
    exchange_once(call, server, "OPTIONS * HTTP/1.1\r\nHost: shop\r\n\r\n", "OPTIONS *? host=shop");
    exchange_once(call, server, "GET /a HTTP/1.0\r\n\r\n",
                  "connection: close\r\n\r\nGET /a? host= body=;");
    exchange_once(call, server, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                  "connection: keep-alive");
    exchange_once(call, server, "POST /p HTTP/1.1\r\nHost: s\r\nContent-Length: 5\r\n\r\nhello",
                  "body=hello;");
    exchange_once(call, server,
                  "POST /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: "
                  "Chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: v\r\n\r\n",
                  "body=hello!;");
    exchange_once(
        call, server, "GET /stream HTTP/1.1\r\nHost: s\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\nx-sum: 11\r\n\r\n");
    exchange_once(call, server, "GET /stream HTTP/1.0\r\n\r\n",
                  "connection: close\r\n\r\nhello world");
    exchange_once(call, server, "GET /nobody HTTP/1.1\r\nHost: s\r\n\r\n",
                  "HTTP/1.1 204 No Content\r\n");
    exchange_once(call, server, "GET /silent HTTP/1.1\r\nHost: s\r\n\r\n", "HTTP/1.1 500 ");

    struct peer peer; /* an aborted exchange sends nothing */
    peer_open(&peer, call->shard, server);
    peer_send_text(&peer, "GET /abort HTTP/1.1\r\nHost: s\r\n\r\n");
    EXPECT(peer_await_end(call, &peer) && peer.received.length == 0);
    peer_close(call, &peer);
    EXPECT(testing_end_server(call, server, 2000));
}

TEST(answers_valid_requests)
{
    testing_run(play_basics);
}

/* Each of these is malformed or ambiguous, and must be refused. */
static const char *const refused[][2] = {
    {"GET / HTTP/1.1\nHost: a\n\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX(: b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a]\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: [a]\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a%zz\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a%4\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n\r\n", "400"},
    {"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"GET x HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "400"},
    {"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"GET /\r\n\r\n", "400"},
    {"GET / http/1.1\r\nHost: a\r\n\r\n", "400"},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505"},
    {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", "505"},
    {"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "501"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: "
     "chunked\r\n\r\n0\r\n\r\n",
     "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: "
     "5\r\n\r\n0\r\n\r\n",
     "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nhello", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\nhello", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nhello", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", "400"},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "501"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0b"
     "chunked\r\n\r\n0\r\n\r\n",
     "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
     "identity\r\n\r\n",
     "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 1\r\n\r\n1", "417"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
     "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\rXhello\r\n0\r\n\r\n",
     "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXY0\r\n\r\n",
     "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n0\r\n\r\n",
     "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
     "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
     "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n",
     "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
     "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\nhello\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: "
     "5\r\n\r\n",
     "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX : 5\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 5\n\r\n", "400"},
};

static void play_refused(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    (void)shard;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct peer peer;
        char status[32];
        snprintf(status, sizeof(status), "HTTP/1.1 %s ", refused[i][1]);
        peer_open(&peer, call->shard, server);
        peer_send_text(&peer, refused[i][0]);
        bool closed = peer_await_end(call, &peer);
        const char *text = peer_text(&peer);
        bool right = closed && strncmp(text, status, strlen(status)) == 0 &&
                     strstr(text, "connection: close\r\n") && strstr(text, "{\"success\":false,") &&
                     peer_count(&peer, "date: ") == 1;
        if (!right) printf("  request %zu: %s\n  received: %s\n", i, refused[i][0], text);
        EXPECT(right);
        peer_close(call, &peer);
    }
    EXPECT(testing_end_server(call, server, 2000));
}

TEST(refuses_smuggling_and_malformed_forms)
{
    testing_run(play_refused);
}

static void play_malformed_chunk(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    struct peer peer;

    (void)shard;
    peer_open(&peer, call->shard, server);
    peer_send_text(&peer, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "5 \r\nhello\r\n0\r\n\r\n");
    EXPECT(peer_await_end(call, &peer));
    EXPECT(strstr(peer_text(&peer), "Transfer-Encoding with well-formed chunks"));
    peer_close(call, &peer);
    EXPECT(testing_end_server(call, server, 2000));
}

TEST(a_malformed_chunk_is_named_as_one)
{
    testing_run(play_malformed_chunk);
}

static void play_pipelining(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    struct peer peer;
    char requests[64 * 64];
    size_t size = 0;

    for (int i = 0; i < 64; i++)
        size += (size_t)snprintf(requests + size, sizeof(requests) - size,
                                 "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n",
                                 i % 16 == 3 ? "sleep" : "x");
    peer_open(&peer, shard, server);
    /* However the bytes are split, the responses are the same. */
    for (size_t sent = 0; sent < size; sent += 97) {
        peer_send(&peer, requests + sent, size - sent < 97 ? size - sent : 97);
        EXPECT(!failed(fiber_sleep(call, 1000)));
    }
    for (int i = 0; i < 100 && peer_count(&peer, "200 OK") < 64; i++)
        EXPECT(!failed(fiber_sleep(call, 10000)));
    EXPECT(peer_count(&peer, "200 OK") == 64);
    EXPECT(peer_count(&peer, "\r\n\r\nslept") == 4);
    peer_close(call, &peer);

    /* Half-closed after the requests: all are still answered. */
    peer_open(&peer, shard, server);
    peer_send_text(&peer,
                   "GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /last HTTP/1.1\r\nHost: a\r\n\r\n");
    stream_shutdown(peer.stream);
    EXPECT(peer_await(call, &peer, "GET /last?"));
    EXPECT(peer_await_end(call, &peer));
    peer_close(call, &peer);

    /* HEAD gets the length but no body, and the next request is read correctly. */
    peer_open(&peer, shard, server);
    peer_send_text(&peer, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: "
                          "a\r\n\r\nGET /y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT(peer_await_end(call, &peer));
    EXPECT(peer_count(&peer, "content-length: 22\r\n\r\nHTTP/1.1 200") == 1);
    EXPECT(peer_count(&peer, "chunked\r\n\r\nHTTP/1.1 200") == 1);
    EXPECT(peer_count(&peer, "GET /y?") == 1);
    peer_close(call, &peer);
    EXPECT(testing_end_server(call, server, 2000));
}

TEST(pipelines_and_keeps_alive)
{
    testing_run(play_pipelining);
}

static void play_bodies(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    struct peer peer;

    /* 100 Continue comes only when the handler reads. */
    peer_open(&peer, shard, server);
    peer_send_text(
        &peer, "POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    EXPECT(peer_await(call, &peer, "HTTP/1.1 100 Continue\r\n\r\n"));
    peer_send_text(&peer, "abc");
    EXPECT(peer_await(call, &peer, "body=abc;"));
    peer_close(call, &peer);

    peer_open(&peer, shard, server);
    peer_send_text(
        &peer,
        "POST /early HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    EXPECT(peer_await(call, &peer, "HTTP/1.1 401"));
    EXPECT(peer_await_end(call, &peer));
    EXPECT(peer_count(&peer, "100 Continue") == 0 && peer_count(&peer, "connection: close") == 1);
    peer_close(call, &peer);

    /* A small body that the handler has not read is discarded; the connection continues. */
    peer_open(&peer, shard, server);
    peer_send_text(&peer, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    EXPECT(peer_await(call, &peer, "HTTP/1.1 401"));
    peer_send_text(&peer, "defGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(peer_await(call, &peer, "GET /next?"));
    peer_close(call, &peer);

    /* Five MiB each way. */
    size_t size = 5 * 1024 * 1024;
    char *body = malloc(size);
    memset(body, 'x', size);
    peer_open(&peer, shard, server);
    peer_send_text(&peer, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5242880\r\n\r\n");
    peer_send(&peer, body, size);
    EXPECT(peer_await(call, &peer, "xxx;"));
    EXPECT(peer.received.length > size);
    peer_close(call, &peer);
    peer_open(&peer, shard, server);
    peer_send_text(&peer, "GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT(peer_await_end(call, &peer));
    EXPECT(peer.received.length > size && peer.received.length < size + 200);
    peer_close(call, &peer);
    free(body);
    EXPECT(testing_end_server(call, server, 2000));
}

TEST(moves_bodies_both_ways)
{
    testing_run(play_bodies);
}

static void play_limits(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(&(struct http_server_options){.header_size_max = 512,
                                                                          .body_size_max = 1000,
                                                                          .connections_max = 3,
                                                                          .header_timeout_ms = 60,
                                                                          .body_timeout_ms = 60,
                                                                          .idle_timeout_ms = 150});
    char long_request[1024], many[4096];
    struct peer peer, others[3];

    snprintf(long_request, sizeof(long_request), "GET /%0600d HTTP/1.1\r\nHost: a\r\n\r\n", 1);
    exchange_once(call, server, long_request, "HTTP/1.1 414 ");
    long_request[590] = 0; /* without an end of the head */
    exchange_once(call, server, long_request, "HTTP/1.1 414 ");
    snprintf(long_request, sizeof(long_request), "GET / HTTP/1.1\r\nHost: a\r\nX: %0600d\r\n\r\n",
             1);
    exchange_once(call, server, long_request, "HTTP/1.1 431 ");
    exchange_once(call, server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n",
                  "HTTP/1.1 413 ");
    snprintf(many, sizeof(many),
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
             "chunked\r\n\r\n3e9\r\n%01001d\r\n0\r\n\r\n",
             1);
    exchange_once(call, server, many, "HTTP/1.1 413 ");
    exchange_once(call, server, "GET / HT", "HTTP/1.1 408 ");
    exchange_once(call, server, "PRI * HT", "HTTP/1.1 408 ");
    exchange_once(call, server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
                  "HTTP/1.1 408 ");

    /* Idle: closed without a response. */
    peer_open(&peer, shard, server);
    EXPECT(peer_await_end(call, &peer));
    EXPECT(peer.received.length == 0);
    peer_close(call, &peer);
    EXPECT(!failed(fiber_sleep(call, 20000)));

    for (int i = 0; i < 3; i++) peer_open(&others[i], shard, server);
    peer_open(&peer, shard, server);
    peer_send_text(&peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(peer_await_end(call, &peer) && peer.received.length == 0);
    peer_close(call, &peer);
    for (int i = 0; i < 3; i++) peer_close(call, &others[i]);
    EXPECT(testing_end_server(call, server, 3000));
}

static bool exported(const char *line)
{
    struct buffer text;
    buffer_init(&text, 16 * 1024 * 1024);
    metrics_export(&text);
    buffer_append_byte(&text, 0);
    bool found = strstr(text.data, line) != NULL;
    buffer_release(&text);
    return found;
}

TEST(enforces_limits_and_deadlines)
{
    testing_run(play_limits);
    CHECK(exported("argosy_http_refused_total{server=\"test\",reason=\"header_too_large\"} 1\n"));
    CHECK(exported("argosy_http_refused_total{server=\"test\",reason=\"target_too_long\"} 2\n"));
    CHECK(exported("argosy_http_refused_total{server=\"test\",reason=\"body_too_large\"} 2\n"));
    CHECK(exported("argosy_http_refused_total{server=\"test\",reason=\"header_timeout\"} 2\n"));
    CHECK(exported("argosy_http_refused_total{server=\"test\",reason=\"body_timeout\"} 1\n"));
    CHECK(exported("argosy_http_refused_total{server=\"test\",reason=\"connections\"} 1\n"));
    CHECK(exported("argosy_http_connections{server=\"test\"} 0\n"));
    CHECK(exported("argosy_http_requests_running{server=\"test\"} 0\n"));
}

static bool was_cancelled;

static void handle_cancel(struct call *call, struct http_exchange *exchange, void *data)
{
    (void)exchange;
    (void)data;
    was_cancelled = fiber_sleep(call, 5 * 1000 * 1000).code == STATUS_CANCELLED;
}

static void play_cancel(struct call *call, struct shard *shard)
{
    struct http_server *server = http_server_new(
        &(struct http_server_options){.name = "test", .handler = handle_cancel});
    struct peer peer;
    peer_open(&peer, shard, server);
    peer_send_text(&peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(!failed(fiber_sleep(call, 20000)));
    peer_close(call, &peer);
    EXPECT(!failed(fiber_sleep(call, 20000)));
    EXPECT(was_cancelled);
    EXPECT(testing_end_server(call, server, 1000));
}

TEST(cancels_the_call_of_a_client_that_left)
{
    testing_run(play_cancel);
}

static void play_drain(struct call *call, struct shard *shard)
{
    struct http_server *server = new_server(NULL);
    struct drain_wait drain = {.shard = shard};
    struct peer idle, busy;
    int begun = sleeping;

    peer_open(&idle, shard, server);
    peer_open(&busy, shard, server);
    peer_send_text(&idle, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_send_text(&busy, "GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(peer_await(call, &idle, "GET /a?"));
    /* On a slow machine the first connection may have used up the share of their address. */
    while (sleeping == begun) EXPECT(!failed(fiber_sleep(call, 1000)));
    http_server_drain(server, 2000, drain_is_done, &drain);
    EXPECT(peer_await_end(call, &idle));
    EXPECT(!drain.done);
    EXPECT(peer_await(call, &busy, "connection: close\r\n\r\nslept"));
    EXPECT(peer_await_end(call, &busy));
    peer_close(call, &idle);
    peer_close(call, &busy);
    EXPECT(!failed(fiber_sleep(call, 20000)));
    EXPECT(drain.done);
    http_server_free(server);
}

TEST(drains)
{
    testing_run(play_drain);
}

/* There was room for the most shards that there may be, some hundred KiB for all listeners. */
TEST(a_server_holds_no_memory_for_shards_that_have_not_used_it)
{
    const struct http_server_options options = {.name = "unused", .handler = handle};
    struct http_server *first = http_server_new(&options); /* with the names of its metrics */
    struct mallinfo2 before = mallinfo2();
    struct http_server *second = http_server_new(&options);

    CHECK_INT(mallinfo2().uordblks - before.uordblks, <=, 4096);
    http_server_free(second);
    http_server_free(first);
}
