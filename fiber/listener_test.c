/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of listening and connecting, over several shards. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/test.h"
#include "fiber/address.h"
#include "fiber/descriptors.h"
#include "fiber/fiber.h"
#include "fiber/stream.h"

enum { SHARDS = 3, CONNECTIONS = 300, TIMEOUT_MS = 10000 };

static void nothing_accepted(void *owner, struct stream *stream)
{
    EXPECT(false);
    stream_close(stream);
}

TEST(bad_addresses_are_refused_with_advice)
{
    static const char *const bad[] = {"",         "127.0.0.1",    "127.0.0.1:",      ":8000",
                                      "::1:8000", "127.0.0.1:-1", "127.0.0.1:65536", "1.2.3:80",
                                      "[::1]",    "a b:1",        "127.0.0.1:8000x"};
    struct shards *shards = shards_new(1);
    struct listener *listener = 0;
    struct arena arena;

    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct status st = listener_new(&arena, shards, bad[i], nothing_accepted, 0, &listener);
        CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
        CHECK(strstr(st.message, "127.0.0.1:8000"));
        CHECK(!listener);
    }
    arena_release(&arena);
    shards_free(shards);
}

TEST(an_address_in_use_is_named_even_if_this_program_has_it)
{
    struct shards *shards = shards_new(2);
    struct listener *listener, *second = 0;
    struct arena arena;
    struct status st;

    arena_init(&arena, 0);
    CHECK_OK(listener_new(&arena, shards, "127.0.0.1:0", nothing_accepted, 0, &listener));
    CHECK(listener_port(listener) > 0);
    CHECK(listener_is_loopback(listener));
    st = listener_new(&arena, shards, listener_address(listener), nothing_accepted, 0, &second);
    CHECK_INT(st.code, ==, STATUS_FAILED_PRECONDITION);
    CHECK(strstr(st.message, listener_address(listener)) && strstr(st.message, "is in use"));
    CHECK(!second);
    listener_free(listener);
    arena_release(&arena);
    shards_free(shards);
}

TEST(addresses_of_other_machines_are_refused)
{
    struct shards *shards = shards_new(1);
    struct listener *listener = 0;
    struct arena arena;
    struct status st;

    arena_init(&arena, 0);
    st = listener_new(&arena, shards, "192.0.2.1:0", nothing_accepted, 0, &listener);
    CHECK_INT(st.code, ==, STATUS_FAILED_PRECONDITION);
    CHECK(strstr(st.message, "does not have that address"));
    arena_release(&arena);
    shards_free(shards);
}

/* Every connection sends one byte and gets one back from the shard that accepted it. */
struct counts {
    atomic_int accepted[SHARDS];
    atomic_int closed;
};

struct echo {
    struct stream *stream;
    struct counts *counts;
};

static void echo_data(void *owner, const uint8_t *data, size_t size)
{
    struct echo *echo = owner;
    struct iovec part = {(void *)data, size};

    stream_write(echo->stream, &part, 1);
}

static void echo_end(void *owner)
{
    struct echo *echo = owner;

    stream_close(echo->stream);
}

static void echo_drain(void *owner)
{
}

static void echo_close(void *owner, int error)
{
    struct echo *echo = owner;

    atomic_fetch_add(&echo->counts->closed, 1);
    free(echo);
}

static const struct stream_events echo_events = {echo_data, echo_end, echo_drain, echo_close};

static void echo_accept(void *owner, struct stream *stream)
{
    struct counts *counts = owner;
    struct echo *echo = calloc(1, sizeof(*echo));

    echo->stream = stream;
    echo->counts = counts;
    EXPECT(strcmp(stream_peer(stream), "127.0.0.1") == 0 ||
           strcmp(stream_peer(stream), "::1") == 0);
    atomic_fetch_add(&counts->accepted[stream_shard(stream)->index], 1);
    stream_start(stream, &echo_events, echo);
}

/* A client: connects, sends a byte, waits for it to come back, closes. */
struct client {
    struct shard *shard;
    struct stream *stream;
    struct fiber_wait wait;
    int error;
    bool answered, got, closed;
};

