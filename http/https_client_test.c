/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the client with our own server, over http on loopback. TLS is tested with an external
 * server, in tests/engines/stripe.sh. */
#include "http/https_client.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "fiber/stream.h"
#include "http/http_server.h"
#include "reasons.pb-c.h"

/* libcurl notices only at the next use that a connection should end, so the server's drain times
 * out. */
enum { LARGE = 300 * 1024, DRAIN_MS = 50 };

struct world {
    struct arena arena;
    struct http_server *server;
    struct listener *listener;
    struct https_client *client;
    int connections;
    int dropped; /* requests to /drop */
    bool gone;   /* the handler of /never has seen its caller leave */
};

static struct world world;

static void handle(struct call *call, struct http_exchange *exchange, void *data)
{
    const struct http_request *request = http_request(exchange);
    struct http_headers headers = {0};
    struct str body;

    (void)data;
    if (str_is(request->path, "/never")) {
        struct status st = fiber_sleep(call, 60 * 1000000);
        world.gone = st.code == STATUS_CANCELLED;
        return;
    }
    if (str_is(request->path, "/large")) {
        char *large = arena_alloc(call->arena, LARGE);
        memset(large, 'x', LARGE);
        http_respond(call, exchange, 200, NULL, str_sized(large, LARGE));
        return;
    }
    if (str_is(request->path, "/drop")) {
        world.dropped++;
        http_abort(exchange, 0);
        return;
    }
    if (str_is(request->path, "/cut")) {
        http_begin(call, exchange, 200, NULL);
        EXPECT(!failed(http_write(call, exchange, STR("a part"))));
        http_abort(exchange, 0);
        return;
    }
    EXPECT(!failed(http_read_body(call, exchange, 1 << 20, &body)));
    EXPECT(!failed(http_headers_add(call->arena, &headers, STR("x-answer"), STR("a: b"))));
    const char *text = arena_printf(
        call->arena, "%.*s %.*s key=%.*s type=%.*s body=%.*s", STR_ARGS(request->method),
        STR_ARGS(request->target), STR_ARGS(http_headers_get(&request->headers, "idempotency-key")),
        STR_ARGS(http_headers_get(&request->headers, "content-type")), STR_ARGS(body));
    http_respond(call, exchange, str_is(request->path, "/refuse") ? 402 : 200, &headers,
                 str_of(text));
}

static void on_accept(void *owner, struct stream *stream)
{
    (void)owner;
    world.connections++;
    http_server_accept(world.server, stream);
}

static void must(struct status st)
{
    if (failed(st)) printf("  %s\n", st.message);
    invariant(!failed(st));
}

static void on_drained(void *data)
{
    shards_stop(data);
}

static void play_fiber(struct call *call, void *data)
{
    void (*const *play)(struct call * call) = data;

    (*play)(call);
    http_server_drain(world.server, DRAIN_MS, on_drained, call->shard->shards);
}

/* Runs `play` on a fiber of the only shard, with a server and a client. */
static void run(void (*play)(struct call *call))
{
    struct shards *shards = shards_new(1);
    struct http_server_options options = {.name = "test", .handler = handle};

    world = (struct world){.server = http_server_new(&options)};
    arena_init(&world.arena, 0);
    must(https_client_new(&world.arena, shards, NULL, &world.client));
    must(listener_new(&world.arena, shards, "127.0.0.1:0", on_accept, NULL, &world.listener));
    fiber_post(shards_at(shards, 0), play_fiber, NULL, &play);
    shards_run(shards);
    https_client_free(world.client);
    listener_free(world.listener);
    http_server_free(world.server);
    shards_free(shards);
    arena_release(&world.arena);
}

static struct https_request to(const struct call *call, const char *path)
{
    return (struct https_request){
        .method = "GET",
        .url = arena_printf(call->arena, "http://%s%s", listener_address(world.listener), path),
        .answer_max = 1 << 20,
    };
}

static bool fails(struct status st, enum status_code code, int reason)
{
    if (st.code == code && st.reason == reason) return true;
    printf("  code %d, reason %d: %s\n", st.code, st.reason, failed(st) ? st.message : "");
    return false;
}

/* ---- requests and responses ---- */

