/* SPDX-License-Identifier: Apache-2.0 */
/* Prints an event as one line of JSON, with its payload decoded by the built-in descriptors. */
#ifndef APP_EVENT_JSON_H
#define APP_EVENT_JSON_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"
#include "events.pb-c.h"

struct event_json;

/* In the arena. */
struct status event_json_new(struct arena *arena, struct event_json **ret_json);

/* {"offset":1,"topic":...,"payload":{...}}, without a line feed, in the arena. If the payload is
 * not a message of the event's type, there is a payload_base64 instead. */
struct str event_json_line(struct arena *arena, const struct event_json *json,
                           const Events__Event *event);

#endif
