/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of services through the loopback: a stage is the environment that the program gives a
 * service when it starts, in a temporary folder, with shards whose fibers call it. Included by test
 * programs only.
 *
 *     static const struct stage_plan plan = {.module = &cart_service, .fakes = {{...}}};
 *     stage_run(&plan, fn);       fn(call, stage) on a fiber of shard 0; returns when it has ended
 *
 * Inside fn:
 *
 *     stage_as(call, "ann@example.com", "customer", "phone");   the caller from here on
 *     stage->inside      the channel in process, as a part of the shop
 *     stage->fleet       over a connection, signed with the fleet's key
 *     stage->outside     over a connection, unproven
 *     stage_spread(call, stage, 1000, fn)     fn on fibers of all shards
 *     stage_pass_s(60)                        a minute passes
 *     stage_set_back_s(60)                    the wall's clock is set back, for this whole program
 *
 * All three channels run the real interceptors. On fibers use EXPECT, not CHECK. */
#ifndef RPC_RPC_TESTING_H
#define RPC_RPC_TESTING_H

#include <dirent.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/status_testing.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "rpc/schema.h"
#include "rpc/service.h"

enum { STAGE_SHARDS = 2, STAGE_FAKES_MAX = 4, STAGE_DRAIN_MS = 2000 };

struct stage;

struct stage_plan {
    const struct service_module *module; /* NULL: none, for the tests of a store */
    /* Another real module that this one calls, started before it; NULL: none. */
    const struct service_module *besides;
    const char *const *settings; /* "CART_TTL=3d", ended by NULL; may be NULL */
    /* Services that the module calls, faked by the test; those without a description are absent. */
    struct {
        const struct rpc_service *description;
        const void *handlers;
        void *service;
    } fakes[STAGE_FAKES_MAX];
    /* An extension of the environment, such as events (events/events_testing.h): its settings, and
     * functions called before and after the module starts and after the shards have ended. May be
     * NULL. */
    const struct setting *more_settings;
    void (*set_up)(struct stage *stage);
    void (*started)(struct stage *stage);
    void (*tear_down)(struct stage *stage);
};

struct stage {
    struct arena arena;
    struct config *config;
    struct setting store_settings[2][2];
    char folder[32];
    struct shards *shards;
    struct rpc_identity identity;
    struct rpc_server *server;
    struct http_server *http;
    struct service_context context;
    struct rpc_channel *inside, *fleet, *outside;
    const struct service_module *module;
    void *service; /* as returned by the module's start */
    void *beside;  /* likewise, of the other module */
    void (*play)(struct call *call, struct stage *stage);
};

/* ---- the clock ---- */

static _Atomic int64_t stage_ahead_us, stage_set_back_us;

static inline int64_t stage_read_clock(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000 + stage_ahead_us;
}

static inline int64_t stage_now_us(void)
{
    return stage_read_clock(CLOCK_REALTIME) - stage_set_back_us;
}

static inline int64_t stage_monotonic_us(void)
{
    return stage_read_clock(CLOCK_MONOTONIC);
}

static inline void stage_pass_s(int64_t seconds)
{
    stage_ahead_us += seconds * 1000000;
}

/* Somebody sets the wall's clock back. */
static inline void stage_set_back_s(int64_t seconds)
{
    stage_set_back_us += seconds * 1000000;
}

/* ---- setting up and running ---- */

static inline void stage_must(struct status st)
{
    if (failed(st)) printf("  stage: %s\n", st.message);
    invariant(!failed(st));
}

static inline struct rpc_channel *stage_channel(const struct service_context *context,
                                                const char *service)
{
    const struct stage *stage = context->app;

    (void)service;
    return stage->inside;
}

static inline void stage_declare(struct stage *stage, const struct service_module *module,
                                 struct setting store_setting[2])
{
    char *name = arena_printf(&stage->arena, "%s_STORE", module->name);

