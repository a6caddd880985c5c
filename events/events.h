/* SPDX-License-Identifier: Apache-2.0 */
/* The bus: delivers events from the logs of their producers to the groups that consume them.
 *
 *     events_offer(context->events, "order-events", store);       a producer, when it starts
 *     events_subscribe(context->events, &subscription);           a consumer, when it starts
 *     events_start(events);                                       once all modules have started
 *
 * What it promises to a group: every event of the topic, at least once; the events of one key one
 * after another and in order; different keys concurrently, on all shards. If a handler fails, the
 * event is retried EVENTS_RETRIES times with growing pauses, while the other events of its
 * partition wait; then it becomes a dead letter of the group and the next event is delivered.
 * Nothing is dropped. Effects happen once because a handler notes the event in its inbox in the
 * transaction of the effect.
 *
 * Embedded, a topic is the outbox of its producer's database: in the same process it is read from
 * there right after the commit, without a copy; in another process it is fetched over gRPC
 * (EventService) from where the producer serves. A group's position is stored beside the log and
 * committed now and then, so after a crash some events are delivered twice. The functions leave
 * room for EVENTS_URL=kafka://... */
#ifndef EVENTS_EVENTS_H
#define EVENTS_EVENTS_H

#include "events/events_store.h"
#include "rpc/service.h"

struct events;

/* EVENTS_URL, EVENTS_RETRIES, EVENTS_RETENTION and the like. */
extern const struct setting events_settings[];

/* What goes wrong with one delivery, for simulations: the function is called before each. All
 * zeros: nothing goes wrong. */
struct event_fate {
    int64_t delay_us; /* delivered that much later */
    bool lost;        /* the handler is not called; the delivery is retried, as after a failure that
                         does not count */
    bool doubled;     /* delivered twice */
};
typedef struct event_fate event_fate_fn(const struct event *event, const char *group, void *data);

/* Reads the settings and adds EventService to the context's server. In the context's arena; call
 * events_free after the shards have been joined. INVALID_ARGUMENT for an EVENTS_URL that is not
 * supported. */
struct status events_new(const struct service_context *context, struct events **ret_events);
void events_free(struct events *events);

/* How long an event may still be delivered again after it was handled (EVENTS_RETENTION); a week
 * with `events` NULL. */
int64_t events_retention_us(const struct events *events);

/* Serves a topic from the log of this store, which must have one, and sweeps the store. With
 * `events` NULL this and events_subscribe do nothing (for tests and tools that run a service
 * without a bus). The ports are borrowed for the life of `events`. */
void events_offer(struct events *events, const char *topic, const struct events_store *store);

struct events_subscription {
    const char *group;        /* the consuming service's name */
    const char *topic;        /* "order-events" */
    const char *producer;     /* the service that offers it, by its name in the registry */
    const char *const *types; /* the types that `handle` wants, ended by NULL; others are skipped */
    /* Applies one event, on a fiber of some shard, with the identity of a process of the shop. OK
     * also for an event that was applied before. It changes its own store, in one transaction with
     * the inbox, and calls no other services or providers. May run on all shards at once, for
     * different keys. */
    struct status (*handle)(struct call *call, const struct event *event, void *data);
    void *data;
    const struct events_store *store; /* the group's own; must have dead letters, and is swept */
};

/* The subscription is copied; what it points to is borrowed for the life of `events`. */
void events_subscribe(struct events *events, const struct events_subscription *subscription);

void events_set_fate(struct events *events, event_fate_fn *fate, void *data);

/* Begins to deliver, on all shards, until they stop. */
void events_start(struct events *events);

/* Ends the waiting fetches of other processes, because this process is about to stop. Any
 * thread. */
void events_drain(struct events *events);

#endif
