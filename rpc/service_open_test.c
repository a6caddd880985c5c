/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for the engines of stores. */
#include "rpc/service_open.h"

#include "reasons.pb-c.h"
#include "rpc/rpc_testing.h"

#define EXPECT_MESSAGE(st, text) EXPECT(strcmp((st).message, text) == 0)

/* An engine that comes up after some attempts. */
struct engine {
    int absences;   /* attempts that find nobody */
    int refusals;   /* attempts after these that are refused */
    int hangs_from; /* this attempt and later ones get no answer; 0: none */
    struct status then;
    int attempts;
    size_t arena_size; /* before the last attempt */
};

static struct status open_engine(struct call *call, void *service)
{
    struct engine *engine = service;

    engine->attempts++;
    engine->arena_size = call->arena->size;
    bool hangs = engine->hangs_from && engine->attempts >= engine->hangs_from;
    struct status st = fiber_sleep(call, hangs ? 60000000 : 1000);
    if (failed(st)) return st;
    arena_alloc(call->arena, 100000);
    if (engine->attempts <= engine->absences)
        return status_printf(call->arena, STATUS_UNAVAILABLE, 0, "nobody answers at db:5432 (%d)",
                             engine->attempts);
    if (engine->attempts <= engine->absences + engine->refusals)
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_REFUSED,
                           "the password is wrong; correct it");
    return engine->then;
}

static const struct setting settings[] = {
    {"LIGHTHOUSE_STORE", SETTING_URL, "", "A store.", 0, 0},
    {"HARBOUR_STORE", SETTING_URL, "", "A store.", 0, 0},
    {"BUOY_STORE", SETTING_URL, "", "A store.", 0, 0},
    {0},
};
static const struct service_module lighthouse = {
    .name = "lighthouse", .store_default = "postgres://ann:secret@db/lamps", .open = open_engine};
static const struct service_module harbour = {
    .name = "harbour", .store_default = "redis://cache", .open = open_engine};
static const struct service_module buoy = {.name = "buoy", .store_default = "sqlite:{data}/b.db"};

static const struct stage_plan plan = {.more_settings = settings};
static struct engine lamps, ships;
static struct service_openings openings;

static void add_all(struct stage *stage)
{
    memset(&openings, 0, sizeof(openings));
    service_openings_add(&openings, &stage->context, &lighthouse, &lamps);
    service_openings_add(&openings, &stage->context, &harbour, &ships);
    service_openings_add(&openings, &stage->context, &buoy, 0);
}

static void waits(struct call *call, struct stage *stage)
{
    lamps = (struct engine){.absences = 2};
    ships = (struct engine){0};
    add_all(stage);
    EXPECT(openings.count == 2);
    struct status st = service_openings_check(call->arena, &openings);
    EXPECT_REFUSED(st, UNAVAILABLE, STORE_UNREACHABLE);
    EXPECT_MESSAGE(st, "stores that are not there yet: lighthouse "
                       "(postgres://ann:***@db/lamps), harbour (redis://cache)");
    EXPECT_OK(service_openings_run(call, &openings, 10000));
    EXPECT(lamps.attempts == 3 && ships.attempts == 1);
    EXPECT_OK(service_openings_check(call->arena, &openings));
}

TEST(an_engine_that_starts_later_is_waited_for)
{
    stage_run(&plan, waits);
}

static void gives_up(struct call *call, struct stage *stage)
{
    lamps = (struct engine){0};
    ships = (struct engine){.absences = 1000};
    add_all(stage);
    int64_t begun_us = clock_monotonic_us();
    struct status st = service_openings_run(call, &openings, 1000);
    EXPECT_REFUSED(st, UNAVAILABLE, STORE_UNREACHABLE);
    EXPECT(clock_monotonic_us() - begun_us >= 900000);
    EXPECT(ships.attempts >= 3 && ships.attempts < 20); /* with pauses that grow */
    EXPECT(ships.arena_size < 100000);                  /* nothing of all the attempts before */
    EXPECT(strstr(st.message, "the harbour service's store redis://cache was not there for 1 s: "
                              "nobody answers at db:5432"));
    EXPECT(strstr(st.message, "change HARBOUR_STORE or STORE_START_TIMEOUT"));
    st = service_openings_check(call->arena, &openings);
    EXPECT_MESSAGE(st, "stores that are not there yet: harbour (redis://cache)");
}

TEST(an_engine_that_does_not_come_ends_the_start_and_is_named)
{
    stage_run(&plan, gives_up);
}

/* The deadline ends the third attempt; what the others found says more. */
static void gives_the_reason(struct call *call, struct stage *stage)
{
    lamps = (struct engine){0};
    ships = (struct engine){.absences = 1000, .hangs_from = 3};
    add_all(stage);
    struct status st = service_openings_run(call, &openings, 1000);
    EXPECT_REFUSED(st, UNAVAILABLE, STORE_UNREACHABLE);
    EXPECT(ships.attempts == 3 && strstr(st.message, "nobody answers at db:5432 (2)"));
}

TEST(the_reason_is_that_of_the_last_attempt_which_was_not_cut_short)
{
    stage_run(&plan, gives_the_reason);
}

static void refuses(struct call *call, struct stage *stage)
{
    lamps = (struct engine){.absences = 1,
                            .then = status_make(STATUS_FAILED_PRECONDITION,
                                                ARGOSY__REASON__STORE_NEWER,
                                                "made by a newer one")};
    ships = (struct engine){0};
    add_all(stage);
    EXPECT_REFUSED(service_openings_run(call, &openings, 10000), FAILED_PRECONDITION, STORE_NEWER);
    EXPECT(lamps.attempts == 2);
}

TEST(a_store_that_cannot_be_used_is_not_tried_again)
{
    stage_run(&plan, refuses);
}

static void outlives_refusals(struct call *call, struct stage *stage)
{
    lamps = (struct engine){.absences = 1, .refusals = 2};
    ships = (struct engine){0};
    add_all(stage);
    EXPECT_OK(service_openings_run(call, &openings, 10000));
    EXPECT(lamps.attempts == 4);
    lamps = (struct engine){.refusals = 1000};
    add_all(stage);
    struct status st = service_openings_run(call, &openings, 500);
    EXPECT_REFUSED(st, UNAVAILABLE, STORE_REFUSED);
    EXPECT(lamps.attempts > 1);
    EXPECT_MESSAGE(st, "the lighthouse service's store postgres://ann:***@db/lamps "
                       "(LIGHTHOUSE_STORE) cannot be used: the password is wrong; correct it");
}

TEST(a_store_that_refuses_the_password_is_tried_until_it_is_mended)
{
    stage_run(&plan, outlives_refusals);
}

static void is_told_at_once(struct call *call, struct stage *stage)
{
    lamps = (struct engine){.absences = 1, .refusals = 1000};
    ships = (struct engine){0};
    add_all(stage);
    openings.refusal_ends = true;
    EXPECT_REFUSED(service_openings_run(call, &openings, 60000), UNAVAILABLE, STORE_REFUSED);
    EXPECT(lamps.attempts == 2);
}

TEST(a_command_is_told_of_a_refusal_at_once)
{
    stage_run(&plan, is_told_at_once);
}

static void ends(struct call *call, struct stage *stage)
{
    struct call cancelled;

    lamps = ships = (struct engine){.absences = 1000};
    add_all(stage);
    call_init_child(&cancelled, call, 300);
    EXPECT(service_openings_run(&cancelled, &openings, 600000).code == STATUS_DEADLINE_EXCEEDED);
}

TEST(waiting_for_an_engine_ends_with_its_call)
{
    stage_run(&plan, ends);
}
