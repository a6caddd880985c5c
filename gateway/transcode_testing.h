/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of the transcoder: the types of transcode_test.proto, and both directions in one line
 * each. Included by test programs only. */
#ifndef GATEWAY_TRANSCODE_TESTING_H
#define GATEWAY_TRANSCODE_TESTING_H

#include "base/encode.h"
#include "base/test.h"
#include "gateway/transcode.h"

extern const unsigned char transcode_test_descriptors[];
extern const size_t transcode_test_descriptors_size;

static struct arena schema_arena, arena;
static const struct rpc_schema *schema;
static struct transcode_types *types;

static inline const struct transcode_type *type_of(const char *name)
{
    if (!schema) {
        arena_init(&schema_arena, 0);
        arena_init(&arena, 0);
        CHECK_OK(rpc_schema_new(
            &schema_arena, str_sized(transcode_test_descriptors, transcode_test_descriptors_size),
            &schema));
        types = transcode_types_new(&schema_arena, schema);
    }
    const struct schema_message *message = schema_message_by_name(
        schema, str_of(arena_printf(&arena, "transcode_test.%s", name)));
    CHECK(message != NULL);
    return transcode_type(types, message);
}

static inline struct status to_wire(const struct transcode_type *type, const char *json,
                                    struct str *ret_wire)
{
    struct output out;

    output_init(&out, &arena, 16);
    struct status st = transcode_to_wire(&arena, type, str_of(json), &out);
    *ret_wire = output_view(&out);
    return st;
}

static inline const char *to_json(const struct transcode_type *type, struct str wire)
{
    struct output out;

    output_init(&out, &arena, 16);
    CHECK_OK(transcode_to_json(&arena, type, wire, &out));
    output_byte(&out, '\0');
    return out.data;
}

/* The JSON text after it was read and written again. */
static inline const char *reread(const char *name, const char *json)
{
    const struct transcode_type *type = type_of(name);
    struct str wire;

    CHECK_OK(to_wire(type, json, &wire));
    return to_json(type, wire);
}

/* The bytes that a text in hexadecimal digits stands for. */
static inline struct str bytes(const char *hex)
{
    struct str data;

    CHECK(hex_decode(&arena, str_of(hex), &data));
    return data;
}

#endif