static void requests(struct call *call)
{
    struct https_request request = to(call, "/a?b=c");
    struct http_headers headers = {0};
    struct https_answer answer;

    EXPECT(!failed(https_call(call, world.client, &request, &answer)));
    EXPECT(answer.status == 200 && str_is(answer.body, "GET /a?b=c key= type= body="));
    EXPECT(str_is(http_headers_get(&answer.headers, "x-answer"), "a: b"));

    request = to(call, "/refuse");
    request.method = "POST";
    request.body = STR("amount=1&currency=usd");
    request.headers = &headers;
    EXPECT(!failed(http_headers_add(call->arena, &headers, STR("idempotency-key"), STR("key-1"))));
    EXPECT(!failed(http_headers_add(call->arena, &headers, STR("content-type"),
                                    STR("application/x-www-form-urlencoded"))));
    EXPECT(!failed(https_call(call, world.client, &request, &answer)));
    EXPECT(answer.status == 402);
    EXPECT(str_is(answer.body, "POST /refuse key=key-1 type=application/x-www-form-urlencoded "
                               "body=amount=1&currency=usd"));
    request = to(call, "/empty");
    request.method = "POST";
    EXPECT(!failed(https_call(call, world.client, &request, &answer)));
    EXPECT(str_starts_with(answer.body, STR("POST /empty key= ")));
    EXPECT(world.connections == 1);
}

TEST(a_connection_is_used_again)
{
    run(requests);
}

static void request_large(struct call *call, void *data)
{
    struct https_request request = to(call, "/large");
    int *count = data;
    struct https_answer answer;

    EXPECT(!failed(https_call(call, world.client, &request, &answer)));
    *count += answer.body.length == LARGE;
}

static void many(struct call *call)
{
    struct fiber_group group = {0};
    int count = 0;

    for (int i = 0; i < 40; i++)
        EXPECT(!failed(fiber_group_start(call, &group, request_large, &count)));
    fiber_group_wait(call, &group);
    EXPECT(count == 40);
    EXPECT(world.connections > 1 && world.connections <= 16);
}

TEST(many_calls_share_a_few_connections)
{
    run(many);
}

/* ---- failures ---- */

static void limits(struct call *call)
{
    struct https_request request = to(call, "/large");
    struct https_answer answer;

    request.answer_max = LARGE - 1;
    EXPECT(fails(https_call(call, world.client, &request, &answer), STATUS_RESOURCE_EXHAUSTED,
                 ARGOSY__REASON__RESPONSE_TOO_LARGE));
    request.answer_max = LARGE;
    EXPECT(!failed(https_call(call, world.client, &request, &answer)));
    request = to(call, "/cut");
    EXPECT(fails(https_call(call, world.client, &request, &answer), STATUS_UNAVAILABLE,
                 ARGOSY__REASON__SERVICE_UNREACHABLE));
}

TEST(an_answer_has_a_limit_and_an_end)
{
    run(limits);
}

static void timeouts(struct call *call)
{
    struct https_request request = to(call, "/never");
    int64_t start_us = clock_monotonic_us();
    struct https_answer answer;
    struct call hurried;

    request.timeout_ms = 50;
    EXPECT(fails(https_call(call, world.client, &request, &answer), STATUS_DEADLINE_EXCEEDED, 0));
    request.timeout_ms = 0;
    call_init_child(&hurried, call, 50);
    EXPECT(
        fails(https_call(&hurried, world.client, &request, &answer), STATUS_DEADLINE_EXCEEDED, 0));
    EXPECT(clock_monotonic_us() - start_us < 5000000);
    /* The connection ends with the call, and others continue. */
    EXPECT(!failed(fiber_sleep(call, 50 * 1000)) && world.gone);
    request = to(call, "/");
    EXPECT(!failed(https_call(call, world.client, &request, &answer)));
}

TEST(a_call_ends_at_its_deadline)
{
    run(timeouts);
}

static void wait_for_ever(struct call *call, void *data)
{
    struct https_request request = to(call, "/never");
    struct https_answer answer;

    *(struct status *)data = https_call(call, world.client, &request, &answer);
}

static void cancelling(struct call *call)
{
    struct fiber_group group = {0};
    struct status st = status_ok();

    EXPECT(!failed(fiber_group_start(call, &group, wait_for_ever, &st)));
    EXPECT(!failed(fiber_sleep(call, 30 * 1000)));
    fiber_group_cancel(&group);
    fiber_group_wait(call, &group);
    EXPECT(fails(st, STATUS_CANCELLED, st.reason));
    EXPECT(!failed(fiber_sleep(call, 50 * 1000)) && world.gone);
}

TEST(a_call_can_be_cancelled)
{
    run(cancelling);
}

static void stopping(struct call *call)
{
    struct fiber_group group = {0};
    struct status states[3] = {{0}};

    for (int i = 0; i < 3; i++)
        EXPECT(!failed(fiber_group_start(call, &group, wait_for_ever, &states[i])));
    EXPECT(!failed(fiber_sleep(call, 30 * 1000)));
    shards_stop(call->shard->shards);
    fiber_group_wait(call, &group);
    for (int i = 0; i < 3; i++) EXPECT(states[i].code == STATUS_CANCELLED);
    wait_for_ever(call, &states[0]);
    EXPECT(states[0].code == STATUS_CANCELLED);
}

