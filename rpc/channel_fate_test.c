/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of delayed and lost calls in a simulation. */
#include "base/test.h"
#include "fiber/simulation.h"
#include "rpc/channel.h"
#include "rpc/rpc_testing.h"
#include "tests/interop/test_service.h"

/* An in-process service in virtual time: a simulation has no connections. */
static struct {
    struct rpc_fate fate;
    int served;
    int64_t took_us;
    struct status status;
} scene;

static struct status empty_call(struct call *call, const Grpc__Testing__Empty *request,
                                Grpc__Testing__Empty *response)
{
    scene.served++;
    return status_ok();
}

static const struct grpc_testing_test_service_handlers handlers = {.empty_call = empty_call};

static struct rpc_fate decide(const struct call *call, struct str path, void *data)
{
    EXPECT(str_is(path, "/grpc.testing.TestService/EmptyCall"));
    return *(const struct rpc_fate *)data;
}

static void call_once(struct call *call, void *data)
{
    Grpc__Testing__Empty request = GRPC__TESTING__EMPTY__INIT, *response;
    struct rpc_options options = {.timeout_ms = 5000};
    int64_t before_us = clock_monotonic_us();

    scene.status = grpc_testing_test_service_empty_call_with(call, data, &request, &options,
                                                             &response);
    scene.status.message = NULL; /* it was in the arena */
    scene.took_us = clock_monotonic_us() - before_us;
    shards_stop(call->shard->shards);
}

static void play(struct rpc_fate fate)
{
    struct rpc_server_options options = {0};
    struct rpc_server *server;
    struct rpc_channel *channel;
    struct shards *shards;
    struct arena arena;

    scene.fate = fate;
    scene.served = 0;
    simulation_begin(1);
    arena_init(&arena, 0);
    shards = shards_new(1);
    server = rpc_server_new(&options);
    rpc_server_add(server, &grpc_testing_test_service_rpc, &handlers, NULL);
    stage_must(rpc_channel_new(&arena, shards, server, "inproc:", &channel));
    rpc_channel_set_fate(channel, decide, &scene.fate);
    fiber_post(shards_at(shards, 0), call_once, NULL, channel);
    shards_run(shards);
    rpc_channel_free(channel);
    rpc_server_free(server);
    shards_free(shards);
    arena_release(&arena);
    simulation_end();
}

TEST(a_call_without_a_fate_arrives_at_once)
{
    play((struct rpc_fate){0});
    CHECK(!failed(scene.status));
    CHECK_INT(scene.served, ==, 1);
    CHECK_INT(scene.took_us, ==, 0);
}

TEST(a_delayed_call_arrives_later)
{
    play((struct rpc_fate){.delay_us = 700, .answer_delay_us = 300});
    CHECK(!failed(scene.status));
    CHECK_INT(scene.took_us, ==, 1000);
}

TEST(a_lost_call_has_no_effect)
{
    play((struct rpc_fate){.lost = true});
    CHECK_INT(scene.status.code, ==, STATUS_UNAVAILABLE);
    CHECK_INT(scene.served, ==, 0);
}

TEST(a_call_whose_answer_is_lost_has_its_effect)
{
    play((struct rpc_fate){.answer_lost = true});
    CHECK_INT(scene.status.code, ==, STATUS_UNAVAILABLE);
    CHECK_INT(scene.status.reason, ==, ARGOSY__REASON__SERVICE_UNREACHABLE);
    CHECK_INT(scene.served, ==, 1);
}

TEST(a_slow_response_runs_into_the_deadline)
{
    play((struct rpc_fate){.answer_delay_us = 60000000});
    CHECK_INT(scene.status.code, ==, STATUS_DEADLINE_EXCEEDED);
    CHECK_INT(scene.served, ==, 1);
    CHECK_INT(scene.took_us, ==, 5000000);
}
