/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the embedded bus, shared by the files of this folder only.
 *
 *     outbox --commit--> hub --wakes--> reader, one for each group and topic
 *                                         reads the log into a batch
 *                                         |
 *                                       window: splits the batch by shards, and keeps it until all
 *                                         of its events are finished
 *                                         |
 *                                       queue of each partition, on the partition's shard
 *                                         |
 *                                       a fiber, while the queue is not empty: handle, retry, bury
 *
 *     events.c            settings, offers and subscriptions, the hubs
 *     events_source.c     a topic's log: in this process, or fetched from another one
 *     events_reader.c     reads a topic for a group
 *     events_window.c     what has been read and is not finished yet, and the position behind it
 *     events_delivery.c   queues: one event after another, retries, dead letters
 *     events_keeper.c     positions, each second's replays and metrics, sweeping
 *     events_service.c    EventService
 *     events_message.c    events and dead letters as messages
 *
 * A topic is read once for a group, on the group's home shard, and the events go to the shards by
 * their keys: a partition belongs to the shard whose number is the partition's modulo the count of
 * shards, so a key is always handled on the same shard and needs no lock. The parts of a hub are
 * used on its shard only, except for _Atomic members and parts of batches, which travel. */
#ifndef EVENTS_EVENTS_BUS_H
#define EVENTS_EVENTS_BUS_H

#include <stdatomic.h>

#include "events/events.h"
#include "fiber/fiber.h"
#include "observe/metrics.h"

enum {
    EVENTS_LOGS_MAX = 64, /* the bits of a mask */
    EVENTS_SWEEPERS_MAX = 64,
    EVENTS_READ_MAX = 256, /* events of one read */
    /* A group's topic is read on while less waits in its queues. Of one queue so many events count,
       so that the others go on while one partition does not; the bytes of all count. */
    EVENTS_WAITING_MAX = 1024,
    EVENTS_QUEUE_MAX = 128,
    EVENTS_BYTES_MAX = 16 * 1024 * 1024,
    EVENTS_LETTERS_MAX = 32, /* dead letters of one group and shard that are replayed at a time */
};

struct events_hub;
struct events_batch;
struct events_group;

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

/* ---- windows ---- */

/* One event that waits for a group, or is being handled. */
struct events_delivery {
    struct events_delivery *next;
    struct events_part *part;
    struct events_group *group;
    const struct event *event;
    int64_t letter_id; /* of a dead letter that is being replayed; else 0 */
};

/* The events of a batch that belong to one shard. */
struct events_part {
    struct shard_message message; /* carries it to that shard, and back */
    struct events_batch *batch;
    struct events_delivery *first, *last; /* until they are in the queues */
    int count, left;                      /* deliveries, and those that are not finished */
};

/* Events that were read together, and their memory, which the shards only read. */
struct events_batch {
    struct events_batch *next, *previous; /* of the window; or `next` of the hub's spare ones */
    struct events_window *window;
    struct arena arena;
    int64_t after;              /* the position before its first event */
    int64_t oldest_us;          /* when the oldest of its events happened */
    int open;                   /* parts that are not finished */
    struct events_part parts[]; /* one a shard */
};

/* What of a log has been read for a group, up to `read`, and the batches of it that are not
 * finished. On the shard of its hub. */
struct events_window {
    struct events_hub *hub;
    struct fiber_wait *reader; /* is woken when a batch is finished; NULL: nobody */
    struct events_batch *oldest, *newest;
    int64_t read;           /* -1: its position is not known yet */
    size_t bytes;           /* of its batches */
    _Atomic int64_t handed; /* how many events it has ever handed out */
};

/* A batch to read into, by its arena; owned until it is handed out or dropped. */
struct events_batch *events_window_take(struct events_window *window);
void events_batch_drop(struct events_batch *batch);
/* Adds an event, in the batch's arena, for the group's part on the shard of the event's key. */
void events_batch_add(struct events_batch *batch, struct events_group *const *groups,
                      const struct event *event, int64_t letter_id);
/* Sends the batch's parts to their shards. Everything up to `read` has been read. */
void events_window_hand_out(struct events_window *window, struct events_batch *batch, int64_t read);

/* The position up to which everything is finished; -1 if it is not known yet. */
int64_t events_window_done(const struct events_window *window);