TEST(a_shard_that_stops_ends_its_calls)
{
    run(stopping);
}

static void unreachable(struct call *call)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t size = sizeof(address);
    struct https_request request = to(call, "/");
    struct https_answer answer;

    /* A port that is in use but not listening. */
    EXPECT(bind(fd, (struct sockaddr *)&address, size) == 0);
    EXPECT(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    request.url = arena_printf(call->arena, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    EXPECT(fails(https_call(call, world.client, &request, &answer), STATUS_UNAVAILABLE,
                 ARGOSY__REASON__SERVICE_UNREACHABLE));
    close(fd);
    request.url = "https://nowhere.invalid/";
    EXPECT(fails(https_call(call, world.client, &request, &answer), STATUS_UNAVAILABLE,
                 ARGOSY__REASON__SERVICE_UNREACHABLE));
    /* Our server does not support TLS. */
    request.url = arena_printf(call->arena, "https://%s/", listener_address(world.listener));
    EXPECT(fails(https_call(call, world.client, &request, &answer), STATUS_UNAVAILABLE,
                 ARGOSY__REASON__SERVICE_UNREACHABLE));
}

TEST(an_unreachable_server_is_unavailable)
{
    run(unreachable);
}

/* libcurl takes an end of a connection that was used before for one that came before the request,
 * and sends it again. */
static void dropping(struct call *call)
{
    struct https_request request = to(call, "/");
    struct https_answer answer;

    EXPECT(!failed(https_call(call, world.client, &request, &answer)) && answer.sends == 1);
    request = to(call, "/drop");
    request.method = "POST";
    request.once = true;
    EXPECT(fails(https_call(call, world.client, &request, &answer), STATUS_UNAVAILABLE,
                 ARGOSY__REASON__SERVICE_UNREACHABLE));
    EXPECT(answer.sends == 1 && world.dropped == 1);
    request = to(call, "/");
    EXPECT(!failed(https_call(call, world.client, &request, &answer)));
    request = to(call, "/drop");
    EXPECT(fails(https_call(call, world.client, &request, &answer), STATUS_UNAVAILABLE,
                 ARGOSY__REASON__SERVICE_UNREACHABLE));
    EXPECT(answer.sends == 2 && world.dropped == 3);
}

TEST(a_request_is_sent_once_if_it_says_so)
{
    run(dropping);
}

static void explaining(struct call *call)
{
    struct https_request request = {
        .method = "GET", .url = "https://nowhere.invalid/", .explained = true};
    struct https_answer answer;

    struct status st = https_call(call, world.client, &request, &answer);
    EXPECT(fails(st, STATUS_UNAVAILABLE, ARGOSY__REASON__SERVICE_UNREACHABLE));
    EXPECT(answer.sends == 0 && strstr(st.message, "nowhere.invalid") != NULL);
    /* A plain request is refused unless it says that it may be plain. */
    request.url = "http://nowhere.invalid/";
    EXPECT(fails(https_call(call, world.client, &request, &answer), STATUS_INVALID_ARGUMENT,
                 ARGOSY__REASON__SETTING_INVALID));
    request.plain = true;
    EXPECT(fails(https_call(call, world.client, &request, &answer), STATUS_UNAVAILABLE,
                 ARGOSY__REASON__SERVICE_UNREACHABLE));
}

TEST(a_request_can_have_failures_explained_and_be_plain)
{
    run(explaining);
}

/* ---- URLs ---- */

TEST(http_is_for_loopback_only)
{
    static const char *const taken[] = {"https://api.stripe.com", "https://api.stripe.com:444/v1?x",
                                        "https://[2001:db8::1]/", "http://127.0.0.1:12111",
                                        "http://localhost/",      "http://[::1]:80/v1"};
    static const char *const refused[] = {"http://api.stripe.com",
                                          "http://10.0.0.1/",
                                          "ftp://127.0.0.1/",
                                          "api.stripe.com",
                                          "https://",
                                          "https:///v1",
                                          "https://a@b/",
                                          "https://a b/",
                                          "https://a/\r\nx: y",
                                          "https://a:70000/",
                                          "http://127.0.0.1@evil/",
                                          "https://a/#b",
                                          "http://127.0.0.1.evil/x",
                                          "https://a%2fb/"};
    struct arena arena;

    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
        CHECK_OK(https_url_check(&arena, taken[i]));
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        struct status st = https_url_check(&arena, refused[i]);
        if (!failed(st)) printf("  %s was accepted\n", refused[i]);
        CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
        CHECK_INT(st.reason, ==, ARGOSY__REASON__SETTING_INVALID);
    }
    arena_release(&arena);
}
