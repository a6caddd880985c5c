/* SPDX-License-Identifier: Apache-2.0 */
/* Large data are compressed beside the shard, small data on it. */
#include "rpc/gzip_lane.h"

#include <stdlib.h>

#include "base/random.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "rpc/rpc_gzip.h"

enum { LARGE = 4 * 1024 * 1024, MANY = 60 };

static struct gzip_lane *lane;
static char *large; /* random bytes, which take longest */
static int turns, compressed_count, refused_count;

static void compress_large(struct call *call, void *data)
{
    struct str compressed, back;

    (void)data;
    if (!gzip_lane_compress(call, lane, str_sized(large, LARGE), 5, &compressed)) {
        refused_count++;
        return;
    }
    compressed_count++;
    compressed = str_sized(compressed.data + 5, compressed.length - 5);
    EXPECT(!failed(rpc_gunzip(call->arena, compressed, LARGE, &back)));
    EXPECT(str_equal(back, str_sized(large, LARGE)));
}

static void count_turns(struct call *call, void *data)
{
    const bool *ended = data;

    for (; !*ended; turns++)
        if (failed(fiber_sleep(call, 100))) return;
}

static void play(struct call *call, void *data)
{
    struct fiber_group counting = {0}, compressing = {0};
    struct str compressed, back;
    bool ended = false;

    (void)data;
    EXPECT(gzip_lane_compress(call, lane, str_sized(large, 1000), 0, &compressed));
    EXPECT(!failed(rpc_gunzip(call->arena, compressed, 1000, &back)));
    EXPECT(str_equal(back, str_sized(large, 1000)));

    EXPECT(!failed(fiber_group_start(call, &counting, count_turns, &ended)));
    turns = 0;
    compress_large(call, NULL);
    EXPECT(compressed_count == 1 && turns > 5);
    ended = true;
    fiber_group_wait(call, &counting);

    /* More than the lane takes: the rest is to be sent as it is. */
    for (int i = 0; i < MANY; i++)
        EXPECT(!failed(fiber_group_start(call, &compressing, compress_large, NULL)));
    EXPECT(refused_count > 0);
    /* One that a thread has begun ends well, the rest is cancelled. */
    for (int i = 0; compressed_count < 2 && i < 10000; i++)
        EXPECT(!failed(fiber_sleep(call, 1000)));
    fiber_group_cancel(&compressing);
    fiber_group_wait(call, &compressing);
    EXPECT(compressed_count > 1 && compressed_count + refused_count == MANY + 1);
    shards_stop(call->shard->shards);
}

TEST(a_large_answer_is_compressed_while_its_shard_goes_on)
{
    struct shards *shards = shards_new(1);

    large = malloc(LARGE);
    CHECK(shards && large);
    random_bytes(large, LARGE);
    lane = gzip_lane_open();
    fiber_post(shards_at(shards, 0), play, 0, NULL);
    shards_run(shards);
    gzip_lane_close(lane);
    shards_free(shards);
    free(large);
}
