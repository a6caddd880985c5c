/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers for the functions that decide changes. */
#include "events/change.h"

bool change_wants_answer(const struct change_cause *cause)
{
    return cause->request && idempotency_given(&cause->request->idempotency);
}

void change_tell(const struct call *call, struct change_record *record, const char *topic,
                 const char *key, const ProtobufCMessage *message)
{
    invariant(record->event_count < CHANGE_EVENTS_MAX);
    event_make(call, topic, key, message, &record->events[record->event_count++]);
}
