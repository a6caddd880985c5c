/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of a shard: a binary heap ordered by due time, whose first timer drives one uv_timer. The
 * uv_timer is set once at the end of a turn, so that starting and stopping a timer are a few moves
 * in an array. Each timer knows its position in it. */
#include "fiber/shard_loop.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/status.h"

enum { TIMERS_AT_FIRST = 64 };

static void place(struct shard *shard, struct shard_timer *timer, size_t position)
{
    shard->timers[position] = timer;
    timer->position = position;
}

/* Moves the timer up to where its due time belongs. */
static void sift_up(struct shard *shard, struct shard_timer *timer, size_t position)
{
    while (position > 1) {
        struct shard_timer *above = shard->timers[position / 2];
        if (above->due_us <= timer->due_us) break;
        place(shard, above, position);
        position /= 2;
    }
    place(shard, timer, position);
}

/* Moves the timer down to where its due time belongs. */
static void sift_down(struct shard *shard, struct shard_timer *timer, size_t position)
{
    size_t count = shard->timer_count;

    for (;;) {
        size_t below = position * 2;
        if (below > count) break;
        if (below < count && shard->timers[below + 1]->due_us < shard->timers[below]->due_us)
            below++;
        if (timer->due_us <= shard->timers[below]->due_us) break;
        place(shard, shard->timers[below], position);
        position = below;
    }
    place(shard, timer, position);
}

/* Puts the timer where it belongs, starting from a free position. */
static void settle(struct shard *shard, struct shard_timer *timer, size_t position)
{
    if (position > 1 && timer->due_us < shard->timers[position / 2]->due_us)
        sift_up(shard, timer, position);
    else
        sift_down(shard, timer, position);
}

static void make_room(struct shard *shard)
{
    size_t capacity = shard->timer_capacity ? shard->timer_capacity * 2 : TIMERS_AT_FIRST;
    struct shard_timer **timers;

    if (shard->timer_count + 1 < shard->timer_capacity) return;
    timers = realloc(shard->timers, capacity * sizeof(timers[0]));
    invariant(timers != 0);
    shard->timers = timers;
    shard->timer_capacity = capacity;
}

void shard_timer_start(struct shard *shard, struct shard_timer *timer, int64_t due_us,
                       void (*fn)(void *data), void *data)
{
    timer->shard = shard;
    timer->fn = fn;
    timer->data = data;
    /* A timer that starts itself for a time in the past runs after those that are due, in the next
     * turn. */
    timer->due_us = due_us > shard->timers_run_us ? due_us : shard->timers_run_us + 1;
    if (timer->position) {
        settle(shard, timer, timer->position);
        return;
    }
    make_room(shard);
    shard->timer_count++;
    sift_up(shard, timer, shard->timer_count);
}

void shard_timer_stop(struct shard_timer *timer)
{
    struct shard *shard = timer->shard;
    size_t position = timer->position;
    struct shard_timer *last;

    if (!position) return;
    timer->position = 0;
    last = shard->timers[shard->timer_count--];
    if (last != timer) settle(shard, last, position);
}

void shard_timers_run(struct shard *shard)
{
    int64_t now_us = clock_monotonic_us();

    shard->timers_run_us = now_us;
    while (shard->timer_count > 0) {
        struct shard_timer *first = shard->timers[1];
        if (first->due_us > now_us) break;
        shard_timer_stop(first);
        first->fn(first->data);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct shard *shard = timer->data;

    shard->timer_armed_us = INT64_MAX;
    shard_timers_run(shard);
}

void shard_timers_arm(struct shard *shard)
{
    int64_t due_us = shard->timer_count ? shard->timers[1]->due_us : INT64_MAX;
    int64_t wait_us;

    if (due_us == shard->timer_armed_us) return;
    shard->timer_armed_us = due_us;
    if (due_us == INT64_MAX) {
        uv_timer_stop(&shard->timer);
        return;
    }
    wait_us = due_us - clock_monotonic_us();
    if (wait_us < 0) wait_us = 0;
    uv_timer_start(&shard->timer, on_timer, (uint64_t)((wait_us + 999) / 1000), 0);
}
