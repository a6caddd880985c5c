/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between threads: senders push onto a lock-free list, and the shard takes the whole list
 * at once, into lines that take turns (fiber/shard_lines.h).
 *
 * The list has the newest message first, so the shard reverses it; that keeps the order of every
 * sender. A sender wakes the loop in two cases. First, if it finds the list empty: the shard
 * empties the list before it runs anything, so a later sender finds it empty again. Second, if it
 * takes the shard out of the count of resting ones: then the wake of the earlier sender may have
 * been served already, and a shard that is asleep and not counted would keep all loops from
 * ending. */
#include "fiber/shard_loop.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/race_window.h"
#include "base/status.h"

/* What is left of the messages after this time waits until sockets have been looked at. */
enum { SLICE_US = 4000 };

void shard_post_messages(struct shard *shard, struct shard_message *newest,
                         struct shard_message *oldest)
{
    struct shard_message *before = atomic_load_explicit(&shard->messages, memory_order_relaxed);

    do {
        oldest->next = before;
    } while (!atomic_compare_exchange_weak(&shard->messages, &before, newest));
    race_window("message queued");
    bool uncounted = atomic_load(&shard->resting) && shard_uncount_resting(shard);
    race_window("receiver uncounted");
    if (!before || uncounted) uv_async_send(&shard->async);
}

void shard_post_message(struct shard *shard, struct shard_message *message)
{
    shard_post_messages(shard, message, message);
}

void shard_post(struct shard *shard, void (*fn)(struct shard *shard, void *data), void *data)
{
    struct shard_message *message = malloc(sizeof(*message));

    invariant(message != 0);
    *message = (struct shard_message){.fn = fn, .data = data, .allocated = true};
    shard_post_message(shard, message);
}

/* Takes all messages, the oldest first. */
static struct shard_message *take_messages(struct shard *shard)
{
    struct shard_message *oldest = 0;
    struct shard_message *message = atomic_exchange_explicit(&shard->messages, 0,
                                                             memory_order_acq_rel);

    while (message) {
        struct shard_message *next = message->next;
        message->next = oldest;
        oldest = message;
        message = next;
    }
    return oldest;
}

/* Puts all messages into their lines. */
static void line_up(struct shard *shard)
{
    struct shard_message *next;

    for (struct shard_message *message = take_messages(shard); message; message = next) {
        next = message->next;
        shard_lines_add(&shard->lines, message);
    }
}

void shard_messages_run(struct shard *shard)
{
    int64_t until_us = clock_monotonic_us() + SLICE_US;
    struct shard_message *message;

    line_up(shard);
    race_window("messages taken");
    while ((message = shard_lines_take(&shard->lines))) {
        struct shard_message copy = *message;

        /* An embedded message may have been freed or posted again once its function has run. */
        if (copy.allocated) free(message);
        copy.fn(shard, copy.data);
        if (!shard_lines_is_empty(&shard->lines) && clock_monotonic_us() >= until_us) {
            uv_async_send(&shard->async);
            break;
        }
    }
    shard->now_us = 0; /* it is too old now to measure what follows */
}

void shard_messages_drop(struct shard *shard)
{
    struct shard_message *message;

    line_up(shard);
    while ((message = shard_lines_take(&shard->lines)))
        if (message->allocated) free(message);
}