static void client_data(void *owner, const uint8_t *data, size_t size)
{
    struct client *client = owner;

    EXPECT(size == 1 && data[0] == '!');
    client->got = true;
    fiber_wake(client->shard, &client->wait);
}

static void client_end(void *owner)
{
}

static void client_close(void *owner, int error)
{
    struct client *client = owner;

    client->closed = true;
    fiber_wake(client->shard, &client->wait);
}

static const struct stream_events client_events = {client_data, client_end, client_end,
                                                   client_close};

static void client_connected(void *data, struct stream *stream, int error)
{
    struct client *client = data;

    EXPECT(!client->answered && (stream == 0) == (error != 0));
    client->answered = true;
    client->stream = stream;
    client->error = error;
    if (stream) stream_start(stream, &client_events, client);
    fiber_wake(client->shard, &client->wait);
}

static void await(struct call *call, struct client *client, const bool *flag)
{
    while (!*flag && !failed(call_check(call))) EXPECT(!failed(fiber_suspend(call, &client->wait)));
}

static void visit(struct call *call, void *data)
{
    struct client client = {.shard = call->shard};
    struct iovec part = {(char[]){"!"}, 1};

    stream_connect(call->shard, data, TIMEOUT_MS, client_connected, &client);
    EXPECT(!client.answered);
    await(call, &client, &client.answered);
    EXPECT(client.error == 0);
    if (!client.stream) return;
    stream_write(client.stream, &part, 1);
    await(call, &client, &client.got);
    stream_close(client.stream);
    await(call, &client, &client.closed);
}

struct visits {
    const char *address;
    struct counts *counts;
};

static void visit_often(struct call *call, void *data)
{
    struct visits *visits = data;
    struct fiber_group group = {0};

    call_limit(call, TIMEOUT_MS);
    for (int i = 0; i < CONNECTIONS; i++)
        EXPECT(!failed(fiber_group_start(call, &group, visit, (void *)visits->address)));
    fiber_group_wait(call, &group);
    while (atomic_load(&visits->counts->closed) < CONNECTIONS && !failed(call_check(call)))
        EXPECT(!failed(fiber_sleep(call, 1000)));
    shards_stop(call->shard->shards);
}

static void serve_and_visit(const char *address)
{
    struct shards *shards = shards_new(SHARDS);
    struct counts counts = {0};
    struct visits visits = {.counts = &counts};
    struct listener *listener;
    struct arena arena;
    int sum = 0;

    arena_init(&arena, 0);
    CHECK_OK(listener_new(&arena, shards, address, echo_accept, &counts, &listener));
    visits.address = listener_address(listener);
    fiber_post(shards_at(shards, 0), visit_often, 0, &visits);
    shards_run(shards);
    for (int i = 0; i < SHARDS; i++) {
        CHECK(atomic_load(&counts.accepted[i]) > 0);
        sum += atomic_load(&counts.accepted[i]);
    }
    CHECK_INT(sum, ==, CONNECTIONS);
    CHECK_INT(atomic_load(&counts.closed), ==, CONNECTIONS);
    listener_free(listener);
    shards_free(shards);
    arena_release(&arena);
}

TEST(port_0_is_one_port_that_all_shards_share)
{
    serve_and_visit("127.0.0.1:0");
}

TEST(ipv6_works_where_the_machine_has_it)
{
    struct sockaddr_storage address;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has_it;

    CHECK(address_from_ip("::1", 0, &address));
    has_it = fd >= 0 && bind(fd, (struct sockaddr *)&address, address_size(&address)) == 0;
    if (fd >= 0) close(fd);
    if (!has_it) SKIP("no IPv6 loopback on this machine");
    serve_and_visit("[::1]:0");
}

/* Runs fn as the fiber of a single shard. */
struct main_fiber {
    void (*fn)(struct call *call);
};

static void run_main(struct call *call, void *data)
{
    struct main_fiber *main_fiber = data;

    call_limit(call, TIMEOUT_MS);
    main_fiber->fn(call);
    EXPECT(!failed(call_check(call)));
    shards_stop(call->shard->shards);
}

static void run(void (*fn)(struct call *call))
{
    struct main_fiber main_fiber = {fn};
    struct shards *shards = shards_new(1);

    fiber_post(shards_at(shards, 0), run_main, 0, &main_fiber);
    shards_run(shards);
    shards_free(shards);
}

