/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes the payloads of events with the gateway's transcoder. */
#include "app/event_json.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "gateway/transcode.h"
#include "rpc/schema.h"
#include "rpc/timestamp.h"

enum { LINE_SIZE_MAX = 64 * 1024 * 1024, PAYLOAD_SIZE_GUESS = 1024 };

struct event_json {
    const struct rpc_schema *schema;
    struct transcode_types *types;
};

struct status event_json_new(struct arena *arena, struct event_json **ret_json)
{
    struct event_json *json = arena_new(arena, struct event_json);

    struct status st = rpc_schema_new(arena, str_sized(proto_descriptors, proto_descriptors_size),
                                      &json->schema);
    if (failed(st)) return st;
    json->types = transcode_types_new(arena, json->schema);
    *ret_json = json;
    return status_ok();
}

/* False if the payload is not a message of the event's type. */
static bool decode(struct arena *arena, const struct event_json *json, const Events__Event *event,
                   struct output *out)
{
    const char *name = arena_printf(arena, "events.%s", event->type);
    const struct schema_message *message = schema_message_by_name(json->schema, str_of(name));
    struct str wire = str_sized(event->payload.data, event->payload.len);

    return message &&
           !failed(transcode_to_json(arena, transcode_type(json->types, message), wire, out));
}

static void write_payload(struct arena *arena, const struct event_json *json,
                          const Events__Event *event, struct json_writer *writer)
{
    struct output out;

    output_init(&out, arena, PAYLOAD_SIZE_GUESS);
    if (decode(arena, json, event, &out)) {
        json_key(writer, STR("payload"));
        json_value_raw(writer, output_view(&out));
        return;
    }
    json_member(writer, "payload_base64",
                base64_encode(arena, str_sized(event->payload.data, event->payload.len)));
}

struct str event_json_line(struct arena *arena, const struct event_json *json,
                           const Events__Event *event)
{
    char time[CLOCK_TEXT_SIZE];
    struct json_writer writer;
    struct buffer buffer;
    struct str line;

    buffer_init(&buffer, LINE_SIZE_MAX);
    json_writer_init(&writer, &buffer);
    json_object(&writer);
    json_key(&writer, STR("offset"));
    json_value_i64(&writer, event->offset);
    json_member(&writer, "topic", str_of(event->topic));
    json_member(&writer, "id", str_of(event->id));
    json_member(&writer, "time",
                str_sized(time, clock_format(rpc_timestamp_us(event->time), time)));
    json_member(&writer, "key", str_of(event->key));
    json_member(&writer, "type", str_of(event->type));
    json_member(&writer, "traceparent", str_of(event->traceparent));
    write_payload(arena, json, event, &writer);
    json_object_end(&writer);
    line = str_sized(str_dup(arena, buffer_str(&buffer)), buffer.length);
    buffer_release(&buffer);
    return line;
}
