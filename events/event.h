/* SPDX-License-Identifier: Apache-2.0 */
/* An event: something that has happened to an aggregate, published to other services.
 *
 * It is written into its producer's outbox in the transaction of the change, and delivered to every
 * consumer group at least once, in the order of its key. Its attributes are those of CloudEvents
 * 1.0 (id, source, type, time); on Kafka they are headers in the binary mode of CloudEvents' Kafka
 * binding. Plain values, no I/O. */
#ifndef EVENTS_EVENT_H
#define EVENTS_EVENT_H

#include <protobuf-c/protobuf-c.h>

#include "base/str.h"
#include "fiber/call.h"

struct event {
    const char *id;          /* UUIDv7 */
    const char *topic;       /* "order-events" */
    const char *key;         /* the aggregate's id; events of one key keep their order */
    const char *type;        /* the name of the payload's message: "OrderCreatedEvent" */
    struct str payload;      /* protobuf */
    int64_t time_us;         /* when it happened */
    const char *traceparent; /* W3C Trace Context of the call that made it; "" if unknown */

    /* Set when an event is read or delivered: */
    int64_t offset; /* its place in the topic, from 1; increases, with gaps */
    int attempt;    /* from 1 */
};

/* Limits; exceeding one is a bug of the caller. */
enum { EVENT_TOPIC_MAX = 128, EVENT_KEY_MAX = 64, EVENT_PAYLOAD_MAX = 1024 * 1024 };

/* Partitions of a topic: a key is always in the same one, and the events of a partition are handled
 * one after another. */
enum { EVENT_PARTITIONS = 64 };

/* 0 to EVENT_PARTITIONS - 1; the same for a key in every process and version. */
int event_partition(const char *key);

/* Makes a new event that happens now, in the call's trace: fills in id, time, type (the message's
 * own name) and trace, and packs the message into the arena. `topic` and `key` are borrowed. May be
 * called in a store's job. */
void event_make(const struct call *call, const char *topic, const char *key,
                const ProtobufCMessage *message, struct event *ret_event);

/* Is the event's payload a message of this type? */
bool event_is(const struct event *event, const ProtobufCMessageDescriptor *descriptor);

/* Unpacks the payload into the arena; INVALID_ARGUMENT (MALFORMED_MESSAGE). */
struct status event_unpack(struct arena *arena, const struct event *event,
                           const ProtobufCMessageDescriptor *descriptor,
                           ProtobufCMessage **ret_message);

#endif
