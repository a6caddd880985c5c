/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes protobuf bytes: they are checked against the field rules and written as JSON; JSON of
 * bytes that pass both must be accepted. The first byte selects the message. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/transcode_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct output json, wire;
    struct arena arena;

    if (size == 0) return 0;
    const struct transcode_type *type = transcode_fuzz_type(data[0]);
    struct str encoded = str_sized(data + 1, size - 1);
    arena_init(&arena, 0);
    output_init(&json, &arena, 256);
    output_init(&wire, &arena, 256);
    bool valid = !failed(schema_validate(&arena, type->schema, encoded));
    bool written = !failed(transcode_to_json(&arena, type, encoded, &json));
    if (valid && written)
        invariant(!failed(transcode_to_wire(&arena, type, output_view(&json), &wire)));
    arena_release(&arena);
    return 0;
}
