/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of the driver: runs a function on a fiber with a driver for a URL. Included by test
 * programs only.
 *
 *     scene_run(url, fn);     fn(call, scene): scene->db is the driver, not opened yet */
#ifndef STORE_DYNAMODB_DYNAMODB_TESTING_H
#define STORE_DYNAMODB_DYNAMODB_TESTING_H

#include "base/clock.h"
#include "base/status_testing.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "reasons.pb-c.h"
#include "store/dynamodb/dynamodb.h"

enum { SCENE_SHARDS = 2, SCENE_TIMEOUT_MS = 60000 };

struct scene {
    struct arena arena;
    struct shards *shards;
    struct dynamodb *db;
    void (*fn)(struct call *call, struct scene *scene);
};

static inline void scene_fiber(struct call *call, void *data)
{
    struct scene *scene = data;

    call_limit(call, SCENE_TIMEOUT_MS);
    scene->fn(call, scene);
    EXPECT(!failed(call_check(call)));
    shards_stop(scene->shards);
}

/* Nothing of the machine's own settings, and credentials of any kind unless there are some. */
static inline void scene_environment(void)
{
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    setenv("AWS_CONFIG_FILE", "/dev/null", 0);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 0);
    setenv("AWS_ACCESS_KEY_ID", "local", 0);
    setenv("AWS_SECRET_ACCESS_KEY", "local", 0);
}

/* Makes the shards, so that a test can let them listen before it knows its URL. */
static inline void scene_begin(struct scene *scene)
{
    *scene = (struct scene){0};
    arena_init(&scene->arena, 0);
    scene->shards = shards_new(SCENE_SHARDS);
    invariant(scene->shards);
}

static inline void scene_play(struct scene *scene, const char *url,
                              void (*fn)(struct call *call, struct scene *scene))
{
    scene_environment();
    struct status st = dynamodb_new(&scene->arena, scene->shards, url, "test", &scene->db);
    if (failed(st)) printf("  %s\n", st.message);
    invariant(!failed(st));
    scene->fn = fn;
    fiber_post(shards_at(scene->shards, 0), scene_fiber, NULL, scene);
    shards_run(scene->shards);
    dynamodb_close(scene->db);
}

static inline void scene_end(struct scene *scene)
{
    shards_free(scene->shards);
    arena_release(&scene->arena);
}

static inline void scene_run(const char *url, void (*fn)(struct call *call, struct scene *scene))
{
    struct scene scene;

    scene_begin(&scene);
    scene_play(&scene, url, fn);
    scene_end(&scene);
}

#endif
