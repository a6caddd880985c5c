/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of watches that end while others are told of a change. */
#include "services/order/order_watchers.h"

#include "base/test.h"
#include "fiber/fiber.h"

/* Two fibers watch one order. The one that runs first ends the other one, as a handler does whose
 * response needs the memory of another connection. */
static struct watch {
    struct order_watchers *watchers;
    struct order_watcher watcher;
    struct call *call;
    struct watch *other;
    bool ended;
} watches[2];
static struct arena arena;

static void watch(struct call *call, void *data)
{
    struct watch *self = data;

    self->call = call;
    EXPECT(
        !failed(order_watch_begin(call, self->watchers, "o1", "ann@example.com", &self->watcher)));
    (void)failed(order_watch_wait(call, &self->watcher, 10000));
    order_watch_end(self->watchers, &self->watcher);
    self->watcher.wait = (struct fiber_wait){0};
    self->ended = true;
    if (self->other->ended) return;
    call_cancel(self->other->call);
    fiber_run_ready(call->shard);
}

static void play(struct call *call, void *data)
{
    struct order_watchers *watchers = order_watchers_new(&arena, call->shard->shards, 10);

    (void)data;
    for (int i = 0; i < 2; i++) {
        watches[i] = (struct watch){.watchers = watchers, .other = &watches[1 - i]};
        EXPECT(!failed(fiber_start(call->shard, NULL, watch, &watches[i])));
    }
    order_watchers_notify(watchers, "o1");
    EXPECT(!failed(fiber_sleep(call, 10000)));
    for (int i = 0; i < 2; i++) EXPECT(watches[i].ended && !watches[i].watcher.wait.woken);
    shards_stop(call->shard->shards);
}

static void begin(struct shard *shard, void *data)
{
    EXPECT(!failed(fiber_start(shard, NULL, play, data)));
}

TEST(a_watch_that_ends_while_another_is_told_is_left_alone)
{
    struct shards *shards = shards_new(1);

    arena_init(&arena, 0);
    shard_post(shards_at(shards, 0), begin, NULL);
    shards_run(shards);
    shards_free(shards);
    arena_release(&arena);
}
