/* SPDX-License-Identifier: Apache-2.0 */
/* A window: the batches that have been read for a group and are not finished.
 *
 *     take --> add, add, ... --> hand out --+--> part --> queues of shard 0 --+--> finished
 *                                           +--> part --> queues of shard 1 --+
 *
 * A batch stays with the shard that has read it. Its parts travel as messages, which keep their
 * order, so the events of a key reach their queue in the order of the log; a part comes back when
 * its last event is finished. */
#include "events/events_bus.h"

#include "base/race_window.h"

enum {
    SPARE_MAX = 16,
    /* The keeper is woken after this many events. */
    FINISHED_MAX = 1000,
};

/* ---- batches ---- */

struct events_batch *events_window_take(struct events_window *window)
{
    struct events_hub *hub = window->hub;
    size_t shard_count = (size_t)hub->events->shard_count;
    struct events_batch *batch = hub->spare;

    if (batch) {
        hub->spare = batch->next;
        hub->spare_count--;
    } else {
        batch = calloc(1, sizeof(*batch) + shard_count * sizeof(struct events_part));
        invariant(batch);
        arena_init(&batch->arena, 0);
    }
    batch->window = window;
    batch->after = window->read;
    batch->oldest_us = INT64_MAX;
    batch->open = 0;
    for (size_t i = 0; i < shard_count; i++) batch->parts[i] = (struct events_part){.batch = batch};
    return batch;
}

static void batch_free(struct events_batch *batch)
{
    arena_release(&batch->arena);
    free(batch);
}

void events_batch_drop(struct events_batch *batch)
{
    struct events_hub *hub = batch->window->hub;

    if (hub->spare_count >= SPARE_MAX) {
        batch_free(batch);
        return;
    }
    arena_reset(&batch->arena);
    batch->next = hub->spare;
    hub->spare = batch;
    hub->spare_count++;
}

void events_batch_add(struct events_batch *batch, struct events_group *const *groups,
                      const struct event *event, int64_t letter_id)
{
    struct events_delivery *delivery = arena_new(&batch->arena, struct events_delivery);
    int shard = event_partition(event->key) % batch->window->hub->events->shard_count;
    struct events_part *part = &batch->parts[shard];

    *delivery = (struct events_delivery){
        .part = part, .group = groups[shard], .event = event, .letter_id = letter_id};
    if (part->last)
        part->last->next = delivery;
    else
        part->first = delivery;
    part->last = delivery;
    part->count++;
    if (event->time_us < batch->oldest_us) batch->oldest_us = event->time_us;
}

/* ---- the window's list ---- */

static void append(struct events_window *window, struct events_batch *batch)
{
    batch->next = 0;
    batch->previous = window->newest;
    if (window->newest)
        window->newest->next = batch;
    else
        window->oldest = batch;
    window->newest = batch;
    window->bytes += batch->arena.size;
}

static void detach(struct events_window *window, struct events_batch *batch)
{
    if (batch->next)
        batch->next->previous = batch->previous;
    else
        window->newest = batch->previous;
    if (batch->previous)
        batch->previous->next = batch->next;
    else
        window->oldest = batch->next;
    window->bytes -= batch->arena.size;
}

int64_t events_window_done(const struct events_window *window)
{
    return window->oldest ? window->oldest->after : window->read;
}

/* ---- handing out ---- */

/* The last delivery may be finished, and with it the part, before this returns. */
static void queue_part(struct events_part *part)
{
    struct events_delivery *delivery = part->first, *next;

    for (; delivery; delivery = next) {
        next = delivery->next;
        delivery->next = 0;
        events_group_put(delivery);
    }
}

static void on_part(struct shard *shard, void *data)
{
    (void)shard;
    queue_part(data);
}

static void post_part(struct shard *shard, struct events_part *part,
                      void (*fn)(struct shard *shard, void *data))
{
    part->message = (struct shard_message){.fn = fn, .data = part};
    race_window("part not sent");
    shard_post_message(shard, &part->message);
}

void events_window_hand_out(struct events_window *window, struct events_batch *batch, int64_t read)
{
    struct events_hub *hub = window->hub;
    struct events_part *own = &batch->parts[hub->shard->index];
    int64_t count = 0;

    for (int i = 0; i < hub->events->shard_count; i++) {
        struct events_part *part = &batch->parts[i];
        part->left = part->count;
        count += part->count;
        if (part->count > 0) batch->open++;
    }
    window->read = read;
    if (count == 0) {
        events_batch_drop(batch);
        return;
    }
    append(window, batch);
    atomic_store_explicit(&window->handed, window->handed + count, memory_order_relaxed);
    for (int i = 0; i < hub->events->shard_count; i++) {
        struct events_part *part = &batch->parts[i];
        if (part != own && part->count > 0)
            post_part(shards_at(hub->events->shards, i), part, on_part);
    }
    if (own->count > 0) queue_part(own); /* the last, because the batch may be finished by it */
}

/* ---- finishing ---- */

static void finish_part(struct events_part *part)
{
    struct events_batch *batch = part->batch;
    struct events_window *window = batch->window;
    struct events_hub *hub = window->hub;
    int before = hub->finished;

    hub->finished += part->count;
    if (before < FINISHED_MAX && hub->finished >= FINISHED_MAX)
        fiber_wake(hub->shard, &hub->keeper);
    if (--batch->open > 0) return;
    detach(window, batch);
    events_batch_drop(batch);
    if (window->reader) fiber_wake(hub->shard, window->reader);
}

static void on_part_back(struct shard *shard, void *data)
{
    (void)shard;
    finish_part(data);
}

void events_delivery_finish(struct events_hub *hub, struct events_delivery *delivery)
{
    struct events_part *part = delivery->part;
    const struct events_hub *home = part->batch->window->hub;

    if (--part->left > 0) return;
    if (home == hub)
        finish_part(part);
    else
        post_part(home->shard, part, on_part_back);
}

void events_window_release(struct events_window *window)
{
    struct events_batch *batch = window->oldest;

    while (batch) {
        struct events_batch *next = batch->next;
        batch_free(batch);
        batch = next;
    }
    window->oldest = window->newest = 0;
}
