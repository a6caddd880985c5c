/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of what SQLite alone promises.
 *
 *     on_sqlite(fn);           fn(call, 0) on a fiber, with a fresh `store`
 *
 *     folder_make(folder);     the same by hand, for a file that is opened more than once
 *     open_store();
 *     play(1, 1, fn);
 *     close_store();
 *     folder_remove(folder); */
#ifndef SERVICES_PRODUCT_SQLITE_PRODUCT_SQLITE_TESTING_H
#define SERVICES_PRODUCT_SQLITE_PRODUCT_SQLITE_TESTING_H

/* First, as its parameters have the name of the variable `store`. */
#include "services/product/sqlite/product_store_sqlite.h"

#include "reasons.pb-c.h"
#include "services/product/product_goods_testing.h"

enum { SHARDS = 2, INDEX_CACHE_BYTES = 16 << 20 };

static struct arena scene;
static char folder[64];

static struct {
    void (*fn)(struct call *call, int number);
    _Atomic int playing;
} cast;

static inline void play_part(struct call *call, void *data)
{
    cast.fn(call, (int)(intptr_t)data);
    if (atomic_fetch_sub(&cast.playing, 1) == 1) shards_stop(call->shard->shards);
}

/* On so many fibers, spread over the shards; returns when all have ended. */
static inline void play(int shard_count, int fibers, void (*fn)(struct call *call, int number))
{
    struct shards *shards = shards_new(shard_count);

    invariant(shards);
    cast.fn = fn;
    cast.playing = fibers;
    for (int i = 0; i < fibers; i++)
        fiber_post(shards_at(shards, i % shard_count), play_part, 0, (void *)(intptr_t)i);
    shards_run(shards);
    shards_free(shards);
}

static inline void open_store(void)
{
    struct shards *shards = shards_new(SHARDS);
    struct service_context context = {.arena = &scene, .shards = shards, .prepares = true};

    invariant(shards);
    arena_init(&scene, 0);
    CHECK_OK(product_store_sqlite(&context, arena_printf(&scene, "%s/product.db", folder),
                                  INDEX_CACHE_BYTES, &store));
    shards_free(shards);
}

static inline void close_store(void)
{
    store->close(store);
    arena_release(&scene);
}

static inline void on_sqlite(void (*fn)(struct call *call, int number))
{
    folder_make(folder);
    open_store();
    play(1, 1, fn);
    close_store();
    folder_remove(folder);
}

static inline struct status run_sql(const struct call *call, struct sqlite_tx *tx, void *data)
{
    (void)call;
    return sqlite_exec(tx, 0, data, "");
}

/* Changes the books behind the store's back. */
static inline void forge(struct call *call, const char *sql)
{
    EXPECT_OK(sqlite_write(call, product_sqlite(store)->db, run_sql, (void *)(uintptr_t)sql));
}

#endif
