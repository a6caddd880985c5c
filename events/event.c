/* SPDX-License-Identifier: Apache-2.0 */
/* Events as values: made from messages and unpacked again, and the partition of a key. */
#include "events/event.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/uuid.h"
#include "rpc/rpc_arena.h"

/* The high bits are folded in so that short keys spread too. */
int event_partition(const char *key)
{
    uint64_t hash = hash_fold(hash_bytes(HASH_START, str_of(key)));

    hash ^= hash >> 16;
    return (int)(hash % EVENT_PARTITIONS);
}

void event_make(const struct call *call, const char *topic, const char *key,
                const ProtobufCMessage *message, struct event *ret_event)
{
    char *traceparent = arena_alloc(call->arena, TRACEPARENT_SIZE);

    trace_format(call->trace, traceparent);
    *ret_event = (struct event){
        .id = uuid_new(call->arena),
        .topic = topic,
        .key = key,
        .type = message->descriptor->short_name,
        .payload = rpc_pack(call->arena, message),
        .time_us = clock_now_us(),
        .traceparent = traceparent,
    };
}

bool event_is(const struct event *event, const ProtobufCMessageDescriptor *descriptor)
{
    return strcmp(event->type, descriptor->short_name) == 0;
}

struct status event_unpack(struct arena *arena, const struct event *event,
                           const ProtobufCMessageDescriptor *descriptor,
                           ProtobufCMessage **ret_message)
{
    return rpc_unpack(arena, descriptor, event->payload, ret_message);
}
