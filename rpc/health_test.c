/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grpc.health.v1 through a server's in-process channel. */
#include "base/test.h"
#include "fiber/fiber.h"
#include "grpc/health/v1/health.rpc.h"
#include "rpc/channel.h"
#include "rpc/health.h"

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

TEST(the_state_of_the_server_overrides_those_of_its_services)
{
    struct rpc_health *health = rpc_health_new();

    rpc_health_add(health, "a.A");
    CHECK_INT(rpc_health_status(health, ""), ==, SERVING);
    CHECK_INT(rpc_health_status(health, "a.A"), ==, SERVING);
    CHECK_INT(rpc_health_status(health, "b.B"), ==, SERVICE_UNKNOWN);
    rpc_health_set(health, "a.A", false);
    rpc_health_set(health, "b.B", false);
    CHECK_INT(rpc_health_status(health, ""), ==, SERVING);
    CHECK_INT(rpc_health_status(health, "a.A"), ==, NOT_SERVING);
    CHECK_INT(rpc_health_status(health, "b.B"), ==, SERVICE_UNKNOWN);
    rpc_health_set(health, "a.A", true);
    rpc_health_set(health, "", false);
    CHECK_INT(rpc_health_status(health, "a.A"), ==, NOT_SERVING);
    rpc_health_free(health);
}

/* A server with its channel, and the test function that uses them on a fiber. */
struct bench {
    struct shards *shards;
    struct rpc_server *server;
    struct rpc_channel *channel;
    void (*body)(struct call *call, struct bench *bench);
};

static void run_body(struct call *call, void *data)
{
    struct bench *bench = data;

    bench->body(call, bench);
    shards_stop(bench->shards);
}

static void run(void (*body)(struct call *call, struct bench *bench))
{
    struct rpc_server_options options = {0};
    struct bench bench = {
        .shards = shards_new(1), .server = rpc_server_new(&options), .body = body};
    struct arena arena;

    arena_init(&arena, 0);
    EXPECT(!failed(rpc_channel_new(&arena, bench.shards, bench.server, "inproc:", &bench.channel)));
    fiber_post(shards_at(bench.shards, 0), run_body, NULL, &bench);
    shards_run(bench.shards);
    rpc_channel_free(bench.channel);
    rpc_server_free(bench.server);
    shards_free(bench.shards);
    arena_release(&arena);
}

static void check_body(struct call *call, struct bench *bench)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    Grpc__Health__V1__HealthCheckResponse *response = NULL;

    EXPECT(!failed(grpc_health_v1_health_check(call, bench->channel, &request, &response)));
    EXPECT(response && response->status == SERVING);
    request.service = (char *)"grpc.health.v1.Health";
    rpc_server_set_serving(bench->server, request.service, false);
    EXPECT(!failed(grpc_health_v1_health_check(call, bench->channel, &request, &response)));
    EXPECT(response && response->status == NOT_SERVING);
    request.service = (char *)"none.Such";
    EXPECT(grpc_health_v1_health_check(call, bench->channel, &request, &response).code ==
           STATUS_NOT_FOUND);
}

TEST(check_answers_for_the_server_and_for_services)
{
    run(check_body);
}

static void watch_body(struct call *call, struct bench *bench)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    Grpc__Health__V1__HealthCheckResponse *response = NULL;
    struct rpc_stream *stream = NULL;

    request.service = (char *)"grpc.health.v1.Health";
    EXPECT(
        !failed(grpc_health_v1_health_watch_open(call, bench->channel, &request, NULL, &stream)));
    EXPECT(!failed(grpc_health_v1_health_watch_receive(call, stream, &response)));
    EXPECT(response && response->status == SERVING);
    rpc_server_set_serving(bench->server, request.service, false);
    EXPECT(!failed(grpc_health_v1_health_watch_receive(call, stream, &response)));
    EXPECT(response && response->status == NOT_SERVING);
    rpc_server_set_serving(bench->server, request.service, true);
    EXPECT(!failed(grpc_health_v1_health_watch_receive(call, stream, &response)));
    EXPECT(response && response->status == SERVING);
    /* Draining: the state is sent once more, then the stream ends. */
    rpc_server_set_serving(bench->server, "", false);
    EXPECT(!failed(grpc_health_v1_health_watch_receive(call, stream, &response)));
    EXPECT(response && response->status == NOT_SERVING);
    EXPECT(rpc_stream_finish(call, stream).code == STATUS_UNAVAILABLE);
}

TEST(watch_sends_changes_and_ends_when_the_server_drains)
{
    run(watch_body);
}

static void unknown_body(struct call *call, struct bench *bench)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    Grpc__Health__V1__HealthCheckResponse *response = NULL;
    struct rpc_stream *stream = NULL;

    request.service = (char *)"none.Such";
    EXPECT(
        !failed(grpc_health_v1_health_watch_open(call, bench->channel, &request, NULL, &stream)));
    EXPECT(!failed(grpc_health_v1_health_watch_receive(call, stream, &response)));
    EXPECT(response && response->status == SERVICE_UNKNOWN);
    EXPECT(rpc_stream_finish(call, stream).code == STATUS_CANCELLED); /* early: it ends the watch */
}

TEST(watch_accepts_unknown_names)
{
    run(unknown_body);
}
