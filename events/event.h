/* SPDX-License-Identifier: Apache-2.0 */
/* An event: something that has happened to an aggregate, told to whoever wants to know.
 *
 * It is written into its producer's outbox in the transaction that makes it true, and handed to
 * every consumer group at least once, in the order of its key. Its attributes are CloudEvents 1.0's
 * (id, source, type, time); on Kafka they are headers in the binary mode of CloudEvents' Kafka
 * binding. Plain values, no I/O. */
#ifndef EVENTS_EVENT_H
#define EVENTS_EVENT_H

#include <protobuf-c/protobuf-c.h>

#include "base/str.h"
#include "fiber/call.h"

struct event {
    const char *id;          /* UUIDv7 */
    const char *topic;       /* "order-events" */
    const char *key;         /* the aggregate's id: one key's events keep their order */
    const char *type;        /* the payload's message: "OrderCreatedEvent" */
    struct str payload;      /* protobuf */
    int64_t time_us;         /* when it happened */
    const char *traceparent; /* W3C Trace Context of what made it; "" if unknown */

    /* Of an event that was read or is handed over: */
    int64_t offset; /* its place in the topic, from 1; grows, but may leave gaps */
    int attempt;    /* from 1 */
};

/* Limits; a longer one is a mistake of the program. */
enum { EVENT_TOPIC_MAX = 128, EVENT_KEY_MAX = 64, EVENT_PAYLOAD_MAX = 1024 * 1024 };

/* Partitions of a topic: one key is always in one of them, each is worked through one by one. */
enum { EVENT_PARTITIONS = 64 };

/* 0 to EVENT_PARTITIONS - 1; the same for a key everywhere and for ever. */
int event_partition(const char *key);

/* A new event of this moment, caused by the call: id, time, type (the message's own name) and trace
 * are filled in, the message is packed into the arena. `topic` and `key` are borrowed. Allowed in
 * the job of a store. */
void event_make(const struct call *call, const char *topic, const char *key,
                const ProtobufCMessage *message, struct event *ret_event);

/* Is it of this message's type? */
bool event_is(const struct event *event, const ProtobufCMessageDescriptor *descriptor);

/* The payload as a message in the arena; INVALID_ARGUMENT (MALFORMED_MESSAGE) if it is none. */
struct status event_unpack(struct arena *arena, const struct event *event,
                           const ProtobufCMessageDescriptor *descriptor,
                           ProtobufCMessage **ret_message);

#endif
