/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of this folder: a scene is a database and shards with fibers that use it.
 *
 *     scene_open(2, ":memory:", migrations);
 *     scene_play(100, fn);           fn(call, i) on 100 fibers, spread over the shards; returns
 *                                    when all have ended
 *     scene_close();
 *
 * Inside a fiber use EXPECT, not CHECK. */
#ifndef STORE_SQLITE_SQLITE_TESTING_H
#define STORE_SQLITE_SQLITE_TESTING_H

#include "base/status_testing.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "reasons.pb-c.h"
#include "store/sqlite/database.h"

static struct {
    struct arena arena;
    struct shards *shards;
    int shard_count;
    struct sqlite *db;
    void (*fn)(struct call *call, int number);
    _Atomic int playing;
} scene;

static inline struct status scene_try(int shards, const char *path, const char *const *migrations)
{
    struct status st;

    arena_init(&scene.arena, 0);
    scene.shard_count = shards;
    scene.shards = shards_new(shards);
    invariant(scene.shards);
    scene.db = 0;
    st = sqlite_open(&scene.arena, scene.shards, path, migrations, &scene.db);
    shards_free(scene.shards);
    return st;
}

static inline void scene_close(void)
{
    sqlite_close(scene.db);
    scene.db = 0;
    arena_release(&scene.arena);
}

static inline void scene_open(int shards, const char *path, const char *const *migrations)
{
    CHECK_OK(scene_try(shards, path, migrations));
}

static inline void scene_exit(struct call *call)
{
    if (atomic_fetch_sub(&scene.playing, 1) == 1) shards_stop(call->shard->shards);
}

static inline void scene_actor(struct call *call, void *data)
{
    scene.fn(call, (int)(intptr_t)data);
    scene_exit(call);
}

static inline void scene_play(int fibers, void (*fn)(struct call *call, int number))
{
    scene.shards = shards_new(scene.shard_count);
    invariant(scene.shards);
    scene.fn = fn;
    scene.playing = fibers;
    for (int i = 0; i < fibers; i++)
        fiber_post(shards_at(scene.shards, i % scene.shard_count), scene_actor, 0,
                   (void *)(intptr_t)i);
    shards_run(scene.shards);
    shards_free(scene.shards);
}

/* The first column of the first row, read on the call's shard; -1 without a row, -2 on an error. */
static inline int64_t scene_number(const struct call *call, const char *sql)
{
    struct sqlite_rows rows;
    int64_t number = -1;
    struct status st;

    st = sqlite_read(call, scene.db, &rows, sql, "");
    if (failed(st)) return -2;
    if (sqlite_next(&rows)) number = sqlite_column_i64(&rows, 0);
    if (failed(rows.status)) number = -2;
    sqlite_end(&rows);
    return number;
}

/* A job that runs one statement without values; data is its text. */
static inline struct status scene_sql(const struct call *call, struct sqlite_tx *tx, void *data)
{
    return sqlite_exec(tx, 0, data, "");
}

static inline struct status scene_write(struct call *call, const char *sql)
{
    return sqlite_write(call, scene.db, scene_sql, (void *)(uintptr_t)sql);
}

/* An empty folder for one test; `path` gets the name of a file in it. */
static inline void scene_folder(char path[64])
{
    char folder[32] = "/tmp/sqlite_test_XXXXXX";

    CHECK(mkdtemp(folder));
    snprintf(path, 64, "%s/shop.db", folder);
}

static inline void scene_remove(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char name[128];

    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s%s", path, endings[i]);
        remove(name);
    }
    snprintf(name, sizeof(name), "%s", path);
    *strrchr(name, '/') = 0;
    remove(name);
}

#endif