    for (char *c = name; *c; c++)
        if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 'a' + 'A');
    store_setting[0] = (struct setting){
        .name = name, .kind = SETTING_URL, .fallback = module->store_default};
    config_declare(stage->config, store_setting);
    config_declare(stage->config, module->settings);
}

static inline void stage_configure(struct stage *stage, const struct stage_plan *plan)
{
    const char *error;

    stage->config = config_new();
    if (plan->module) stage_declare(stage, plan->module, stage->store_settings[0]);
    if (plan->besides) stage_declare(stage, plan->besides, stage->store_settings[1]);
    if (plan->more_settings) config_declare(stage->config, plan->more_settings);
    for (size_t i = 0; plan->settings && plan->settings[i]; i++)
        invariant(config_set(stage->config, plan->settings[i], &error));
    invariant(config_check(stage->config, &error));
}

static inline void stage_open_channels(struct stage *stage)
{
    struct http_server_options options = {
        .name = "stage", .handler = rpc_server_handle, .data = stage->server};

    stage->http = http_server_new(&options);
    stage_must(http_server_listen(stage->http, &stage->arena, stage->shards, "127.0.0.1:0"));
    const char *url = arena_printf(&stage->arena, "grpc://%s", http_server_address(stage->http));
    stage_must(
        rpc_channel_new(&stage->arena, stage->shards, stage->server, "inproc:", &stage->inside));
    stage_must(rpc_channel_new(&stage->arena, stage->shards, stage->server, url, &stage->fleet));
    stage_must(rpc_channel_new(&stage->arena, stage->shards, NULL, url, &stage->outside));
}

static inline void stage_make(struct stage *stage, const struct stage_plan *plan)
{
    struct rpc_server_options options = {.identity = &stage->identity};

    arena_init(&stage->arena, 0);
    snprintf(stage->folder, sizeof(stage->folder), "/tmp/argosy_test_XXXXXX");
    invariant(mkdtemp(stage->folder));
    stage_configure(stage, plan);
    stage->shards = shards_new(STAGE_SHARDS);
    invariant(stage->shards);
    memset(stage->identity.key, 7, sizeof(stage->identity.key));
    stage->identity.has_key = true;
    stage_must(rpc_schema_new(&stage->arena, str_sized(proto_descriptors, proto_descriptors_size),
                              &stage->context.schema));
    options.schema = stage->context.schema;
    stage->server = rpc_server_new(&options);
    for (size_t i = 0; i < STAGE_FAKES_MAX && plan->fakes[i].description; i++)
        rpc_server_add(stage->server, plan->fakes[i].description, plan->fakes[i].handlers,
                       plan->fakes[i].service);
    stage_open_channels(stage);
}

static inline void stage_on_drained(void *data)
{
    struct stage *stage = data;

    shards_stop(stage->shards);
}

static inline void stage_fiber(struct call *call, void *data)
{
    struct stage *stage = data;
    struct status st = status_ok();

    if (stage->module && stage->module->open) st = stage->module->open(call, stage->service);
    if (failed(st)) printf("  the store does not open: %s\n", st.message);
    EXPECT(!failed(st));
    if (!failed(st)) stage->play(call, stage);
    http_server_drain(stage->http, STAGE_DRAIN_MS, stage_on_drained, stage);
}

static inline void stage_remove_folder(const struct stage *stage)
{
    DIR *folder = opendir(stage->folder);
    const struct dirent *entry;
    char path[512];

    invariant(folder);
    while ((entry = readdir(folder))) {
        snprintf(path, sizeof(path), "%s/%s", stage->folder, entry->d_name);
        unlink(path);
    }
    closedir(folder);
    rmdir(stage->folder);
}

