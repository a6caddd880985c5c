/* SPDX-License-Identifier: Apache-2.0 */
/* The transcoder: converts JSON text to protobuf wire bytes and back directly, without structs in
 * between (the proto3 JSON mapping, protobuf.dev/programming-guides/json).
 *
 *     types = transcode_types_new(arena, schema);           at start, once
 *     type = transcode_type(types, method->request);        at start; makes the plan of it and of
 *                                                           all messages below it
 *     st = transcode_to_wire(arena, type, json, &out);      any thread, on the request path
 *     st = transcode_to_json(arena, type, wire, &out);
 *
 * Reading: both names of a field are accepted; unknown fields, duplicate fields, two members of a
 * oneof, numbers out of range, and NUL and invalid UTF-8 in strings are refused; every error names
 * the field by its path. Writing: proto names, in the order of the proto; fields without presence
 * are always written, unset messages and members of oneofs never. All allocations come from the
 * given arena; nesting is bounded. */
#ifndef GATEWAY_TRANSCODE_H
#define GATEWAY_TRANSCODE_H

#include "base/arena.h"
#include "base/status.h"
#include "gateway/output.h"
#include "rpc/schema.h"

struct transcode_types;
struct transcode_type;

/* The plan of a field: everything that is the same for each message. */
struct transcode_field {
    const struct schema_field *schema;
    const struct transcode_type *type; /* of messages; else NULL */
    struct str key;                    /* `"name":` */
    struct str
        blank;    /* `"name":0,`: written when the field is not on the wire; empty: nothing is */
    uint32_t tag; /* of one value: number and wire type */
    uint32_t tag_packed; /* of packed values: number and wire type 2 */
};

struct transcode_type {
    const struct schema_message *schema;
    struct transcode_types *types;
    struct transcode_field *fields; /* as schema->fields */
};

/* In the arena, like all types made from it. `schema` is borrowed for as long. */
struct transcode_types *transcode_types_new(struct arena *arena, const struct rpc_schema *schema);

/* The type of a message; made at the first request for it, so call this on one thread, before
 * serving. */
const struct transcode_type *transcode_type(struct transcode_types *types,
                                            const struct schema_message *message);

/* The field with either name, or NULL. */
const struct transcode_field *transcode_field(const struct transcode_type *type, struct str name);

/* Adds the message that the JSON text describes to `out`. INVALID_ARGUMENT with a violation that
 * names the field; reason MALFORMED_JSON for text that is not JSON or does not have the message's
 * structure, UNKNOWN_FIELD, or INVALID_FIELDS for bad values. */
struct status transcode_to_wire(struct arena *arena, const struct transcode_type *type,
                                struct str json, struct output *out);

/* The same for one field: the text is the field's value; adds the field with its tag. */
struct status transcode_field_to_wire(struct arena *arena, const struct transcode_field *field,
                                      struct str json, struct output *out);

/* Adds one value of a field given as plain text, like a path or query parameter: scalars, enums,
 * bytes, and messages whose JSON form is a string or a scalar (Timestamp, wrappers, ...). `name` is
 * the parameter's, for errors. */
struct status transcode_text_to_wire(struct arena *arena, const struct transcode_field *field,
                                     struct str name, struct str text, struct output *out);

/* Adds the JSON text of an encoded message to `out`. INTERNAL when the bytes are not such a
 * message.
 */
struct status transcode_to_json(struct arena *arena, const struct transcode_type *type,
                                struct str wire, struct output *out);

/* The same for one field of the message only, for response_body. */
struct status transcode_field_to_json(struct arena *arena, const struct transcode_type *type,
                                      const struct transcode_field *field, struct str wire,
                                      struct output *out);

#endif
