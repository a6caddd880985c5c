/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between threads: many senders push onto a list without a lock, the shard takes the whole
 * list at once.
 *
 * The list holds the newest first, so the shard turns it around; that keeps the order of all
 * senders. A sender wakes the loop if it finds the list empty, for the shard empties the list before
 * it runs anything, so a later sender finds it empty again; and if it takes the shard out of the
 * count of those that rest, for then the one that woke the loop was served before this one looked,
 * and a shard that is asleep and not counted would keep all the loops from ending. */
#include "fiber/shard_loop.h"

#include <stdlib.h>

#include "base/race_window.h"
#include "base/status.h"

void shard_post_message(struct shard *shard, struct shard_message *message)
{
    struct shard_message *newest = atomic_load_explicit(&shard->messages, memory_order_relaxed);

    do {
        message->next = newest;
    } while (!atomic_compare_exchange_weak(&shard->messages, &newest, message));
    race_window("message queued");
    bool roused = atomic_load(&shard->resting) && shard_rouse(shard);
    race_window("receiver roused");
    if (!newest || roused) uv_async_send(&shard->async);
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

void shard_messages_run(struct shard *shard)
{
    struct shard_message *message = take_messages(shard);

    race_window("messages taken");
    while (message) {
        struct shard_message *next = message->next;
        struct shard_message copy = *message;

        /* An embedded message may be gone, or be posted again, once its function runs. */
        if (copy.allocated) free(message);
        copy.fn(shard, copy.data);
        message = next;
    }
}

void shard_messages_drop(struct shard *shard)
{
    struct shard_message *message = take_messages(shard);

    while (message) {
        struct shard_message *next = message->next;
        if (message->allocated) free(message);
        message = next;
    }
}
