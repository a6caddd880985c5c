/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes JSON to protobuf and back: accepted input must be written as JSON that is accepted again,
 * and then stays the same. The first byte selects the message. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/transcode_fuzz.h"

enum { GUESS = 256 };

/* Converts `json` to bytes and back; false if it is refused. */
static bool round_trip(struct arena *arena, const struct transcode_type *type, struct str json,
                       struct str *ret_json)
{
    struct output wire, out;

    output_init(&wire, arena, GUESS);
    output_init(&out, arena, GUESS);
    if (failed(transcode_to_wire(arena, type, json, &wire))) return false;
    if (failed(transcode_to_json(arena, type, output_view(&wire), &out))) return false;
    *ret_json = output_view(&out);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str once, twice;
    struct arena arena;

    if (size == 0) return 0;
    const struct transcode_type *type = transcode_fuzz_type(data[0]);
    arena_init(&arena, 0);
    if (round_trip(&arena, type, str_sized(data + 1, size - 1), &once)) {
        invariant(round_trip(&arena, type, once, &twice));
        invariant(str_equal(once, twice));
    }
    arena_release(&arena);
    return 0;
}