static int connect_error(struct call *call, const char *address, int64_t timeout_ms)
{
    struct client client = {.shard = call->shard};

    stream_connect(call->shard, address, timeout_ms, client_connected, &client);
    EXPECT(!client.answered);
    await(call, &client, &client.answered);
    EXPECT(!client.stream);
    return client.error;
}

/* A port that nobody listens on. */
static void free_port(char ret_text[ADDRESS_TEXT_SIZE])
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    EXPECT(address_from_ip("localhost", 0, &address));
    EXPECT(bind(fd, (struct sockaddr *)&address, address_size(&address)) == 0);
    EXPECT(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    address_format(&address, ret_text);
    close(fd);
}

static void refused(struct call *call)
{
    char address[ADDRESS_TEXT_SIZE];

    free_port(address);
    EXPECT(connect_error(call, address, TIMEOUT_MS) == UV_ECONNREFUSED);
    EXPECT(connect_error(call, "nonsense", TIMEOUT_MS) == UV_EINVAL);
    EXPECT(connect_error(call, "no-such-host.invalid:80", TIMEOUT_MS) < 0);
}

TEST(a_failed_attempt_says_why_in_a_later_turn)
{
    run(refused);
}

/* A socket that listens, never accepts, and whose queue is full: the kernel drops further attempts.
 */
static void fill_backlog(int *ret_fd, int clients[2], char ret_text[ADDRESS_TEXT_SIZE])
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);

    *ret_fd = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT(address_from_ip("127.0.0.1", 0, &address));
    EXPECT(bind(*ret_fd, (struct sockaddr *)&address, address_size(&address)) == 0);
    EXPECT(listen(*ret_fd, 0) == 0);
    EXPECT(getsockname(*ret_fd, (struct sockaddr *)&address, &size) == 0);
    address_format(&address, ret_text);
    for (int i = 0; i < 2; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(clients[i], (struct sockaddr *)&address, address_size(&address));
    }
}

static void timed_out_and_cancelled(struct call *call)
{
    char address[ADDRESS_TEXT_SIZE];
    struct client client = {.shard = call->shard};
    int fd, clients[2];

    fill_backlog(&fd, clients, address);
    EXPECT(connect_error(call, address, 20) == UV_ETIMEDOUT);
    stream_connect_cancel(
        stream_connect(call->shard, address, TIMEOUT_MS, client_connected, &client));
    stream_connect_cancel(
        stream_connect(call->shard, "nonsense", TIMEOUT_MS, client_connected, &client));
    EXPECT(!failed(fiber_sleep(call, 20000)));
    EXPECT(!client.answered);
    for (int i = 0; i < 2; i++) close(clients[i]);
    close(fd);
}

TEST(an_attempt_ends_by_its_timeout_or_by_being_cancelled)
{
    run(timed_out_and_cancelled);
}

static void attempt_and_stop(struct call *call)
{
    static struct client client;
    char address[ADDRESS_TEXT_SIZE];
    int fd, clients[2];

    client = (struct client){.shard = call->shard};
    fill_backlog(&fd, clients, address);
    stream_connect(call->shard, address, TIMEOUT_MS, client_connected, &client);
    shards_stop(call->shard->shards);
    call->deadline_us = CALL_NO_DEADLINE;
    while (!client.answered) fiber_suspend_uncancellable(call, &client.wait);
    EXPECT(client.error == UV_ECANCELED);
    call->cancelled = false;
    for (int i = 0; i < 2; i++) close(clients[i]);
    close(fd);
}

TEST(a_stop_ends_attempts)
{
    run(attempt_and_stop);
}

struct closed_listener {
    struct listener *listener;
    struct shards *shards;
};

