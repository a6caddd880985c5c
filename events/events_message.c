/* SPDX-License-Identifier: Apache-2.0 */
/* Converts events and dead letters to and from the messages of proto/events.proto. */
#include "events/events_message.h"

#include "rpc/timestamp.h"

Events__Event *event_to_message(struct arena *arena, const struct event *event)
{
    Events__Event *message = arena_alloc(arena, sizeof(*message));

    events__event__init(message);
    message->id = (char *)event->id;
    message->topic = (char *)event->topic;
    message->key = (char *)event->key;
    message->type = (char *)event->type;
    message->payload.data = (uint8_t *)(uintptr_t)event->payload.data;
    message->payload.len = event->payload.length;
    message->time = rpc_timestamp(arena, event->time_us);
    message->traceparent = (char *)event->traceparent;
    message->offset = event->offset;
    return message;
}

void event_from_message(const Events__Event *message, struct event *ret_event)
{
    *ret_event = (struct event){
        .id = message->id,
        .topic = message->topic,
        .key = message->key,
        .type = message->type,
        .payload = str_sized(message->payload.data, message->payload.len),
        .time_us = rpc_timestamp_us(message->time),
        .traceparent = message->traceparent,
        .offset = message->offset,
        .attempt = 1,
    };
}

Events__DeadLetter *dead_letter_to_message(struct arena *arena, const struct dead_letter *letter)
{
    Events__DeadLetter *message = arena_alloc(arena, sizeof(*message));

    events__dead_letter__init(message);
    message->letter_id = letter->letter_id;
    message->topic = arena_printf(arena, "%s.dlq", letter->event.topic);
    message->group = (char *)letter->group;
    message->event = event_to_message(arena, &letter->event);
    message->attempts = letter->attempts;
    message->code = (char *)letter->code;
    message->reason = (char *)letter->reason;
    message->message = (char *)letter->message;
    message->died_at = rpc_timestamp(arena, letter->died_us);
    message->state = (char *)letter->state;
    return message;
}