/* On any shard: one delivery is finished. */
void events_delivery_finish(struct events_hub *hub, struct events_delivery *delivery);

/* Frees what it still has, after the shards have stopped. */
void events_window_release(struct events_window *window);

/* ---- consumers ---- */

/* Reads one topic for one group, on the group's home. */
struct events_reader {
    struct events_reader *next; /* of the hub */
    struct events_consumer *consumer;
    struct events_source source;
    struct events_window window;
    struct fiber_wait wait;
    bool dirty;        /* there may be something to read */
    int failures;      /* reads that failed in a row */
    int64_t committed; /* the position last committed; -1: none yet */
};

/* Starts the reader's fiber. */
void events_reader_start(struct events_reader *reader);
void events_reader_wake(struct events_reader *reader);
/* Commits the position up to which everything is finished, if it has moved. */
void events_reader_commit(struct call *call, struct events_reader *reader);
/* How many events of the log have not been read yet, as far as this process can know. */
int64_t events_reader_behind(struct call *call, const struct events_reader *reader);

/* One group's subscription to one topic. */
struct events_consumer {
    struct events *events;
    struct events_consumer *next;
    struct events_subscription subscription;
    struct events_reader reader;
    struct events_group **groups; /* by shard, from events_start on */
    int home;                     /* the shard that reads the topic and commits the position */
    bool counts_letters;          /* the first consumer of its group measures the dead letters */

    struct metric_series *handled, *failed, *dead, *retried, *duration;
    struct metric_series *undelivered, *oldest, *letters;
};

/* Events that have been handed out and are not finished. */
int64_t events_consumer_waiting(const struct events_consumer *consumer);

struct events {
    const struct service_context *context;
    struct shards *shards;
    int shard_count;
    int retries_max;
    int64_t retention_us;
    size_t bytes_max; /* EVENTS_BYTES_MAX, less in tests */
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
    struct events_reader *readers;
    uint64_t logs;              /* from which they read, a bit each */
    struct events_batch *spare; /* free batches for the next reads */
    int spare_count;
    struct events_waiter *waiters, *pausing;
    struct trace trace; /* of the hub's own fibers; an event's handler runs in the event's trace */
    struct fiber_wait keeper;
    int finished; /* events that this hub's readers have read, since the keeper last looked */

    /* What happened since the shard looked, set on any thread. At most one message is under way. */
    _Atomic uint64_t appended; /* the logs with commits, a bit each */
    _Atomic int watchers;      /* calls that wait for commits of any log, or are about to */
    atomic_bool returned;      /* an engine that was away is back */
    atomic_bool posted;
    struct shard_message message;
};

static inline struct events_hub *events_hub_of(const struct events *events, const struct call *call)
{
    return &events->hubs[call->shard->index];
}

/* Wakes the readers of these logs and all waiters. */
void events_hub_wake(struct events_hub *hub, uint64_t logs);
/* Waits for the next wake-up; OK also when `timeout_ms` pass first. Only a hub with `watchers` hears
 * of commits of logs from which it has no reader. */
struct status events_hub_wait(struct call *call, struct events_hub *hub, int64_t timeout_ms);
/* The pause after this many failures in a row (from 1): it doubles from 50 ms to 10 s. */
int64_t events_pause_ms(int failures);
/* Pauses after a failure. Ends early if an engine that was away is back, or the process drains. */
struct status events_hub_pause(struct call *call, struct events_hub *hub, int64_t pause_ms);

/* ---- reading ---- */

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
    struct events_window letters; /* dead letters that are being replayed */
    _Atomic int64_t finished;     /* deliveries, other than of dead letters */
    _Atomic int64_t excess;       /* deliveries that wait beyond EVENTS_QUEUE_MAX in their queues */
    struct events_queue queues[EVENT_PARTITIONS];
};

/* Does the partition belong to this shard? */
static inline bool events_hub_has(const struct events_hub *hub, int partition)
{
    return partition % hub->events->shard_count == hub->shard->index;
}

/* Puts a delivery into the queue of its partition, on the shard of its group, and starts the
 * queue's fiber if it was empty. */
void events_group_put(struct events_delivery *delivery);
/* Starts the fibers of queues for which none could be started before. */
void events_group_resume(struct events_group *group);

/* ---- keeper and service ---- */

void events_keeper_start(struct events_hub *hub);
void events_service_add(struct events *events);

#endif