static void close_and_try(struct call *call, void *data)
{
    struct closed_listener *closed_listener = data;
    struct client client = {.shard = call->shard};
    struct iovec part = {(char[]){"!"}, 1};
    char by_name[ADDRESS_TEXT_SIZE];

    snprintf(by_name, sizeof(by_name), "localhost:%d", listener_port(closed_listener->listener));
    visit(call, by_name);
    stream_connect(call->shard, by_name, TIMEOUT_MS, client_connected, &client);
    await(call, &client, &client.answered);
    /* A connection that no shard has taken yet would end with the listener. */
    stream_write(client.stream, &part, 1);
    await(call, &client, &client.got);
    client.got = false;
    listener_close(closed_listener->listener);
    listener_close(closed_listener->listener);
    EXPECT(!failed(fiber_sleep(call, 20000)));
    EXPECT(connect_error(call, listener_address(closed_listener->listener), TIMEOUT_MS) ==
           UV_ECONNREFUSED);
    /* The stream that was open stays so. */
    EXPECT(!client.closed);
    stream_write(client.stream, &part, 1);
    await(call, &client, &client.got);
    stream_close(client.stream);
    await(call, &client, &client.closed);
    shards_stop(closed_listener->shards);
}

TEST(a_closed_listener_accepts_no_more_and_leaves_open_streams_alone)
{
    struct counts counts = {0};
    struct closed_listener closed_listener = {.shards = shards_new(2)};
    struct arena arena;

    arena_init(&arena, 0);
    CHECK_OK(listener_new(&arena, closed_listener.shards, "localhost:0", echo_accept, &counts,
                          &closed_listener.listener));
    fiber_post(shards_at(closed_listener.shards, 0), close_and_try, 0, &closed_listener);
    shards_run(closed_listener.shards);
    listener_close(closed_listener.listener);
    listener_free(closed_listener.listener);
    shards_free(closed_listener.shards);
    arena_release(&arena);
}

/* Opens `count` connections to the port; they stay open until the process ends or they are closed. */
static void connect_many(int port, int *fds, int count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < count; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_INT(connect(fds[i], (struct sockaddr *)&address, sizeof(address)), ==, 0);
    }
}

struct scarce {
    struct listener *listener;
    struct stream *streams[8];
    int accepted, full;
};

static void scarce_on_data(void *owner, const uint8_t *data, size_t size)
{
    (void)owner;
    (void)data;
    (void)size;
}

static void scarce_on_nothing(void *owner)
{
    (void)owner;
}

static void scarce_on_close(void *owner, int error)
{
    (void)owner;
    (void)error;
}

static const struct stream_events scarce_stream = {.on_data = scarce_on_data,
                                                   .on_end = scarce_on_nothing,
                                                   .on_drain = scarce_on_nothing,
                                                   .on_close = scarce_on_close};

static void scarce_on_accept(void *owner, struct stream *stream)
{
    struct scarce *scarce = owner;

    stream_start(stream, &scarce_stream, scarce);
    scarce->streams[scarce->accepted++] = stream;
}

static void scarce_on_full(void *owner, struct shard *shard)
{
    (void)shard;
    ((struct scarce *)owner)->full++;
}

static void play_scarce(struct call *call, void *data)
{
    struct scarce *scarce = data;
    int fds[5];

    connect_many(listener_port(scarce->listener), fds, 5);
    EXPECT(!failed(fiber_sleep(call, 300000)));
    EXPECT(scarce->accepted == 3);
    EXPECT(scarce->full > 0 && scarce->full < 30); /* retries now and then rather than all the
                                                    * time */
    stream_close(scarce->streams[0]);
    EXPECT(!failed(fiber_sleep(call, 300000)));
    EXPECT(scarce->accepted == 4);
    for (int i = 0; i < 5; i++) close(fds[i]);
    shards_stop(call->shard->shards);
}

TEST(connections_without_a_descriptor_wait_and_are_accepted_later)
{
    struct shards *shards = shards_new(1);
    struct listener_events events = {.on_accept = scarce_on_accept, .on_full = scarce_on_full};
    struct scarce scarce = {0};
    struct arena arena;

    arena_init(&arena, 0);
    CHECK_OK(listener_open(&arena, shards, "127.0.0.1:0", &events, &scarce, &scarce.listener));
    descriptors_limit_connections(3);
    fiber_post(shards_at(shards, 0), play_scarce, 0, &scarce);
    shards_run(shards);
    descriptors_limit_connections(SIZE_MAX);
    listener_free(scarce.listener);
    shards_free(shards);
    arena_release(&arena);
}
