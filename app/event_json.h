/* SPDX-License-Identifier: Apache-2.0 */
/* An event as one line of JSON, its payload decoded by the descriptors that are compiled in. */
#ifndef APP_EVENT_JSON_H
#define APP_EVENT_JSON_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"
#include "events.pb-c.h"

struct event_json;

/* In the arena. */
struct status event_json_new(struct arena *arena, struct event_json **ret_json);

/* {"offset":1,"topic":...,"payload":{...}}, without a line's end; the text is in the arena. What is
 * no message of its type has payload_base64 instead. */
struct str event_json_line(struct arena *arena, const struct event_json *json,
                           const Events__Event *event);

#endif
