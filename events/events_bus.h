/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the embedded bus, shared by the files of this folder only.
 *
 *     outbox --commit--> hub of each shard --wakes--> feed of each topic
 *                                                       reads the log once for all its groups
 *                                                       |
 *                                     partition's queue of each group (bounded)
 *                                                       |
 *                                     a fiber, while the queue is not empty: handle, retry,
 *                                     bury
 *
 *     events.c            settings, offers and subscriptions, the hubs
 *     events_source.c     a topic's log: in this process, or fetched from another one
 *     events_feed.c       reads a topic and puts its events into the queues
 *     events_delivery.c   queues: one event after another, retries, dead letters
 *     events_keeper.c     positions, each second's replays and metrics, sweeping
 *     events_service.c    EventService
 *     events_message.c    events and dead letters as messages
 *
 * A hub and its feeds, groups and queues are used on their shard only, except for _Atomic members.
 * A partition belongs to the shard whose number is the partition's modulo the count of shards, so a
 * key is always handled on the same shard and needs no lock. */
#ifndef EVENTS_EVENTS_BUS_H
#define EVENTS_EVENTS_BUS_H

#include <stdatomic.h>

#include "events/events.h"
#include "fiber/fiber.h"
#include "observe/metrics.h"

enum {
    EVENTS_LOGS_MAX = 64, /* the bits of a mask */
    EVENTS_SWEEPERS_MAX = 64,
    EVENTS_QUEUE_MAX = 128,  /* events in the queue of one partition for one group */
    EVENTS_LETTERS_MAX = 32, /* dead letters of one group that are replayed at a time */
    EVENTS_READ_MAX = 256,   /* events of one read */
};

struct events_hub;
struct events_feed;

/* ---- stores, offers and consumers ---- */

/* A log of this process, from which topics are read. */
struct events_known_log {
    struct events *events;
    struct events_log *log;
    int number; /* from 0: its bit in masks */
};

struct events_offer {
    struct events_offer *next;
    const char *topic;
    struct events_known_log *known;
};

/* The log of a topic, here or in another process. */
struct events_source {
    const char *topic, *producer;
    const struct events_known_log *known; /* NULL: the log is in another process */
    struct rpc_channel *channel;          /* to that process */
};

/* One group's subscription to one topic. */
struct events_consumer {
    struct events *events;
    struct events_consumer *next;
    struct events_subscription subscription;
    struct events_source source;
    struct events_group **groups; /* by shard, from events_start on */
    int home;                     /* the shard that commits its position */
    bool counts_letters;          /* the first consumer of its group measures the dead letters */

    /* Used by the home's keeper: */
    int64_t committed; /* the position last committed; -1: none yet */

    struct metric_series *handled, *failed, *dead, *retried, *duration;
    struct metric_series *undelivered, *oldest, *letters;
};

struct events {
    const struct service_context *context;
    struct shards *shards;
    int shard_count;
    int retries_max;
    int64_t retention_us;
    event_fate_fn *fate;
    void *fate_data;

    struct events_known_log logs[EVENTS_LOGS_MAX];
    int log_count;
    struct events_sweeper *sweepers[EVENTS_SWEEPERS_MAX];
    int sweeper_count;
    struct events_offer *offers;
    struct events_consumer *consumers;
    struct events_hub *hubs; /* one a shard */
    atomic_bool draining;
};

/* The offer of a topic that this process produces, or NULL. */
const struct events_offer *events_find_offer(const struct events *events, const char *topic);

/* ---- a shard's side ---- */

/* A call that waits for commits with events, of any shard, or that pauses after a failure. */
struct events_waiter {
    struct events_waiter *next, **link; /* `link` NULL: in no list */
    struct fiber_wait wait;
};

struct events_hub {
    _Alignas(64) struct events *events;
    struct shard *shard;
    struct events_feed *feeds;
    struct events_batch *spare; /* free batches for the next reads */
    int spare_count;
    struct events_waiter *waiters, *pausing;
    struct trace trace; /* of the hub's own fibers; an event's handler runs in the event's trace */
    struct fiber_wait keeper;
    int handled; /* events since the keeper last looked */

    /* What happened since the shard looked, set on any thread. At most one message is under way. */
    _Atomic uint64_t appended; /* the logs with commits, a bit each */
    atomic_bool returned;      /* an engine that was away is back */
    atomic_bool posted;
    struct shard_message message;
};

static inline struct events_hub *events_hub_of(const struct events *events, const struct call *call)
{
    return &events->hubs[call->shard->index];
}

