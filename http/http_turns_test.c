/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of how clients take turns at a shard (base/share.h). A clock that the handler moves makes
 * requests expensive; what is checked is the order in which they are served. */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/share.h"
#include "http/http_testing.h"

enum {
    COST_US = SHARE_US / 5,
    IN_ONE_TURN = SHARE_US / COST_US,
    REQUESTS = 100,
    CONNECTIONS = 20,
};

static int64_t worked_us; /* by handlers */

static int64_t system_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t moved_now_us(void)
{
    return system_us(CLOCK_REALTIME) + worked_us;
}

static int64_t moved_monotonic_us(void)
{
    return system_us(CLOCK_MONOTONIC) + worked_us;
}

static int greedy_handled, greedy_before; /* requests of the greedy client: all, and those that
                                           * were handled before the other's */
static bool other_handled;

static void work(struct call *call, struct http_exchange *exchange, void *data)
{
    (void)data;
    worked_us += COST_US;
    if (str_is(http_request(exchange)->path, "/other")) {
        other_handled = true;
        greedy_before = greedy_handled;
    } else {
        greedy_handled++;
    }
    http_respond(call, exchange, 200, NULL, STR("0123456789"));
}

static struct http_server *new_working_server(void)
{
    struct http_server_options options = {.name = "turns", .handler = work};

    greedy_handled = greedy_before = 0;
    other_handled = false;
    return http_server_new(&options);
}

static void run_with_moved_clock(void (*play)(struct call *call, struct shard *shard))
{
    clock_set_source(moved_now_us, moved_monotonic_us);
    testing_run(play);
    clock_set_source(NULL, NULL);
}

/* Many requests at once, in HTTP/1.1 and as streams of HTTP/2. */
static void put_pipelined(struct buffer *out)
{
    buffer_init(out, 64 * 1024);
    for (int i = 0; i < REQUESTS; i++)
        buffer_append_str(out, STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
}

static void put_streams(struct buffer *out)
{
    buffer_init(out, 64 * 1024);
    buffer_append_str(out, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    buffer_append(out, "\0\0\0\4\0\0\0\0\0", 9); /* SETTINGS */
    for (int i = 0; i < REQUESTS; i++) {
        buffer_append(out, "\0\0\6\1\5\0\0\0", 8); /* HEADERS that end the request */
        buffer_append_byte(out, (char)(2 * i + 1));
        buffer_append_str(out, STR("\x82\x86\x84\x41\x01"
                                   "a")); /* GET http://a/ */
    }
}

/* A client of an address of its own, whose requests are in the server's socket when this returns. */
static int connect_from(const char *source, int port, struct str requests)
{
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, source, &from.sin_addr);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)port);
    EXPECT(bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0);
    EXPECT(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    EXPECT(send(fd, requests.data, requests.length, MSG_NOSIGNAL) == (ssize_t)requests.length);
    return fd;
}

/* One client has many connections with many requests each; another one sends a single request
 * after all of them. It is accepted in one pass of the loop, and served in one of the next. */
static void play_addresses(struct call *call, struct shard *shard)
{
    struct http_server *server = new_working_server();
    int greedy[CONNECTIONS], other;
    struct buffer requests;

    put_pipelined(&requests);
    EXPECT(!failed(http_server_listen(server, call->arena, shard->shards, "127.0.0.1:0")));
    int port = (int)strtol(strrchr(http_server_address(server), ':') + 1, NULL, 10);
    for (int i = 0; i < CONNECTIONS; i++)
        greedy[i] = connect_from("127.0.0.1", port, buffer_str(&requests));
    other = connect_from("127.0.0.2", port, STR("GET /other HTTP/1.1\r\nHost: a\r\n\r\n"));
    for (int i = 0; i < 1000 && !other_handled; i++) EXPECT(!failed(fiber_sleep(call, 0)));
    EXPECT(other_handled);
    EXPECT(greedy_before <= 2 * IN_ONE_TURN);
    for (int i = 0; i < CONNECTIONS; i++) close(greedy[i]);
    close(other);
    buffer_release(&requests);
    EXPECT(
        testing_end_server(call, server, 3000 + (int64_t)CONNECTIONS * REQUESTS * COST_US / 1000));
}

TEST(an_address_with_many_requests_does_not_hold_up_another)
{
    run_with_moved_clock(play_addresses);
}

/* The same between two connections of one address. */
static void play_connections(struct call *call, struct shard *shard,
                             void (*put)(struct buffer *out))
{
    struct http_server *server = new_working_server();
    struct peer greedy, other;
    struct buffer requests;

    put(&requests);
    peer_open(&greedy, shard, server);
    peer_open(&other, shard, server);
    EXPECT(!failed(fiber_sleep(call, 1000))); /* new connections wait for the next round of turns */
    peer_send(&greedy, requests.data, requests.length);
    peer_send_text(&other, "GET /other HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(peer_await(call, &other, "0123456789"));
    EXPECT(greedy_before > 0 && greedy_before <= IN_ONE_TURN);
    while (greedy_handled < REQUESTS && !greedy.ended)
        EXPECT(!failed(fiber_suspend(call, &greedy.wait)));
    EXPECT(greedy_handled == REQUESTS);
    peer_close(call, &greedy);
    peer_close(call, &other);
    buffer_release(&requests);
    EXPECT(testing_end_server(call, server, 3000));
}

static void play_pipelined(struct call *call, struct shard *shard)
{
    play_connections(call, shard, put_pipelined);
}

TEST(a_connection_with_many_requests_does_not_hold_up_another_of_its_address)
{
    run_with_moved_clock(play_pipelined);
}

static void play_streams(struct call *call, struct shard *shard)
{
    play_connections(call, shard, put_streams);
}

TEST(a_connection_with_many_streams_does_not_hold_up_another_of_its_address)
{
    run_with_moved_clock(play_streams);
}
