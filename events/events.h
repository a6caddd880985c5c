/* SPDX-License-Identifier: Apache-2.0 */
/* The bus: hands events from the logs of their producers to the groups that consume them.
 *
 *     events_offer(context->events, "order-events", store);       a producer, when it starts
 *     events_subscribe(context->events, &subscription);           a consumer, when it starts
 *     events_start(events);                                       once all modules have started
 *
 * What it promises to a group: every event of the topic, at least once; the events of one key one
 * after another and in order; different keys side by side, on all shards. An event whose handler
 * fails is tried again with a growing pause (EVENTS_RETRIES times), while the events of its
 * partition wait; then it becomes a dead letter of the group and the next one is handed over.
 * Nothing is dropped. Effects happen once because a handler notes the event in its inbox in the
 * transaction of the effect.
 *
 * Embedded, a topic is the outbox of its producer's database: in the same process it is read from
 * there right after the commit, without a copy; in another process it is fetched over gRPC
 * (EventService) from where the producer serves. How far a group has come is kept beside the log
 * and committed now and then, so after a crash some events come twice. EVENTS_URL=kafka://... is
 * to stand behind the same functions. */
#ifndef EVENTS_EVENTS_H
#define EVENTS_EVENTS_H

#include "events/events_store.h"
#include "rpc/service.h"

struct events;

/* EVENTS_URL, EVENTS_RETRIES, EVENTS_RETENTION and the like. */
extern const struct setting events_settings[];

/* What may happen to an event on its way to a group, for simulations: called before each delivery.
 * All zeros is nothing. */
struct event_fate {
    int64_t delay_us; /* handed over that much later */
    bool lost;        /* the handler is never called this time, but tried again like after a failure
                         that does not count */
    bool doubled;     /* handed over twice */
};
typedef struct event_fate event_fate_fn(const struct event *event, const char *group, void *data);

/* Reads the settings and adds EventService to the context's server; in the context's arena, freed
 * with events_free after the shards have been joined. INVALID_ARGUMENT for an EVENTS_URL that is
 * not understood. */
struct status events_new(const struct service_context *context, struct events **ret_events);
void events_free(struct events *events);

/* Serves a topic out of the log of this store, which must have one, and has the store swept.
 * `events` NULL: nothing happens, here and in events_subscribe (for tests and tools that run a
 * service without a bus). The ports are borrowed for the life of `events`. */
void events_offer(struct events *events, const char *topic, const struct events_store *store);

struct events_subscription {
    const char *group;        /* the consuming service's name */
    const char *topic;        /* "order-events" */
    const char *producer;     /* the service that offers it, by its name in the registry */
    const char *const *types; /* what `handle` wants, ended by NULL; others are passed over */
    /* Applies one event, on a fiber of some shard, as a part of the shop. OK also for one that was
     * here before. Does not call other services or providers: it changes its own store, in one
     * transaction with the inbox. May run on all shards at once, for different keys. */
    struct status (*handle)(struct call *call, const struct event *event, void *data);
    void *data;
    const struct events_store *store; /* the group's own: it must have dead letters, and is swept */
};

/* Copied; what it points to is borrowed for the life of `events`. */
void events_subscribe(struct events *events, const struct events_subscription *subscription);

void events_set_fate(struct events *events, event_fate_fn *fate, void *data);

/* Begins to hand over, on all shards, until they stop. */
void events_start(struct events *events);

/* The process is about to end: other processes that wait here for events are sent away. Any thread.
 */
void events_drain(struct events *events);

#endif
