/* SPDX-License-Identifier: Apache-2.0 */
/* The transcoder: JSON text to protobuf wire bytes and back, straight, without structs between (the
 * proto3 JSON mapping, protobuf.dev/programming-guides/json).
 *
 *     types = transcode_types_new(arena, schema);           at start, once
 *     type = transcode_type(types, method->request);        at start; makes the plan of it and of
 *                                                           all messages below it
 *     st = transcode_to_wire(arena, type, json, &out);      any thread, on the request path
 *     st = transcode_to_json(arena, type, wire, &out);
 *
 * Reading: both names of a field are taken, unknown fields and fields given twice are refused, so
 * are two members of a oneof, numbers out of range, NUL and what is not UTF-8 in strings; every
 * refusal names the field by its path. Writing: proto names, in the order of the proto; fields
 * without presence are always there, unset messages and members of oneofs never. Nothing here
 * allocates but from the given arena; nesting is bounded. */
#ifndef GATEWAY_TRANSCODE_H
#define GATEWAY_TRANSCODE_H

#include "base/arena.h"
#include "base/status.h"
#include "gateway/output.h"
#include "rpc/schema.h"

struct transcode_types;
struct transcode_type;

/* One field's plan: everything that is the same for each message. */
struct transcode_field {
    const struct schema_field *schema;
    const struct transcode_type *type; /* of messages; else NULL */
    struct str key;                    /* `"name":` */
    struct str
        blank;    /* `"name":0,`: what stands for a field that the wire has not; empty: nothing */
    uint32_t tag; /* of one value: number and wire type */
    uint32_t tag_packed; /* of many values in one: number and wire type 2 */
};

struct transcode_type {
    const struct schema_message *schema;
    struct transcode_types *types;
    struct transcode_field *fields; /* as schema->fields */
};

/* In the arena, and as all types of it lives as long as it. `schema` is borrowed for that long. */
struct transcode_types *transcode_types_new(struct arena *arena, const struct rpc_schema *schema);

/* The type of a message; made when it is asked for the first time, so on one thread, before
 * serving. */
const struct transcode_type *transcode_type(struct transcode_types *types,
                                            const struct schema_message *message);

/* The field with either name, or NULL. */
const struct transcode_field *transcode_field(const struct transcode_type *type, struct str name);

/* Adds the message that the JSON text describes to `out`. INVALID_ARGUMENT with a violation that
 * names the field; reason MALFORMED_JSON for what is no JSON or not of the message's shape,
 * UNKNOWN_FIELD, or INVALID_FIELDS for bad values. */
struct status transcode_to_wire(struct arena *arena, const struct transcode_type *type,
                                struct str json, struct output *out);

/* The same for one field: the text is the field's value; adds the field with its tag. */
struct status transcode_field_to_wire(struct arena *arena, const struct transcode_field *field,
                                      struct str json, struct output *out);

/* Adds one value of a field that is given as plain text, as a path or query parameter is: scalars,
 * enums, bytes, and messages whose JSON form is a string or a scalar (Timestamp, wrappers, ...).
 * `name` is the parameter's, for errors. */
struct status transcode_text_to_wire(struct arena *arena, const struct transcode_field *field,
                                     struct str name, struct str text, struct output *out);

/* Adds the JSON text of an encoded message to `out`. INTERNAL when the bytes are no such message.
 */
struct status transcode_to_json(struct arena *arena, const struct transcode_type *type,
                                struct str wire, struct output *out);

/* The same for one field of the message only, as response_body asks. */
struct status transcode_field_to_json(struct arena *arena, const struct transcode_type *type,
                                      const struct transcode_field *field, struct str wire,
                                      struct output *out);

#endif