/* Wakes the feeds of these logs and all waiters. */
void events_hub_wake(struct events_hub *hub, uint64_t logs);
/* Waits for the next wake-up; OK also when `timeout_ms` pass first. */
struct status events_hub_wait(struct call *call, struct events_hub *hub, int64_t timeout_ms);
/* The pause after this many failures in a row (from 1): it doubles from 50 ms to 10 s. */
int64_t events_pause_ms(int failures);
/* Pauses after a failure. Ends early if an engine that was away is back, or the process drains. */
struct status events_hub_pause(struct call *call, struct events_hub *hub, int64_t pause_ms);

/* ---- reading ---- */

/* Events that were read together, and their memory; released with the last of them. */
struct events_batch {
    struct events_batch *next; /* in the list of free batches */
    struct arena arena;
    int uses;
};

struct events_batch *events_batch_take(struct events_hub *hub);
/* Ends one use; the last one returns the batch to the free ones. */
void events_batch_drop(struct events_hub *hub, struct events_batch *batch);

/* The position from which a group continues. A log of another process waits up to EVENTS_OPEN_WAIT_MS
 * for its engine if that is away. */
enum { EVENTS_OPEN_WAIT_MS = 10000 };
struct status events_source_open(struct call *call, const struct events_source *source,
                                 const char *group, int64_t *ret_offset);
/* Like the store's read, into the call's arena. A log of another process waits up to `wait_ms` for
 * events, or for its engine if that is away. */
struct status events_source_read(struct call *call, const struct events_source *source,
                                 int64_t after, int64_t wait_ms, struct event **ret_events,
                                 size_t *ret_count, int64_t *ret_after);
struct status events_source_commit(struct call *call, const struct events_source *source,
                                   const char *group, int64_t offset);

/* ---- delivering ---- */

/* One event that waits for a group, or is being handled. */
struct events_delivery {
    struct events_delivery *next;
    struct events_batch *batch;
    const struct event *event;
    int64_t letter_id; /* of a dead letter that is being replayed; else 0 */
};

/* The events of one partition for one group. The first stays in the queue while it is handled. */
struct events_queue {
    struct events_group *group;
    struct events_delivery *first, *last;
    int count;
    bool working; /* its fiber runs */
};

/* A group on one shard. */
struct events_group {
    struct events_consumer *consumer;
    struct events_hub *hub;
    struct events_feed *feed;
    struct events_group *next;       /* of the feed */
    bool taking;                     /* takes the events that have just been read */
    const struct events_queue *full; /* the full queue that keeps it from taking more, or NULL */
    int letters;                     /* dead letters in its queues */

    /* Written by the shard, read by the home's keeper. */
    _Atomic int64_t read;      /* events up to here were put into the queues; -1: not open yet */
    _Atomic int64_t done;      /* the shard has finished with all up to here; -1: not open yet */
    _Atomic int64_t waiting;   /* events in the queues */
    _Atomic int64_t oldest_us; /* when the oldest of them happened; 0: none */

    struct events_queue queues[EVENT_PARTITIONS];
};

/* A topic on one shard. */
struct events_feed {
    struct events_feed *next; /* of the hub */
    struct events_hub *hub;
    const struct events_source *source;
    struct events_group *groups;
    struct fiber_wait wait;
    bool dirty;   /* there may be something to read */
    int failures; /* reads that failed in a row */
};

/* Does the partition belong to this shard? */
static inline bool events_hub_has(const struct events_hub *hub, int partition)
{
    return partition % hub->events->shard_count == hub->shard->index;
}

/* Starts the feed's fiber; no group is added afterwards. */
void events_feed_start(struct events_feed *feed);
void events_feed_wake(struct events_feed *feed);

/* Puts one event of the batch into the partition's queue and starts the queue's fiber if it was
 * empty. False if the queue is full. There is always room for dead letters, which would otherwise
 * find it full as long as events keep coming. */
bool events_group_put(struct events_group *group, int partition, struct events_batch *batch,
                      const struct event *event, int64_t letter_id);
/* Starts the fibers of queues for which none could be started before. */
void events_group_resume(struct events_group *group);
/* Makes the group's position on this shard visible to the home's keeper. */
void events_group_publish(struct events_group *group);
/* Releases the events that still wait, after the shard has stopped. */
void events_group_release(struct events_group *group);

/* ---- keeper and service ---- */

void events_keeper_start(struct events_hub *hub);
void events_service_add(struct events *events);

#endif
