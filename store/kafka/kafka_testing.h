/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of the driver: runs a function on a fiber with a driver for a URL. Included by test
 * programs only.
 *
 *     scene_run(url, fn);     fn(call, scene): scene->kafka is the driver, not opened yet
 *
 * Every scene has a prefix of its own, so topics and groups are never another test's. */
#ifndef STORE_KAFKA_KAFKA_TESTING_H
#define STORE_KAFKA_KAFKA_TESTING_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/status_testing.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "reasons.pb-c.h"
#include "store/kafka/kafka_admin.h"

enum { SCENE_SHARDS = 2, SCENE_TIMEOUT_MS = 120000, US_PER_MS = 1000 };

struct scene {
    struct arena arena;
    struct shards *shards;
    struct kafka *kafka;
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

/* The URL with one more option. */
static inline const char *scene_url(struct arena *arena, const char *url, const char *option)
{
    return arena_printf(arena, "%s%c%s", url, strchr(url, '?') ? '&' : '?', option);
}

static inline void scene_run(const char *url, void (*fn)(struct call *call, struct scene *scene))
{
    struct scene scene = {.fn = fn};

    arena_init(&scene.arena, 0);
    const char *option = arena_printf(&scene.arena, "prefix=test-%016llx.",
                                      (unsigned long long)random_below(UINT64_MAX));
    scene.shards = shards_new(SCENE_SHARDS);
    invariant(scene.shards);
    struct status st = kafka_new(&scene.arena, scene.shards, scene_url(&scene.arena, url, option),
                                 "test", &scene.kafka);
    if (failed(st)) printf("  %s\n", st.message);
    invariant(!failed(st));
    fiber_post(shards_at(scene.shards, 0), scene_fiber, NULL, &scene);
    shards_run(scene.shards);
    kafka_close(scene.kafka);
    shards_free(scene.shards);
    arena_release(&scene.arena);
}

/* A port at which nobody listens, until the test ends. */
static inline int scene_take_port(int *ret_socket)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    invariant(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    invariant(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    *ret_socket = fd;
    return ntohs(address.sin_port);
}

/* Makes a topic, and waits until each partition can be asked for. */
static inline void scene_make_topic(struct call *call, struct scene *scene, const char *name,
                                    int partitions)
{
    const struct kafka_topic_plan plan = {.name = name, .partitions = partitions};
    int64_t low, high;

    EXPECT_OK(kafka_create_topic(call, scene->kafka, &plan));
    for (int i = 0; i < partitions; i++)
        while (failed(kafka_watermarks(call, scene->kafka, name, i, &low, &high)) &&
               !failed(call_check(call)))
            (void)fiber_sleep(call, 50 * US_PER_MS);
}

#endif
