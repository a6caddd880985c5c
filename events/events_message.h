/* SPDX-License-Identifier: Apache-2.0 */
/* Events and dead letters as messages of proto/events.proto. */
#ifndef EVENTS_EVENTS_MESSAGE_H
#define EVENTS_EVENTS_MESSAGE_H

#include "events.pb-c.h"
#include "events/events_store.h"

/* In the arena. Texts and bytes are borrowed from the argument, in both directions. */
Events__Event *event_to_message(struct arena *arena, const struct event *event);
void event_from_message(const Events__Event *message, struct event *ret_event);

/* In the arena; texts and bytes are borrowed from the letter. */
Events__DeadLetter *dead_letter_to_message(struct arena *arena, const struct dead_letter *letter);

#endif
