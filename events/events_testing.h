/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of services that publish or consume events; used with rpc/rpc_testing.h. Included
 * by test programs only.
 *
 *     static const struct stage_plan plan = {.module = &order_service, EVENTS_STAGE};
 *
 * The module finds a bus that delivers nothing by itself, so that a test decides what comes when:
 *
 *     stage_hand(call, "payment-events", order_id, &authorized.base)   its handler's status
 *     event = stage_sent(call, "order-events", &place)                 its events, one by one
 *
 * With EVENTS_STAGE_RUNNING instead the bus runs, for a module that subscribes to its own topics;
 * nothing arrives on topics of other services. */
#ifndef EVENTS_EVENTS_TESTING_H
#define EVENTS_EVENTS_TESTING_H

#include "events/events_bus.h"
#include "rpc/rpc_testing.h"

#define EVENTS_STAGE \
    .more_settings = events_settings, .set_up = stage_make_events, .tear_down = stage_free_events
#define EVENTS_STAGE_RUNNING EVENTS_STAGE, .started = stage_start_events

static struct events *stage_events;

static inline void stage_make_events(struct stage *stage)
{
    stage_must(events_new(&stage->context, &stage_events));
    stage->context.events = stage_events;
}

static inline void stage_start_events(struct stage *stage)
{
    (void)stage;
    events_start(stage_events);
}

static inline void stage_free_events(struct stage *stage)
{
    (void)stage;
    events_free(stage_events);
    stage_events = 0;
}

/* Does the subscription ask for this event? */
static inline bool stage_is_wanted(const struct events_subscription *subscription,
                                   const struct event *event)
{
    if (strcmp(subscription->topic, event->topic) != 0) return false;
    for (const char *const *type = subscription->types; *type; type++)
        if (strcmp(*type, event->type) == 0) return true;
    return false;
}

/* Delivers one event to the module's subscriptions as the bus would: only if one wants its type,
 * and with the identity of a process of the shop. May be repeated with the same event. Returns the
 * last failure. */
static inline struct status stage_hand_event(struct call *call, const struct event *event)
{
    struct status st = status_ok();

    for (struct events_consumer *consumer = stage_events->consumers; consumer;
         consumer = consumer->next) {
        const struct events_subscription *subscription = &consumer->subscription;
        struct call handling;
        if (!stage_is_wanted(subscription, event)) continue;
        call_init_child(&handling, call, 30000);
        rpc_scope_new(&handling, 0, 0, 0);
        struct status handled = subscription->handle(&handling, event, subscription->data);
        if (failed(handled)) st = handled;
    }
    return st;
}

/* Makes a new event from the message and delivers it. */
static inline struct status stage_hand(struct call *call, const char *topic, const char *key,
                                       const ProtobufCMessage *message)
{
    struct event event;

    event_make(call, topic, key, message, &event);
    event.attempt = 1;
    return stage_hand_event(call, &event);
}

/* The module's next event on the topic, in the arena, or NULL; *place is 0 at first. */
static inline const struct event *stage_sent(struct call *call, const char *topic, int64_t *place)
{
    const struct events_offer *offer = events_find_offer(stage_events, topic);
    struct event *events;
    size_t count = 0;
    int64_t before;

    if (!offer) return 0;
    do {
        before = *place;
        struct status st = offer->known->log->read(call, offer->known->log, topic, before, 1,
                                                   &events, &count, place);
        if (failed(st)) printf("  stage_sent: %s\n", st.message);
        EXPECT(!failed(st));
        if (failed(st)) return 0;
    } while (count == 0 && *place != before);
    return count > 0 ? &events[0] : 0;
}

/* The same, unpacked; NULL also for an event of another type. */
static inline const void *stage_sent_message(struct call *call, const char *topic, int64_t *place,
                                             const ProtobufCMessageDescriptor *descriptor)
{
    const struct event *event = stage_sent(call, topic, place);
    ProtobufCMessage *message;

    if (!event || !event_is(event, descriptor)) return 0;
    struct status st = event_unpack(call->arena, event, descriptor, &message);
    EXPECT(!failed(st));
    return failed(st) ? 0 : message;
}

#endif