static inline void stage_run(const struct stage_plan *plan,
                             void (*play)(struct call *call, struct stage *stage))
{
    struct stage stage = {.play = play, .module = plan->module};

    clock_set_source(stage_now_us, stage_monotonic_us);
    stage_make(&stage, plan);
    stage.context = (struct service_context){
        .arena = &stage.arena,
        .config = stage.config,
        .shards = stage.shards,
        .server = stage.server,
        .schema = stage.context.schema,
        .identity = &stage.identity,
        .data_dir = stage.folder,
        .channel = stage_channel,
        .prepares = true,
        .app = &stage,
    };
    if (plan->set_up) plan->set_up(&stage);
    if (plan->besides) stage_must(plan->besides->start(&stage.context, &stage.beside));
    if (plan->module) stage_must(plan->module->start(&stage.context, &stage.service));
    if (plan->started) plan->started(&stage);
    if (plan->module && plan->module->serve) plan->module->serve(stage.service);

    fiber_post(shards_at(stage.shards, 0), stage_fiber, NULL, &stage);
    shards_run(stage.shards);
    http_server_free(stage.http);
    rpc_channel_free(stage.outside);
    rpc_channel_free(stage.fleet);
    rpc_channel_free(stage.inside);
    if (plan->tear_down) plan->tear_down(&stage);
    if (plan->module) plan->module->stop(stage.service);
    if (plan->besides) plan->besides->stop(stage.beside);
    rpc_server_free(stage.server);
    shards_free(stage.shards);
    config_free(stage.config);
    stage_remove_folder(&stage);
    arena_release(&stage.arena);
}

/* Sets the caller, with an address from the range reserved for documentation. An empty e-mail is
 * nobody. */
static inline void stage_as(struct call *call, const char *email, const char *role,
                            const char *device_id)
{
    struct user user = {email, role, device_id};

    rpc_scope_new(call, &user, NULL, "192.0.2.1");
}

/* ---- many at once ---- */

struct stage_crowd {
    struct stage *stage;
    void (*fn)(struct call *call, struct stage *stage, int number);
    struct shard *home;
    struct fiber_wait wait;
    _Atomic int next, left;
    bool done;
};

static inline void stage_crowd_ends(struct shard *shard, void *data)
{
    struct stage_crowd *crowd = data;

    crowd->done = true;
    fiber_wake(shard, &crowd->wait);
}

static inline void stage_crowd_member(struct call *call, void *data)
{
    struct stage_crowd *crowd = data;

    crowd->fn(call, crowd->stage, atomic_fetch_add(&crowd->next, 1));
    if (atomic_fetch_sub(&crowd->left, 1) == 1) shard_post(crowd->home, stage_crowd_ends, crowd);
}

/* Runs fn on `count` fibers, spread over the shards, numbered from 0; returns when all have ended.
 */
static inline void stage_spread(struct call *call, struct stage *stage, int count,
                                void (*fn)(struct call *call, struct stage *stage, int number))
{
    struct stage_crowd crowd = {.stage = stage, .fn = fn, .home = call->shard, .left = count};

    for (int i = 0; i < count; i++)
        fiber_post(shards_at(stage->shards, i % STAGE_SHARDS), stage_crowd_member, NULL, &crowd);
    while (!crowd.done) fiber_suspend_uncancellable(call, &crowd.wait);
}

/* ---- checking results ---- */

/* Was the request refused by the rules of this field? */
static inline bool stage_names_field(struct status st, const char *field)
{
    if (st.code != STATUS_INVALID_ARGUMENT || st.reason != ARGOSY__REASON__INVALID_FIELDS ||
        !st.details)
        return false;
    for (size_t i = 0; i < st.details->violation_count; i++)
        if (strcmp(st.details->violations[i].field, field) == 0) return true;
    return false;
}

#define EXPECT_FIELD(expression, field)                                              \
    do {                                                                             \
        struct status field_ = (expression);                                         \
        if (!stage_names_field(field_, (field)))                                     \
            printf("  %s: %s\n", #expression, field_.message ? field_.message : ""); \
        EXPECT(stage_names_field(field_, (field)));                                  \
    } while (0)

#endif
