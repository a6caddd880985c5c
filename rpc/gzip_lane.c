/* SPDX-License-Identifier: Apache-2.0 */
/* The lane that compresses for all shards. See rpc/gzip_lane.h. */
#include "rpc/gzip_lane.h"

#include <pthread.h>

#include "fiber/lane.h"
#include "rpc/rpc_gzip.h"

/* Each thread holds 260 KiB while it compresses. Who would wait for longer than the queue lasts is
 * better served with the uncompressed data. */
enum { THREADS = 2, QUEUE_MAX = 32 };

struct gzip_lane {
    struct lane *lane;
    int users;
};

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static struct gzip_lane shared;

struct gzip_lane *gzip_lane_open(void)
{
    pthread_mutex_lock(&opening);
    if (shared.users++ == 0) shared.lane = lane_new("gzip", THREADS, QUEUE_MAX);
    pthread_mutex_unlock(&opening);
    return &shared;
}

void gzip_lane_close(struct gzip_lane *lane)
{
    pthread_mutex_lock(&opening);
    if (--lane->users == 0) lane_free(lane->lane);
    pthread_mutex_unlock(&opening);
}

/* The room is allocated beforehand, because a call's arena belongs to its shard. */
struct gzip_job {
    struct str data;
    char *out;
    size_t out_size; /* then: of the result */
};

static void compress_in_lane(void *data)
{
    struct gzip_job *job = data;

    job->out_size = rpc_gzip_into(job->data, job->out, job->out_size);
}

bool gzip_lane_compress(struct call *call, struct gzip_lane *lane, struct str data, size_t room,
                        struct str *ret_compressed)
{
    struct gzip_job job = {.data = data, .out_size = rpc_gzip_bound(data.length)};
    struct status st;
    char *out;

    if (data.length < GZIP_LANE_SIZE_MIN) {
        *ret_compressed = rpc_gzip(call->arena, data, room);
        return true;
    }
    out = arena_alloc(call->arena, room + job.out_size);
    job.out = out + room;
    st = lane_run(call, lane->lane, compress_in_lane, &job);
    if (failed(st)) return false;
    *ret_compressed = str_sized(out, room + job.out_size);
    return true;
}
